"""Blame: for every rule of a journey, the release that made it what it is, and with that who asked for it, why, and who approved.

It is derived, not kept: the plans of all releases of an environment, in order, are compared one with the next, and each part of the
journey belongs to the last release that added or changed it.
"""

from collections.abc import Iterable, Sequence

import msgspec

from pilotage.consent.policy import Calendar, Policy, QuietHours, Slot
from pilotage.decision.rules import counts
from pilotage.journey.difference import REMOVED, Change, compare_plans
from pilotage.journey.plan import KERNEL, Journey, Plan, Send
from pilotage.review.register import Case
from pilotage.review.release import Release

NOTHING = Plan(kernel=KERNEL, contracts=(), attributes=(), policy=Policy(), contents=(), journeys=(), features=())
"""The plan of an environment in which nothing runs."""
STEP, CONTENT = "step", "content"


class Released(msgspec.Struct, frozen=True):
    """A release with its plan and the case it came from."""

    release: Release
    plan: Plan
    case: Case


class Blamed(msgspec.Struct, frozen=True):
    """One rule, what was done to it last, and the release that did it. `says` is what the change was, field by field."""

    kind: str
    name: str
    how: str
    says: tuple[str, ...]
    released: Released


def blame(history: Sequence[Released], journey: str, step: str = "") -> tuple[Blamed, ...]:
    """Every rule of a journey, or those of one step, of the newest release; nothing where that has no such journey."""
    newest = history[-1].plan if history else NOTHING
    found = next((each for each in newest.journeys if each.name == journey), None)
    if found is None:
        return ()
    parts = _parts(newest, found, step)
    blamed: dict[tuple[str, str], Blamed] = {}
    before = NOTHING
    for released in history:
        for rule in _changed(before, released, journey):
            if rule.how == REMOVED:
                blamed.pop((rule.kind, rule.name), None)
            else:
                blamed[rule.kind, rule.name] = rule
        before = released.plan
    return tuple(rule for key, rule in _in_order(blamed, found) if key in parts or (not step and key[0] == "journey"))


def _changed(before: Plan, released: Released, journey: str) -> Iterable[Blamed]:
    """The rules that a release added, changed or removed: of the journey field by field, of everything else whole."""
    for change in compare_plans(before, released.plan).changes:
        if change.kind == "journey" and change.name == journey:
            for field in change.fields:
                how = REMOVED if not field.new else "added" if not field.old else "changed"
                yield Blamed("journey", field.field, how, (_says(field.field, field.old, field.new),), released)
            for inner in change.inner:
                yield _whole(STEP, inner, released)
        elif change.kind != "journey":
            yield _whole(change.kind, change, released)


def _whole(kind: str, change: Change, released: Released) -> Blamed:
    says = tuple(_says(field.field, field.old, field.new) for field in change.fields)
    return Blamed(kind, change.name, change.how, says, released)


def _says(field: str, old: str, new: str) -> str:
    shown = " ".join(new.split())
    was = " ".join(old.split())
    return f"{field}: {was} → {shown or '—'}" if was else f"{field}: {shown}"


def _parts(plan: Plan, journey: Journey, step: str) -> set[tuple[str, str]]:
    """Everything that has a say in a journey, or in one step of it: its steps, the contents they send, the policies that hold."""
    steps = [each for each in journey.steps if each.id != "end" and step in ("", each.id)]
    sends = [each for each in steps if isinstance(each, Send)]
    found = {(STEP, each.id) for each in steps} | {(CONTENT, each.content) for each in sends}
    for send in sends:
        found |= _policies(plan.policy, journey, send)
    if not step and journey.enter.schedule is not msgspec.UNSET:
        found.add(("audience", journey.enter.schedule.audience))
    return found


def _policies(policy: Policy, journey: Journey, send: Send) -> set[tuple[str, str]]:
    purpose = next((each for each in policy.purposes if each.name == send.purpose), None)
    if purpose is None:
        return set()
    kind = purpose.contact_class
    found = {("purpose", purpose.name)}
    found |= {("budget", each.name) for each in policy.budgets if counts(each, send.channel, purpose, journey.name)}
    found |= {("suppression", each.name) for each in policy.suppressions if kind in each.classes}
    spans: list[tuple[str, Sequence[QuietHours | Slot | Calendar]]] = [
        ("quiet hours", policy.quiet_hours),
        ("contact slot", policy.slots or ()),
        ("calendar", policy.calendars or ()),
    ]
    for name, rules in spans:
        found |= {(name, each.name) for each in rules if kind in each.classes and (not each.channels or send.channel in each.channels)}
    return found


def _in_order(blamed: dict[tuple[str, str], Blamed], journey: Journey) -> Iterable[tuple[tuple[str, str], Blamed]]:
    """The journey's own rules, its steps in their order, then everything else by kind and name."""
    places = {(STEP, step.id): number for number, step in enumerate(journey.steps)}

    def place(key: tuple[str, str]) -> tuple[int, int, str, str]:
        rank = 0 if key[0] == "journey" else 1 if key in places else 2
        return rank, places.get(key, 0), *key

    return sorted(blamed.items(), key=lambda item: place(item[0]))
