"""What a test expects, read from its document."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from pilotage.journey.document import Fields, Node, Scalar, Tree
from pilotage.journey.plan import AnyStep, Call, Plan, Send, Task
from pilotage.journey.scalars import flag_or
from pilotage.simulate.tests import Ending, Expectation, HandedOver


class Resolver(Protocol):
    """Who resolves names, instants and attributes of the test at hand, and reports what is wrong."""

    def wrong(self, rule: str, node: Node, message: str, cure: str) -> None:
        """Report a fault."""

    def known(self, scalar: Scalar, names: Iterable[str], what: str, plural: str) -> str:
        """The name a scalar holds; a finding where it is none."""

    def when(self, fields: Fields, default: int = 0) -> int:
        """The instant of `at` or `after`."""

    def attributes(self, written: Fields | None) -> dict[str, Any]:
        """Attributes in kernel representation."""


class ExpectationReader:
    """Reads the expectation of one test. `named` are the journey's steps and, as JOURNEY/STEP, those of others that run as well."""

    def __init__(self, resolver: Resolver, plan: Plan, steps: Mapping[str, AnyStep], named: Mapping[str, AnyStep]) -> None:
        self._resolver, self._plan, self._steps, self._named = resolver, plan, steps, named

    def read(self, written: Fields | None) -> Expectation:
        """The expectation; an empty one is a fault."""
        if written is None:
            return Expectation({})
        if not written.fields:
            self._resolver.wrong("T006", written, "the test expects nothing", "write what must come of it, such as steps or messages")
        enters = written.scalar("enters")
        return Expectation(
            places={key.text: value.place for key, value in written.fields},
            enters=flag_or(enters, True) if enters else None,
            steps=tuple(self._step(item) for item in _scalars(written.list("steps"))) if written.get("steps") is not None else None,
            messages=self._messages(written),
            calls=self._calls(written),
            tasks=self._tasks(written),
            decisions=tuple(self._decision(item) for item in _scalars(written.list("decisions"))),
            ends=self._ending(written.get("ends")),
            rests=self._step(rests) if (rests := written.scalar("rests")) else "",
            attributes=self._resolver.attributes(written.map("attributes")),
        )

    def _step(self, scalar: Scalar) -> str:
        return self._resolver.known(scalar, self._steps, "step", "steps")

    def _messages(self, written: Fields) -> tuple[HandedOver, ...] | None:
        if written.get("messages") is None:
            return None
        sends = {name: step for name, step in self._steps.items() if isinstance(step, Send)}
        channels, contents = {step.channel for step in sends.values()}, {step.content for step in sends.values()}
        return tuple(
            HandedOver(
                place=item.place,
                step=self._name(item, "step", sends, "send step"),
                target=self._name(item, "channel", channels, "channel"),
                content=self._name(item, "content", contents, "content"),
                recipient=item.text("recipient"),
                values=_values(item.map("variables")),
                at_us=self._resolver.when(item),
            )
            for item in written.list("messages")
            if isinstance(item, Fields)
        )

    def _calls(self, written: Fields) -> tuple[HandedOver, ...] | None:
        if written.get("calls") is None:
            return None
        calls = {name: step for name, step in self._steps.items() if isinstance(step, Call)}
        return tuple(
            HandedOver(
                place=item.place,
                step=self._name(item, "step", calls, "call step"),
                target=self._name(item, "endpoint", {step.endpoint for step in calls.values()}, "endpoint"),
                values=_values(item.map("data")),
                at_us=self._resolver.when(item),
            )
            for item in written.list("calls")
            if isinstance(item, Fields)
        )

    def _tasks(self, written: Fields) -> tuple[HandedOver, ...] | None:
        if written.get("tasks") is None:
            return None
        tasks = {name: step for name, step in self._steps.items() if isinstance(step, Task)}
        told = {who for step in tasks.values() for who in (step.team, step.person, step.escalate) if who}
        return tuple(
            HandedOver(
                place=item.place,
                step=self._name(item, "step", tasks, "task step"),
                target=self._name(item, "to", told, "team or person"),
                content=item.text("told"),
                values=_values(item.map("data")),
                at_us=self._resolver.when(item),
            )
            for item in written.list("tasks")
            if isinstance(item, Fields)
        )

    def _name(self, item: Fields, key: str, names: Iterable[str], what: str) -> str:
        scalar = item.scalar(key)
        return self._resolver.known(scalar, names, what, f"{what}s") if scalar is not None else ""

    def _decision(self, scalar: Scalar) -> tuple[str, str]:
        """The verb and the step of a decision such as `timed_out hour`; the step may be left out."""
        verb, _, step = scalar.text.strip().partition(" ")
        if step and step not in self._named:
            self._resolver.known(Scalar(scalar.line, scalar.column, step, step), self._named, "step", "steps")
        return verb, step

    def _ending(self, written: Tree | None) -> Ending | None:
        if isinstance(written, Scalar):
            return Ending(written.place, written.text)
        if isinstance(written, Fields):
            return Ending(written.place, written.text("reason"), self._resolver.when(written))
        return None


def _scalars(items: Iterable[Tree]) -> Iterable[Scalar]:
    return (item for item in items if isinstance(item, Scalar))


def _values(fields: Fields | None) -> dict[str, Any]:
    """What single values are expected to be, by dotted name."""
    return {key.text: value.value for key, value in (fields.fields if fields else ()) if isinstance(value, Scalar)}
