"""The data files of spec/ against their JSON Schemas, and what a schema can not say."""

from __future__ import annotations

import importlib.util
import json
import unittest
from pathlib import Path
from typing import Any

import scheme as schemes
from scheme import SPEC

HAS_JSONSCHEMA = importlib.util.find_spec("jsonschema") is not None


def load(path: Path) -> Any:
    return json.loads(path.read_text())


def data_files() -> list[tuple[Path, str]]:
    """Every data file with the name of its schema."""
    tests = sorted([*(SPEC / "vectors").glob("*.json"), *(SPEC / "scenarios").glob("*.json")])
    return [
        *((path, "scheme") for path in sorted((SPEC / "schemes").glob("*.json"))),
        *((path, load(path)["schema"].removesuffix("-1")) for path in tests),
        (SPEC / "errors.json", "errors"),
        (SPEC / "api.json", "api"),
    ]


@unittest.skipUnless(HAS_JSONSCHEMA, "the package jsonschema is not installed")
class Schemas(unittest.TestCase):
    def setUp(self) -> None:
        from jsonschema import Draft202012Validator
        from referencing import Registry, Resource

        documents = {path.name: load(path) for path in (SPEC / "schema").glob("*.json")}
        registry = Registry().with_resources([(name, Resource.from_contents(document)) for name, document in documents.items()])
        self.validators = {name.removesuffix(".json"): Draft202012Validator(document, registry=registry) for name, document in documents.items()}

    def test_the_schemas_are_schemas(self) -> None:
        for name, validator in self.validators.items():
            with self.subTest(name):
                validator.check_schema(validator.schema)

    def test_every_data_file_is_valid(self) -> None:
        files = data_files()
        for path, schema in files:
            with self.subTest(path.name):
                errors = [f"{error.json_path}: {error.message[:200]}" for error in self.validators[schema].iter_errors(load(path))]
                self.assertEqual(errors, [])
        print(f"\nschemas: {len(files)} data files")
        self.assertGreaterEqual(len(files), 60)

    def test_the_scheme_schema_refuses_what_the_algorithm_refuses(self) -> None:
        """A schema can not see across fields, so it may let some mistakes pass; it must never refuse a good document."""
        refused = passed = 0
        for path in sorted((SPEC / "vectors").glob("*.json")):
            for test in load(path)["tests"]:
                document = test.get("scheme_document")
                if document is None:
                    continue
                valid = self.validators["scheme"].is_valid(document)
                if test["expect"].get("error") != "invalid_scheme":
                    self.assertTrue(valid, test["id"])
                    passed += 1
                elif not valid:
                    refused += 1
        print(f"\nschemas: {passed} good scheme documents pass, {refused} bad ones do not")
        self.assertGreaterEqual(passed, 73)
        self.assertGreaterEqual(refused, 119)


class Consistency(unittest.TestCase):
    def test_every_scheme_is_named_after_its_file_and_names_its_source(self) -> None:
        names = [path.stem for path in (SPEC / "schemes").glob("*.json")]
        self.assertGreaterEqual(len(names), 27)
        for name in names:
            with self.subTest(name):
                document = load(SPEC / "schemes" / f"{name}.json")
                self.assertEqual(schemes.parse(document).name, name)
                self.assertRegex(document["summary"], r"^[^.]+(\.[^. ]+)*\.$")
                self.assertTrue(document["source"])
                self.assertTrue((SPEC / "vectors" / f"{name}.json").exists(), "a scheme without vectors")

    def test_codes_are_unique_and_every_expectation_is_a_code(self) -> None:
        codes = [entry["code"] for entry in load(SPEC / "errors.json")["codes"]]
        self.assertEqual(len(codes), len(set(codes)))
        for path in (SPEC / "vectors").glob("*.json"):
            expected = {test["expect"]["error"] for test in load(path)["tests"] if "error" in test["expect"]}
            self.assertLessEqual(expected, set(codes), path.name)
        for test in load(SPEC / "scenarios" / "deliveries.json")["tests"]:
            named = {attempt["error"] for attempt in test["expect"]["attempts"]} - {None}
            self.assertLessEqual(named, set(codes), test["id"])


if __name__ == "__main__":
    unittest.main()
