"""What the documentation shows, run."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import hookseal
import pytest

ROOT = Path(__file__).parents[2]
READMES = [ROOT / "README.md", Path(__file__).parents[1] / "README.md"]
BLOCKS = [
    pytest.param(block, id=f"{path.parent.name}-{index}")
    for path in READMES
    for index, block in enumerate(re.findall(r"(?ms)^```python\n(.*?)^```$", path.read_text("utf-8")))
]


def test_docstrings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "django_settings")
    examples = 0
    names = ["hookseal", *(it.name for it in pkgutil.walk_packages(hookseal.__path__, "hookseal."))]
    names.remove("hookseal._native")
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner(optionflags=doctest.IGNORE_EXCEPTION_DETAIL)
    for name in names:
        for test in finder.find(importlib.import_module(name)):
            examples += len(test.examples)
            runner.run(test)
    native = [it for it in vars(hookseal).values() if getattr(it, "__module__", "") in {"hookseal", "hookseal._native"}]
    for value in native:
        for test in finder.find(value, value.__name__, module=False, globs={}):
            examples += len(test.examples)
            runner.run(test)
    assert runner.summarize(verbose=False).failed == 0
    assert examples > 30


@pytest.mark.parametrize("block", BLOCKS)
def test_readmes(block: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "django_settings")
    exec(compile(block, "README.md", "exec"), {"__name__": "readme"})


def test_the_readmes_show_python() -> None:
    assert len(BLOCKS) >= 2


@pytest.mark.parametrize("name", hookseal.__all__)
def test_every_public_name_is_documented(name: str) -> None:
    value = getattr(hookseal, name)
    assert inspect.getdoc(value), name
    for attribute, member in vars(value).items() if inspect.isclass(value) else ():
        if not attribute.startswith("_") and callable(member):
            assert inspect.getdoc(member), f"{name}.{attribute}"
