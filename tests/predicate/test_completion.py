"""Tests of what editors are given: every name and function in scope, ready to be written."""

import json

import msgspec
import pytest

from pilotage.predicate.completion import completions, json_schema
from pilotage.predicate.parse import PredicateError, parse_expression
from pilotage.predicate.table import FUNCTIONS
from tests.predicate.test_reference import SCOPE


def test_every_name_in_scope_is_offered_as_it_is_written() -> None:
    """Attributes, fields, variables, events, purposes, audiences and journeys are offered with their types; a name that is a word
    of the language in quotes."""
    found = {(each.kind, each.label): each for each in completions(SCOPE)}
    assert ("string", "order") == (found["attribute", "order"].detail, found["attribute", "order"].insert)
    assert "number of order.placed" == found["field", "trigger.total"].detail
    assert "'order.placed'" == found["event", "order.placed"].insert
    assert "integer" == found["variable", "journey.attempts"].detail
    assert all(("function", name) in found for name in FUNCTIONS if name.isidentifier() and name != "in")
    for (kind, _), each in found.items():
        if kind in ("attribute", "variable"):
            parse_expression(each.insert, SCOPE)


def test_a_word_of_the_language_is_offered_in_quotes() -> None:
    """An attribute called `case` is inserted as `"case"`, and reads as that attribute."""
    scope = msgspec.structs.replace(SCOPE, attributes={"case": "string", "two words": "string"})
    inserted = {each.label: each.insert for each in completions(scope) if each.kind == "attribute"}
    assert {"case": '"case"', "two words": '"two words"'} == inserted
    for text in inserted.values():
        parse_expression(text, scope)
    with pytest.raises(PredicateError):
        parse_expression("case", scope)


def test_the_schema_carries_the_completions() -> None:
    """The JSON Schema of a condition is plain JSON with the bound on its length, examples and completions."""
    schema = json.loads(json.dumps(json_schema(SCOPE)))
    assert ("string", 10_000) == (schema["type"], schema["maxLength"])
    assert len(completions(SCOPE)) == len(schema["x-completions"])
    for example in schema["examples"]:
        parse_expression(example, SCOPE)
