"""Import, signals and the interpreter's end, each in a child process with a deadline."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from conftest import Sink, run_child


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


DROPPED = "a sender was dropped with deliveries left; flush or close it before unfinished=1\n"


@pytest.mark.parametrize(
    ("work", "answers", "logged"),
    [
        ('sender.send(endpoint, "a.b", {})', True, ""),
        ('sender.enqueue(endpoint, "a.b", {})', False, DROPPED),
        ('threading.Thread(target=sender.send, args=(endpoint, "a.b", {}), daemon=True).start()', False, ""),
        ('handle = sender.enqueue(endpoint, "a.b", {}); atexit.register(lambda: sender.close(0))', False, ""),
        ("asyncio.run(enqueue(hookseal.AsyncSender(allow_private=True)))", False, DROPPED),
    ],
)
def test_the_interpreter_ends_with_work_left(sink: Sink, work: str, answers: bool, logged: str) -> None:
    code = f"""
import asyncio, atexit, sys, threading, warnings, hookseal
warnings.simplefilter("ignore", ResourceWarning)
endpoint = hookseal.Endpoint(sys.argv[1], secrets=["whsec_demo"], timeout=30)
sender = hookseal.Sender(allow_private=True)

async def enqueue(sender):
    waiting = asyncio.ensure_future(sender.send(endpoint, "a.b", {{}}))
    while not sender.unfinished:
        await asyncio.sleep(0)

{work}
print("end")
"""
    if not answers:
        sink.open.clear()
    done = run_child(code, sink.url, timeout=20)
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", logged)


@pytest.mark.parametrize("wait", ["time.sleep(0.001)", "pass", "threading.Event().wait()"])
def test_the_interpreter_ends_while_a_listener_runs(sink: Sink, wait: str) -> None:
    code = f"""
import sys, threading, time, hookseal
started = threading.Event()

def listen(event):
    started.set()
    while True:
        {wait}

sender = hookseal.Sender(allow_private=True, on_event=listen)
sender.send(hookseal.Endpoint(sys.argv[1], secrets=["whsec_demo"]), "a.b", {{}})
started.wait()
print("end")
"""
    done = run_child(code, sink.url, timeout=20)
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")


def test_the_interpreter_ends_while_threads_wait(sink: Sink) -> None:
    code = """
import sys, threading, hookseal
endpoint = hookseal.Endpoint(sys.argv[1], secrets=["whsec_demo"], timeout=30)
sender = hookseal.Sender(allow_private=True)
events = sender.events()
for _ in range(8):
    threading.Thread(target=sender.send, args=(endpoint, "a.b", {}), daemon=True).start()
    threading.Thread(target=list, args=(events,), daemon=True).start()
for handler in range(20):
    import atexit, time
    atexit.register(time.sleep, 0.01)  # a long end: whoever wakes up meets it
print("end")
"""
    sink.open.clear()
    done = run_child(code, sink.url, timeout=20)
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="the private module that makes subinterpreters was renamed")
def test_a_subinterpreter_verifies_or_is_refused_with_words() -> None:
    code = """
import _xxsubinterpreters as interpreters, hookseal
inside = '''
import hookseal
hookseal.Verifier("whsec_demo").verify(b"{}", hookseal.Signer("whsec_demo").sign(b"{}"))
'''
try:
    interpreters.run_string(interpreters.create(), inside)
    print("verified")
except interpreters.RunFailedError as error:
    print(error)
"""
    refused = "ImportError'>: module hookseal._native does not support loading in subinterpreters\n"  # from 3.12 on
    assert run_child(code).stdout.endswith(("verified\n", refused))
