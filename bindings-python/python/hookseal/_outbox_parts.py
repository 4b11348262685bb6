"""The parts of an outbox, for asyncio and for threads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._native import Secret
from ._outbox_calls import Calls, DeliveryFilter, SubscriptionOptions
from .delivery import Attempt, Status
from .stored import Page, Published, StoredDelivery, Subscription

if TYPE_CHECKING:
    from typing_extensions import Unpack


class _Part:
    def __init__(self, calls: Calls) -> None:
        self._calls = calls


class AsyncSubscriptions(_Part):
    """Who gets which events."""

    async def create(self, url: str, **options: Unpack[SubscriptionOptions]) -> Subscription:
        """Makes a subscription, for the events that are published from now on.

        `events` are patterns: `"order.paid"`, `"order.*"`, `"*"` (the default). All of `filters` must equal the event's
        metadata, and the event must be the `tenant`'s. `secrets`, newest first, sign under `scheme` (a name or a
        `Scheme`); one is generated unless given. The rest is as for an `Endpoint`.
        """
        return await self._calls.subscribe(url, options).answer()

    async def get(self, id: str) -> Subscription:
        """One subscription; `not_found` where there is none."""
        return await self._calls.subscription("subscription", id).answer()

    async def list(self, tenant: str | None = None, *, after: str | None = None) -> tuple[Subscription, ...]:
        """The tenant's, or those without one, oldest first; at most 1,000, after the one with the id `after`."""
        return await self._calls.subscriptions(tenant, after).answer()

    async def update(self, id: str, url: str, **options: Unpack[SubscriptionOptions]) -> Subscription:
        """Puts these options in the place of all that it had; without `secrets` it keeps its own."""
        return await self._calls.update(id, url, options).answer()

    async def delete(self, id: str) -> None:
        """Deletes it; its unfinished deliveries are cancelled."""
        await self._calls.unsubscribe(id).answer()

    async def pause(self, id: str) -> Subscription:
        """Lets its deliveries wait until `resume`."""
        return await self._calls.subscription("pause", id).answer()

    async def resume(self, id: str) -> Subscription:
        """Goes on; the events of a time in which it was disabled are not made up for."""
        return await self._calls.subscription("resume", id).answer()

    async def disable(self, id: str, reason: str) -> Subscription:
        """Stops it: events from now on are not for it."""
        return await self._calls.subscription("disable", id, reason=reason).answer()

    async def rotate_secret(self, id: str, secret: str | Secret | None = None, *, overlap: float = 86400) -> str:
        """Puts a new secret first, and the others sign too for `overlap` seconds; one is generated unless given."""
        return await self._calls.rotate_secret(id, secret, overlap).answer()

    async def secrets(self, id: str) -> tuple[str, ...]:
        """Its live secrets, newest first, to hand to the receiver."""
        return await self._calls.secrets(id).answer()

    async def test(self, id: str) -> Published:
        """Publishes `hookseal.test`, with an empty object, to this subscription alone."""
        return await self._calls.send_test(id).answer()


class AsyncDeliveries(_Part):
    """What became of each event."""

    async def list(
        self,
        *,
        status: Status | None = None,
        limit: int = 100,
        cursor: str | None = None,
        **filter: Unpack[DeliveryFilter],
    ) -> Page[StoredDelivery]:
        """Newest first, at most `limit` (1 to 1,000); ask for more with the page's `cursor`."""
        return await self._calls.deliveries(status, limit, cursor, filter).answer()

    async def get(self, id: str) -> StoredDelivery:
        """One delivery; `not_found` where there is none."""
        return await self._calls.delivery("delivery", id).answer()

    async def attempts(self, id: str) -> tuple[Attempt, ...]:
        """Its attempts, oldest first."""
        return await self._calls.attempts(id).answer()

    async def retry(self, id: str) -> StoredDelivery:
        """Attempts a finished delivery again, now and with a fresh schedule."""
        return await self._calls.delivery("retry", id).answer()

    async def cancel(self, id: str) -> StoredDelivery:
        """Gives an unfinished delivery up. An attempt that is under way may still arrive."""
        return await self._calls.delivery("cancel", id).answer()


class AsyncDeadLetters(_Part):
    """The deliveries that were given up."""

    async def list(
        self, *, limit: int = 100, cursor: str | None = None, **filter: Unpack[DeliveryFilter]
    ) -> Page[StoredDelivery]:
        """Newest first, at most `limit` (1 to 1,000); ask for more with the page's `cursor`."""
        return await self._calls.deliveries("dead", limit, cursor, filter).answer()

    async def retry(self, *, dry_run: bool = False, **filter: Unpack[DeliveryFilter]) -> int:
        """Attempts those that the filter means again; answers with how many. A dry run only counts."""
        return await self._calls.retry_dead(dry_run, filter).answer()

    async def purge(self, older_than: float) -> int:
        """Deletes those that were given up so many seconds ago; answers with how many."""
        return await self._calls.purge_dead(older_than).answer()


class Subscriptions(_Part):
    """Who gets which events: `AsyncSubscriptions`, blocking."""

    def create(self, url: str, **options: Unpack[SubscriptionOptions]) -> Subscription:
        """Makes a subscription, for the events that are published from now on.

        `events` are patterns: `"order.paid"`, `"order.*"`, `"*"` (the default). All of `filters` must equal the event's
        metadata, and the event must be the `tenant`'s. `secrets`, newest first, sign under `scheme` (a name or a
        `Scheme`); one is generated unless given. The rest is as for an `Endpoint`.
        """
        return self._calls.subscribe(url, options).result()

    def get(self, id: str) -> Subscription:
        """One subscription; `not_found` where there is none."""
        return self._calls.subscription("subscription", id).result()

    def list(self, tenant: str | None = None, *, after: str | None = None) -> tuple[Subscription, ...]:
        """The tenant's, or those without one, oldest first; at most 1,000, after the one with the id `after`."""
        return self._calls.subscriptions(tenant, after).result()

    def update(self, id: str, url: str, **options: Unpack[SubscriptionOptions]) -> Subscription:
        """Puts these options in the place of all that it had; without `secrets` it keeps its own."""
        return self._calls.update(id, url, options).result()

    def delete(self, id: str) -> None:
        """Deletes it; its unfinished deliveries are cancelled."""
        self._calls.unsubscribe(id).result()

    def pause(self, id: str) -> Subscription:
        """Lets its deliveries wait until `resume`."""
        return self._calls.subscription("pause", id).result()

    def resume(self, id: str) -> Subscription:
        """Goes on; the events of a time in which it was disabled are not made up for."""
        return self._calls.subscription("resume", id).result()

    def disable(self, id: str, reason: str) -> Subscription:
        """Stops it: events from now on are not for it."""
        return self._calls.subscription("disable", id, reason=reason).result()

    def rotate_secret(self, id: str, secret: str | Secret | None = None, *, overlap: float = 86400) -> str:
        """Puts a new secret first, and the others sign too for `overlap` seconds; one is generated unless given."""
        return self._calls.rotate_secret(id, secret, overlap).result()

    def secrets(self, id: str) -> tuple[str, ...]:
        """Its live secrets, newest first, to hand to the receiver."""
        return self._calls.secrets(id).result()

    def test(self, id: str) -> Published:
        """Publishes `hookseal.test`, with an empty object, to this subscription alone."""
        return self._calls.send_test(id).result()


class Deliveries(_Part):
    """What became of each event: `AsyncDeliveries`, blocking."""

    def list(
        self,
        *,
        status: Status | None = None,
        limit: int = 100,
        cursor: str | None = None,
        **filter: Unpack[DeliveryFilter],
    ) -> Page[StoredDelivery]:
        """Newest first, at most `limit` (1 to 1,000); ask for more with the page's `cursor`."""
        return self._calls.deliveries(status, limit, cursor, filter).result()

    def get(self, id: str) -> StoredDelivery:
        """One delivery; `not_found` where there is none."""
        return self._calls.delivery("delivery", id).result()

    def attempts(self, id: str) -> tuple[Attempt, ...]:
        """Its attempts, oldest first."""
        return self._calls.attempts(id).result()

    def retry(self, id: str) -> StoredDelivery:
        """Attempts a finished delivery again, now and with a fresh schedule."""
        return self._calls.delivery("retry", id).result()

    def cancel(self, id: str) -> StoredDelivery:
        """Gives an unfinished delivery up. An attempt that is under way may still arrive."""
        return self._calls.delivery("cancel", id).result()


class DeadLetters(_Part):
    """The deliveries that were given up: `AsyncDeadLetters`, blocking."""

    def list(
        self, *, limit: int = 100, cursor: str | None = None, **filter: Unpack[DeliveryFilter]
    ) -> Page[StoredDelivery]:
        """Newest first, at most `limit` (1 to 1,000); ask for more with the page's `cursor`."""
        return self._calls.deliveries("dead", limit, cursor, filter).result()

    def retry(self, *, dry_run: bool = False, **filter: Unpack[DeliveryFilter]) -> int:
        """Attempts those that the filter means again; answers with how many. A dry run only counts."""
        return self._calls.retry_dead(dry_run, filter).result()

    def purge(self, older_than: float) -> int:
        """Deletes those that were given up so many seconds ago; answers with how many."""
        return self._calls.purge_dead(older_than).result()
