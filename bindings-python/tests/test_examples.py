"""The receivers in `examples/`, each under the server that its users run, attacked over real sockets."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import queue
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, TypeVar

import pytest
from asgi_call import call
from django.test import RequestFactory
from hookseal import AsyncSender, Endpoint, Sender, Signer

EXAMPLES = Path(__file__).parents[2] / "examples"
BODY = b'{"id":42}'
LIMIT = 1024 * 1024
NAME = "X-Webhook-Signature"

PROGRAMS = {
    "fastapi": ("fastapi", "-m", "uvicorn", "app:app", "--port", "0", "--no-access-log"),
    "starlette": ("starlette", "-m", "uvicorn", "app:app", "--port", "0", "--no-access-log"),
    "flask": ("flask", "-m", "flask", "--app", "app", "run", "--port", "0"),
    "django": ("django", "manage.py", "runserver", "127.0.0.1:0", "--noreload"),
    "django-asgi": ("django", "-m", "uvicorn", "asgi:application", "--port", "0", "--no-access-log"),
}
TARGETS = [
    ("fastapi", "/hooks"),
    ("starlette", "/hooks"),
    ("starlette", "/guarded"),
    ("flask", "/hooks"),
    ("django", "/hooks"),
    ("django", "/async"),
    ("django", "/rest"),
    ("django-asgi", "/hooks"),
    ("django-asgi", "/async"),
    ("django-asgi", "/rest"),
]


class Answer(NamedTuple):
    """All of an answer that its sender can tell apart from another, but the time and the connection's fate."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Program(NamedTuple):
    """A running example: the port that it got, what it has printed, and all that it and its server have written."""

    name: str
    port: int
    printed: queue.SimpleQueue[str]
    log: list[str]


T = TypeVar("T")
Start: TypeAlias = Callable[[str], Program]


class Receiver:
    """One route of a running example."""

    def __init__(self, program: Program, path: str) -> None:
        self.program, self.port, self.printed, self.log = program
        self.path = path
        self.signer = Signer("whsec_demo")

    def post(self, body: bytes, headers: dict[str, str]) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("POST", self.path, body, {"Content-Type": "application/json", **headers})
            answer = connection.getresponse()
            kept = tuple((name, value) for name, value in answer.getheaders() if name not in {"date", "Date"})
            return Answer(answer.status, kept, answer.read())
        finally:
            connection.close()

    def raw(self, headers: dict[str, str], length: str, rest: bytes, *, end: bool = False) -> int:
        """The status of the answer to a request that no HTTP library would send; 0 where there is none."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"POST {self.path} HTTP/1.1\r\nHost: localhost\r\n{lines}{length}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(head.encode() + rest)
            if end:
                connection.shutdown(socket.SHUT_WR)
            try:
                line = connection.makefile("rb").readline()
            except ConnectionResetError:
                return 0
        return int(line.split()[1]) if line else 0


def drain(lines: Iterable[T], take: Callable[[T], object]) -> None:
    for line in lines:
        take(line)


def running(program: str) -> AbstractContextManager[Program]:
    folder, *arguments = PROGRAMS[program]
    return running_app(program, EXAMPLES / folder, arguments)


@contextmanager
def running_app(program: str, folder: Path, arguments: list[str]) -> Iterator[Program]:
    """An application under its server, which must not fail in all its time."""
    environment = {**os.environ, "HOOKSEAL_SECRET": "whsec_demo", "PYTHONUNBUFFERED": "1"}
    environment.pop("DJANGO_SETTINGS_MODULE", None)  # other tests have their own
    with subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        log: list[str] = []
        printed: queue.SimpleQueue[str] = queue.SimpleQueue()
        ports: queue.SimpleQueue[int] = queue.SimpleQueue()

        def take(line: str) -> None:
            log.append(line)
            if match := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                ports.put(int(match[1]))

        def take_printed(line: str) -> None:
            take(line)
            if re.match("(evt|msg)_", line):  # servers print there too
                printed.put(line)

        threads = [
            threading.Thread(target=drain, args=(process.stdout, take_printed)),
            threading.Thread(target=drain, args=(process.stderr, take)),
            threading.Thread(target=drain, args=(ended(process), ports.put)),
        ]

        for thread in threads:
            thread.start()
        try:
            yield Program(program, port_of(program, ports, log), printed, log)
        finally:
            process.terminate()
            for thread in threads:
                thread.join()
    assert "Traceback" not in "".join(log), "".join(log)


def ended(process: subprocess.Popen[str]) -> Iterator[int]:
    process.wait()
    yield 0


def port_of(program: str, ports: queue.SimpleQueue[int], log: list[str]) -> int:
    port = ports.get(timeout=50)
    assert port, f"{program} ended: {''.join(log)}"
    return port


@pytest.fixture(scope="module")
def start() -> Iterator[Start]:
    started: dict[str, Program] = {}
    with ExitStack() as stack:

        def once(program: str) -> Program:
            if program not in started:
                started[program] = stack.enter_context(running(program))
            return started[program]

        yield once


@pytest.fixture(params=TARGETS, ids="".join)
def app(request: pytest.FixtureRequest, start: Start) -> Iterator[Receiver]:
    program, path = request.param
    receiver = Receiver(start(program), path)
    yield receiver
    assert receiver.printed.empty(), "a handler ran that no test asked for"


def test_a_delivery_arrives(app: Receiver) -> None:
    with Sender(allow_private=True) as sender:
        endpoint = Endpoint(f"http://127.0.0.1:{app.port}{app.path}", secrets=["whsec_demo"])
        delivery = sender.send(endpoint, "order.paid", {"id": 42}, id="evt_real")
    assert delivery.status == "delivered", delivery
    assert app.printed.get(timeout=10) == "evt_real order.paid {'id': 42}\n"


def test_a_copy_is_answered_425(app: Receiver) -> None:
    headers = app.signer.sign(BODY, id=f"evt_copy{app.path[1:]}", event_type="a.b")
    assert app.post(BODY, headers).status == 204
    assert app.printed.get(timeout=10) == f"evt_copy{app.path[1:]} a.b {{'id': 42}}\n"
    copy = app.post(BODY, headers)
    assert copy.status == 425
    assert b"refused" in copy.body


def test_every_forgery_gets_the_same_400(app: Receiver) -> None:
    good = app.signer.sign(BODY, id="evt_1", event_type="a.b")
    forgeries = {
        "tampered": (b'{"id":43}', good),
        "longer": (BODY + b"\n", good),
        "shorter": (BODY[:-1], good),
        "empty": (b"", good),
        "re-encoded": (b'{"id": 42}', good),
        "compressed": (gzip.compress(BODY), good | {"Content-Encoding": "gzip"}),
        "no JSON": (b"\xff\xfe", good),
        "a form": (b"id=42", good | {"Content-Type": "application/x-www-form-urlencoded"}),
        "unsigned": (BODY, {}),
        "only an id": (BODY, {"X-Webhook-Id": "evt_1"}),
        "garbage": (BODY, good | {NAME: "garbage"}),
        "a wrong digest": (BODY, good | {NAME: good[NAME].replace("v2=", "v2=0").replace("v1=", "v1=0")}),
        "another id": (BODY, good | {"X-Webhook-Id": "evt_2"}),
        "two signatures": (BODY, good | {NAME.lower(): good[NAME]}),
        "another secret": (BODY, Signer("whsec_other").sign(BODY, id="evt_1", event_type="a.b")),
        "an old one": (BODY, app.signer.sign(BODY, id="evt_1", event_type="a.b", timestamp=1_700_000_000)),
    }
    answers = {name: app.post(body, headers) for name, (body, headers) in forgeries.items()}
    assert set(answers.values()) == {answers["tampered"]}, answers
    assert answers["tampered"].status == 400
    assert any("webhook refused: no_matching_signature" in line for line in app.log), "the reason is for the log"
    assert json.loads(answers["tampered"].body) in ({"detail": "webhook refused"}, {"error": "webhook refused"})


def test_a_large_body_is_refused_before_it_is_read(app: Receiver) -> None:
    body = b'"' + b"x" * (LIMIT - 2) + b'"'
    identity = f"evt_large{app.path[1:]}"
    assert app.post(body, app.signer.sign(body, id=identity, event_type="a.b")).status == 204
    assert app.printed.get(timeout=10).startswith(f"{identity} a.b xxx")
    too_large = body + b" "
    headers = app.signer.sign(too_large)
    if app.program == "django-asgi":  # Django has read the whole body before it calls a view
        assert app.raw(headers, f"Content-Length: {LIMIT + 1}", too_large) == 413
    else:  # the body of this one never comes, and the answer does not wait for it
        assert app.raw(headers, f"Content-Length: {LIMIT + 1}", b"") == 413


def test_chunks_are_counted(app: Receiver) -> None:
    headers = app.signer.sign(BODY)
    chunk = b"%x\r\n%s\r\n" % (LIMIT + 1, b"x" * (LIMIT + 1))
    end = b"0\r\n\r\n"
    if app.program == "django":  # its server takes no chunks: to the view the body is empty
        assert app.raw(headers, "Transfer-Encoding: chunked", chunk + end) in {400, 0}
    elif app.program == "django-asgi":
        assert app.raw(headers, "Transfer-Encoding: chunked", chunk + end) == 413
    else:  # the end of this one never comes
        assert app.raw(headers, "Transfer-Encoding: chunked", chunk) == 413


def test_a_length_that_lies_never_verifies(app: Receiver) -> None:
    headers = app.signer.sign(BODY, id="evt_short", event_type="a.b")
    assert app.raw(headers, f"Content-Length: {len(BODY) - 1}", BODY) == 400
    assert app.raw(headers, "Content-Length: 90", BODY, end=True) in {400, 0}


def test_a_doubled_header_is_refused(app: Receiver) -> None:
    headers = app.signer.sign(BODY, id="evt_double", event_type="a.b")
    extra = f"{NAME.lower()}: {headers[NAME]}\r\nContent-Length: {len(BODY)}"
    assert app.raw(headers, extra, BODY) == 400


def test_orders_are_validated_after_verification(start: Start) -> None:
    app = Receiver(start("fastapi"), "/orders")
    assert app.post(b'{"id":"x"}', {}).status == 400
    authentic = app.post(b'{"id":"x"}', app.signer.sign(b'{"id":"x"}'))
    assert authentic.status == 422
    assert json.loads(authentic.body)["detail"][0]["loc"] == ["body", "id"]
    assert app.post(BODY, app.signer.sign(BODY, id="evt_order", event_type="order.paid")).status == 204
    assert app.printed.get(timeout=10) == "evt_order order.paid id=42\n"


def test_the_lifespan_opens_a_sender(start: Start) -> None:
    program = start("fastapi")
    app = Receiver(program, f"/pay/7?url=http://127.0.0.1:{program.port}/orders")
    assert app.post(b"", {}).body == b'"delivered"'
    assert app.printed.get(timeout=10).endswith(" order.paid id=7\n")


RECEIVERS = [
    block
    for readme in ["README.md", "bindings-python/README.md"]
    for block in re.findall(r"(?ms)^```python\n(.*?)^```$", (EXAMPLES.parent / readme).read_text("utf-8"))
    if "import WebhookEvent" in block or "WebhookAuthentication" in block
]


def statuses_of(shown: dict[str, Any], body: bytes, headers: dict[str, str]) -> list[int]:
    """What every receiver of a block answers, by whatever way its framework lets a test in."""
    if "handler" in shown:
        event = {"version": "2.0", "rawPath": "/", "headers": headers, "body": body.decode()}
        return [shown["handler"](event, None)["statusCode"]]
    app: Any = shown.get("app")
    if hasattr(app, "test_client"):
        return [app.test_client().post("/hooks", data=body, headers=headers).status_code]
    if app is not None:
        paths = [route.path for route in app.routes if "POST" in (route.methods or ())]
        state = {"sender": AsyncSender()}
        return [call(app, path, headers=headers, pieces=[body], state=state).status for path in paths]
    view = shown["Hooks"].as_view() if "Hooks" in shown else shown["hooks"]
    request = RequestFactory().generic("POST", "/hooks", body, "application/json", headers=headers)
    return [view(request).status_code]


@pytest.mark.parametrize("block", RECEIVERS, ids=range(len(RECEIVERS)))
def test_what_the_readmes_show_receives_and_refuses(
    block: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "django_settings")
    shown: dict[str, Any] = {"__name__": "readme"}
    exec(compile(block, "README.md", "exec"), shown)
    headers = Signer("whsec_demo").sign(BODY, id="evt_1", event_type="order.paid")
    assert set(statuses_of(shown, BODY, headers)) <= {200, 204}
    assert capsys.readouterr().out
    assert set(statuses_of(shown, b'{"id":43}', headers)) == {400}
    assert not capsys.readouterr().out


def test_the_readmes_show_every_framework() -> None:
    text = "".join(RECEIVERS)
    for module in ["fastapi", "starlette", "asgi", "flask", "django", "drf", "aws_lambda"]:
        assert f"from hookseal.{module} import" in text
