"""Django REST framework: an authentication class whose credential is the signature of the request.

```python
from hookseal import Verifier
from hookseal.drf import WebhookAuthentication, event_of

class FromShop(WebhookAuthentication):
    verifier = Verifier("whsec_demo")

class Hooks(APIView):
    authentication_classes = (FromShop,)
    permission_classes = (IsAuthenticated,)

    def post(self, request: Request) -> Response:
        event = event_of(request)
        print(event.id, event.type, event.json())
        return Response(status=204)
```
"""

from __future__ import annotations

from typing import Any, ClassVar

from ._native import Verifier
from ._receive import MAX_BODY, REFUSED, Receiver, RefusedError, WebhookEvent, missing
from .django import accept

try:
    from rest_framework.authentication import BaseAuthentication
    from rest_framework.exceptions import APIException
    from rest_framework.request import Request
    from rest_framework.views import APIView
except ModuleNotFoundError as error:
    raise missing("djangorestframework", "drf") from error

__all__ = ["WebhookAuthentication", "WebhookEvent", "WebhookSender", "event_of"]


class WebhookSender:
    """Who sent a verified webhook, as `request.user`: authenticated, and no user of the database."""

    pk = None
    is_active = True
    is_anonymous = False
    is_authenticated = True

    def __str__(self) -> str:
        return "webhook sender"


class WebhookAuthentication(BaseAuthentication):
    """Authenticates requests by their signature: make a subclass with a `verifier`.

    `event_of(request)` is the event, verified before `request.data` is parsed. What does not verify is answered 400 and
    tried by no further authentication class, what is larger than `max_body` bytes (1 MiB) 413, a copy 425, and 503 when
    the replay guard has no room; the reason goes to the log. With a `ReplayGuard`, copies are let in again when the
    view raises or answers anything but 2xx. `public_url`, such as `"https://shop.example"`, serves schemes that sign
    the URL. Making a subclass raises `ConfigError` when an option can not be.
    """

    verifier: ClassVar[Verifier]
    max_body: ClassVar[int] = MAX_BODY
    public_url: ClassVar[str | None] = None
    _receiver: ClassVar[Receiver]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if hasattr(cls, "verifier"):
            cls._receiver = Receiver(cls.verifier, max_body=cls.max_body, public_url=cls.public_url)

    def authenticate(self, request: Request) -> tuple[WebhookSender, WebhookEvent]:
        """The sender and the event, or the exception that DRF answers with."""
        try:
            event = accept(self._receiver, request._request)
        except RefusedError as refusal:
            raise _Refused(refusal) from refusal
        if (view := (request.parser_context or {}).get("view")) is not None:
            _watch(view, event)
        return WebhookSender(), event


def event_of(request: Request) -> WebhookEvent:
    """The event that `WebhookAuthentication` has verified; `LookupError` where it did not authenticate the request."""
    event: object = request.auth
    if not isinstance(event, WebhookEvent):
        raise LookupError(
            "no verified webhook in this request: put the WebhookAuthentication into authentication_classes"
        )
    return event


class _Refused(APIException):
    def __init__(self, refusal: RefusedError) -> None:
        super().__init__(REFUSED)
        self.status_code = refusal.status
        self.wait = refusal.retry_after


def _watch(view: APIView, event: WebhookEvent) -> None:
    """Lets copies in again when this request, for which alone DRF has made `view`, does not end in success."""
    finalize, handle = view.finalize_response, view.handle_exception

    def finalize_response(request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = finalize(request, response, *args, **kwargs)
        if not 200 <= response.status_code < 300:
            event.release()
        return response

    def handle_exception(error: Exception) -> Any:
        event.release()
        return handle(error)

    vars(view).update(finalize_response=finalize_response, handle_exception=handle_exception)
