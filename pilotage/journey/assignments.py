"""Assignments of a step: names and the values that they get, typed, in the order of their names."""

from collections.abc import Iterable

from pilotage.journey.document import Fields, Scalar
from pilotage.journey.plan import Assignment
from pilotage.journey.scene import Scene
from pilotage.predicate.ir import Type


def assign(scene: Scene, name: str, value: Scalar, wanted: Type | None, rule: str = "E002") -> Assignment | None:
    """A name and its value after entry; None where it cannot be read, or reads a trigger that is not known."""
    if scene.judged(value) is None:
        return None
    return scene.desk.assignment(name, value, scene.scope, wanted, rule)


def pairs(fields: Fields | None) -> list[tuple[Scalar, Scalar]]:
    """The keys of a map that have single values."""
    return [(key, value) for key, value in (fields.fields if fields else ()) if isinstance(value, Scalar)]


def kept(assignments: Iterable[Assignment | None]) -> tuple[Assignment, ...]:
    """The assignments that could be read, by name: their order in a document has no meaning."""
    return tuple(sorted((each for each in assignments if each is not None), key=lambda each: each.name))
