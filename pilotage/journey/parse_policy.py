"""Contact policies: purposes, quiet hours, budgets and suppressions of all policy documents, made one policy."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from pilotage.consent.policy import Budget, Calendar, Policy, Purpose, QuietHours, Slot, Suppression
from pilotage.journey.document import Fields, Scalar
from pilotage.journey.findings import suggestion
from pilotage.journey.forms_of_policies import BASES, CLASSES
from pilotage.journey.names import Desk
from pilotage.journey.parse_brand import budgets_of
from pilotage.journey.parse_calendar import Homes
from pilotage.journey.scalars import count_or, duration_or, minute_or

_Rule = TypeVar("_Rule", Purpose, QuietHours, Budget, Slot, Suppression)
_NAMED = (("purpose", "purposes"), ("quiet hours", "quiet_hours"), ("budget", "budgets"), ("slot", "slots"), ("suppression", "suppress"))
ZONE_ATTRIBUTE = "timezone"
"""The attribute that holds a customer's time zone where no policy names another."""
_MARKETING_BASES = ("consent", "legitimate_interest")


def parse_purposes(fields: Fields) -> tuple[Purpose, ...]:
    """The purposes a policy document declares."""
    written = fields.map("purposes")
    return tuple(
        Purpose(key.text, value.text("class"), value.text("basis"))
        for key, value in (written.fields if written else ())
        if isinstance(value, Fields) and value.text("class") in CLASSES and value.text("basis") in BASES
    )


def parse_policy(desks: Sequence[Desk], zone: str) -> Policy:
    """One policy out of all policy documents, each list in the order of names; `zone` holds where none names its own."""
    for what, key in (
        ("purpose", "purposes"),
        ("quiet hours", "quiet_hours"),
        ("budget", "budgets"),
        ("slot", "slots"),
        ("suppression", "suppress"),
    ):
        _check_twice(desks, what, key)
    for desk in desks:
        _check_purposes(desk)
    slots = _by_name(_slot(desk, item) for desk, item in _items(desks, "slots"))
    _check_slots(desks, slots)
    return Policy(
        purposes=_by_name(purpose for desk in desks for purpose in _purposes(desk)),
        quiet_hours=_by_name(_quiet(desk, item) for desk, item in _items(desks, "quiet_hours")),
        budgets=_by_name(_budget(desk, item) for desk, item in _items(desks, "budgets")),
        suppressions=_by_name(rule for desk, item in _items(desks, "suppress") if (rule := _suppression(desk, item))),
        zone=_setting(desks, "zone", _known_zone) or zone,
        zone_attribute=_setting(desks, "zone_attribute", _known_attribute) or ZONE_ATTRIBUTE,
        slots=slots or UNSET,
        order=_order(desks),
    )


def with_calendars(
    policy: Policy, calendars: tuple[Calendar, ...], desks: Sequence[Desk], homes: Homes, regions: tuple[str, ...]
) -> Policy:
    """The policy with its calendars, if there are any, and what says in which country and, where they tell `regions` apart, in which
    region a customer is."""
    country = _setting(desks, "country", lambda desk, scalar: True)
    _setting(desks, "country_attribute", _known_attribute)
    _setting(desks, "region_attribute", _known_attribute)
    if not calendars:
        return policy
    policy = msgspec.structs.replace(policy, calendars=calendars, country=country, country_attribute=homes.country_attribute)
    return msgspec.structs.replace(policy, region_attribute=homes.region_attribute, regions=regions) if regions else policy


def _order(desks: Sequence[Desk]) -> tuple[str, ...] | UnsetType:
    """The order of classes, which only one policy, or all alike, may name; classes that it leaves out come last."""
    orders = [(desk, node) for desk in desks if (node := desk.document.root.get("order")) is not None]
    found = [tuple(item.text for item in desk.document.root.list("order") if isinstance(item, Scalar)) for desk, _ in orders]
    for (desk, node), order in zip(orders, found, strict=True):
        if order != found[0]:
            desk.wrong("P004", node, f"'order' is another in {orders[0][0].document.path}", "keep one of them")
        if len(set(order)) < len(order):
            desk.wrong("D016", node, "a class stands twice in the order", "name each class once")
    return found[0] if found else UNSET


def with_brands(policy: Policy, desks: Sequence[Desk], brands: Sequence[Desk]) -> Policy:
    """The policy with the budgets of brands beside its own."""
    known = {budget.name for budget in policy.budgets}
    added: list[Budget] = []
    for desk, name, budget in budgets_of(brands):
        if budget.name in known:
            desk.wrong("P003", name, f"the budget {budget.name!r} is declared already", "rename or remove one")
        known.add(budget.name)
        added.append(budget)
    return msgspec.structs.replace(policy, budgets=_by_name((*policy.budgets, *added))) if added else policy


def _of_brands(desk: Desk, item: Fields) -> set[str]:
    """The purposes of the brands that a budget counts together."""
    names = _known(desk, item, "brands", "C014", desk.names.brands, "brand")
    return {purpose for name in names for purpose in desk.names.brands[name].purposes}


def _items(desks: Sequence[Desk], key: str) -> list[tuple[Desk, Fields]]:
    return [(desk, item) for desk in desks for item in desk.document.root.list(key) if isinstance(item, Fields)]


def _by_name(rules: Iterable[_Rule]) -> tuple[_Rule, ...]:
    return tuple(sorted(rules, key=lambda rule: rule.name))


def _check_twice(desks: Sequence[Desk], what: str, key: str) -> None:
    """Report rules of one sort that have the same name, in whichever documents."""
    seen: dict[str, str] = {}
    for desk in desks:
        purposes = desk.document.root.map(key)
        names = (
            [name for name, _ in purposes.fields]
            if purposes
            else [name for item in desk.document.root.list(key) if isinstance(item, Fields) and (name := item.scalar("name"))]
        )
        for name in names:
            if name.text in seen:
                desk.wrong("P003", name, f"the {what} {name.text!r} is declared in {seen[name.text]} already", "rename or remove one")
            seen.setdefault(name.text, f"{desk.document.path}:{name.line}")


def _purposes(desk: Desk) -> Iterable[Purpose]:
    """The purposes of a document, each with the condition of whom it may reach, if it has one."""
    written = desk.document.root.map("purposes")
    for purpose in parse_purposes(desk.document.root):
        fields = written.get(purpose.name) if written else None
        only = desk.condition(fields.scalar("only"), desk.scope()) if isinstance(fields, Fields) else None
        yield purpose if only is None else msgspec.structs.replace(purpose, only=only)


def _check_purposes(desk: Desk) -> None:
    for purpose in parse_purposes(desk.document.root):
        if purpose.contact_class == "marketing" and purpose.basis not in _MARKETING_BASES:
            written = desk.document.root.map("purposes")
            place = written.key(purpose.name) if written else desk.document.root
            message = f"the marketing purpose {purpose.name!r} rests on {purpose.basis!r}"
            desk.wrong("P006", place, message, "marketing needs consent or a legitimate interest")


def _quiet(desk: Desk, item: Fields) -> QuietHours:
    start, end = minute_or(item.scalar("from"), 0), minute_or(item.scalar("to"), 0)
    if start == end and item.scalar("from") and item.scalar("to"):
        cure = "make them differ; for no contact at all use a suppression"
        desk.wrong("P002", item.key("to"), f"the quiet hours {item.text('name')!r} begin and end at the same time", cure)
    return QuietHours(item.text("name"), _channels(desk, item), _texts(item, "classes"), start, end)


def _budget(desk: Desk, item: Fields) -> Budget:
    return Budget(
        name=item.text("name"),
        limit=count_or(item.scalar("limit"), 1),
        window_us=duration_or(item.scalar("window"), 1),
        channels=_channels(desk, item),
        classes=_texts(item, "classes"),
        purposes=tuple(sorted({*_known(desk, item, "purposes", "J005", desk.names.purposes, "purpose"), *_of_brands(desk, item)})),
        journeys=_known(desk, item, "journeys", "P005", desk.names.journeys, "journey"),
    )


def _slot(desk: Desk, item: Fields) -> Slot:
    return Slot(
        name=item.text("name"),
        length_us=duration_or(item.scalar("length"), 1),
        classes=_texts(item, "classes"),
        limit=count_or(item.scalar("limit"), 1),
        channels=_channels(desk, item),
    )


def _check_slots(desks: Sequence[Desk], slots: Sequence[Slot]) -> None:
    """Report messages that would wait for two slots: which of the two is meant cannot be told."""
    for desk, item in _items(desks, "slots"):
        mine = next((slot for slot in slots if slot.name == item.text("name")), None)
        for other in slots:
            if mine is None or other.name >= mine.name or not set(mine.classes) & set(other.classes):
                continue
            if not mine.channels or not other.channels or set(mine.channels) & set(other.channels):
                message = f"the slots {other.name!r} and {mine.name!r} are for the same messages"
                desk.wrong("P007", item.key("name"), message, "let them differ by class or channel")


def _suppression(desk: Desk, item: Fields) -> Suppression | None:
    when = desk.condition(item.scalar("when"), desk.scope())
    return Suppression(item.text("name"), when, _texts(item, "classes"), item.text("reason")) if when else None


def _channels(desk: Desk, item: Fields) -> tuple[str, ...]:
    return _known(desk, item, "channels", "J016", desk.names.channels, "channel")


def _known(desk: Desk, item: Fields, key: str, rule: str, names: Iterable[str], what: str) -> tuple[str, ...]:
    names = tuple(names)
    found = (desk.known(rule, name, names, what, f"{what}s") for name in item.list(key) if isinstance(name, Scalar))
    return tuple(sorted({name for name in found if name}))


def _texts(item: Fields, key: str) -> tuple[str, ...]:
    return tuple(sorted({name.text for name in item.list(key) if isinstance(name, Scalar)}))


def _setting(desks: Sequence[Desk], key: str, check: Callable[[Desk, Scalar], bool]) -> str:
    """A setting that only one policy, or all alike, may make."""
    value, where = "", ""
    for desk in desks:
        scalar = desk.document.root.scalar(key)
        if scalar is None or not check(desk, scalar):
            continue
        if value and scalar.text != value:
            desk.wrong("P004", scalar, f"'{key}' is {value!r} in {where} and {scalar.text!r} here", "keep one of them")
        value, where = value or scalar.text, where or desk.document.path
    return value


def _known_zone(desk: Desk, scalar: Scalar) -> bool:
    if scalar.text in desk.names.zones:
        return True
    cure = suggestion_of_zone(scalar.text, desk.names.zones)
    desk.wrong("P001", scalar, f"unknown time zone {scalar.text!r}", cure)
    return False


def suggestion_of_zone(name: str, zones: Iterable[str]) -> str:
    """The cure for an unknown zone; there are too many zones to list."""
    near, _, _ = suggestion(name, zones, "zones").rpartition("? ")
    return f"{near}?" if near else "write an IANA name such as Europe/Berlin"


def _known_attribute(desk: Desk, scalar: Scalar) -> bool:
    return bool(desk.known("J019", scalar, desk.names.attributes, "attribute", "attributes"))
