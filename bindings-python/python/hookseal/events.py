"""Following what a sender does."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from . import _native
from ._pending import settled, waited
from .delivery import SenderEvent

if TYPE_CHECKING:
    from typing_extensions import Self

_logger = logging.getLogger("hookseal")

LAST_GRACE: float = 1.0
"""How many seconds a closing sender waits for its listener to hear the rest."""


class SenderEvents:
    """What happens in a sender from now on, for a `for` or an `async for` that ends when the sender is closed.

    It holds the last 1,024 events; a slow reader loses the older ones, and each event's `dropped` says how many so far.
    """

    __slots__ = ("_come", "_feed")

    def __init__(self, feed: _native.Feed) -> None:
        self._feed = feed
        self._come: deque[tuple[str, int]] = deque()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> SenderEvent:
        while not self._come:
            if not waited(self._feed.ready()):
                raise StopIteration
            self._come.extend(self._feed.take())
        return SenderEvent._from_json(*self._come.popleft())

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SenderEvent:
        while not self._come:
            if not await settled(self._feed.ready()):
                raise StopAsyncIteration
            self._come.extend(self._feed.take())
        return SenderEvent._from_json(*self._come.popleft())


class Listener:
    """Calls back with one event after the other, in a thread of its own in each process that sends.

    The thread is Python's own: the interpreter may end while a callback runs.
    """

    def __init__(self, call: Callable[[SenderEvent], object]) -> None:
        self._call = call
        self._thread: threading.Thread | None = None

    def start(self, feed: _native.Feed) -> None:
        """Listens from now on, until the sender ends."""
        self._thread = threading.Thread(target=self._run, args=(feed,), name="hookseal-events", daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Waits a little for the callback to have heard everything."""
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(LAST_GRACE)

    def _run(self, feed: _native.Feed) -> None:
        for event in SenderEvents(feed):
            try:
                self._call(event)
            except Exception:
                _logger.exception("on_event failed")
