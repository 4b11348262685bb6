"""The list of codes, as Python sees it."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import hookseal
import pytest
from hookseal import ConfigError, SendError, StoreError, VerificationError, WebhookError, _native

CODES = json.loads((Path(__file__).parents[2] / "spec" / "errors.json").read_text("utf-8"))["codes"]
CLASSES = {
    "verification": VerificationError,
    "configuration": ConfigError,
    "sending": SendError,
    "store": StoreError,
    "any": WebhookError,
}
RAISED = [entry for entry in CODES if entry["kind"] != "attempt"]


@pytest.mark.parametrize("entry", RAISED, ids=lambda entry: entry["code"])
def test_every_code_has_its_class(entry: dict[str, Any]) -> None:
    error = _native.error_of(entry["code"], "why")
    assert type(error) is CLASSES[entry["kind"]]
    assert isinstance(error, WebhookError)
    assert (error.code, error.message, error.retryable) == (entry["code"], "why", entry["retryable"])
    assert str(error) == f"{entry['code']}: why"
    for same in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(same) is type(error)
        assert (same.code, same.message, same.retryable) == (error.code, error.message, error.retryable)


def test_the_core_knows_the_same_codes() -> None:
    assert _native.error_codes() == [entry["code"] for entry in RAISED]
    with pytest.raises(ConfigError):
        _native.error_of("no_such_code", "")


def test_a_raised_error_crosses_processes() -> None:
    with pytest.raises(VerificationError) as info:
        hookseal.Verifier("whsec_demo").verify(b"{}", {})
    same = pickle.loads(pickle.dumps(info.value))
    assert (same.code, str(same)) == ("missing_header", str(info.value))
