"""What the tests that kill an outbox's processes share: a receiver that keeps account, stores, and PostgreSQL's reins."""

from __future__ import annotations

import collections
import contextlib
import http.server
import json
import os
import pathlib
import random
import subprocess
import tempfile
import threading
import typing

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
KEY = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"


class Receiver(http.server.ThreadingHTTPServer):
    """Counts what arrives, outside of every process that dies; first attempts fail at the given rate."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, fails: float = 0.0) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.fails = fails
        self.chance = random.Random(7)
        self.arrived: collections.Counter[str] = collections.Counter()  # delivery ids whose answer was 204
        self.events: set[str] = set()
        self.url = f"http://127.0.0.1:{self.server_address[1]}/"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def duplicates(self) -> int:
        return self.arrived.total() - len(self.arrived)

    def handle_error(self, *_: object) -> None:
        """A worker that is killed resets its connections."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        ours = self.server
        with ours.lock:
            fails = self.headers["x-webhook-attempt"] == "1" and ours.chance.random() < ours.fails
            if not fails:
                ours.arrived[self.headers["x-webhook-id"]] += 1
                ours.events.add(json.loads(body)["id"])
        self.send_response(500 if fails else 204)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def store(kind: str, name: str) -> typing.Iterator[str]:
    """The URI of an empty store, `sqlite` or `postgres`."""
    if kind == "postgres":
        base = os.environ["HOOKSEAL_TEST_POSTGRES"]
        yield f"{base}{'&' if '?' in base else '?'}prefix={name}{os.getpid()}"
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:{pathlib.Path(folder) / 'outbox.db'}"


def postgres_control(*words: str) -> bool:
    """Runs `pg_ctl` on the tests' own server; `False` where they were given another."""
    home, folder = os.environ.get("HOOKSEAL_TEST_POSTGRES_HOME"), os.environ.get("HOOKSEAL_TEST_POSTGRES_BIN")
    if not home or not folder:
        return False
    user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    command = [*user, f"{folder}/pg_ctl", "-D", f"{home}/data", "-s", "-w", "-l", f"{home}/log", *words]
    subprocess.run(command, check=True, timeout=60, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return True


def close(process: subprocess.Popen[str]) -> None:
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream:
            with contextlib.suppress(BrokenPipeError, OSError):
                stream.close()
