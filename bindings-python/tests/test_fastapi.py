"""The example receiver under uvicorn, attacked over real sockets."""

from __future__ import annotations

import http.client
import json
import os
import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from conftest import refused
from hookseal import ConfigError, Endpoint, Sender, Signer, Verifier
from hookseal.fastapi import receive

EXAMPLE = Path(__file__).parents[2] / "examples" / "fastapi"
BODY = b'{"id":42}'


class App:
    """The example, and what it printed."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.signer = Signer("whsec_demo")
        self.printed: queue.SimpleQueue[str] = queue.SimpleQueue()

    def post(self, body: bytes, headers: dict[str, str]) -> tuple[int, object]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("POST", "/hooks", body, headers)
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text)["detail"] if text else None
        finally:
            connection.close()

    def raw(self, request: bytes, *, end: bool = False) -> bytes:
        """The answer to bytes that no HTTP library would send."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(request)
            if end:
                connection.shutdown(socket.SHUT_WR)
            return connection.makefile("rb").readline()


def drain(lines: Iterable[str], take: Callable[[str], object]) -> None:
    for line in lines:
        take(line)


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    command = [sys.executable, "-m", "uvicorn", "app:app", "--port", "0", "--no-access-log"]
    environment = os.environ | {"HOOKSEAL_SECRET": "whsec_demo", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, cwd=EXAMPLE, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        log = []
        for line in process.stderr:
            log.append(line)
            if "running on" in line:
                break
        else:
            pytest.fail("".join(log))
        app = App(int(log[-1].split("127.0.0.1:")[1].split()[0]))
        threads = [
            threading.Thread(target=drain, args=(process.stdout, app.printed.put)),
            threading.Thread(target=drain, args=(process.stderr, log.append)),
        ]
        for thread in threads:
            thread.start()
        yield app
        process.terminate()
        for thread in threads:
            thread.join()
    assert "Traceback" not in "".join(log)


def test_a_delivery_arrives(app: App) -> None:
    with Sender(allow_private=True) as sender:
        endpoint = Endpoint(f"http://127.0.0.1:{app.port}/hooks", secrets=["whsec_demo"])
        delivery = sender.send(endpoint, "order.paid", {"id": 42}, id="evt_real")
    assert delivery.status == "delivered", delivery
    assert app.printed.get(timeout=10) == "evt_real order.paid {'id': 42}\n"


def test_a_copy_is_answered_425(app: App) -> None:
    headers = app.signer.sign(BODY, id="evt_copy", event_type="a.b")
    assert app.post(BODY, headers) == (204, None)
    assert app.post(BODY, headers) == (425, "seen before")
    assert app.printed.get(timeout=10) == "evt_copy a.b {'id': 42}\n"


def test_every_forgery_gets_the_same_400(app: App) -> None:
    good = app.signer.sign(BODY, id="evt_1", event_type="a.b")
    name = "X-Webhook-Signature"
    forgeries = [
        (b'{"id":43}', good),
        (BODY + b"\n", good),
        (BODY, {}),
        (BODY, {"X-Webhook-Id": "evt_1"}),
        (BODY, good | {name: "garbage"}),
        (BODY, good | {name: good[name].replace("v2=", "v2=0").replace("v1=", "v1=0")}),
        (BODY, good | {"X-Webhook-Id": "evt_2"}),
        (BODY, good | {name.lower(): good[name]}),
        (BODY, Signer("whsec_other").sign(BODY, id="evt_1", event_type="a.b")),
        (BODY, app.signer.sign(BODY, id="evt_1", event_type="a.b", timestamp=1_700_000_000)),
        (b"not json", good),
    ]
    assert {app.post(body, headers) for body, headers in forgeries} == {(400, "invalid webhook")}
    assert app.printed.empty()


def test_a_large_body_is_refused_before_it_is_read(app: App) -> None:
    limit = 1024 * 1024
    body = b'"' + b"x" * (limit - 2) + b'"'
    assert app.post(body, app.signer.sign(body, id="evt_large", event_type="a.b")) == (204, None)
    assert app.printed.get(timeout=10).startswith("evt_large a.b xxx")
    assert app.post(body + b" ", app.signer.sign(body + b" ")) == (413, "body too large")
    # the rest of this one never comes, and the answer does not wait for it
    head = b"POST /hooks HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"%x\r\n%s\r\n" % (limit + 1, b"x" * (limit + 1))
    assert app.raw(head + chunk).startswith(b"HTTP/1.1 413 ")


def test_a_length_that_lies_never_verifies(app: App) -> None:
    headers = app.signer.sign(BODY, id="evt_short", event_type="a.b")
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    short = f"POST /hooks HTTP/1.1\r\nHost: a\r\n{lines}Content-Length: {len(BODY) - 1}\r\n\r\n".encode() + BODY
    assert app.raw(short).startswith(b"HTTP/1.1 400 ")
    long = short.replace(b"Content-Length: 8", b"Content-Length: 90")
    assert long != short
    assert not app.raw(long, end=True).startswith(b"HTTP/1.1 2")
    assert app.printed.empty()


def test_a_doubled_header_is_refused(app: App) -> None:
    headers = app.signer.sign(BODY, id="evt_double", event_type="a.b")
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    extra = f"x-webhook-signature: {headers['X-Webhook-Signature']}\r\n"
    request = f"POST /hooks HTTP/1.1\r\nHost: a\r\n{lines}{extra}Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY
    assert app.raw(request).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("limit", [-1, True, 1.5, "1", None])
def test_limits_that_can_not_be(limit: object) -> None:
    with refused("invalid_config", ConfigError):
        receive(Verifier("whsec_demo"), max_body=limit)  # type: ignore[arg-type]  # the mistake under test
