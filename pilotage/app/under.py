"""The same customer under another version of the plan: what was told of them is told once more, and what is decided then is laid
beside what was decided.

Everything that came from outside comes at its instant. What became of a message that the other version sends too comes as it
came; any other message is handed over at once and not read. Wake-ups are the other version's own.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from pilotage.app.exits import NO_INPUT, Trouble
from pilotage.app.story import decision_view
from pilotage.app.under_views import BOTH, LIVE, UNDER, UnderLine, UnderView
from pilotage.app.views import instant
from pilotage.contract.builtin import FEATURES_FILLED
from pilotage.event.envelope import Event
from pilotage.journey.outcome import Action, Decision
from pilotage.journey.plan import Plan, decode_plan, encode_plan
from pilotage.journey.program import Program, load
from pilotage.runner.arrival import Told
from pilotage.runner.folder import AGAIN, read_environment, read_plans, read_zones
from pilotage.simulate.course import Course, Reaction, no_reactions

_FATES = ("message.", "call.", "task.")


class _Noted:
    """Takes note of decisions."""

    def __init__(self) -> None:
        self.decisions: list[Decision] = []

    def decided(self, subject: bytes, decisions: list[Decision]) -> None:
        self.decisions += decisions

    def left(self, action: Action, at_us: int) -> None:
        """What leaves is among the decisions."""

    def stayed(self, action: Action, rule: str, reason: str) -> None:
        """What does not leave comes back as a receipt, and is among the decisions."""

    def refused(self, event: Event, fault: Exception) -> None:
        """What the other plan does not take leads to nothing under it."""


def plan_of(data: Path, digest: str) -> Plan:
    """The plan of a data folder whose digest begins so; `Trouble` if there is none, or there are several."""
    known = dict.fromkeys(name.partition(AGAIN)[0] for name in read_environment(data).plans)
    found = [each for each in known if len(digest) >= 6 and each.startswith(digest)]
    if len(found) != 1:
        raise Trouble(
            f"{len(found)} plans of the data folder begin with {digest!r}", NO_INPUT, f"there are {', '.join(d[:12] for d in known)}"
        )
    return read_plans(data, found)[0]


def under(data: Path, plan: Plan, subject: bytes, told: Sequence[Told], now_us: int) -> UnderView:
    """A subject's records, oldest first, under another plan, with what it would have decided by now; the folder holds the zone tables
    that it names."""
    program = _program(data, encode_plan(plan))
    recorded, passages = _sorted_out(subject, told)
    noted = _Noted()
    course = Course(program, b"nobody is told anything", noted, no_reactions, recorded)
    course.feed(passages)
    course.settle(max(now_us, told[-1].record.received_us if told else 0))
    lines, differs = _side_by_side(told, noted.decisions)
    whole = not told or told[0].record.previous == 0
    return UnderView(subject.hex(), plan.digest, not differs, differs, whole, lines)


@lru_cache(2)
def _program(data: Path, raw: bytes) -> Program:
    """A plan made executable; who asks about one customer asks about the next."""
    plan = decode_plan(raw)
    return load(plan, read_zones(data, plan.zones), read_environment(data).name)


def _sorted_out(subject: bytes, told: Sequence[Told]) -> tuple[dict[bytes, list[Reaction]], list[tuple[int, bytes, Event]]]:
    """What became of actions, by effect key; and all other events."""
    recorded: dict[bytes, list[Reaction]] = {}
    passages = []
    for each in told:
        event, at_us = each.record.event, each.record.received_us
        if event is None or event.type == FEATURES_FILLED:
            continue
        if event.type.startswith(_FATES):
            effect = bytes.fromhex(str(msgspec.json.decode(event.data).get("effect", "")))
            recorded.setdefault(effect, []).append((at_us, event))
        else:
            passages.append((at_us, subject, event))
    return recorded, passages


def _side_by_side(told: Sequence[Told], others: Sequence[Decision]) -> tuple[list[UnderLine], int]:
    """Events and decisions in order of time; a decision of both versions stands once. Versions' digests make no difference."""
    left: dict[Any, list[Decision]] = {}
    for decision in others:
        left.setdefault(_likeness(decision), []).append(decision)
    rows: list[tuple[int, int, UnderLine]] = []
    for each in told:
        event = each.record.event
        if event is not None:
            at_us = each.record.received_us
            rows.append((at_us, 0, UnderLine(instant(at_us), BOTH, event.type, None)))
        for decision in each.decisions:
            twins = left.get(_likeness(decision))
            rows.append((decision.at_us, 1, _line(decision, BOTH if twins else LIVE)))
            if twins:
                twins.pop()
    rows += [(decision.at_us, 1, _line(decision, UNDER)) for decisions in left.values() for decision in decisions]
    rows.sort(key=lambda row: row[:2])
    lines = [line for _, _, line in rows]
    return lines, sum(line.made != BOTH for line in lines)


def _likeness(decision: Decision) -> tuple[Any, ...]:
    """What makes two decisions the same to a person."""
    return decision.at_us, decision.journey, decision.step, decision.verb, decision.reason, decision.rule


def _line(decision: Decision, made: str) -> UnderLine:
    return UnderLine(instant(decision.at_us), made, "", decision_view(decision))
