"""A receiver on the loopback interface that answers as it is told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

from .._native import Scheme, Verified, Verifier
from ..endpoint import Endpoint
from ._request import SECRET

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True)
class Answer:
    """What a `FakeReceiver` does with a request.

    `hang` keeps the request until the receiver is closed, and `reset` ends the connection; neither answers.
    """

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    hang: bool = False
    reset: bool = False


@dataclass(frozen=True)
class ReceivedRequest:
    """A request as it arrived; `headers` are pairs."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    at: float

    def header(self, name: str) -> str | None:
        """The first header of that name, whatever its case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)

    def verify(self, secrets: str | list[str] = SECRET, scheme: str | Scheme = "hookseal") -> Verified:
        """Verifies the request as of the moment when it arrived."""
        return Verifier(secrets, scheme).verify(self.body, self.headers, now=self.at)


class FakeReceiver:
    """A receiver on the loopback interface, for the time of a `with` block.

    It gives the answers in their order, the last one again and again; 204 where there is none. Senders need
    `allow_private=True` to reach it.

    >>> with FakeReceiver(Answer(429, {"Retry-After": "3"}), 204) as receiver:
    ...     receiver.endpoint().url == receiver.url
    True
    """

    def __init__(self, *answers: int | Answer) -> None:
        self._answers = [Answer(it) if isinstance(it, int) else it for it in answers] or [Answer()]
        self._arrived = threading.Condition()
        self._requests: list[ReceivedRequest] = []
        self._closing = threading.Event()
        self._server = _Server(self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, name="hookseal-receiver", daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}/webhooks"

    @property
    def requests(self) -> list[ReceivedRequest]:
        """What has arrived so far."""
        with self._arrived:
            return list(self._requests)

    def wait(self, count: int = 1, timeout: float = 10) -> list[ReceivedRequest]:
        """Waits until so many requests have arrived, and returns all; `TimeoutError` after `timeout` seconds."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self._requests) >= count, timeout):
                raise TimeoutError(f"{len(self._requests)} of {count} requests arrived within {timeout} s")
            return list(self._requests)

    def endpoint(self, **options: Any) -> Endpoint:
        """An endpoint that leads here, with the secret that `ReceivedRequest.verify` knows; options as `Endpoint`'s."""
        if "signer" not in options:
            options.setdefault("secrets", SECRET)
        return Endpoint(self.url, **options)

    def close(self) -> None:
        """Stops listening and lets go of what hangs."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.close()

    def _take(self, request: ReceivedRequest) -> Answer:
        with self._arrived:
            self._requests.append(request)
            self._arrived.notify_all()
            return self._answers[min(len(self._requests), len(self._answers)) - 1]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, receiver: FakeReceiver) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.receiver = receiver

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A sender may leave while it waits."""


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        receiver = cast("_Server", self.server).receiver
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = ReceivedRequest(self.command, self.path, tuple(self.headers.items()), body, time.time())
        answer = receiver._take(request)
        if answer.hang:
            receiver._closing.wait()
        if answer.hang or answer.reset:
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""
