"""Writes spec/vectors/*.json. With --check it writes nothing and fails when the files there differ.

The expected verdict of every vector is written by hand in `families/`; here the reference must agree with each.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import reference
from families import all_suites
from scheme import SPEC
from suite import Suite

FOLDER = SPEC / "vectors"


def main(arguments: list[str]) -> int:
    suites = all_suites()
    problems = disagreements(suites) + gaps(suites)
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        return 1
    wanted = {FOLDER / f"{suite.name}.json": render(suite.document()) for suite in suites}
    if "--check" in arguments:
        return check(wanted)
    FOLDER.mkdir(exist_ok=True)
    for path in set(FOLDER.glob("*.json")) - set(wanted):
        path.unlink()
    for path, text in wanted.items():
        path.write_text(text)
    tests = Counter(suite.schema for suite in suites for _ in suite.tests)
    print(f"{len(wanted)} files, {tests['verify-1']} verify vectors, {tests['sign-1']} sign vectors")
    return 0


def disagreements(suites: list[Suite]) -> list[str]:
    judges = {"verify-1": reference.verdict, "sign-1": reference.signed}
    found = []
    for suite in suites:
        for test in suite.tests:
            actual = judges[suite.schema](test)
            if actual != test["expect"]:
                found.append(f"{test['id']}: expected {test['expect']}, the reference says {actual}")
    return found


def gaps(suites: list[Suite]) -> list[str]:
    """Ids that are not unique, flags without a note, and verification codes without a vector."""
    ids = Counter(test["id"] for suite in suites for test in suite.tests)
    found = [f"the id {id} is used {count} times" for id, count in ids.items() if count > 1]
    for suite in suites:
        for test in suite.tests:
            found += [f"{test['id']}: no note for {flag}" for flag in test.get("flags", []) if flag not in suite.notes]
    covered = {test["expect"].get("error") for suite in suites for test in suite.tests}
    for entry in json.loads((SPEC / "errors.json").read_text())["codes"]:
        if entry["kind"] in ("verification", "configuration") and not entry.get("only_untyped") and entry["code"] not in covered:
            found.append(f"no vector for {entry['code']}")
    return found


def check(wanted: dict[Path, str]) -> int:
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    stale += set(FOLDER.glob("*.json")) - set(wanted)
    for path in sorted(stale):
        print(f"{path.name} differs from what make_vectors.py writes", file=sys.stderr)
    return 1 if stale else 0


def render(document: dict[str, Any]) -> str:
    """One test per line: readable in a diff, and searchable."""
    head = {name: value for name, value in document.items() if name != "tests"}
    text = json.dumps(head, indent=1, ensure_ascii=True)[:-2]
    tests = ",\n".join("  " + json.dumps(test, ensure_ascii=True) for test in document["tests"])
    return f'{text},\n "tests": [\n{tests}\n ]\n}}\n'


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
