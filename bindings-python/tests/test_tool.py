"""The program that other languages' tests talk to."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from conftest import Sink

TOOL = Path(__file__).with_name("tool.py")
VECTORS = Path(__file__).parents[2] / "spec" / "vectors"


def run(*args: str, given: str) -> list[object]:
    done = subprocess.run(
        [sys.executable, TOOL, *args], input=given, capture_output=True, text=True, timeout=30, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_sign_and_verify_answer_line_by_line() -> None:
    for command, file in (("sign", "sign-hookseal"), ("verify", "options")):
        vectors = json.loads((VECTORS / f"{file}.json").read_text("utf-8"))["tests"]
        answers = run(command, given="".join(json.dumps(vector) + "\n" for vector in vectors))
        assert len(answers) == len(vectors) > 10
        assert [list(answer) for answer in answers if isinstance(answer, dict)] == [
            list(it["expect"]) for it in vectors
        ]


def test_send_prints_the_delivery(sink: Sink) -> None:
    [answer] = run("send", sink.url, "order.paid", "whsec_demo", "evt_1", given='{"id":42}')
    assert answer == {
        "status": "delivered",
        "id": "evt_1",
        "attempts": [{"number": 1, "status_code": 204, "error": None}],
    }
    assert sink.received[0][1] == b'{"id":42}'


def test_wrong_use_says_how() -> None:
    done = subprocess.run([sys.executable, TOOL, "sing"], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert "verify vectors" in done.stderr
