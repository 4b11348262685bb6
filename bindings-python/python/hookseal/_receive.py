"""What the adapters of all frameworks share: the limit, the verdict, the answer to a refusal, and the event."""

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, cast
from urllib.parse import quote, urlsplit

from ._native import Verified, Verifier
from .errors import ConfigError, StoreError, VerificationError, WebhookError

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    Data = TypeVar("Data", default=None, covariant=True)
else:
    from typing import TypeVar

    Data = TypeVar("Data", covariant=True)

logger = logging.getLogger("hookseal")

MAX_BODY = 1024 * 1024
"""The largest body that adapters take unless told otherwise."""

REFUSED = "webhook refused"
"""All that a stranger is told; the reason is in the log."""

_STATUS = {"body_too_large": 413, "replayed": 425}
_PATH_CHARACTERS = "/:@!$&'()*+,;=~"

Pairs = tuple[tuple[str, str], ...]


class _Claim:
    """A message's place in the replay guard, given up at most once: after that it may be another request's."""

    def __init__(self, verifier: Verifier, verified: Verified) -> None:
        self._guard = verifier.replay
        self._verified = verified

    def release(self) -> None:
        guard, self._guard = self._guard, None
        if guard is not None:
            try:
                guard.release(self._verified)
            except StoreError:
                logger.exception("the replay guard keeps a message whose handler failed")


@dataclass(frozen=True)
class WebhookEvent(Generic[Data]):
    """A verified webhook.

    `body` is the bytes as they were received and signed, so still compressed where the request has a
    `Content-Encoding`. `headers` are as received, signed or not. `data` is the validated model where the adapter was
    given one, and `None` elsewhere.
    """

    body: bytes = field(repr=False)
    headers: Pairs = field(repr=False)
    verified: Verified
    data: Data = field(default=cast("Any", None), repr=False)
    _claim: _Claim | None = field(default=None, repr=False, compare=False)

    @property
    def id(self) -> str | None:
        """The message id; `None` where the signature does not cover it."""
        return self.verified.id

    @property
    def type(self) -> str | None:
        """The event type; `None` where the signature does not cover it."""
        return self.verified.event_type

    @property
    def timestamp(self) -> int | None:
        """When it was signed, in whole seconds; `None` for schemes without a timestamp."""
        return self.verified.timestamp

    def json(self) -> Any:
        """The body, parsed; `ValueError` when it is not JSON."""
        return json.loads(self.body)

    def release(self) -> None:
        """Lets copies of this message in again, because it was not handled; without a `ReplayGuard` it does nothing.

        The adapters call it when a handler raises or answers anything but success.
        """
        if self._claim is not None:
            self._claim.release()


class RefusedError(Exception):
    """A request that is answered without its handler."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the answer, beside those of its content."""
        return {"Retry-After": str(self.retry_after)} if self.retry_after else {}

    @property
    def retry_after(self) -> int | None:
        """After how many seconds to come back, where that is worth saying."""
        return 60 if self.status == 503 else None


REFUSED_JSON = json.dumps({"error": REFUSED}, separators=(",", ":"))


class Receiver:
    """Judges requests for one adapter: everything that does not depend on the framework.

    `public_url` is scheme and authority as registered with the provider, for schemes that sign the URL; the path and
    the query are the request's. `Host` and forwarding headers are never read: whoever sends them is not yet known.
    """

    def __init__(self, verifier: Verifier, *, max_body: int = MAX_BODY, public_url: str | None = None) -> None:
        if not isinstance(verifier, Verifier):
            raise _invalid(f"an adapter needs a Verifier, not {type(verifier).__name__}")
        if isinstance(max_body, bool) or not isinstance(max_body, int) or max_body < 0:
            raise _invalid("max_body must be a whole number, 0 or more")
        if public_url is None and verifier.scheme.signs_url:
            raise _invalid(f"the scheme {verifier.scheme.name} signs the URL: give public_url='https://…'")
        self.verifier = verifier
        self.max_body = max_body
        self._origin = None if public_url is None else _origin(public_url)

    def check_size(self, size: int) -> None:
        """Refuses a body of this many bytes, read or announced, when it is too large."""
        if size > self.max_body:
            raise self.too_large()

    def accept(self, body: bytes, headers: Iterable[tuple[str, str]], target: Callable[[], str]) -> WebhookEvent:
        """The event of a request, of which `target` gives the path with the query; or `RefusedError`."""
        pairs = tuple(headers)
        self.check_size(len(body))
        url = None if self._origin is None else self._origin + target().encode(errors="replace").decode()
        try:
            verified = self.verifier.verify(body, pairs, url=url)
        except (VerificationError, StoreError) as error:
            raise self.refusal(error) from error
        return WebhookEvent(body, pairs, verified, _claim=_Claim(self.verifier, verified))

    def too_large(self) -> RefusedError:
        """The body is larger than what is taken."""
        return self.refusal(VerificationError("body_too_large", f"the body has more than {self.max_body} bytes"))

    @staticmethod
    def refusal(error: WebhookError) -> RefusedError:
        """Logs why a request is refused, and keeps no more of it than the status."""
        logger.warning("webhook refused: %s", error)
        return RefusedError(503 if isinstance(error, StoreError) else _STATUS.get(error.code, 400))

    @staticmethod
    def incomplete() -> RefusedError:
        """The sender left before its request was complete."""
        logger.warning("webhook refused: the sender left before the body was complete")
        return RefusedError(400)


class Body:
    """A body that arrives in pieces and is refused as soon as it is too large, whatever its announced size."""

    def __init__(self, receiver: Receiver, headers: Iterable[tuple[str, str]]) -> None:
        self._announced = announced_size(headers)
        receiver.check_size(self._announced)
        self._receiver = receiver
        self._pieces: list[bytes] = []
        self._size = 0

    def add(self, piece: bytes) -> None:
        self._size += len(piece)
        self._receiver.check_size(self._size)
        self._pieces.append(piece)

    def complete(self) -> bytes:
        if self._announced and not self._size:  # servers see to it that as much comes as was announced
            raise consumed("A middleware")
        return b"".join(self._pieces)


@contextmanager
def handling(event: WebhookEvent[Any]) -> Iterator[Callable[[int], None]]:
    """Lets copies of the event in again unless the block ends well after it reported a status of success.

    Whoever is answered anything else will send the message once more, and a copy has to find its handler then.
    """
    answered = [0]
    done = False
    try:
        yield answered.append
        done = 200 <= answered[-1] < 300
    finally:
        if not done:
            event.release()


def latin1(headers: Iterable[tuple[bytes, bytes]]) -> Pairs:
    """Header bytes as text, one character for each byte."""
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)


def announced_size(headers: Iterable[tuple[str, str]]) -> int:
    """What Content-Length says, which is no more than a claim; 0 without a good one."""
    texts = [value for name, value in headers if name.lower() == "content-length"]
    return int(texts[0]) if texts and texts[0].isascii() and texts[0].isdigit() and len(texts[0]) < 20 else 0


def asgi_target(scope: Mapping[str, Any]) -> str:
    """Path and query as they stood in the request line."""
    raw: bytes | None = scope.get("raw_path")
    path = raw.decode("latin-1") if raw else quote(scope["path"], safe=_PATH_CHARACTERS)
    return with_query(path, scope.get("query_string", b"").decode("latin-1"))


def wsgi_target(environ: Mapping[str, Any]) -> str:
    """Path and query as they stood in the request line, where the server tells; else the path is quoted again."""
    raw: str | None = environ.get("REQUEST_URI") or environ.get("RAW_URI")
    if raw and raw.startswith("/"):
        return raw
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return with_query(quote(path.encode("latin-1"), safe=_PATH_CHARACTERS), environ.get("QUERY_STRING", ""))


def with_query(path: str, query: str) -> str:
    return f"{path}?{query}" if query else path


def consumed(reader: str, remedy: str = "Let the adapter be the first to read the request.") -> VerificationError:
    """A mistake of this server, not of the sender: it becomes a 500, so that the sender tries again later."""
    return VerificationError(
        "body_not_bytes", f"{reader} has read the body of this request before its signature was checked. {remedy}"
    )


def missing(framework: str, extra: str) -> ImportError:
    return ImportError(f"hookseal.{extra} needs {framework}: pip install 'hookseal[{extra}]'", name=framework)


def _origin(public_url: str) -> str:
    try:
        parts = urlsplit(public_url)
        good = parts.scheme in {"http", "https"} and parts.netloc and parts.path in {"", "/"}
        good = good and not (parts.query or parts.fragment)
    except (AttributeError, TypeError, ValueError):
        good = False
    if not good:
        raise _invalid(
            "public_url is scheme and authority alone, such as https://shop.example; the request has the rest"
        )
    return public_url.rstrip("/")


def _invalid(message: str) -> ConfigError:
    return ConfigError("invalid_config", message)
