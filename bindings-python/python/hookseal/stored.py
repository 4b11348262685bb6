"""What an outbox answers with. Times are Unix seconds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from .delivery import Status

T = TypeVar("T")


@dataclass(frozen=True)
class Published:
    """An event that the store has; `duplicate` when it had it before."""

    id: str
    duplicate: bool


@dataclass(frozen=True)
class Subscription:
    """A subscription as the store has it, without its secrets.

    `reason` says why it is disabled: `"gone"`, `"failing"`, or what `disable` was given.
    """

    id: str
    tenant: str | None
    url: str = field(repr=False)
    events: tuple[str, ...]
    filters: dict[str, str] = field(hash=False)
    description: str | None
    status: Literal["enabled", "paused", "disabled"]
    reason: str | None
    created_at: float

    @classmethod
    def _from_record(cls, record: dict[str, Any]) -> Subscription:
        return cls(**{**record, "events": tuple(record["events"])})


@dataclass(frozen=True)
class StoredDelivery:
    """A delivery as the store has it.

    `attempts` counts those on record; `due_at` is when the next one is made, or when the lease of the worker that has
    it ends.
    """

    id: str
    event_id: str
    event_type: str
    subscription: str | None
    status: Status
    reason: str | None
    attempts: int
    due_at: float
    accepted_at: float
    finished_at: float | None


@dataclass(frozen=True)
class Page(Generic[T]):
    """A part of a list; `cursor` is what to ask for the next one with, and `None` at the end."""

    items: tuple[T, ...]
    cursor: str | None

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


@dataclass(frozen=True)
class OutboxStatus:
    """How many rows of each kind there are. `durable` is whether what is accepted survives this process."""

    events_waiting: int
    pending: int
    delivered: int
    dead: int
    in_flight: int
    subscriptions: int
    durable: bool


@dataclass(frozen=True)
class WorkerCounts:
    """What a worker has done since it was made, and how many rows it has in hand."""

    attempts: int
    delivered: int
    retrying: int
    dead: int
    stale: int
    in_hand: int
