"""What the families of vectors are written with: one `Suite` per file, small helpers, and MACs by the standard library."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

NOW = 1_700_000_000
SECRET = "whsec_demo_secret_of_the_vectors"
OLD_SECRET = "an older secret that still counts"
BODY = b'{"id":42,"amount":"9.99"}'

Header = list[str]
Expectation = dict[str, Any]


class Suite:
    """The tests of one file in spec/vectors."""

    def __init__(self, name: str, schema: str = "verify-1", **defaults: Any) -> None:
        self.name = name
        self.schema = schema
        self.defaults = defaults
        self.notes: dict[str, str] = {}
        self.tests: list[dict[str, Any]] = []

    def note(self, flag: str, description: str) -> str:
        self.notes[flag] = description
        return flag

    def add(self, id: str, comment: str, expect: Expectation, *, flags: tuple[str, ...] = (), **fields: Any) -> None:
        """A test; `body` is given as bytes, everything else as in the file."""
        given = {**self.defaults, **fields}
        body = given.pop("body", BODY)
        test: dict[str, Any] = {"id": f"{self.name}-{id}", "comment": comment}
        if self.schema == "verify-1":
            test["flags"] = list(flags)
        for name in ("scheme", "scheme_document", "secrets"):
            if name in given:
                test[name] = given.pop(name)
        if self.schema == "verify-1":
            test["now"] = given.pop("now", NOW)
            test["headers"] = given.pop("headers")
        test["body_base64"] = base64.b64encode(body).decode()
        test.update(given)
        test["expect"] = expect
        self.tests.append(test)

    def document(self) -> dict[str, Any]:
        if self.schema == "verify-1":
            return {"schema": self.schema, "notes": self.notes, "tests": self.tests}
        return {"schema": self.schema, "tests": self.tests}


def ok(version: str, timestamp: int | None = NOW, id: str | None = None, event_type: str | None = None,
       key_index: int = 0, key_id: str | None = None) -> Expectation:
    verified = {"timestamp": timestamp, "id": id, "event_type": event_type, "version": version, "key_index": key_index}
    return {"ok": verified if key_id is None else {**verified, "key_id": key_id}}


def error(code: str) -> Expectation:
    return {"error": code}


def mac(key: str | bytes, text: str | bytes, algorithm: str = "sha256") -> bytes:
    return hmac.new(to_bytes(key), to_bytes(text), getattr(hashlib, algorithm)).digest()


def hex_mac(key: str | bytes, text: str | bytes, algorithm: str = "sha256") -> str:
    return mac(key, text, algorithm).hex()


def b64_mac(key: str | bytes, text: str | bytes, algorithm: str = "sha256") -> str:
    return b64(mac(key, text, algorithm))


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def to_bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def as_header(text: str) -> str:
    """Any text as the header value whose characters are its UTF-8 bytes."""
    return text.encode().decode("latin-1")


def flip_hex(value: str, at: int) -> str:
    """The hex text with one bit of one digit changed."""
    changed = format(int(value[at], 16) ^ 1, "x")
    return value[:at] + changed + (value[at + 1 :] if at != -1 else "")
