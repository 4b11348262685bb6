"""What published packages sign, Hookseal verifies; what Hookseal signs, they verify; what was changed, nobody accepts.

The clock is the system's, because some packages read no other.
"""

from __future__ import annotations

import base64
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

from peers import Json, Ours, Peer, ours, peers

BODIES = ['{"id":42,"name":"café"}'.encode(), b'{\r\n  "id": 42\r\n}\n', b"", b"x" * 70_000]
STANDARD_SECRETS = (
    "whsec_dGhpcnR5LXR3byBieXRlcyBvZiBhIHNoYXJlZCBrZXk=",
    "whsec_YW5kIHRoZSBvbmVzIHRoYXQgd2VyZSBiZWZvcmUgaXQ=",
)
SECRETS = {
    "stripe": ("whsec_of an endpoint", "whsec_of the same endpoint, later"),
    "standard-webhooks": STANDARD_SECRETS,
    "svix": STANDARD_SECRETS,
}
PRIVATE_KEY = "whsk_dGhlIHNlZWQgb2YgdGhlIHNpZ25pbmcgdmVjdG9ycy4="
ID, OTHER_ID = "msg_2Xyz", "msg_2Xyy"
OUT_OF_REACH = {
    "Go convoy-go": "the module proxy serves no version that verifies; its vectors are in spec/vectors/published.json",
}

Headers = list[list[str]]


class Check(NamedTuple):
    name: str
    question: Json
    expected: Json


def main() -> int:
    passed = failed = skipped = 0
    for peer in peers():
        if reason := peer.missing():
            skipped += 1
            print(f"{peer.name}: skipped: {reason}")
            continue
        print(peer.name)
        for language, our in ours().items():
            if reason := our.signs.missing():
                skipped += 1
                print(f"  with {language}: skipped: {reason}")
                continue
            outcomes = [*theirs_here(peer, our), *ours_there(our, peer)]
            failures = [outcome for outcome in outcomes if outcome]
            passed += len(outcomes) - len(failures)
            failed += len(failures)
            print("\n    FAILED ".join([f"  with {language}: {len(outcomes) - len(failures)} passed", *failures]))
    for name, reason in OUT_OF_REACH.items():
        skipped += 1
        print(f"{name}: skipped: {reason}")
    print(f"interop: {passed} passed, {failed} failed, {skipped} skipped")
    return failed > 0


def theirs_here(peer: Peer, our: Ours) -> Iterator[str]:
    """They sign, we verify: an empty text where it went as expected, else what happened."""
    secret, other = SECRETS[peer.scheme]
    now = int(time.time())
    signed = peer.ask([signing(peer.scheme, [secret], body, now) for body in BODIES])
    covers_id = peer.scheme != "stripe"
    ok = {"timestamp": now, "id": ID if covers_id else None, "event_type": None, "version": "v1", "key_index": 0}
    refused = {"error": "no_matching_signature"}
    checks = []
    for body, answer in zip(BODIES, signed, strict=True):
        headers = answer["headers"]
        cases: list[tuple[str, Json, Json]] = [
            ("as signed", {}, {"ok": ok}),
            ("two secrets here", {"secrets": [other, secret]}, {"ok": ok | {"key_index": 1}}),
            ("another secret", {"secrets": [other]}, refused),
            ("another body", {"body_base64": encoded(body + b" ")}, refused),
            ("another timestamp", {"headers": changed(headers, str(now), str(now - 1))}, refused),
            ("at the edge of the window", {"now": now + 300}, {"ok": ok}),
            ("past the window", {"now": now + 301}, {"error": "timestamp_too_old"}),
        ]
        if covers_id:
            cases.append(("another id", {"headers": changed(headers, ID, OTHER_ID)}, refused))
        question = receiving(peer.scheme, secret, body, headers, now)
        checks += [Check(f"theirs here, {name}", question | change, expected) for name, change, expected in cases]
    yield from judge(checks, our.verifies.ask([check.question for check in checks]))


def ours_there(our: Ours, peer: Peer) -> Iterator[str]:
    """We sign, they verify."""
    secret, other = SECRETS[peer.scheme]
    now = int(time.time())
    covers_id = peer.scheme != "stripe"
    rings = {"one secret": [secret], "two secrets": [other, secret]}
    if covers_id:
        rings["an Ed25519 key beside a secret"] = [PRIVATE_KEY, secret]
    asked = [(name, ring, body) for name, ring in rings.items() for body in BODIES]
    signed = our.signs.ask([signing(peer.scheme, ring, body, now) for _, ring, body in asked])
    stale = our.signs.ask([signing(peer.scheme, ring, body, now - 400) for _, ring, body in asked])
    accepted: Json = {"ok": {}}
    refused: Json = {"error": "rejected"}
    checks = []
    for (ring_name, ring, body), answer, stale_answer in zip(asked, signed, stale, strict=True):
        headers = answer["headers"]
        cases: list[tuple[str, Json, Json]] = [
            ("as signed", {}, accepted),
            ("the other secret", {"secrets": [other]}, accepted if other in ring else refused),
            ("another body", {"body_base64": encoded(body + b" ")}, refused),
            ("another timestamp", {"headers": changed(headers, str(now), str(now - 1))}, refused),
            ("past the window", {"headers": stale_answer["headers"]}, refused),
        ]
        if covers_id:
            cases.append(("another id", {"headers": changed(headers, ID, OTHER_ID)}, refused))
        question = receiving(peer.scheme, secret, body, headers, now)
        name = f"ours there, {ring_name}"
        checks += [Check(f"{name}, {what}", question | change, expected) for what, change, expected in cases]
    yield from judge(checks, peer.ask([check.question for check in checks]))


def judge(checks: list[Check], answers: list[Json]) -> Iterator[str]:
    for check, answer in zip(checks, answers, strict=True):
        if "ok" in check.expected:
            is_good = "ok" in answer and check.expected["ok"].items() <= answer["ok"].items()
        else:
            is_good = answer.get("error") == check.expected["error"]
        yield "" if is_good else f"{check.name}: expected {check.expected}, answered {answer}"


def signing(scheme: str, secrets: list[str], body: bytes, timestamp: int) -> Json:
    message = {"id": ID, "timestamp": timestamp}
    return {"id": "", "scheme": scheme, "secrets": secrets, "body_base64": encoded(body), "message": message}


def receiving(scheme: str, secret: str, body: bytes, headers: Headers, now: int) -> Json:
    body_base64 = encoded(body)
    return {"id": "", "scheme": scheme, "secrets": [secret], "now": now, "headers": headers, "body_base64": body_base64}


def encoded(body: bytes) -> str:
    return base64.b64encode(body).decode()


def changed(headers: Headers, old: str, new: str) -> Headers:
    """The headers with one text exchanged, which has to be there."""
    after = [[name, value.replace(old, new)] for name, value in headers]
    if after == headers:
        raise SystemExit(f"{old!r} is not in {headers}")
    return after


if __name__ == "__main__":
    sys.exit(main())
