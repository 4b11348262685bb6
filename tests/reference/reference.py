"""Hookseal's verification and signing, written plainly from spec/SPEC.md: the oracle for the vectors.

`verdict(test)` takes one test of a verify file, `signed(test)` one of a sign file; both return its `expect`.
Slow on purpose, and not constant-time: never use it to verify real requests. As a program it answers vectors on standard
input, one JSON object a line: `hookseal vectors run -- python3 tests/reference/reference.py`.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import json
import re
import sys
from dataclasses import dataclass
from typing import Any

import ed25519
import scheme as schemes
from content import body_text, signed_texts
from scheme import Refused, Scheme, Version
from secret import PRIVATE, PUBLIC, SYMMETRIC, Key, bind_ring, read_ring, strict_base64

MAX_HEADER = 8192
MAX_FIELD = 256
MAX_ELEMENTS = 64
MAX_HMAC_VALUES = 32
MAX_ED25519_VALUES = 4
MAX_TOLERANCE = 4_294_967_295
MAX_TIMESTAMP = 999_999_999_999
MAX_RFC3339 = 253_402_300_799  # the last second of the year 9999
DEFAULT_TOLERANCE = 300

TIMESTAMP_FORMS = {
    "seconds": r"0|[1-9][0-9]{0,11}",
    "milliseconds": r"0|[1-9][0-9]{0,14}",
    "rfc3339": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z",
}
DIGESTS = {"hmac-sha256": hashlib.sha256, "hmac-sha512": hashlib.sha512, "hmac-sha1": hashlib.sha1}
SIZES = {"hmac-sha256": 32, "hmac-sha512": 64, "hmac-sha1": 20, "ed25519": 64}
TOKEN_VERSION = Version("", "token", "", ())


def verdict(test: dict[str, Any]) -> dict[str, Any]:
    try:
        verifier = Verifier(test)
        result = {}
        for _ in range(test.get("repeat", 1)):
            result = verifier.verify(base64.b64decode(test["body_base64"]), test["headers"], test["now"], test.get("url"))
        return {"ok": result}
    except Refused as refused:
        return {"error": refused.code}


@dataclass(frozen=True)
class Element:
    label: str
    value: str


class Verifier:
    def __init__(self, test: dict[str, Any]) -> None:
        self.scheme = scheme_of(test)
        self.versions = self.scheme.versions or (TOKEN_VERSION,)
        ring = read_ring(test["secrets"])
        self.tolerance = test.get("tolerance", DEFAULT_TOLERANCE)
        self.future_tolerance = test.get("future_tolerance", self.tolerance)
        self.judges_age = not test.get("dangerously_ignore_timestamp", False)
        self.max_body = test.get("max_body")
        self.require = test.get("require")
        self.guard = Guard() if test.get("repeat", 1) > 1 else None

        config_require(all(0 <= limit <= MAX_TOLERANCE for limit in (self.tolerance, self.future_tolerance)))
        config_require(self.require is None or self.require in [version.label for version in self.versions])
        if self.guard:
            config_require(self.judges_age)
            config_require(any(all(version.covers(name) for version in self.versions) for name in ("timestamp", "id")))
        self.keys = bind_ring(ring, self.scheme, for_signing=False)

    def verify(self, body: bytes, headers: list[list[str]], now: int, url: str | None) -> dict[str, Any]:
        if self.max_body is not None and len(body) > self.max_body:
            raise Refused("body_too_large")
        header = self.read_signature_header(headers)
        pieces = self.split(header)
        live = [(index, key) for index, key in enumerate(self.keys) if key.is_live(now)]
        accepted = self.accepted_versions([key for _, key in live])
        self.check_counts(pieces, accepted)
        elements = [element for element in pieces if element is not None]
        if not elements:
            raise Refused("malformed_header")

        fields: dict[str, bytes] = {} if url is None else {"url": url.encode()}
        timestamp = self.read_timestamp(headers, elements, fields)
        self.check_fields_of_every_version(headers)
        version = self.choose_version(headers, elements, accepted)
        for name, field_header in self.covered_headers(version):
            fields[name] = only_value(headers, field_header, name)

        values = [element.value for element in elements if element.label == version.label]
        candidates = [decoded for value in values if (decoded := decode_value(version, value)) is not None]
        if not candidates:
            raise Refused("malformed_signature")
        if version.covers("url") and url is None:
            raise Refused("missing_url")

        index, key = self.find_key(version, live, candidates, fields, body)
        signed_timestamp = timestamp if version.covers("timestamp") else None
        if signed_timestamp is not None and self.judges_age:
            if now - signed_timestamp > self.tolerance:
                raise Refused("timestamp_too_old")
            if signed_timestamp - now > self.future_tolerance:
                raise Refused("timestamp_in_future")
        if self.guard:
            self.guard.claim(self.scheme, version, fields, body)

        verified = {
            "timestamp": signed_timestamp,
            "id": fields["id"].decode() if version.covers("id") else None,
            "event_type": fields["type"].decode() if version.covers("type") else None,
            "version": version.label,
            "key_index": index,
        }
        return verified if key.id is None else {**verified, "key_id": key.id}

    def read_signature_header(self, headers: list[list[str]]) -> str:
        found = values_of(headers, self.scheme.header)
        if not found:
            raise Refused("missing_header")
        if len(found) > 1:
            raise Refused("malformed_header")
        if len(found[0]) > MAX_HEADER:
            raise Refused("header_too_large")
        if any(not (" " <= char <= "~" or char == "\t") for char in found[0]):
            raise Refused("malformed_header")
        return found[0]

    def split(self, header: str) -> list[Element | None]:
        """The elements of the header; None stands for one that is not well formed."""
        grammar, text = self.scheme.grammar, header.strip(" \t")
        if grammar == "pairs":
            pieces = [piece.strip(" \t") for piece in header.split(self.scheme.separator)]
            return [element_of(piece, "=") for piece in pieces if piece]
        if grammar == "list":
            return [element_of(piece, ",") for piece in re.split(r"[ \t]+", header) if piece]
        if grammar == "prefixed":
            whole = element_of(text, "=")
            if whole is None or not self.scheme.joined:
                return [whole]
            values = [value.strip(" \t") for value in whole.value.split(",")]
            return [Element(whole.label, value) for value in values if value] or [Element(whole.label, "")]
        return [Element("", text)] if text else []

    def accepted_versions(self, live: list[Key]) -> list[Version]:
        """The versions that this verifier takes, strongest first."""
        labels = [version.label for version in self.versions]
        strong_enough = self.versions if self.require is None else self.versions[: labels.index(self.require) + 1]
        return [version for version in strong_enough if any(fits(key, version) for key in live)]

    def check_counts(self, elements: list[Element | None], accepted: list[Version]) -> None:
        def values_under(versions: list[Version]) -> int:
            labels = [version.label for version in versions]
            return sum(element is not None and element.label in labels for element in elements)

        asymmetric = [version for version in accepted if version.algorithm == "ed25519"]
        symmetric = [version for version in accepted if version.algorithm != "ed25519"]
        if (
            len(elements) > MAX_ELEMENTS
            or values_under(symmetric) > MAX_HMAC_VALUES
            or values_under(asymmetric) > MAX_ED25519_VALUES
        ):
            raise Refused("too_many_signatures")

    def read_timestamp(self, headers: list[list[str]], elements: list[Element], fields: dict[str, bytes]) -> int | None:
        if self.scheme.timestamp_header is not None:
            found = values_of(headers, self.scheme.timestamp_header)
        elif self.scheme.timestamp_element is not None:
            found = [element.value for element in elements if element.label == self.scheme.timestamp_element]
        else:
            return None
        if not found:
            raise Refused("missing_timestamp")
        if len(found) > 1:
            raise Refused("duplicate_timestamp")
        seconds = parse_timestamp(found[0], self.scheme.unit)
        fields["timestamp"] = found[0].encode()
        return seconds

    def check_fields_of_every_version(self, headers: list[list[str]]) -> None:
        for name, field_header in self.covered_headers(*self.versions):
            if not values_of(headers, field_header):
                raise Refused("missing_header")
            only_value(headers, field_header, name)

    def covered_headers(self, *versions: Version) -> list[tuple[str, str]]:
        """The headers (id, type) that all of these versions cover."""
        known = [("id", self.scheme.id_header), ("type", self.scheme.type_header)]
        return [(name, header) for name, header in known
                if header is not None and all(version.covers(name) for version in versions)]

    def choose_version(self, headers: list[list[str]], elements: list[Element], accepted: list[Version]) -> Version:
        labels = {element.label for element in elements}
        present = [version for version in accepted if version.label in labels]
        for version in present:
            if all(values_of(headers, header) for _, header in self.covered_headers(version)):
                return version
        raise Refused("missing_header" if present and self.require is not None else "unsupported_version")

    def find_key(self, version: Version, live: list[tuple[int, Key]], candidates: list[bytes],
                 fields: dict[str, bytes], body: bytes) -> tuple[int, Key]:
        for index, key in live:
            if fits(key, version) and matches(version, key, candidates, fields, body):
                return index, key
        raise Refused("no_matching_signature")


class Guard:
    """A replay guard for one process, without its limits."""

    def __init__(self) -> None:
        self.claimed: set[bytes] = set()
        self.noted: set[bytes] = set()

    def claim(self, scheme: Scheme, version: Version, fields: dict[str, bytes], body: bytes) -> None:
        mine = print_of(scheme, version, fields, body)
        weaker = {print_of(scheme, other, fields, body) for other in scheme.versions[scheme.versions.index(version) + 1 :]} - {mine}
        if mine in self.claimed | self.noted or weaker & self.claimed:
            raise Refused("replayed")
        self.claimed.add(mine)
        self.noted |= weaker


def print_of(scheme: Scheme, version: Version, fields: dict[str, bytes], body: bytes) -> bytes:
    covered = [fields[part[1:-1]] for part in version.content[:-1] if part.startswith("{")]
    parts = [scheme.name.encode(), *covered, hashlib.sha256(body_text(version.content[-1], fields, body) or b"").digest()]
    return hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).digest()


def signed(test: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"headers": sign(test)}
    except Refused as refused:
        return {"error": refused.code}


def sign(test: dict[str, Any]) -> list[list[str]]:
    scheme, message = scheme_of(test), test["message"]
    keys = bind_ring(read_ring(test["secrets"]), scheme, for_signing=True)
    timestamp, body = message["timestamp"], base64.b64decode(test["body_base64"])
    given = {name: message[field] for name, field in (("id", "id"), ("type", "event_type"), ("url", "url")) if message.get(field) is not None}
    for name in ("id", "type"):
        if name in given and not is_good_field(name, given[name]):
            raise Refused("invalid_event")
    config_require(0 <= timestamp <= (MAX_RFC3339 if scheme.unit == "rfc3339" else MAX_TIMESTAMP))
    given["timestamp"] = format_timestamp(timestamp, scheme.unit)
    live = [key for key in keys if key.is_live(timestamp)]
    config_require(bool(live))

    if scheme.grammar == "token":
        return [[scheme.header, live[0].data.decode()]]
    usable = [version for version in scheme.versions if any(fits(key, version) for key in live)]
    config_require(bool(usable))
    written = [version for version in usable if all(not version.covers(name) or name in given for name in ("id", "type"))]
    if not written:
        raise Refused("invalid_event")
    if any(version.covers("url") for version in written) and "url" not in given:
        raise Refused("missing_url")

    fields = {name: value.encode() for name, value in given.items()}
    values = [(version.label, sign_once(version, key, fields, body))
              for version in written for key in live if fits(key, version)]
    if scheme.grammar in ("pairs", "list"):
        made = [version.algorithm == "ed25519" for version in written for key in live if fits(key, version)]
        config_require(made.count(True) <= 4 and made.count(False) <= 32)
    headers = [[scheme.header, write_header(scheme, given["timestamp"], values)]]
    if scheme.timestamp_header is not None:
        headers.append([scheme.timestamp_header, given["timestamp"]])
    for name, header in (("id", scheme.id_header), ("type", scheme.type_header)):
        if header is not None and name in given:
            headers.append([header, given[name]])
    return headers + [[name, given["timestamp"]] for name in scheme.also_writes]


def sign_once(version: Version, key: Key, fields: dict[str, bytes], body: bytes) -> str:
    text = signed_texts(version, fields, body)
    config_require(bool(text))
    if key.kind == PRIVATE:
        signature = ed25519.sign(key.data, text[0])
    else:
        signature = hmac.new(key.data, text[0], DIGESTS[version.algorithm]).digest()
    return signature.hex() if version.encoding == "hex" else base64.b64encode(signature).decode()


def write_header(scheme: Scheme, timestamp: str, values: list[tuple[str, str]]) -> str:
    if scheme.grammar == "pairs":
        first = [f"{scheme.timestamp_element}={timestamp}"] if scheme.timestamp_element is not None else []
        return scheme.separator.join(first + [f"{label}={value}" for label, value in values])
    if scheme.grammar == "list":
        return " ".join(f"{label},{value}" for label, value in values)
    newest_label, newest = values[0]
    if scheme.grammar == "bare":
        return newest
    if scheme.joined:
        newest = ",".join(value for label, value in values if label == newest_label)
    return f"{newest_label}={newest}"


def scheme_of(test: dict[str, Any]) -> Scheme:
    return schemes.named(test["scheme"]) if "scheme" in test else schemes.parse(test["scheme_document"])


def config_require(condition: bool) -> None:
    if not condition:
        raise Refused("invalid_config")


def values_of(headers: list[list[str]], name: str) -> list[str]:
    return [value for key, value in headers if key.lower() == name.lower()]


def only_value(headers: list[list[str]], header: str, name: str) -> bytes:
    """The one value of a header that a signature covers."""
    found = values_of(headers, header)
    if len(found) != 1 or not is_good_field(name, found[0]):
        raise Refused("malformed_header")
    return found[0].encode()


def is_good_field(name: str, value: str) -> bool:
    """1 to 256 visible ASCII characters without colon and comma; in an id no full stop either."""
    forbidden = ":,." if name == "id" else ":,"
    return 1 <= len(value) <= MAX_FIELD and all("!" <= char <= "~" and char not in forbidden for char in value)


def element_of(piece: str, divider: str) -> Element | None:
    label, found, value = piece.partition(divider)
    return Element(label, value) if found and label else None


def fits(key: Key, version: Version) -> bool:
    return (key.kind != SYMMETRIC) == (version.algorithm == "ed25519")


def parse_timestamp(text: str, unit: str) -> int:
    if len(text) > MAX_FIELD or not re.fullmatch(TIMESTAMP_FORMS[unit], text):
        raise Refused("malformed_timestamp")
    if unit == "seconds":
        return int(text)
    if unit == "milliseconds":
        return int(text) // 1000
    year, month, day, hour, minute, second = (int(text[at : at + size]) for at, size in ((0, 4), (5, 2), (8, 2), (11, 2), (14, 2), (17, 2)))
    if hour > 23 or minute > 59 or second > 59:
        raise Refused("malformed_timestamp")
    try:
        alike = datetime.date(2000 + year % 400, month, day)  # the calendar repeats every 400 years
    except ValueError:
        raise Refused("malformed_timestamp") from None
    days = (alike - datetime.date(1970, 1, 1)).days + (year // 400 - 5) * 146_097
    return days * 86_400 + hour * 3600 + minute * 60 + second


def format_timestamp(seconds: int, unit: str) -> str:
    if unit == "seconds":
        return str(seconds)
    if unit == "milliseconds":
        return str(seconds * 1000)
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def decode_value(version: Version, value: str) -> bytes | None:
    """The signature's bytes, or None when its length or alphabet is wrong."""
    if version is TOKEN_VERSION:
        return value.encode()
    if version.encoding == "base64":
        data = strict_base64(value)
    else:
        data = bytes.fromhex(value) if re.fullmatch(r"([0-9A-Fa-f]{2})*", value) else None
    return data if data is not None and len(data) == SIZES[version.algorithm] else None


def matches(version: Version, key: Key, candidates: list[bytes], fields: dict[str, bytes], body: bytes) -> bool:
    if version is TOKEN_VERSION:
        return hashlib.sha256(candidates[0]).digest() == hashlib.sha256(key.data).digest()
    for text in signed_texts(version, fields, body):
        if key.kind == PUBLIC:
            found = any(ed25519.verify(key.data, text, candidate) for candidate in candidates)
        else:
            found = hmac.new(key.data, text, DIGESTS[version.algorithm]).digest() in candidates
        if found:
            return True
    return False


def main() -> None:
    for line in sys.stdin:
        test = json.loads(line)
        print(json.dumps(signed(test) if "message" in test else verdict(test)), flush=True)


if __name__ == "__main__":
    main()
