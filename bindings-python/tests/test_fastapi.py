"""The FastAPI dependency, and the application that the README shows to newcomers."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from asgi_call import BODY, Answer, call, signed, verifier
from conftest import refused, run_child
from fastapi import Body, Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from hookseal import AsyncSender, ConfigError, Endpoint, ReplayGuard, SendError, Signer, VerificationError, Verifier
from hookseal.fastapi import Receive, WebhookEvent, receive, sender_lifespan, sender_of
from pydantic import BaseModel, TypeAdapter, field_validator
from starlette.middleware.base import BaseHTTPMiddleware
from test_examples import Receiver, running_app

README = Path(__file__).parents[2] / "README.md"


class Item(BaseModel):
    name: str
    parts: "list[Item]" = []


class OrderPaid(BaseModel):
    id: int
    items: list[Item] = []

    @field_validator("id", mode="before")
    @classmethod
    def note(cls, value: Any) -> Any:
        parsed.append(value)
        return value


parsed: list[Any] = []


def app_with(hook: Receive[Any], handler: Callable[[WebhookEvent[Any]], Any] = lambda event: event.id) -> FastAPI:
    app = FastAPI()

    @app.post("/hooks")
    async def hooks(event: Annotated[WebhookEvent[Any], Depends(hook)]) -> Any:
        return handler(event)

    return app


def test_an_event_tells_what_was_signed() -> None:
    seen: list[WebhookEvent] = []
    headers = signed()
    assert call(app_with(receive(verifier()), seen.append), headers=headers).status == 200
    event = seen[0]
    assert (event.id, event.type, event.body, event.json(), event.data) == (
        "evt_1",
        "order.paid",
        BODY,
        {"id": 42},
        None,
    )
    assert event.timestamp == event.verified.timestamp == int(headers["X-Webhook-Timestamp"])
    assert ("x-webhook-id", "evt_1") in event.headers
    assert "42" not in repr(event)


def test_a_model_is_validated_after_the_signature() -> None:
    parsed.clear()
    app = app_with(receive(verifier(), model=OrderPaid), lambda event: event.data.id + 1)
    assert call(app, headers=signed()).json() == 43
    assert parsed == [42]
    forged = call(app, headers=signed(), pieces=[b'{"id":43}'])
    assert (forged.status, forged.json()) == (400, {"detail": "webhook refused"})
    assert parsed == [42], "a forged body was parsed"
    for body, loc in [(b'{"id":"x"}', ["body", "id"]), (b"{", ["body"]), (b"", ["body"])]:
        answer = call(app, headers=signed(body), pieces=[body])
        assert (answer.status, answer.json()["detail"][0]["loc"]) == (422, loc)


def test_a_model_may_be_any_type() -> None:
    adapter: TypeAdapter[int | dict[str, int]] = TypeAdapter(int | dict[str, int])
    assert call(app_with(receive(verifier(), model=adapter), lambda event: event.data), headers=signed()).json() == {
        "id": 42
    }
    numbers = app_with(receive(verifier(), model=dict[str, int]), lambda event: event.data["id"])
    assert call(numbers, headers=signed()).json() == 42


def test_openapi_documents_headers_and_body() -> None:
    orders = receive(verifier(), model=OrderPaid)
    app = FastAPI()

    @app.post("/orders", openapi_extra=orders.openapi)
    async def paid(event: Annotated[WebhookEvent[OrderPaid], Depends(orders)]) -> None: ...

    operation = app.openapi()["paths"]["/orders"]["post"]
    assert [(it["name"], it["in"], it["required"]) for it in operation["parameters"]] == [
        ("X-Webhook-Signature", "header", True),
        ("X-Webhook-Id", "header", False),
        ("X-Webhook-Event", "header", False),
    ]
    assert operation["requestBody"]["required"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    assert schema["properties"]["id"] == {"title": "Id", "type": "integer"}
    item = schema["properties"]["items"]["items"]
    assert item["properties"]["name"] == {"title": "Name", "type": "string"}
    assert item["properties"]["parts"]["items"] == {"title": "Item"}
    assert "$ref" not in str(schema)
    assert {"400", "413", "422", "425"} <= operation["responses"].keys()
    standard = receive(Verifier("whsec_" + "A" * 32, scheme="standard-webhooks")).openapi
    assert all(it["required"] for it in standard["parameters"])


def test_a_scheme_of_forms() -> None:
    twilio = Verifier("twilio-token", scheme="twilio")
    hook = receive(twilio, public_url="https://shop.example")
    assert list(hook.openapi["requestBody"]["content"]) == ["application/x-www-form-urlencoded"]
    with refused("invalid_config", ConfigError) as info:
        receive(twilio, model=OrderPaid, public_url="https://shop.example")
    assert "forms" in info.value.message


def test_dependency_overrides() -> None:
    hook = receive(verifier())
    app = app_with(hook)
    event: WebhookEvent = WebhookEvent(b"{}", (), verifier().verify(BODY, signed()))
    app.dependency_overrides[hook] = lambda: event
    assert call(app).json() == "evt_1"
    app.dependency_overrides.clear()
    assert call(app).status == 400


Next = Callable[[Request], Awaitable[Response]]


async def passes(request: Request, call_next: Next) -> Response:
    return await call_next(request)


async def reads(request: Request, call_next: Next) -> Response:
    await request.json()
    return await call_next(request)


async def consumes(request: Request, call_next: Next) -> Response:
    async for _ in request.stream():
        pass
    return await call_next(request)


@pytest.mark.parametrize("dispatch", [passes, reads])
def test_under_a_global_middleware(dispatch: Any) -> None:
    app = app_with(receive(verifier()))
    app.add_middleware(BaseHTTPMiddleware, dispatch=dispatch)
    assert call(app, headers=signed(), pieces=[BODY[:3], BODY[3:]]).json() == "evt_1"
    assert call(app, pieces=[BODY[:3], BODY[3:]]).status == 400


def test_a_middleware_that_eats_the_body_is_named() -> None:
    app = app_with(receive(verifier()))
    app.add_middleware(BaseHTTPMiddleware, dispatch=consumes)
    with refused("body_not_bytes", VerificationError) as info:
        call(app, headers=signed() | {"Content-Length": str(len(BODY))})
    assert "first to read" in info.value.message


@pytest.mark.parametrize("parameter", [OrderPaid, Annotated[bytes, Body()], dict[str, int]])
def test_a_body_parameter_is_named(parameter: Any) -> None:
    app, hook = FastAPI(), receive(verifier())

    @app.post("/hooks")
    async def hooks(
        _event: Annotated[WebhookEvent, Depends(hook)],
        _order: parameter,  # pyright: ignore[reportInvalidTypeForm]  # FastAPI takes it
    ) -> None:
        raise AssertionError("the handler ran")

    with refused("body_not_bytes", VerificationError) as info:
        call(app, headers=signed() | {"Content-Type": "application/json"})
    assert "model=" in info.value.message


def test_others_may_read_the_body_too() -> None:
    app, hook = FastAPI(), receive(verifier())

    async def reader(request: Request) -> int:
        return len(await request.body())

    @app.post("/hooks")
    async def hooks(
        request: Request, size: Annotated[int, Depends(reader)], event: Annotated[WebhookEvent, Depends(hook)]
    ) -> Any:
        return [size, event.id, await request.json()]

    @app.post("/after")
    async def after(request: Request, event: Annotated[WebhookEvent, Depends(hook)]) -> Any:
        return [event.id, await request.json()]

    assert call(app, headers=signed()).json() == [9, "evt_1", {"id": 42}]
    assert call(app, "/after", headers=signed()).json() == ["evt_1", {"id": 42}]


def test_a_form_that_was_parsed_first_is_named() -> None:
    app, hook = FastAPI(), receive(verifier())

    async def reader(request: Request) -> None:
        async for _ in request.stream():
            pass

    @app.post("/hooks")
    async def hooks(_: Annotated[None, Depends(reader)], event: Annotated[WebhookEvent, Depends(hook)]) -> None: ...

    with refused("body_not_bytes", VerificationError):
        call(app, headers=signed())


def test_the_limit_is_counted_while_the_body_arrives() -> None:
    app = app_with(receive(verifier(), max_body=10))
    exact = b'{"id":420}'
    assert call(app, headers=signed(exact), pieces=[exact[:5], exact[5:]]).status == 200
    chunked = call(app, headers=signed(), pieces=[b"12345678", b"901", b"never", b"read"])
    assert (chunked.status, chunked.unread) == (413, 2)
    announced = call(app, headers=signed() | {"Content-Length": "11"}, pieces=[b"1", b"2"])
    assert (announced.status, announced.unread) == (413, 2)
    lying = call(app, headers=signed() | {"Content-Length": "3"}, pieces=[b"12345678", b"901", b"never"])
    assert (lying.status, lying.unread) == (413, 1)
    assert call(app_with(receive(verifier(), max_body=0)), headers=signed(b""), pieces=[b""]).status == 200


def test_a_sender_that_leaves_is_not_handled() -> None:
    seen: list[WebhookEvent] = []
    app = app_with(receive(verifier()), seen.append)
    assert call(app, headers=signed(), pieces=[BODY], leaves=True).status == 400
    assert seen == []


def fails(_event: WebhookEvent) -> None:
    raise ZeroDivisionError


def is_unavailable(_event: WebhookEvent) -> None:
    raise HTTPException(503)


def releases(event: WebhookEvent) -> Response:
    event.release()
    event.release()
    return JSONResponse(None, 503)


def status_of(app: FastAPI, headers: dict[str, str]) -> int:
    try:
        return call(app, headers=headers).status
    except ZeroDivisionError:
        return 500


@pytest.mark.parametrize(("handler", "status"), [(fails, 500), (is_unavailable, 503), (releases, 503)])
def test_a_copy_of_what_was_not_handled_is_let_in(handler: Callable[[WebhookEvent], Any], status: int) -> None:
    handlers: Iterator[Callable[[WebhookEvent], Any]] = iter([handler, handler, lambda event: event.id])
    app = app_with(receive(verifier(guarded=True)), lambda event: next(handlers)(event))
    headers = signed()
    assert [status_of(app, headers) for _ in range(4)] == [status, status, 200, 425]


def test_a_status_that_the_handler_sets_counts() -> None:
    app, hook, statuses = FastAPI(), receive(verifier(guarded=True)), [503, 202]

    @app.post("/hooks")
    async def hooks(_event: Annotated[WebhookEvent, Depends(hook)], response: Response) -> None:
        response.status_code = statuses.pop(0)

    headers = signed()
    assert [call(app, headers=headers).status for _ in range(3)] == [503, 202, 425]


def test_a_copy_of_what_does_not_validate_is_let_in() -> None:
    app = app_with(receive(verifier(guarded=True), model=list[int]))
    headers = signed()
    assert [call(app, headers=headers).status for _ in range(2)] == [422, 422]


def test_a_full_guard_is_answered_503() -> None:
    app = app_with(receive(Verifier("whsec_demo", replay=ReplayGuard(2))))
    assert call(app, headers=signed()).status == 200
    full = call(app, headers=Signer("whsec_demo").sign(BODY, id="evt_2", event_type="a.b"))
    assert (full.status, full.headers["retry-after"]) == (503, "60")


def url_answer(url: str, path: str, **scope: Any) -> Answer:
    secret = "square-key"
    app = app_with(
        receive(Verifier(secret, scheme="square"), public_url="https://shop.example/"), lambda event: event.json()
    )
    headers = Signer(secret, scheme="square").sign(BODY, url=url) | {"Host": "evil.example"}
    return call(app, path, headers=headers, **scope)


def test_the_public_url_is_signed() -> None:
    assert url_answer("https://shop.example/hooks", "/hooks").status == 200
    assert url_answer("https://evil.example/hooks", "/hooks").status == 400
    assert url_answer("https://shop.example/hooks?a=%20b", "/hooks", query_string=b"a=%20b").status == 200
    assert url_answer("https://shop.example/%68ooks", "/hooks", raw_path=b"/%68ooks").status == 200
    assert url_answer("https://shop.example/hooks", "/hooks", raw_path=None).status == 200


def test_a_scheme_that_signs_the_url_needs_one() -> None:
    with refused("invalid_config", ConfigError) as info:
        receive(Verifier("square-key", scheme="square"))
    assert "public_url" in info.value.message


@pytest.mark.parametrize(
    "url", ["shop.example", "https://shop.example/hooks", "ftp://a", "https://a?b", "https://", 7, b"https://a"]
)
def test_public_urls_that_can_not_be(url: Any) -> None:
    with refused("invalid_config", ConfigError):
        receive(verifier(), public_url=url)


@pytest.mark.parametrize("limit", [-1, True, 1.5, "1", None])
def test_limits_that_can_not_be(limit: Any) -> None:
    with refused("invalid_config", ConfigError):
        receive(verifier(), max_body=limit)


def test_a_secret_is_no_verifier() -> None:
    with refused("invalid_config", ConfigError):
        receive("whsec_demo")  # type: ignore[call-overload]  # the mistake under test


def test_the_lifespan_opens_and_closes_a_sender() -> None:
    made: list[AsyncSender] = []

    def make() -> AsyncSender:
        made.append(AsyncSender())
        return made[-1]

    async def live() -> None:
        async with sender_lifespan(make)(FastAPI()) as state:
            request = Request({"type": "http", "state": dict(state)})
            assert sender_of(request) is made[0]
        assert made[0].unfinished == 0
        with refused("closed", SendError):
            made[0].enqueue(Endpoint("https://shop.example", secrets=["whsec_demo"]), "a.b", {})

    asyncio.run(live())
    with pytest.raises(LookupError, match="sender_lifespan"):
        sender_of(Request({"type": "http", "state": {}}))


def test_the_newcomers_app(tmp_path: Path) -> None:
    block = re.search(r"(?ms)^A FastAPI receiver.*?^```python\n(.*?)^```$", README.read_text("utf-8"))
    assert block is not None
    assert len(block[1].splitlines()) < 15
    (tmp_path / "app.py").write_text(block[1], "utf-8")
    with running_app("the README", tmp_path, ["-m", "uvicorn", "app:app", "--port", "0"]) as program:
        app = Receiver(program, "/hooks")
        headers = signed()
        assert app.post(b'{"id":43}', headers).status == 400
        assert app.post(BODY, headers).status == 200
        assert program.printed.get(timeout=10) == "evt_1 order.paid {'id': 42}\n"
        assert program.printed.empty()


FRAMEWORKS = {
    "fastapi": "fastapi",
    "starlette": "starlette",
    "flask": "flask",
    "django": "django",
    "drf": "rest_framework",
}


@pytest.mark.parametrize("module", FRAMEWORKS)
def test_a_missing_framework_is_named(module: str) -> None:
    code = f"""
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "django_settings"
sys.path.insert(0, {str(Path(__file__).parent)!r})
import hookseal.asgi, hookseal.aws_lambda
assert not {{"fastapi", "starlette", "flask", "django", "rest_framework"}} & sys.modules.keys()
sys.modules[{FRAMEWORKS[module]!r}] = None
try:
    import hookseal.{module}
except ImportError as error:
    print(error)
"""
    child = run_child(code)
    assert f"pip install 'hookseal[{module}]'" in child.stdout, child
