"""From what a user pastes to key bytes, with the checks that catch the usual accidents."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import Any

import ed25519
from scheme import Refused, Scheme

MAX_KEYS = 16
MAX_ED25519_KEYS = 4
MIN_DECODED = 16
SYMMETRIC, PRIVATE, PUBLIC = "symmetric", "ed25519 private", "ed25519 public"


@dataclass(frozen=True)
class Entry:
    text: str
    typed: tuple[str, bytes] | None  # kind and key, where the secret says what it is
    id: str | None
    not_before: int | None
    not_after: int | None


@dataclass(frozen=True)
class Key:
    kind: str
    data: bytes  # for a private key its 32-byte seed
    id: str | None
    not_before: int | None
    not_after: int | None

    def is_live(self, now: int) -> bool:
        started = self.not_before is None or self.not_before <= now
        ended = self.not_after is not None and now > self.not_after
        return started and not ended


def read_ring(secrets: list[Any]) -> list[Entry]:
    """The secrets as given, newest first, with what can be refused before a scheme is known."""
    entries = [read_entry(secret) for secret in secrets]
    if not 1 <= len(entries) <= MAX_KEYS:
        raise Refused("invalid_config")
    ids = [entry.id for entry in entries if entry.id is not None]
    if len(set(ids)) < len(ids):
        raise Refused("invalid_config")
    return entries


def read_entry(secret: Any) -> Entry:
    if isinstance(secret, str):
        secret = {"value": secret}
    typed = None
    if "type" in secret:
        typed = parse_typed(secret["type"], secret["value"])
    else:
        refuse_accidents(secret["value"])
    return Entry(secret["value"], typed, secret.get("id"), secret.get("not_before"), secret.get("not_after"))


def bind_ring(entries: list[Entry], scheme: Scheme, for_signing: bool) -> list[Key]:
    """The keys for a scheme. A signer needs private keys, a verifier public ones."""
    keys = [Key(*(entry.typed or parse_text(entry.text, scheme)), entry.id, entry.not_before, entry.not_after) for entry in entries]
    asymmetric = [version.algorithm == "ed25519" for version in scheme.versions] or [False]
    for key in keys:
        if key.kind == (PUBLIC if for_signing else PRIVATE) or (key.kind != SYMMETRIC) not in asymmetric:
            raise Refused("malformed_secret")
        if scheme.grammar == "token" and not all(0x20 <= byte <= 0x7E for byte in key.data):
            raise Refused("malformed_secret")  # no header could carry it
    if sum(key.kind != SYMMETRIC for key in keys) > MAX_ED25519_KEYS:
        raise Refused("invalid_config")
    return keys


def parse_text(text: str, scheme: Scheme) -> tuple[str, bytes]:
    if scheme.name == "stripe" and text.startswith(("sk_", "rk_", "pk_")):
        raise Refused("malformed_secret")  # an API key, not a signing secret
    if scheme.key_rule == "utf8":
        return SYMMETRIC, text.encode()
    if scheme.key_rule == "hex":
        return SYMMETRIC, long_enough(decode_hex(text))
    if scheme.key_rule == "ed25519-public-hex":
        return PUBLIC, usable_public(decode_hex(text))
    if text.startswith("whsk_"):
        return PRIVATE, parse_private(text)
    if text.startswith("whpk_"):
        return PUBLIC, parse_public(text)
    return SYMMETRIC, long_enough(decode_base64(text.removeprefix("whsec_")))


def parse_typed(kind: str, value: str) -> tuple[str, bytes]:
    if kind in ("utf8", "bytes"):
        data = value.encode() if kind == "utf8" else base64.b64decode(value, validate=True)
        if not data:
            raise Refused("empty_secret")
        return SYMMETRIC, data
    refuse_accidents(value)
    if kind == "base64":
        return SYMMETRIC, long_enough(decode_base64(value.removeprefix("whsec_")))
    if kind == "hex":
        return SYMMETRIC, long_enough(decode_hex(value))
    if kind == "ed25519_private":
        return PRIVATE, parse_private(value)
    if kind == "ed25519_public":
        return PUBLIC, parse_public(value)
    raise ValueError(f"not a kind of key: {kind}")


def refuse_accidents(text: str) -> None:
    if not text.strip():
        raise Refused("empty_secret")
    quoted = len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'`"
    if text != text.strip() or quoted or text.startswith("v1,whsec_"):
        raise Refused("malformed_secret")


def parse_private(text: str) -> bytes:
    data = decode_base64(text.removeprefix("whsk_"))
    seed, public = data[:32], data[32:]
    if len(seed) != 32 or public not in (b"", ed25519.public_key(seed)):
        raise Refused("malformed_secret")
    return seed


def parse_public(text: str) -> bytes:
    return usable_public(decode_hex(text) if len(text) == 64 else decode_base64(text.removeprefix("whpk_")))


def usable_public(data: bytes) -> bytes:
    if not ed25519.is_usable_public_key(data):
        raise Refused("malformed_secret")
    return data


def long_enough(data: bytes) -> bytes:
    if len(data) < MIN_DECODED:
        raise Refused("malformed_secret")
    return data


def decode_base64(text: str) -> bytes:
    data = strict_base64(text)
    if data is None:
        raise Refused("malformed_secret")
    return data


def decode_hex(text: str) -> bytes:
    if not re.fullmatch(r"([0-9A-Fa-f]{2})*", text):
        raise Refused("malformed_secret")
    return bytes.fromhex(text)


def strict_base64(text: str) -> bytes | None:
    """The standard alphabet, padded, and only the one spelling that an encoder writes."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return data if base64.b64encode(data).decode() == text else None
