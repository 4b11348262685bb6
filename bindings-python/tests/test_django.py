"""The Django decorator and the DRF authentication class."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Callable, Iterator
from typing import Any

os.environ["DJANGO_SETTINGS_MODULE"] = "django_settings"

import django
import pytest
from asgi_call import BODY, call, signed, verifier
from conftest import refused
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.test import RequestFactory
from django.urls import path
from django.views import View
from hookseal import ConfigError, ReplayGuard, Signer, VerificationError, Verifier
from hookseal.django import WebhookEvent, receive
from hookseal.drf import WebhookAuthentication, event_of
from rest_framework.exceptions import APIException
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

django.setup()

FORM = "application/x-www-form-urlencoded"
PARTS = "multipart/form-data; boundary=x"
shop = verifier()


def request_of(
    body: bytes = BODY, headers: dict[str, str] | None = None, stream: io.BytesIO | None = None, **options: Any
) -> WSGIRequest:
    headers = signed(body) if headers is None else headers
    options = {"content_type": "application/json", **options}
    if stream is not None:
        options["wsgi.input"] = stream
    return RequestFactory().generic("POST", "/hooks", body, headers=headers, **options)


@receive(shop)
def shows(request: HttpRequest, event: WebhookEvent, name: str = "") -> HttpResponse:
    assert request.body == event.body
    return HttpResponse(f"{event.id} {event.type} {event.json()} {name}".rstrip())


@receive(shop)
async def shows_async(_request: HttpRequest, event: WebhookEvent, name: str = "") -> HttpResponse:
    return HttpResponse(f"{event.id} {event.type} {event.json()} {name}".rstrip())


class Shows(View):
    def post(self, _request: HttpRequest, event: WebhookEvent) -> HttpResponse:
        return HttpResponse(event.id)


class ShowsAsync(View):
    async def post(self, _request: HttpRequest, event: WebhookEvent) -> HttpResponse:
        return HttpResponse(event.id)


urlpatterns = [path("hooks", shows_async), path("sync", shows)]


def test_a_decorated_view() -> None:
    assert shows(request_of(), name="a").content == b"evt_1 order.paid {'id': 42} a"
    forged = shows(request_of(b"{}", signed()))
    assert (forged.status_code, forged.content) == (400, b'{"error":"webhook refused"}')
    assert forged["Content-Type"] == "application/json"


def test_a_decorated_async_view() -> None:
    async def both() -> None:
        assert (await shows_async(request_of(), name="a")).content == b"evt_1 order.paid {'id': 42} a"
        assert (await shows_async(request_of(b"{}", signed()))).status_code == 400

    asyncio.run(both())


def test_views_of_classes() -> None:
    view: Callable[..., Any] = receive(shop)(Shows.as_view())
    assert view(request_of()).content == b"evt_1"
    async_view: Callable[..., Any] = receive(shop)(ShowsAsync.as_view())

    async def await_it() -> bytes:
        content: bytes = (await async_view(request_of())).content
        return content

    assert asyncio.run(await_it()) == b"evt_1"


@pytest.mark.parametrize("view", [shows, shows_async, receive(shop)(Shows.as_view())])
def test_views_need_no_csrf_token(view: Callable[..., Any]) -> None:
    protection = CsrfViewMiddleware(HttpResponse)
    request = request_of()
    protection.process_request(request)
    assert protection.process_view(request, view, (), {}) is None
    unprotected = protection.process_view(request, HttpResponse, (), {})
    assert unprotected is not None
    assert unprotected.status_code == 403


def test_the_application_under_asgi() -> None:
    app = ASGIHandler()
    for route in ["/hooks", "/sync"]:
        assert call(app, route, headers=signed(), pieces=[BODY[:3], BODY[3:]], waits=True).body.startswith(
            b"evt_1 order.paid"
        )
        assert call(app, route, headers=signed(), pieces=[b"{}"], waits=True).status == 400
        large = [b"x" * 500_000] * 3
        assert call(app, route, headers=signed(b"".join(large)), pieces=large, waits=True).status == 413


PART = b'--x\r\nContent-Disposition: form-data; name="id"\r\n\r\n42\r\n--x--\r\n'


@pytest.mark.parametrize("read", [lambda it: it.POST, lambda it: it.FILES, lambda it: it.read()])
def test_a_body_that_was_eaten_is_named(read: Callable[[HttpRequest], object]) -> None:
    request = request_of(PART, content_type=PARTS)
    read(request)
    with refused("body_not_bytes", VerificationError) as info:
        shows(request)
    assert "request.body first" in info.value.message


def test_a_form_is_verified_before_it_is_parsed() -> None:
    @receive(shop)
    def view(request: HttpRequest, _event: WebhookEvent) -> HttpResponse:
        return HttpResponse(request.POST["id"])

    assert view(request_of(b"id=42", content_type=FORM)).content == b"42"
    assert view(request_of(PART, content_type=PARTS)).content == b"42"
    kept = request_of(b"id=42", content_type=FORM)
    assert kept.POST  # Django keeps the body of such a form
    assert view(kept).content == b"42"


def test_the_limit() -> None:
    exact = b'{"id":420}'
    view = receive(shop, max_body=10)(lambda _, event: HttpResponse(event.body))
    assert view(request_of(exact)).status_code == 200
    assert view(request_of(exact + b" ")).status_code == 413
    announced = request_of(exact, CONTENT_LENGTH="11", stream=Unread())
    assert view(announced).status_code == 413
    generous = receive(shop, max_body=10_000_000)(lambda _, event: HttpResponse(event.body))
    assert generous(request_of(b"x" * 2_000_001)).status_code == 413


class Unread(io.BytesIO):
    def read(self, *_: Any) -> bytes:
        raise AssertionError("the body was read")


class Broken(io.BytesIO):
    def read(self, *_: Any) -> bytes:
        raise OSError("connection reset")


def test_a_body_that_stops_short_is_refused() -> None:
    assert shows(request_of(CONTENT_LENGTH="90", stream=io.BytesIO(BODY))).status_code == 400
    assert shows(request_of(stream=Broken())).status_code == 400


def raises(error: BaseException) -> HttpResponse:
    raise error


OUTCOMES: list[Callable[[], HttpResponse]] = [
    lambda: raises(ZeroDivisionError()),
    lambda: raises(Http404()),
    lambda: HttpResponse(status=503),
    lambda: HttpResponse(status=301),
    lambda: HttpResponse(status=202),
]


def statuses(view: Callable[[HttpRequest], Any], headers: dict[str, str], count: int) -> list[int]:
    def once() -> int:
        try:
            status: int = view(request_of(headers=headers)).status_code
        except (ZeroDivisionError, Http404) as error:
            return 404 if isinstance(error, Http404) else 500
        return status

    return [once() for _ in range(count)]


def test_a_copy_of_what_was_not_answered_well_is_let_in() -> None:
    outcomes = iter(OUTCOMES)
    view = receive(verifier(guarded=True))(lambda *_: next(outcomes)())
    assert statuses(view, signed(), 6) == [500, 404, 503, 301, 202, 425]


def test_a_copy_of_what_an_async_view_did_not_answer_well_is_let_in() -> None:
    outcomes = iter(OUTCOMES)

    @receive(verifier(guarded=True))
    async def view(_request: HttpRequest, _event: WebhookEvent) -> HttpResponse:
        return next(outcomes)()

    assert statuses(lambda request: asyncio.run(view(request)), signed(), 6) == [500, 404, 503, 301, 202, 425]


def test_the_public_url_is_signed() -> None:
    url = "https://shop.example/hooks?a=%20b"
    headers = Signer("square-key", scheme="square").sign(BODY, url=url) | {"Host": "evil.example"}
    view = receive(Verifier("square-key", scheme="square"), public_url="https://shop.example")(Shows.as_view())
    assert view(request_of(headers=headers, QUERY_STRING="a=%20b")).status_code == 200
    assert view(request_of(headers=headers, QUERY_STRING="a=%20c")).status_code == 400


@pytest.mark.parametrize("options", [{"max_body": -1}, {"public_url": "shop"}, {"verifier": None}])
def test_options_that_can_not_be(options: dict[str, Any]) -> None:
    with refused("invalid_config", ConfigError):
        receive(**{"verifier": shop, **options})


class FromShop(WebhookAuthentication):
    verifier = shop


class Hooks(APIView):
    authentication_classes = (FromShop,)
    permission_classes = (IsAuthenticated,)

    def post(self, request: Request) -> Response:
        event = event_of(request)
        return Response({"id": event.id, "type": event.type, "data": request.data, "who": str(request.user)})


def data_of(response: Any) -> Any:
    return response.data


def test_drf_authenticates_by_signature() -> None:
    view = Hooks.as_view()
    assert data_of(view(request_of())) == {
        "id": "evt_1",
        "type": "order.paid",
        "data": {"id": 42},
        "who": "webhook sender",
    }
    for body, headers in [(b"{}", signed()), (BODY, {}), (b"{", signed())]:
        forged = view(request_of(body, headers))
        assert (forged.status_code, data_of(forged)) == (400, {"detail": "webhook refused"})
    assert view(request_of(b"x" * 1_048_577)).status_code == 413


def test_drf_needs_no_csrf_token() -> None:
    protection = CsrfViewMiddleware(HttpResponse)
    assert protection.process_view(request_of(), Hooks.as_view(), (), {}) is None


def test_drf_lets_a_copy_in_when_the_view_fails() -> None:
    class FromGuarded(WebhookAuthentication):
        verifier = verifier(guarded=True)

    class Denied(BasePermission):
        def has_permission(self, request: Request, view: APIView) -> bool:  # noqa: ARG002 - named by DRF
            return next(permitted)

    class Failing(APIView):
        authentication_classes = (FromGuarded,)
        permission_classes = (Denied,)

        def post(self, _request: Request) -> Response:
            return next(outcomes)()

    def fails(error: Exception) -> Response:
        raise error

    permitted = iter([False, True, True, True, True])
    outcomes: Iterator[Callable[[], Response]] = iter(
        [
            lambda: fails(ZeroDivisionError()),
            lambda: fails(APIException()),
            lambda: Response(status=503),
            lambda: Response(status=202),
        ]
    )
    assert statuses(Failing.as_view(), signed(), 6) == [403, 500, 500, 503, 202, 425]


def test_drf_says_when_to_come_back_to_a_full_guard() -> None:
    class FromFull(WebhookAuthentication):
        verifier = Verifier("whsec_demo", replay=ReplayGuard(2))

    class Full(APIView):
        authentication_classes = (FromFull,)

        def post(self, _request: Request) -> Response:
            return Response(status=204)

    view = Full.as_view()
    assert view(request_of()).status_code == 204
    full = view(request_of(b"[]"))
    assert (full.status_code, full["Retry-After"]) == (503, "60")


def test_drf_options_that_can_not_be() -> None:
    with refused("invalid_config", ConfigError):
        type("FromNowhere", (WebhookAuthentication,), {"verifier": Verifier("square-key", scheme="square")})


def test_drf_without_the_authentication_there_is_no_event() -> None:
    with pytest.raises(LookupError, match="authentication_classes"):
        event_of(Request(request_of()))
