"""What several test modules share."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
import urllib.request
import uuid
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import Any

import hookseal
import pytest

ROOT = Path(__file__).parents[2]
SCENARIOS = ROOT / "spec" / "scenarios"


class Receiver:
    """The scripted receiver, as its README describes it."""

    def __init__(self, ready: dict[str, Any]) -> None:
        self.base = f"http://127.0.0.1:{ready['port']}"
        secure = {name: f"https://localhost:{port}" for name, port in ready["tls"].items()}
        self.origins = {None: self.base, "clear": self.base.replace("http:", "https:"), **secure}

    def url(self, scenario: str, server: str | None = None) -> tuple[str, str]:
        """A URL that plays a scenario from its start, and the run's id."""
        run = uuid.uuid4().hex
        return f"{self.origins[server]}/s/{scenario}/{run}/hook", run

    def requests(self, run: str) -> list[dict[str, Any]]:
        requests: list[dict[str, Any]] = json.loads(self.get(f"records/{run}"))["requests"]
        return requests

    def get(self, path: str) -> str:
        with urllib.request.urlopen(f"{self.base}/{path}", timeout=5) as answer:
            text: str = answer.read().decode()
            return text


def scenarios(name: str) -> list[dict[str, Any]]:
    """The tests of a scenario file."""
    tests: list[dict[str, Any]] = json.loads((SCENARIOS / name).read_text("utf-8"))["tests"]
    return tests


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    with playing("deliveries.json") as receiver:
        yield receiver


@pytest.fixture(scope="session")
def tls_receiver() -> Iterator[Receiver]:
    with playing("deliveries-tls.json") as receiver:
        yield receiver


@contextlib.contextmanager
def playing(name: str) -> Iterator[Receiver]:
    """A receiver of these scenarios."""
    program = os.environ.get("HOOKSEAL_RECEIVER") or shutil.which(
        "hookseal-receiver", path=os.pathsep.join(map(str, (ROOT / "target").glob("*")))
    )
    assert program, "build it: cargo build -p hookseal-receiver"
    with subprocess.Popen(
        [program, "--scenarios", SCENARIOS / name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Receiver(json.loads(process.stdout.readline()))
        process.stdin.close()


class Sink(http.server.ThreadingHTTPServer):
    """Answers every POST, when it is let, and keeps it."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), SinkHandler)
        self.url = f"http://127.0.0.1:{self.server_port}/in"
        self.received: list[tuple[Message, bytes]] = []
        self.arrived = threading.Event()
        self.open = threading.Event()
        self.open.set()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A sender may leave while it waits."""


class SinkHandler(http.server.BaseHTTPRequestHandler):
    server: Sink

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.headers, body))
        self.server.arrived.set()
        self.server.open.wait(30)
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.open.set()
        server.shutdown()
        thread.join()


def run_child(code: str, *args: str, timeout: float = 30, **options: Any) -> subprocess.CompletedProcess[str]:
    """Runs a program in a child interpreter, with a deadline, and warnings as errors."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *args],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        **options,
    )


@contextlib.contextmanager
def refused(code: str, kind: type[hookseal.WebhookError]) -> Iterator[pytest.ExceptionInfo[hookseal.WebhookError]]:
    """The block ends in this error and no other."""
    with pytest.raises(kind) as info:
        yield info
    assert type(info.value) is kind
    assert info.value.code == code, info.value


FORKING = """
import os, signal, sys, threading, warnings
import hookseal

warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)  # from 3.12 on, for any fork

def child(work):
    # Runs work in a forked child, which is killed when it hangs.
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            signal.alarm(20)
            work()
            status = 0
        finally:
            sys.stdout.flush()
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
"""
