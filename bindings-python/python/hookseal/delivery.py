"""What became of a delivery."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal

Status = Literal["pending", "delivered", "dead", "cancelled"]
Phase = Literal["resolve", "connect", "exchange", "body"]


@dataclass(frozen=True)
class Attempt:
    """The record of one attempt; times are in seconds."""

    number: int
    started_at: int
    outcome: Literal["succeeded", "failed"]
    error: str | None
    status_code: int | None
    phase: Phase
    duration: float
    retry_after: float | None
    response_headers: tuple[tuple[str, str], ...] = field(repr=False)
    response_body: str = field(repr=False)

    @classmethod
    def _from_record(cls, record: dict[str, Any]) -> Attempt:
        record["response_headers"] = tuple(map(tuple, record["response_headers"]))
        return cls(**record)


@dataclass(frozen=True)
class Delivery:
    """A delivery, and every attempt that was made.

    `status` is `"delivered"`, `"dead"` or `"cancelled"`, and `"pending"` while it is not finished; `reason` says
    why one is dead.
    """

    id: str
    event_type: str
    endpoint: str
    status: Status
    reason: str | None
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True)
class SenderEvent:
    """Something that happened in a sender.

    `type` is `delivery.queued`, `.attempt`, `.succeeded`, `.retrying` or `.dead`, `endpoint.disabled`, or
    `circuit.opened`, `.half_open` or `.closed`. `dropped` counts the events that were lost so far because the
    listener was slow.
    """

    type: str
    endpoint: str
    delivery: str | None
    event_type: str | None
    attempt: Attempt | None
    retry_in: float | None
    reason: str | None
    dropped: int

    @classmethod
    def _from_json(cls, text: str, dropped: int) -> SenderEvent:
        record = json.loads(text)
        attempt = record.pop("attempt")
        return cls(**record, attempt=attempt and Attempt._from_record(attempt), dropped=dropped)
