"""What users test their own applications with."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest
from conftest import refused, run_child
from hookseal import ConfigError, Endpoint, RetryPolicy, Scheme, Sender, SendError, VerificationError, Verifier
from hookseal.testing import (
    Answer,
    Clock,
    FakeReceiver,
    RecordingAsyncSender,
    RecordingSender,
    SignedRequest,
    frozen_time,
    signed_request,
)

Make = Callable[..., SignedRequest]
TRACE = f"00-{'a' * 32}-{'b' * 16}-01"


def test_every_scheme_accepts_its_request_and_no_other(hookseal_scheme: str, hookseal_request: Make) -> None:
    request = hookseal_request({"id": 42}, scheme=hookseal_scheme)
    scheme = Scheme(hookseal_scheme)
    verifier = Verifier(request.secret, hookseal_scheme)
    url = request.url if scheme.signs_url else None
    verified = verifier.verify(request.body, request.headers, url=url)
    if scheme.signs_id:
        assert verified.id == "evt_test"
    if scheme.signs_body:
        with refused("no_matching_signature", VerificationError):
            verifier.verify(request.tampered().body, request.headers, url=url)
    if scheme.signs_timestamp:
        with frozen_time() as clock, refused("timestamp_too_old", VerificationError):
            clock.advance(302)
            verifier.verify(request.body, request.headers, url=url)


def test_a_request_as_told() -> None:
    request = signed_request(
        b"<a/>", id="evt_1", event_type="order.paid", timestamp=1700000000, secret="whsec_mine", content_type="text/xml"
    )
    assert (request.body, request.headers["Content-Type"], request.secret) == (b"<a/>", "text/xml", "whsec_mine")
    verified = Verifier("whsec_mine").verify(request.body, request.headers, now=1700000000)
    assert (verified.id, verified.event_type, verified.timestamp) == ("evt_1", "order.paid", 1700000000)
    assert "whsec_mine" not in repr(request)
    assert signed_request({"id": 42}).json() == {"id": 42}
    form = signed_request({"Body": ["a b", "c"]}, scheme="twilio")
    assert (form.body, form.headers["Content-Type"]) == (b"Body=a+b&Body=c", "application/x-www-form-urlencoded")
    with refused("invalid_config", ConfigError):
        signed_request({}, scheme="discord", secret="whsec_mine")
    own = Scheme("stripe").to_dict() | {"name": "acme"}
    request = signed_request({}, scheme=Scheme.from_dict(own))
    assert Verifier(request.secret, Scheme.from_dict(own)).verify(request.body, request.headers).version == "v1"


def test_time_is_frozen_for_sign_and_verify_and_runs_on_afterwards() -> None:
    def signed_at() -> int:
        return int(signed_request().headers["X-Webhook-Timestamp"])

    with frozen_time(1700000000.9) as clock:
        assert (signed_at(), clock.now) == (1700000000, 1700000000)
        clock.advance(60)
        assert (signed_at(), clock.now) == (1700000060, 1700000060)
        with frozen_time(datetime(2030, 1, 1, tzinfo=timezone.utc)) as inner:
            assert signed_at() == inner.now == 1893456000
        assert signed_at() == 1700000060
        clock.move_to(1600000000)
        assert signed_at() == 1600000000
        with refused("invalid_config", ConfigError):
            clock.move_to(float("nan"))
        assert clock.now == signed_at()
    assert abs(signed_at() - time.time()) < 60
    with refused("invalid_config", ConfigError), frozen_time("now"):  # type: ignore[arg-type]  # the mistake under test
        pass
    assert abs(signed_at() - time.time()) < 60


def test_a_receiver_answers_as_told() -> None:
    answers: list[int | Answer] = [
        503,
        Answer(429, {"Retry-After": "0"}, b"later"),
        Answer(reset=True),
        Answer(200, body=b"ok"),
    ]
    retry = RetryPolicy.schedule([0.01] * 4, jitter="none")
    with FakeReceiver(*answers) as receiver, Sender(allow_private=True, retry=retry) as sender:
        delivery = sender.send(receiver.endpoint(id="acme"), "order.paid", {"id": 42})
        assert sender.send(receiver.endpoint(), "order.paid", {"id": 43}).status == "delivered"
        requests = receiver.wait(5)
    assert [(it.status_code, it.error) for it in delivery.attempts] == [
        (503, "http_status"),
        (429, "http_status"),
        (None, "connection_reset"),
        (200, None),
    ]
    assert delivery.attempts[1].response_body == "later"
    assert ("retry-after", "0") in delivery.attempts[1].response_headers
    assert [it.header("x-webhook-attempt") for it in requests] == ["1", "2", "3", "4", "1"]
    assert {it.verify().id for it in requests[:4]} == {delivery.id}
    assert (requests[0].method, requests[0].path, requests[4].json()) == ("POST", "/webhooks", {"id": 43})
    assert requests[0].header("X-None") is None


def test_a_receiver_that_hangs_lets_go_when_closed() -> None:
    with Sender(allow_private=True, retry=RetryPolicy.none()) as sender:
        with FakeReceiver(Answer(hang=True)) as receiver:
            handle = sender.enqueue(receiver.endpoint(), "a.b", {})
            assert len(receiver.wait()) == 1
            assert handle.delivery.status == "pending"
            with pytest.raises(TimeoutError, match="1 of 2 requests"):
                receiver.wait(2, timeout=0.01)
        assert handle.result(10).attempts[0].error == "connection_reset"


def test_a_recording_sender_is_a_sender() -> None:
    endpoint = Endpoint("http://127.0.0.1:1/in", secrets="whsec_demo", id="acme")
    full = SendError("queue_full", "no room", True)
    with RecordingSender(["dead", full]) as sender:
        assert isinstance(sender, Sender)
        dead = sender.send(endpoint, "a.b", {"id": 1}, id="evt_1")
        assert (dead.status, dead.reason, dead.attempts[0].status_code) == ("dead", "rejected", 400)
        with refused("queue_full", SendError):
            sender.send(endpoint, "a.b", {})
        handle = sender.enqueue(
            endpoint, "a.c", b"raw", content_type="text/plain", traceparent=f"00-{'a' * 32}-{'b' * 16}-01"
        )
        assert (handle.result().status, handle.delivery.id, handle.cancel()) == ("delivered", handle.id, False)
        assert [it.event_type for it in sender.send_many([(endpoint, "a.d", {}), (endpoint, "a.e", {})])] == [
            "a.d",
            "a.e",
        ]
        assert sender.flush() is True
        assert sender.unfinished == 0
        with refused("invalid_event", SendError):
            sender.send(endpoint, "a b", {})
        with refused("invalid_event", SendError):
            sender.send(endpoint, "a.b", {"a": float("nan")})
        with refused("invalid_event", SendError):
            sender.send(endpoint, "a.b", {}, traceparent="no")
        with refused("invalid_config", ConfigError):
            sender.send("http://127.0.0.1:1/in", "a.b", {})  # type: ignore[arg-type]  # the mistake under test
    with refused("closed", SendError):
        sender.send(endpoint, "a.b", {})
    assert [(it.endpoint, it.event_type) for it in sender.sent] == [("acme", it) for it in ("a.b", "a.c", "a.d", "a.e")]
    first, second = sender.sent[:2]
    assert (first.id, first.json(), first.url) == ("evt_1", {"id": 1}, "http://127.0.0.1:1/in")
    assert (second.payload, second.content_type, second.id, second.traceparent) == (
        b"raw",
        "text/plain",
        handle.id,
        TRACE,
    )


def test_a_recording_async_sender(hookseal_async_sender: RecordingAsyncSender) -> None:
    endpoint = Endpoint("http://127.0.0.1:1/in", secrets="whsec_demo")

    async def main() -> None:
        async with hookseal_async_sender as sender:
            assert (await sender.send(endpoint, "a.b", {})).status == "delivered"
            assert (await sender.enqueue(endpoint, "a.b", {})).status == "delivered"
            assert len(await sender.send_many([(endpoint, "a.b", {})])) == 1
            assert await sender.flush() is True

    asyncio.run(main())
    assert len(hookseal_async_sender.sent) == 3


def test_fixtures(hookseal_receiver: FakeReceiver, hookseal_sender: RecordingSender, hookseal_clock: Clock) -> None:
    hookseal_sender.send(hookseal_receiver.endpoint(), "a.b", {})
    assert hookseal_sender.sent[0].url == hookseal_receiver.url
    assert hookseal_receiver.requests == []
    hookseal_clock.advance(100)
    assert signed_request().headers["X-Webhook-Timestamp"] == str(hookseal_clock.now)


def test_pytest_finds_the_fixtures_and_imports_nothing_for_others(tmp_path: Path) -> None:
    (tmp_path / "test_other.py").write_text("import sys\ndef test_nothing(): assert 'hookseal' not in sys.modules\n")
    (tmp_path / "test_app.py").write_text("def test_each(hookseal_scheme, hookseal_request): hookseal_request()\n")
    for name, count in (("test_other.py", 1), ("test_app.py", len(Scheme.names()))):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", name],
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
            cwd=tmp_path,
        )
        assert f"{count} passed" in done.stdout, done.stdout


def test_importing_the_package_imports_no_asyncio_and_no_server() -> None:
    done = run_child("import sys, hookseal; print({'asyncio', 'http.server', 'pytest', 'email'} & set(sys.modules))")
    assert (done.stdout, done.stderr) == ("set()\n", "")
