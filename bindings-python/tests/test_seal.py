"""Signing and verifying, as far as it is Python's own."""

from __future__ import annotations

import hashlib
import hmac
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import Any

import hookseal
import pytest
from conftest import refused
from hookseal import ConfigError, Key, KeyRing, ReplayGuard, Scheme, Secret, Signer, VerificationError, Verifier

NOW = 1_700_000_000
BODY = b'{"id":42}'
SIGNED = Signer("whsec_demo").sign(BODY, id="evt_1", event_type="order.paid", timestamp=NOW)


def test_the_signature_is_what_the_standard_library_makes() -> None:
    v1 = hmac.new(b"whsec_demo", f"{NOW}.".encode() + BODY, hashlib.sha256).hexdigest()
    v2 = hmac.new(b"whsec_demo", f"v2:{NOW}:evt_1:order.paid:".encode() + BODY, hashlib.sha256).hexdigest()
    assert {
        "X-Webhook-Signature": f"t={NOW},v2={v2},v1={v1}",
        "X-Webhook-Id": "evt_1",
        "X-Webhook-Event": "order.paid",
        "X-Webhook-Timestamp": str(NOW),
    } == SIGNED


def test_what_is_verified_is_plain_data() -> None:
    verified = Verifier("whsec_demo").verify(BODY, SIGNED, now=NOW)
    assert (verified.timestamp, verified.id, verified.event_type) == (NOW, "evt_1", "order.paid")
    assert (verified.version, verified.key_index, verified.key_id) == ("v2", 0, None)


@pytest.mark.parametrize(
    "now",
    [
        NOW,
        NOW + 0.999,
        float(NOW),
        datetime.fromtimestamp(NOW, timezone.utc),
        datetime.fromtimestamp(NOW, timezone(timedelta(hours=5, minutes=30))),
    ],
)
def test_one_moment_in_every_form(now: Any) -> None:
    exact = Verifier("whsec_demo", tolerance=0)
    assert exact.verify(BODY, SIGNED, now=now).timestamp == NOW
    assert Signer("whsec_demo").sign(BODY, timestamp=now)["X-Webhook-Timestamp"] == str(NOW)


def test_a_float_is_rounded_down_also_before_1970() -> None:
    scheme = Scheme("github")
    ring = KeyRing([Key("whsec_demo", not_before=-1, not_after=-1)])
    headers = Signer("whsec_demo", scheme).sign(BODY)
    assert Verifier(ring, scheme).verify(BODY, headers, now=-0.5).key_index == 0


@pytest.mark.parametrize(
    "now",
    [True, "1700000000", float("nan"), float("inf"), 10**30, 1e300, datetime(2023, 11, 14), [], object()],
)
def test_other_moments_are_refused(now: Any) -> None:
    with refused("invalid_config", ConfigError):
        Verifier("whsec_demo").verify(BODY, SIGNED, now=now)
    with refused("invalid_config", ConfigError):
        Signer("whsec_demo").sign(BODY, timestamp=now)


@pytest.mark.parametrize(
    "options",
    [
        {"tolerance": True},
        {"tolerance": -1},
        {"tolerance": 0.5},
        {"tolerance": float("nan")},
        {"tolerance": 2**32},
        {"tolerance": "300"},
        {"future_tolerance": -1},
        {"max_body": True},
        {"max_body": -1},
        {"max_body": 1.5},
        {"require": 2},
        {"require": "v9"},
        {"replay": object()},
        {"dangerously_ignore_timestamp": 1},
        {"scheme": 7},
        {"scheme": {"name": "acme"}},
    ],
    ids=str,
)
def test_options_of_the_wrong_kind(options: dict[str, Any]) -> None:
    with refused("invalid_config", ConfigError):
        Verifier("whsec_demo", **options)


def test_options_do_what_they_say() -> None:
    late = NOW + 301
    with refused("timestamp_too_old", VerificationError):
        Verifier("whsec_demo").verify(BODY, SIGNED, now=late)
    assert Verifier("whsec_demo", tolerance=301).verify(BODY, SIGNED, now=late)
    assert Verifier("whsec_demo", dangerously_ignore_timestamp=True).verify(BODY, SIGNED, now=late)
    with refused("timestamp_in_future", VerificationError):
        Verifier("whsec_demo", future_tolerance=0).verify(BODY, SIGNED, now=NOW - 1)
    with refused("body_too_large", VerificationError):
        Verifier("whsec_demo", max_body=len(BODY) - 1).verify(BODY, SIGNED, now=NOW)
    stripped = {"X-Webhook-Signature": SIGNED["X-Webhook-Signature"].replace("v2=", "v0=")}
    assert Verifier("whsec_demo").verify(BODY, stripped, now=NOW).version == "v1"
    with refused("unsupported_version", VerificationError):
        Verifier("whsec_demo", require="v2").verify(BODY, stripped, now=NOW)


def test_the_present_moment_is_the_default() -> None:
    headers = Signer("whsec_demo").sign(BODY)
    assert Verifier("whsec_demo").verify(BODY, headers).timestamp is not None


@pytest.mark.parametrize("secret", [None, "", "  ", []])
def test_no_secret(secret: Any) -> None:
    with pytest.raises(ConfigError) as info:
        Verifier(secret)
    assert info.value.code in {"empty_secret", "invalid_config"}


@pytest.mark.parametrize(
    "secret", [b"whsec_demo", 7, True, object(), {"a": 1}, "whsec_\ud800", ["whsec_a", 7], [["a"]]]
)
def test_secrets_of_the_wrong_kind(secret: Any) -> None:
    for make in (Verifier, Signer):
        with refused("malformed_secret", ConfigError):
            make(secret)


def test_typed_secrets() -> None:
    key = bytes(range(32))
    headers = Signer(Secret.bytes(key), "github").sign(BODY)
    for same in (
        Secret.hex(key.hex()),
        Secret.base64("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
        Secret.bytes(bytearray(key)),
        Secret.bytes(memoryview(key)),
    ):
        assert Verifier(same, "github").verify(BODY, headers).key_index == 0
    with refused("malformed_secret", ConfigError):
        Secret.bytes("text")  # type: ignore[arg-type]  # the mistake under test
    assert Secret.generate().expose() != Secret.generate().expose()


def test_key_pairs() -> None:
    private = Secret.ed25519_private("whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")
    public = Secret.ed25519_public("whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
    headers = Signer(private, "standard-webhooks").sign(BODY, id="msg_1", timestamp=NOW)
    assert Verifier(public, "standard-webhooks").verify(BODY, headers, now=NOW).version == "v1a"


def test_a_ring_is_exchanged_without_downtime() -> None:
    ring = KeyRing([Key("whsec_old", id="old")])
    signer, verifier = Signer(ring), Verifier(ring)
    before = signer.sign(BODY, timestamp=NOW)
    ring.rotate(Key("whsec_new", id="new"), overlap=60, now=NOW)
    both = signer.sign(BODY, timestamp=NOW)["X-Webhook-Signature"]
    assert both.count("v1=") == 2
    assert verifier.verify(BODY, before, now=NOW).key_id == "old"
    assert [(key.id, key.matches, key.last_match) for key in ring.stats()] == [("new", 0, None), ("old", 1, NOW)]
    assert ring.stats()[1].not_after == NOW + 60
    ring.revoke("old")
    with refused("no_matching_signature", VerificationError):
        verifier.verify(BODY, before, now=NOW)
    with refused("not_found", hookseal.StoreError):
        ring.revoke("old")
    with refused("invalid_config", ConfigError):
        ring.rotate("whsec_x", overlap=-1)
    assert (len(ring), repr(ring)) == (1, "KeyRing(['new'])")


def test_several_schemes_at_once() -> None:
    old = Signer("whsec_old", "github", until=NOW)
    signer = Signer("whsec_new", also=[old])
    headers = signer.sign(BODY, timestamp=NOW)
    assert Verifier("whsec_old", "github").verify(BODY, headers)
    assert Verifier("whsec_new").verify(BODY, headers, now=NOW)
    assert "X-Hub-Signature-256" not in signer.sign(BODY, timestamp=NOW + 1)
    with refused("invalid_config", ConfigError):
        Signer("whsec_a", also=Signer("whsec_b"))
    with refused("invalid_config", ConfigError):
        Signer("whsec_a", also=["whsec_b"])  # type: ignore[list-item]  # the mistake under test


def test_schemes_are_data() -> None:
    names = Scheme.names()
    assert names == sorted(names)
    assert {"hookseal", "stripe", "github", "standard-webhooks"} <= set(names)
    for name in names:
        scheme = Scheme(name)
        assert Scheme.from_dict(scheme.to_dict()).to_dict() == scheme.to_dict()
        assert 1 <= len(scheme.header_names) <= 3
        assert scheme.summary
        assert scheme.source
    assert Scheme("gitlab").signs_body is False
    assert Scheme("square").signs_url is True
    assert Scheme("github").signs_timestamp is False
    assert Scheme("svix").signs_id is True
    with refused("unknown_scheme", ConfigError):
        Scheme("nobody")
    with refused("unknown_scheme", ConfigError):
        Verifier("whsec_demo", "\udfff")


@pytest.mark.parametrize(
    "document", [None, [], "stripe", {"name": {1, 2}}, {"name": float("nan")}, {"name": "\ud800"}, {"a": 1}]
)
def test_documents_of_the_wrong_kind(document: Any) -> None:
    with refused("invalid_scheme", ConfigError):
        Scheme.from_dict(document)


def test_a_signed_url() -> None:
    url = "https://example.com/hooks?a=1"
    headers = Signer("secret", "square").sign(BODY, url=url)
    assert Verifier("secret", "square").verify(BODY, headers, url=url)
    with refused("missing_url", VerificationError):
        Verifier("secret", "square").verify(BODY, headers)
    for strange in (7, "\ud800"):
        with refused("invalid_config", ConfigError):
            Verifier("secret", "square").verify(BODY, headers, url=strange)  # type: ignore[arg-type]  # hostile


@pytest.mark.parametrize("name", ["id", "event_type"])
@pytest.mark.parametrize("value", [7, True, b"evt_1", "", "a,b", "é", "\ud800", "x" * 257])
def test_ids_and_types_that_can_not_be_signed(name: str, value: Any) -> None:
    with refused("invalid_event", hookseal.SendError):
        Signer("whsec_demo").sign(BODY, **{name: value})


def test_one_of_many_copies_gets_in() -> None:
    verifier = Verifier("whsec_demo", replay=ReplayGuard(capacity=10))
    body = b"x" * 100_000  # above the size from which threads really run side by side
    headers = Signer("whsec_demo").sign(body, id="evt_1", event_type="a.b", timestamp=NOW)
    barrier = threading.Barrier(16)

    def arrive(_: int) -> str:
        barrier.wait()
        try:
            verifier.verify(body, headers, now=NOW)
        except VerificationError as error:
            return error.code
        return "accepted"

    with ThreadPoolExecutor(16) as threads:
        outcomes = sorted(threads.map(arrive, range(16)))
    assert outcomes == ["accepted"] + ["replayed"] * 15


def test_a_guard_lets_in_again_what_was_released_and_refuses_when_full() -> None:
    guard = ReplayGuard(1)
    verifier = Verifier("whsec_demo", "stripe", replay=guard)
    headers = Signer("whsec_demo", "stripe").sign(BODY, timestamp=NOW)
    first = verifier.verify(BODY, headers, now=NOW)
    other = Signer("whsec_demo", "stripe").sign(b"{}", timestamp=NOW)
    with refused("storage_full", hookseal.StoreError) as info:
        verifier.verify(b"{}", other, now=NOW)
    assert info.value.retryable is True
    guard.release(first)
    assert verifier.verify(b"{}", other, now=NOW)
    for capacity in (0, -1, True, "1"):
        with refused("invalid_config", ConfigError):
            ReplayGuard(capacity)  # type: ignore[arg-type]  # the mistake under test
    with refused("invalid_config", ConfigError):
        guard.release("evt_1")  # type: ignore[arg-type]  # the mistake under test


def test_a_large_body_leaves_other_threads_running() -> None:
    body = b"x" * (64 * 1024 * 1024)
    headers = Signer("whsec_demo").sign(body, timestamp=NOW)
    verifier = Verifier("whsec_demo")

    def overlaps() -> bool:
        """Whether this thread runs between the other one's start and its end."""
        started, done = threading.Event(), threading.Event()

        def verify() -> None:
            started.set()
            verifier.verify(body, headers, now=NOW)
            done.set()

        thread = threading.Thread(target=verify)
        thread.start()
        started.wait()
        between = not done.is_set()
        thread.join()
        return between

    usual = sys.getswitchinterval()
    sys.setswitchinterval(1_000)  # a thread gives way only where it says so
    try:
        assert any(overlaps() for _ in range(20))
    finally:
        sys.setswitchinterval(usual)


def test_diagnose_names_the_accident() -> None:
    headers = Signer("whsec_demo").sign(b'{"id": 42}', timestamp=NOW)
    found = hookseal.diagnose(BODY, headers, ["whsec_demo"], now=NOW)
    assert found[0].cause == "body_reserialized"
    assert found[0].message
    assert hookseal.diagnose(b'{"id": 42}', headers, Secret("whsec_demo"), now=NOW) == []
    for hostile in (7, [1], {"X-Webhook-Signature": 7}):
        with refused("malformed_header", VerificationError):
            hookseal.diagnose(BODY, hostile, "whsec_demo")  # type: ignore[arg-type]  # hostile


def test_the_present_second_is_the_one_of_the_systems_clock() -> None:
    signer = Signer("whsec_demo", "stripe")
    end = int(time.time()) + 2  # across the end of a second, too
    while (before := int(time.time())) < end:
        stamp = int(signer.sign(b"")["Stripe-Signature"].partition(",")[0].removeprefix("t="))
        assert before <= stamp <= int(time.time())
