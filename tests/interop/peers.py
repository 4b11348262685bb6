"""The published packages, Hookseal's own programs, and how to ask each: one JSON object a line in, one out."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "tests/interop"
BUILT = ROOT / "target/interop"

Json = dict[str, Any]


@dataclass(frozen=True)
class Program:
    name: str
    command: list[str]

    def missing(self) -> str | None:
        """Why it can not run here."""
        absent = [word for word in self.command if word.startswith("/") and not Path(word).exists()]
        return f"{', '.join(absent)} is not there" if absent else None

    def ask(self, questions: list[Json]) -> list[Json]:
        lines = "".join(json.dumps(question) + "\n" for question in questions)
        run = subprocess.run(self.command, input=lines.encode(), stdout=subprocess.PIPE, timeout=300, check=True)
        answers = [json.loads(line) for line in run.stdout.splitlines()]
        if len(answers) != len(questions):
            raise SystemExit(f"{self.name}: {len(questions)} questions, {len(answers)} answers")
        return answers


@dataclass(frozen=True)
class Peer(Program):
    language: str
    scheme: str


def peers() -> list[Peer]:
    commands = {
        "Python": [str(BUILT / "python/bin/python"), str(HERE / "python/answer.py")],
        "Node": [shutil.which("node") or "/no/node", str(HERE / "node/answer.mjs")],
        "Rust": [str(BUILT / "release/answer")],
        "Go": [str(BUILT / "go/answer")],
    }
    schemes = {"stripe": "stripe", "stripe-go": "stripe", "svix": "svix"}
    return [
        Peer(
            name=f"{language} {package} {version}",
            command=[*command, package],
            language=language,
            scheme=schemes.get(package, "standard-webhooks"),
        )
        for language, command in commands.items()
        for package, version in versions(language).items()
    ]


def versions(language: str) -> dict[str, str]:
    """The pinned version of each package."""
    match language:
        case "Python":
            lines = (HERE / "python/requirements.txt").read_text().split()
            return dict(line.split("==") for line in lines)
        case "Node":
            return dict(json.loads((HERE / "node/package.json").read_text())["dependencies"])
        case "Rust":
            lines = (HERE / "rust/Cargo.toml").read_text().splitlines()
            return {line.split()[0]: line.split('"=')[1].split('"')[0] for line in lines if '"=' in line}
        case _:
            words = [line.split() for line in (HERE / "go/go.mod").read_text().splitlines() if line.startswith("\t")]
            return {path.split("/")[2]: version for path, version in words}


def hookseal() -> str:
    """The command line, in the newest build."""
    builds = [ROOT / "target" / profile / "hookseal" for profile in ("release", "debug")]
    return str(max(builds, key=lambda path: path.stat().st_mtime if path.exists() else 0))


@dataclass(frozen=True)
class Ours:
    """Hookseal in one language."""

    signs: Program
    verifies: Program


def ours() -> dict[str, Ours]:
    without = os.environ.get("HOOKSEAL_WITHOUT", "").split()
    tools = {
        "Python": [str(ROOT / ".venv/bin/python"), str(ROOT / "bindings-python/tests/tool.py")],
        "Node": [shutil.which("node") or "/no/node", str(ROOT / "bindings-node/test/tool.mjs")],
        "Swift": [str(ROOT / "tests/swift/tool")],
    }
    command_line = Program("hookseal", [hookseal(), "vectors", "answer"])
    return {
        "command line": Ours(command_line, command_line),
        **{
            language: Ours(Program(language, [*tool, "sign"]), Program(language, [*tool, "verify"]))
            for language, tool in tools.items()
            if language.lower() not in without
        },
    }
