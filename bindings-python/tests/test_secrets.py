"""A canary: no secret is ever shown."""

from __future__ import annotations

import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import hookseal
import pytest
from conftest import Sink
from hookseal import Endpoint, Key, KeyRing, Secret, Sender, Signer, Verifier

CANARY = "canary_c2VjcmV0c2VjcmV0"
HEX = CANARY.encode().hex()


def shown(value: object) -> Iterator[str]:
    yield repr(value)
    yield str(value)
    yield f"{value}"
    yield repr([value])


@pytest.mark.parametrize(
    "make",
    [
        lambda: Secret(CANARY),
        lambda: Secret.utf8(CANARY),
        lambda: Secret.bytes(CANARY.encode()),
        lambda: Secret.hex(HEX),
        lambda: Key(CANARY, id="a"),
        lambda: KeyRing([CANARY, Secret(CANARY + "2")]),
        lambda: KeyRing(CANARY).stats(),
        lambda: Signer(CANARY),
        lambda: Verifier(CANARY),
        lambda: Endpoint(f"https://hooks.example.com/{CANARY}?token={CANARY}", secrets=[CANARY], bearer=CANARY),
        lambda: Endpoint("https://hooks.example.com/", secrets="a", headers={"X-Key": CANARY}),
        lambda: Signer(CANARY, "gitlab"),
    ],
)
def test_values(make: Callable[[], object]) -> None:
    for text in shown(make()):
        assert CANARY not in text
        assert HEX not in text


@pytest.mark.parametrize(
    "fail",
    [
        lambda: Secret(f" {CANARY}"),
        lambda: Secret(f"v1,whsec_{CANARY}"),
        lambda: Secret.hex(CANARY),
        lambda: Secret.base64(CANARY + "!"),
        lambda: Secret.ed25519_private(f"whsk_{CANARY}"),
        lambda: Secret.ed25519_public(f"whpk_{CANARY}"),
        lambda: Verifier({CANARY: CANARY}),  # type: ignore[arg-type]  # the mistake under test
        lambda: Verifier(CANARY.encode()),  # type: ignore[arg-type]  # the mistake under test
        lambda: Verifier(f"{CANARY}\ud800"),
        lambda: Verifier(f"sk_{CANARY}", "stripe"),
        lambda: Verifier(CANARY, "standard-webhooks"),
        lambda: Verifier(CANARY).verify(b"{}", {"X-Webhook-Signature": f"t={CANARY}"}),
        lambda: Verifier(CANARY).verify(b"{}", Signer(CANARY + "x").sign(b"{}")),
        lambda: Endpoint("https://a.example/", secrets="a", basic_auth=CANARY),  # type: ignore[arg-type]  # hostile
        lambda: Endpoint("https://a.example/", secrets="a", bearer=[CANARY]),  # type: ignore[arg-type]  # hostile
        lambda: Endpoint("https://a.example/", secrets="a", bearer=f"{CANARY}\n"),
        lambda: Endpoint("https://a.example/", secrets="a", headers={"X-Key": [CANARY]}),  # type: ignore[dict-item]  # hostile
    ],
)
def test_errors(fail: Callable[[], object]) -> None:
    with pytest.raises(hookseal.WebhookError) as info:
        fail()
    text = "".join(traceback.format_exception_only(info.value)) + repr(info.value) + repr(info.value.args)
    assert CANARY not in text
    assert CANARY.encode() not in pickle.dumps(info.value)


@pytest.mark.parametrize("value", [Secret(CANARY), Key(CANARY), KeyRing(CANARY), Signer(CANARY), Verifier(CANARY)])
def test_holders_of_secrets_are_not_pickled(value: Any) -> None:
    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(value)


def test_deliveries_and_logs(sink: Sink, caplog: pytest.LogCaptureFixture) -> None:
    events: list[object] = []
    endpoint = Endpoint(sink.url, secrets=[CANARY], headers={"X-Key": CANARY})
    with caplog.at_level(logging.DEBUG), Sender(allow_private=True, on_event=events.append) as sender:
        delivery = sender.send(endpoint, "a.b", {})
    assert CANARY not in repr((delivery, events, sender, endpoint)) + caplog.text


def test_only_expose_shows_it() -> None:
    assert Secret(CANARY).expose() == CANARY
