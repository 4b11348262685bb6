"""Writes the table of schemes in README.md from `hookseal schemes --json`; `--check` fails when it is not current."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START, END = "<!-- schemes: this table is written by `tests/golden/schemes.py` -->\n", "<!-- /schemes -->"


COPIES = {
    "expire": "within the tolerance",
    "pass": "at any time",
    "pass, same id": "at any time, with the same id",
    "anything passes": "and so is anything else: the token is all there is",
}


def table() -> str:
    command = [ROOT / "target/release/hookseal", "schemes", "--json"]
    schemes = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    rows = ["| scheme | signature header | signs | a copy is accepted |", "|---|---|---|---|"]
    for scheme in schemes:
        signed = ", ".join(scheme["signed"]) or "nothing"
        rows.append(f"| `{scheme['name']}` | `{scheme['header']}` | {signed} | {COPIES[scheme['copies']]} |")
    return "\n".join(rows) + "\n"


def main() -> int:
    path = ROOT / "README.md"
    text = path.read_text()
    before, rest = text.split(START)
    current = before + START + table() + rest[rest.index(END) :]
    if "--check" in sys.argv:
        print("golden: the table of schemes is current" if current == text else "golden: run tests/golden/schemes.py")
        return current != text
    path.write_text(current)
    return 0


if __name__ == "__main__":
    sys.exit(main())
