"""Starlette: a decorator that reads the raw body, verifies it, and only then calls the endpoint.

>>> from hookseal import Verifier
>>> from hookseal.starlette import WebhookEvent, receive
>>> from starlette.applications import Starlette
>>> from starlette.requests import Request
>>> from starlette.responses import Response
>>> from starlette.routing import Route
>>> @receive(Verifier("whsec_demo"))
... async def hooks(request: Request, event: WebhookEvent) -> Response:
...     print(event.id, event.type, event.json())
...     return Response(status_code=204)
>>> app = Starlette(routes=[Route("/hooks", hooks, methods=["POST"])])
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, cast

from ._native import Verifier
from ._receive import (
    MAX_BODY,
    REFUSED_JSON,
    Body,
    Receiver,
    RefusedError,
    WebhookEvent,
    asgi_target,
    consumed,
    handling,
    latin1,
    missing,
)
from .sender import AsyncSender

try:
    from starlette.concurrency import run_in_threadpool
    from starlette.requests import ClientDisconnect, Request
    from starlette.responses import Response
except ModuleNotFoundError as error:
    raise missing("starlette", "starlette") from error

__all__ = ["WebhookEvent", "receive", "sender_lifespan", "sender_of"]


def receive(
    verifier: Verifier, *, max_body: int = MAX_BODY, public_url: str | None = None
) -> Callable[
    [Callable[[Request, WebhookEvent], Awaitable[Response] | Response]], Callable[[Request], Awaitable[Response]]
]:
    """A decorator for endpoints, which get the `WebhookEvent` as their second argument.

    What does not verify is answered 400, what is larger than `max_body` bytes (1 MiB) 413, a copy 425, and 503 when the
    replay guard has no room; the reason goes to the log. With a `ReplayGuard`, copies are let in again when the
    endpoint raises or answers anything but 2xx. `public_url`, such as `"https://shop.example"`, serves schemes that
    sign the URL. Raises `ConfigError` when an option can not be.
    """
    receiver = Receiver(verifier, max_body=max_body, public_url=public_url)

    def decorate(
        endpoint: Callable[[Request, WebhookEvent], Awaitable[Response] | Response],
    ) -> Callable[[Request], Awaitable[Response]]:
        @wraps(endpoint)
        async def verified(request: Request) -> Response:
            try:
                event = await accept(receiver, request)
            except RefusedError as refusal:
                return Response(REFUSED_JSON, refusal.status, refusal.headers, "application/json")
            with handling(event) as answered:
                if iscoroutinefunction(endpoint):
                    response = cast("Response", await endpoint(request, event))
                else:
                    response = cast("Response", await run_in_threadpool(endpoint, request, event))
                answered(response.status_code)
                return response

        return verified

    return decorate


def sender_lifespan(
    make: Callable[[], AsyncSender] = AsyncSender,
) -> Callable[[Any], AbstractAsyncContextManager[dict[str, AsyncSender]]]:
    """A `lifespan` that opens one `AsyncSender` with the application and closes it with it; `sender_of` finds it.

    `make` gives it other options: `lifespan=sender_lifespan(lambda: AsyncSender(timeout=5))`.
    """

    @asynccontextmanager
    async def lifespan(_app: object) -> AsyncIterator[dict[str, AsyncSender]]:
        async with make() as sender:
            yield {"sender": sender}

    return lifespan


def sender_of(request: Request) -> AsyncSender:
    """The sender that `sender_lifespan` opened, also as a dependency: `Depends(sender_of)`."""
    sender: AsyncSender | None = getattr(request.state, "sender", None)
    if sender is None:
        raise LookupError("the application has no sender: give it lifespan=sender_lifespan()")
    return sender


async def accept(receiver: Receiver, request: Request) -> WebhookEvent:
    """The event of a request, or `RefusedError`; the body stays there for whoever reads it afterwards."""
    headers = latin1(request.headers.raw)
    body = Body(receiver, headers)
    try:
        async with aclosing(request.stream()) as pieces:
            async for piece in pieces:
                body.add(piece)
    except ClientDisconnect as error:
        raise receiver.incomplete() from error
    except RuntimeError as error:
        raise consumed("A form parser or another reader of request.stream()") from error
    request._body = body.complete()
    return receiver.accept(request._body, headers, lambda: asgi_target(request.scope))
