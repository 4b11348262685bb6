"""Writes spec/HOW-OTHERS-ANSWER.md from `hookseal vectors run`; `--check` fails when the page is not current."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from typing import NamedTuple

from peers import ROOT, Json, Peer, hookseal, peers

PAGE = ROOT / "spec/HOW-OTHERS-ANSWER.md"
LANGUAGES = ("Python", "Node")

HEAD = """# How others answer

What published packages answer to the vectors of their scheme in [`vectors`](vectors). The corpus decides points that
the packages' own documentation leaves open, so a difference says that the two differ, not which is right. This page is
written by `tests/interop/how_others_answer.py`; `tests/interop/run` checks that it is current.

Each package is asked through its functions for verifying a raw body, by `tests/interop/python/answer.py` or
`tests/interop/node/answer.mjs`, with its clock at the vector's `now`. A vector is not asked where the package has no
way to be asked it; the reasons are counted below.

- *Same verdict*: both accept, or both refuse, for whatever reason they give.
- *Accepts*, *refuses*: the package accepts what the corpus refuses, or the other way round.
- *Other exceptions*: what was thrown is not one of the classes that the package exports for refusing, whether or not
  the verdict is the same. *In use*: while verifying. *At construction*: from the secret alone.

To repeat, for example:

```console
python3 -m venv venv && venv/bin/pip install -r tests/interop/python/requirements.txt
hookseal vectors run -- venv/bin/python tests/interop/python/answer.py stripe
npm ci --prefix tests/interop/node
hookseal vectors run -- node tests/interop/node/answer.mjs stripe
```

`vectors run` also reports answers whose verdict is the same, because packages do not know this corpus's codes and say
less about what they accept. Here only verdicts are compared.
"""


class Answer(NamedTuple):
    id: str
    comment: str
    expected: str
    answered: str
    at: str

    @property
    def is_exception(self) -> bool:
        return self.answered not in ("accepts", "refuses")

    def row(self) -> str:
        cells = [
            f"`{self.id}`",
            self.comment,
            self.expected,
            f"`{self.answered}`" if self.is_exception else self.answered,
        ]
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


class Report(NamedTuple):
    peer: Peer
    asked: int
    skipped: Counter[str]
    accepts: list[Answer]
    refuses: list[Answer]
    exceptions: list[Answer]

    @property
    def same(self) -> int:
        return self.asked - len(self.accepts) - len(self.refuses)


def report(peer: Peer) -> Report:
    run = subprocess.run(
        [hookseal(), "--json", "vectors", "run", "--", *peer.command], stdout=subprocess.PIPE, cwd=ROOT, check=False
    )
    differences = json.loads(run.stdout)["differences"]
    total = vectors_of(peer.scheme)
    skipped: Counter[str] = Counter()
    accepts, refuses, exceptions = [], [], []
    for difference in differences:
        answered = difference["answered"]
        if "no_answer" in answered:
            raise SystemExit(f"{peer.name}: {difference}")
        if reason := answered.get("skip"):
            skipped[reason] += 1
            continue
        answer = told(difference)
        is_accepted, is_expected = "ok" in answered, "ok" in difference["expected"]
        if is_accepted and not is_expected:
            accepts.append(answer)
        if is_expected and not is_accepted:
            refuses.append(answer)
        if answer.is_exception:
            exceptions.append(answer)
    del skipped["another scheme"]
    return Report(peer, total - skipped.total(), skipped, accepts, refuses, exceptions)


def vectors_of(scheme: str) -> int:
    files = [json.loads(path.read_text()) for path in (ROOT / "spec/vectors").glob("*.json")]
    return sum(test.get("scheme") == scheme for file in files if file["schema"] == "verify-1" for test in file["tests"])


def told(difference: Json) -> Answer:
    answered, expected = difference["answered"], difference["expected"]
    verdict = "accepts" if "ok" in answered else answered["error"].replace("rejected", "refuses")
    wanted = "accepted" if "ok" in expected else f"`{expected['error']}`"
    return Answer(difference["id"], difference["comment"], wanted, verdict, answered.get("at", ""))


def page(reports: list[Report]) -> str:
    return "\n".join([HEAD, *summary(reports), *(line for it in reports for line in details(it))]) + "\n"


def summary(reports: list[Report]) -> list[str]:
    rows = [
        "| package | scheme | asked | not asked | same verdict | accepts | refuses | other exceptions in use | at construction |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for it in reports:
        places = Counter(answer.at for answer in it.exceptions)
        numbers = (
            it.asked,
            it.skipped.total(),
            it.same,
            len(it.accepts),
            len(it.refuses),
            places["use"],
            places["construction"],
        )
        rows.append(f"| {it.peer.name} | {it.peer.scheme} | " + " | ".join(map(str, numbers)) + " |")
    return rows


def details(it: Report) -> list[str]:
    lines = ["", f"## {it.peer.name}", ""]
    lines.append("Not asked: " + "; ".join(f"{reason} ({count})" for reason, count in sorted(it.skipped.items())) + ".")
    for title, answers in (
        ("Accepts what the corpus refuses", it.accepts),
        ("Refuses what the corpus accepts", it.refuses),
        ("Other exceptions, in use", [answer for answer in it.exceptions if answer.at == "use"]),
        ("Other exceptions, at construction", [answer for answer in it.exceptions if answer.at == "construction"]),
    ):
        if answers:
            lines += [
                "",
                f"**{title}: {len(answers)}**",
                "",
                "| vector | what it is | corpus | package |",
                "|---|---|---|---|",
            ]
            lines += [answer.row() for answer in answers]
    return lines


def main() -> int:
    current = page([report(peer) for peer in peers() if peer.language in LANGUAGES])
    if "--check" in sys.argv:
        is_current = PAGE.exists() and PAGE.read_text() == current
        print(
            "how others answer: the page is current"
            if is_current
            else "how others answer: run tests/interop/how_others_answer.py"
        )
        return not is_current
    PAGE.write_text(current)
    return 0


if __name__ == "__main__":
    sys.exit(main())
