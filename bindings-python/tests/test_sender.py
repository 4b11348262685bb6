"""Delivering, blocking and in asyncio."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import logging
import pickle
import socket
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import hookseal
import pytest
from conftest import Receiver, Sink, refused, scenarios
from hookseal import AsyncSender, ConfigError, Endpoint, RetryPolicy, Sender, SendError, Verifier, plan


@pytest.mark.parametrize("test", scenarios("deliveries.json"), ids=lambda test: test["id"])
def test_scenarios(receiver: Receiver, test: dict[str, Any]) -> None:
    play(receiver, test)


@pytest.mark.parametrize("test", scenarios("deliveries-tls.json"), ids=lambda test: test["id"])
def test_scenarios_over_tls(tls_receiver: Receiver, test: dict[str, Any]) -> None:
    play(tls_receiver, test, extra_roots=[tls_receiver.get("root.pem")])


def play(receiver: Receiver, test: dict[str, Any], **options: Any) -> None:
    """Sends one event to a receiver that plays the test, and compares what became of it."""
    url, run = receiver.url(test["id"], test.get("server"))
    endpoint = Endpoint(url, secrets=["whsec_demo"], retry=policy(test["policy"]), timeout=test.get("timeout"))
    with Sender(allow_private=True, **options) as sender:
        delivery = sender.send(endpoint, "order.paid", {"id": 42})
    expected = test["expect"]
    assert (delivery.status, delivery.reason) == (expected["status"], expected["reason"])
    assert [{"status_code": it.status_code, "error": it.error} for it in delivery.attempts] == expected["attempts"]
    requests = receiver.requests(run)
    assert len(requests) == expected.get("requests", len(expected["attempts"]))
    for request in requests:
        if request["body"]:
            assert Verifier("whsec_demo").verify('{"id":42}', request["headers"]).id == delivery.id


@pytest.mark.parametrize("test", scenarios("plans.json"), ids=lambda test: test["id"])
def test_plans(test: dict[str, Any]) -> None:
    found = plan(policy(test["policy"]), test["outage"], seed=test["seed"])
    assert {"attempts": list(found.attempts), "reason": found.reason} == test["expect"]


@pytest.mark.parametrize(
    "options", [{"outage": -1}, {"outage": "1"}, {"outage": 1, "seed": 0.5}, {"outage": 1, "seed": -1}]
)
def test_plans_of_nothing(options: dict[str, Any]) -> None:
    with refused("invalid_config", ConfigError):
        plan(RetryPolicy(), **options)


def test_a_plan_wants_a_policy() -> None:
    wrong: list[Any] = [None, {"max_attempts": 3}]
    for policy in wrong:
        with refused("invalid_config", ConfigError):
            plan(policy, 60)


def policy(record: dict[str, Any]) -> RetryPolicy:
    options = {("delays" if name == "schedule" else name): value for name, value in record.items()}
    return RetryPolicy(**options)


def test_what_arrives(sink: Sink) -> None:
    endpoint = Endpoint(sink.url, secrets=["whsec_new", "whsec_old"], headers={"X-Tenant": "7"}, bearer="token")
    with Sender(allow_private=True, user_agent="acme/1") as sender:
        delivery = sender.send(endpoint, "order.paid", {"name": "Zoë"}, id="evt_1")
    [(headers, body)] = sink.received
    assert body == '{"name":"Zoë"}'.encode()
    verified = Verifier("whsec_old").verify(body, headers)
    assert (verified.id, verified.event_type, verified.version) == ("evt_1", "order.paid", "v2")
    assert headers["X-Tenant"] == "7"
    assert headers["Authorization"] == "Bearer token"
    assert headers["User-Agent"] == "acme/1"
    assert headers["Content-Type"] == "application/json"
    assert (delivery.id, delivery.event_type, delivery.status, delivery.reason) == (
        "evt_1",
        "order.paid",
        "delivered",
        None,
    )
    [attempt] = delivery.attempts
    assert (attempt.number, attempt.outcome, attempt.status_code, attempt.error) == (1, "succeeded", 204, None)
    assert pickle.loads(pickle.dumps(delivery)) == delivery
    for value in (delivery, attempt):
        assert vars(value).keys() == {field.name for field in dataclasses.fields(value)}


def test_the_couriers_headers_are_named_as_told(sink: Sink) -> None:
    traceparent = f"00-{'a' * 32}-{'b' * 16}-01"
    with Sender(allow_private=True, header_prefix="X-Acme-", header_names={"event": "X-Topic"}) as sender:
        sender.send(Endpoint(sink.url, secrets="whsec_demo"), "a.b", {}, id="evt_1", traceparent=traceparent)
        sender.enqueue(Endpoint(sink.url, secrets="whsec_demo"), "a.b", {}, traceparent=traceparent).result(10)
    for headers, _ in sink.received:
        assert (headers["X-Topic"], headers["X-Acme-Attempt"], headers["traceparent"]) == ("a.b", "1", traceparent)
        assert headers["X-Acme-Timestamp"]
        assert not headers["X-Webhook-Attempt"]
    assert sink.received[0][0]["X-Acme-Id"] == "evt_1"


def test_a_proxy_is_asked_and_warned_of(sink: Sink, caplog: pytest.LogCaptureFixture) -> None:
    endpoint = Endpoint("http://hooks.example.com/in", secrets="whsec_demo")
    with Sender(proxy=f"http://user:canary@127.0.0.1:{sink.server_port}") as sender:
        assert sender.send(endpoint, "a.b", {}).status == "delivered"
    [(headers, _)] = sink.received
    assert headers["Host"] == "hooks.example.com"
    assert headers["Proxy-Authorization"] == "Basic dXNlcjpjYW5hcnk="
    [record] = caplog.records
    assert (record.name, record.levelname) == ("hookseal", "WARNING")
    assert "proxy" in record.getMessage()
    assert "canary" not in record.getMessage()


def test_an_endpoint_can_not_be_changed() -> None:
    endpoint: Any = Endpoint("https://hooks.example.com/in", secrets="whsec_demo", id="acme")
    for name in ("url", "id", "timeout", "_native", "new"):
        with pytest.raises(AttributeError):
            setattr(endpoint, name, "x")
    with pytest.raises(AttributeError):
        del endpoint._native
    policy: Any = RetryPolicy()
    with pytest.raises(AttributeError):
        policy.max_attempts = 7


@pytest.mark.parametrize(
    ("payload", "sent"),
    [
        (b"\xff\x00", b"\xff\x00"),
        (bytearray(b"ab"), b"ab"),
        (memoryview(b"abcd")[::2], b"ac"),
        ("Zoë", "Zoë".encode()),
        ("", b""),
        ([1, 2.5, None, True, "a"], b'[1,2.5,null,true,"a"]'),
        ({"a": {"b": ()}}, b'{"a":{"b":[]}}'),
        ("\u2028", "\u2028".encode()),
    ],
)
def test_payloads(sink: Sink, payload: Any, sent: bytes) -> None:
    with Sender(allow_private=True) as sender:
        sender.send(Endpoint(sink.url, secrets="whsec_demo"), "a.b", payload, content_type="text/plain")
    [(headers, body)] = sink.received
    assert body == sent
    assert headers["Content-Type"] == "text/plain"


def circle() -> list[Any]:
    items: list[Any] = []
    items.append({"again": items})
    return items


def deep() -> list[Any]:
    items: list[Any] = []
    for _ in range(100_000):
        items = [items]
    return items


@pytest.mark.parametrize(
    ("payload", "path"),
    [
        ({1: "a"}, "payload: the key 1 is int"),
        ({"a": [{"b": {None: 1}}]}, "payload.a[0].b: the key None"),
        ({"a": {True: 1}}, "payload.a: the key True"),
        ({"a": [0, float("nan")]}, "payload.a[1]"),
        ({"a": float("inf")}, "payload.a"),
        ({"a": b"bytes"}, "payload.a: bytes"),
        ({"a": {1, 2}}, "payload.a: set"),
        (object(), "payload: object"),
        ({"a": "\ud800"}, "payload.a: the text has lone surrogates"),
        ({"\ud800": 1}, "payload: a key has lone surrogates"),
        ("\ud800", "payload: the text has lone surrogates"),
        (circle(), "payload"),
        (deep(), "payload"),
    ],
    ids=lambda it: it if isinstance(it, str) and it.startswith("payload") else "",
)
def test_payloads_that_are_no_json(payload: Any, path: str) -> None:
    endpoint = Endpoint("https://hooks.example.com/", secrets="whsec_demo")
    with Sender() as sender:
        with refused("invalid_event", SendError) as info:
            sender.enqueue(endpoint, "a.b", payload)
        assert info.value.message.startswith(path), info.value
        with refused("invalid_event", SendError) as info:
            sender.send_many([(endpoint, "a.b", {}), (endpoint, "a.b", payload)])
        assert info.value.message.startswith("item 1: payload")


def test_what_is_refused_before_queueing() -> None:
    strange: list[Any] = [[7], [("a",)], [(7, "a.b", {})]]
    endpoint = Endpoint("http://127.0.0.1:9/", secrets="whsec_demo")
    with Sender() as sender:
        with refused("blocked_address", SendError):
            sender.send(endpoint, "a.b", {})
        with refused("blocked_address", SendError) as info:
            sender.send_many([(endpoint, "a.b", {})])
        assert info.value.message.startswith("item 0: ")
        with refused("payload_too_large", SendError):
            sender.enqueue(endpoint, "a.b", b"x" * (1024 * 1024 + 1))
        for event_type in ("", "a,b", 7, None, "\ud800"):
            with refused("invalid_event", SendError):
                sender.enqueue(endpoint, event_type, {})  # type: ignore[arg-type]  # hostile
        for traceparent in ("", "00-0-0-0", f"00-{'A' * 32}-{'b' * 16}-01", 7, "\ud800"):
            with refused("invalid_event", SendError):
                sender.enqueue(endpoint, "a.b", {}, traceparent=traceparent)  # type: ignore[arg-type]  # hostile
        for id in ("a.b", 7, "\ud800"):
            with refused("invalid_event", SendError):
                sender.enqueue(endpoint, "a.b", {}, id=id)  # type: ignore[arg-type]  # hostile
        with refused("invalid_header", SendError):
            sender.enqueue(endpoint, "a.b", {}, content_type="a\r\nb")
        with refused("invalid_config", ConfigError):
            sender.send("https://hooks.example.com/", "a.b", {})  # type: ignore[arg-type]  # the mistake under test
        for items in strange:
            with refused("invalid_config", ConfigError):
                sender.send_many(items)
    with refused("closed", SendError):
        sender.send(endpoint, "a.b", {})


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        ({"url": "ftp://example.com/"}, "invalid_url", ""),
        ({"url": 7}, "invalid_config", "url"),
        ({"url": None}, "invalid_url", ""),
        ({"url": "http://\ud800/"}, "invalid_config", "url"),
        ({"headers": {"X-Webhook-Id": "1"}}, "invalid_header", "X-Webhook-Id"),
        ({"headers": {"X-A": "a\nb"}}, "invalid_header", "X-A"),
        ({"headers": {"X-A": 7}}, "invalid_config", "headers"),
        ({"headers": 7}, "invalid_config", "headers"),
        ({"id": ""}, "invalid_config", "id"),
        ({"timeout": 61}, "invalid_config", "timeout"),
        ({"timeout": float("nan")}, "invalid_config", "timeout"),
        ({"timeout": "1"}, "invalid_config", "timeout"),
        ({"retry": 3}, "invalid_config", "retry"),
        ({"rate_limit": -1}, "invalid_config", "rate_limit"),
        ({"rate_limit": {"per_second": 1, "bursts": 2}}, "invalid_config", "rate_limit"),
        ({"basic_auth": "canary"}, "invalid_config", "basic_auth"),
        ({"basic_auth": ("a:b", "canary")}, "invalid_config", "basic_auth"),
        ({"bearer": ["canary"]}, "invalid_config", "bearer"),
        ({"bearer": "a", "basic_auth": ("a", "b")}, "invalid_config", "bearer"),
        ({"identity": "canary"}, "invalid_config", "identity"),
        ({"signer": "whsec_demo"}, "invalid_config", "signer"),
        ({"signer": hookseal.Signer("whsec_a")}, "invalid_config", "signer"),
        ({"scheme": "nobody"}, "unknown_scheme", ""),
        ({"secrets": None}, "invalid_config", ""),
        ({"secrets": ""}, "empty_secret", ""),
    ],
    ids=str,
)
def test_endpoints_that_can_not_be(options: dict[str, Any], code: str, says: str) -> None:
    options = {"url": "https://hooks.example.com/", "secrets": "whsec_demo"} | options
    with pytest.raises(hookseal.WebhookError) as info:
        Endpoint(**options)
    assert info.value.code == code, info.value
    assert says in info.value.message
    assert "canary" not in str(info.value)


@pytest.mark.parametrize(
    "options",
    [
        {"retry": {"max_attempts": 3}},
        {"allow_private": 1},
        {"allow_subnets": "10.0.0.0/8"},
        {"allow_subnets": ["10.0.0.0/99"]},
        {"allow_ports": [70_000]},
        {"allow_ports": 8080},
        {"timeout": 0},
        {"timeout": True},
        {"max_in_flight": 0},
        {"max_in_flight": 1.5},
        {"max_queued": -1},
        {"rate_limit": "fast"},
        {"breaker": {"failures": 0}},
        {"breaker": True},
        {"extra_roots": ["not a certificate"]},
        {"extra_roots": [b"bytes"]},
        {"user_agent": "a\nb"},
        {"identity": "not a certificate"},
        {"identity": 7},
        {"proxy": "https://proxy.example.com"},
        {"proxy": "http://user:canary@"},
        {"http2": 1},
        {"header_prefix": "X Acme"},
        {"header_prefix": 7},
        {"header_names": {"id": "a b"}},
        {"header_names": {"colour": "X-Colour"}},
        {"header_names": "X-Id"},
        {"on_event": "print"},
    ],
    ids=str,
)
def test_senders_that_can_not_be(options: dict[str, Any]) -> None:
    for kind in (Sender, AsyncSender):
        with refused("invalid_config", ConfigError) as info:
            kind(**options)
        assert next(iter(options)) in info.value.message
        assert "canary" not in info.value.message


@pytest.mark.parametrize(
    "options",
    [
        {"jitter": 2},
        {"jitter": "some"},
        {"initial": -1},
        {"initial": 10, "max": 1},
        {"factor": 0.5},
        {"max_attempts": 0},
        {"max_attempts": 1.5},
        {"max_age": float("inf")},
        {"retry_on": "never"},
        {"delays": [1, float("nan")]},
        {"delays": [1], "initial": 1},
        {"delays": 5},
    ],
    ids=str,
)
def test_policies_that_can_not_be(options: dict[str, Any]) -> None:
    with refused("invalid_config", ConfigError):
        RetryPolicy(**options)


def test_policies() -> None:
    default = RetryPolicy()
    assert (default.initial, default.factor, default.max, default.max_attempts, default.max_age) == (1, 2, 60, 5, 600)
    assert (default.jitter, default.retry_on, default.delays) == (0.2, "transient", None)
    standard = RetryPolicy.standard()
    assert (standard.max_attempts, standard.max_age, standard.retry_on) == (10, 4 * 86_400, "any_failure")
    assert RetryPolicy.none().max_attempts == 1
    schedule = RetryPolicy.schedule([1, 60], jitter="none")
    assert (schedule.delays, schedule.max_attempts, schedule.jitter) == ((1, 60), 3, "none")
    assert RetryPolicy(**vars(schedule)) == schedule
    assert pickle.loads(pickle.dumps(schedule)) == schedule


def test_a_sender_without_a_breaker_keeps_trying() -> None:
    events: list[str] = []
    retry = RetryPolicy.schedule([0.001] * 9, jitter="none")
    options: dict[str, Any] = {"allow_private": True, "retry": retry, "on_event": lambda it: events.append(it.type)}
    with closed_port() as port:
        endpoint = Endpoint(f"http://127.0.0.1:{port}/", secrets="whsec_demo")
        with Sender(breaker=False, **options) as sender:
            delivery = sender.send(endpoint, "a.b", {})
    assert (delivery.status, delivery.reason, len(delivery.attempts)) == ("dead", "attempts_exhausted", 10)
    assert {attempt.error for attempt in delivery.attempts} == {"connection_refused"}
    assert "circuit.opened" not in events


class closed_port:  # noqa: N801  # a context, read as one
    """A port that nothing listens on while the block runs."""

    def __enter__(self) -> int:
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        port: int = self.socket.getsockname()[1]
        return port

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def test_handles(sink: Sink) -> None:
    endpoint = Endpoint(sink.url, secrets="whsec_demo")
    sink.open.clear()
    with Sender(allow_private=True, max_in_flight=1) as sender:
        first = sender.enqueue(endpoint, "a.b", {}, id="evt_1")
        second = sender.enqueue(endpoint, "a.b", {}, id="evt_2")
        assert sink.arrived.wait(10)
        assert (first.id, first.delivery.status, sender.unfinished) == ("evt_1", "pending", 2)
        with pytest.raises(TimeoutError):
            first.result(timeout=0.01)
        for strange in (-1, True, "1", float("nan")):
            with refused("invalid_config", ConfigError):
                first.result(timeout=strange)  # type: ignore[arg-type]  # the mistake under test
        assert sender.flush(timeout=0.01) is False
        assert second.cancel() is True
        assert second.result(10).status == "cancelled"
        assert second.cancel() is False
        sink.open.set()
        assert first.result(10).status == "delivered"
        assert sender.flush() is True
        assert repr(first) == "Handle('evt_1')"
    assert len(sink.received) == 1


def test_a_full_queue_refuses_or_waits(sink: Sink) -> None:
    endpoint = Endpoint(sink.url, secrets="whsec_demo")
    sink.open.clear()
    with Sender(allow_private=True, max_queued=4) as sender:
        sender.enqueue(endpoint, "a.b", {})
        with refused("queue_full", SendError) as info:
            sender.enqueue(endpoint, "a.b", {})  # one endpoint may have a quarter
        assert info.value.retryable is True
        waiting = threading.Thread(target=sender.send, args=(endpoint, "a.b", {}))
        waiting.start()
        assert sink.arrived.wait(10)
        sink.open.set()
        waiting.join(20)
        assert not waiting.is_alive()
    assert len(sink.received) == 2


def test_close_hands_back_what_was_not_finished(sink: Sink, caplog: pytest.LogCaptureFixture) -> None:
    endpoint = Endpoint(sink.url, secrets="whsec_demo")
    sink.open.clear()
    sender = Sender(allow_private=True, max_in_flight=1)
    ids = [sender.enqueue(endpoint, "a.b", {}).id for _ in range(3)]
    assert sink.arrived.wait(10)
    left = sender.close(grace=0)
    assert [(it.id, it.status) for it in left] == [(id, "pending") for id in ids]
    assert sender.close() == []

    with (
        caplog.at_level(logging.WARNING, "hookseal"),
        pytest.raises(KeyboardInterrupt),
        Sender(allow_private=True) as other,
    ):
        other.enqueue(endpoint, "a.b", {}, id="evt_left")
        raise KeyboardInterrupt
    assert "closed with 1 unfinished deliveries: evt_left" in caplog.text


def test_a_dropped_sender_warns_with_the_count(sink: Sink) -> None:
    sink.open.clear()
    sender = Sender(allow_private=True)
    handle = sender.enqueue(Endpoint(sink.url, secrets="whsec_demo"), "a.b", {})
    with pytest.warns(ResourceWarning, match="1 unfinished"):
        del sender
        gc.collect()
    handle.cancel()
    sink.open.set()
    assert handle.result(10).id == handle.id


def test_send_many_answers_in_order(sink: Sink) -> None:
    good = Endpoint(sink.url, secrets="whsec_demo")
    items = [(good, f"type.{number}", {"number": number}) for number in range(50)]
    with Sender(allow_private=True) as sender:
        deliveries = sender.send_many(items)
        assert sender.send_many([]) == []
    assert [it.event_type for it in deliveries] == [f"type.{number}" for number in range(50)]
    assert {it.status for it in deliveries} == {"delivered"}


def uvloop_run(main: Coroutine[Any, Any, None]) -> None:
    uvloop = pytest.importorskip("uvloop", reason="uvloop has no build for this platform")
    loop = uvloop.new_event_loop()
    try:
        loop.run_until_complete(main)
    finally:
        loop.close()


LOOPS = [pytest.param(asyncio.run, id="asyncio"), pytest.param(uvloop_run, id="uvloop")]
Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.mark.parametrize("run", LOOPS)
def test_asyncio(sink: Sink, run: Run) -> None:
    endpoint = Endpoint(sink.url, secrets="whsec_demo")

    async def main() -> None:
        async with AsyncSender(allow_private=True) as sender:
            assert (await sender.send(endpoint, "a.b", {})).status == "delivered"
            handle = sender.enqueue(endpoint, "a.b", {})
            assert (await handle).status == "delivered"
            assert (await handle).id == handle.id
            both = await asyncio.gather(sender.send(endpoint, "a.b", {}), sender.send_many([(endpoint, "c.d", {})]))
            assert both[1][0].event_type == "c.d"
            assert await sender.flush() is True
            with refused("invalid_event", SendError):
                await sender.send(endpoint, "", {})
        with refused("closed", SendError):
            await sender.send(endpoint, "a.b", {})

    run(main())
    assert len(sink.received) == 4


@pytest.mark.parametrize("run", LOOPS)
def test_cancelling_a_wait_leaves_the_delivery_alone(sink: Sink, run: Run) -> None:
    endpoint = Endpoint(sink.url, secrets="whsec_demo")
    sink.open.clear()

    async def main() -> None:
        async with AsyncSender(allow_private=True) as sender:
            sending = asyncio.ensure_future(sender.send(endpoint, "a.b", {}))
            await asyncio.to_thread(sink.arrived.wait, 10)
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            assert sender.unfinished == 1
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(sender.flush(), 0.01)
            sink.open.set()
            assert await sender.flush(10) is True

    run(main())
    assert len(sink.received) == 1


def test_a_loop_that_ends_first_is_no_crash(sink: Sink) -> None:
    endpoint = Endpoint(sink.url, secrets="whsec_demo")
    sink.open.clear()
    sender = AsyncSender(allow_private=True)

    async def start() -> hookseal.Handle:
        asyncio.get_running_loop().create_task(sender.send(endpoint, "a.b", {}))  # ends with the loop
        handle = sender.enqueue(endpoint, "a.b", {})
        await asyncio.to_thread(sink.arrived.wait, 10)
        return handle

    handle = asyncio.run(start())
    sink.open.set()
    assert handle.result(10).status == "delivered"
    assert asyncio.run(sender.close()) == []


def test_a_sender_serves_several_loops(sink: Sink) -> None:
    endpoint = Endpoint(sink.url, secrets="whsec_demo")
    sender = AsyncSender(allow_private=True)
    for _ in range(3):
        assert asyncio.run(sender.send(endpoint, "a.b", {})).status == "delivered"
    assert asyncio.run(sender.close()) == []
