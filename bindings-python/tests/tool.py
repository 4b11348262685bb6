"""Signs, verifies and sends on behalf of programs that compare languages.

tool.py sign   < sign vectors, one JSON object a line
tool.py verify < verify vectors, one JSON object a line
tool.py send URL TYPE SECRET [ID] < payload
"""

from __future__ import annotations

import base64
import json
import sys
from typing import Any

import hookseal

Json = dict[str, Any]


def main() -> None:
    match sys.argv[1:]:
        case ["sign"]:
            answer_lines(sign)
        case ["verify"]:
            answer_lines(verify)
        case ["send", url, event_type, secret, *rest] if len(rest) <= 1:
            print(json.dumps(send(url, event_type, secret, sys.stdin.buffer.read(), *rest)))
        case _:
            sys.exit(__doc__)


def answer_lines(answer: Any) -> None:
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


def sign(vector: Json) -> Json:
    """The headers that a sign vector's message gets."""
    message = vector["message"]
    try:
        signer = hookseal.Signer([key(it) for it in vector["secrets"]], scheme(vector))
        headers = signer.sign(
            base64.b64decode(vector["body_base64"]),
            id=message.get("id"),
            event_type=message.get("event_type"),
            timestamp=message["timestamp"],
            url=message.get("url"),
        )
    except hookseal.WebhookError as error:
        return {"error": error.code}
    return {"headers": [[name, value] for name, value in headers.items()]}


def verify(vector: Json, headers: Any = None, body: Any = None) -> Json:
    """The verdict over a verify vector; headers and body may come in another container."""
    options: Json = {
        name: vector[name]
        for name in ("tolerance", "future_tolerance", "require", "max_body", "dangerously_ignore_timestamp")
        if name in vector
    }
    times = vector.get("repeat", 1)
    try:
        if times > 1:
            options["replay"] = hookseal.ReplayGuard()
        verifier = hookseal.Verifier([key(it) for it in vector["secrets"]], scheme(vector), **options)
        body = base64.b64decode(vector["body_base64"]) if body is None else body
        headers = list(map(tuple, vector["headers"])) if headers is None else headers
        headers = headers if times == 1 or isinstance(headers, (dict, list)) else list(headers)
        for _ in range(times):
            verified = verifier.verify(body, headers, now=vector["now"], url=vector.get("url"))
    except hookseal.WebhookError as error:
        return {"error": error.code}
    fields = ("timestamp", "id", "event_type", "version", "key_index", "key_id")
    return {"ok": {name: getattr(verified, name) for name in fields}}


def send(url: str, event_type: str, secret: str, payload: bytes, id: str | None = None) -> Json:
    """Delivers a payload, also to this machine."""
    with hookseal.Sender(allow_private=True) as sender:
        delivery = sender.send(hookseal.Endpoint(url, secrets=[secret]), event_type, payload, id=id)
    attempts = [{"number": it.number, "status_code": it.status_code, "error": it.error} for it in delivery.attempts]
    return {"status": delivery.status, "id": delivery.id, "attempts": attempts}


def scheme(vector: Json) -> hookseal.Scheme:
    if "scheme_document" in vector:
        return hookseal.Scheme.from_dict(vector["scheme_document"])
    return hookseal.Scheme(vector["scheme"])


def key(secret: Any) -> hookseal.Key | str:
    if isinstance(secret, str):
        return secret
    value: Any = base64.b64decode(secret["value"]) if secret.get("type") == "bytes" else secret["value"]
    typed = getattr(hookseal.Secret, secret["type"]) if "type" in secret else hookseal.Secret
    window = {name: secret[name] for name in ("id", "not_before", "not_after") if name in secret}
    return hookseal.Key(typed(value), **window)


if __name__ == "__main__":
    main()
