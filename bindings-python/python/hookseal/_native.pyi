import builtins
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeAlias, final

from .errors import WebhookError

__all__ = [
    "Courier",
    "Endpoint",
    "Finding",
    "Job",
    "Key",
    "KeyRing",
    "KeyStats",
    "Pending",
    "ReplayGuard",
    "Scheme",
    "Secret",
    "Signer",
    "Verified",
    "Verifier",
    "__version__",
    "diagnose",
    "error_codes",
    "error_of",
    "retry_policy",
    "shut_down",
    "standard_retry_policy",
]

_Body: TypeAlias = bytes | bytearray | memoryview | str
_Time: TypeAlias = float | datetime
_HeaderText: TypeAlias = str | bytes

class _HeaderItems(Protocol):
    def items(self) -> Iterable[tuple[Any, Any]]: ...

_Headers: TypeAlias = _HeaderText | Mapping[str, Any] | _HeaderItems | Iterable[tuple[_HeaderText, _HeaderText]] | None
_Secrets: TypeAlias = str | Secret | Key | Sequence[str | Secret | Key] | KeyRing

__version__: str

@final
class Secret:
    def __new__(cls, text: str, /) -> Secret: ...
    @staticmethod
    def utf8(text: str, /) -> Secret: ...
    @staticmethod
    def base64(text: str, /) -> Secret: ...
    @staticmethod
    def hex(text: str, /) -> Secret: ...
    @staticmethod
    def bytes(key: builtins.bytes | bytearray | memoryview, /) -> Secret: ...
    @staticmethod
    def ed25519_private(text: str, /) -> Secret: ...
    @staticmethod
    def ed25519_public(text: str, /) -> Secret: ...
    @staticmethod
    def generate() -> Secret: ...
    def expose(self) -> str: ...

@final
class Key:
    def __new__(
        cls,
        secret: str | Secret,
        /,
        *,
        id: str | None = None,
        not_before: _Time | None = None,
        not_after: _Time | None = None,
    ) -> Key: ...
    @property
    def id(self) -> str | None: ...

@final
class KeyStats:
    @property
    def id(self) -> str | None: ...
    @property
    def not_before(self) -> int | None: ...
    @property
    def not_after(self) -> int | None: ...
    @property
    def matches(self) -> int: ...
    @property
    def last_match(self) -> int | None: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...

@final
class KeyRing:
    def __new__(cls, keys: str | Secret | Key | Sequence[str | Secret | Key], /) -> KeyRing: ...
    def rotate(self, new: str | Secret | Key, /, overlap: float, *, now: _Time | None = None) -> None: ...
    def revoke(self, id: str, /) -> None: ...
    def stats(self) -> list[KeyStats]: ...
    def __len__(self) -> int: ...

@final
class Scheme:
    def __new__(cls, name: str | Scheme, /) -> Scheme: ...
    @staticmethod
    def from_dict(document: Mapping[str, Any], /) -> Scheme: ...
    @staticmethod
    def names() -> list[str]: ...
    def to_dict(self) -> dict[str, Any]: ...
    @property
    def name(self) -> str: ...
    @property
    def summary(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def header_names(self) -> tuple[str, ...]: ...
    @property
    def versions(self) -> tuple[str, ...]: ...
    @property
    def signs_timestamp(self) -> bool: ...
    @property
    def signs_id(self) -> bool: ...
    @property
    def signs_url(self) -> bool: ...
    @property
    def signs_body(self) -> bool: ...

@final
class Signer:
    def __new__(
        cls,
        secrets: _Secrets,
        /,
        scheme: str | Scheme | None = None,
        *,
        until: _Time | None = None,
        also: Signer | Sequence[Signer] | None = None,
    ) -> Signer: ...
    def sign(
        self,
        body: _Body,
        /,
        *,
        id: str | None = None,
        event_type: str | None = None,
        timestamp: _Time | None = None,
        url: str | None = None,
    ) -> dict[str, str]: ...

@final
class Verified:
    @property
    def timestamp(self) -> int | None: ...
    @property
    def id(self) -> str | None: ...
    @property
    def event_type(self) -> str | None: ...
    @property
    def version(self) -> str: ...
    @property
    def key_index(self) -> int: ...
    @property
    def key_id(self) -> str | None: ...

@final
class ReplayGuard:
    def __new__(cls, capacity: int | None = None) -> ReplayGuard: ...
    def release(self, verified: Verified, /) -> None: ...

@final
class Verifier:
    def __new__(
        cls,
        secrets: _Secrets,
        /,
        scheme: str | Scheme | None = None,
        *,
        tolerance: float | None = None,
        future_tolerance: float | None = None,
        require: str | None = None,
        replay: ReplayGuard | None = None,
        max_body: int | None = None,
        dangerously_ignore_timestamp: bool | None = None,
    ) -> Verifier: ...
    def verify(self, body: _Body, headers: _Headers, now: _Time | None = None, url: str | None = None) -> Verified: ...
    @property
    def header_names(self) -> tuple[str, ...]: ...

@final
class Finding:
    @property
    def cause(self) -> str: ...
    @property
    def message(self) -> str: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...

def diagnose(
    body: _Body,
    headers: _Headers,
    secrets: str | Secret | Sequence[str | Secret],
    scheme: str | Scheme | None = None,
    *,
    now: _Time | None = None,
    url: str | None = None,
) -> list[Finding]: ...

@final
class Pending:
    def wait(self, timeout: float | None = None) -> Any: ...
    def notify(self, callback: Callable[[Any, BaseException | None], object], /) -> None: ...
    def abandon(self) -> None: ...

@final
class Endpoint:
    def __new__(cls, options: str, signer: Signer, /) -> Endpoint: ...
    @property
    def id(self) -> str: ...
    @property
    def url(self) -> str: ...

@final
class Courier:
    def __new__(cls, options: str, on_event: Callable[[str, int], object] | None, /) -> Courier: ...
    def send(
        self,
        endpoint: Endpoint,
        event_type: str,
        payload: bytes,
        id: str | None,
        content_type: str | None,
        /,
    ) -> Pending: ...
    def send_many(self, items: Sequence[tuple[Endpoint, str, bytes]], /) -> Pending: ...
    def enqueue(
        self,
        endpoint: Endpoint,
        event_type: str,
        payload: bytes,
        id: str | None,
        content_type: str | None,
        /,
    ) -> Job: ...
    def flush(self, timeout: float | None, /) -> Pending: ...
    def close(self, grace: float, /) -> Pending | None: ...
    @property
    def unfinished(self) -> int: ...
    @property
    def closed(self) -> bool: ...

@final
class Job:
    @property
    def id(self) -> str: ...
    def delivery(self) -> str: ...
    def cancel(self) -> bool: ...
    def result(self) -> Pending: ...

def error_codes() -> list[str]: ...
def error_of(code: str, message: str, /) -> WebhookError: ...
def retry_policy(record: str, /) -> str: ...
def standard_retry_policy() -> str: ...
def shut_down() -> None: ...
