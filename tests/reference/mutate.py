"""Random vectors: tests of the corpus with a few things changed, and the reference's verdict as what to expect.

    python3 mutate.py verify SEED COUNT > FOLDER/verify.json
    python3 mutate.py sign SEED COUNT > FOLDER/sign.json
    hookseal vectors run --vectors FOLDER --kind verify -- COMMAND
"""

from __future__ import annotations

import base64
import copy
import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import reference
from scheme import SPEC

Test = dict[str, Any]
LETTERS = "019afgzAFZ=,;:._-+/ \t\"'{}\u00e9\u0000vt"


def main(kind: str, seed: str, count: str) -> None:
    dice = random.Random(seed)
    schema, judge, mutations = f"{kind}-1", *KINDS[kind]
    corpus = [test for path in sorted((SPEC / "vectors").glob("*.json")) for test in load(path, schema)]
    tests = []
    for number in range(int(count)):
        test = copy.deepcopy(dice.choice(corpus))
        for _ in range(dice.choice((1, 1, 1, 2, 3))):
            dice.choice(mutations)(test, dice)
        test.update(id=f"random-{number}", comment=f"from {test['id']}")
        test["expect"] = judge(test)
        tests.append(test)
    notes = {"notes": {flag: "" for test in tests for flag in test["flags"]}} if kind == "verify" else {}
    print(json.dumps({"schema": schema, **notes, "tests": tests}))


def load(path: Path, schema: str) -> list[Test]:
    """The tests of a file, but for the few that are long and so slow to judge by the thousand."""
    document = json.loads(path.read_text())
    return [test for test in document["tests"] if len(test["body_base64"]) < 2000] if document["schema"] == schema else []


def change_text(text: str, dice: random.Random) -> str:
    at = dice.randrange(len(text) + 1)
    kind = dice.randrange(6)
    if kind == 0:
        return text[:at] + dice.choice(LETTERS) + text[at:]
    if kind == 1:
        return text[:at] + text[at + 1 :]
    if kind == 2:
        return text[:at] + dice.choice(LETTERS) + text[at + 1 :]
    if kind == 3:
        return text[:at] + text[max(0, at - dice.randrange(80)) : at] + text[at:]
    return "".join(swap_case(letter) for letter in text) if kind == 4 else text[:at]


def swap_case(letter: str) -> str:
    return letter.swapcase() if letter.isascii() else letter


def change_header(test: Test, dice: random.Random) -> None:
    if test["headers"]:
        pair = dice.choice(test["headers"])
        pair[1] = change_text(pair[1], dice)


def move_header(test: Test, dice: random.Random) -> None:
    if test["headers"]:
        pair = test["headers"].pop(dice.randrange(len(test["headers"])))
        test["headers"] += [list(pair) for _ in range(dice.choice((0, 1, 2)))]


def rename_header(test: Test, dice: random.Random) -> None:
    if test["headers"]:
        pair = dice.choice(test["headers"])
        pair[0] = dice.choice((str.lower, str.upper, str.title))(pair[0])


def repeat_element(test: Test, dice: random.Random) -> None:
    if test["headers"]:
        pair = dice.choice(test["headers"])
        separator = dice.choice((",", ";", " ", ", "))
        pieces = pair[1].split(separator)
        pieces.insert(dice.randrange(len(pieces) + 1), dice.choice(pieces))
        dice.shuffle(pieces)
        pair[1] = separator.join(pieces)


def change_body(test: Test, dice: random.Random) -> None:
    body = base64.b64decode(test["body_base64"])
    at = dice.randrange(len(body) + 1)
    body = body[:at] + dice.choice((b"", b" ", b"\n", b'"', b"\\", b"&", b"=", b"%2", b"\xff")) + body[at + dice.randrange(2) :]
    test["body_base64"] = base64.b64encode(body).decode()


def change_clock(test: Test, dice: random.Random) -> None:
    test["now"] += dice.choice((-301, -300, -1, 1, 300, 301, 10**6, -(10**6)))


def change_option(test: Test, dice: random.Random) -> None:
    name, value = dice.choice(OPTIONS)
    test[name] = value


def change_secret(test: Test, dice: random.Random) -> None:
    secrets = test["secrets"]
    if not secrets:
        return
    at, kind = dice.randrange(len(secrets)), dice.randrange(5)
    if kind == 0:
        secrets.insert(at, "another secret")
    elif kind == 1:
        dice.shuffle(secrets)
    elif kind == 2 and isinstance(secrets[at], str):
        secrets[at] = change_text(secrets[at], dice)
    elif kind == 3 and isinstance(secrets[at], str):
        now = test["now"] if "now" in test else test["message"]["timestamp"]
        secrets[at] = {"value": secrets[at], dice.choice(("not_before", "not_after")): now + dice.choice((-1, 0, 1))}
    elif isinstance(secrets[at], str):
        secrets[at] = {"type": dice.choice(("utf8", "base64", "hex", "ed25519_public", "ed25519_private")), "value": secrets[at], "id": "k"}


def change_message(test: Test, dice: random.Random) -> None:
    message = test["message"]
    name = dice.choice(("id", "event_type", "url", "timestamp"))
    if name == "timestamp":
        message[name] = dice.choice((-1, 0, 1, message[name] + 1, 999_999_999_999, 10**12, 253_402_300_799, 253_402_300_800))
    elif name in message and dice.randrange(2):
        del message[name]
    else:
        message[name] = change_text(message.get(name, "https://example.com/" if name == "url" else "evt_1"), dice)


def change_scheme(test: Test, dice: random.Random) -> None:
    if "scheme" in test:
        names = sorted(path.stem for path in (SPEC / "schemes").glob("*.json"))
        test["scheme"] = dice.choice(names)
    else:
        document = test["scheme_document"]
        place = dice.choice([document, *(value for value in document.values() if isinstance(value, dict))])
        if place:
            name = dice.choice(sorted(place))
            if dice.randrange(2):
                del place[name]
            elif isinstance(place[name], str):
                place[name] = change_text(place[name], dice)


OPTIONS: list[tuple[str, Any]] = [
    ("tolerance", 0), ("tolerance", 4294967296), ("future_tolerance", 0), ("max_body", 10), ("max_body", 10**6), ("dangerously_ignore_timestamp", True),
    ("require", "v1"), ("require", "v2"), ("require", ""), ("repeat", 2), ("url", "https://example.com/"), ("url", ""),
]
Mutation = Callable[[Test, random.Random], None]
KINDS: dict[str, tuple[Callable[[Test], dict[str, Any]], list[Mutation]]] = {
    "verify": (reference.verdict, [
        *[change_header] * 3, move_header, rename_header, *[repeat_element] * 2,
        change_body, change_clock, change_option, *[change_secret] * 2, change_scheme,
    ]),
    "sign": (reference.signed, [*[change_message] * 3, change_body, change_secret, change_scheme]),
}

if __name__ == "__main__":
    main(*sys.argv[1:])
