"""AWS Lambda: a decorator for handlers behind API Gateway (REST and HTTP APIs), function URLs and load balancers.

>>> from hookseal import Signer, Verifier
>>> from hookseal.aws_lambda import WebhookEvent, receive
>>> @receive(Verifier("whsec_demo"))
... def handler(event: WebhookEvent, context: object) -> None:
...     print(event.id, event.type, event.json())
>>> headers = Signer("whsec_demo").sign('{"id":42}', id="evt_1", event_type="order.paid")
>>> handler({"version": "2.0", "rawPath": "/hooks", "headers": headers, "body": '{"id":42}'}, None)
evt_1 order.paid {'id': 42}
{'statusCode': 204}
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from ._native import Verifier
from ._receive import MAX_BODY, REFUSED_JSON, Pairs, Receiver, RefusedError, WebhookEvent, handling, with_query
from .errors import ConfigError, VerificationError

__all__ = ["WebhookEvent", "receive"]

Context = TypeVar("Context")


def receive(
    verifier: Verifier, *, max_body: int = MAX_BODY, public_url: str | None = None
) -> Callable[
    [Callable[[WebhookEvent, Context], Mapping[str, Any] | None]],
    Callable[[Mapping[str, Any], Context], Mapping[str, Any]],
]:
    """A decorator for handlers, which get the `WebhookEvent` in place of the raw event; `None` answers 204.

    What does not verify is answered 400, what is larger than `max_body` bytes (1 MiB) 413, a copy 425, and 503 when the
    replay guard has no room; the reason goes to the log. With a `ReplayGuard`, which here knows only what its own
    instance of the function has seen, copies are let in again when the handler raises or answers anything but 2xx.
    `public_url`, such as `"https://shop.example"`, serves schemes that sign the URL. Raises `ConfigError` when an
    option can not be, and when the function is called with an event that is no HTTP request.

    API Gateway turns bodies into text unless their media type is registered as binary, so register what is not UTF-8.
    """
    receiver = Receiver(verifier, max_body=max_body, public_url=public_url)

    def decorate(
        handler: Callable[[WebhookEvent, Context], Mapping[str, Any] | None],
    ) -> Callable[[Mapping[str, Any], Context], Mapping[str, Any]]:
        @wraps(handler)
        def verified(raw: Mapping[str, Any], context: Context) -> Mapping[str, Any]:
            try:
                event = receiver.accept(_body(receiver, raw), _headers(raw), lambda: _target(raw))
            except RefusedError as refusal:
                headers = {"Content-Type": "application/json", **refusal.headers}
                return {"statusCode": refusal.status, "headers": headers, "body": REFUSED_JSON}
            with handling(event) as answered:
                answer = handler(event, context)
                if answer is None:
                    answer = {"statusCode": 204}
                answered(answer.get("statusCode", 200))
                return answer

        return verified

    return decorate


def _headers(raw: Mapping[str, Any]) -> Pairs:
    """All headers, each occurrence where the gateway keeps them apart."""
    if (lists := raw.get("multiValueHeaders")) is not None:
        return tuple((name, value) for name, values in lists.items() for value in values or ())
    if (headers := raw.get("headers")) is not None:
        return tuple(headers.items())
    raise ConfigError(
        "invalid_config", "the event is no HTTP request of API Gateway, of a function URL or of a load balancer"
    )


def _body(receiver: Receiver, raw: Mapping[str, Any]) -> bytes:
    text: str = raw.get("body") or ""
    try:
        return b64decode(text, validate=True) if raw.get("isBase64Encoded") else text.encode()
    except ValueError as error:
        raise receiver.refusal(VerificationError("body_not_bytes", f"the body can not be decoded: {error}")) from error


def _target(raw: Mapping[str, Any]) -> str:
    """Path and query, which only the second version of the format and load balancers hand over as they were."""
    if "rawPath" in raw:
        return with_query(raw["rawPath"], raw.get("rawQueryString", ""))
    values = raw.get("multiValueQueryStringParameters") or raw.get("queryStringParameters") or {}
    context = raw.get("requestContext") or {}
    if "elb" in context:
        lists = {name: it if isinstance(it, list) else [it] for name, it in values.items()}
        return with_query(raw["path"], "&".join(f"{name}={value}" for name, it in lists.items() for value in it))
    path = context.get("path") or raw.get("path") or ""
    return with_query(quote(path, safe="/:@!$&'()*+,;=~%", errors="replace"), urlencode(values, True, errors="replace"))
