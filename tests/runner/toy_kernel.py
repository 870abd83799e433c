"""A small kernel for trying the runner without journeys: each subject counts, waits an hour, then is written to.

`toy.add` counts and (re)starts the hour; when it has passed, one message is sent, as of the due instant; `toy.stop`
cancels what was sent last and ends the wait; `toy.bad` is refused. It is pure, like the real one.
"""

from typing import Any

import msgspec

from pilotage.event.digest import key128
from pilotage.event.envelope import Event
from pilotage.event.time import HOUR_US
from pilotage.journey.outcome import Action, Decision, Outcome
from pilotage.profile.state import State

START_US = 1_700_000_000_000_000


class Refused(ValueError):
    """The event is of the type that this kernel refuses."""


def advance(program: Any, state: State, event: Event, now_us: int) -> Outcome:
    """`program` is a word that appears in every decision, so that two programs can be told apart."""
    if event.type == "toy.bad":
        raise Refused("toy.bad is refused")
    attributes = state.attributes
    due_us = attributes.get("due", 0)
    actions: list[Action] = []
    decisions: list[Decision] = []
    cancelled: list[bytes] = []
    if due_us and due_us <= now_us:
        action = _message(state.subject, due_us, attributes["count"])
        actions.append(action)
        decisions.append(_decision(program, due_us, "sent", {"count": attributes["count"]}, action.effect))
        attributes = {**attributes, "due": 0, "last": action.effect, "sent": attributes.get("sent", 0) + 1}
        due_us = 0
    if event.type == "toy.add":
        due_us = now_us + HOUR_US
        attributes = {**attributes, "count": attributes.get("count", 0) + 1, "due": due_us, "event": event.id}
        decisions.append(_decision(program, now_us, "waited", {"until": due_us, "why": ("toy", event.id)}))
    elif event.type == "toy.stop":
        due_us = 0
        cancelled = [attributes["last"]] if attributes.get("last") else []
        attributes = {**attributes, "due": 0, "last": b""}
        decisions.append(_decision(program, now_us, "cancelled", {}))
    if not decisions:
        return Outcome(state, [], [], due_us, [])
    return Outcome(msgspec.structs.replace(state, attributes=attributes), actions, decisions, due_us, cancelled)


def add(number: int, kind: str = "toy.add") -> Event:
    """The toy event of a number."""
    return Event(id=f"e{number}", source="toy", type=kind, occurred_us=START_US, data=b"{}", identifiers={})


def subject_id(number: int) -> bytes:
    """The subject of a number."""
    return key128("toy", number)


def _message(subject: bytes, at_us: int, count: int) -> Action:
    effect = key128(subject, at_us, count)
    return Action(
        effect=effect,
        kind="send",
        target="console",
        content="toy@1",
        purpose="service.toy",
        recipient="",
        variables={"count": str(count)},
        not_before_us=at_us,
        expires_us=at_us + HOUR_US,
        subject=subject,
        entry=effect,
        journey="toy",
        version="1",
        step="write",
    )


def _decision(program: Any, at_us: int, verb: str, inputs: dict[str, Any], effect: bytes = b"") -> Decision:
    return Decision(at_us, "toy", str(program), b"", "write", verb, inputs=inputs, effect=effect)
