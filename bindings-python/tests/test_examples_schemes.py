"""Requests of every scheme, through every adapter: what one accepts all accept, and what one refuses all refuse."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

os.environ["DJANGO_SETTINGS_MODULE"] = "django_settings"

import pytest
import rest_framework.response
from asgi_call import call
from django.http import HttpResponse
from django.test import RequestFactory
from flask import Flask
from hookseal import Scheme, Verifier, asgi, aws_lambda, django, drf, fastapi, flask
from hookseal.testing import SignedRequest, signed_request
from rest_framework.request import Request
from rest_framework.views import APIView
from starlette.responses import Response
from test_fastapi import app_with as fastapi_with
from test_starlette import app_with as starlette_with

PAYLOADS: dict[str, Any] = {"twilio": {"From": "+1 555", "Body": "née & co"}}
ORIGIN = "https://shop.example"
TARGET = "/hooks?a=%20b&c=d"


async def answers(_scope: Any, _receive: Any, send: Callable[[Any], Any]) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})


def with_asgi(app: Any, request: SignedRequest) -> int:
    parts = urlsplit(request.url)
    return call(
        app, parts.path, headers=request.headers, pieces=[request.body], query_string=parts.query.encode()
    ).status


def through_asgi(verifier: Verifier, request: SignedRequest) -> int:
    return with_asgi(asgi.WebhookMiddleware(answers, verifier, public_url=ORIGIN), request)


def through_fastapi(verifier: Verifier, request: SignedRequest) -> int:
    app = fastapi_with(fastapi.receive(verifier, public_url=ORIGIN), lambda _: Response(status_code=204))
    return with_asgi(app, request)


def through_starlette(verifier: Verifier, request: SignedRequest) -> int:
    app = starlette_with(lambda *_: Response(status_code=204), verifier=verifier, public_url=ORIGIN)
    return with_asgi(app, request)


def through_flask(verifier: Verifier, request: SignedRequest) -> int:
    app = Flask("shop", static_folder=None)
    app.post("/hooks")(flask.receive(verifier, public_url=ORIGIN)(lambda _event: ("", 204)))
    target = request.url.removeprefix(ORIGIN)
    return app.test_client().post(target, data=request.body, headers=request.headers).status_code


def with_view(view: Callable[..., Any], request: SignedRequest) -> int:
    target, kind = request.url.removeprefix(ORIGIN), request.headers["Content-Type"]
    status: int = view(
        RequestFactory().generic("POST", target, request.body, kind, headers=request.headers)
    ).status_code
    return status


def through_django(verifier: Verifier, request: SignedRequest) -> int:
    return with_view(django.receive(verifier, public_url=ORIGIN)(lambda *_: HttpResponse(status=204)), request)


def through_drf(verifier: Verifier, request: SignedRequest) -> int:
    known = type("Known", (drf.WebhookAuthentication,), {"verifier": verifier, "public_url": ORIGIN})

    class Hooks(APIView):
        authentication_classes = (known,)

        def post(self, request: Request) -> rest_framework.response.Response:
            assert drf.event_of(request).body == request.body
            return rest_framework.response.Response(status=204)

    return with_view(Hooks.as_view(), request)


def through_lambda(verifier: Verifier, request: SignedRequest) -> int:
    parts = urlsplit(request.url)
    handler = aws_lambda.receive(verifier, public_url=ORIGIN)(lambda *_: None)
    event = {
        "rawPath": parts.path,
        "rawQueryString": parts.query,
        "headers": request.headers,
        "body": request.body.decode(),
    }
    status: int = handler(event, None)["statusCode"]
    return status


ADAPTERS = [
    through_asgi,
    through_fastapi,
    through_starlette,
    through_flask,
    through_django,
    through_drf,
    through_lambda,
]


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize("name", Scheme.names())
def test_a_request_of_each_scheme(name: str, adapter: Callable[[Verifier, SignedRequest], int]) -> None:
    request = signed_request(PAYLOADS.get(name, {"id": 42}), scheme=name, url=ORIGIN + TARGET)
    verifier = Verifier(request.secret, scheme=name)
    assert adapter(verifier, request) == 204
    assert adapter(verifier, request.tampered()) == (400 if verifier.scheme.signs_body else 204)
    assert adapter(verifier, replace(request, headers={"Content-Type": "application/json"})) == 400
    elsewhere = replace(request, url=f"{ORIGIN}/hooks?a=b")
    assert adapter(verifier, elsewhere) == (400 if verifier.scheme.signs_url else 204)
