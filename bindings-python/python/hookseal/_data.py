"""Values on their way into the core: payloads as bytes, options as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .errors import ConfigError, SendError, WebhookError

Payload = Any

NULL = object()
"""An option that is set to nothing, where leaving it out means its default."""


def payload_bytes(payload: Payload) -> bytes:
    """The bytes that are signed and sent: as given, or the value as compact JSON.

    >>> payload_bytes({"id": 42, "name": "Zoë"}) == '{"id":42,"name":"Zoë"}'.encode()
    True
    >>> payload_bytes({"items": [{1: "a"}]})
    Traceback (most recent call last):
    hookseal.errors.SendError: invalid_event: payload.items[0]: the key 1 is int, and keys are str
    """
    if isinstance(payload, bytes):
        return payload
    if isinstance(payload, bytearray):
        return bytes(payload)
    try:
        if isinstance(payload, memoryview):
            return payload.tobytes()
        if isinstance(payload, str):
            return payload.encode()
        text = json.dumps(payload, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        encoded = text.encode()
    except (TypeError, ValueError, RecursionError) as cause:
        raise _unsendable(payload, cause) from cause
    for path, value in _walk(payload):
        if (why := _bad_key(value)) is not None:
            raise SendError("invalid_event", f"{_text(path)}: {why}")
    return encoded


def options_json(options: Mapping[str, Any]) -> str:
    """The options that are set, as JSON; naming the one that can not be."""
    given = {name: value for name, value in options.items() if value is not None}
    fields = []
    for name, value in given.items():
        try:
            fields.append(f"{json.dumps(name)}:{json.dumps(value, allow_nan=False, default=_plain)}")
        except (TypeError, ValueError, RecursionError) as cause:
            raise ConfigError("invalid_config", f"{name} must be made of finite numbers, text and lists") from cause
    return "{" + ",".join(fields) + "}"


def listed(name: str, values: Iterable[Any] | None) -> list[Any] | None:
    """The values of an option that takes several."""
    if values is None:
        return None
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise ConfigError("invalid_config", f"{name} must be a list")
    return list(values)


def at_item(index: int, error: WebhookError) -> WebhookError:
    """The same error, naming the item of a list that it is about."""
    return type(error)(error.code, f"item {index}: {error.message}", error.retryable)


def _plain(value: object) -> object:
    if value is NULL:
        return None
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(type(value).__name__)


def _unsendable(payload: Payload, cause: Exception) -> SendError:
    if isinstance(cause, RecursionError):
        return SendError("invalid_event", "payload: is nested too deeply")
    for path, value in _walk(payload):
        why = _bad_key(value) or _bad_value(value)
        if why is not None:
            return SendError("invalid_event", f"{_text(path)}: {why}")
    return SendError("invalid_event", f"payload: can not be written as JSON ({cause})")


_Path = tuple[Any, ...]
"""The path of what holds a value, and the value's place in there; empty for the payload itself."""


def _walk(payload: Payload) -> Iterator[tuple[_Path, Any]]:
    """Every value in the payload with its path, each container once."""
    todo: list[tuple[_Path, Any]] = [((), payload)]
    seen: set[int] = set()
    while todo:
        path, value = todo.pop()
        yield path, value
        if not isinstance(value, (dict, list, tuple)) or id(value) in seen:
            continue
        seen.add(id(value))
        places = value.items() if isinstance(value, dict) else enumerate(value)
        todo.extend(((path, place), item) for place, item in places)


def _text(path: _Path) -> str:
    places = []
    while path:
        path, place = path
        places.append(f"[{place}]" if isinstance(place, int) else f".{place}")
    return "".join(["payload", *reversed(places)])


def _bad_key(value: Any) -> str | None:
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                return f"the key {key!r} is {type(key).__name__}, and keys are str"
    return None


def _bad_value(value: Any) -> str | None:
    if isinstance(value, str):
        return None if _is_unicode(value) else "the text has lone surrogates"
    if isinstance(value, float):
        return None if value - value == 0 else f"JSON has no {value}"
    if isinstance(value, dict):
        return None if all(map(_is_unicode, value)) else "a key has lone surrogates"
    if value is None or isinstance(value, (bool, int, list, tuple)):
        return None
    return f"{type(value).__name__} can not be written as JSON"


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
