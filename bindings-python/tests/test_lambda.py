"""The AWS Lambda handler, given what API Gateway, function URLs and load balancers hand over."""

from __future__ import annotations

import base64
import importlib.util
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from asgi_call import BODY, signed, verifier
from conftest import refused
from hookseal import ConfigError, Signer, Verifier
from hookseal.aws_lambda import WebhookEvent, receive

EXAMPLE = Path(__file__).parents[2] / "examples" / "aws_lambda" / "app.py"
REFUSED = {
    "statusCode": 400,
    "headers": {"Content-Type": "application/json"},
    "body": '{"error":"webhook refused"}',
}

Event = dict[str, Any]


def rest_api(body: bytes, headers: dict[str, str]) -> Event:
    """REST API, version 1.0 of the format: headers once as they came and once as lists."""
    return {
        "resource": "/hooks",
        "path": "/hooks",
        "httpMethod": "POST",
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "requestContext": {"path": "/prod/hooks", "stage": "prod"},
        "body": body.decode(),
        "isBase64Encoded": False,
    }


def http_api(body: bytes, headers: dict[str, str]) -> Event:
    """HTTP API and function URLs, version 2.0 of the format: lower-case headers, binary bodies."""
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/hooks",
        "rawQueryString": "",
        "headers": {name.lower(): value for name, value in headers.items()},
        "requestContext": {"http": {"method": "POST", "path": "/hooks"}},
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }


def balancer(body: bytes, headers: dict[str, str]) -> Event:
    """Application load balancer with multi-value headers: no single ones."""
    return {
        "requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:target"}},
        "httpMethod": "POST",
        "path": "/hooks",
        "multiValueQueryStringParameters": {},
        "multiValueHeaders": {name.lower(): [value] for name, value in headers.items()},
        "body": body.decode(),
        "isBase64Encoded": False,
    }


SOURCES = [rest_api, http_api, balancer]
Source = Callable[[bytes, dict[str, str]], Event]


@pytest.mark.parametrize("source", SOURCES)
def test_the_example(source: Source, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOKSEAL_SECRET", "whsec_demo")
    spec = importlib.util.spec_from_file_location("lambda_example", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    headers = signed()
    forged = [(b'{"id":43}', headers), (b'{"id": 42}', headers), (BODY[:-1], headers), (b"", headers), (BODY, {})]
    assert [example.handler(source(body, sent), None) for body, sent in forged] == [REFUSED] * 5
    assert example.handler(source(BODY, headers), None) == {"statusCode": 204}
    assert capsys.readouterr().out == "evt_1 order.paid {'id': 42}\n"
    assert example.handler(source(BODY, headers), None)["statusCode"] == 425
    large = b"x" * (1024 * 1024 + 1)
    assert example.handler(source(large, signed(large)), None)["statusCode"] == 413
    json.dumps(example.handler(source(BODY, {}), None))


def handler_of(answer: Callable[[WebhookEvent], Any], **options: Any) -> Callable[[Mapping[str, Any], Any], Any]:
    return receive(options.pop("verifier", verifier()), **options)(lambda event, _context: answer(event))


def test_the_context_is_passed_on() -> None:
    @receive(verifier())
    def handler(event: WebhookEvent, context: str) -> dict[str, Any]:
        return {"statusCode": 200, "body": f"{event.id} {context}"}

    assert handler(http_api(BODY, signed()), "c") == {"statusCode": 200, "body": "evt_1 c"}


def test_a_doubled_header_is_refused() -> None:
    event = rest_api(BODY, signed())
    event["multiValueHeaders"]["X-Webhook-Signature"] *= 2
    assert handler_of(lambda _: None)(event, None) == REFUSED
    joined = http_api(BODY, signed())
    joined["headers"]["x-webhook-signature"] += "," + joined["headers"]["x-webhook-signature"]
    assert handler_of(lambda _: None)(joined, None) == REFUSED


def test_an_empty_body() -> None:
    event = http_api(b"", signed(b"")) | {"isBase64Encoded": False}
    assert handler_of(lambda _: None)(event | {"body": None}, None) == {"statusCode": 204}
    del event["body"]
    assert handler_of(lambda _: None)(event, None) == {"statusCode": 204}


@pytest.mark.parametrize("text", ["*", "YQ", "eyJpZCI6NDJ9\n", "é"])
def test_a_body_that_is_no_base64(text: str) -> None:
    assert handler_of(lambda _: None)(http_api(BODY, signed()) | {"body": text}, None) == REFUSED


def test_a_body_that_is_no_unicode() -> None:
    assert handler_of(lambda _: None)(rest_api(BODY, signed()) | {"body": "\ud800"}, None) == REFUSED


@pytest.mark.parametrize("event", [{}, {"Records": [{"body": "{}"}]}, {"headers": None}])
def test_what_is_no_request_is_named(event: Event) -> None:
    with refused("invalid_config", ConfigError) as info:
        handler_of(lambda _: None)(event, None)
    assert "no HTTP request" in info.value.message


def test_a_copy_of_what_was_not_answered_well_is_let_in() -> None:
    def fails(_event: WebhookEvent) -> None:
        raise ZeroDivisionError

    answers: Iterator[Callable[[WebhookEvent], Any]] = iter(
        [fails, lambda _: {"statusCode": 503}, lambda _: {"answered": True}, fails]
    )
    handler = handler_of(lambda event: next(answers)(event), verifier=verifier(guarded=True))
    event = http_api(BODY, signed())
    with pytest.raises(ZeroDivisionError):
        handler(event, None)
    assert handler(event, None) == {"statusCode": 503}
    assert handler(event, None) == {"answered": True}
    assert handler(event, None)["statusCode"] == 425


@pytest.mark.parametrize(
    ("source", "changes", "target"),
    [
        (http_api, {"rawQueryString": "a=%20b&a=c"}, "/hooks?a=%20b&a=c"),
        (rest_api, {"multiValueQueryStringParameters": {"a": ["x y", "c"]}}, "/prod/hooks?a=x+y&a=c"),
        (rest_api, {"requestContext": {}, "queryStringParameters": {"a": "b"}}, "/hooks?a=b"),
        (balancer, {"multiValueQueryStringParameters": {"a": ["%20b", "c"]}}, "/hooks?a=%20b&a=c"),
        (balancer, {"queryStringParameters": {"a": "%20b"}}, "/hooks?a=%20b"),
    ],
)
def test_the_public_url_is_signed(source: Source, changes: Event, target: str) -> None:
    handler = handler_of(
        lambda _: None, verifier=Verifier("square-key", scheme="square"), public_url="https://shop.example"
    )
    for url, status in [(f"https://shop.example{target}", 204), (f"https://evil.example{target}", 400)]:
        headers = Signer("square-key", scheme="square").sign(BODY, url=url)
        assert handler(source(BODY, headers) | changes, None)["statusCode"] == status


def test_a_url_that_is_no_unicode_is_refused() -> None:
    handler = handler_of(
        lambda _: None, verifier=Verifier("square-key", scheme="square"), public_url="https://shop.example"
    )
    new: list[Event] = [{"rawPath": "/\ud800"}, {"rawQueryString": "\ud800"}]
    for changes in new:
        assert handler(http_api(BODY, {}) | changes, None) == REFUSED
    old: list[Event] = [{"requestContext": {"path": "/\ud800"}}, {"queryStringParameters": {"\ud800": "\ud800"}}]
    for changes in old:
        assert handler(rest_api(BODY, {"X-Square-HmacSha256-Signature": "AA=="}) | changes, None) == REFUSED


@pytest.mark.parametrize("options", [{"max_body": -1}, {"public_url": "shop"}, {"verifier": None}])
def test_options_that_can_not_be(options: dict[str, Any]) -> None:
    with refused("invalid_config", ConfigError):
        receive(**{"verifier": verifier(), **options})
