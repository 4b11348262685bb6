"""The corpus against the reference, against its generator, and against Python's own `hmac`.

    python3 -m unittest discover -s tests/reference
"""

from __future__ import annotations

import json
import unittest
from collections import Counter
from collections.abc import Callable
from typing import Any

import make_vectors
import reference
import resign
from scheme import SPEC


class Corpus(unittest.TestCase):
    def test_the_reference_agrees_with_every_vector(self) -> None:
        counts: Counter[str] = Counter()
        for path in sorted((SPEC / "vectors").glob("*.json")):
            document = json.loads(path.read_text())
            judge = reference.verdict if document["schema"] == "verify-1" else reference.signed
            for test in document["tests"]:
                with self.subTest(test["id"]):
                    self.assertEqual(judge(test), test["expect"], test["comment"])
                counts[document["schema"]] += 1
        print(f"\nreference: {counts['verify-1']} verify and {counts['sign-1']} sign vectors")
        self.assertGreaterEqual(counts["verify-1"], 1833)
        self.assertGreaterEqual(counts["sign-1"], 91)

    def test_the_files_are_what_the_generator_writes(self) -> None:
        self.assertEqual(make_vectors.main(["--check"]), 0)


class Example(unittest.TestCase):
    def test_the_example_of_the_specification_is_what_it_says(self) -> None:
        block = (SPEC / "SPEC.md").read_text().split("```text\n")[1].split("```")[0]
        headers = [list(line.split(": ", 1)) for line in block.strip().splitlines()]
        message = {"id": "evt_1", "event_type": "order.paid", "timestamp": 1_700_000_000}
        test = {"scheme": "hookseal", "secrets": ["whsec_demo"], "body_base64": "e30=", "message": message}
        self.assertEqual(reference.signed(test), {"headers": headers})


class SecondOpinion(unittest.TestCase):
    def test_accepted_vectors_hold_the_signature_that_hmac_makes(self) -> None:
        self.check("verify-1", "ok", resign.is_in_header, at_least=531, ed25519_at_most=31)

    def test_signed_headers_hold_the_signatures_that_hmac_makes(self) -> None:
        self.check("sign-1", "headers", resign.headers_hold_every_signature, at_least=48, ed25519_at_most=5)

    def check(self, schema: str, outcome: str, judge: Callable[[dict[str, Any]], bool | None], at_least: int, ed25519_at_most: int) -> None:
        verdicts: Counter[bool | None] = Counter()
        for test in resign.accepted(schema, outcome):
            with self.subTest(test["id"]):
                verdict = judge(test)
                self.assertIsNot(verdict, False, test["comment"])
                verdicts[verdict] += 1
        print(f"\n{schema}: {verdicts[True]} made anew by hmac, {verdicts[None]} of Ed25519 left to resign.mjs")
        self.assertGreaterEqual(verdicts[True], at_least)
        self.assertLessEqual(verdicts[None], ed25519_at_most)


if __name__ == "__main__":
    unittest.main()
