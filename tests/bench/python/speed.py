"""Verifying and signing beside the peers and beside a bare `hmac.digest`, in turns, as a Markdown section."""

from __future__ import annotations

import hmac
import platform
import signal
import ssl
import statistics
import threading
import time
from importlib import import_module
from importlib.metadata import version
from timeit import Timer
from typing import Any

import hookseal
from hookseal.testing import Answer, FakeReceiver

PEERS = ("stripe", "svix", "standardwebhooks")
TURNS = 401
SIZES = (256, 1024, 16384)
WHSEC = "whsec_dGhpcnR5LXR3by1ieXRlcy1vZi1zZWNyZXQtc3R1ZmY="
BARE = 'hmac.digest(key, stamp + b"." + body, "sha256")'
"""The least that a verifier or signer of one's own does."""
GC = "import gc; gc.enable()"
"""As in any program; `timeit` switches it off."""


def race(ours: Timer, theirs: Timer) -> tuple[float, float, list[float]]:
    """Both sides' medians in nanoseconds, and the sorted ratios of the turns."""
    calls = max(1, min(200, int(0.0004 / (theirs.timeit(50) / 50))))
    mine, others = list[float](), list[float]()
    for number in range(TURNS):
        if number % 2:
            others.append(theirs.timeit(calls))
            mine.append(ours.timeit(calls))
        else:
            mine.append(ours.timeit(calls))
            others.append(theirs.timeit(calls))
    ratios = sorted(one / other for one, other in zip(mine, others, strict=True))
    return statistics.median(mine) / calls * 1e9, statistics.median(others) / calls * 1e9, ratios


def row(name: str, target: str, ours: str, theirs: str, names: dict[str, Any]) -> None:
    mine, other, ratios = race(Timer(ours, GC, globals=names), Timer(theirs, GC, globals=names))
    ratio, size = ratios[TURNS // 2], len(names["body"])
    print(
        f"{name:<46} {size:>6} {mine:>7.0f} ns {other:>7.0f} ns  {ratio:.3f}  "
        f"{ratios[TURNS // 4]:.3f} - {ratios[TURNS * 3 // 4]:.3f}  {1 / ratio:>4.1f}x  {target if size == 1024 else ''}".rstrip(),
        flush=True,
    )


def rows(size: int) -> None:
    body = b'{"id":"evt_1","data":"' + b"x" * (size - 24) + b'"}'
    signer, verifier = hookseal.Signer(WHSEC, "stripe"), hookseal.Verifier(WHSEC, "stripe")
    standard = hookseal.Verifier(WHSEC, "standard-webhooks")
    one = signer.sign(body)
    peers: dict[str, Any] = {name: import_module(name) for name in PEERS}
    names: dict[str, Any] = {
        "hmac": hmac,
        "key": WHSEC.encode(),
        "stamp": b"1700000000",
        "body": body,
        "text": one["Stripe-Signature"],
        "secret": WHSEC,
        "one": one,
        "twenty": {f"X-Header-{number}": "value of it" for number in range(19)} | one,
        "signed": hookseal.Signer(WHSEC, "standard-webhooks").sign(body, id="msg_1"),
        "verifier": verifier,
        "standard": standard,
        "signer": signer,
        "plain": hookseal.Signer(WHSEC),
        "stripe": peers["stripe"].WebhookSignature,
        "svix": peers["svix"].Webhook(WHSEC),
        "standardwebhooks": peers["standardwebhooks"].Webhook(WHSEC),
    }
    row("verify, header string / hmac.digest", "<= 0.45", "verifier.verify(body, text)", BARE, names)
    row("verify, one-header dict / hmac.digest", "<= 0.48", "verifier.verify(body, one)", BARE, names)
    row("verify, 20-header dict / hmac.digest", "<= 0.65", "verifier.verify(body, twenty)", BARE, names)
    row("sign, scheme stripe / hmac.digest", "<= 0.45", "signer.sign(body)", BARE, names)
    row("sign, scheme hookseal (v1) / hmac.digest", "<= 0.45", "plain.sign(body)", BARE, names)
    theirs = "stripe.verify_header(body.decode(), text, secret, 300)"
    row("verify / stripe.WebhookSignature.verify_header", ">= 5.5x", "verifier.verify(body, text)", theirs, names)
    for peer in ("standardwebhooks", "svix"):
        theirs = f"{peer}.verify(body, signed)"
        row(f"verify, standard-webhooks / {peer}", ">= 7x", "standard.verify(body, signed)", theirs, names)


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
        started = time.perf_counter()
        work()
        work()
        alone = time.perf_counter() - started
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
    names = ", ".join(f"{name} {version(name)}" for name in PEERS)
    print(f"- CPython {platform.python_version()}, {ssl.OPENSSL_VERSION}; {names}\n")
    print("```text")
    print(f"{'':<46} {'bytes':>6} {'hookseal':>10} {'other':>10}  {'ratio':>5}  {'middle half':>13}  {'':>5}  target")
    for size in SIZES:
        rows(size)
    print()
    for size in (16 * 1024, 128 * 1024, 1024 * 1024):
        beside_each_other(size)
    interrupted()
    print("```")


if __name__ == "__main__":
    main()
