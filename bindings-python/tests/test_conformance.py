"""Every vector of the corpus, through the public names."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import tool

Json = dict[str, Any]

FILES = sorted((Path(__file__).parents[2] / "spec" / "vectors").glob("**/*.json"))
JUDGES = {"verify-1": tool.verify, "sign-1": tool.sign}

judged: set[tuple[str, str]] = set()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_vectors(path: Path) -> None:
    corpus = load(path)
    judge = JUDGES[corpus["schema"]]
    wrong = []
    for vector in corpus["tests"]:
        verdict = judge(vector)
        if not agrees(verdict, vector["expect"]):
            wrong.append((vector["id"], vector["comment"], vector["expect"], verdict))
        judged.add((path.stem, vector["id"]))
    assert wrong == []


def test_the_whole_corpus_was_judged(capsys: pytest.CaptureFixture[str]) -> None:
    count = sum(len(load(path)["tests"]) for path in FILES)
    with capsys.disabled():
        print(f"\nconformance: {len(judged)} vectors")
    assert len(judged) == count > 1_500


def test_headers_give_one_verdict_in_every_container() -> None:
    containers = 0
    for vector in verify_vectors():
        for headers in forms(vector["headers"]):
            verdict = tool.verify(vector, headers)
            assert agrees(verdict, vector["expect"]), (vector["id"], headers, verdict)
            containers += 1
    assert containers > 6_000


def test_str_bodies_are_their_utf8_bytes() -> None:
    checked = 0
    for vector in verify_vectors():
        body = base64.b64decode(vector["body_base64"])
        for same in (bytearray(body), memoryview(body)):
            assert agrees(tool.verify(vector, body=same), vector["expect"]), vector["id"]
        try:
            text = body.decode()
        except UnicodeDecodeError:
            continue
        assert agrees(tool.verify(vector, body=text), vector["expect"]), vector["id"]
        checked += 1
    assert checked > 1_000


def forms(pairs: list[list[str]]) -> Iterable[Any]:
    """The same headers as a web server, a framework or a test may hold them."""
    yield [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in pairs]
    yield iter([tuple(pair) for pair in pairs])
    grouped: dict[str, list[str]] = {}
    for name, value in pairs:
        grouped.setdefault(name.lower(), []).append(value)
    yield grouped
    if len(grouped) == len(pairs):
        yield {name: value.encode("latin-1") for name, value in pairs}
        yield {name.upper(): value for name, value in pairs} | {"Host": "example.com", "X-Empty": None}


def verify_vectors() -> Iterable[Json]:
    for path in FILES:
        corpus = load(path)
        if corpus["schema"] == "verify-1":
            yield from corpus["tests"]


def load(path: Path) -> Json:
    corpus: Json = json.loads(path.read_text("utf-8"))
    return corpus


def agrees(verdict: Json, expected: Json) -> bool:
    if "ok" in expected and "ok" in verdict:
        return bool({"key_id": None, **expected["ok"]} == verdict["ok"])
    return verdict == expected
