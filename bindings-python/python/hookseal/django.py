"""Django: a decorator that reads `request.body` before anything parses it, verifies it, and only then calls the view.

```python
from django.http import HttpRequest, HttpResponse
from hookseal import Verifier
from hookseal.django import WebhookEvent, receive

@receive(Verifier("whsec_demo"))
def hooks(request: HttpRequest, event: WebhookEvent) -> HttpResponse:
    print(event.id, event.type, event.json())
    return HttpResponse(status=204)

urlpatterns = [path("hooks", hooks)]
```
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from ._native import Verifier
from ._receive import (
    MAX_BODY,
    REFUSED_JSON,
    Receiver,
    RefusedError,
    WebhookEvent,
    announced_size,
    asgi_target,
    consumed,
    handling,
    missing,
    wsgi_target,
)

try:
    from asgiref.sync import iscoroutinefunction
    from django.core.exceptions import RequestDataTooBig
    from django.http import HttpRequest, HttpResponse, RawPostDataException, UnreadablePostError
except ModuleNotFoundError as error:
    raise missing("django", "django") from error

__all__ = ["WebhookEvent", "receive"]

P = ParamSpec("P")
Answer = TypeVar("Answer")


def receive(
    verifier: Verifier, *, max_body: int = MAX_BODY, public_url: str | None = None
) -> Callable[
    [Callable[Concatenate[HttpRequest, WebhookEvent, P], Answer]], Callable[Concatenate[HttpRequest, P], Answer]
]:
    """A decorator for views, sync or async, which get the `WebhookEvent` after the request; they are CSRF-exempt.

    What does not verify is answered 400, what is larger than `max_body` bytes (1 MiB) or than Django's
    `DATA_UPLOAD_MAX_MEMORY_SIZE` 413, a copy 425, and 503 when the replay guard has no room; the reason goes to the
    log. With a `ReplayGuard`, copies are let in again when the view raises or answers anything but 2xx. `public_url`,
    such as `"https://shop.example"`, serves schemes that sign the URL. Raises `ConfigError` when an option can not be.
    Under ASGI, Django has read the body, into a temporary file where it is large, before any view is called.

    A view of a class is wrapped where it is routed: `path("hooks", receive(verifier)(Hooks.as_view()))`.
    """
    receiver = Receiver(verifier, max_body=max_body, public_url=public_url)

    def decorate(
        view: Callable[Concatenate[HttpRequest, WebhookEvent, P], Any],
    ) -> Callable[Concatenate[HttpRequest, P], Any]:
        @wraps(view)
        def verified(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> Any:
            try:
                event = accept(receiver, request)
            except RefusedError as refusal:
                return _answer(refusal)
            with handling(event) as answered:
                response = view(request, event, *args, **kwargs)
                answered(response.status_code)
                return response

        @wraps(view)
        async def verified_async(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> Any:
            try:
                event = accept(receiver, request)
            except RefusedError as refusal:
                return _answer(refusal)
            with handling(event) as answered:
                response = await view(request, event, *args, **kwargs)
                answered(response.status_code)
                return response

        decorated = verified_async if iscoroutinefunction(view) else verified
        vars(decorated)["csrf_exempt"] = True  # the decorator for this knows async views only from Django 5.0 on
        return decorated

    return decorate


def accept(receiver: Receiver, request: HttpRequest) -> WebhookEvent:
    """The event of a request, or `RefusedError`; `request.body` stays there for whoever reads it afterwards."""
    headers = tuple(request.headers.items())
    announced = announced_size(headers)
    receiver.check_size(announced)
    try:
        body = request.body
    except RawPostDataException as error:
        raise consumed(
            "request.POST, request.FILES or request.read()",
            "Where a middleware needs the form, let it read request.body first.",
        ) from error
    except RequestDataTooBig:
        raise receiver.too_large() from None
    except UnreadablePostError as error:
        raise receiver.incomplete() from error
    if len(body) < announced:
        raise receiver.incomplete()
    scope: dict[str, Any] | None = getattr(request, "scope", None)
    return receiver.accept(body, headers, lambda: asgi_target(scope) if scope else wsgi_target(request.META))


def _answer(refusal: RefusedError) -> HttpResponse:
    return HttpResponse(REFUSED_JSON, "application/json", refusal.status, headers=refusal.headers)
