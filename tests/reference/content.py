"""The bytes that are signed: a template filled in with fields, ended by some form of the body."""

from __future__ import annotations

import hashlib
from urllib.parse import urlsplit

from scheme import Version

STRUCTURAL = b"{}[]:,\""
BLANKS = b" \t\r\n"
DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def signed_texts(version: Version, fields: dict[str, bytes], body: bytes) -> list[bytes]:
    """Every text that a signature of this version may be over; empty when the body can not be authentic."""
    texts = []
    for filled in url_readings(version, fields):
        text = body_text(version.content[-1], filled, body)
        if text is None:
            return []
        prefix = b"".join(filled[part[1:-1]] if part.startswith("{") else part.encode() for part in version.content[:-1])
        texts.append(prefix + text)
    return texts


def url_readings(version: Version, fields: dict[str, bytes]) -> list[dict[str, bytes]]:
    if not version.covers("url") or version.content[-1] != "{form:sorted}":
        return [fields]
    given = fields["url"].decode()
    other = with_other_port(given)
    return [fields] if other is None else [fields, {**fields, "url": other.encode()}]


def with_other_port(url: str) -> str | None:
    """The same address with its default port added or cut, where that can be done."""
    parts = urlsplit(url)
    port = DEFAULT_PORTS.get(parts.scheme)
    if port is None:
        return None
    start = len(parts.scheme) + len("://")
    end = start + len(parts.netloc)
    if parts.netloc.endswith(port):
        return url[: end - len(port)] + url[end:]
    return url[:end] + port + url[end:] if parts.port is None else None


def body_text(token: str, fields: dict[str, bytes], body: bytes) -> bytes | None:
    if token == "{body}":
        return body
    if token == "{body:compact-json}":
        return compact_json(body)
    claimed = body_hash_in(fields.get("url", b""))
    if claimed is None:
        return sorted_form(body)
    return b"" if claimed.lower() == hashlib.sha256(body).hexdigest().encode() else None


def body_hash_in(url: bytes) -> bytes | None:
    query = urlsplit(url.decode()).query.encode()
    return next((value for name, value in form_pairs(query) if name == b"bodySHA256"), None)


def sorted_form(body: bytes) -> bytes:
    return b"".join(name + value for name, value in sorted(set(form_pairs(body))))


def form_pairs(text: bytes) -> list[tuple[bytes, bytes]]:
    cut = [piece.partition(b"=") for piece in text.split(b"&") if piece]
    return [(form_decode(name), form_decode(value)) for name, _, value in cut]


def form_decode(text: bytes) -> bytes:
    out, at = bytearray(), 0
    text = text.replace(b"+", b" ")
    while at < len(text):
        digits = text[at + 1 : at + 3]
        if text[at] == ord("%") and len(digits) == 2 and all(chr(digit) in "0123456789abcdefABCDEF" for digit in digits):
            out.append(int(digits, 16))
            at += 3
        else:
            out.append(text[at])
            at += 1
    return bytes(out)


def compact_json(body: bytes) -> bytes:
    """Drops blanks outside strings, but keeps two bare words apart by one space."""
    out = bytearray()
    in_string = escaped = pending = False
    for byte in body:
        if in_string:
            out.append(byte)
            in_string = escaped or byte != ord('"')
            escaped = byte == ord("\\") and not escaped
        elif byte in BLANKS:
            pending = True
        else:
            if pending and out and out[-1] not in STRUCTURAL and byte not in STRUCTURAL:
                out.append(ord(" "))
            pending = False
            out.append(byte)
            in_string = byte == ord('"')
    return bytes(out)
