"""The sender, for asyncio and for threads."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from . import _native
from ._data import NULL, Payload, at_item, listed, options_json, payload_bytes
from ._pending import log_warnings, logger, settled, waited
from .delivery import Delivery, SenderEvent
from .endpoint import Endpoint, RateLimit, RetryPolicy, retry_record
from .errors import ConfigError, WebhookError
from .events import Listener, SenderEvents

if TYPE_CHECKING:
    from typing_extensions import Self

Item = tuple[Endpoint, str, Payload]
HeaderRole = Literal["id", "event", "timestamp", "attempt"]


class Handle:
    """An accepted delivery: `await` it, or call `result()`.

    Giving up the wait leaves the delivery alone; `cancel` ends it.
    """

    __slots__ = ("_job",)

    def __init__(self, job: _native.Job) -> None:
        self._job = job

    @property
    def id(self) -> str:
        """The delivery's id."""
        return self._job.id

    @property
    def delivery(self) -> Delivery:
        """How it stands now."""
        return self._job.delivery()

    def cancel(self) -> bool:
        """Makes no further attempt; `False` when the delivery was finished already."""
        return self._job.cancel()

    def result(self, timeout: float | None = None) -> Delivery:
        """Waits for the end; `TimeoutError` after `timeout` seconds."""
        delivery: Delivery = waited(self._job.result(), timeout)
        return delivery

    def __await__(self) -> Generator[Any, None, Delivery]:
        return self._wait().__await__()

    async def _wait(self) -> Delivery:
        delivery: Delivery = await settled(self._job.result())
        return delivery

    def __repr__(self) -> str:
        return f"Handle({self.id!r})"


class _Base:
    """What the two senders share."""

    def __init__(
        self,
        *,
        retry: RetryPolicy | None = None,
        allow_private: bool | None = None,
        allow_subnets: Iterable[str] | None = None,
        allow_ports: Iterable[int] | None = None,
        https_only: bool | None = None,
        timeout: float | None = None,
        connect_timeout: float | None = None,
        max_in_flight: int | None = None,
        max_in_flight_per_endpoint: int | None = None,
        max_queued: int | None = None,
        max_queued_bytes: int | None = None,
        rate_limit: RateLimit | None = None,
        breaker: Mapping[str, float] | Literal[False] | None = None,
        extra_roots: Iterable[str] | None = None,
        identity: str | None = None,
        proxy: str | None = None,
        http2: bool | None = None,
        user_agent: str | None = None,
        header_prefix: str | None = None,
        header_names: Mapping[HeaderRole, str] | None = None,
        on_event: Callable[[SenderEvent], object] | None = None,
    ) -> None:
        options = options_json(
            {
                "retry": retry_record(retry),
                "allow_private": allow_private,
                "allow_subnets": listed("allow_subnets", allow_subnets),
                "allow_ports": listed("allow_ports", allow_ports),
                "https_only": https_only,
                "timeout": timeout,
                "connect_timeout": connect_timeout,
                "max_in_flight": max_in_flight,
                "max_in_flight_per_endpoint": max_in_flight_per_endpoint,
                "max_queued": max_queued,
                "max_queued_bytes": max_queued_bytes,
                "rate_limit": rate_limit,
                "breaker": NULL if breaker is False else breaker,
                "extra_roots": listed("extra_roots", extra_roots),
                "identity": identity,
                "proxy": proxy,
                "http2": http2,
                "user_agent": user_agent,
                "header_prefix": header_prefix,
                "header_names": header_names,
            }
        )
        if on_event is not None and not callable(on_event):
            raise ConfigError("invalid_config", f"on_event must be callable, not {type(on_event).__name__}")
        self._listener = Listener(on_event) if on_event else None
        self._courier = _native.Courier(options, self._listener.start if self._listener else None)

    def enqueue(
        self,
        endpoint: Endpoint,
        event_type: str,
        payload: Payload,
        *,
        id: str | None = None,
        content_type: str | None = None,
        traceparent: str | None = None,
    ) -> Handle:
        """Accepts an event for delivery and returns at once; `queue_full` where there is no room."""
        event = (event_type, payload_bytes(payload), id, content_type, traceparent)
        job = self._courier.enqueue(_native_endpoint(endpoint), *event)
        log_warnings()
        return Handle(job)

    def events(self) -> SenderEvents:
        """Follows what happens from now on."""
        return SenderEvents(self._courier.follow())

    @property
    def unfinished(self) -> int:
        """How many accepted deliveries are not finished."""
        return self._courier.unfinished

    def _start_send(
        self,
        endpoint: Endpoint,
        event_type: str,
        payload: Payload,
        id: str | None,
        content_type: str | None,
        traceparent: str | None,
    ) -> _native.Pending:
        event = (event_type, payload_bytes(payload), id, content_type, traceparent)
        return self._courier.send(_native_endpoint(endpoint), *event)

    def _start_send_many(self, items: Iterable[Item]) -> _native.Pending:
        return self._courier.send_many([_native_item(index, item) for index, item in enumerate(items)])

    def __del__(self) -> None:
        courier = self.__dict__.pop("_courier", None)
        if courier is not None and not courier.closed and courier.unfinished:
            warnings.warn(
                f"a sender was dropped with {courier.unfinished} unfinished deliveries; close it",
                ResourceWarning,
                stacklevel=1,
            )
            del courier
            log_warnings()


class AsyncSender(_Base):
    """Delivers events from asyncio: signed, retried, and without one endpoint holding up another.

    `send` waits for the end of a delivery, `enqueue` does not. A delivery that fails after its attempts is no
    exception: its `status` says so. Leaving the context closes the sender: attempts in flight are finished, and what
    has not started is logged and handed back by `close`; `flush` first to wait for all.

    Options: `retry`, and `timeout` (15 s) of one attempt, unless the endpoint has its own; `allow_private`,
    `allow_subnets`, `allow_ports` and `https_only` for the egress guard; as limits `max_in_flight` (256),
    `max_in_flight_per_endpoint` (8), `max_queued` (100,000), `max_queued_bytes` (64 MiB), `rate_limit` (attempts per
    second and endpoint) and `breaker` (`{"failures": 5, "open_for": 60, "successes": 3}`; `False` for none);
    for TLS `extra_roots` and `identity` (a certificate chain with its private key) as PEM texts; `proxy`
    (`http://user:password@host:port`); `http2` (`False`: HTTP/1.1 alone); `user_agent`; `header_prefix`
    (`"X-Webhook-"`) of the headers that carry id, event type, timestamp and attempt, or whole names of them in
    `header_names`; `on_event`, which is called with each `SenderEvent` in another thread.

    `send` and `enqueue` take the delivery's `id` (one is made unless given), the `content_type` of bytes and text
    (`application/json`), and a W3C `traceparent` to send along. Warnings go to the logger `hookseal`.
    """

    async def send(
        self,
        endpoint: Endpoint,
        event_type: str,
        payload: Payload,
        *,
        id: str | None = None,
        content_type: str | None = None,
        traceparent: str | None = None,
    ) -> Delivery:
        """Delivers an event and waits for the end; waits for room where the queue is full."""
        pending = self._start_send(endpoint, event_type, payload, id, content_type, traceparent)
        delivery: Delivery = await settled(pending)
        return delivery

    async def send_many(self, items: Iterable[Item]) -> list[Delivery]:
        """Delivers many events in one crossing; all are checked first, and the answers are in order."""
        return list(await settled(self._start_send_many(items)))

    async def flush(self, timeout: float | None = None) -> bool:
        """Waits until nothing is left to deliver; `False` when that takes longer than `timeout` seconds."""
        return bool(await settled(self._courier.flush(timeout)))

    async def close(self, grace: float = 30) -> list[Delivery]:
        """Stops, lets attempts in flight end, and returns every delivery that is not finished."""
        pending = self._courier.close(grace)
        unfinished = list(await settled(pending)) if pending else []
        if self._listener:
            import asyncio

            await asyncio.to_thread(self._listener.join)
        return unfinished

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        _log_unfinished(await self.close(_grace(kind)))


class Sender(_Base):
    """Delivers events from threads: `AsyncSender`, blocking, with the same options. Ctrl-C ends a wait at once.

    >>> endpoint = Endpoint("http://127.0.0.1:9/hooks", secrets=["whsec_demo"])
    >>> with Sender(allow_private=True, retry=RetryPolicy.none()) as sender:
    ...     delivery = sender.send(endpoint, "order.paid", {"id": 42})
    >>> delivery.status, delivery.attempts[-1].error  # nobody listens there
    ('dead', 'connection_refused')
    """

    def send(
        self,
        endpoint: Endpoint,
        event_type: str,
        payload: Payload,
        *,
        id: str | None = None,
        content_type: str | None = None,
        traceparent: str | None = None,
    ) -> Delivery:
        """Delivers an event and waits for the end; waits for room where the queue is full."""
        pending = self._start_send(endpoint, event_type, payload, id, content_type, traceparent)
        delivery: Delivery = waited(pending)
        return delivery

    def send_many(self, items: Iterable[Item]) -> list[Delivery]:
        """Delivers many events in one crossing; all are checked first, and the answers are in order."""
        return list(waited(self._start_send_many(items)))

    def flush(self, timeout: float | None = None) -> bool:
        """Waits until nothing is left to deliver; `False` when that takes longer than `timeout` seconds."""
        return bool(waited(self._courier.flush(timeout)))

    def close(self, grace: float = 30) -> list[Delivery]:
        """Stops, lets attempts in flight end, and returns every delivery that is not finished."""
        pending = self._courier.close(grace)
        unfinished = list(waited(pending)) if pending else []
        if self._listener:
            self._listener.join()
        return unfinished

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        _log_unfinished(self.close(_grace(kind)))


def _grace(kind: type[BaseException] | None) -> float:
    """Whoever leaves by Ctrl-C or by cancellation is not kept waiting."""
    return 30 if kind is None or issubclass(kind, Exception) else 0


def _log_unfinished(deliveries: list[Delivery]) -> None:
    if deliveries:
        ids = ", ".join(delivery.id for delivery in deliveries[:10])
        logger.warning("closed with %d unfinished deliveries: %s", len(deliveries), ids)


def _native_endpoint(endpoint: Endpoint) -> _native.Endpoint:
    if not isinstance(endpoint, Endpoint):
        raise ConfigError("invalid_config", f"the endpoint must be an Endpoint, not {type(endpoint).__name__}")
    return endpoint._native


def _native_item(index: int, item: Item) -> tuple[_native.Endpoint, str, bytes]:
    try:
        endpoint, event_type, payload = item
        return _native_endpoint(endpoint), event_type, payload_bytes(payload)
    except WebhookError as error:
        raise at_item(index, error) from error
    except (TypeError, ValueError) as cause:
        raise ConfigError("invalid_config", f"item {index}: must be (endpoint, event_type, payload)") from cause
