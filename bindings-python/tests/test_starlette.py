"""The Starlette decorator and the ASGI middleware."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, MutableMapping
from random import Random
from typing import Any

import pytest
from asgi_call import BODY, call, call_async, signed, verifier
from conftest import refused
from hookseal import ConfigError, ReplayGuard, VerificationError, Verifier
from hookseal.asgi import WebhookMiddleware, event_of
from hookseal.starlette import WebhookEvent, receive
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

Scope = MutableMapping[str, Any]


def shows(_request: Request, event: WebhookEvent) -> Response:
    return PlainTextResponse(f"{event.id} {event.type} {event.json()} {threading.current_thread().name}")


async def shows_async(request: Request, event: WebhookEvent) -> Response:
    assert await request.body() == event.body
    return shows(request, event)


def app_with(endpoint: Any, **options: Any) -> Starlette:
    return Starlette(
        routes=[Route("/hooks", receive(options.pop("verifier", verifier()), **options)(endpoint), methods=["POST"])]
    )


@pytest.mark.parametrize("endpoint", [shows, shows_async])
def test_a_decorated_endpoint(endpoint: Any) -> None:
    app = app_with(endpoint)
    good = call(app, headers=signed(), pieces=[BODY[:2], BODY[2:]])
    assert good.body.startswith(b"evt_1 order.paid {'id': 42} ")
    assert good.body.endswith(b" MainThread") == (endpoint is shows_async)
    forged = call(app, headers=signed(), pieces=[b"{}"])
    assert (forged.status, forged.json()) == (400, {"error": "webhook refused"})
    assert forged.headers["content-type"] == "application/json"


def test_the_limit_of_a_decorated_endpoint() -> None:
    app = app_with(shows, max_body=10)
    chunked = call(app, headers=signed(), pieces=[b"12345678", b"901", b"never"])
    assert (chunked.status, chunked.unread) == (413, 1)
    assert call(app, headers=signed(), pieces=[BODY], leaves=True).status == 400


def test_a_parsed_form_is_named() -> None:
    async def consume(request: Request, call_next: RequestResponseEndpoint) -> Response:
        async for _ in request.stream():
            pass
        return await call_next(request)

    app = app_with(shows)
    app.add_middleware(BaseHTTPMiddleware, dispatch=consume)
    with refused("body_not_bytes", VerificationError):
        call(app, headers=signed() | {"Content-Length": str(len(BODY))})
    assert call(app, headers=signed(), pieces=[b""]).status == 400


def outcomes(app: Any, count: int) -> list[int]:
    headers = signed()

    def once() -> int:
        try:
            return call(app, headers=headers).status
        except ZeroDivisionError:
            return 500

    return [once() for _ in range(count)]


@pytest.mark.parametrize("status", [301, 404, 500])
def test_a_copy_of_what_was_not_answered_well_is_let_in(status: int) -> None:
    statuses = iter([status, 0, 202])

    async def endpoint(_request: Request, _event: WebhookEvent) -> Response:
        if (status := next(statuses)) == 0:
            raise ZeroDivisionError
        return Response(status_code=status)

    assert outcomes(app_with(endpoint, verifier=verifier(guarded=True)), 4) == [status, 500, 202, 425]


def test_the_middleware_hands_over_what_came() -> None:
    seen: list[Any] = []

    async def inner(scope: Scope, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        seen.append(event_of(scope))
        seen.extend([await receive(), await receive(), await receive()])
        await send({"type": "http.response.start", "status": 204, "headers": [(b"x", b"y")]})
        await send({"type": "http.response.body", "body": b""})

    app = WebhookMiddleware(inner, verifier())
    answer = call(app, headers=signed(), pieces=[BODY[:2], b"", BODY[2:]])
    assert (answer.status, answer.headers) == (204, {"x": "y"})
    assert (seen[0].id, seen[0].body) == ("evt_1", BODY)
    assert seen[1] == {"type": "http.request", "body": BODY, "more_body": False}
    assert seen[2:] == [{"type": "http.disconnect"}] * 2


async def never(_scope: Scope, _receive: Callable[[], Any], _send: Callable[[Any], Any]) -> None:
    raise AssertionError("the application ran")


def test_the_middleware_answers_forgeries_itself() -> None:
    app = WebhookMiddleware(never, verifier(), max_body=10)
    forged = call(app, headers=signed(), pieces=[b"{}"])
    assert (forged.status, forged.json(), forged.headers) == (
        400,
        {"error": "webhook refused"},
        {"content-type": "application/json", "content-length": "27"},
    )
    chunked = call(app, headers=signed(), pieces=[b"12345678", b"901", b"never"])
    assert (chunked.status, chunked.unread) == (413, 1)
    assert call(app, headers=signed() | {"Content-Length": "99999999999999999999999"}, pieces=[b"{}"]).status == 400
    assert call(app, headers=signed() | {"Content-Length": "11"}).unread == 1
    assert call(app, headers=[*signed().items(), *signed().items()]).status == 400
    assert call(app, headers=signed(), pieces=[BODY], leaves=True).status == 400


def test_the_middleware_lets_a_copy_in_when_the_application_fails() -> None:
    statuses = iter([503, 0, -1, 200])

    async def inner(_scope: Scope, _receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        status = next(statuses)
        if status:
            await send(
                {"type": "http.response.start", "status": abs(status) * 200 if status < 0 else status, "headers": []}
            )
        if status <= 0:
            raise ZeroDivisionError

    app = WebhookMiddleware(inner, verifier(guarded=True))
    assert outcomes(app, 5) == [503, 500, 500, 200, 425]


def test_of_many_copies_at_once_one_is_handled() -> None:
    handled: list[str | None] = []

    async def endpoint(_request: Request, event: WebhookEvent) -> Response:
        handled.append(event.id)
        await asyncio.sleep(0)  # lets the copies come in
        return Response(status_code=204 if len(handled) > 1 else 503)

    app, headers = app_with(endpoint, verifier=verifier(guarded=True)), signed()

    async def copies() -> list[int]:
        answers = [
            call_async(app, "/hooks", headers=headers, pieces=[BODY], leaves=False, waits=True) for _ in range(64)
        ]
        return sorted(answer.status for answer in await asyncio.gather(*answers))

    assert asyncio.run(copies()) == [425] * 63 + [503]
    assert asyncio.run(copies()) == [204] + [425] * 63
    assert handled == ["evt_1", "evt_1"]


def test_a_full_guard_is_answered_503() -> None:
    async def inner(_scope: Scope, _receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    app = WebhookMiddleware(inner, Verifier("whsec_demo", replay=ReplayGuard(2)))
    assert call(app, headers=signed()).status == 200
    full = call(app, headers=signed(b"[]"), pieces=[b"[]"])
    assert (full.status, full.headers["retry-after"]) == (503, "60")


def test_the_middleware_answers_as_the_verifier_judges() -> None:
    async def inner(_scope: Scope, _receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})

    judge = verifier()
    app = WebhookMiddleware(inner, judge, max_body=100)
    random = Random(7)
    good = signed()
    seen: Counter[int] = Counter()
    for _ in range(2_000):
        body = random.choice([BODY, random.randbytes(random.randrange(1, 120))])
        headers = {name: mutated(random, value) for name, value in good.items() if random.random() < 0.9}
        try:
            judge.verify(body, {name: value.encode() for name, value in headers.items()})
            expected = 204
        except VerificationError:
            expected = 413 if len(body) > 100 else 400
        answer = call(app, headers=headers, pieces=[body[:40], body[40:80], body[80:]])
        assert answer.status == expected, (body, headers)
        seen[expected] += 1
    assert min(seen[204], seen[400], seen[413]) > 20, seen


def mutated(random: Random, text: str) -> str:
    if random.random() < 0.5:
        return text
    at = random.randrange(len(text) + 1)
    return (
        text[:at]
        + random.choice(["", "\x00", "é", ",", "=", "t=", "\u2603", "9" * 30])
        + text[at + random.randrange(3) :]
    )


def test_what_is_no_request() -> None:
    passed: list[str] = []

    async def inner(scope: Scope, _receive: Callable[[], Any], _send: Callable[[Any], Any]) -> None:
        passed.append(scope["type"])

    sent: list[Any] = []

    async def nothing() -> Any: ...

    async def send(message: Any) -> None:
        sent.append(message)

    app = WebhookMiddleware(inner, verifier())
    asyncio.run(app({"type": "lifespan"}, nothing, send))
    asyncio.run(app({"type": "websocket"}, nothing, send))
    assert (passed, sent) == (["lifespan"], [{"type": "websocket.close", "code": 1008}])


def test_without_the_middleware_there_is_no_event() -> None:
    with pytest.raises(LookupError, match="WebhookMiddleware"):
        event_of({})


def test_a_mounted_application_is_guarded_whole() -> None:
    async def shows_path(request: Request) -> Response:
        return PlainTextResponse(f"{event_of(request.scope).id} {request.url.path} {await request.json()}")

    inner = Starlette(routes=[Route("/{name}", shows_path, methods=["POST"])])
    app = Starlette(routes=[Mount("/hooks", WebhookMiddleware(inner, verifier()))])
    assert call(app, "/hooks/a", headers=signed()).body == b"evt_1 /hooks/a {'id': 42}"
    assert call(app, "/hooks/a").status == 400


@pytest.mark.parametrize("adapter", [receive, lambda *args, **options: WebhookMiddleware(never, *args, **options)])
@pytest.mark.parametrize("options", [{"max_body": -1}, {"public_url": "shop"}, {"verifier": None}])
def test_options_that_can_not_be(adapter: Any, options: dict[str, Any]) -> None:
    with refused("invalid_config", ConfigError):
        adapter(**{"verifier": verifier(), **options})
