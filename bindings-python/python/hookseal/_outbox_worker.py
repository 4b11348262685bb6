"""Workers of an outbox, for asyncio and for threads."""

from __future__ import annotations

import json

from . import _native
from ._pending import settled, waited
from .stored import WorkerCounts


class _Base:
    """What the two workers share."""

    def __init__(self, worker: _native.Worker) -> None:
        self._worker = worker

    def stop(self) -> None:
        """Ends `run`: nothing more is taken, attempts under way end, and what has not started is given back."""
        self._worker.stop()

    @property
    def counts(self) -> WorkerCounts:
        """What it has done so far."""
        return _counts(self._worker.counts())


class AsyncWorker(_Base):
    """Works on an outbox's deliveries. Any number of workers, in any number of processes, share a store."""

    async def run(self) -> None:
        """Works until `stop`. Cancelling stops it too, and waits for the attempts under way; cancel again to leave."""
        pending = self._worker.run()
        try:
            await settled(pending)
        except BaseException:
            self.stop()
            await settled(self._worker.ended())
            raise

    async def run_until_idle(self) -> WorkerCounts:
        """Works until nothing is due, for scripts and tests."""
        return _counts(await settled(self._worker.run_until_idle()))


class Worker(_Base):
    """Works on an outbox's deliveries: `AsyncWorker`, blocking."""

    def run(self) -> None:
        """Works until `stop`. Ctrl-C stops it too, and waits for the attempts under way; press again to leave."""
        pending = self._worker.run()
        try:
            waited(pending)
        except BaseException:
            self.stop()
            waited(self._worker.ended())
            raise

    def run_until_idle(self) -> WorkerCounts:
        """Works until nothing is due, for scripts and tests."""
        return _counts(waited(self._worker.run_until_idle()))


def _counts(text: str) -> WorkerCounts:
    return WorkerCounts(**json.loads(text))
