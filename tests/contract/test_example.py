"""Examples of contracts: the smallest data that the contract itself accepts."""

import re
from pathlib import Path

import msgspec
import pytest

from pilotage.app.workspace import compile_workspace, load
from pilotage.contract.example import example, text_of_pattern
from pilotage.contract.model import Contract, FieldSpec
from pilotage.contract.validate import validator
from pilotage.source.zones import packaged_zones
from tests.tree import ROOT

PATTERNS = [
    r"^[A-Z]{3}$",
    r"^(basic|silver|gold)$",
    r"^[^@\s]+@[^@\s]+\.[^@\s]+$",
    r"^sess_[0-9]{6}$",
    r"a?b+c*\d{2}",
    r"^\w{4}.[^a]$",
    r"(?:x|y)z",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_is_matched(pattern: str) -> None:
    """The text of a pattern is matched by it."""
    assert re.search(pattern, text_of_pattern(pattern))


@pytest.mark.parametrize("folder", ["examples/shop", "pilotage/simulate/demo"])
def test_every_contract_accepts_its_example(folder: str) -> None:
    """The example of every contract of the workspaces kept here keeps the contract."""
    for contract in compile_workspace(load(Path(ROOT / folder), {}), packaged_zones()).contracts:
        if not contract.event.startswith(("message.", "call.")):
            validator(contract).decode(msgspec.json.encode(example(contract, {})))


def test_bounds_are_kept_and_what_is_given_is_taken() -> None:
    """Numbers lie within their bounds, lists are long enough, and only fields that the contract declares are taken."""
    fields = (
        FieldSpec("size", "integer", True, minimum=5),
        FieldSpec("share", "number", True, exclusive_minimum=0, maximum=1),
        FieldSpec("tags", "array", True, items=FieldSpec("tag", "string"), length_min=2),
        FieldSpec("address", "object", True, fields=(FieldSpec("zip", "string", True, length_min=5, length_max=5),)),
        FieldSpec("since", "date", True),
        FieldSpec("note", "string"),
    )
    contract = Contract("x", "1", fields)
    found = example(contract, {"note": "hi", "other": 1})
    validator(contract).decode(msgspec.json.encode(found))
    assert {"size": 5, "share": 1, "note": "hi", "address": {"zip": "zip-1"}} == {k: found[k] for k in ("size", "share", "note", "address")}
    assert "other" not in found
