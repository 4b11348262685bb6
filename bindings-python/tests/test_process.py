"""Forks, signals, threads and the interpreter's end, each in a child process with a deadline."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from conftest import Sink, run_child

fork = pytest.mark.skipif(sys.platform == "win32", reason="there is no fork on Windows")


def test_import_starts_nothing() -> None:
    code = """
import os, threading
def sockets(): return [it for it in os.listdir("/proc/self/fd") if os.path.islink(f"/proc/self/fd/{it}")
                       and os.readlink(f"/proc/self/fd/{it}").startswith("socket")]
import hookseal, hookseal.fastapi
sender = hookseal.Sender(allow_private=True)
hookseal.Endpoint("http://127.0.0.1:9/", secrets=["whsec_demo"])
verifier = hookseal.Verifier("whsec_demo")
verifier.verify(b"{}", hookseal.Signer("whsec_demo").sign(b"{}"))
print(threading.active_count(), len(os.listdir("/proc/self/task")), len(sockets()))
"""
    done = run_child(code)
    assert (done.stdout.split(), done.stderr) == (["1", "1", "0"], "")


FORKS = """
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

endpoint = hookseal.Endpoint(sys.argv[1], secrets=["whsec_demo"])
sender = hookseal.Sender(allow_private=True)
"""


@fork
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


@fork
def test_a_sender_works_on_both_sides_of_a_fork(sink: Sink) -> None:
    code = """
assert sender.send(endpoint, "before", {}).status == "delivered"
handle = sender.enqueue(endpoint, "before", {})
handle.result()

def in_child():
    assert sender.send(endpoint, "child", {}).status == "delivered"
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


@fork
def test_a_sender_that_was_never_used_works_in_a_child(sink: Sink) -> None:
    done = run_child(FORKS + 'print(child(lambda: sender.send(endpoint, "a.b", {})))', sink.url)
    assert (done.stdout, done.stderr) == ("0\n", "")


@fork
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


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise on Windows")
@pytest.mark.parametrize(
    "wait",
    [
        'sender.send(endpoint, "a.b", {})',
        'sender.enqueue(endpoint, "a.b", {}).result()',
        'sender.send_many([(endpoint, "a.b", {})])',
        '(sender.enqueue(endpoint, "a.b", {}), sender.flush())',
    ],
)
def test_ctrl_c_ends_a_blocking_wait(sink: Sink, wait: str) -> None:
    code = f"""
import signal, sys, hookseal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a run in the background inherits that it is ignored
endpoint = hookseal.Endpoint(sys.argv[1], secrets=["whsec_demo"], timeout=25)
try:
    with hookseal.Sender(allow_private=True) as sender:
        {wait}
except KeyboardInterrupt:
    print("interrupted")
"""
    sink.open.clear()
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code, sink.url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert sink.arrived.wait(20)
            process.send_signal(signal.SIGINT)
            out, errors = process.communicate(timeout=15)  # the answer would take 25 s
        finally:
            process.kill()
    assert out == "interrupted\n"
    assert "closed with 1 unfinished" in errors


@pytest.mark.parametrize(
    ("work", "answers"),
    [
        ('sender.send(endpoint, "a.b", {})', True),
        ('sender.enqueue(endpoint, "a.b", {})', False),
        ('threading.Thread(target=sender.send, args=(endpoint, "a.b", {}), daemon=True).start()', False),
        ('handle = sender.enqueue(endpoint, "a.b", {}); atexit.register(lambda: sender.close(0))', False),
        ("asyncio.run(enqueue(hookseal.AsyncSender(allow_private=True)))", False),
    ],
)
def test_the_interpreter_ends_with_work_left(sink: Sink, work: str, answers: bool) -> None:
    code = f"""
import asyncio, atexit, sys, threading, warnings, hookseal
warnings.simplefilter("ignore", ResourceWarning)
endpoint = hookseal.Endpoint(sys.argv[1], secrets=["whsec_demo"], timeout=30)
sender = hookseal.Sender(allow_private=True)

async def enqueue(sender):
    waiting = asyncio.ensure_future(sender.send(endpoint, "a.b", {{}}))
    await asyncio.sleep(0)

{work}
print("end")
"""
    if not answers:
        sink.open.clear()
    done = run_child(code, sink.url, timeout=20)
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")
