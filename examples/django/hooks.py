"""The views: a plain one, an async one, and one of Django REST framework."""

import os

from django.http import HttpRequest, HttpResponse
from django.urls import path
from hookseal import ReplayGuard, Verifier
from hookseal.django import WebhookEvent, receive
from hookseal.drf import WebhookAuthentication, event_of
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

shop = Verifier(os.environ.get("HOOKSEAL_SECRET", ""), replay=ReplayGuard())


@receive(shop)
def hooks(_request: HttpRequest, event: WebhookEvent) -> HttpResponse:
    """Any event."""
    print(event.id, event.type, event.json(), flush=True)
    return HttpResponse(status=204)


@receive(shop)
async def async_hooks(_request: HttpRequest, event: WebhookEvent) -> HttpResponse:
    """Any event, in an async view."""
    print(event.id, event.type, event.json(), flush=True)
    return HttpResponse(status=204)


class FromShop(WebhookAuthentication):
    """Whoever holds the shop's secret."""

    verifier = shop


class RestHooks(APIView):
    """Any event; `request.data` is parsed after it was verified."""

    authentication_classes = (FromShop,)
    permission_classes = (IsAuthenticated,)

    def post(self, request: Request) -> Response:
        """Shows the event."""
        event = event_of(request)
        print(event.id, event.type, request.data, flush=True)
        return Response(status=204)


urlpatterns = [path("hooks", hooks), path("async", async_hooks), path("rest", RestHooks.as_view())]
