"""Decide steps, and the catalogues of actions that they choose from.

A catalogue says when an action is open to somebody, and what it is chosen by; a step says which of its actions are meant and where
each leads. So a catalogue's conditions are read in each journey that uses it, and their faults are reported in its own file.
"""

from collections.abc import Iterator

from pilotage.journey.assignments import pairs
from pilotage.journey.document import Document, Fields, Scalar
from pilotage.journey.findings import suggestion
from pilotage.journey.names import Desk, converted
from pilotage.journey.plan import Decide, Option
from pilotage.journey.scalars import count_or, share_or
from pilotage.journey.scene import Scene
from pilotage.journey.targets import led_to
from pilotage.predicate.ir import Expr, Type


def parse_decide(scene: Scene, step: Fields, name: str, onward: str) -> Decide:
    """The typed step; its actions are tried in the order in which the step writes them."""
    desk = scene.desk
    catalogue = desk.known("J033", step.scalar("decide"), desk.names.catalogues, "catalogue", "catalogues")
    document = desk.names.catalogues.get(catalogue)
    return Decide(
        id=name,
        next=onward,
        catalogue=catalogue,
        by=step.text("by", "first"),
        options=tuple(_options(scene, step, document)) if document is not None else (),
        explore=share_or(step.scalar("explore"), 0),
        salt=step.text("salt", f"{scene.journey}/{name}"),
    )


def _options(scene: Scene, step: Fields, document: Document) -> Iterator[Option]:
    known = document.root.map("actions") or Fields(0, 0, ())
    at_catalogue = scene.desk.at(document)
    by = step.text("by", "first")
    for key, value in pairs(step.map("actions")):
        action = known.map(key.text)
        if action is None:
            message = f"the catalogue {document.name!r} has no action '{key.text}'"
            scene.desk.wrong("J034", key, message, suggestion(key.text, known.names(), "actions"))
            continue
        missing = {"score": "score", "weights": "weight"}.get(by, "")
        if missing and action.get(missing) is None:
            message = f"the action '{key.text}' has no '{missing}', by which step '{step.text('id')}' chooses"
            at_catalogue.wrong("J035", known.key(key.text), message, f"add '{missing}', or choose by something else")
        yield Option(
            name=key.text,
            goto=led_to(scene, value),
            when=at_catalogue.condition(scene.judged(action.scalar("when")), scene.scope),
            score=_score(scene, at_catalogue, action.scalar("score")) if by == "score" else None,
            weight=count_or(action.scalar("weight"), 1) if by == "weights" else 0,
        )


def _score(scene: Scene, desk: Desk, scalar: Scalar | None) -> Expr | None:
    score = desk.expression(scene.judged(scalar), scene.scope)
    if scalar is None or score is None:
        return None
    value = converted(score.expr, Type.NUMBER)
    if value is None:
        desk.wrong("E002", scalar, f"the score is of type {score.expr.type}, not a number", "write a number, such as trigger.price * 0.1")
    return value
