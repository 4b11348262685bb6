"""An outbox's calls on their way into the core, and its answers on the way back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, Literal, TypedDict, TypeVar

from . import _native
from ._data import NULL, Payload, listed, options_json, payload_bytes
from ._native import Scheme, Secret
from ._pending import settled, waited
from .delivery import Attempt, Status
from .endpoint import Endpoint, RateLimit, RetryPolicy, retry_record
from .errors import ConfigError
from .stored import OutboxStatus, Page, Published, StoredDelivery, Subscription

if TYPE_CHECKING:
    from .sender import HeaderRole

T = TypeVar("T")
Time = float | datetime


class OutboxOptions(TypedDict, total=False):
    """What an outbox can be told; from `allow_private` on, how its workers deliver."""

    encryption_key: str | None
    former_encryption_keys: Iterable[str] | None
    retry: RetryPolicy | None
    idempotency_ttl: float | None
    retention: float | None
    dead_retention: float | None
    lease: float | None
    poll: float | None
    disable_after: float | Literal[False] | None
    allow_private: bool | None
    allow_subnets: Iterable[str] | None
    allow_ports: Iterable[int] | None
    https_only: bool | None
    timeout: float | None
    connect_timeout: float | None
    max_in_flight_per_endpoint: int | None
    rate_limit: RateLimit | None
    breaker: Mapping[str, float] | Literal[False] | None
    extra_roots: Iterable[str] | None
    identity: str | None
    proxy: str | None
    http2: bool | None
    user_agent: str | None
    header_prefix: str | None
    header_names: Mapping[HeaderRole, str] | None


class SubscriptionOptions(TypedDict, total=False):
    """What a subscription has beside its URL."""

    events: Iterable[str] | None
    secrets: str | Secret | Iterable[str | Secret] | None
    scheme: str | Scheme | None
    tenant: str | None
    filters: Mapping[str, str] | None
    description: str | None
    headers: Mapping[str, str] | None
    timeout: float | None
    retry: RetryPolicy | None
    rate_limit: RateLimit | None
    basic_auth: tuple[str, str] | None
    bearer: str | None
    identity: str | None


class EventOptions(TypedDict, total=False):
    """What an event has beside its type and payload."""

    id: str | None
    metadata: Mapping[str, str] | None
    tenant: str | None
    idempotency_key: str | None
    ordering_key: str | None
    deliver_at: Time | None
    content_type: str | None
    traceparent: str | None


class DeliveryFilter(TypedDict, total=False):
    """Which deliveries are meant; `event_type` may be a pattern."""

    event_type: str | None
    subscription: str | None
    event_id: str | None
    tenant: str | None
    since: Time | None
    until: Time | None


class Call(Generic[T]):
    """A call that is under way, and how its answer is read."""

    def __init__(self, pending: _native.Pending, read: Callable[[Any], T]) -> None:
        self._pending = pending
        self._read = read

    def result(self) -> T:
        """Blocks this thread until the answer."""
        return self._read(json.loads(waited(self._pending)))

    async def answer(self) -> T:
        """Waits in the running event loop."""
        return self._read(json.loads(await settled(self._pending)))


class Calls:
    """The core's methods, typed."""

    def __init__(self, outbox: _native.Outbox) -> None:
        self._outbox = outbox

    def publish(self, event_type: str, payload: Payload, options: EventOptions) -> Call[Published]:
        event = event_json(event_type, options)
        return Call(self._outbox.publish(payload_bytes(payload), event), _published)

    def deliver(self, endpoint: Endpoint, event_type: str, payload: Payload, options: EventOptions) -> Call[Published]:
        event = event_json(event_type, options, _endpoint_record(endpoint))
        return Call(self._outbox.publish(payload_bytes(payload), event), _published)

    def status(self) -> Call[OutboxStatus]:
        return self._call("status", {}, lambda record: OutboxStatus(**record))

    def clean_up(self) -> Call[None]:
        return self._call("clean_up", {}, lambda _: None)

    def reencrypt(self) -> Call[int]:
        return self._call("reencrypt", {}, int)

    def subscribe(self, url: str, options: SubscriptionOptions) -> Call[Subscription]:
        return self._call("subscribe", _subscription_record(url, options), Subscription._from_record)

    def update(self, id: str, url: str, options: SubscriptionOptions) -> Call[Subscription]:
        params = {"id": id, "options": _without_none(_subscription_record(url, options))}
        return self._call("update_subscription", params, Subscription._from_record)

    def subscription(self, method: str, id: str, **more: str) -> Call[Subscription]:
        return self._call(method, {"id": id, **more}, Subscription._from_record)

    def subscriptions(self, tenant: str | None, after: str | None) -> Call[tuple[Subscription, ...]]:
        return self._call("subscriptions", {"tenant": tenant, "after": after}, _each(Subscription._from_record))

    def unsubscribe(self, id: str) -> Call[None]:
        return self._call("unsubscribe", {"id": id}, lambda _: None)

    def rotate_secret(self, id: str, secret: str | Secret | None, overlap: float) -> Call[str]:
        new = None if secret is None else _native.plain_secrets(secret)[0]
        return self._call("rotate_secret", {"id": id, "secret": new, "overlap": overlap}, str)

    def secrets(self, id: str) -> Call[tuple[str, ...]]:
        return self._call("secrets", {"id": id}, tuple)

    def send_test(self, id: str) -> Call[Published]:
        return self._call("send_test", {"id": id}, _published)

    def deliveries(
        self, status: Status | None, limit: int, cursor: str | None, filter: DeliveryFilter
    ) -> Call[Page[StoredDelivery]]:
        params = {"filter": _filter_record(filter, status), "limit": limit, "cursor": cursor}
        return self._call("deliveries", params, _page)

    def delivery(self, method: str, id: str) -> Call[StoredDelivery]:
        return self._call(method, {"id": id}, _delivery)

    def attempts(self, id: str) -> Call[tuple[Attempt, ...]]:
        return self._call("attempts", {"id": id}, _each(Attempt._from_record))

    def retry_dead(self, dry_run: bool, filter: DeliveryFilter) -> Call[int]:
        return self._call("retry_dead", {"filter": _filter_record(filter), "dry_run": dry_run}, int)

    def purge_dead(self, older_than: float) -> Call[int]:
        return self._call("purge_dead", {"older_than": older_than}, int)

    def _call(self, method: str, params: Mapping[str, Any], read: Callable[[Any], T]) -> Call[T]:
        return Call(self._outbox.call(method, options_json(params)), read)


_OUTBOX_OPTIONS = (
    "encryption_key",
    "former_encryption_keys",
    "retry",
    "idempotency_ttl",
    "retention",
    "dead_retention",
    "lease",
    "poll",
    "disable_after",
)


def outbox_json(options: OutboxOptions) -> str:
    """The options of an outbox as its core reads them: those of its workers' sender apart."""
    delivery: dict[str, Any] = dict(options)
    own = {name: delivery.pop(name, None) for name in _OUTBOX_OPTIONS}
    own["retry"] = retry_record(own["retry"])
    own["former_encryption_keys"] = listed("former_encryption_keys", own["former_encryption_keys"])
    if own["disable_after"] is False:
        own["disable_after"] = NULL
    for name in ("allow_subnets", "allow_ports", "extra_roots"):
        delivery[name] = listed(name, delivery.get(name))
    if delivery.get("breaker") is False:
        delivery["breaker"] = NULL
    return options_json({**own, "delivery": json.loads(options_json(delivery))})


def event_json(event_type: str, options: EventOptions, endpoint: Mapping[str, Any] | None = None) -> str:
    """What an event is published with, its payload apart."""
    _native.check_event(event_type, b"", options.get("id"), options.get("content_type"), options.get("traceparent"))
    record = {**options, "event_type": event_type, "endpoint": endpoint}
    return options_json({**record, "deliver_at": _seconds("deliver_at", options.get("deliver_at"))})


def _endpoint_record(endpoint: Endpoint) -> dict[str, Any]:
    if not isinstance(endpoint, Endpoint):
        raise ConfigError("invalid_config", f"the endpoint must be an Endpoint, not {type(endpoint).__name__}")
    options, secrets, scheme = endpoint._given
    if secrets is None:
        raise ConfigError("invalid_config", "the outbox stores secrets and scheme: give the endpoint these, no signer")
    return _without_none(
        {**options, "secrets": _native.plain_secrets(secrets), "scheme": _scheme_record(scheme)},
    )


def _subscription_record(url: str, options: SubscriptionOptions) -> dict[str, Any]:
    secrets = options.get("secrets")
    return {
        **options,
        "url": url,
        "events": listed("events", options.get("events")),
        "secrets": None if secrets is None else _native.plain_secrets(_sequence(secrets)),
        "scheme": _scheme_record(options.get("scheme")),
        "retry": retry_record(options.get("retry")),
    }


def _filter_record(filter: DeliveryFilter, status: Status | None = None) -> dict[str, Any]:
    times = {name: _seconds(name, filter.get(name)) for name in ("since", "until")}
    return _without_none({**filter, **times, "status": status})


def _scheme_record(scheme: str | Scheme | None) -> str | dict[str, Any] | None:
    return scheme.to_dict() if isinstance(scheme, Scheme) else scheme


def _sequence(secrets: str | Secret | Iterable[str | Secret]) -> str | Secret | list[str | Secret]:
    return secrets if isinstance(secrets, (str, Secret)) else listed("secrets", secrets) or []


def _seconds(name: str, time: Any) -> int | None:
    return None if time is None else _native.unix_seconds(time, name)


def _without_none(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if value is not None}


def _each(read: Callable[[Any], T]) -> Callable[[Any], tuple[T, ...]]:
    return lambda records: tuple(map(read, records))


def _published(record: Any) -> Published:
    return Published(**record)


def _delivery(record: Any) -> StoredDelivery:
    return StoredDelivery(**record)


def _page(record: Any) -> Page[StoredDelivery]:
    return Page(_each(_delivery)(record["items"]), record["cursor"])
