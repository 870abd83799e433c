"""Journeys: entrance, exits, goal and steps of a journey document, made one typed journey.

Prose and owners are checked here and then left behind: they are no part of what a journey does, nor of its digest.
"""

import re
from collections.abc import Iterable, Iterator

from msgspec import UNSET

from pilotage.journey.blocks import Block, lay_out, written
from pilotage.journey.document import Fields, Scalar
from pilotage.journey.findings import suggestion
from pilotage.journey.forms import STAGES
from pilotage.journey.names import Desk, converted
from pilotage.journey.parse_audience import membership
from pilotage.journey.parse_block import parse_block
from pilotage.journey.parse_entrance import entry_event, parse_entrance
from pilotage.journey.parse_in_flight import parse_in_flight
from pilotage.journey.plan import (
    KEY,
    AnyStep,
    Branch,
    Call,
    Decide,
    Emit,
    Enter,
    Entrance,
    ExitRule,
    Goal,
    Journey,
    Repeat,
    Send,
    Set,
    Task,
    Wait,
)
from pilotage.journey.scalars import duration_or, flag_or, share_or
from pilotage.journey.scene import Scene
from pilotage.journey.subjects import ACCOUNT
from pilotage.journey.variables import type_variables
from pilotage.predicate.ir import Call as CallExpr
from pilotage.predicate.ir import Expr, Field, Literal, Predicate, Type
from pilotage.predicate.parse import Scope

_CONVENTION = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*){2}")


def parse_journey(desk: Desk, reads: dict[str, dict[str, Expr]]) -> Journey | None:
    """The typed journey of a document; `reads` gathers what the contents it sends read. None where it has no name."""
    root = desk.document.root
    if root.scalar("name") is None:
        return None
    _check_conventions(desk, root)
    listed = root.list("steps")
    block = lay_out(desk, tuple(step for step in listed if isinstance(step, Fields)))
    enter = root.map("enter")
    entrance = parse_entrance(desk, enter, entry_event(desk, enter) if enter else "")
    scene = _scene(desk, root, block, entrance, reads)
    if len(block.items) != len(listed) or not listed:
        scene.lost.append("steps")
    steps = parse_block(scene, block)
    return Journey(
        name=root.text("name"),
        purpose=scene.purpose,
        stage=root.text("stage"),
        enter=entrance,
        steps=steps,
        exits=tuple(_exits(desk, root, scene.variables)),
        goal=_goal(desk, root, scene.variables),
        holdout=share_or(root.scalar("holdout"), 0),
        trigger_fields=_trigger_fields(steps, reads),
        variables=tuple(scene.variables.items()),
        in_flight=parse_in_flight(desk, root, steps),
        subject=UNSET if desk.names.roles is None else ACCOUNT,
    )


def _check_conventions(desk: Desk, root: Fields) -> None:
    name, stage = root.text("name"), root.scalar("stage")
    if not _CONVENTION.fullmatch(name):
        cure = "rename it, for example growth.recovery.abandoned_cart"
        desk.wrong("J001", root.key("name"), f"the name {name!r} is not of the form stage.purpose.name", cure)
    if root.get("owner") is None:
        desk.wrong("J002", root, f"journey {name!r} has no owner", "add 'owner: {responsible: …, accountable: …}'")
    if stage is not None and stage.text not in STAGES:
        desk.wrong("J003", stage, f"unknown stage {stage.text!r}", suggestion(stage.text, STAGES, "stages"))


def _scene(desk: Desk, root: Fields, block: Block, entrance: Entrance, reads: dict[str, dict[str, Expr]]) -> Scene:
    trigger = (entrance.event,) if entrance.event else ()
    keys = {} if entrance.key is UNSET else {KEY: entrance.key.type}

    def scope_of(variables: dict[str, Type]) -> Scope:
        return desk.scope(trigger=trigger, variables={**variables, **keys})

    variables = dict(sorted({**type_variables(written(block), scope_of, frozenset(keys)), **keys}.items()))
    return Scene(
        desk=desk,
        journey=root.text("name"),
        purpose=desk.known("J005", root.scalar("purpose"), desk.names.purposes, "purpose", "purposes"),
        entry=entrance.event,
        steps={},
        variables=variables,
        scope=scope_of(variables),
        reads=reads,
        lost=[],
        purposed=root.scalar("purpose") is not None,
    )


def _exits(desk: Desk, root: Fields, variables: dict[str, Type]) -> Iterator[ExitRule]:
    for item in root.list("exit"):
        if isinstance(item, Fields):
            when = _exit_condition(desk, item, desk.scope(any_trigger=True, variables=variables))
            if when is not None:
                yield ExitRule(when, item.text("reason"))


def _exit_condition(desk: Desk, item: Fields, scope: Scope) -> Predicate | None:
    when, left = item.scalar("when"), item.scalar("left")
    if when is None and left is None:
        cure = "add 'when': ends the entry as soon as it is true, or 'left': leaving this audience ends it"
        desk.wrong("D010", item, "the exit rule has neither 'when' nor 'left'", cure)
    if when is not None and left is not None:
        desk.wrong("J027", item.key("left"), "the exit rule has 'when' and 'left'", "keep one, or write two rules")
    return membership(desk, left, scope, "not in_audience({})") if left is not None else desk.condition(when, scope)


def _goal(desk: Desk, root: Fields, variables: dict[str, Type]) -> Goal | None:
    goal = root.map("goal")
    when = desk.condition(goal.scalar("when"), desk.scope(any_trigger=True, variables=variables)) if goal else None
    if goal is None or when is None:
        return None
    return Goal(
        when=when,
        within_us=duration_or(goal.scalar("within"), 0),
        kpi=goal.text("kpi"),
        value=_goal_value(desk, goal.scalar("value"), when, variables),
        stay=flag_or(goal.scalar("stay"), False),
    )


def _goal_value(desk: Desk, scalar: Scalar | None, when: Predicate, variables: dict[str, Type]) -> Expr | None:
    """What reaching the goal is worth; `trigger` is the event that reaches it, as far as the goal's condition tells."""
    events = tuple(event for event in _events_of(when.expr) if event in desk.names.events)
    worth = desk.expression(scalar, desk.scope(trigger=events, any_trigger=not events, variables=variables))
    if scalar is None or worth is None:
        return None
    value = converted(worth.expr, Type.NUMBER)
    if value is None:
        desk.wrong("E002", scalar, f"the goal's value is of type {worth.expr.type}, not a number", "write a number, such as trigger.total")
    return value


def _events_of(expr: Expr) -> tuple[str, ...]:
    """The event types that a condition's conjuncts on `trigger.type` leave; none where it has no such conjunct."""
    if not isinstance(expr, CallExpr):
        return ()
    if expr.name == "and":
        return next((events for events in map(_events_of, expr.args) if events), ())
    if expr.name in ("eq", "in") and any(isinstance(arg, Field) and arg.of == "trigger" and arg.path == "type" for arg in expr.args):
        return tuple(sorted(str(arg.value) for arg in expr.args if isinstance(arg, Literal)))
    return ()


def _trigger_fields(steps: Iterable[AnyStep], reads: dict[str, dict[str, Expr]]) -> tuple[tuple[str, Type], ...]:
    """The fields of the trigger that steps after entry read, which an entry therefore keeps."""
    found: dict[str, Type] = {}
    for step in steps:
        for expr in _kept_expressions(step, reads):
            found.update({field.path: field.type for field in _fields(expr) if field.of == "trigger"})
    return tuple(sorted(found.items()))


def _kept_expressions(step: AnyStep, reads: dict[str, dict[str, Expr]]) -> Iterator[Expr]:
    """What a step reads of the entry; a wait's `where` is not among it, since its trigger is the awaited event."""
    if isinstance(step, Send):
        yield from reads.get(step.content, {}).values()
        yield from () if step.priority is UNSET else (step.priority,)
    elif isinstance(step, Branch):
        yield from (edge.when.expr for edge in step.edges)
    elif isinstance(step, Wait) and step.when is not None:
        yield step.when.expr
    elif isinstance(step, Decide):
        yield from (option.when.expr for option in step.options if option.when is not None)
        yield from (option.score for option in step.options if option.score is not None)
    elif isinstance(step, Repeat) and step.until is not None:
        yield step.until.expr
    elif isinstance(step, Set):
        yield from (each.value for each in (*step.attributes, *step.variables))
    elif isinstance(step, Emit | Call | Enter | Task):
        yield from (each.value for each in step.data)


def _fields(expr: Expr) -> Iterator[Field]:
    if isinstance(expr, Field):
        yield expr
    elif isinstance(expr, CallExpr):
        for arg in expr.args:
            yield from _fields(arg)
