"""A Python and a Node application publish into, and work from, the same outbox: each event arrives exactly once, and none besides."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import hookseal

HERE = Path(__file__).parent
APPS = {"python": [sys.executable, str(HERE / "app.py")], "node": ["node", str(HERE / "app.mjs")]}
EVENTS = 2000 if os.environ.get("HOOKSEAL_FULL") else 200
DEADLINE = 120
ENCRYPTION_KEY = secrets.token_hex(32)


class Receiver(ThreadingHTTPServer):
    """Verifies what arrives and counts it, by the event's id and by the worker that brought it."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, secret: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.verifier = hookseal.Verifier(secret)
        self.changed = threading.Condition()
        self.received: Counter[str] = Counter()
        self.workers: Counter[str] = Counter()
        self.refused: list[str] = []
        self.wanted_workers: set[str] = set()

    def wait(self, expected: Counter[str]) -> None:
        """Until as many requests as that have come, or something is wrong."""
        with self.changed:
            done = self.changed.wait_for(
                lambda: self.refused or self.received.total() >= expected.total(), timeout=DEADLINE
            )
        assert done and not self.refused, (self.refused, self.received.total(), expected.total())


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server = self.server
        with server.changed:
            try:
                server.verifier.verify(body, self.headers)
                server.received[json.loads(body)["id"]] += 1
            except hookseal.VerificationError as error:
                server.refused.append(error.code)
            server.workers[self.headers["User-Agent"]] += 1
            server.changed.notify_all()
            # No answer before every worker that is wanted has had a part.
            server.changed.wait_for(lambda: server.wanted_workers <= server.workers.keys(), timeout=DEADLINE)
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextlib.contextmanager
def receiving(secret: str) -> Iterator[Receiver]:
    with Receiver(secret) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def start(language: str, task: str, uri: str, *more: object) -> subprocess.Popen[str]:
    command = [*APPS[language], task, uri, *map(str, more)]
    environment = {**os.environ, "ENCRYPTION_KEY": ENCRYPTION_KEY}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def ended(process: subprocess.Popen[str], may_skip: bool = False) -> str | None:
    """What a program printed until its end; nothing where it can not run here."""
    try:
        output, _ = process.communicate(timeout=DEADLINE)
    finally:
        process.kill()
    if may_skip and process.returncode == 77:
        return None
    assert process.returncode == 0, (process.args, process.returncode)
    return output


def check(store: str, uri: str) -> int:
    """Returns how many parts could not be played here."""
    secret = hookseal.Secret.generate().expose()
    expected: Counter[str] = Counter()
    skipped = 0
    with receiving(secret) as receiver:
        with hookseal.Outbox(uri, encryption_key=ENCRYPTION_KEY, allow_private=True) as outbox:
            outbox.subscriptions.create(
                f"http://127.0.0.1:{receiver.server_port}/in", events=["order.*"], secrets=secret
            )

        def publish(task: str, *languages: str) -> None:
            nonlocal skipped
            prefixes = {language: f"{task}-{language}-after-{expected.total()}" for language in languages}
            running = {language: start(language, task, uri, prefix, EVENTS) for language, prefix in prefixes.items()}
            for language, process in running.items():
                if ended(process, may_skip=task == "transact") is None:
                    skipped += 1
                    print(f"{store}: {language} has no driver for it: its own transactions are skipped")
                    continue
                kept = range(1, EVENTS + 1, 2 if task == "transact" else 1)
                expected.update(f"{prefixes[language]}-{number}" for number in kept)

        def work(*languages: str) -> list[subprocess.Popen[str]]:
            receiver.workers.clear()
            receiver.wanted_workers = set(languages)
            return [start(language, "work", uri) for language in languages]

        def stop(workers: list[subprocess.Popen[str]]) -> None:
            receiver.wait(expected)
            counts = [json.loads(ended(worker) or "") for worker in workers]
            assert sum(it["delivered"] for it in counts) == receiver.workers.total(), counts

        for publisher, worker in (("python", "node"), ("node", "python")):
            publish("publish", publisher)
            stop(work(worker))
            assert set(receiver.workers) == {worker}, receiver.workers
        workers = work("python", "node")
        publish("publish", "python", "node")
        publish("transact", "python", "node")
        stop(workers)
        assert set(receiver.workers) == {"python", "node"}, receiver.workers

        assert receiver.received == expected, (receiver.received - expected, expected - receiver.received)
        with hookseal.Outbox(uri, encryption_key=ENCRYPTION_KEY) as outbox:
            status = outbox.status()
            assert (status.delivered, status.pending, status.dead, status.events_waiting) == (len(expected), 0, 0, 0)
    shares = ", ".join(f"{worker} {count}" for worker, count in sorted(receiver.workers.items()))
    print(f"{store}: {len(expected)} events, each received once and signed; of the last ones {shares}")
    return skipped


def main() -> None:
    server = os.environ.get("HOOKSEAL_TEST_POSTGRES")
    with tempfile.TemporaryDirectory() as folder:
        skipped = check("SQLite", f"sqlite:{folder}/shared.db")
    if server:
        separator = "&" if "?" in server else "?"
        skipped += check("PostgreSQL", f"{server}{separator}prefix=cross{os.getpid()}")
    else:
        skipped += 1
        print("PostgreSQL: skipped, HOOKSEAL_TEST_POSTGRES names no server")
    print(f"outbox of two languages: {skipped} skipped")


if __name__ == "__main__":
    main()
