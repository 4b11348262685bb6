"""Flask: a decorator that reads the raw body before any form parsing, verifies it, and only then calls the view.

>>> from flask import Flask
>>> from hookseal import Verifier
>>> from hookseal.flask import WebhookEvent, receive
>>> app = Flask(__name__)
>>> @app.post("/hooks")
... @receive(Verifier("whsec_demo"))
... def hooks(event: WebhookEvent) -> tuple[str, int]:
...     print(event.id, event.type, event.json())
...     return "", 204
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, overload

from ._native import Verifier
from ._receive import (
    MAX_BODY,
    REFUSED_JSON,
    Receiver,
    RefusedError,
    WebhookEvent,
    announced_size,
    consumed,
    handling,
    missing,
    wsgi_target,
)

try:
    from flask import Response, current_app, request
    from werkzeug.exceptions import BadRequest, RequestEntityTooLarge
except ModuleNotFoundError as error:
    raise missing("flask", "flask") from error

__all__ = ["WebhookEvent", "receive"]

P = ParamSpec("P")
Instance = TypeVar("Instance")


class Decorator(Protocol):
    """Takes a view, or a method of a `MethodView`."""

    @overload
    def __call__(self, view: Callable[Concatenate[WebhookEvent, P], Any], /) -> Callable[P, Response]: ...
    @overload
    def __call__(
        self, view: Callable[Concatenate[Instance, WebhookEvent, P], Any], /
    ) -> Callable[Concatenate[Instance, P], Response]: ...


def receive(verifier: Verifier, *, max_body: int = MAX_BODY, public_url: str | None = None) -> Decorator:
    """A decorator for views, sync or async, which get the `WebhookEvent` as their first argument; below `@app.post`.

    What does not verify is answered 400, what is larger than `max_body` bytes (1 MiB) 413, a copy 425, and 503 when the
    replay guard has no room; the reason goes to the log. With a `ReplayGuard`, copies are let in again when the view
    raises or answers anything but 2xx. `public_url`, such as `"https://shop.example"`, serves schemes that sign the
    URL. Raises `ConfigError` when an option can not be. The view may read `request.get_data()` again. Where Flask-WTF
    protects the whole application against CSRF, exempt the view.
    """
    receiver = Receiver(verifier, max_body=max_body, public_url=public_url)

    def decorate(view: Callable[..., Any]) -> Callable[..., Response]:
        @wraps(view)
        def verified(*instance: Any, **values: Any) -> Response:
            headers = tuple(request.headers.items())
            try:
                event = receiver.accept(_read(receiver, headers), headers, lambda: wsgi_target(request.environ))
            except RefusedError as refusal:
                return Response(REFUSED_JSON, refusal.status, refusal.headers, mimetype="application/json")
            with handling(event) as answered:
                response = current_app.make_response(current_app.ensure_sync(view)(*instance, event, **values))
                answered(response.status_code)
                return response

        return verified

    return decorate


def _read(receiver: Receiver, headers: tuple[tuple[str, str], ...]) -> bytes:
    announced = announced_size(headers)
    receiver.check_size(announced)
    was_touched = "stream" in vars(request)
    own = request.max_content_length
    limit = receiver.max_body if own is None else min(own, receiver.max_body)
    request.max_content_length = limit + 1  # a stream without a length just ends at its limit
    try:
        body = request.get_data()
    except RequestEntityTooLarge:
        raise receiver.too_large() from None
    except BadRequest as error:
        raise receiver.incomplete() from error
    if len(body) > limit:
        raise receiver.too_large()
    if was_touched and announced and not body:
        raise consumed(
            "request.form, request.files or request.stream",
            "Where a before_request hook needs the form, let it call request.get_data() first.",
        )
    if len(body) < announced:
        raise receiver.incomplete()
    return body
