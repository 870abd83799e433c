"""What a trial came to, held against what its test expects: each difference with its place, the expected and the actual."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from pilotage.event.time import duration_text
from pilotage.event.zone import Zones
from pilotage.journey.edges import passed_steps
from pilotage.journey.outcome import Action, Decision
from pilotage.journey.plan import Journey
from pilotage.journey.values import plain_value
from pilotage.predicate.ir import Type
from pilotage.simulate.tests import DocumentTest, HandedOver, Place
from pilotage.simulate.trial import Trial

NOTHING = "nothing"


class Difference(msgspec.Struct, frozen=True):
    """One thing that did not come out as expected."""

    what: str
    expected: str
    actual: str
    line: int
    column: int


class Judge:
    """Compares one trial with its test. Times are shown on the customer's clock."""

    def __init__(self, test: DocumentTest, trial: Trial, journey: Journey, attributes: dict[str, Type], zones: Zones) -> None:
        self.test, self.trial, self.journey, self.attributes = test, trial, journey, attributes
        self.clock = Clock(zones, test.zone)
        self.found: list[Difference] = []
        self.steps = {"", *(step.id for step in journey.steps)}

    def differences(self) -> tuple[Difference, ...]:
        """Every difference, in the order in which expectations are listed in the documentation."""
        if self.trial.problem:
            self._differs("run", "runs to its end", self.trial.problem, self.test.place)
        handed = (self._messages, self._calls, self._tasks)
        for compare in (self._enters, self._steps, *handed, self._decisions, self._ends, self._rests, self._state):
            compare()
        return tuple(self.found)

    def _differs(self, what: str, expected: str, actual: str, place: Place | None = None) -> None:
        self.found.append(Difference(what, expected, actual, *(place or self.test.expect.places[what])))

    def _enters(self) -> None:
        expected = self.test.expect.enters
        if expected is None:
            return
        refused = next((decision.reason for decision in self.trial.decisions if decision.verb == "refused"), "")
        actual = any(decision.verb in ("entered", "held_out") for decision in self.trial.decisions)
        if actual != expected:
            why = f"does not enter{f': {refused}' if refused else ''}"
            self._differs("enters", "enters" if expected else "does not enter", "enters" if actual else why)

    def _steps(self) -> None:
        expected, actual = self.test.expect.steps, passed_steps(self.journey, self.trial.decisions)
        if expected is not None and expected != actual:
            self._differs("steps", " → ".join(expected) or NOTHING, " → ".join(actual) or NOTHING)

    def _messages(self) -> None:
        self._handed_over("messages", self.test.expect.messages, [action for action in self.trial.actions if action.kind == "send"])

    def _calls(self) -> None:
        self._handed_over("calls", self.test.expect.calls, [action for action in self.trial.actions if action.kind == "call"])

    def _handed_over(self, what: str, expected: Sequence[HandedOver] | None, actual: Sequence[Action]) -> None:
        if expected is None:
            return
        for number in range(max(len(expected), len(actual))):
            wanted = expected[number] if number < len(expected) else None
            made = actual[number] if number < len(actual) else None
            if wanted is None and made is not None:
                self._differs(f"{what}, item {number + 1}", NOTHING, self._shown_action(made), self.test.expect.places[what])
            elif wanted is not None and not (made is not None and _matches(wanted, made)):
                shown = self._shown_action(made, wanted) if made is not None else NOTHING
                self._differs(f"{what}, item {number + 1}", self._shown_wanted(wanted), shown, wanted.place)

    def _shown_action(self, action: Action, wanted: HandedOver | None = None) -> str:
        recipient = action.recipient if wanted is not None and wanted.recipient else ""
        values = {key: _said(action).get(key) for key in wanted.values} if wanted is not None else {}
        return self._shown(action.step, action.target, _content(action), recipient, values, action.not_before_us)

    def _shown_wanted(self, wanted: HandedOver) -> str:
        return self._shown(wanted.step, wanted.target, wanted.content, wanted.recipient, wanted.values, wanted.at_us)

    def _shown(self, step: str, target: str, content: str, recipient: str, values: dict[str, Any], at_us: int) -> str:
        pairs = " ".join(f"{name}={text_of(value)}" for name, value in values.items())
        parts = (step, target, content, recipient, pairs, self.clock.full(at_us) if at_us else "")
        return "  ".join(part for part in parts if part) or "anything"

    def _tasks(self) -> None:
        self._handed_over("tasks", self.test.expect.tasks, [action for action in self.trial.actions if action.kind == "task"])

    def _decisions(self) -> None:
        """The expected decisions must be found in order; others may lie between."""
        expected = self.test.expect.decisions
        made = iter(self._decided(others=any(step not in self.steps for _, step in expected)))
        for verb, step in expected:
            if not any(decision.verb == verb and step in ("", self._named(decision)) for decision in made):
                told = self._decided(others=any(step not in self.steps for _, step in expected))
                actual = ", ".join(f"{decision.verb} {self._named(decision)}".strip() for decision in told)
                missing = f"{verb} {step}".strip()
                self._differs("decisions", f"{_listed(expected)} (not found: {missing})", actual or NOTHING)
                return

    def _decided(self, others: bool) -> Sequence[Decision]:
        """The journey's decisions and, if a step of another journey is named, those of all that run as well."""
        if not others:
            return self.trial.decisions
        told = (moment.decision for moment in self.trial.timeline)
        return [each for each in told if each is not None and each.journey]

    def _named(self, decision: Decision) -> str:
        """A decision's step, as a test names it."""
        return decision.step if decision.journey == self.journey.name else f"{decision.journey}/{decision.step}"

    def _ends(self) -> None:
        expected = self.test.expect.ends
        if expected is None:
            return
        end = next((decision for decision in reversed(self.trial.decisions) if decision.verb in ("exited", "entered", "held_out")), None)
        ended = end if end is not None and end.verb == "exited" else None
        if ended is not None and expected.reason in ("", ended.reason) and expected.at_us in (0, ended.at_us):
            return
        shown = f"{expected.reason or 'ends'}{f'  {self.clock.full(expected.at_us)}' if expected.at_us else ''}"
        actual = f"{ended.reason}  {self.clock.full(ended.at_us)}" if ended is not None else self._resting()
        self._differs("ends", shown, actual, expected.place)

    def _rests(self) -> None:
        expected = self.test.expect.rests
        if expected and expected not in [entry.step for entry in self.trial.state.entries if entry.journey == self.journey.name]:
            self._differs("rests", expected, self._resting())

    def _resting(self) -> str:
        entry = next((entry for entry in self.trial.state.entries if entry.journey == self.journey.name), None)
        return "there is no entry any more" if entry is None else f"rests on {entry.step or 'nothing: held out'}"

    def _state(self) -> None:
        for name, expected in self.test.expect.attributes.items():
            actual, kind = self.trial.state.attributes.get(name), self.attributes[name]
            if expected != actual:
                shown, found = (text_of(plain_value(kind, value)) for value in (expected, actual))
                self._differs(f"attributes, {name}", shown, found, self.test.expect.places["attributes"])


class Clock:
    """Instants as the customer's clock shows them."""

    def __init__(self, zones: Zones, zone: str) -> None:
        self._zones, self.zone = zones, zone

    def full(self, us: int) -> str:
        """Day and time: `Mon 2 Mar 2026 10:00`, with seconds only where there are any."""
        at = self._zones.local(us, self.zone)
        return at.strftime("%a %-d %b %Y %H:%M") + _seconds(us)

    def day(self, us: int) -> str:
        """The day: `Monday, 2 March 2026`."""
        return self._zones.local(us, self.zone).strftime("%A, %-d %B %Y")

    def time(self, us: int) -> str:
        """The time of day, with seconds."""
        return self._zones.local(us, self.zone).strftime("%H:%M:%S")


def timeline(trial: Trial, clock: Clock, journey: str) -> Iterable[str]:
    """The trial in lines, a day's heading before what happened on it."""
    day = ""
    for moment in trial.timeline:
        if clock.day(moment.at_us) != day:
            day = clock.day(moment.at_us)
            yield day
        decision = moment.decision
        if decision is None:
            yield f"  {clock.time(moment.at_us)}  {moment.text}"
        else:
            yield f"  {clock.time(moment.at_us)}    {_told(decision, journey)}"


def _told(decision: Decision, journey: str) -> str:
    """A decision in a few words."""
    where = decision.step or "(entry)"
    if decision.journey != journey:
        where = f"{decision.journey} / {where}" if decision.journey else "(audience)"
    why = f": {decision.reason}" if decision.reason else ""
    until = decision.inputs.get("until_us") if decision.verb in ("waited", "deferred") else None
    lasting = f", {duration_text(until - decision.at_us)}" if isinstance(until, int) else ""
    return f"{where}  {decision.verb}{why}{lasting}"


def text_of(value: Any) -> str:
    """A plain value as a person reads it."""
    return NOTHING if value is None else str(value)


def _matches(wanted: HandedOver, made: Action) -> bool:
    asked = (wanted.step, wanted.target, wanted.content, wanted.recipient)
    actual = (made.step, made.target, _content(made), made.recipient)
    fits = all(value in ("", found) for value, found in zip(asked, actual, strict=True))
    values = all(text_of(_said(made).get(name)) == text_of(value) for name, value in wanted.values.items())
    return fits and values and wanted.at_us in (0, made.not_before_us)


def _content(action: Action) -> str:
    """A message's content, or what is told of a task."""
    return str(action.variables["told"]) if action.kind == "task" else action.content.partition("@")[0]


def _said(action: Action) -> dict[str, Any]:
    """The values that an action carries."""
    found: dict[str, Any] = action.variables["data"] if action.kind == "task" else action.variables
    return found


def _listed(decisions: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{verb} {step}".strip() for verb, step in decisions)


def _seconds(us: int) -> str:
    return f":{us // 1_000_000 % 60:02}" if us % 60_000_000 else ""
