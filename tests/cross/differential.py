"""Random inputs through every language: all have to give the same verdict and the same code.

Half of the inputs are vectors of the corpus with a few bytes changed, so that they are nearly valid; half are made up. The seed is printed; `--seed N`
repeats a run, `--count N` changes its length.
"""

from __future__ import annotations

import argparse
import base64
import collections
import copy
import json
import random
import sys

from tools import ROOT, ask, commands, missing

PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))
PIECES = [
    "t=",
    "v1=",
    "v2=",
    "v1,",
    "sha256=",
    ",",
    ";",
    " ",
    "\t",
    "=",
    "1700000000",
    "0",
    "-1",
    "a" * 64,
    "é",
    "\x00",
    "\x7f",
]


def corpus() -> list[dict]:
    vectors = []
    for path in sorted((ROOT / "spec/vectors").glob("*.json")):
        document = json.loads(path.read_text())
        if document["schema"] == "verify-1":
            vectors += [test for test in document["tests"] if len(test["body_base64"]) < 4096]
    return vectors


def mutated(rng: random.Random, vector: dict) -> dict:
    case = copy.deepcopy(vector)
    for _ in range(rng.randint(1, 3)):
        rng.choice([change_header, change_header, change_body, change_now, double_header, drop_header, change_secrets])(
            rng, case
        )
    return case


def change_text(rng: random.Random, text: str) -> str:
    at = rng.randint(0, len(text))
    match rng.randrange(5):
        case 0:
            return text[:at] + rng.choice(PIECES) + text[at:]
        case 1:
            return text[:at] + text[at + 1 :]
        case 2:
            return text[:at] + chr(rng.randrange(256)) + text[at + 1 :]
        case 3:
            return text.encode("latin-1").upper().decode("latin-1") if rng.random() < 0.5 else text + "," + text
        case _:
            return text[:at] + rng.choice(PRINTABLE) + text[at + 1 :]


def change_header(rng: random.Random, case: dict) -> None:
    if case["headers"]:
        pair = rng.choice(case["headers"])
        pair[1] = change_text(rng, pair[1])


def double_header(rng: random.Random, case: dict) -> None:
    if case["headers"]:
        name, value = rng.choice(case["headers"])
        case["headers"].append([rng.choice([name, name.upper(), name.lower()]), value])


def drop_header(rng: random.Random, case: dict) -> None:
    if case["headers"]:
        case["headers"].pop(rng.randrange(len(case["headers"])))


def change_body(rng: random.Random, case: dict) -> None:
    body = bytearray(base64.b64decode(case["body_base64"]))
    body.insert(rng.randint(0, len(body)), rng.randrange(256))
    case["body_base64"] = base64.b64encode(bytes(body)).decode()


def change_now(rng: random.Random, case: dict) -> None:
    case["now"] += rng.choice([-301, -300, -1, 1, 299, 300, 301, 10**6])


def change_secrets(rng: random.Random, case: dict) -> None:
    if all(isinstance(secret, str) for secret in case["secrets"]):
        rng.choice([lambda: case["secrets"].insert(0, "another shared secret"), lambda: rng.shuffle(case["secrets"])])()


def made_up(rng: random.Random, vectors: list[dict]) -> dict:
    case = copy.deepcopy(rng.choice(vectors))
    for pair in case["headers"]:
        pair[1] = "".join(
            rng.choice(PIECES) if rng.random() < 0.7 else chr(rng.randrange(256)) for _ in range(rng.randrange(12))
        )
    case["body_base64"] = base64.b64encode(rng.randbytes(rng.randrange(40))).decode()
    return case


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    vectors = corpus()
    cases = [
        mutated(rng, rng.choice(vectors)) if number % 2 else made_up(rng, vectors) for number in range(arguments.count)
    ]

    answers = {language: ask(language, "verify", cases) for language in commands()}
    languages = list(answers)
    verdicts: collections.Counter[str] = collections.Counter()
    differences = 0
    for number, case in enumerate(cases):
        first = verdict(answers[languages[0]][number])
        verdicts[first.get("error", "ok")] += 1
        for language in languages[1:]:
            theirs = verdict(answers[language][number])
            if theirs != first:
                differences += 1
                if differences <= 5:
                    print(json.dumps(case))
                    print(f"  {languages[0]} says {first}\n  {language} says {theirs}")
    for name, count in verdicts.most_common():
        print(f"  {name:24} {count:6}")
    print(
        f"differential: {len(cases)} inputs in {', '.join(languages)}, seed {arguments.seed}, {differences} differences, {len(missing())} skipped"
    )
    if len(verdicts) < 10 or verdicts["ok"] < len(cases) // 100:
        print("the inputs are too much alike to mean anything")
        return 1
    return differences > 0


def verdict(answer: dict) -> dict:
    """An answer without what only people read."""
    if "error" in answer:
        return {"error": answer["error"]["code"] if isinstance(answer["error"], dict) else answer["error"]}
    return {"ok": {key: value for key, value in sorted(answer["ok"].items()) if value is not None}}


if __name__ == "__main__":
    sys.exit(main())
