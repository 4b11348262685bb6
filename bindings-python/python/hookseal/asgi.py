"""ASGI: a middleware that lets only verified webhooks through to the application that it wraps.

>>> from hookseal import Verifier
>>> from hookseal.asgi import WebhookMiddleware, event_of
>>> async def hooks(scope, receive, send):
...     print(event_of(scope).id)
...     await send({"type": "http.response.start", "status": 204})
...     await send({"type": "http.response.body"})
>>> app = WebhookMiddleware(hooks, Verifier("whsec_demo"))
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from ._native import Verifier
from ._receive import (
    MAX_BODY,
    REFUSED_JSON,
    Body,
    Receiver,
    RefusedError,
    WebhookEvent,
    asgi_target,
    handling,
    latin1,
)

__all__ = ["WebhookEvent", "WebhookMiddleware", "event_of"]

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_KEY = "hookseal.event"


class WebhookMiddleware:
    """Verifies every request before the application sees it, and hands it the request as it was.

    It guards all that it wraps, so wrap the route or the mounted application that receives the webhooks:
    `Route("/hooks", hooks, middleware=[Middleware(WebhookMiddleware, verifier=verifier)])`. The application finds the
    event with `event_of(scope)` and may read the body once more.

    What does not verify is answered 400, what is larger than `max_body` bytes (1 MiB) 413, a copy 425, and 503 when the
    replay guard has no room; the reason goes to the log. With a `ReplayGuard`, copies are let in again when the
    application raises or answers anything but 2xx. `public_url`, such as `"https://shop.example"`, serves schemes that
    sign the URL. Raises `ConfigError` when an option can not be.
    """

    def __init__(
        self, app: Application, verifier: Verifier, *, max_body: int = MAX_BODY, public_url: str | None = None
    ) -> None:
        self._app = app
        self._receiver = Receiver(verifier, max_body=max_body, public_url=public_url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection; websockets, which carry no signature, are closed."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._receive(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _receive(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = latin1(scope["headers"])
        try:
            body = await _read(receive, Body(self._receiver, headers), self._receiver)
            event = self._receiver.accept(body, headers, lambda: asgi_target(scope))
        except RefusedError as refusal:
            await _answer(send, refusal)
            return
        scope[_KEY] = event
        with handling(event) as answered:
            await self._app(scope, _replay(body, receive), _watch(send, answered))


def event_of(scope: MutableMapping[str, Any]) -> WebhookEvent:
    """The event that `WebhookMiddleware` put into the scope; `LookupError` where the middleware was not there."""
    event: WebhookEvent | None = scope.get(_KEY)
    if event is None:
        raise LookupError("no verified webhook in this scope: wrap the application in hookseal.asgi.WebhookMiddleware")
    return event


async def _read(receive: Receive, body: Body, receiver: Receiver) -> bytes:
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise receiver.incomplete()
        body.add(message.get("body", b""))
        if not message.get("more_body", False):
            return body.complete()


def _replay(body: bytes, receive: Receive) -> Receive:
    """The body in one message, and then whatever else the server has to say, such as that the sender has left."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay


def _watch(send: Send, answered: Callable[[int], None]) -> Send:
    async def watch(message: Message) -> None:
        if message["type"] == "http.response.start":
            answered(message["status"])
        await send(message)

    return watch


async def _answer(send: Send, refusal: RefusedError) -> None:
    headers = {"Content-Type": "application/json", "Content-Length": str(len(REFUSED_JSON)), **refusal.headers}
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": refusal.status, "headers": pairs})
    await send({"type": "http.response.body", "body": REFUSED_JSON.encode()})
