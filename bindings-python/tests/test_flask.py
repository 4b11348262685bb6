"""The Flask decorator."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgi_call import BODY, signed, verifier
from conftest import refused
from flask import Flask, abort, request
from flask.testing import FlaskClient
from flask.views import MethodView
from hookseal import ConfigError, Signer, VerificationError, Verifier
from hookseal.flask import WebhookEvent, receive
from werkzeug.test import TestResponse

FORM = "application/x-www-form-urlencoded"


def client_of(view: Callable[..., Any], **options: Any) -> FlaskClient:
    app = Flask("shop", static_folder=None)
    app.testing = True
    app.post("/hooks/<name>")(receive(options.pop("verifier", verifier()), **options)(view))
    return app.test_client()


def shows(event: WebhookEvent, name: str) -> dict[str, Any]:
    return {"id": event.id, "type": event.type, "data": event.json(), "name": name, "again": request.json}


async def shows_async(event: WebhookEvent, name: str) -> dict[str, Any]:
    return shows(event, name)


def post(
    client: FlaskClient, body: bytes = BODY, headers: dict[str, str] | None = None, **options: Any
) -> TestResponse:
    headers = signed(body) if headers is None else headers
    return client.post("/hooks/a", data=body, headers=headers, **{"content_type": "application/json", **options})


@pytest.mark.parametrize("view", [shows, shows_async])
def test_a_decorated_view(view: Any) -> None:
    client = client_of(view)
    expected = {"id": "evt_1", "type": "order.paid", "data": {"id": 42}, "name": "a", "again": {"id": 42}}
    assert post(client).json == expected
    forged = post(client, b"{}", signed())
    assert (forged.status_code, forged.json, forged.mimetype) == (400, {"error": "webhook refused"}, "application/json")


def test_a_view_of_a_class() -> None:
    class Hooks(MethodView):
        @receive(verifier())
        def post(self, event: WebhookEvent, name: str) -> str:
            return f"{event.id} {name}"

    app = Flask("shop", static_folder=None)
    app.add_url_rule("/hooks/<name>", view_func=Hooks.as_view("hooks"))
    assert app.test_client().post("/hooks/a", data=BODY, headers=signed()).text == "evt_1 a"


def test_a_form_is_verified_before_it_is_parsed() -> None:
    body = b"id=42"

    def view(_event: WebhookEvent, name: str) -> str:
        return f"{name} {request.form['id']}"

    assert post(client_of(view), body, content_type=FORM).text == "a 42"


@pytest.mark.parametrize("read", [lambda: request.form, lambda: request.files, lambda: request.stream.read()])
def test_a_body_that_was_eaten_is_named(read: Callable[[], object]) -> None:
    client = client_of(shows)
    client.application.before_request(lambda: (read(), None)[1])
    with refused("body_not_bytes", VerificationError) as info:
        post(client, b"id=42", content_type=FORM)
    assert "request.get_data() first" in info.value.message


def test_a_hook_that_keeps_the_body_does_no_harm() -> None:
    client = client_of(lambda event, name: event.body + name[:0].encode())
    client.application.before_request(lambda: (request.get_data(), request.form, None)[2])
    assert post(client, b"id=42", content_type=FORM).data == b"id=42"


class Endless(io.RawIOBase):
    """A stream without an end, of which only so much may be read."""

    def __init__(self, allowed: int) -> None:
        self.left = allowed

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.left -= len(buffer)
        assert self.left >= 0, "read beyond the limit"
        buffer[:] = b"x" * len(buffer)
        return len(buffer)


def test_the_limit() -> None:
    exact = b'{"id":420}'
    client = client_of(shows, max_body=10)
    assert post(client, exact).status_code == 200
    assert post(client, exact + b" ").status_code == 413
    stream = {"wsgi.input": Endless(11), "wsgi.input_terminated": True}
    endless = client.post("/hooks/a", headers=signed(), environ_overrides=stream)
    assert (endless.status_code, endless.json) == (413, {"error": "webhook refused"})
    client.application.config["MAX_CONTENT_LENGTH"] = 5
    assert post(client, exact).status_code == 413


def test_a_body_that_stops_short_is_refused() -> None:
    client = client_of(shows)
    for terminated in [{}, {"wsgi.input_terminated": True}]:
        environ = {"wsgi.input": io.BytesIO(BODY), "CONTENT_LENGTH": "90", **terminated}
        assert client.post("/hooks/a", headers=signed(), environ_overrides=environ).status_code == 400


def test_a_copy_of_what_was_not_answered_well_is_let_in() -> None:
    def fail(_event: WebhookEvent, **_: str) -> str:
        raise ZeroDivisionError

    def unavailable(_event: WebhookEvent, **_: str) -> str:
        abort(503)

    views: Iterator[Callable[..., Any]] = iter(
        [fail, unavailable, lambda _event, name: (name, 500), lambda _event, name: (name, 202)]
    )
    client = client_of(lambda event, name: next(views)(event, name=name), verifier=verifier(guarded=True))
    headers = signed()
    with pytest.raises(ZeroDivisionError):
        post(client, headers=headers)
    assert [post(client, headers=headers).status_code for _ in range(4)] == [503, 500, 202, 425]


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({}, "https://shop.example/hooks/a?b=%20c"),
        ({"REQUEST_URI": "/hooks/%61?b=+c"}, "https://shop.example/hooks/%61?b=+c"),
        ({"RAW_URI": "http://evil.example/hooks/a"}, "https://shop.example/hooks/a?b=%20c"),
    ],
)
def test_the_public_url_is_signed(environ: dict[str, str], url: str) -> None:
    shop = Verifier("square-key", scheme="square")
    client = client_of(shows, verifier=shop, public_url="https://shop.example")
    headers = Signer("square-key", scheme="square").sign(BODY, url=url)
    answer = client.post(
        "/hooks/a",
        data=BODY,
        headers=headers,
        content_type="application/json",
        environ_overrides={
            "REQUEST_URI": "",
            "RAW_URI": "",
            "QUERY_STRING": "b=%20c",
            "HTTP_HOST": "evil.example",
            **environ,
        },
    )
    assert answer.status_code == 200


@pytest.mark.parametrize("options", [{"max_body": -1}, {"public_url": "shop"}, {"verifier": None}])
def test_options_that_can_not_be(options: dict[str, Any]) -> None:
    with refused("invalid_config", ConfigError):
        receive(**{"verifier": verifier(), **options})
