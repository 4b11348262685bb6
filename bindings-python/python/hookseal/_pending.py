"""Waiting for what goes on in the runtime, from threads and from event loops."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from . import _native

if TYPE_CHECKING:
    import asyncio

logger = logging.getLogger("hookseal")


def waited(pending: _native.Pending, timeout: float | None = None) -> Any:
    """Blocks this thread until the end; `TimeoutError` after `timeout` seconds."""
    try:
        return pending.wait(timeout)
    finally:
        log_warnings()


async def settled(pending: _native.Pending) -> Any:
    """Waits in the running event loop; cancelling the wait leaves what is waited for alone."""
    import asyncio  # most of the time that importing this package would take

    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()

    def tell(value: Any, error: BaseException | None) -> None:
        with suppress(RuntimeError):  # the loop was closed: nobody waits any more
            loop.call_soon_threadsafe(_settle, future, value, error)

    pending.notify(tell)
    try:
        return await future
    finally:
        pending.abandon()
        log_warnings()


def log_warnings() -> None:
    """Logs what the core has warned of. It happens here, because a thread of the runtime must not run handlers."""
    for level, text in _native.take_warnings():
        logger.log(level, "%s", text)


def _settle(future: asyncio.Future[Any], value: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)
