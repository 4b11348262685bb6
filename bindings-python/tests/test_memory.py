"""Memory stays flat: over many verifications, and over many waits that are given up."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Sink, run_child

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="resident memory is read from /proc")

FULL = bool(os.environ.get("HOOKSEAL_FULL"))


@pytest.mark.timeout(600)
def test_verifications() -> None:
    program = Path(__file__).with_name("memory.py")
    done = subprocess.run(
        [sys.executable, program, str(10_000_000 if FULL else 200_000)],
        capture_output=True,
        text=True,
        timeout=500,
        check=True,
    )
    assert int(done.stdout) < 1024, "KiB"


@pytest.mark.timeout(600)
def test_waits_that_are_given_up(sink: Sink) -> None:
    code = """
import asyncio, gc, resource, sys
import hookseal

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() // 1024

async def main():
    sender = hookseal.AsyncSender(allow_private=True)
    handle = sender.enqueue(hookseal.Endpoint(sys.argv[1], secrets=["whsec_demo"], timeout=60), "a.b", {})

    async def give_up(count):
        for _ in range(count):
            waiting = asyncio.ensure_future(handle._wait())
            await asyncio.sleep(0)
            waiting.cancel()
            try:
                await waiting
            except asyncio.CancelledError:
                pass
        gc.collect()

    await give_up(2000)
    before = resident()
    await give_up(int(sys.argv[2]))
    print(resident() - before)
    handle.cancel()
    await sender.close(grace=0)

asyncio.run(main())
"""
    sink.open.clear()
    done = run_child(code, sink.url, str(100_000 if FULL else 5000), timeout=500)
    assert int(done.stdout) < 2048, done.stderr
