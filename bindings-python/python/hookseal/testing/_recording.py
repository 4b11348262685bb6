"""Senders that send nothing."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from .. import _native
from ..delivery import Attempt, Delivery
from ..errors import SendError, WebhookError
from ..sender import AsyncSender, Sender

Outcome = Literal["delivered", "dead"] | WebhookError


@dataclass(frozen=True)
class RecordedSend:
    """What would have been sent; `endpoint` is the endpoint's id."""

    url: str
    endpoint: str
    event_type: str
    payload: bytes
    id: str
    content_type: str | None
    traceparent: str | None

    def json(self) -> Any:
        """The payload, read as JSON."""
        return json.loads(self.payload)


class RecordingSender(Sender):
    """A `Sender` that sends nothing and keeps what it was given in `sent`.

    Each delivery ends in the next of `outcomes`: delivered, or dead (as after an answer of 400), or an exception that
    is raised; delivered where none is left. Payloads, types, ids and headers are refused as by a real sender; what is
    about the network is not looked at.

    >>> from hookseal import Endpoint, SendError
    >>> sender = RecordingSender(["dead"])
    >>> endpoint = Endpoint("https://hooks.example.com/in", secrets=["whsec_demo"])
    >>> sender.send(endpoint, "order.paid", {"id": 42}).status
    'dead'
    >>> sender.send(endpoint, "order.paid", {"id": 43}).status
    'delivered'
    >>> [send.json()["id"] for send in sender.sent]
    [42, 43]
    """

    def __init__(self, outcomes: Iterable[Outcome] = ()) -> None:
        super().__init__()
        self._recorder = _Recorder(outcomes)
        self._courier = cast("_native.Courier", self._recorder)

    @property
    def sent(self) -> list[RecordedSend]:
        """What was accepted so far."""
        return list(self._recorder.sent)


class RecordingAsyncSender(AsyncSender):
    """An `AsyncSender` that sends nothing, as `RecordingSender`."""

    def __init__(self, outcomes: Iterable[Outcome] = ()) -> None:
        super().__init__()
        self._recorder = _Recorder(outcomes)
        self._courier = cast("_native.Courier", self._recorder)

    @property
    def sent(self) -> list[RecordedSend]:
        """What was accepted so far."""
        return list(self._recorder.sent)


class _Recorder:
    """In place of the native courier."""

    def __init__(self, outcomes: Iterable[Outcome]) -> None:
        self.sent: list[RecordedSend] = []
        self.closed = False
        self.unfinished = 0
        self._outcomes = iter(outcomes)
        self._turn = threading.Lock()

    def send(self, endpoint: _native.Endpoint, *event: Any) -> _Done:
        return self.enqueue(endpoint, *event).result()

    def send_many(self, items: Sequence[tuple[_native.Endpoint, str, bytes]]) -> _Done:
        jobs = [self.enqueue(*item, None, None, None) for item in items]
        return _Done([job.delivery() for job in jobs])

    def enqueue(
        self,
        endpoint: _native.Endpoint,
        event_type: str,
        payload: bytes,
        id: str | None,
        content_type: str | None,
        traceparent: str | None,
    ) -> _Job:
        if self.closed:
            raise SendError("closed", "the sender is closed")
        _native.check_event(event_type, payload, id, content_type, traceparent)
        id = id or f"msg_{uuid.uuid4().hex}"
        with self._turn:
            outcome = next(self._outcomes, "delivered")
            if isinstance(outcome, WebhookError):
                raise outcome
            self.sent.append(
                RecordedSend(endpoint.url, endpoint.id, event_type, payload, id, content_type, traceparent)
            )
        return _Job(id, event_type, endpoint.id, outcome == "delivered")

    def follow(self) -> _Job:
        raise SendError("closed", "a recording sender has no events")

    def flush(self, _timeout: float | None) -> _Done:
        return _Done(True)

    def close(self, _grace: float) -> None:
        self.closed = True


class _Job:
    """In place of the native job."""

    def __init__(self, id: str, event_type: str, endpoint: str, delivered: bool) -> None:
        self.id = id
        attempt = Attempt(
            number=1,
            started_at=0,
            outcome="succeeded" if delivered else "failed",
            error=None if delivered else "http_status",
            status_code=204 if delivered else 400,
            phase="body",
            duration=0.0,
            retry_after=None,
            response_headers=(),
            response_body="",
        )
        self._delivery = Delivery(
            id=id,
            event_type=event_type,
            endpoint=endpoint,
            status="delivered" if delivered else "dead",
            reason=None if delivered else "rejected",
            attempts=(attempt,),
        )

    def delivery(self) -> Delivery:
        return self._delivery

    def cancel(self) -> bool:
        return False

    def result(self) -> _Done:
        return _Done(self._delivery)


class _Done:
    """In place of a pending call: it has ended."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def wait(self, _timeout: float | None = None) -> Any:
        return self._value

    def notify(self, callback: Callable[[Any, BaseException | None], object]) -> None:
        callback(self._value, None)

    def abandon(self) -> None:
        """There is nothing to give up."""
