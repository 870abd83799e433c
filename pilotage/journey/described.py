"""What the parts of a plan say, field by field, in the words of documents: the form in which two plans are compared.

Conditions and values are given in their canonical text, so that spelling makes no difference. What is not written is left out.
Where a step leads is told apart from what it does: two steps that differ in the former alone are wired otherwise.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from pilotage.event.cron import Cron
from pilotage.event.time import duration_text, moment
from pilotage.journey.plan import AnyStep, Arm, Assignment, Content, Edge, Enter, InFlight, Journey, Option, Task
from pilotage.predicate.canonical import canonical
from pilotage.predicate.ir import Feature, Literal, Predicate
from pilotage.predicate.ir import Node as ExpressionNode
from pilotage.predicate.text import canonical_text, expression_text

Description = dict[str, str]
"""The fields of a part of a plan and what they say."""
END = "end"
_SHARES = ("holdout", "share")
_DERIVED = ("in_flight", "trigger_fields", "variables", "steps", "exits", "enter", "goal", "name", "id", "event")
_TARGETS = ("next", "goto", "body")


def described(part: msgspec.Struct, features: Mapping[str, Feature], leave_out: tuple[str, ...] = ()) -> Description:
    """The fields of a part that say something, by their names in documents."""
    found: Description = {}
    for name in part.__struct_fields__:
        value = getattr(part, name)
        if name in leave_out or value is msgspec.UNSET or value in (None, "", (), 0, False):
            continue
        found[_field_name(name)] = _shown(name, value, features)
    return found


def described_journey(journey: Journey, features: Mapping[str, Feature]) -> Description:
    """A journey without its steps: who enters, how one leaves, what it is for, and where it begins."""
    found = described(journey, features, _DERIVED)
    found |= {f"enter {name}": text for name, text in described(journey.enter, features).items()}
    if journey.goal is not None:
        found |= {f"goal {name}": text for name, text in described(journey.goal, features).items()}
    for rule in journey.exits:
        name = f"exit {rule.reason}"
        found[name] = f"{found[name]}, or {canonical_text(rule.when)}" if name in found else canonical_text(rule.when)
    if journey.in_flight is not msgspec.UNSET:
        found["in flight"] = _in_flight(journey.in_flight)
    return {**found, "begins": journey.steps[0].id}


def _in_flight(rule: InFlight) -> str:
    if rule.policy == "exit":
        return "exit"
    ways = ", ".join(f"{step} to {goto or 'exit'}" for step, goto in rule.steps)
    return f"migrate from {rule.version or 'any'}{': ' if ways else ''}{ways}"


def described_step(step: AnyStep, features: Mapping[str, Feature]) -> Description:
    """What a step does, whatever follows."""
    targets = tuple(name for name in step.__struct_fields__ if _leads(name))
    return {"kind": kind_of(step), **described(step, features, ("id", "outcomes", *targets))}


def ways_of(step: AnyStep, features: Mapping[str, Feature]) -> Description:
    """Where a step leads, by the name of the edge."""
    found: Description = {}
    for name in step.__struct_fields__:
        value = getattr(step, name)
        if _leads(name) and (value or name == "next"):
            found[name] = value or END
        elif isinstance(value, tuple):
            found |= {_way(each, features): each.goto or END for each in value if isinstance(each, Edge | Arm | Option)}
    if isinstance(step, Enter | Task):
        found |= {f"comes back {name}": goto or END for name, goto in step.outcomes}
    if kind_of(step) in ("split", "task", "exit"):
        del found["next"]
    return found


def kind_of(step: AnyStep) -> str:
    """The step's kind, as documents call it."""
    return str(step.__struct_config__.tag)


def described_content(content: Content) -> Description:
    """A content: its channel, its parts as written, in each language, and what it says of its brand and shows."""
    found = {"channel": content.channel, "sender": content.sender or "", **content.templates}
    for locale, parts in content.locales or ():
        found |= {f"{part} ({locale})": text for part, text in parts.items()}
    found |= {f"language instead of {locale}": other for locale, other in content.fallback or ()}
    found |= {"claims": ", ".join(content.claims or ()), "excludes": ", ".join(content.excludes or ())}
    found |= {f"rights of {asset}": f"until {moment(until_us):%Y-%m-%d %H:%M} UTC" for asset, until_us in content.rights or ()}
    found |= {name: str(value.value) for name, value in content.variables if isinstance(value, Literal)}
    return {name: text for name, text in found.items() if text}


def _leads(name: str) -> bool:
    return name in _TARGETS or name.startswith("on_")


def _way(each: Edge | Arm | Option, features: Mapping[str, Feature]) -> str:
    if isinstance(each, Option):
        return f"chooses {each.name}"
    return f"arm {each.name}" if isinstance(each, Arm) else f"when {canonical_text(each.when)}"


def _field_name(name: str) -> str:
    return {"at_minute": "at", "contact_class": "class", "start_minute": "from", "end_minute": "to"}.get(name, name.removesuffix("_us"))


def _shown(name: str, value: Any, features: Mapping[str, Feature]) -> str:
    if isinstance(value, Predicate):
        return canonical_text(value)
    if isinstance(value, ExpressionNode):
        return expression_text(canonical(value), features)  # type: ignore[arg-type]
    if isinstance(value, Assignment):
        return f"{value.name} = {expression_text(canonical(value.value), features)}"
    if isinstance(value, Edge):
        return _way(value, features)
    if isinstance(value, Option):
        return " ".join((value.name, *(f"{name} {text}" for name, text in described(value, features, ("name", "goto")).items())))
    if isinstance(value, Arm):
        return f"{value.name} {_share(value.share)}"
    if isinstance(value, Cron):
        return _cron_text(value)
    if isinstance(value, tuple):
        return ", ".join(_shown("", each, features) for each in value)
    if isinstance(value, msgspec.Struct):
        return " ".join(f"{key}={text}" for key, text in described(value, features).items())
    return _single(name, value)


def _cron_text(cron: Cron) -> str:
    """When an expression comes, in the order of its fields; what it does not restrict is left out."""
    times = ", ".join(f"{minute // 60:02}:{minute % 60:02}" for minute in cron.minutes[:4])
    parts = [f"{times} and {len(cron.minutes) - 4} more" if len(cron.minutes) > 4 else times]
    restricted = (("days", cron.days, 31), ("months", cron.months, 12), ("weekdays", cron.weekdays, 7))
    parts += [f"{name} {', '.join(map(str, values))}" for name, values, every in restricted if len(values) < every]
    return " on ".join((parts[0], (" or " if cron.either else " and ").join(parts[1:]))) if parts[1:] else parts[0]


def _single(name: str, value: Any) -> str:
    if name.endswith("_us") and isinstance(value, int):
        return duration_text(value)
    if name.endswith("_minute"):
        return f"{value // 60:02}:{value % 60:02}"
    if name in _SHARES:
        return _share(value)
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def _share(value: int) -> str:
    return f"{value / 100:g}%"
