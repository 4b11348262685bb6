"""Following a sender: by callback, by `for` and by `async for`."""

from __future__ import annotations

import asyncio
import logging
import threading

import hookseal
import pytest
from conftest import Receiver, Sink, refused
from hookseal import AsyncSender, Endpoint, RetryPolicy, Sender, SenderEvent, SendError

OF_THREE_ATTEMPTS = [
    "delivery.queued",
    *["delivery.attempt", "delivery.retrying"] * 2,
    "delivery.attempt",
    "delivery.succeeded",
]
RETRY = RetryPolicy.schedule([0.02, 0.02], jitter="none")


def test_a_callback_is_told_in_order_and_may_fail(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    url, _ = receiver.url("third")
    events: list[SenderEvent] = []

    def listen(event: SenderEvent) -> None:
        events.append(event)
        raise ValueError("a mistake of the listener")

    with Sender(allow_private=True, retry=RETRY, on_event=listen) as sender:
        delivery = sender.send(Endpoint(url, secrets="whsec_demo", id="acme"), "order.paid", {})
    assert [event.type for event in events] == OF_THREE_ATTEMPTS
    assert {(it.endpoint, it.delivery, it.event_type, it.dropped) for it in events} == {
        ("acme", delivery.id, "order.paid", 0)
    }
    assert [it.attempt for it in events if it.attempt] == list(delivery.attempts)
    assert [it.retry_in for it in events if it.retry_in] == [0.02, 0.02]
    assert [it.getMessage() for it in caplog.records] == ["on_event failed"] * len(events)


def test_async_for(receiver: Receiver) -> None:
    url, _ = receiver.url("third")

    async def main() -> list[str]:
        sender = AsyncSender(allow_private=True, retry=RETRY)
        events = sender.events()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(events.__anext__(), 0.01)  # nothing is lost by giving up
        await sender.send(Endpoint(url, secrets="whsec_demo"), "order.paid", {})
        first = await events.__anext__()
        await sender.close()
        return [first.type] + [event.type async for event in events]

    assert asyncio.run(main()) == OF_THREE_ATTEMPTS


def test_for_in_a_thread(receiver: Receiver) -> None:
    url, _ = receiver.url("third")
    with Sender(allow_private=True, retry=RETRY) as sender:
        events, types = sender.events(), list[str]()
        thread = threading.Thread(target=lambda: types.extend(event.type for event in events))
        thread.start()
        sender.send(Endpoint(url, secrets="whsec_demo"), "order.paid", {})
    thread.join(20)
    assert not thread.is_alive()
    assert types == OF_THREE_ATTEMPTS
    with refused("closed", SendError):
        sender.events()


def test_each_reader_has_its_own(sink: Sink) -> None:
    with Sender(allow_private=True) as sender:
        first, second = sender.events(), sender.events()
        sender.send(Endpoint(sink.url, secrets="whsec_demo"), "a.b", {})
        late = sender.events()
    assert [it.type for it in first] == ["delivery.queued", "delivery.attempt", "delivery.succeeded"]
    assert len(list(second)) == 3
    assert "delivery.queued" not in [it.type for it in late]


def test_events_end_with_a_sender_that_is_dropped(sink: Sink) -> None:
    sender = Sender(allow_private=True)
    events = sender.events()
    sender.send(Endpoint(sink.url, secrets="whsec_demo"), "a.b", {})
    del sender
    assert len(list(events)) == 3


def test_a_reader_that_sleeps_loses_the_oldest_and_holds_nobody_up(sink: Sink) -> None:
    open_again, heard = threading.Event(), list[SenderEvent]()

    def listen(event: SenderEvent) -> None:
        open_again.wait(30)
        heard.append(event)

    endpoint = Endpoint(sink.url, secrets="whsec_demo")
    with Sender(allow_private=True, on_event=listen) as sender:
        events = sender.events()
        for _ in range(4):  # each delivery tells three events, and 1,024 are held
            assert len(sender.send_many([(endpoint, "a.b", {})] * 150)) == 150
        open_again.set()
    slept = list(events)
    assert (len(slept), slept[0].dropped, slept[-1].type) == (1024, 4 * 150 * 3 - 1024, "delivery.succeeded")
    assert heard[-1].dropped > 0
    assert heard[-1].dropped + len(heard) == 4 * 150 * 3


def test_warnings_of_the_core_are_logged(sink: Sink, caplog: pytest.LogCaptureFixture) -> None:
    sink.open.clear()
    sender = Sender(allow_private=True)
    sender.enqueue(Endpoint(sink.url, secrets="whsec_demo"), "a.b", {})
    with pytest.warns(ResourceWarning), caplog.at_level(logging.WARNING, "hookseal"):
        del sender
    sink.open.set()
    assert [(it.name, it.levelno) for it in caplog.records] == [("hookseal", logging.WARNING)]
    assert "a sender was dropped with deliveries left" in caplog.text


def test_a_handler_may_send(sink: Sink) -> None:
    endpoint = Endpoint(sink.url, secrets="whsec_demo")

    class Forward(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            with Sender(allow_private=True) as sender:
                sender.send(endpoint, "log.warning", {"message": record.getMessage()})

    logger, handler = logging.getLogger("hookseal"), Forward()
    logger.addHandler(handler)
    try:
        with hookseal.Sender(proxy=f"http://127.0.0.1:{sink.server_port}") as sender:
            sender.send(Endpoint("http://hooks.example.com/", secrets="whsec_demo"), "a.b", {})
    finally:
        logger.removeHandler(handler)
    assert {headers["X-Webhook-Event"] for headers, _ in sink.received} == {"a.b", "log.warning"}
