"""Bodies and headers of any kind end in one error with a code."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import hookseal
import pytest
from conftest import refused
from django.http.request import HttpHeaders
from hookseal import Signer, VerificationError, Verifier
from starlette.datastructures import Headers as StarletteHeaders
from werkzeug.datastructures import EnvironHeaders
from werkzeug.datastructures import Headers as WerkzeugHeaders

NOW = 1_700_000_000
BODY = b'{"id":42}'
SIGNED = Signer("whsec_demo").sign(BODY, id="evt_1", event_type="order.paid", timestamp=NOW)
VERIFIER = Verifier("whsec_demo")


@pytest.mark.parametrize("body", [{"id": 42}, [1], None, 42, 1.5, True, object(), iter([b"x"]), "a\ud800"], ids=repr)
def test_a_parsed_body_is_explained(body: Any) -> None:
    with refused("body_not_bytes", VerificationError) as info:
        VERIFIER.verify(body, SIGNED, now=NOW)
    assert isinstance(body, str) or "await request.body()" in info.value.message


def test_a_released_view_is_no_body() -> None:
    view = memoryview(BODY)
    view.release()
    with refused("body_not_bytes", VerificationError):
        VERIFIER.verify(view, SIGNED, now=NOW)


def test_a_view_with_steps_is_the_bytes_it_shows() -> None:
    doubled = bytes(byte for byte in BODY for _ in range(2))
    assert VERIFIER.verify(memoryview(doubled)[::2], SIGNED, now=NOW).id == "evt_1"


def environ(headers: dict[str, str]) -> dict[str, str]:
    return {"HTTP_" + name.upper().replace("-", "_"): value for name, value in headers.items()}


class OnlyGet:
    def get(self, name: str) -> str | None:
        return SIGNED.get(name)


@pytest.mark.parametrize(
    "headers",
    [
        SIGNED,
        {name.lower(): value for name, value in SIGNED.items()},
        {name.upper(): value.encode() for name, value in SIGNED.items()},
        {name: [value] for name, value in SIGNED.items()},
        {name: (None, value) for name, value in SIGNED.items()},
        list(SIGNED.items()),
        tuple(SIGNED.items()),
        [[name.encode(), bytearray(value.encode())] for name, value in SIGNED.items()],
        SIGNED.items(),
        StarletteHeaders(SIGNED),
        HttpHeaders(environ(SIGNED)),
        WerkzeugHeaders(SIGNED),
        EnvironHeaders(environ(SIGNED)),
        OnlyGet(),
    ],
    ids=lambda headers: type(headers).__name__,
)
def test_every_container(headers: Any) -> None:
    assert VERIFIER.verify(BODY, headers, now=NOW).id == "evt_1"


def test_a_bare_value_serves_what_needs_one_header() -> None:
    for bare in (SIGNED["X-Webhook-Signature"], SIGNED["X-Webhook-Signature"].encode()):
        verified = VERIFIER.verify(BODY, bare, now=NOW)
        assert (verified.version, verified.id) == ("v1", None)
    with refused("missing_header", VerificationError):
        VERIFIER.verify(BODY, None, now=NOW)  # headers.get() of what is not there


@pytest.mark.parametrize(
    "double",
    [
        lambda value: {"X-Webhook-Signature": value, "x-webhook-signature": value},
        lambda value: {"X-Webhook-Signature": value, "X-WEBHOOK-SIGNATURE": value},
        lambda value: {"X-Webhook-Signature": [value, value]},
        lambda value: [("X-Webhook-Signature", value), (b"x-webhook-signature", value)],
        lambda value: StarletteHeaders(raw=[(b"x-webhook-signature", value.encode())] * 2),
        lambda value: WerkzeugHeaders([("X-Webhook-Signature", value)] * 2),
    ],
)
def test_a_doubled_header_is_seen(double: Any) -> None:
    with refused("malformed_header", VerificationError):
        VERIFIER.verify(BODY, double(SIGNED["X-Webhook-Signature"]), now=NOW)


@pytest.mark.parametrize("headers", [{}, [], (), {"X-Webhook-Signature": None}, {"X-Webhook-Signature": []}, {7: "a"}])
def test_an_absent_header(headers: Any) -> None:
    with refused("missing_header", VerificationError):
        VERIFIER.verify(BODY, headers, now=NOW)


class Angry:
    """Everything that is asked of it fails."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)

    def __iter__(self) -> Iterator[Any]:
        raise OSError("no")

    def __str__(self) -> str:
        raise ZeroDivisionError


class AngryItems:
    def items(self) -> Any:
        raise KeyError("no")


class InterruptedItems:
    def items(self) -> Any:
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    "headers",
    [
        7,
        True,
        object(),
        Angry(),
        AngryItems(),
        [7],
        ["ab"],
        [("a",)],
        [("a", "b", "c")],
        [None],
        {"X-Webhook-Signature": 7},
        {"X-Webhook-Signature": {}},
        {"X-Webhook-Signature": [7]},
        {"X-Webhook-Signature": [["nested"]]},
        {"X-Webhook-Signature": "v1=\ud800"},
        {"X-Webhook-Signature": "t=1,v1=é"},
        {"X-Webhook-Signature": "t=1,v1=a\r\nX: y"},
        "t=1,v1=\u0431",
        b"\xff",
    ],
    ids=lambda headers: type(headers).__name__,
)
def test_headers_of_the_wrong_kind(headers: Any) -> None:
    with refused("malformed_header", VerificationError):
        VERIFIER.verify(BODY, headers, now=NOW)


def test_the_cause_is_kept_and_ctrl_c_is_not_swallowed() -> None:
    with refused("malformed_header", VerificationError) as info:
        VERIFIER.verify(BODY, AngryItems(), now=NOW)
    assert isinstance(info.value.__cause__, KeyError)
    with pytest.raises(KeyboardInterrupt):
        VERIFIER.verify(BODY, InterruptedItems(), now=NOW)


def test_a_str_header_has_one_character_for_each_byte() -> None:
    with refused("malformed_header", VerificationError):
        VERIFIER.verify(BODY, "é" * 8_192, now=NOW)
    with refused("header_too_large", VerificationError):
        VERIFIER.verify(BODY, "é" * 8_193, now=NOW)


def test_only_verification_errors_leave_verify() -> None:
    seed = 20_261_122
    dice = random.Random(seed)
    good = SIGNED["X-Webhook-Signature"]
    verifiers = [
        Verifier("whsec_demo", name) for name in ("hookseal", "stripe", "github", "slack", "shopify", "gitlab")
    ]
    accepted = refusals = 0
    for turn in range(20_000):
        headers: Any
        if turn % 2:
            headers = {**SIGNED, "X-Webhook-Signature": mutated(dice, good)}
            verifier = verifiers[0]
        else:
            headers = anything(dice, 2)
            verifier = dice.choice(verifiers)
        body: Any = BODY if turn % 2 else dice.choice([dice.randbytes(dice.randrange(64)), anything(dice, 1), "é"])
        try:
            verifier.verify(body, headers, now=NOW)
            accepted += 1
        except hookseal.VerificationError:
            refusals += 1
        except BaseException as error:
            raise AssertionError(f"seed {seed}, turn {turn}: {body!r}, {headers!r}") from error
    assert accepted > 100
    assert refusals > 10_000


def mutated(dice: random.Random, header: str) -> str | bytes | list[str]:
    """A good header with up to three small changes."""
    text = list(header)
    for _ in range(dice.randrange(4)):
        at = dice.randrange(len(text))
        match dice.randrange(5):
            case 0:
                text[at] = chr(dice.choice([0, 9, 32, 44, 59, 61, 127, 255, 0x431, 0xD800, dice.randrange(128)]))
            case 1:
                del text[at]
            case 2:
                text.insert(at, dice.choice([",", "=", "v1=", "t=1,", " ", "\t", "v2=" + "0" * 64 + ","]))
            case 3:
                text[at:at] = text[at : at + dice.randrange(64)]
            case _:
                text[at] = text[at].upper()
    out = "".join(text)
    forms: list[str | bytes | list[str]] = [out, [out], out.encode("utf-8", "surrogatepass")]
    return dice.choice(forms)


def anything(dice: random.Random, depth: int) -> Any:
    """A value of any kind that a program might pass by mistake."""
    leaves: list[Any] = [None, True, 7, 0.5, "", "x", b"", b"\xff", "\ud800", object(), 10**40, float("nan")]
    names = ["X-Webhook-Signature", "stripe-signature", b"X-SLACK-SIGNATURE", "X-Gitlab-Token", 7, None, "\udfff"]
    if depth == 0 or dice.random() < 0.3:
        return dice.choice(leaves)
    inner = [anything(dice, depth - 1) for _ in range(dice.randrange(4))]
    return dice.choice(
        [
            inner,
            tuple(inner),
            {dice.choice(names): value for value in inner},
            [(dice.choice(names), value) for value in inner],
            iter(inner),
            Angry(),
        ]
    )
