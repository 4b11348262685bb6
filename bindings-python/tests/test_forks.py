"""Forks, each in a child process with a deadline."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import FORKING, Sink, run_child

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no fork on Windows")


FORKS = f"""{FORKING}
endpoint = hookseal.Endpoint(sys.argv[1], secrets=["whsec_demo"])
sender = hookseal.Sender(allow_private=True)
"""


def test_a_forked_child_verifies(sink: Sink) -> None:
    code = """
signer, verifier = hookseal.Signer("whsec_demo"), hookseal.Verifier("whsec_demo")
headers = signer.sign(b"{}")
sender.send(endpoint, "a.b", {})  # the runtime's threads exist
for _ in range(50):
    assert child(lambda: verifier.verify(b"{}", headers)) == 0
print("ok")
"""
    done = run_child(FORKS + code, sink.url)
    assert (done.stdout, done.stderr) == ("ok\n", "")


def test_a_sender_works_on_both_sides_of_a_fork(sink: Sink) -> None:
    code = """
heard = threading.Event()
sender = hookseal.Sender(allow_private=True, on_event=lambda event: event.event_type == "child" and heard.set())
assert sender.send(endpoint, "before", {}).status == "delivered"
handle = sender.enqueue(endpoint, "before", {})
handle.result()

def in_child():
    assert sender.send(endpoint, "child", {}).status == "delivered"
    assert heard.wait(10), "the listener hears the child's own events"
    assert sender.enqueue(endpoint, "child", {}).result(10).status == "delivered"
    for use in (lambda: handle.id, lambda: handle.delivery, handle.cancel, handle.result):
        try:
            use()
        except hookseal.WebhookError as error:
            assert type(error) is hookseal.WebhookError and error.code == "forked", error
        else:
            raise AssertionError("a handle of the parent's answered")
    assert sender.flush(10) is True
    assert child(lambda: sender.send(endpoint, "grandchild", {})) == 0
    assert sender.close() == []

assert child(in_child) == 0
assert sender.send(endpoint, "after", {}).status == "delivered"
assert sender.close() == []
print("ok")
"""
    done = run_child(FORKS + code, sink.url)
    assert (done.stdout, done.stderr) == ("ok\n", "")
    types = [headers["X-Webhook-Event"] for headers, _ in sink.received]
    assert types == ["before", "before", "child", "child", "grandchild", "after"]


def test_a_sender_that_was_never_used_works_in_a_child(sink: Sink) -> None:
    done = run_child(FORKS + 'print(child(lambda: sender.send(endpoint, "a.b", {})))', sink.url)
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_many_forks_under_load(sink: Sink) -> None:
    code = """
stop = threading.Event()

def load():
    while not stop.is_set():
        sender.send(endpoint, "load", {})

threads = [threading.Thread(target=load, daemon=True) for _ in range(4)]
for thread in threads:
    thread.start()

def in_child():
    assert sender.send(endpoint, "child", {}).status == "delivered"
    sender.close()

for _ in range(100):
    assert child(in_child) == 0
stop.set()
for thread in threads:
    thread.join()
sender.close()
print("ok")
"""
    done = run_child(FORKS + code, sink.url, timeout=50)
    assert (done.stdout, done.stderr) == ("ok\n", "")


@pytest.mark.parametrize("used", [False, True], ids=["unused", "used"])
@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_multiprocessing(sink: Sink, tmp_path: Path, method: str, used: bool) -> None:
    main = tmp_path / "main.py"
    main.write_text(
        """
import multiprocessing, os, sys, warnings
import hookseal

warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)  # from 3.12 on, for any fork
endpoint = hookseal.Endpoint(sys.argv[1], secrets=["whsec_demo"])
sender = hookseal.Sender(allow_private=True)
verifier = hookseal.Verifier("whsec_demo")

def work(number):
    verifier.verify(b"{}", hookseal.Signer("whsec_demo").sign(b"{}"))
    return sender.send(endpoint, "worker", {"number": number}).status

if __name__ == "__main__":
    if sys.argv[3] == "True":
        assert sender.send(endpoint, "parent", {}).status == "delivered"
    with multiprocessing.get_context(sys.argv[2]).Pool(2) as pool:
        print(pool.map_async(work, range(6)).get(40))
    assert sender.send(endpoint, "parent", {}).status == "delivered"
    assert sender.close() == []
""",
        "utf-8",
    )
    done = subprocess.run(
        [sys.executable, main, sink.url, method, str(used)], capture_output=True, text=True, timeout=50, check=False
    )
    assert (done.stdout, done.stderr) == (f"{['delivered'] * 6}\n", "")


def test_celerys_pool(sink: Sink) -> None:
    code = """
import billiard.pool

sender.send(endpoint, "parent", {})  # the runtime's threads exist when the pool forks

def task(number):
    return sender.enqueue(endpoint, "task", {"number": number}).result(20).status

def main():
    with billiard.pool.Pool(2, maxtasksperchild=2) as pool:
        print(set(pool.map_async(task, range(8), chunksize=1).get(40)))

main()
"""
    done = subprocess.run(
        [sys.executable, "-c", FORKS + code, sink.url], capture_output=True, text=True, timeout=50, check=False
    )
    assert (done.stdout, done.stderr) == ("{'delivered'}\n", "")


@pytest.mark.parametrize("used", [False, True], ids=["unused", "used"])
def test_gunicorn_preload(sink: Sink, tmp_path: Path, used: bool) -> None:
    (tmp_path / "app.py").write_text(
        f"""
import hookseal

endpoint = hookseal.Endpoint({sink.url!r}, secrets=["whsec_demo"])
sender = hookseal.Sender(allow_private=True)
if {used}:
    sender.send(endpoint, "preload", {{}})

def app(environ, start_response):
    delivery = sender.send(endpoint, "worker", {{}})
    start_response("200 OK", [])
    return [delivery.status.encode()]
""",
        "utf-8",
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = [sys.executable, "-m", "gunicorn", "--preload", "--workers=2", f"--bind=fd://{listener.fileno()}"]
        with subprocess.Popen([*command, "app:app"], cwd=tmp_path, pass_fds=[listener.fileno()]) as server:
            try:
                for _ in range(8):
                    connection = http.client.HTTPConnection("127.0.0.1", listener.getsockname()[1], timeout=20)
                    connection.request("GET", "/", headers={"Connection": "close"})
                    assert connection.getresponse().read() == b"delivered"
                    connection.close()
                server.send_signal(signal.SIGTERM)
                assert server.wait(20) == 0
            finally:
                server.kill()
