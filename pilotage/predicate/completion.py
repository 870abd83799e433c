"""What an editor needs to help write conditions: completions for a scope, and a JSON Schema that carries them.

Both are made from the table of functions and the names in scope, so an editor offers what the product accepts.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from pilotage.predicate.grammar import LENGTH_MAX
from pilotage.predicate.scope import Scope
from pilotage.predicate.table import FUNCTIONS
from pilotage.predicate.text import name_text, path_text, string_text
from pilotage.predicate.wording import WORDS


class Completion(msgspec.Struct, frozen=True):
    """One thing that can be written. `kind` is function, keyword, attribute, field, variable, event, purpose, channel, audience
    or journey; `detail` its type or signature, `insert` what to write, with `$1`, `$2` … where the cursor goes in turn."""

    label: str
    kind: str
    detail: str
    insert: str
    documentation: str = ""


def completions(scope: Scope) -> tuple[Completion, ...]:
    """Everything that can be written in a scope, by kind and name."""
    found = [*_functions(), *_words(), *_names(scope)]
    return tuple(sorted(found, key=lambda each: (each.kind, each.label)))


def json_schema(scope: Scope) -> dict[str, Any]:
    """A JSON Schema (2020-12) of a condition in a scope; `x-completions` are the completions."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Condition",
        "description": "A SQL boolean expression over the customer's attributes, events and consents.",
        "type": "string",
        "minLength": 1,
        "maxLength": LENGTH_MAX,
        "examples": [function.example for function in FUNCTIONS.values() if function.group == "events"],
        "x-completions": msgspec.to_builtins(completions(scope)),
    }


def _functions() -> Iterator[Completion]:
    for function in FUNCTIONS.values():
        if function.name.isidentifier() and function.name != "in":
            insert = function.name + ("($1)" if function.signatures[0][-2:] != "()" else "()")
            documentation = f"{function.meaning}. For example: {function.example}"
            yield Completion(function.name, "function", f"{function.signature}: {function.result}", insert, documentation)


def _words() -> Iterator[Completion]:
    return (Completion(word.lower(), "keyword", "", word.lower()) for word in WORDS)


def _names(scope: Scope) -> Iterator[Completion]:
    for name, kind in scope.attributes.items():
        yield Completion(name, "attribute", kind, name_text(name))
    for name, kind in scope.variables.items():
        yield Completion(f"journey.{name}", "variable", kind, f"journey.{path_text(name)}")
    for event, fields in scope.events.items():
        yield Completion(event, "event", "event type", string_text(event))
        for path, kind in fields.items():
            yield Completion(f"event.{path}", "field", f"{kind} of {event}", f"event.{path_text(path)}")
            if event in scope.trigger or scope.any_trigger:
                yield Completion(f"trigger.{path}", "field", f"{kind} of {event}", f"trigger.{path_text(path)}")
    for purpose, channels in scope.purposes.items():
        yield Completion(purpose, "purpose", "consent purpose", string_text(purpose))
        for channel in channels:
            yield Completion(channel, "channel", f"channel of {purpose}", string_text(channel))
    for name in scope.audiences:
        yield Completion(name, "audience", "audience", string_text(name))
    for name, stage in scope.journeys.items():
        yield Completion(name, "journey", f"journey of the stage {stage}", string_text(name))
