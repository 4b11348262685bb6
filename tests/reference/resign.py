"""A second opinion on the accepted vectors: the signed text composed again, and signed by Python's `hmac`.

Shares no code with the reference or the generator. Ed25519 is left to `resign.mjs`, where OpenSSL judges it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

SPEC = Path(__file__).resolve().parents[2] / "spec"


def accepted(schema: str, outcome: str) -> Iterator[dict[str, Any]]:
    for path in sorted((SPEC / "vectors").glob("*.json")):
        document = json.loads(path.read_text())
        if document["schema"] == schema:
            yield from (test for test in document["tests"] if outcome in test["expect"])


def scheme_of(test: dict[str, Any]) -> dict[str, Any]:
    if "scheme_document" in test:
        return dict(test["scheme_document"])
    return dict(json.loads((SPEC / "schemes" / f"{test['scheme']}.json").read_text()))


def header(test: dict[str, Any], name: str) -> str:
    return str(next(value for key, value in test["headers"] if key.lower() == name.lower()))


def is_in_header(test: dict[str, Any]) -> bool | None:
    """Whether the header of an accepted test holds the signature made anew; None for Ed25519."""
    scheme, verified = scheme_of(test), test["expect"]["ok"]
    signature = header(test, scheme["signature"]["header"])
    key = key_bytes(test["secrets"][verified["key_index"]], scheme["key"])
    if scheme["signature"]["grammar"] == "token":
        return signature.strip(" \t").encode() == key
    version = next(version for version in scheme["versions"] if version["label"] == verified["version"])
    if version["algorithm"] == "ed25519":
        return None
    fields = {"url": test.get("url", ""), "id": verified["id"], "type": verified["event_type"]}
    if "timestamp" in scheme:
        place = scheme["timestamp"]
        fields["timestamp"] = header(test, place["header"]) if "header" in place else between(signature, place["element"] + "=", scheme["signature"].get("separator", ","))
    text = re.escape(sign(version, scheme, fields, base64.b64decode(test["body_base64"]), key))
    flags = re.IGNORECASE if version["encoding"] == "hex" else 0
    return any(re.search(rf"(?<![0-9A-Za-z+/]){candidate}(?![0-9A-Za-z+/=])", signature, flags) is not None for candidate in (text, *other_urls(version, scheme, fields, test, key)))


def other_urls(version: dict[str, Any], scheme: dict[str, Any], fields: dict[str, Any], test: dict[str, Any], key: bytes) -> list[str]:
    """The signatures for the same URL with its default port written out, and left out."""
    body = base64.b64decode(test["body_base64"])
    address = urlsplit(fields["url"])
    if not address.hostname:
        return []
    port = {"https": 443, "http": 80}[address.scheme]
    hosts = {f"{address.hostname}:{port}", address.hostname} if address.port in (None, port) else {address.netloc}
    return [re.escape(sign(version, scheme, {**fields, "url": address._replace(netloc=host).geturl()}, body, key)) for host in hosts]


def headers_hold_every_signature(test: dict[str, Any]) -> bool | None:
    """Whether the headers of a sign test hold a signature by each live key; None for Ed25519 alone."""
    scheme, message, now = scheme_of(test), test["message"], test["message"]["timestamp"]
    written = dict(test["expect"]["headers"])
    signature = written[scheme["signature"]["header"]]
    live = [secret for secret in test["secrets"] if not isinstance(secret, dict) or secret.get("not_before", 0) <= now <= secret.get("not_after", now)]
    keys = [key_bytes(secret, scheme["key"]) for secret in live if not str(secret).startswith("whsk_") and "ed25519" not in str(secret)]
    if scheme["signature"]["grammar"] == "token":
        return bool(signature.encode() == keys[0])
    fields = {"url": message.get("url"), "id": message.get("id"), "type": message.get("event_type"), "timestamp": wire_time(message["timestamp"], scheme)}
    versions = [version for version in scheme["versions"] if version["algorithm"] != "ed25519"
                and all(fields[name] is not None for name in ("id", "type") if "{" + name + "}" in version.get("content", scheme.get("content", "")))]
    if scheme["signature"]["grammar"] == "prefixed":
        versions = versions[:1]
    single = scheme["signature"]["grammar"] == "bare" or (scheme["signature"]["grammar"] == "prefixed" and "joined" not in scheme["signature"])
    expected = [sign(version, scheme, fields, base64.b64decode(test["body_base64"]), key) for version in versions for key in (keys[:1] if single else keys)]
    places = [signature.find(value) for value in expected]
    return None if not expected else -1 not in places and places == sorted(places)


def wire_time(seconds: int, scheme: dict[str, Any]) -> str:
    unit = scheme.get("timestamp", {}).get("unit", "seconds")
    if unit == "rfc3339":
        days, rest = divmod(seconds, 86400)
        return f"{civil_date(days)}T{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}Z"
    return str(seconds) + ("000" if unit == "milliseconds" and seconds else "")


def civil_date(days: int) -> str:
    year = 1970
    while days >= (length := 366 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 365):
        year, days = year + 1, days - length
    months = [31, 29 if length == 366 else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    month = 0
    while days >= months[month]:
        month, days = month + 1, days - months[month]
    return f"{year:04}-{month + 1:02}-{days + 1:02}"


def sign(version: dict[str, Any], scheme: dict[str, Any], fields: dict[str, Any], body: bytes, key: bytes) -> str:
    content = str(version.get("content", scheme.get("content")))
    prefix, _, token = content.rpartition("{")
    for name, value in fields.items():
        prefix = prefix.replace("{" + name + "}", value or "")
    text = prefix.encode() + signed_body(token.rstrip("}"), body, fields)
    digest = hmac.new(key, text, version["algorithm"].removeprefix("hmac-")).digest()
    return digest.hex() if version["encoding"] == "hex" else base64.b64encode(digest).decode()


def signed_body(token: str, body: bytes, fields: dict[str, Any]) -> bytes:
    if token == "body":
        return body
    if token == "body:compact-json":
        parts = re.split(rb'("(?:[^"\\]|\\.)*(?:"|$))', body, flags=re.DOTALL)
        return b"".join(part if index % 2 else tight(part) for index, part in enumerate(parts))
    if "bodySHA256=" in fields["url"]:
        assert hashlib.sha256(body).hexdigest() in fields["url"].lower()
        return b""
    pairs = parse_qsl(body.decode("latin-1"), keep_blank_values=True, encoding="latin-1", max_num_fields=1000)
    return b"".join((name + value).encode("latin-1") for name, value in sorted(set(pairs)))


def tight(text: bytes) -> bytes:
    """Blanks gone but for one between two words."""
    text = re.sub(rb"[ \t\r\n]+", b" ", text)
    return re.sub(rb" ?([{}\[\]:,]) ?", rb"\1", text).strip(b" ")


def key_bytes(secret: Any, rule: str) -> bytes:
    text = secret["value"] if isinstance(secret, dict) else secret
    kind = secret.get("type", rule) if isinstance(secret, dict) else rule
    if kind in ("base64", "bytes") and not text.startswith(("whpk_", "whsk_")):
        return base64.b64decode(text.removeprefix("whsec_"))
    return bytes.fromhex(text) if kind == "hex" else text.encode()


def between(text: str, start: str, separator: str) -> str:
    """The value of one element of a signature header."""
    return next(piece.strip(" \t").removeprefix(start) for piece in text.split(separator) if piece.strip(" \t").startswith(start))
