"""spec/api.json against the sources: every public name that it lists is written in the package it is listed for."""

from __future__ import annotations

import json
import re
import unittest
from pathlib import Path

from scheme import SPEC

ROOT = SPEC.parent
SOURCES = {
    "rust": ("core/src/**/*.rs",),
    "python": ("bindings-python/python/hookseal/**/*.py", "bindings-python/python/hookseal/**/*.pyi"),
    "node": ("bindings-node/ts/**/*.ts",),
    "swift": ("bindings-swift/Sources/Hookseal/**/*.swift",),
    "kotlin": ("bindings-kotlin/src/main/kotlin/io/hookseal/*.kt",),
}


def words(patterns: tuple[str, ...]) -> set[str]:
    files: list[Path] = [path for pattern in patterns for path in ROOT.glob(pattern)]
    return {word for path in files for word in re.findall(r"\w+", path.read_text())}


class PublicNames(unittest.TestCase):
    def test_every_listed_name_exists(self) -> None:
        concepts = json.loads((SPEC / "api.json").read_text())["concepts"]
        count = 0
        for language, patterns in SOURCES.items():
            known = words(patterns)
            for concept in concepts:
                for entry in [concept, *concept["members"]]:
                    if entry[language] is not None:
                        with self.subTest(f"{language}: {concept['name']}.{entry['name']}"):
                            self.assertIn(entry[language], known)
                        count += 1
        print(f"\napi: {count} public names")
        self.assertGreaterEqual(count, 420)


if __name__ == "__main__":
    unittest.main()
