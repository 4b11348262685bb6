"""Makes as many verifications as it is told, good, bad and guarded, and prints by how many KiB its memory has grown."""

from __future__ import annotations

import gc
import resource
import sys
from contextlib import suppress
from pathlib import Path

from hookseal import ReplayGuard, Signer, VerificationError, Verifier

BODY = b"x" * 256
signer, guard = Signer("whsec_demo"), ReplayGuard(1000)
verifier, guarded = Verifier("whsec_demo"), Verifier("whsec_demo", replay=guard)


def work(verifications: int) -> None:
    for number in range(verifications // 3):
        headers = signer.sign(BODY, id=f"evt_{number}", event_type="a.b")
        verifier.verify(BODY, headers)
        guard.release(guarded.verify(bytearray(BODY), list(headers.items())))
        with suppress(VerificationError):
            verifier.verify(b"other", headers)
    gc.collect()


def resident() -> int:
    """This process's resident memory in KiB."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize() // 1024


work(20_000)
before = resident()
work(int(sys.argv[1]))
print(resident() - before)
