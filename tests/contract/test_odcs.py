"""ODCS files: what they declare, and how their mistakes are reported."""

from pathlib import Path

import pytest

from pilotage.contract.document import DocumentBroken
from pilotage.contract.model import FieldSpec
from pilotage.contract.odcs import read_odcs
from pilotage.contract.validate import ContractBroken, validator

HEAD = "apiVersion: v3.1.0\nkind: DataContract\nid: shop\nversion: 1.2.0\nstatus: active\n"
SHOP = (
    HEAD
    + """\
schema:
  - name: Orders
    customProperties:
      - {property: eventType, value: order.placed}
      - {property: segmentEvent, value: Order Completed}
      - {property: open, value: true}
    properties:
      - {name: order_id, logicalType: string, required: true, classification: restricted, logicalTypeOptions: {minLength: 1}}
      - {name: total, logicalType: number, logicalTypeOptions: {minimum: 0, exclusiveMaximum: 1000.5}}
      - {name: items, logicalType: integer, logicalTypeOptions: {format: i32}}
      - {name: on, logicalType: boolean}
      - {name: at, logicalType: time}
      - name: address
        logicalType: object
        logicalTypeOptions: {required: [zip]}
        properties:
          - {name: zip, logicalType: string}
      - name: lines
        logicalType: array
        logicalTypeOptions: {maxItems: 2}
        items: {logicalType: object, properties: [{name: sku, logicalType: string, required: true}]}
  - name: cart.added
    customProperties:
      - {property: segmentEvent, value: [Product Added, Added to Cart]}
"""
)


def faults(text: str) -> list[str]:
    """The messages of a document's faults."""
    with pytest.raises(DocumentBroken) as caught:
        read_odcs(text, "shop.odcs.yaml")
    return [str(fault) for fault in caught.value.faults]


def test_all_example_contracts_of_the_standard_load(data_folder: Path) -> None:
    """The 18 example files of the standard load, and every event type they declare can be compiled."""
    paths = sorted((data_folder / "odcs").glob("*.odcs.yaml"))
    files = [read_odcs(path.read_text(encoding="utf-8"), path.name) for path in paths]
    assert 18 == len(files)
    contracts = [contract for file in files for contract in file.contracts]
    assert 84 == len(contracts)
    assert 84 == len([validator(contract).struct for contract in contracts])


def test_the_data_types_example_is_enforced(data_folder: Path) -> None:
    """What the standard's example of all data types says about values holds for events."""
    file = read_odcs((data_folder / "odcs" / "all-data-types.odcs.yaml").read_text(encoding="utf-8"), "all.yaml")
    decode = validator(file.contracts[0]).decode
    good = b'{"account_id":"ACC12345678","txn_ref_date":"2020-06-01","txn_timestamp":"2020-06-01T00:00:00Z","txn_time":"12:30:00","age":18}'
    assert 18 == decode(good).age
    for old, new, path in (
        (b"ACC12345678", b"ACC1", "$.account_id"),
        (b'2020-06-01"', b'2020-01-01"', "$.txn_ref_date"),
        (b"2020-06-01T", b"2022-06-01T", "$.txn_timestamp"),
        (b"12:30:00", b"25:00:00", "$.txn_time"),
        (b"18}", b"100}", "$.age"),
    ):
        with pytest.raises(ContractBroken) as caught:
            decode(good.replace(old, new))
        assert path == caught.value.path
    assert "shop.odcs.yaml" not in str(file.notes[0])
    assert ("all.yaml", 34) == (file.notes[0].path, file.notes[0].line)


def test_a_schema_object_is_an_event_type() -> None:
    """Names, custom properties, constraints and nesting are read; `on` is a name like any other."""
    file = read_odcs(SHOP, "shop.odcs.yaml")
    assert ("shop", "1.2.0", "active") == (file.id, file.version, file.status)
    order, cart = file.contracts
    assert ("order.placed", True, "1.2.0") == (order.event, order.open, order.version)
    assert ("cart.added", False) == (cart.event, cart.open)
    expected = {"Order Completed": "order.placed", "Product Added": "cart.added", "Added to Cart": "cart.added"}
    assert expected == file.segment_names
    fields = {field.name: field for field in order.fields}
    assert FieldSpec("order_id", "string", required=True, length_min=1, classification="restricted") == fields["order_id"]
    assert (0.0, 1000.5) == (fields["total"].minimum, fields["total"].exclusive_maximum)
    assert (-(2.0**31), 2.0**31 - 1) == (fields["items"].minimum, fields["items"].maximum)
    assert ("boolean", "string") == (fields["on"].kind, fields["at"].kind)
    assert fields["address"].fields[0].required
    assert fields["lines"].items is not None
    assert ("sku", True, 2) == (fields["lines"].items.fields[0].name, fields["lines"].items.fields[0].required, fields["lines"].length_max)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("schema: 3", "shop.odcs.yaml:6:9: expected a list; write one `- item` per line"),
        ("schema: [{description: x}]", "shop.odcs.yaml:6:10: the schema object has no name; add `name:` with the event type"),
        ("schema: [{name: a}, {name: a}]", "shop.odcs.yaml:6:21: the event type 'a' is declared twice; merge the two or rename one"),
        ("schema: [{name: a, propertys: []}]", "shop.odcs.yaml:6:20: unknown key 'propertys'; did you mean 'properties'?"),
        ("schema: [{name: a, properties: [{name: b}]}]", "shop.odcs.yaml:6:33: 'logicalType' is missing; add `logicalType:` with a value"),
        (
            "schema: [{name: a, properties: [{name: b, logicalType: strng}]}]",
            "shop.odcs.yaml:6:56: 'strng' is no logical type; did you mean 'string'?",
        ),
        (
            "schema: [{name: a, properties: [{name: b, logicalType: string, required: yes}]}]",
            "shop.odcs.yaml:6:74: expected true or false; write true or false, without quotes",
        ),
        (
            "schema: [{name: a, properties: [{name: b, logicalType: string, logicalTypeOptions: {pattern: '('}}]}]",
            "shop.odcs.yaml:6:94: the pattern is no regular expression: missing ), unterminated subpattern at position 0; correct it",
        ),
        (
            "schema: [{name: a, properties: [{name: b, logicalType: date, logicalTypeOptions: {minimum: soon}}]}]",
            "shop.odcs.yaml:6:92: not a date; write it as ISO 8601, such as 2024-01-31 or 2024-01-31T09:00:00Z",
        ),
        (
            "schema: [{name: a, properties: [{name: b, logicalType: integer, logicalTypeOptions: {minimum: 5, maximum: 4}}]}]",
            "shop.odcs.yaml:6:10: $.b: no integer is at least 5 and at most 4; correct the property",
        ),
        ("id: again", "shop.odcs.yaml:6:1: the key 'id' is written twice; it stands on line 3 already; keep one of them"),
    ],
)
def test_a_mistake_is_reported_with_its_place(body: str, expected: str) -> None:
    """Each mistake is reported with file, line, column and what to do."""
    assert [expected] == faults(HEAD + body + "\n")


def test_all_mistakes_are_reported_together() -> None:
    """A file with several mistakes names all of them, in the order of the text."""
    found = faults("kind: Contract\napiVersion: v2.2.0\nid: x\n")
    assert [
        "shop.odcs.yaml:1:1: 'version' is missing; add `version:` with a value",
        "shop.odcs.yaml:1:1: 'status' is missing; add `status:` with a value",
        "shop.odcs.yaml:1:7: not a data contract; write `kind: DataContract`",
        "shop.odcs.yaml:2:13: version v2.2.0 of the standard cannot be read; migrate the file to v3.0 or later",
    ] == found


def test_properties_that_contain_themselves_are_refused() -> None:
    """An alias that makes a property contain itself is a fault, not an endless loop."""
    loop = HEAD + "schema:\n  - name: a\n    properties: &p\n      - {name: b, logicalType: object, properties: *p}\n"
    assert any("expand too far" in fault for fault in faults(loop))


def test_what_is_not_enforced_is_noted() -> None:
    """A constraint that cannot be checked while reading an event is listed with its place."""
    text = HEAD + "schema: [{name: a, properties: [{name: b, logicalType: integer, logicalTypeOptions: {multipleOf: 5}}]}]\n"
    assert ["shop.odcs.yaml:6:98: multipleOf: 5; this constraint is not enforced"] == [
        str(n) for n in read_odcs(text, "shop.odcs.yaml").notes
    ]
