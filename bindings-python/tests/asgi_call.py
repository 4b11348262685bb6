"""One request to an ASGI application, message by message, as no client library would send it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from hookseal import ReplayGuard, Signer, Verifier

BODY = b'{"id":42}'
SIGNER = Signer("whsec_demo")


def verifier(*, guarded: bool = False) -> Verifier:
    return Verifier("whsec_demo", replay=ReplayGuard() if guarded else None)


def signed(body: bytes = BODY) -> dict[str, str]:
    return SIGNER.sign(body, id="evt_1", event_type="order.paid", timestamp=None)


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes
    unread: int

    def json(self) -> Any:
        return json.loads(self.body)


def call(
    app: Any,
    path: str = "/hooks",
    *,
    headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
    pieces: Sequence[bytes] = (BODY,),
    leaves: bool = False,
    waits: bool = False,
    **scope: Any,
) -> Answer:
    """Sends the body in pieces. A sender that `leaves` does so before the end; one that `waits` gets the answer.

    What the application raises is raised here.
    """
    return asyncio.run(call_async(app, path, headers=headers, pieces=pieces, leaves=leaves, waits=waits, **scope))


async def call_async(
    app: Any,
    path: str,
    *,
    headers: Mapping[str, str] | Sequence[tuple[str, str]],
    pieces: Sequence[bytes],
    leaves: bool,
    waits: bool,
    **scope: Any,
) -> Answer:
    messages: list[dict[str, Any]] = [{"type": "http.request", "body": it, "more_body": True} for it in pieces]
    if not leaves:
        messages[-1]["more_body"] = False
    sent: list[Mapping[str, Any]] = []
    answered = asyncio.Event()

    async def receive() -> Mapping[str, Any]:
        if messages:
            return messages.pop(0)
        if waits:
            await answered.wait()
        return {"type": "http.disconnect"}

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            answered.set()

    pairs = headers.items() if isinstance(headers, Mapping) else headers
    await app(
        {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "server": ("127.0.0.1", 80),
            "client": ("127.0.0.1", 1),
            "root_path": "",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(name.lower().encode(), value.encode()) for name, value in pairs],
            **scope,
        },
        receive,
        send,
    )
    start, *rest = sent
    fields = {name.decode(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], fields, b"".join(it.get("body", b"") for it in rest), len(messages))
