"""The durable outbox, for asyncio and for threads."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Literal, overload

from . import _native
from ._data import Payload, payload_bytes
from ._outbox_calls import (
    Calls,
    DeliveryFilter,
    EventOptions,
    OutboxOptions,
    SubscriptionOptions,
    event_json,
    outbox_json,
)
from ._outbox_parts import (
    AsyncDeadLetters,
    AsyncDeliveries,
    AsyncSubscriptions,
    DeadLetters,
    Deliveries,
    Subscriptions,
)
from ._outbox_worker import AsyncWorker, Worker
from ._pending import settled, waited
from .endpoint import Endpoint
from .stored import OutboxStatus, Published

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

__all__ = ["AsyncOutbox", "DeliveryFilter", "EventOptions", "Outbox", "OutboxOptions", "SubscriptionOptions"]

SqlValue = str | bytes | int | None


class _Base:
    """What the two outboxes share."""

    def __init__(self, uri: str, **options: Unpack[OutboxOptions]) -> None:
        self._uri = uri
        self._outbox = _native.Outbox(uri, outbox_json(options))
        self._calls = Calls(self._outbox)

    @overload
    def publish_statement(
        self,
        event_type: str,
        payload: Payload,
        *,
        paramstyle: Literal["qmark", "numeric", "format"] = "qmark",
        **options: Unpack[EventOptions],
    ) -> tuple[str, list[SqlValue]]: ...
    @overload
    def publish_statement(
        self,
        event_type: str,
        payload: Payload,
        *,
        paramstyle: Literal["named"],
        **options: Unpack[EventOptions],
    ) -> tuple[str, dict[str, SqlValue]]: ...
    def publish_statement(
        self,
        event_type: str,
        payload: Payload,
        *,
        paramstyle: Literal["qmark", "numeric", "format", "named"] = "qmark",
        **options: Unpack[EventOptions],
    ) -> tuple[str, list[SqlValue] | dict[str, SqlValue]]:
        """One statement, with its parameters, that publishes an event inside a transaction of your own connection.

        The event is accepted if and only if you commit. An id that the store has already changes nothing. `paramstyle`
        is `"qmark"` for sqlite3, `"format"` for psycopg, `"numeric"` (`$1`) for asyncpg and `"named"` (`:p1`) for
        SQLAlchemy.

        This opens nothing, and the outbox's tables must be there. On SQLite, let workers and `publish` run in
        another process: two SQLite libraries on one file in one process undo each other's locks.
        """
        return _native.publish_statement(self._uri, payload_bytes(payload), event_json(event_type, options), paramstyle)


class AsyncOutbox(_Base):
    """Publishes events so that none is lost, and delivers them, from asyncio.

    What is published is in the database before `publish` returns, and is attempted for every subscription that it fits
    until it is delivered, dead or cancelled. The store is `sqlite:PATH`, `postgres://…` or `memory:`, each with an
    optional `?prefix=NAME` for its tables, and is opened on entering the context, or on first use. Deliveries are made
    by a `worker`, here or in any other process.

    Options: `encryption_key` for the secrets in the store (32 bytes as hex or base64; SQLite makes a file `PATH.key`
    unless given, PostgreSQL needs one) and `former_encryption_keys`; `retry` (ten attempts within four days);
    `idempotency_ttl` (a day); `retention` (7 days) of what was delivered, and `dead_retention` (30 days); `lease`
    (60 s), after which the work of a lost worker is taken over; `poll` (1 s); `disable_after` (5 days) of failure,
    `False` for never; and how workers deliver, with the names that `AsyncSender` has: `allow_private`, `allow_subnets`,
    `allow_ports`, `https_only`, `timeout`, `connect_timeout`, `max_in_flight_per_endpoint`, `rate_limit`, `breaker`,
    `extra_roots`, `identity`, `proxy`, `http2`, `user_agent`, `header_prefix`, `header_names`.

    An outbox may be made before a fork. On SQLite it is used on one side of it only: `forked` in a child of a process
    that has used one.
    """

    def __init__(self, uri: str, **options: Unpack[OutboxOptions]) -> None:
        super().__init__(uri, **options)
        self.subscriptions = AsyncSubscriptions(self._calls)
        self.deliveries = AsyncDeliveries(self._calls)
        self.dead_letters = AsyncDeadLetters(self._calls)

    async def publish(self, event_type: str, payload: Payload, **options: Unpack[EventOptions]) -> Published:
        """Accepts an event: when this returns, it is in one committed, synced transaction.

        `id` (one is made unless given) and `idempotency_key` make a repetition a `duplicate`, or a `conflict` where
        its type or payload differ. Only subscriptions of the `tenant` get the event, or those without one;
        `metadata` is what their filters compare. Events with one `ordering_key` reach a subscription in order;
        `deliver_at` is the earliest time. `content_type` and `traceparent` are as in `AsyncSender.send`.
        """
        return await self._calls.publish(event_type, payload, options).answer()

    async def deliver(
        self, endpoint: Endpoint, event_type: str, payload: Payload, **options: Unpack[EventOptions]
    ) -> Published:
        """Accepts an event for this endpoint alone, which needs no subscription."""
        return await self._calls.deliver(endpoint, event_type, payload, options).answer()

    def worker(self, concurrency: int = 64) -> AsyncWorker:
        """A worker that makes at most so many attempts at once, once it is run."""
        return AsyncWorker(self._outbox.worker(concurrency))

    async def status(self) -> OutboxStatus:
        """How many events and deliveries there are."""
        return await self._calls.status().answer()

    async def clean_up(self) -> None:
        """Gives up what is too old and forgets what is long finished, as every worker does each minute."""
        await self._calls.clean_up().answer()

    async def reencrypt(self) -> int:
        """Encrypts with the present key what a former one has encrypted; answers with how many rows."""
        return await self._calls.reencrypt().answer()

    async def close(self) -> None:
        """Lets go of the store. A worker keeps it until it is stopped."""
        self._outbox.close()

    async def __aenter__(self) -> Self:
        await settled(self._outbox.open())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        await self.close()


class Outbox(_Base):
    """Publishes events so that none is lost, and delivers them, from threads: `AsyncOutbox`, blocking."""

    def __init__(self, uri: str, **options: Unpack[OutboxOptions]) -> None:
        super().__init__(uri, **options)
        self.subscriptions = Subscriptions(self._calls)
        self.deliveries = Deliveries(self._calls)
        self.dead_letters = DeadLetters(self._calls)

    def publish(self, event_type: str, payload: Payload, **options: Unpack[EventOptions]) -> Published:
        """Accepts an event: when this returns, it is in one committed, synced transaction.

        `id` (one is made unless given) and `idempotency_key` make a repetition a `duplicate`, or a `conflict` where
        its type or payload differ. Only subscriptions of the `tenant` get the event, or those without one;
        `metadata` is what their filters compare. Events with one `ordering_key` reach a subscription in order;
        `deliver_at` is the earliest time. `content_type` and `traceparent` are as in `Sender.send`.
        """
        return self._calls.publish(event_type, payload, options).result()

    def deliver(
        self, endpoint: Endpoint, event_type: str, payload: Payload, **options: Unpack[EventOptions]
    ) -> Published:
        """Accepts an event for this endpoint alone, which needs no subscription."""
        return self._calls.deliver(endpoint, event_type, payload, options).result()

    def worker(self, concurrency: int = 64) -> Worker:
        """A worker that makes at most so many attempts at once, once it is run."""
        return Worker(self._outbox.worker(concurrency))

    def status(self) -> OutboxStatus:
        """How many events and deliveries there are."""
        return self._calls.status().result()

    def clean_up(self) -> None:
        """Gives up what is too old and forgets what is long finished, as every worker does each minute."""
        self._calls.clean_up().result()

    def reencrypt(self) -> int:
        """Encrypts with the present key what a former one has encrypted; answers with how many rows."""
        return self._calls.reencrypt().result()

    def close(self) -> None:
        """Lets go of the store. A worker keeps it until it is stopped."""
        self._outbox.close()

    def __enter__(self) -> Self:
        waited(self._outbox.open())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.close()
