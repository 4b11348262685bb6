"""FastAPI: a dependency that reads the raw body, verifies it, and only then hands it over.

from fastapi import Depends, FastAPI
from hookseal.fastapi import WebhookEvent, receive

@app.post("/hooks")
async def hooks(event: Annotated[WebhookEvent, Depends(receive(verifier))]) -> None:
    event.json()
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from ._native import Verified, Verifier
from .errors import ConfigError, StoreError, VerificationError

__all__ = ["WebhookEvent", "receive"]

logger = logging.getLogger("hookseal")

_STATUS = {"body_too_large": 413, "replayed": 425, "storage_full": 503}
_DETAIL = {400: "invalid webhook", 413: "body too large", 425: "seen before", 503: "try again later"}


@dataclass(frozen=True)
class WebhookEvent:
    """A verified webhook.

    `id` and `type` are there only where the signature covers them; `headers` are as received, signed or not.
    """

    body: bytes = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    verified: Verified

    @property
    def id(self) -> str | None:
        """The signed message id."""
        return self.verified.id

    @property
    def type(self) -> str | None:
        """The signed event type."""
        return self.verified.event_type

    def json(self) -> Any:
        """The body, parsed; `ValueError` when it is not JSON."""
        return json.loads(self.body)


def receive(
    verifier: Verifier, *, max_body: int = 1024 * 1024, public_url: str | None = None
) -> Callable[[Request], Awaitable[WebhookEvent]]:
    """A dependency that answers 400 to what does not verify, 413 to what is larger than `max_body`, 425 to copies.

    `public_url` is scheme and authority as registered with the provider (`"https://example.com"`), for the schemes
    that sign the URL; path and query are the request's. The reason for a refusal goes to the log, never to the sender.
    """
    if isinstance(max_body, bool) or not isinstance(max_body, int) or max_body < 0:
        raise ConfigError("invalid_config", "max_body must be a whole number, 0 or more")

    async def webhook_event(request: Request) -> WebhookEvent:
        try:
            body = await _read(request, max_body)
            headers = request.headers.raw
            verified = verifier.verify(body, headers, url=_url(request, public_url))
        except (VerificationError, StoreError) as error:
            logger.warning("webhook refused: %s", error)
            raise _refusal(error.code) from error
        decoded = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)
        return WebhookEvent(body=body, headers=decoded, verified=verified)

    return webhook_event


async def _read(request: Request, limit: int) -> bytes:
    """The whole body; stops as soon as it is too large, whatever Content-Length says."""
    chunks = []
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit:
                raise VerificationError("body_too_large", f"the body has more than {limit} bytes")
            chunks.append(chunk)
    except ClientDisconnect as error:
        logger.warning("webhook refused: the sender left before the body was complete")
        raise _refusal("incomplete") from error
    return b"".join(chunks)


def _url(request: Request, public_url: str | None) -> str | None:
    if public_url is None:
        return None
    raw = request.scope.get("raw_path")
    path = raw.decode("latin-1") if raw else quote(request.scope["path"])
    query = request.scope["query_string"].decode("latin-1")
    return public_url.rstrip("/") + path + (f"?{query}" if query else "")


def _refusal(reason: str) -> HTTPException:
    status = _STATUS.get(reason, 400)
    return HTTPException(status, _DETAIL[status])
