"""Where deliveries go, and when a failed one is tried again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import FrozenInstanceError, dataclass
from typing import Any, Literal

from . import _native
from ._data import listed, options_json
from ._native import Key, KeyRing, Scheme, Secret, Signer
from .errors import ConfigError

Jitter = float | Literal["full", "none"]
RetryOn = Literal["transient", "any_failure"]
RateLimit = float | Mapping[str, float]


@dataclass(frozen=True, init=False)
class RetryPolicy:
    """When a failed delivery is attempted again; times are in seconds.

    >>> RetryPolicy(max_attempts=3).max_age
    600.0
    >>> RetryPolicy.schedule([1, 60, 3600]).max_attempts
    4
    """

    initial: float | None
    factor: float | None
    max: float | None
    max_attempts: int
    max_age: float
    jitter: Jitter
    retry_on: RetryOn
    delays: tuple[float, ...] | None

    def __init__(
        self,
        *,
        initial: float | None = None,
        factor: float | None = None,
        max: float | None = None,
        max_attempts: int | None = None,
        max_age: float | None = None,
        jitter: Jitter | None = None,
        retry_on: RetryOn | None = None,
        delays: Iterable[float] | None = None,
    ) -> None:
        options = {
            "initial": initial,
            "factor": factor,
            "max": max,
            "max_attempts": max_attempts,
            "max_age": max_age,
            "jitter": jitter,
            "retry_on": retry_on,
            "schedule": listed("delays", delays),
        }
        record = json.loads(_native.retry_policy(options_json(options)))
        schedule = record.pop("schedule", None)
        record["delays"] = None if schedule is None else tuple(schedule)
        for name in self.__dataclass_fields__:
            object.__setattr__(self, name, record.get(name))

    @classmethod
    def schedule(
        cls,
        delays: Iterable[float],
        *,
        max_attempts: int | None = None,
        max_age: float | None = None,
        jitter: Jitter | None = None,
        retry_on: RetryOn | None = None,
    ) -> RetryPolicy:
        """Waits these delays, each counted from the failure before it."""
        return cls(delays=delays, max_attempts=max_attempts, max_age=max_age, jitter=jitter, retry_on=retry_on)

    @classmethod
    def standard(cls) -> RetryPolicy:
        """The outbox's policy: ten attempts within four days, for any failure."""
        record = json.loads(_native.standard_retry_policy())
        return cls(delays=record.pop("schedule"), **record)

    @classmethod
    def none(cls) -> RetryPolicy:
        """One attempt."""
        return cls(max_attempts=1)

    def _record(self) -> dict[str, Any]:
        record = {name: value for name, value in vars(self).items() if value is not None}
        if self.delays is not None:
            record["schedule"] = record.pop("delays")
        return record


@dataclass(frozen=True)
class Plan:
    """What a policy does through an outage.

    `attempts` are the moments of the attempts, in seconds since the acceptance; `reason` says why the delivery died,
    and is `None` where the last attempt delivered it.
    """

    attempts: tuple[float, ...]
    reason: str | None


def plan(policy: RetryPolicy, outage: float, *, seed: int = 0) -> Plan:
    """Acts a policy out, without a network and without waiting.

    The receiver answers 503 for `outage` seconds from the acceptance on, and then 200. Jitter is drawn from `seed`.

    >>> plan(RetryPolicy.schedule([5, 300], jitter="none"), outage=60)
    Plan(attempts=(0.0, 5.0, 305.0), reason=None)
    """
    if not isinstance(policy, RetryPolicy):
        raise ConfigError("invalid_config", f"policy must be a RetryPolicy, not {type(policy).__name__}")
    record = json.loads(_native.plan(options_json(policy._record()), outage, seed))
    return Plan(tuple(record["attempts"]), record["reason"])


class Endpoint:
    """A receiver: a URL, and what its deliveries are signed and sent with.

    Deliveries are signed by `signer`, or with `secrets` under `scheme`. `id` is what its deliveries share their turns,
    limits and circuit by: the URL unless given. `identity` is the client certificate chain and private key for its
    TLS, as one PEM text. An endpoint can not be changed.

    >>> Endpoint("https://hooks.example.com/in", secrets=["whsec_demo"]).url
    'https://hooks.example.com/in'
    """

    __slots__ = ("_given", "_native")

    _native: _native.Endpoint
    _given: tuple[dict[str, Any], Any, str | Scheme | None]  # what a store keeps of it; without secrets for a signer

    def __init__(
        self,
        url: str,
        secrets: str | Secret | Key | Sequence[str | Secret | Key] | KeyRing | None = None,
        *,
        scheme: str | Scheme | None = None,
        signer: Signer | None = None,
        headers: Mapping[str, str] | None = None,
        id: str | None = None,
        timeout: float | None = None,
        retry: RetryPolicy | None = None,
        rate_limit: RateLimit | None = None,
        basic_auth: tuple[str, str] | None = None,
        bearer: str | None = None,
        identity: str | None = None,
    ) -> None:
        given = secrets, scheme
        if signer is None:
            signer = Signer([] if secrets is None else secrets, scheme)
        elif not isinstance(signer, Signer):
            raise ConfigError("invalid_config", f"signer must be a Signer, not {type(signer).__name__}")
        elif secrets is not None or scheme is not None:
            raise ConfigError("invalid_config", "a signer stands in place of secrets and scheme; give one of them")
        options = {
            "url": url,
            "headers": headers,
            "id": id,
            "timeout": timeout,
            "retry": retry_record(retry),
            "rate_limit": rate_limit,
            "basic_auth": basic_auth,
            "bearer": bearer,
            "identity": identity,
        }
        object.__setattr__(self, "_native", _native.Endpoint(options_json(options), signer))
        object.__setattr__(self, "_given", (options, *given))

    def __setattr__(self, name: str, value: object) -> None:
        raise FrozenInstanceError(f"an Endpoint can not be changed, nor its {name}")

    def __delattr__(self, name: str) -> None:
        raise FrozenInstanceError(f"an Endpoint can not be changed, nor its {name}")

    @property
    def id(self) -> str:
        """What its deliveries share their turns, limits and circuit by."""
        return self._native.id

    @property
    def url(self) -> str:
        """The URL, as parsed."""
        return self._native.url

    def __repr__(self) -> str:
        return repr(self._native)


def retry_record(policy: RetryPolicy | None) -> dict[str, Any] | None:
    """The policy as data."""
    if policy is None:
        return None
    if not isinstance(policy, RetryPolicy):
        raise ConfigError("invalid_config", f"retry must be a RetryPolicy, not {type(policy).__name__}")
    return policy._record()
