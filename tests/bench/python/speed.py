"""Verifying and signing beside the peers and beside a bare `hmac.digest`, in turns, as a Markdown section."""

from __future__ import annotations

import hmac
import platform
import signal
import ssl
import statistics
import threading
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.metadata import version
from typing import Any

import hookseal
from hookseal.testing import Answer, FakeReceiver

Call = Callable[[], object]

TURNS = 301
SIZES = (256, 1024, 16384)
WHSEC = "whsec_dGhpcnR5LXR3by1ieXRlcy1vZi1zZWNyZXQtc3R1ZmY="
KEY = WHSEC.encode()


def turn(call: Call, calls: int) -> float:
    """The seconds of one call, of so many in a row."""
    repeat = [None] * calls
    started = time.perf_counter()
    for _ in repeat:
        call()
    return (time.perf_counter() - started) / calls


def race(ours: Call, theirs: Call) -> tuple[float, float, list[float]]:
    """Both medians, and the sorted ratios of the turns."""
    calls = max(1, min(200, int(0.0004 / max(turn(theirs, 20), 1e-9))))
    pairs: list[tuple[float, float]] = []
    for number in range(TURNS):
        if number % 2:
            other = turn(theirs, calls)
            pairs.append((turn(ours, calls), other))
        else:
            pairs.append((turn(ours, calls), turn(theirs, calls)))
    return (*(statistics.median(side) for side in zip(*pairs, strict=True)), sorted(a / b for a, b in pairs))


def row(name: str, size: int, target: str, ours: Call, theirs: Call) -> None:
    mine, other, ratios = race(ours, theirs)
    middle = f"{ratios[TURNS // 4]:.3f} - {ratios[TURNS * 3 // 4]:.3f}"
    ratio = ratios[TURNS // 2]
    print(
        f"{name:<44} {size:>6} {mine * 1e9:>8.0f} ns {other * 1e9:>8.0f} ns  {ratio:>5.3f}  {middle:>13}  "
        f"{1 / ratio:>5.1f}x  {target}",
        flush=True,
    )


def bare(body: bytes) -> Call:
    """The least that a hand-written verifier or signer does: one MAC over the content."""
    stamp = b"1700000000"
    return lambda: hmac.digest(KEY, stamp + b"." + body, "sha256")


def rows(size: int) -> None:
    body = b'{"id":"evt_1","data":"' + b"x" * (size - 24) + b'"}'
    at_1_kib = size == 1024
    aim = (lambda text: text) if at_1_kib else (lambda _: "")
    now = int(time.time())

    signer, verifier = hookseal.Signer(WHSEC, "stripe"), hookseal.Verifier(WHSEC, "stripe")
    headers = signer.sign(body, timestamp=now)
    text = headers["Stripe-Signature"]
    many = {f"X-Header-{number}": "value of it" for number in range(19)} | headers
    plain = hookseal.Signer(WHSEC)
    verifier.verify(body, many)
    row("verify, header string / hmac.digest", size, aim("<= 0.45"), lambda: verifier.verify(body, text), bare(body))
    row(
        "verify, one-header dict / hmac.digest",
        size,
        aim("<= 0.48"),
        lambda: verifier.verify(body, headers),
        bare(body),
    )
    row("verify, 20-header dict / hmac.digest", size, aim("<= 0.65"), lambda: verifier.verify(body, many), bare(body))
    row("sign, scheme stripe / hmac.digest", size, aim("<= 0.45"), lambda: signer.sign(body), bare(body))
    row("sign, scheme hookseal (v1) / hmac.digest", size, aim("<= 0.45"), lambda: plain.sign(body), bare(body))
    peers(size, body, text, verifier, aim)


def peers(size: int, body: bytes, text: str, verifier: hookseal.Verifier, aim: Callable[[str], str]) -> None:
    webhooks: list[Any] = [import_module("standardwebhooks"), import_module("svix")]
    stripe: Any = import_module("stripe")
    decoded = body.decode()
    stripe.WebhookSignature.verify_header(decoded, text, WHSEC, 300)
    row(
        "verify / stripe.WebhookSignature.verify_header",
        size,
        aim(">= 5.5x"),
        lambda: verifier.verify(body, text),
        lambda: stripe.WebhookSignature.verify_header(decoded, text, WHSEC, 300),
    )
    standard = hookseal.Verifier(WHSEC, "standard-webhooks")
    signed = hookseal.Signer(WHSEC, "standard-webhooks").sign(body, id="msg_1")
    for module in webhooks:
        webhook = module.Webhook(WHSEC)
        webhook.verify(body, signed)
        row(
            f"verify, standard-webhooks / {module.__name__}",
            size,
            aim(">= 7x"),
            lambda: standard.verify(body, signed),
            partial(webhook.verify, body, signed),
        )


def beside_each_other(size: int) -> None:
    """Two threads on two cores: large bodies are hashed without the interpreter's lock, small ones with it."""
    body = b"x" * size
    headers = hookseal.Signer(WHSEC).sign(body)
    verifier = hookseal.Verifier(WHSEC)

    def work() -> None:
        for _ in range(64 * 1024 * 1024 // size):
            verifier.verify(body, headers)

    ratios = []
    for _ in range(9):
        alone = 2 * turn(work, 1)
        threads = [threading.Thread(target=work) for _ in range(2)]
        started = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        ratios.append(alone / (time.perf_counter() - started))
    print(f"two threads / one, bodies of {size:>7} bytes: {statistics.median(ratios):.2f} times as many a second")


def interrupted() -> None:
    """How long Ctrl-C takes to end a wait for a receiver that never answers."""
    waits = []
    endpoint_options = {"timeout": 20}
    with FakeReceiver(Answer(hang=True)) as receiver:
        for number in range(1, 12):
            sent = [0.0]

            def press(number: int = number, sent: list[float] = sent) -> None:
                receiver.wait(number)
                sent[0] = time.perf_counter()
                signal.raise_signal(signal.SIGINT)

            sender = hookseal.Sender(allow_private=True)
            thread = threading.Thread(target=press)
            thread.start()
            try:
                sender.send(receiver.endpoint(**endpoint_options), "a.b", {})
            except KeyboardInterrupt:
                waits.append(time.perf_counter() - sent[0])
            thread.join()
            sender.close(grace=0)
    print(
        f"Ctrl-C ends a blocking send within {max(waits) * 1000:.0f} ms at most, in {len(waits)} tries (target: 100 ms)"
    )


def main() -> None:
    print("## Python\n")
    print(
        'Against one `hmac.digest(key, t + b"." + body, "sha256")`, the least that code of one\'s own does, and against the'
    )
    print(
        "published packages. A call is a whole `verify` or `sign`, with the clock read, the window checked and a result made.\n"
    )
    names = ", ".join(f"{name} {version(name)}" for name in ("stripe", "svix", "standardwebhooks"))
    print(f"- CPython {platform.python_version()}, {ssl.OPENSSL_VERSION}; {names}\n")
    print("```text")
    print(f"{'':<44} {'bytes':>6} {'hookseal':>11} {'other':>11}  {'ratio':>5}  {'middle half':>13}  {'':>6}  target")
    for size in SIZES:
        rows(size)
    print()
    for size in (16 * 1024, 128 * 1024, 1024 * 1024):
        beside_each_other(size)
    interrupted()
    print("```")


if __name__ == "__main__":
    main()
