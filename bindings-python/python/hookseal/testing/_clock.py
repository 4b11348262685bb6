"""The time that signing and verifying see."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from .. import _native


class Clock:
    """The frozen time, in whole seconds; it moves only when told."""

    def __init__(self, now: int) -> None:
        self.now: int = now

    def advance(self, seconds: int) -> None:
        """Moves on by so many seconds, or back by a negative number."""
        self.move_to(self.now + seconds)

    def move_to(self, now: float | datetime) -> None:
        """Moves to a point in time."""
        _native.set_clock(now)
        self.now = int(now.timestamp() if isinstance(now, datetime) else now // 1)


@contextmanager
def frozen_time(at: float | datetime | None = None) -> Iterator[Clock]:
    """Freezes the time that `sign` and `verify` see in this process, at the present moment unless told otherwise.

    What else reads the time goes on as it does, a sender's attempts among it.

    >>> from hookseal import Signer
    >>> with frozen_time(1700000000):
    ...     Signer("whsec_demo").sign(b"{}")["X-Webhook-Timestamp"]
    '1700000000'
    """
    clock = Clock(0)
    before = _native.set_clock(time.time() if at is None else at)
    try:
        clock.move_to(time.time() if at is None else at)
        yield clock
    finally:
        _native.set_clock(before)
