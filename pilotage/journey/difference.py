"""What two plans decide differently, and nothing else: order, prose, owners and the spelling of conditions make no difference.

Steps are told apart by their ids, everything else by its name. A change of policy is also told by what it means for each
message that is sent in both plans: the rules that hold for it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import msgspec
from msgspec import UNSET

from pilotage.consent.policy import Calendar, Policy
from pilotage.decision.rules import counts
from pilotage.event.time import moment
from pilotage.journey.described import Description, described, described_content, described_journey, described_step, ways_of
from pilotage.journey.plan import Accounts, AnyStep, Journey, Plan, Send
from pilotage.predicate.ir import Feature
from pilotage.predicate.text import canonical_text

ADDED, REMOVED, CHANGED, REWIRED = "added", "removed", "changed", "rewired"
_SCOPE = ("name", "classes", "channels", "purposes", "journeys")
"""The fields of a policy rule that say for which messages it holds."""


class FieldChange(msgspec.Struct, frozen=True):
    """One field that says something else; empty where it said or says nothing."""

    field: str
    old: str
    new: str


class Change(msgspec.Struct, frozen=True):
    """One part of a plan that is added, removed, changed or, of a step, wired otherwise."""

    how: str
    kind: str
    name: str
    fields: tuple[FieldChange, ...] = ()
    inner: tuple["Change", ...] = ()


class PolicyEffect(msgspec.Struct, frozen=True):
    """What changed for messages: the rules of one sort that hold for them now and held before. `sends` are `journey / step`."""

    rule: str
    old: str
    new: str
    sends: tuple[str, ...]


class PlanDifference(msgspec.Struct, frozen=True):
    """Everything that two plans decide differently; `old` and `new` are their digests."""

    old: str
    new: str
    changes: tuple[Change, ...]
    effects: tuple[PolicyEffect, ...]

    @property
    def empty(self) -> bool:
        return not (self.changes or self.effects)


def compare_plans(old: Plan, new: Plan) -> PlanDifference:
    """What the new plan decides differently from the old one."""
    features = (_features(old), _features(new))
    accounts = (old.accounts or Accounts(), new.accounts or Accounts())
    policies = (old.policy, new.policy)
    changes = [
        *_settings(old, new),
        *_journeys(old, new, features),
        *_compared("content", *({each.name: described_content(each) for each in plan.contents} for plan in (old, new))),
        *_compared("audience", *(_named(plan.audiences, known) for plan, known in zip((old, new), features, strict=True))),
        *_compared("audience of accounts", *(_named(each.audiences, known) for each, known in zip(accounts, features, strict=True))),
        *_compared("purpose", *(_named(policy.purposes, {}) for policy in policies)),
        *_compared("quiet hours", *(_named(policy.quiet_hours, {}) for policy in policies)),
        *_compared("budget", *(_named(policy.budgets, {}) for policy in policies)),
        *_compared("contact slot", *(_named(policy.slots or (), {}) for policy in policies)),
        *_compared("calendar", *({each.name: _calendar(each) for each in policy.calendars or ()} for policy in policies)),
        *_compared("suppression", *(_named(policy.suppressions, {}) for policy in policies)),
        *_compared("attribute", *(_named(plan.attributes, {}) for plan in (old, new))),
        *_compared("attribute of accounts", *(_named(each.attributes, {}) for each in accounts)),
        *_compared("role", *({role: {"name": role} for role in each.roles} for each in accounts)),
        *_compared("event type", *(_contracts(plan) for plan in (old, new))),
    ]
    return PlanDifference(old.digest, new.digest, tuple(changes), tuple(_effects(old, new)))


def _features(plan: Plan) -> dict[str, Feature]:
    """What all conditions of a plan count, by key."""
    return {each.key: each for each in (*(plan.accounts.features if plan.accounts is not None else ()), *plan.features)}


def _settings(old: Plan, new: Plan) -> Iterable[Change]:
    said = ({"kernel": str(plan.kernel), "zone tables": plan.zones[:16], **_zones(plan.policy)} for plan in (old, new))
    fields = _fields(*said)
    if fields:
        yield Change(CHANGED, "plan", "settings", fields)


def _zones(policy: Policy) -> Description:
    said = {
        "country": policy.country or "",
        "country attribute": policy.country_attribute or "",
        "region attribute": policy.region_attribute or "",
        "regions": ", ".join(policy.regions or ()),
        "order of classes": ", ".join(policy.order or ()),
    }
    return {"zone": policy.zone, "zone attribute": policy.zone_attribute, **{name: text for name, text in said.items() if text}}


def _calendar(calendar: Calendar) -> Description:
    """A calendar's spans, those of one reason together."""
    found: Description = described(calendar, {}, ("name", "closings"))
    for each in calendar.closings:
        ends = (f"{moment(us):%Y-%m-%d %H:%M}" for us in (each.start_us, each.end_us))
        where = f" UTC{'' if each.fixed else ' on their clock'}".replace(" UTC on", " on")
        places = (*each.countries, *each.regions)
        text = f"{' to '.join(ends)}{where}{' in ' if places else ''}{', '.join(places)}"
        name = each.reason or "closed"
        found[name] = f"{found[name]}; {text}" if name in found else text
    return found


def _named(parts: Iterable[Any], features: Mapping[str, Feature]) -> dict[str, Description]:
    return {each.name: described(each, features, ("name",)) for each in parts}


def _contracts(plan: Plan) -> dict[str, Description]:
    found: dict[str, Description] = {}
    for contract in plan.contracts:
        fields = {f"field {field.name}": _flat(field, ("name",)) for field in contract.fields}
        found[contract.event] = {**described(contract, {}, ("event", "fields", "version")), **fields}
    return found


def _flat(part: msgspec.Struct, leave_out: tuple[str, ...]) -> str:
    """What a part says, in one line."""
    return ", ".join(f"{name} {text}" for name, text in described(part, {}, leave_out).items())


def _compared(kind: str, old: dict[str, Description], new: dict[str, Description]) -> Iterable[Change]:
    """The parts of one kind that differ, by name."""
    for name in sorted(old.keys() | new.keys()):
        if name not in old or name not in new:
            how = REMOVED if name in old else ADDED
            yield Change(how, kind, name, _fields(old.get(name, {}), new.get(name, {})))
        elif old[name] != new[name]:
            yield Change(CHANGED, kind, name, _fields(old[name], new[name]))


def _fields(old: Description, new: Description) -> tuple[FieldChange, ...]:
    both = ((name, old.get(name, ""), new.get(name, "")) for name in dict.fromkeys((*old, *new)))
    return tuple(FieldChange(name, was, now) for name, was, now in both if was != now)


Features = tuple[Mapping[str, Feature], Mapping[str, Feature]]


def _journeys(old: Plan, new: Plan, features: Features) -> Iterable[Change]:
    before, after = ({journey.name: journey for journey in plan.journeys} for plan in (old, new))
    for name in sorted(before.keys() | after.keys()):
        first, second = before.get(name), after.get(name)
        if first is None or second is None:
            how = REMOVED if first is not None else ADDED
            said = [described_journey(each, known) if each else {} for each, known in zip((first, second), features, strict=True)]
            yield Change(how, "journey", name, _fields(*said), tuple(_steps(first, second, features)))
            continue
        fields = _fields(described_journey(first, features[0]), described_journey(second, features[1]))
        steps = tuple(_steps(first, second, features))
        if fields or steps:
            yield Change(CHANGED, "journey", name, fields, steps)


def _steps(old: Journey | None, new: Journey | None, features: Features) -> Iterable[Change]:
    """The steps that differ, in the order of the new journey, those removed at the end."""
    before, after = steps_of(old), steps_of(new)
    does_before, does_after = partial(described_step, features=features[0]), partial(described_step, features=features[1])
    leads_before, leads_after = partial(ways_of, features=features[0]), partial(ways_of, features=features[1])
    for name, step in after.items():
        if name not in before:
            yield Change(ADDED, "step", name, _fields({}, _whole(does_after(step), leads_after(step))))
            continue
        does = _fields(does_before(before[name]), does_after(step))
        leads = _fields(leads_before(before[name]), leads_after(step))
        if does or leads:
            yield Change(CHANGED if does else REWIRED, "step", name, does + leads)
    for name, step in before.items():
        if name not in after:
            yield Change(REMOVED, "step", name, _fields(_whole(does_before(step), leads_before(step)), {}))


def _whole(does: Description, leads: Description) -> Description:
    """A step whole: its edges and arms are told once, with where they lead."""
    return {**{name: text for name, text in does.items() if name != "edges"}, **leads}


def steps_of(journey: Journey | None) -> dict[str, AnyStep]:
    """A journey's steps by id, without the one that stands for its end."""
    return {step.id: step for step in journey.steps if step.id != "end"} if journey is not None else {}


def _effects(old: Plan, new: Plan) -> Iterable[PolicyEffect]:
    """What changed for the messages that both plans send, gathered by what changed."""
    before, after = _rules_of_sends(old), _rules_of_sends(new)
    found: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for send in sorted(before.keys() & after.keys()):
        for change in _fields(before[send], after[send]):
            found[change.field, change.old, change.new].append(send)
    for (rule, was, now), sends in found.items():
        yield PolicyEffect(rule, was, now, tuple(sends))


def _rules_of_sends(plan: Plan) -> dict[str, Description]:
    return {
        f"{journey.name} / {step.id}": _rules(plan.policy, journey, step)
        for journey in plan.journeys
        for step in journey.steps
        if isinstance(step, Send)
    }


def _rules(policy: Policy, journey: Journey, step: Send) -> Description:
    """The rules that hold for one message, by sort."""
    purpose = next(each for each in policy.purposes if each.name == step.purpose)
    kind = purpose.contact_class
    quiet = [each for each in policy.quiet_hours if kind in each.classes and (not each.channels or step.channel in each.channels)]
    budgets = [each for each in policy.budgets if counts(each, step.channel, purpose, journey.name)]
    slots = [each for each in policy.slots or () if kind in each.classes and (not each.channels or step.channel in each.channels)]
    suppressions = [each for each in policy.suppressions if kind in each.classes]
    calendars = [each for each in policy.calendars or () if kind in each.classes and (not each.channels or step.channel in each.channels)]
    said = {"purpose": purpose.name, "class": kind, "basis": purpose.basis}
    if purpose.only is not UNSET:
        said["only where"] = canonical_text(purpose.only)
    for sort, rules in (("quiet hours", quiet), ("budgets", budgets), ("contact slots", slots), ("suppressions", suppressions)):
        said[sort] = "; ".join(sorted(f"{each.name} ({_flat(each, _SCOPE)})" for each in rules))
    said["calendars"] = "; ".join(each.name for each in calendars)
    return {name: text for name, text in said.items() if text}
