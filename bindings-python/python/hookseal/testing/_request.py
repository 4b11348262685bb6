"""Requests as providers send them."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from .._data import Payload, payload_bytes
from .._native import Scheme, Secret, Signer
from ..errors import ConfigError

SECRET = "whsec_dGVzdC1zZWNyZXQtb2YtaG9va3NlYWwtdGVzdGluZyE="  # noqa: S105  # it guards nothing
URL = "https://example.com/webhooks"

# Of RFC 8032, section 7.1, test 1: seed and public key in hexadecimal digits.
ED25519_SEED = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
ED25519_PUBLIC = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"


@dataclass(frozen=True)
class SignedRequest:
    """A request to an application that receives webhooks.

    `secret` is what its verifier has to know, and `url` the public URL, which it has to be told where the scheme signs
    it.
    """

    body: bytes
    headers: dict[str, str]
    url: str
    secret: str = field(repr=False)

    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)

    def tampered(self) -> SignedRequest:
        """The same request with another body, which no verifier accepts where the scheme signs the body.

        >>> signed_request({"id": 42}).tampered().body
        b'[{"id":42}]'
        """
        return replace(self, body=b"[" + self.body + b"]")


def signed_request(
    payload: Payload = None,
    *,
    scheme: str | Scheme = "hookseal",
    secret: str | None = None,
    id: str | None = "evt_test",
    event_type: str | None = "test.event",
    timestamp: float | datetime | None = None,
    url: str = URL,
    content_type: str | None = None,
) -> SignedRequest:
    """A request that a verifier of the scheme accepts, signed with `secret`, or with one that is made up.

    The payload is sent as it is, or as JSON, or as a form where the scheme signs forms. Id and event type are written
    where the scheme has a place for them.

    >>> signed_request({"action": "opened"}, scheme="github").body
    b'{"action":"opened"}'
    >>> signed_request({"From": "+1 555"}, scheme="twilio").body
    b'From=%2B1+555'
    """
    scheme = Scheme(scheme)
    document = scheme.to_dict()
    is_form = document.get("content", "").endswith("{form:sorted}")
    if is_form and (payload is None or isinstance(payload, Mapping)):
        body = urlencode(payload or {}, doseq=True).encode()
    else:
        body = payload_bytes({} if payload is None else payload)
    signing, verifying = _keys(document["key"], secret)
    headers = Signer(signing, scheme).sign(
        body, id=id, event_type=event_type, timestamp=timestamp, url=url if scheme.signs_url else None
    )
    if content_type is None:
        content_type = "application/x-www-form-urlencoded" if is_form else "application/json"
    return SignedRequest(body, {"Content-Type": content_type} | headers, url, verifying)


def _keys(kind: str, secret: str | None) -> tuple[str | Secret, str]:
    """What signs, and what the application verifies with."""
    if kind != "ed25519-public-hex":
        return (SECRET, SECRET) if secret is None else (secret, secret)
    if secret is not None:
        raise ConfigError("invalid_config", "receivers of this scheme know a public key: its secret is made up")
    private = b64encode(bytes.fromhex(ED25519_SEED + ED25519_PUBLIC)).decode()
    return Secret.ed25519_private(private), ED25519_PUBLIC
