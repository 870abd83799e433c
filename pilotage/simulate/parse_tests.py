"""From a journey's document to its tests: every name resolved, every event held against its contract, every instant made one.

The shape of the tests has been checked with the document's. What is wrong beyond that is reported with its place, and the test
is left out.
"""

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec

from pilotage.contract.builtin import FEATURES_FILLED, MADE_INSIDE
from pilotage.contract.model import Contract
from pilotage.contract.validate import ContractBroken, Validator, validator
from pilotage.event.time import instant_us
from pilotage.event.zone import Zones
from pilotage.journey.document import Document, Fields, Node, Scalar, Tree
from pilotage.journey.findings import Report, suggestion
from pilotage.journey.forms_of_tests import CALL_FATES, NO_FATE, SEND_FATES, TASK_FATES
from pilotage.journey.plan import AnyStep, Call, Decide, Journey, Plan, Send, Split, Task
from pilotage.journey.scalars import END, Unreadable, duration_or, flag_or, instant_of
from pilotage.journey.subjects import on_accounts
from pilotage.journey.values import kernel_value
from pilotage.predicate.ir import Type
from pilotage.predicate.texts import pairs, texts
from pilotage.simulate.parse_expectation import ExpectationReader
from pilotage.simulate.tests import DocumentTest, Fate, Happening, Member, running_with

START = datetime(2026, 3, 2, 10)
"""When a test starts that does not say so: a Monday morning, on the customer's own clock."""
INSIDE = (*MADE_INSIDE, FEATURES_FILLED)
"""The types of events that a test cannot bring about."""

_validator = lru_cache(maxsize=1024)(validator)


class Names(msgspec.Struct, frozen=True):
    """What tests may refer to; `attributes` are those of persons."""

    plan: Plan
    zones: Zones
    contracts: dict[str, Contract]
    attributes: dict[str, Type]
    journeys: dict[str, Journey]
    of_accounts: dict[str, Type] = {}

    def attributes_of(self, journey: Journey) -> dict[str, Type]:
        """The attributes of what a journey runs on."""
        return self.of_accounts if on_accounts(journey) else self.attributes


def names_of(plan: Plan, zones: Zones) -> Names:
    """What the tests of a plan's journeys may refer to."""
    return Names(
        plan=plan,
        zones=zones,
        contracts={contract.event: contract for contract in plan.contracts},
        attributes={attribute.name: attribute.type for attribute in plan.attributes},
        journeys={journey.name: journey for journey in plan.journeys},
        of_accounts={each.name: each.type for each in plan.accounts.attributes} if plan.accounts is not None else {},
    )


def parse_tests(document: Document, names: Names, report: Report) -> tuple[DocumentTest, ...]:
    """The tests of a journey's document that are right; what is wrong with the others is reported."""
    journey = names.journeys[document.name]
    found: list[DocumentTest] = []
    for written in document.root.list("tests"):
        assert isinstance(written, Fields)
        test = _Reader(document, journey, names, report).test(written)
        if test is None:
            continue
        if any(other.name == test.name for other in found):
            report.add("T004", document.path, written.key("name").place, f"two tests are called {test.name!r}", "give each its own name")
        found.append(test)
    return tuple(found)


class _Reader:
    """Reads one test of a document."""

    def __init__(self, document: Document, journey: Journey, names: Names, report: Report) -> None:
        self.document, self.journey, self.names, self.report = document, journey, names, report
        self.steps = {step.id: step for step in journey.steps if step.id != END}
        self.named = self.steps
        self.zone = names.plan.policy.zone
        self.known_attributes = names.attributes_of(journey)
        self.on_account = on_accounts(journey)
        self.members: tuple[Member, ...] = ()
        self.start_us = 0
        self.wrongs = 0

    def wrong(self, rule: str, node: Node, message: str, cure: str) -> None:
        """Report a fault of this test."""
        self.wrongs += 1
        self.report.add(rule, self.document.path, node.place, message, cure)

    def known(self, scalar: Scalar, names: Iterable[str], what: str, plural: str) -> str:
        """The name a scalar holds, if it is among the names; else a finding."""
        names = tuple(names)
        if scalar.text not in names:
            self.wrong("T001", scalar, f"unknown {what} {scalar.text!r}", suggestion(scalar.text, names, plural))
        return scalar.text

    def instant(self, scalar: Scalar) -> int:
        """Microseconds UTC of a date and time; one without an offset is on the customer's clock."""
        try:
            moment = instant_of(scalar)
        except Unreadable:
            return 0
        return instant_us(moment) if moment.tzinfo else self.names.zones.instant_of(instant_us(moment), self.zone)

    def when(self, fields: Fields, default: int = 0) -> int:
        """The instant of `at`, or of `after` since the start."""
        at, after = fields.scalar("at"), fields.scalar("after")
        if at is not None:
            return self.instant(at)
        return self.start_us + duration_or(after, 0) if after is not None else default

    def attributes(self, written: Fields | None) -> dict[str, Any]:
        """Attributes in kernel representation, of what the journey runs on."""
        return self._attributes(written, self.known_attributes)

    def _attributes(self, written: Fields | None, kinds: dict[str, Type]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in written.fields if written else ():
            if self.known(key, kinds, "attribute", "attributes") in kinds:
                found[key.text] = self._attribute(key, value, kinds[key.text])
        return found

    def _attribute(self, key: Scalar, tree: Tree, kind: Type) -> Any:
        value = plain(tree)
        if kind is Type.LIST and isinstance(value, list):
            return texts(value)
        if kind is Type.MAP and isinstance(value, dict):
            return pairs(value)
        found = None if kind in (Type.LIST, Type.MAP) else kernel_value(kind, value)
        if found is None and value is not None:
            self.wrong("T005", tree, f"'{key.text}' is of type {kind}", f"write a value of type {kind}")
        return found

    def test(self, written: Fields) -> DocumentTest | None:
        """The test, or None where something is wrong with it."""
        given = written.map("given") or Fields(written.line, written.column, ())
        attributes = self.attributes(given.map("attributes"))
        self._take_zone(given, attributes)
        start = written.scalar("start")
        local_us = self.names.zones.instant_of(instant_us(START), self.zone)
        self.start_us = self.instant(start) if start else local_us
        until, beside = written.scalar("until"), tuple(self._beside(written))
        self.named = {**self.steps, **self._steps_of(running_with(self.names.journeys, (self.journey.name, *beside)))}
        self.members = self._members(given)
        test = DocumentTest(
            journey=self.journey.name,
            path=self.document.path,
            name=written.text("name"),
            place=written.place,
            start_us=self.start_us,
            zone=self.zone,
            expect=ExpectationReader(self, self.names.plan, self.steps, self.named).read(written.map("expect")),
            attributes=attributes,
            consents=self._consents(given),
            arms=self._arms(given),
            held_out=flag_or(given.scalar("held_out"), False),
            beside=beside,
            events=self._events(written),
            fates=self._fates(written),
            until_us=self.start_us + duration_or(until, 0) if until else 0,
            members=self.members,
            on_account=self.on_account,
        )
        if test.held_out and not self.journey.holdout:
            self.wrong("T006", given.key("held_out"), "the journey has no holdout", "remove 'held_out', or give the journey a 'holdout'")
        if until is not None and any(event.at_us > test.until_us for event in test.events):
            self.wrong("T006", until, "an event comes after the test's end", "let 'until' be later, or remove the event")
        return None if self.wrongs else test

    def _members(self, given: Fields) -> tuple[Member, ...]:
        """Who belongs to the account; what the account is said to have agreed to is no word of anybody's."""
        written = given.map("members")
        if not self.on_account:
            if written is not None:
                self.wrong("T006", given.key("members"), "the journey does not run on accounts", "remove 'members'")
            return ()
        for key in ("consents", "refusals"):
            if given.get(key) is not None:
                self.wrong("T006", given.key(key), "an account gives no consents, its members do", f"write '{key}' for a member")
        roles = self.names.plan.accounts.roles if self.names.plan.accounts is not None else ()
        return tuple(
            Member(
                name=key.text,
                roles=tuple(self.known(item, roles, "role", "roles") for item in value.list("roles") if isinstance(item, Scalar)),
                attributes=self._attributes(value.map("attributes"), self.names.attributes),
                consents=self._consents(value),
            )
            for key, value in (written.fields if written else ())
            if isinstance(value, Fields)
        )

    def _take_zone(self, given: Fields, attributes: dict[str, Any]) -> None:
        """The customer's zone: the one given, or what the attribute that holds it says, or the company's."""
        attribute, written = self.names.plan.policy.zone_attribute, given.scalar("zone")
        if written is not None:
            self.known(written, self.names.zones.names, "time zone", "zones")
            if attribute not in self.known_attributes:
                cure = f"declare {attribute!r} in profile.yaml, or leave 'zone' out"
                self.wrong("T006", given.key("zone"), f"customers have no zone of their own: there is no attribute {attribute!r}", cure)
            attributes[attribute] = written.text
        zone = attributes.get(attribute)
        if isinstance(zone, str) and zone in self.names.zones:
            self.zone = zone

    def _consents(self, given: Fields) -> dict[tuple[str, str], bool]:
        """What the customer has said about each purpose on each channel."""
        purposes = [purpose.name for purpose in self.names.plan.policy.purposes]
        found: dict[tuple[str, str], bool] = {}
        for key, granted in (("consents", True), ("refusals", False)):
            written = given.map(key)
            for purpose, _ in written.fields if written else ():
                self.known(purpose, purposes, "purpose", "purposes")
                for channel in written.list(purpose.text) if written else ():
                    if isinstance(channel, Scalar):
                        found[purpose.text, channel.text] = granted
        return found

    def _arms(self, given: Fields) -> dict[str, str]:
        splits = {name: _arms_of(step) for name, step in self.steps.items() if isinstance(step, Split | Decide)}
        arms: dict[str, str] = {}
        written = given.map("arms")
        for key, value in written.fields if written else ():
            if isinstance(value, Scalar) and self.known(key, splits, "split or decide step", "split and decide steps") in splits:
                arms[key.text] = self.known(value, splits[key.text], "arm", "arms")
        return arms

    def _steps_of(self, running: Iterable[str]) -> dict[str, AnyStep]:
        """The steps of the other journeys that run as well, as a test names them: the journey, a stroke, the step."""
        others = (self.names.journeys[name] for name in running if name != self.journey.name)
        return {f"{other.name}/{step.id}": step for other in others for step in other.steps if step.id != END}

    def _beside(self, written: Fields) -> Iterable[str]:
        others = [name for name in self.names.journeys if name != self.journey.name]
        for item in written.list("beside"):
            if isinstance(item, Scalar):
                yield self.known(item, others, "journey", "other journeys")

    def _events(self, written: Fields) -> tuple[Happening, ...]:
        found: list[Happening] = []
        before_us = self.start_us
        for item in written.list("events"):
            if not isinstance(item, Fields):
                continue
            at, after = item.scalar("at"), item.scalar("after")
            at_us = self.instant(at) if at is not None else before_us + duration_or(after, 0)
            if at is not None and after is not None:
                self.wrong("T006", item.key("after"), "the event has 'at' and 'after'", "keep one of them")
            if at_us < before_us:
                self.wrong("T003", at or item, "the event lies before the one written before it, or before the start", "put it in order")
            found.append(self._event(item, at_us))
            before_us = max(at_us, before_us)
        return tuple(found)

    def _event(self, item: Fields, at_us: int) -> Happening:
        written, of = item.scalar("type"), item.scalar("of")
        type = self.known(written, self.names.contracts, "event type", "event types") if written else ""
        if written and type in INSIDE:
            self.wrong("T006", written, f"a test cannot bring about {type!r}", "let what leads to it happen")
        about = type.startswith("message.")
        sends = [name for name, step in self.named.items() if isinstance(step, Send)]
        if about and of is None:
            self.wrong("T006", item, f"{type!r} does not say which message it is about", "add 'of': the step that sends it")
        if of is not None:
            self.known(of, sends, "send step", "send steps")
            if not about:
                self.wrong("T006", item.key("of"), f"{type!r} is about no message", "remove 'of'")
        data = item.map("data")
        happening = Happening(at_us, type, _object(data), of.text if of else "", item.place, self._by(item))
        if about == bool(happening.of):
            self._check_data(happening, data, item)
        return happening

    def _by(self, item: Fields) -> str:
        """The member of the account whom an event is about."""
        by = item.scalar("by")
        if by is None:
            return ""
        if not self.on_account:
            self.wrong("T006", item.key("by"), "the journey does not run on accounts", "remove 'by'")
            return ""
        return self.known(by, [member.name for member in self.members], "member", "members")

    def _check_data(self, happening: Happening, data: Fields | None, item: Fields) -> None:
        contract = self.names.contracts.get(happening.type)
        if contract is None:
            return
        effect = {"effect": "0"} if happening.of else {}
        found: Validator = _validator(contract)
        try:
            found.decode(msgspec.json.encode({**happening.data, **effect}))
        except ContractBroken as broken:
            place = _node_at(data, broken.path) if data else item
            self.wrong("T002", place, f"{broken.event}: {broken.path}: {broken.reason}", broken.cure)

    def _fates(self, written: Fields) -> dict[str, Fate]:
        handing = {name: step for name, step in self.named.items() if isinstance(step, Send | Call | Task)}
        found: dict[str, Fate] = {}
        fates = written.map("fates")
        for key, value in fates.fields if fates else ():
            name = self.known(key, handing, "send, call or task step", "send, call and task steps")
            found[key.text] = _fate(value)
            if name in handing:
                self._check_fate(handing[name], found[key.text], value)
        return found

    def _check_fate(self, step: AnyStep, fate: Fate, value: Node) -> None:
        fates: dict[str, tuple[str, ...]] = {"message": SEND_FATES, "call": CALL_FATES, "task": TASK_FATES}
        what = "message" if isinstance(step, Send) else "call" if isinstance(step, Call) else "task"
        possible = (*fates[what], NO_FATE)
        if fate.fate not in possible:
            self.wrong("T006", value, f"a {what} cannot be {fate.fate!r}", f"write one of {', '.join(possible)}")
        outcomes = [name for name, _ in step.outcomes] if isinstance(step, Task) else []
        if fate.fate == "completed" and fate.outcome not in outcomes:
            message = f"the task has no outcome {fate.outcome!r}" if fate.outcome else "a task is completed with an outcome"
            self.wrong("T006", value, message, suggestion(fate.outcome, outcomes, "outcomes"))


def _fate(written: Tree) -> Fate:
    if not isinstance(written, Fields):
        return Fate(written.text if isinstance(written, Scalar) else "")
    return Fate(
        fate=written.text("fate"),
        after_us=duration_or(written.scalar("after"), 0),
        reason=written.text("reason"),
        body=msgspec.json.encode(_object(written.map("body"))),
        outcome=written.text("outcome"),
        person=written.text("person"),
    )


def _arms_of(step: Split | Decide) -> tuple[str, ...]:
    if isinstance(step, Split):
        return tuple(arm.name for arm in step.arms if arm.share)
    return tuple(option.name for option in step.options)


def plain(tree: Tree | None) -> Any:
    """A tree as plain data."""
    if isinstance(tree, Fields):
        return _object(tree)
    if isinstance(tree, Scalar):
        return tree.value
    return [plain(item) for item in tree.items] if tree is not None else None


def _object(fields: Fields | None) -> dict[str, Any]:
    """A map as a JSON object; a dotted key is a path."""
    found: dict[str, Any] = {}
    for key, value in fields.fields if fields else ():
        *parents, name = key.text.split(".")
        inner = found
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[name] = plain(value)
    return found


def _node_at(data: Fields, path: str) -> Node:
    """The node that a path such as `$.address.zip` leads to, or the deepest one on the way."""
    node: Tree = data
    for name in path.removeprefix("$").strip(".").split("."):
        value = node.get(name) if isinstance(node, Fields) else None
        if value is None:
            break
        node = value
    return node
