"""JSON Schemas for editors: they accept what is right and refuse what the form of a document refuses."""

from typing import Any

import jsonschema_rs
import pytest

from pilotage.app.starter import starting_files
from pilotage.journey.document import Fields, Items, Tree
from pilotage.journey.forms import FORMS
from pilotage.journey.schema import json_schema, json_schemas
from tests.journey.sample import FILES, changed, compiled, document_of
from tests.journey.test_decide import CATALOGUE
from tests.journey.test_parse_fragment import ASK


def plain(tree: Tree) -> Any:
    """A tree as JSON data, as an editor's YAML reader sees it."""
    if isinstance(tree, Fields):
        return {key.text: plain(value) for key, value in tree.fields}
    if isinstance(tree, Items):
        return [plain(item) for item in tree.items]
    return tree.value


def accepted(kind: str, source: str) -> bool:
    """Whether the schema of a kind accepts a document's source."""
    return jsonschema_rs.validator_for(json_schema(kind)).is_valid(plain(document_of(source).root))


@pytest.mark.parametrize("path", FILES)
def test_schemas_accept_what_compiles(path: str) -> None:
    """A document without findings passes the schema of its kind."""
    assert accepted(document_of(FILES[path]).kind, FILES[path])


def test_schemas_accept_the_starting_workspace() -> None:
    """Everything that `pilotage init` writes passes the schemas."""
    for path, source in starting_files("A company", "a key").items():
        if not path.startswith(("contracts/", "sample/")):
            assert accepted(document_of(source).kind or "pilotage", source), path


WRONG = [
    ("journeys/cart.yaml", "holdout: 5%", "hold: 5%"),
    ("journeys/cart.yaml", "holdout: 5%", "holdout: 5"),
    ("journeys/cart.yaml", "{for: 23h}", "{for: 23 hours}"),
    ("journeys/cart.yaml", "content: reminder, ", ""),
    ("journeys/cart.yaml", "{id: bought, exit: bought}", "{id: bought, leave: bought}"),
    ("journeys/cart.yaml", "{id: bought, exit: bought}", "{id: bought, exit: bought, wait: {for: 1d}}"),
    ("journeys/cart.yaml", "reentry: {after: 90d}", "reentry: sometimes"),
    ("journeys/cart.yaml", "holdout: 5%", "tests: [{name: it}]"),
    ("journeys/cart.yaml", "holdout: 5%", "tests: [{name: it, expect: {step: [hour]}}]"),
    ("journeys/cart.yaml", "holdout: 5%", "tests: [{name: it, start: tomorrow, expect: {steps: [hour]}}]"),
    ("journeys/cart.yaml", "holdout: 5%", "tests: [{name: it, fates: {remind: lost}, expect: {steps: [hour]}}]"),
    ("policies/contact.yaml", "limit: 2", "limit: two"),
    ("policies/contact.yaml", "basis: consent", "basis: hope"),
    ("profile.yaml", "tier: {type: string", "tier: {type: text"),
]


@pytest.mark.parametrize(("path", "old", "new"), WRONG, ids=range(len(WRONG)))
def test_schemas_and_forms_agree_on_mistakes(path: str, old: str, new: str) -> None:
    """What an editor marks as wrong, `check` reports as well."""
    files = changed(path, old, new)
    assert not accepted(document_of(files[path]).kind, files[path])
    assert compiled(files)[0] is None


OTHERS = {
    "fragment": (ASK, "timeout: $pause", "timeout: pause"),
    "catalogue": (CATALOGUE, "weight: 3", "weight: three"),
    "journey": (
        FILES["journeys/cart.yaml"].replace(
            "{id: day, wait: {for: 23h}}", "{id: day, repeat: {times: 2, steps: [{id: w, wait: {for: 1d}}]}}"
        ),
        "{id: w, wait: {for: 1d}}",
        "{id: w, wait: {for: 1 day}}",
    ),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_parameters_and_inner_steps_are_known_to_editors(kind: str) -> None:
    """A parameter may stand for a value in a fragment, steps hold steps, and what is neither is marked as wrong."""
    source, right, wrong = OTHERS[kind]
    assert accepted(kind, source)
    assert not accepted(kind, source.replace(right, wrong))
    assert kind == "journey" or not accepted("journey", source)


def test_every_kind_has_a_valid_schema_that_explains_its_keys() -> None:
    """There is one schema for each kind of document, itself valid, and each key says what it means."""
    schemas = json_schemas()
    assert set(FORMS) == set(schemas)
    for schema in schemas.values():
        jsonschema_rs.meta.validate(schema)
        assert all(each["description"] for each in schema["properties"].values())
