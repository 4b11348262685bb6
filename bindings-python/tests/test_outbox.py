"""The durable outbox, on SQLite, and on the PostgreSQL server that HOOKSEAL_TEST_POSTGRES names."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import hookseal
import pytest
from conftest import FORKING, Sink, refused, run_child
from hookseal import AsyncOutbox, ConfigError, Endpoint, Outbox, RetryPolicy, StoreError, Verifier, WebhookError

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
KEY = "00112233445566778899aabbccddeeff" * 2
NONE = RetryPolicy.none()
NOBODY = "http://127.0.0.1:9/in"


@pytest.fixture
def postgres() -> str:
    server = os.environ.get("HOOKSEAL_TEST_POSTGRES")
    if not server:
        pytest.skip("HOOKSEAL_TEST_POSTGRES names no server; tests/postgres/with starts one")
    return f"{server}{'&' if '?' in server else '?'}prefix=t{uuid.uuid4().hex[:12]}"


@pytest.fixture(params=["sqlite", "postgres"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'outbox.db'}"
    name: str = request.getfixturevalue("postgres")
    return name


def opened(uri: str, **options: Any) -> Outbox:
    return Outbox(uri, **{"encryption_key": KEY, "allow_private": True, "poll": 0.02, **options})


@contextlib.contextmanager
def at_work(outbox: Outbox) -> Iterator[hookseal.Worker]:
    worker = outbox.worker()
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield worker
    finally:
        worker.stop()
        thread.join(30)
        assert not thread.is_alive()


def bodies(sink: Sink) -> list[bytes]:
    return [body for _, body in sink.received]


def test_an_event_reaches_its_subscription_signed(uri: str, sink: Sink) -> None:
    async def main() -> None:
        async with AsyncOutbox(uri, encryption_key=KEY, allow_private=True) as outbox:
            made = await outbox.subscriptions.create(sink.url, events=["order.*"], secrets=[SECRET])
            assert (made.events, made.status, made.filters) == (("order.*",), "enabled", {})
            event = await outbox.publish("order.paid", {"id": 42}, id="evt_1", metadata={"region": "eu"})
            assert event == hookseal.Published("evt_1", duplicate=False)
            await outbox.publish("user.made", {})
            assert (await outbox.status()).events_waiting == 2
            worker = outbox.worker(concurrency=4)
            running = asyncio.create_task(worker.run())
            await asyncio.to_thread(sink.arrived.wait, 20)
            worker.stop()
            await running
            assert (worker.counts.attempts, worker.counts.in_hand) == (1, 0)
            page = await outbox.deliveries.list(status="delivered")
            assert [(it.event_id, it.event_type, it.subscription, it.attempts) for it in page] == [
                ("evt_1", "order.paid", made.id, 1)
            ]
            (attempt,) = await outbox.deliveries.attempts(page.items[0].id)
            assert (attempt.status_code, attempt.outcome) == (204, "succeeded")
            status = await outbox.status()
            assert (status.delivered, status.pending, status.subscriptions, status.durable) == (1, 0, 1, True)

    asyncio.run(main())
    ((headers, body),) = sink.received
    verified = Verifier(SECRET).verify(body, headers)
    assert (body, verified.event_type) == (b'{"id":42}', "order.paid")


def test_the_blocking_twin(uri: str, sink: Sink) -> None:
    with opened(uri) as outbox:
        outbox.subscriptions.create(sink.url, secrets=SECRET)
        assert outbox.publish("a.b", "text", content_type="text/plain", traceparent=f"00-{'a' * 32}-{'b' * 16}-01").id
        assert outbox.worker().run_until_idle().delivered == 1
    ((headers, body),) = sink.received
    assert (body, headers["Content-Type"], headers["traceparent"][:5]) == (b"text", "text/plain", "00-aa")


def test_an_event_is_stored_once(uri: str) -> None:
    with opened(uri) as outbox:
        first = outbox.publish("a.b", {"n": 1}, id="evt_1")
        again = outbox.publish("a.b", {"n": 1}, id="evt_1")
        assert (first.duplicate, again.duplicate, again.id) == (False, True, "evt_1")
        with refused("conflict", StoreError):
            outbox.publish("a.b", {"n": 2}, id="evt_1")
        first = outbox.publish("a.b", {}, idempotency_key="order-7")
        assert outbox.publish("a.b", {}, idempotency_key="order-7") == hookseal.Published(first.id, duplicate=True)
        assert outbox.publish("a.b", {}, idempotency_key="order-7", tenant="acme").duplicate is False


def test_threads_publish_side_by_side(uri: str, sink: Sink) -> None:
    with opened(uri) as outbox:
        outbox.subscriptions.create(sink.url)

        def publish(first: int) -> None:
            for n in range(first, first + 10):
                outbox.publish("a.b", {"n": n})

        threads = [threading.Thread(target=publish, args=(first,)) for first in range(0, 160, 10)]
        with at_work(outbox):
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        outbox.worker().run_until_idle()
    assert sorted(bodies(sink)) == sorted(b'{"n":%d}' % n for n in range(160))


def test_tenants_filters_and_time(uri: str, sink: Sink) -> None:
    with opened(uri) as outbox:
        outbox.subscriptions.create(sink.url, tenant="acme", filters={"region": "eu"})
        outbox.publish("a.b", "right", tenant="acme", metadata={"region": "eu", "more": "x"})
        outbox.publish("a.b", "elsewhere", tenant="acme", metadata={"region": "us"})
        outbox.publish("a.b", "nobody's", metadata={"region": "eu"})
        options: Any = {"tenant": "acme", "metadata": {"region": "eu"}}
        outbox.publish("a.b", "later", deliver_at=datetime(2999, 1, 1, tzinfo=timezone.utc), **options)
        outbox.publish("a.b", "due", deliver_at=datetime(2001, 1, 1, tzinfo=timezone.utc), **options)
        outbox.worker().run_until_idle()
        assert sorted(bodies(sink)) == [b"due", b"right"]
        assert outbox.status().events_waiting == 1


def test_the_events_of_a_key_keep_their_order(uri: str, sink: Sink) -> None:
    with opened(uri) as outbox:
        outbox.subscriptions.create(sink.url)
        for n in range(10):
            outbox.publish("a.b", {"n": n}, ordering_key="account-1")
        outbox.worker().run_until_idle()
    assert bodies(sink) == [b'{"n":%d}' % n for n in range(10)]


def test_a_delivery_without_a_subscription(uri: str, sink: Sink) -> None:
    endpoint = Endpoint(sink.url, secrets=[SECRET], scheme="stripe", headers={"X-Shop": "1"}, bearer="token")
    with opened(uri) as outbox:
        outbox.deliver(endpoint, "order.paid", {"id": 1}, id="evt_9")
        outbox.worker().run_until_idle()
        (delivery,) = outbox.deliveries.list(event_id="evt_9")
        assert (delivery.subscription, delivery.status) == (None, "delivered")
        signer = hookseal.Signer(SECRET)
        for other in (
            Endpoint(sink.url, signer=signer),
            Endpoint(sink.url, hookseal.Secret.hex("00ff" * 8)),
            Endpoint(sink.url, hookseal.KeyRing([hookseal.Key(SECRET)])),
        ):
            with refused("invalid_config", ConfigError):
                outbox.deliver(other, "order.paid", {})
    ((headers, body),) = sink.received
    assert Verifier(SECRET, scheme="stripe").verify(body, headers).key_index == 0
    assert (headers["X-Shop"], headers["Authorization"]) == ("1", "Bearer token")


def test_the_life_of_a_subscription(uri: str, sink: Sink) -> None:
    with opened(uri) as outbox:
        parts = outbox.subscriptions
        made = parts.create(sink.url, description="shop", secrets=[hookseal.Secret(SECRET)])
        assert parts.get(made.id) == made
        assert parts.secrets(made.id) == (SECRET,)
        assert parts.list() == (made,)
        assert parts.list(after=made.id) == ()
        assert parts.list("acme") == ()
        assert parts.pause(made.id).status == "paused"
        outbox.publish("a.b", "while paused")
        worker = outbox.worker()
        worker.run_until_idle()
        assert sink.received == []
        assert parts.resume(made.id).status == "enabled"
        worker.run_until_idle()
        assert bodies(sink) == [b"while paused"]
        disabled = parts.disable(made.id, "moved away")
        assert (disabled.status, disabled.reason) == ("disabled", "moved away")
        outbox.publish("a.b", "while disabled")
        parts.resume(made.id)
        new = parts.rotate_secret(made.id, overlap=60)
        assert parts.secrets(made.id) == (new, SECRET)
        parts.test(made.id)
        worker.run_until_idle()
        assert bodies(sink) == [b"while paused", b"{}"]
        headers, body = sink.received[-1]
        for secret in (new, SECRET):
            assert Verifier(secret).verify(body, headers).event_type == "hookseal.test"
        changed = parts.update(made.id, sink.url + "?2", events=("x.y",), scheme=hookseal.Scheme("stripe"), timeout=3)
        assert (changed.events, changed.description) == (("x.y",), None)
        outbox.publish("x.y", "in Stripe's words")
        worker.run_until_idle()
        headers, body = sink.received[-1]
        assert Verifier(new, scheme="stripe").verify(body, headers).version == "v1"
        parts.delete(made.id)
        with refused("not_found", StoreError):
            parts.get(made.id)
        assert sink.url not in repr(made)


def test_dead_letters_are_listed_and_retried(uri: str, sink: Sink) -> None:
    with opened(uri, retry=NONE, breaker=False) as outbox:
        made = outbox.subscriptions.create(NOBODY)
        for n in range(5):
            outbox.publish("order.paid" if n else "user.made", {"n": n})
        worker = outbox.worker()
        assert worker.run_until_idle().dead == 5
        ids, cursor = [], None
        while True:
            page = outbox.dead_letters.list(limit=2, cursor=cursor)
            ids += [it.id for it in page]
            if (cursor := page.cursor) is None:
                break
            assert len(page) == 2
        assert len(set(ids)) == 5
        letter = outbox.deliveries.get(ids[0])
        assert (letter.status, letter.reason) == ("dead", "attempts_exhausted")
        assert outbox.deliveries.attempts(letter.id)[0].error == "connection_refused"
        assert outbox.dead_letters.retry(event_type="order.*", dry_run=True) == 4
        assert outbox.deliveries.list(status="pending").items == ()
        outbox.subscriptions.update(made.id, sink.url)
        assert outbox.dead_letters.retry(event_type="order.*") == 4
        assert worker.run_until_idle().delivered == 4
        (last,) = outbox.dead_letters.list(subscription=made.id)
        assert outbox.deliveries.retry(last.id).status == "pending"
        assert outbox.deliveries.cancel(last.id).status == "cancelled"
        with refused("not_found", StoreError):
            outbox.deliveries.cancel(last.id)
        outbox.clean_up()
        assert outbox.dead_letters.purge(0) == 0
        assert outbox.reencrypt() == 0


COMMIT = """
import sqlite3, sys, hookseal
path, style = sys.argv[1:]
outbox = hookseal.Outbox(f"sqlite:{path}")
connection = sqlite3.connect(path, isolation_level=None, timeout=30)
connection.execute("CREATE TABLE orders (id TEXT)")
for order, end in (("kept", "COMMIT"), ("lost", "ROLLBACK")):
    sql, params = outbox.publish_statement("order.paid", {"order": order}, id=order, paramstyle=style)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO orders VALUES (?)", [order])
    assert connection.execute(sql, params).rowcount == 1
    connection.execute(end)
assert connection.execute("SELECT id FROM orders").fetchall() == [("kept",)]
connection.close()
"""


@pytest.mark.parametrize("style", ["qmark", "named"])
def test_an_event_in_ones_own_sqlite_transaction(style: str, tmp_path: Path, sink: Sink) -> None:
    path = tmp_path / "shop.db"
    with opened(f"sqlite:{path}") as outbox:
        outbox.subscriptions.create(sink.url)
        with at_work(outbox):
            done = run_child(COMMIT, str(path), style)  # another process: its SQLite is not the package's
            assert (done.returncode, done.stderr) == (0, "")
            assert sink.arrived.wait(20)
        outbox.worker().run_until_idle()
        assert bodies(sink) == [b'{"order":"kept"}']
        assert outbox.status().delivered == 1


@pytest.mark.parametrize("style", ["format", "named"])
def test_an_event_in_ones_own_postgres_transaction(style: str, postgres: str, sink: Sink) -> None:
    import psycopg

    with opened(postgres) as outbox, psycopg.connect(os.environ["HOOKSEAL_TEST_POSTGRES"]) as connection:
        outbox.subscriptions.create(sink.url)
        for order, end in (("kept", connection.commit), ("lost", connection.rollback)):
            options: Any = {"id": order, "paramstyle": style, "metadata": {"region": "eu"}}
            sql, params = outbox.publish_statement("order.paid", {"order": order}, **options)
            if style == "named":
                import re

                sql = re.sub(r":(p\d+)", r"%(\1)s", sql)  # psycopg's own spelling of names
            connection.execute(sql.encode(), params)
            end()
        outbox.worker().run_until_idle()
        assert bodies(sink) == [b'{"order":"kept"}']


def test_a_statement_opens_nothing(tmp_path: Path) -> None:
    outbox = Outbox(f"sqlite:{tmp_path / 'no.db'}?prefix=app")
    sql, params = outbox.publish_statement("a.b", b"\x00\xff", id="evt_1", tenant="acme", deliver_at=1700000000.9)
    assert sql.startswith("INSERT INTO app_events")
    assert (sql.count("?"), len(params)) == (12, 12)
    assert (params[:3], params[5], params[10]) == (["evt_1", "a.b", b"\x00\xff"], "acme", 1700000000000)
    _, named = outbox.publish_statement("a.b", {}, paramstyle="named")
    assert list(named) == [f"p{n}" for n in range(1, 13)]
    assert str(named["p1"]).startswith("evt_")
    assert list(tmp_path.iterdir()) == []
    for wrong in ("pyformat", 1, None):
        style: Any = wrong
        with refused("invalid_config", ConfigError):
            outbox.publish_statement("a.b", {}, paramstyle=style)
    with refused("invalid_config", ConfigError):
        Outbox("memory:").publish_statement("a.b", {})


def test_a_stopped_worker_gives_back_what_it_has_not_started(uri: str, sink: Sink) -> None:
    sink.open.clear()
    with opened(uri) as outbox:
        outbox.subscriptions.create(sink.url)
        for n in range(50):
            outbox.publish("a.b", {"n": n})
        with at_work(outbox) as worker:
            assert sink.arrived.wait(20)
            worker.stop()
            sink.open.set()
        done = worker.counts
        assert 0 < done.delivered < 50
        assert done.in_hand == 0
        with refused("closed", hookseal.SendError):
            worker.run()
        outbox.worker().run_until_idle()  # nothing waits for the end of a lease
        assert len(bodies(sink)) == len(set(bodies(sink))) == 50


def test_a_cancelled_worker_ends_its_attempts(uri: str, sink: Sink) -> None:
    sink.open.clear()

    async def main() -> None:
        async with AsyncOutbox(uri, encryption_key=KEY, allow_private=True) as outbox:
            await outbox.subscriptions.create(sink.url)
            await outbox.publish("a.b", {})
            worker = outbox.worker()
            running = asyncio.create_task(worker.run())
            await asyncio.to_thread(sink.arrived.wait, 20)
            running.cancel()
            asyncio.get_running_loop().call_later(0.05, sink.open.set)
            with pytest.raises(asyncio.CancelledError):
                await running
            assert (worker.counts.delivered, worker.counts.in_hand) == (1, 0)

    asyncio.run(main())


WORK = """
import sys, hookseal
outbox = hookseal.Outbox(sys.argv[1], encryption_key=sys.argv[2], allow_private=True, lease=2, timeout=1, poll=0.02)
worker = outbox.worker()
try:
    worker.run()
except KeyboardInterrupt:
    print("interrupted", worker.counts.delivered, worker.counts.in_hand)
"""


def child_worker(uri: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-W", "error", "-c", WORK, uri, KEY], stdout=subprocess.PIPE, text=True)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_ctrl_c_stops_a_worker(uri: str, sink: Sink) -> None:
    with opened(uri) as outbox:
        outbox.subscriptions.create(sink.url)
        outbox.publish("a.b", {})
    with child_worker(uri) as child:
        assert sink.arrived.wait(20)
        child.send_signal(signal.SIGINT)
        out, _ = child.communicate(timeout=20)
    assert (out, child.returncode) == ("interrupted 1 0\n", 0)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_a_killed_worker_loses_nothing(uri: str, sink: Sink) -> None:
    options = {"lease": 2, "timeout": 1}
    with opened(uri, **options) as outbox:
        outbox.subscriptions.create(sink.url)
        accepted = {outbox.publish("a.b", {"n": n}).id for n in range(40)}
    for _ in range(3):
        sink.arrived.clear()
        sink.open.clear()
        with child_worker(uri) as child:
            assert sink.arrived.wait(30)
            child.kill()
        sink.open.set()
    with opened(uri, **options) as outbox, at_work(outbox):
        tick = threading.Event()
        while (status := outbox.status()).delivered < 40:
            tick.wait(0.02)
        assert (status.dead, status.pending) == (0, 0)
        delivered = outbox.deliveries.list(status="delivered").items
    assert {it.event_id for it in delivered} == accepted
    assert set(bodies(sink)) == {b'{"n":%d}' % n for n in range(40)}


def test_secrets_are_encrypted_in_the_file(tmp_path: Path, sink: Sink, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "outbox.db"
    with Outbox(f"sqlite:{path}", allow_private=True) as outbox:
        outbox.subscriptions.create(sink.url, secrets=[SECRET], bearer="CANARY")
        assert SECRET not in repr(outbox)
    key = tmp_path / "outbox.db.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert "made a key" in caplog.text
    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir() if file != key)
    assert b"MfKQ9r8GKYqr" not in stored
    assert b"CANARY" not in stored
    with opened(f"sqlite:{path}") as outbox:
        (made,) = outbox.subscriptions.list()
        with refused("invalid_config", ConfigError):
            outbox.subscriptions.secrets(made.id)
    with opened(f"sqlite:{path}", former_encryption_keys=[key.read_text()]) as outbox:
        assert outbox.reencrypt() == 1
    with opened(f"sqlite:{path}") as outbox:
        assert outbox.subscriptions.secrets(made.id) == (SECRET,)


@pytest.mark.parametrize(
    "uri", ["", "mysql://root:CANARY@db/app", "sqlite:", "sqlite::memory:", "memory:?prefix=A-B", "sqlite:a?b=c", None]
)
def test_other_uris_are_refused(uri: Any) -> None:
    with refused("invalid_config", ConfigError) as info, Outbox(uri):
        pass
    assert "CANARY" not in str(info.value)


def test_what_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(b"dear diary, " * 1000)
    with refused("storage_unavailable", StoreError) as info, opened(f"sqlite:{path}"):
        pass
    assert info.value.retryable
    assert path.read_bytes() == b"dear diary, " * 1000
    with refused("storage_unavailable", StoreError), opened(f"sqlite:{tmp_path / 'missing' / 'outbox.db'}"):
        pass


def test_a_server_that_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with refused("storage_unavailable", StoreError), opened(f"postgres://u:CANARY@127.0.0.1:{port}/db"):
        pass


def test_postgres_needs_a_key(postgres: str) -> None:
    with refused("invalid_config", ConfigError), Outbox(postgres):
        pass


def test_wrong_use_has_a_code() -> None:
    options: Any
    for options in (
        {"retry": 3},
        {"lease": 1},
        {"poll": 0},
        {"disable_after": 0},
        {"unknown": 1},
        {"timeout": float("nan")},
        {"former_encryption_keys": "text"},
        {"encryption_key": "short"},
        {"breaker": 5},
    ):
        with refused("invalid_config", ConfigError), Outbox("memory:", **options):
            pass
    with Outbox("memory:", allow_private=True, disable_after=False, breaker=False) as outbox:
        assert outbox.status().durable is False
        url, secret = "http://127.0.0.1/in", hookseal.Secret.hex("00ff" * 8)
        wrong: list[tuple[str, type[WebhookError], Any]] = [
            ("invalid_event", hookseal.SendError, lambda: outbox.publish("", {})),
            ("invalid_event", hookseal.SendError, lambda: outbox.publish(5, {})),  # type: ignore[arg-type]  # on purpose
            ("invalid_event", hookseal.SendError, lambda: outbox.publish("a.b", {1: 2})),
            ("invalid_event", hookseal.SendError, lambda: outbox.publish("a.b", {}, id="a b")),
            ("invalid_event", hookseal.SendError, lambda: outbox.publish("a.b", {}, traceparent="00")),
            ("invalid_config", ConfigError, lambda: outbox.publish("a.b", {}, tenant="")),
            ("invalid_config", ConfigError, lambda: outbox.publish("a.b", {}, metadata={"a": "b" * 2000})),
            ("invalid_config", ConfigError, lambda: outbox.publish("a.b", {}, deliver_at=datetime(2026, 1, 1))),
            ("invalid_config", ConfigError, lambda: outbox.publish("a.b", {}, unknown=1)),  # type: ignore[call-arg]  # on purpose
            ("invalid_config", ConfigError, lambda: outbox.deliver(url, "a.b", {})),  # type: ignore[arg-type]  # on purpose
            ("invalid_config", ConfigError, lambda: outbox.deliveries.list(limit=0)),
            ("invalid_config", ConfigError, lambda: outbox.deliveries.list(cursor="1.0000000000000000")),
            ("invalid_config", ConfigError, lambda: outbox.deliveries.list(since=float("inf"))),
            ("invalid_config", ConfigError, lambda: outbox.dead_letters.retry(event_type="a*b")),
            ("invalid_config", ConfigError, lambda: outbox.dead_letters.purge(-1)),
            ("not_found", StoreError, lambda: outbox.deliveries.get("msg_0")),
            ("not_found", StoreError, lambda: outbox.subscriptions.test("sub_0")),
            ("invalid_url", hookseal.SendError, lambda: outbox.subscriptions.create("nowhere")),
            ("invalid_config", ConfigError, lambda: outbox.subscriptions.create(url, events="a.b")),
            ("invalid_config", ConfigError, lambda: outbox.subscriptions.create(url, events=["a*b"])),
            ("invalid_config", ConfigError, lambda: outbox.subscriptions.create(url, secrets=secret)),
            ("malformed_secret", ConfigError, lambda: outbox.subscriptions.create(url, secrets=" x")),
            ("unknown_scheme", ConfigError, lambda: outbox.subscriptions.create(url, scheme="unheard")),
            ("invalid_config", ConfigError, lambda: outbox.worker(-1)),
            ("invalid_config", ConfigError, lambda: outbox.worker(0).run()),
        ]
        for code, kind, call in wrong:
            with refused(code, kind):
                call()
    for call in (lambda: outbox.publish("a.b", {}), outbox.status, outbox.worker, outbox.__enter__):
        with refused("closed", hookseal.SendError):
            call()
    with Outbox("memory:") as outbox, refused("blocked_address", hookseal.SendError):
        outbox.subscriptions.create("http://127.0.0.1/in")


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    with opened(f"sqlite:{path}"):
        pass
    code = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute(sys.argv[2]); db.commit(); db.close()"
    done = run_child(code, str(path), "UPDATE hookseal_meta SET value = '999' WHERE key = 'schema'")
    assert (done.returncode, done.stderr) == (0, "")
    with refused("unsupported_schema", StoreError), opened(f"sqlite:{path}"):
        pass


def test_the_process_may_end_while_a_worker_runs(tmp_path: Path) -> None:
    code = """
import sys, threading, hookseal
outbox = hookseal.Outbox(sys.argv[1], encryption_key=sys.argv[2], poll=0.02)
threading.Thread(target=outbox.worker().run, daemon=True).start()
outbox.publish("a.b", {})
tick = threading.Event()
while outbox.status().events_waiting:
    tick.wait(0.01)
print("end")
"""
    done = run_child(code, f"sqlite:{tmp_path / 'outbox.db'}", KEY)
    assert (done.stdout, done.stderr, done.returncode) == ("end\n", "", 0)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork on Windows")
def test_postgres_is_used_on_both_sides_of_a_fork(postgres: str) -> None:
    code = """
import os, signal, sys, warnings
import hookseal

warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)  # from 3.12 on, for any fork
outbox = hookseal.Outbox(sys.argv[1], encryption_key=sys.argv[2])
outbox.publish("a.b", {}, id="parent")
pid = os.fork()
if pid == 0:
    signal.alarm(20)
    assert outbox.publish("a.b", {}, id="parent").duplicate
    outbox.publish("a.b", {}, id="child")
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
assert outbox.publish("a.b", {}, id="child").duplicate
print("ok")
"""
    done = run_child(code, postgres, KEY)
    assert (done.stdout, done.stderr) == ("ok\n", "")


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork on Windows")
def test_sqlite_is_used_on_one_side_of_a_fork(tmp_path: Path) -> None:
    code = """
def used():
    with hookseal.Outbox(sys.argv[1]) as outbox:
        outbox.publish("a.b", {})

made = hookseal.Outbox(sys.argv[1])
assert child(lambda: made.publish("a.b", {}, id="from_the_child")) == 0  # nothing was open yet
made.publish("a.b", {})
worker = made.worker()

def refused():
    for use in (used, lambda: made.publish("a.b", {}), made.status, lambda: worker.counts, worker.run):
        try:
            use()
        except hookseal.WebhookError as error:
            assert error.code == "forked", error
        else:
            raise AssertionError("an outbox of the parent's answered")
    assert made.publish_statement("a.b", {})[1]

assert child(refused) == 0
used()
assert made.status().events_waiting == 3
print("ok")
"""
    done = run_child(FORKING + code, f"sqlite:{tmp_path / 'outbox.db'}")
    assert done.stdout == "ok\n", done.stderr
