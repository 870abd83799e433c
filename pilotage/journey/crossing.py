"""Before a plan takes over: what becomes of everybody under way, counted by the step they rest on, and what forbids it.

Forbidden is a step with people on it that has no place in the new version, a way around a gate (an approval, or a branch or wait
that reads a consent) that the new version has before a step, and a migration of entries that are told apart otherwise by now.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec
from msgspec import UNSET

from pilotage.journey.answer import candidate_id
from pilotage.journey.compiled import signals_of
from pilotage.journey.graph import unreachable
from pilotage.journey.plan import AnyStep, Branch, Call, Enter, InFlight, Journey, Plan, Send, Task, Wait
from pilotage.journey.takeover import key_type, landings
from pilotage.profile.state import Entry, State

VERSION_DIGITS = 16
"""How much of a journey's digest entries name their version by."""

Place = tuple[str, str, str]
"""A journey, one of its versions, and a step of it (empty: held out)."""


class Crossing(msgspec.Struct, frozen=True):
    """What becomes of those who rest on one step of an earlier version: they `finish`, `exit`, or `migrate` to the step `to`.
    `refusal` says why the plan may not take over because of them, `cure` what to do."""

    journey: str
    version: str
    step: str
    people: int
    policy: str
    to: str = ""
    refusal: str = ""
    cure: str = ""


def resting(states: Iterable[State]) -> Counter[Place]:
    """How many people and accounts rest where. A message that an account offers somebody rests with the account's entry."""
    return Counter((entry.journey, entry.version, entry.step) for state in states for entry in state.entries if not is_candidate(entry))


def is_candidate(entry: Entry) -> bool:
    """Whether an entry is but a message that an account has offered."""
    return bool(entry.parent) and entry.id == candidate_id(entry.parent)


def crossings(earlier: Iterable[Plan], new: Plan, people: Mapping[Place, int]) -> tuple[Crossing, ...]:
    """What becomes of those under way when a plan takes over, in order; steps that nobody rests on are there only if people may
    come to them who must not cross from there."""
    versions = {journey.digest[:VERSION_DIGITS]: journey for plan in earlier for journey in plan.journeys}
    wanted = {journey.name: journey for journey in new.journeys}
    found: list[Crossing] = []
    for version in sorted({version for _, version, _ in people}, key=lambda each: (versions[each].name, each)):
        old = versions[version]
        now = wanted.get(old.name)
        if now is None or not now.digest.startswith(version):
            counts = {step: count for (_, named, step), count in people.items() if named == version}
            found += _of_version(old, now, counts)
    return tuple(found)


def _of_version(old: Journey, new: Journey | None, people: Mapping[str, int]) -> Iterable[Crossing]:
    rule = new.in_flight if new is not None else UNSET
    if new is None or rule is UNSET or (rule.policy == "migrate" and not old.digest.startswith(rule.version)):
        return [_crossing(old, step, count, "finish") for step, count in sorted(people.items())]
    if rule.policy == "exit":
        return [_crossing(old, step, count, "exit") for step, count in sorted(people.items())]
    if key_type(old) != key_type(new):
        refusal, cure = "what tells its entries apart has changed, so they cannot migrate", "let them finish or exit, or keep the 'key'"
        return [_crossing(old, step, count, "migrate", "", refusal, cure) for step, count in sorted(people.items())]
    return _migrating(rule, old, new, people)


def _migrating(rule: InFlight, old: Journey, new: Journey, people: Mapping[str, int]) -> Iterable[Crossing]:
    landing = landings(rule, old, new)
    before, after = gates_before(old), gates_before(new)
    restful = {step.id for step in old.steps if isinstance(step, Send | Wait | Call | Enter | Task)}
    for step in ("", *(step.id for step in old.steps)):
        count, to = people.get(step, 0), landing.get(step)
        if step == "" or to is None:
            refusal = "" if step == "" else "it has no place in the new version"
            cure = "" if step == "" else f"add '{step}: …' to the steps of 'migrate', with a step of the new version, or exit"
            if count:
                yield _crossing(old, step, count, "migrate", "", refusal, cure)
            continue
        passed = {landing[gate] for gate in before[step] if gate in landing}
        skipped = sorted(after[to] - passed) if to else []
        refusal = f"from there to '{to}' nobody would pass '{skipped[0]}', {_gate_text(new, skipped[0])}" if skipped else ""
        cure = f"map '{step}' to '{skipped[0]}', to a step before it, or to exit" if skipped else ""
        if count or (skipped and step in restful):
            yield _crossing(old, step, count, "migrate" if to else "exit", to, refusal, cure)


def gates_before(journey: Journey) -> dict[str, frozenset[str]]:
    """The gates that every way from a journey's beginning to each of its steps passes."""
    found: dict[str, set[str]] = {step.id: set() for step in journey.steps}
    for gate in (step for step in journey.steps if _is_gate(step)):
        first = gate is journey.steps[0]
        others = [step for step in journey.steps if step is not gate]
        for name in (step.id for step in others) if first else unreachable(others):
            found[name].add(gate.id)
    return {name: frozenset(gates) for name, gates in found.items()}


def _is_gate(step: AnyStep) -> bool:
    if isinstance(step, Branch):
        read = [edge.when for edge in step.edges]
    else:
        read = [step.when] if isinstance(step, Wait) and step.when is not None else []
    return (isinstance(step, Task) and step.approval) or any(signal.startswith("!") for when in read for signal in signals_of(when))


def _gate_text(journey: Journey, gate: str) -> str:
    approval = any(isinstance(step, Task) and step.id == gate for step in journey.steps)
    return "an approval" if approval else "which looks at a consent"


def _crossing(old: Journey, step: str, people: int, policy: str, to: str = "", refusal: str = "", cure: str = "") -> Crossing:
    return Crossing(old.name, old.digest[:VERSION_DIGITS], step, people, policy, to, refusal, cure)
