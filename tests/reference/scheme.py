"""Scheme documents: what spec/SPEC.md allows, checked field by field."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SPEC = Path(__file__).resolve().parents[2] / "spec"

GRAMMARS = ("pairs", "list", "prefixed", "bare", "token")
UNITS = ("seconds", "milliseconds", "rfc3339")
ALGORITHMS = ("hmac-sha256", "hmac-sha512", "hmac-sha1", "ed25519")
ENCODINGS = ("hex", "base64")
KEY_RULES = ("utf8", "base64", "hex", "ed25519-public-hex")
BODY_TOKENS = ("{body}", "{body:compact-json}", "{form:sorted}")
FIELD_TOKENS = ("{timestamp}", "{id}", "{type}", "{url}")
SCHEME_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
LABEL = re.compile(r"[!-+./0-:<>-~-]{1,64}")  # visible ASCII without equals sign, comma and semicolon
MAX_VERSIONS = 16
MAX_HEADERS_READ = 3


class Refused(Exception):
    """Ends everything with one error code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Version:
    label: str
    algorithm: str
    encoding: str
    content: tuple[str, ...]

    def covers(self, field: str) -> bool:
        return "{" + field + "}" in self.content


@dataclass(frozen=True)
class Scheme:
    name: str
    header: str
    grammar: str
    separator: str
    joined: bool
    timestamp_element: str | None
    timestamp_header: str | None
    unit: str
    id_header: str | None
    type_header: str | None
    versions: tuple[Version, ...]  # strongest first; empty for the grammar token
    key_rule: str
    also_writes: tuple[str, ...]

    @property
    def has_timestamp(self) -> bool:
        return self.timestamp_element is not None or self.timestamp_header is not None


def named(name: str) -> Scheme:
    path = SPEC / "schemes" / f"{name}.json"
    if not re.fullmatch(r"[a-z0-9-]+", name) or not path.exists():
        raise Refused("unknown_scheme")
    return parse(json.loads(path.read_text()))


def parse(document: Any) -> Scheme:
    fields = record(
        document,
        required={"name": str, "signature": dict, "key": str},
        optional={"summary": str, "source": str, "timestamp": dict, "id": dict, "type": dict,
                  "content": str, "versions": list, "also_writes": list},
    )
    signature = record(fields["signature"], required={"header": str, "grammar": str},
                       optional={"separator": str, "joined": str})
    grammar = one_of(signature["grammar"], GRAMMARS)
    require("separator" not in signature or (grammar == "pairs" and signature["separator"] in (",", ";")))
    require("joined" not in signature or (grammar == "prefixed" and signature["joined"] == ","))

    element, timestamp_header, unit = parse_timestamp(fields.get("timestamp"), grammar)
    also_writes = tuple(header_name(name) for name in fields.get("also_writes", []))
    require(not also_writes or element is not None)

    require(SCHEME_NAME.fullmatch(fields["name"]) is not None)
    scheme = Scheme(
        name=fields["name"],
        header=header_name(signature["header"]),
        grammar=grammar,
        separator=signature.get("separator", ","),
        joined="joined" in signature,
        timestamp_element=element,
        timestamp_header=timestamp_header,
        unit=unit,
        id_header=parse_header_field(fields.get("id")),
        type_header=parse_header_field(fields.get("type")),
        versions=parse_versions(fields, grammar),
        key_rule=one_of(fields["key"], KEY_RULES),
        also_writes=also_writes,
    )
    for version in scheme.versions:
        require(scheme.has_timestamp == version.covers("timestamp"))  # an unsigned timestamp would protect nothing
        require(scheme.id_header is not None or not version.covers("id"))
        require(scheme.type_header is not None or not version.covers("type"))
        require(version.content[-1] != "{form:sorted}" or version.covers("url"))
        require(element is None or version.label != element)
    check_headers(scheme)
    return scheme


def check_headers(scheme: Scheme) -> None:
    """No header has two roles, and verification reads at most three."""
    roles = [scheme.header, scheme.timestamp_header, scheme.id_header, scheme.type_header, *scheme.also_writes]
    names = [name.lower() for name in roles if name is not None]
    require(len(set(names)) == len(names))
    covered = [name for name in ("id", "type") if any(version.covers(name) for version in scheme.versions)]
    require(1 + (scheme.timestamp_header is not None) + len(covered) <= MAX_HEADERS_READ)


def parse_timestamp(value: Any, grammar: str) -> tuple[str | None, str | None, str]:
    if value is None:
        return None, None, "seconds"
    fields = record(value, required={"unit": str}, optional={"element": str, "header": str})
    require(("element" in fields) != ("header" in fields))
    require("element" not in fields or (grammar == "pairs" and LABEL.fullmatch(fields["element"]) is not None))
    header = header_name(fields["header"]) if "header" in fields else None
    return fields.get("element"), header, one_of(fields["unit"], UNITS)


def parse_header_field(value: Any) -> str | None:
    return None if value is None else header_name(record(value, required={"header": str})["header"])


def parse_versions(fields: dict[str, Any], grammar: str) -> tuple[Version, ...]:
    if grammar == "token":
        require("content" not in fields and "versions" not in fields)
        return ()
    versions = []
    for item in fields.get("versions", []):
        entry = record(item, required={"label": str, "algorithm": str, "encoding": str}, optional={"content": str})
        content = entry.get("content", fields.get("content"))
        require(content is not None)
        versions.append(Version(entry["label"], one_of(entry["algorithm"], ALGORITHMS),
                                one_of(entry["encoding"], ENCODINGS), parse_template(str(content))))
    labels = [version.label for version in versions]
    require(labels == [""] if grammar == "bare" else all(LABEL.fullmatch(label) for label in labels))
    require(1 <= len(labels) <= MAX_VERSIONS and len(set(labels)) == len(labels))
    return tuple(versions)


def parse_template(text: str) -> tuple[str, ...]:
    """Splits `v0:{timestamp}:{body}` into ("v0:", "{timestamp}", ":", "{body}")."""
    parts = tuple(part for part in re.split(r"(\{[^{}]*\})", text) if part)
    require(bool(parts) and parts[-1] in BODY_TOKENS)
    for part in parts[:-1]:
        literal = "{" not in part and "}" not in part
        require(literal or (part in FIELD_TOKENS and parts.count(part) == 1))
    return parts


def record(value: Any, required: dict[str, type], optional: dict[str, type] | None = None) -> dict[str, Any]:
    """An object with these fields and no others."""
    require(isinstance(value, dict))
    known = {**required, **(optional or {})}
    require(set(required) <= set(value) <= set(known))
    require(all(isinstance(item, known[name]) for name, item in value.items()))
    return dict(value)


def header_name(name: Any) -> str:
    require(isinstance(name, str) and HEADER_NAME.fullmatch(name) is not None)
    return str(name)


def one_of(value: str, choices: tuple[str, ...]) -> str:
    require(value in choices)
    return value


def require(condition: bool) -> None:
    if not condition:
        raise Refused("invalid_scheme")
