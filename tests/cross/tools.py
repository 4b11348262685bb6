"""Each language's program for the line protocol: one JSON object a line in, one out."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def commands() -> dict[str, list[str]]:
    """The programs that were built, by language; the last word (`sign` or `verify`) is still to be added."""
    found = {
        "rust": [str(ROOT / "target/release/hookseal"), "vectors", "answer"],
        "python": [str(ROOT / ".venv/bin/python"), str(ROOT / "bindings-python/tests/tool.py")],
        "node": [shutil.which("node") or "node", str(ROOT / "bindings-node/test/tool.mjs")],
        "swift": [str(ROOT / "tests/swift/tool")],
        "kotlin": [str(ROOT / "tests/kotlin/tool")],
    }
    return {language: command for language, command in found.items() if language not in missing()}


def missing() -> list[str]:
    """Languages whose package could not be built here, as the caller has said."""
    return os.environ.get("HOOKSEAL_WITHOUT", "").split()


def ask(language: str, task: str, requests: list[dict]) -> list[dict]:
    """Feeds `requests` to a language's program and returns its answers, one for each."""
    command = commands()[language]
    if language != "rust":
        command = [*command, task]
    text = "".join(json.dumps(request) + "\n" for request in requests)
    run = subprocess.run(command, input=text.encode(), stdout=subprocess.PIPE, timeout=600, check=True)
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    if len(answers) != len(requests):
        raise SystemExit(f"{language}: {len(requests)} requests, {len(answers)} answers")
    return answers
