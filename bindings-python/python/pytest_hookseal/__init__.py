"""Hookseal's fixtures. pytest imports this at every start, so Hookseal itself is imported where it is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from hookseal.testing import Clock, FakeReceiver, RecordingAsyncSender, RecordingSender, SignedRequest


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs a test that takes `hookseal_scheme` once with each scheme."""
    if "hookseal_scheme" in metafunc.fixturenames:
        from hookseal import Scheme

        metafunc.parametrize("hookseal_scheme", Scheme.names())


@pytest.fixture
def hookseal_request() -> Callable[..., SignedRequest]:
    """`hookseal.testing.signed_request`."""
    from hookseal.testing import signed_request

    return signed_request


@pytest.fixture
def hookseal_receiver() -> Iterator[FakeReceiver]:
    """A `hookseal.testing.FakeReceiver` that answers 204."""
    from hookseal.testing import FakeReceiver

    with FakeReceiver() as receiver:
        yield receiver


@pytest.fixture
def hookseal_sender() -> RecordingSender:
    """A `hookseal.testing.RecordingSender`."""
    from hookseal.testing import RecordingSender

    return RecordingSender()


@pytest.fixture
def hookseal_async_sender() -> RecordingAsyncSender:
    """A `hookseal.testing.RecordingAsyncSender`."""
    from hookseal.testing import RecordingAsyncSender

    return RecordingAsyncSender()


@pytest.fixture
def hookseal_clock() -> Iterator[Clock]:
    """The `hookseal.testing.Clock` of a frozen time."""
    from hookseal.testing import frozen_time

    with frozen_time() as clock:
        yield clock
