"""Contracts compiled to decoders: what is accepted, what is refused, and where the fault is said to be."""

import json
import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.contract.model import Contract, FieldSpec
from pilotage.contract.validate import ContractBroken, ContractImpossible, attribute_name, field_kinds, validator

ADDRESS = FieldSpec("address", "object", fields=(FieldSpec("zip", "string", required=True), FieldSpec("city", "string")))
LINES = FieldSpec("lines", "array", items=FieldSpec("", "object", fields=(FieldSpec("price", "number"),)), length_max=2)
ORDER = Contract(
    "order.placed",
    "1.0.0",
    (
        FieldSpec("order_id", "string", required=True, pattern="^o[0-9]+$"),
        FieldSpec("total", "number", required=True, minimum=0.0),
        FieldSpec("items", "integer", minimum=1, exclusive_maximum=100),
        FieldSpec("gift", "boolean"),
        FieldSpec("placed", "timestamp"),
        FieldSpec("due", "date", minimum=19723.0),
        FieldSpec("class", "string", enum=("a", "b")),
        FieldSpec("note", "string", length_max=5),
        ADDRESS,
        LINES,
        FieldSpec("free", "object"),
    ),
)
GOOD = {"order_id": "o1", "total": 12.5}


def broken(changes: dict[str, Any], contract: Contract = ORDER) -> tuple[str, str]:
    """Path and reason of the fault in a good order that was changed."""
    with pytest.raises(ContractBroken) as caught:
        validator(contract).decode(json.dumps({**GOOD, **changes}).encode())
    assert caught.value.event == contract.event
    assert caught.value.cure
    return caught.value.path, caught.value.reason


def test_every_kind_is_decoded_to_its_python_type() -> None:
    """A valid event is decoded to exact decimals, aware timestamps, dates and nested structs."""
    text = (
        b'{"order_id":"o1","total":12.50,"items":3,"gift":true,"placed":"2024-01-31T10:00:00+01:00","due":"2024-02-01",'
        b'"class":"a","note":"hello","address":{"zip":"10115"},"lines":[{"price":1},{"price":0.10}],"free":{"x":[1]}}'
    )
    order = validator(ORDER).decode(text)
    assert Decimal("12.50") == order.total
    assert isinstance(order.total, Decimal)
    assert datetime(2024, 1, 31, 9, tzinfo=UTC) == order.placed
    assert date(2024, 2, 1) == order.due
    assert "10115" == order.address.zip
    assert [Decimal(1), Decimal("0.10")] == [line.price for line in order.lines]
    assert "a" == getattr(order, attribute_name("class"))
    assert {"x": [1]} == order.free


def test_missing_and_null_are_both_none() -> None:
    """An optional field that is missing and one that is null are both None."""
    decode = validator(ORDER).decode
    assert decode(b'{"order_id":"o1","total":1}') == decode(b'{"order_id":"o1","total":1,"items":null,"address":null,"due":null}')
    assert decode(b'{"order_id":"o1","total":1}').items is None


@pytest.mark.parametrize(
    ("changes", "path", "reason"),
    [
        ({"order_id": 7}, "$.order_id", "expected string, got integer"),
        ({"order_id": "x"}, "$.order_id", "expected string matching regex '^o[0-9]+$'"),
        ({"total": "12.5"}, "$.total", "expected number, got string"),
        ({"total": None}, "$.total", "expected number, got null"),
        ({"total": True}, "$.total", "expected number, got boolean"),
        ({"total": -0.01}, "$.total", "expected number >= 0"),
        ({"total": 9223372036855}, "$.total", "the number is outside what can be kept exactly, ±9223372036854.775807"),
        ({"total": 1e400}, "$", "not JSON"),
        ({"items": 0}, "$.items", "expected integer >= 1"),
        ({"items": 100}, "$.items", "expected integer <= 99"),
        ({"items": 1.5}, "$.items", "expected integer, got number"),
        ({"items": 2**63}, "$.items", "expected integer <= 99"),
        ({"gift": "yes"}, "$.gift", "expected boolean, got string"),
        ({"placed": "2024-01-31T10:00:00"}, "$.placed", "expected timestamp with a timezone component"),
        ({"placed": "yesterday"}, "$.placed", "invalid RFC3339 encoded datetime"),
        ({"due": "2023-12-31"}, "$.due", "expected date >= 2024-01-01"),
        ({"due": "2024-02-30"}, "$.due", "invalid RFC3339 encoded date"),
        ({"class": "c"}, "$.class", "invalid enum value 'c'"),
        ({"note": "longer"}, "$.note", "expected string of length <= 5"),
        ({"address": {}}, "$.address.zip", "the required field is missing"),
        ({"address": {"zip": "1", "street": "x"}}, "$.address.street", "the contract does not name this field"),
        ({"lines": [{}, {"price": "x"}]}, "$.lines[1].price", "expected number, got string"),
        ({"lines": [{}, {}, {}]}, "$.lines", "expected array of length <= 2"),
        ({"colour": "red"}, "$.colour", "the contract does not name this field"),
    ],
)
def test_a_fault_is_named_with_its_path(changes: dict[str, Any], path: str, reason: str) -> None:
    """Whatever breaks a contract is refused with the path of the value and what was expected there."""
    found = broken(changes)
    assert path == found[0]
    assert found[1].startswith(reason)


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"null", b'"x"', b'{"order_id":"\xff","total":1}', b'{"total":NaN}', b'{"total":Infinity}']
)
def test_what_is_no_json_object_is_refused(text: bytes) -> None:
    """Text that is no JSON object in UTF-8, NaN and Infinity included, breaks the contract at the root."""
    with pytest.raises(ContractBroken) as caught:
        validator(ORDER).decode(text)
    assert "$" == caught.value.path


def test_deep_nesting_is_refused_not_fatal() -> None:
    """Data nested a hundred thousand levels deep are refused like any other fault."""
    with pytest.raises(ContractBroken, match="nested too deeply"):
        validator(ORDER).decode(b'{"order_id":"o1","total":1,"free":' + b'{"x":' * 100_000)


def test_an_open_contract_lets_unknown_fields_pass() -> None:
    """A contract marked open accepts fields it does not name, also inside objects."""
    contract = Contract("x", "1", (ADDRESS,), open=True)
    assert "1" == validator(contract).decode(b'{"a":1,"address":{"zip":"1","b":2}}').address.zip


@given(st.integers(-(2**63), 2**63 - 1))
def test_numbers_are_kept_exactly_to_the_millionth(scaled: int) -> None:
    """Every number that fits int64 at scale 6 is decoded to exactly that decimal."""
    exact = Decimal(scaled).scaleb(-6)
    decode = validator(Contract("x", "1", (FieldSpec("n", "number"),))).decode
    assert exact == decode(f'{{"n":{exact:f}}}'.encode()).n


@given(st.text(), st.text())
def test_attribute_names_never_collide(one: str, other: str) -> None:
    """Two different fields never share an attribute, and every attribute is an identifier that generated code can write."""
    assert (one == other) == (attribute_name(one) == attribute_name(other))
    namespace: dict[str, Any] = {}
    exec(f"{attribute_name(one)} = 1", {}, namespace)
    assert [attribute_name(one)] == list(namespace)


@pytest.mark.parametrize(
    ("field", "attribute"), [("total", "total"), ("class", "f_636c617373"), ("_x", "f_5f78"), ("f_a", "f_665f61"), ("ﬁ", "f_efac81")]
)
def test_attribute_names_are_plain_where_they_can_be(field: str, attribute: str) -> None:
    """Plain names stay as they are; keywords, underscores, look-alikes and the prefix itself are written in hex."""
    assert attribute == attribute_name(field)


def test_field_kinds_lists_what_conditions_can_read() -> None:
    """Fields are listed by dotted path with their kind; a field with a dot in its own name cannot be addressed."""
    contract = Contract("x", "1", (ADDRESS, LINES, FieldSpec("a.b", "string")))
    expected = {"address": "object", "address.zip": "string", "address.city": "string", "lines": "array"}
    assert expected == field_kinds(contract)


@pytest.mark.parametrize(
    "field",
    [
        FieldSpec("x", "money"),
        FieldSpec("x", "string", pattern="("),
        FieldSpec("x", "integer", minimum=5, maximum=4),
        FieldSpec("x", "integer", enum=("one",)),
        FieldSpec("x", "object", fields=(FieldSpec("y", "string"), FieldSpec("y", "string"))),
    ],
)
def test_an_impossible_contract_is_refused(field: FieldSpec) -> None:
    """A contract with an unknown kind, a broken pattern, crossed bounds or a field twice is refused when it is compiled."""
    with pytest.raises(ContractImpossible) as caught:
        validator(Contract("event", "1", (field,)))
    assert caught.value.path.startswith("$.x")


@given(st.floats(allow_nan=False, allow_infinity=False, width=32), st.integers(-200, 200))
def test_fractional_bounds_of_integers_mean_what_they_say(bound: float, value: int) -> None:
    """An integer passes a minimum, maximum or exclusive bound exactly when arithmetic says so."""
    bound = math.fmod(bound, 150)
    for name, holds in (
        ("minimum", value >= bound),
        ("maximum", value <= bound),
        ("exclusive_minimum", value > bound),
        ("exclusive_maximum", value < bound),
    ):
        decode = validator(Contract("x", "1", (FieldSpec("n", "integer", **{name: bound}),))).decode
        try:
            decode(f'{{"n":{value}}}'.encode())
            passed = True
        except ContractBroken:
            passed = False
        assert holds == passed, name
