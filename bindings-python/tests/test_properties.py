"""What holds for every message and every header, tried on those that Hypothesis makes up."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from hookseal import Scheme, Signer, VerificationError, Verifier
from hookseal.testing import signed_request
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

NOW = 1_700_000_000
settings.register_profile(
    "hookseal",
    max_examples=2000 if os.environ.get("HOOKSEAL_FULL") else 200,
    deadline=None,
    derandomize=not os.environ.get("HOOKSEAL_FULL"),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("hookseal")

bodies = st.binary(max_size=300)
schemes = st.sampled_from(Scheme.names())
ids = st.text("abcXYZ019_-", min_size=1, max_size=40)
types = st.text("abcXYZ019_-.", min_size=1, max_size=40)
anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.binary(), inner, max_size=3),
    max_leaves=6,
)
CONTAINERS: list[Callable[[dict[str, str]], Any]] = [
    dict,
    lambda it: list(it.items()),
    lambda it: {name.lower(): value for name, value in it.items()},
    lambda it: {name.upper(): value.encode() for name, value in it.items()},
    lambda it: [(name.encode(), bytearray(value.encode())) for name, value in it.items()],
    lambda it: {name: [value] for name, value in it.items()},
    lambda it: {"Host": "example.com"} | it | {"Accept": "*/*"},
]


@given(bodies, ids, types, st.integers(0, 10**11), st.sampled_from(CONTAINERS))
def test_what_is_signed_is_verified(
    body: bytes, id: str, event_type: str, at: int, contain: Callable[[dict[str, str]], Any]
) -> None:
    headers = Signer("whsec_demo").sign(body, id=id, event_type=event_type, timestamp=at)
    verified = Verifier("whsec_demo").verify(body, contain(headers), now=at)
    assert (verified.id, verified.event_type, verified.timestamp) == (id, event_type, at)


@given(bodies, bodies)
def test_no_other_body_is_verified(signed: bytes, received: bytes) -> None:
    headers = Signer("whsec_demo").sign(signed, timestamp=NOW)
    verifier = Verifier("whsec_demo")
    if signed == received:
        verifier.verify(received, headers, now=NOW)
    else:
        with pytest.raises(VerificationError):
            verifier.verify(received, headers, now=NOW)


@given(st.integers(-1000, 1000), st.integers(0, 600), st.integers(0, 600))
def test_the_window_is_what_it_is_told_to_be(age: int, tolerance: int, future: int) -> None:
    verifier = Verifier("whsec_demo", tolerance=tolerance, future_tolerance=future)
    headers = Signer("whsec_demo").sign(b"{}", timestamp=NOW - age)
    try:
        verifier.verify(b"{}", headers, now=NOW)
        verdict = "accepted"
    except VerificationError as error:
        verdict = error.code
    expected = "timestamp_too_old" if age > tolerance else "timestamp_in_future" if -age > future else "accepted"
    assert verdict == expected


@given(schemes, anything, anything)
def test_nothing_but_a_verification_error_leaves_verify(scheme: str, body: Any, headers: Any) -> None:
    verifier = Verifier(signed_request(scheme=scheme).secret, scheme)
    with pytest.raises(VerificationError):
        verifier.verify(body, headers, url="https://example.com/")


@given(schemes, st.data())
def test_nothing_but_a_verification_error_answers_a_header_that_was_changed(scheme: str, data: st.DataObject) -> None:
    request = signed_request({"id": 42}, scheme=scheme, timestamp=NOW)
    name = Scheme(scheme).header_names[0]
    value = request.headers[name]
    at = data.draw(st.integers(0, len(value)))
    changed = value[:at] + data.draw(st.text(min_size=1, max_size=5)) + value[at + data.draw(st.integers(0, 5)) :]
    try:
        Verifier(request.secret, scheme).verify(
            request.body, request.headers | {name: changed}, now=NOW, url=request.url
        )
    except VerificationError as error:
        assert type(error) is VerificationError  # noqa: PT017  # there may be none
