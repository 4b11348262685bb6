"""Answers verify and sign vectors, one JSON object a line, as a published Python package does.

    answer.py stripe | standardwebhooks | svix

The package is asked as it is documented; its clock stands at the vector's `now`.
"""

from __future__ import annotations

import base64
import json
import sys
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import standardwebhooks
import stripe
import stripe._webhook
import svix
from standardwebhooks.webhooks import EmptyWebhookSecretError


class Skip(Exception):
    """The package has no way to be asked this."""


class Stripe:
    scheme = "stripe"
    own = (stripe.SignatureVerificationError,)
    ignores_timestamp = True

    def __init__(self, secret: str | bytes) -> None:
        if isinstance(secret, bytes):
            raise Skip("takes a secret as text")
        self.secret = secret

    @staticmethod
    def freeze(now: int) -> None:
        stripe._webhook.time = SimpleNamespace(time=lambda: now)

    def verify(self, body: bytes, headers: dict[str, str], tolerance: int) -> None:
        header = next((value for name, value in headers.items() if name.lower() == "stripe-signature"), None)
        stripe.WebhookSignature.verify_header(body, header, self.secret, tolerance)

    def sign(self, body: str, message: dict[str, Any]) -> dict[str, str]:
        header = stripe.WebhookSignature.generate_signature_header(body, self.secret, message["timestamp"])
        return {"Stripe-Signature": header}


class StandardWebhooks:
    scheme = "standard-webhooks"
    own = (standardwebhooks.WebhookVerificationError, EmptyWebhookSecretError)
    ignores_timestamp = False
    prefix = "webhook"

    def __init__(self, secret: str | bytes) -> None:
        self.peer = standardwebhooks.Webhook(secret)

    @staticmethod
    def freeze(now: int) -> None:
        class Frozen(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> Any:
                return cls.fromtimestamp(now, tz)

        standardwebhooks.webhooks.datetime = Frozen

    def verify(self, body: bytes, headers: dict[str, str], tolerance: int) -> None:
        if tolerance != 300:
            raise Skip("has no tolerance to set")
        self.peer.verify(body, headers, json_parse=False)

    def sign(self, body: str, message: dict[str, Any]) -> dict[str, str]:
        time = datetime.fromtimestamp(message["timestamp"], timezone.utc)
        return {
            f"{self.prefix}-id": message["id"],
            f"{self.prefix}-timestamp": str(message["timestamp"]),
            f"{self.prefix}-signature": self.peer.sign(message["id"], time, body),
        }


class Svix(StandardWebhooks):
    """The same under other names: it hands everything on to standardwebhooks, whose clock `freeze` stops."""

    scheme = "svix"
    prefix = "svix"

    def __init__(self, secret: str | bytes) -> None:
        self.peer = svix.Webhook(secret)

    def verify(self, body: bytes, headers: dict[str, str], tolerance: int) -> None:
        if tolerance != 300:
            raise Skip("has no tolerance to set")
        self.peer.verify(body, headers)


PEERS = {"stripe": Stripe, "standardwebhooks": StandardWebhooks, "svix": Svix}


def answer(package: str, vector: dict[str, Any]) -> dict[str, Any]:
    kind = PEERS[package]
    if vector.get("scheme") != kind.scheme:
        return {"skip": "another scheme"}
    at = "construction"
    try:
        peer = kind(secret_of(vector))
        at = "use"
        body = base64.b64decode(vector["body_base64"])
        if "message" in vector:
            return {"headers": [list(it) for it in peer.sign(body.decode(), vector["message"]).items()]}
        kind.freeze(vector["now"])
        peer.verify(body, headers_of(vector), tolerance_of(kind, vector))
    except Skip as reason:
        return {"skip": str(reason)}
    except kind.own:
        return {"error": "rejected", "at": at}
    except Exception as error:  # noqa: BLE001 - whatever escapes is the answer
        return {"error": name_of(type(error)), "at": at}
    return {"ok": {}}


def secret_of(vector: dict[str, Any]) -> str | bytes:
    if len(vector["secrets"]) != 1:
        raise Skip("takes one secret")
    match vector["secrets"][0]:
        case str(text) if text.startswith(("whsk_", "whpk_")):
            raise Skip("has no Ed25519 keys")
        case str(text):
            return text
        case {"not_before": _} | {"not_after": _}:
            raise Skip("has no keys with a lifetime")
        case {"type": "base64", "value": str(text)}:
            return text
        case {"type": "utf8", "value": str(text)}:
            return text.encode()
        case {"type": "hex", "value": str(text)}:
            return bytes.fromhex(text)
        case {"type": "bytes", "value": str(text)}:
            return base64.b64decode(text)
        case {"type": _}:
            raise Skip("has no Ed25519 keys")
        case named:
            return secret_of({"secrets": [named["value"]]})


def headers_of(vector: dict[str, Any]) -> dict[str, str]:
    names = [name.lower() for name, _ in vector["headers"]]
    if len(set(names)) != len(names):
        raise Skip("is given one value for each header")
    return dict(vector["headers"])


def tolerance_of(kind: type[Stripe | StandardWebhooks], vector: dict[str, Any]) -> int:
    for option in ("future_tolerance", "max_body", "require", "repeat"):
        if option in vector:
            raise Skip(f"has nothing like {option}")
    if "dangerously_ignore_timestamp" in vector:
        if kind.ignores_timestamp:
            return 0
        raise Skip("can not ignore the timestamp")
    return int(vector.get("tolerance", 300))


def name_of(kind: type[BaseException]) -> str:
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def main() -> None:
    if len(sys.argv) != 2 or sys.argv[1] not in PEERS:
        sys.exit(__doc__)
    for line in sys.stdin:
        print(json.dumps(answer(sys.argv[1], json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
