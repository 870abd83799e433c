"""A scenario enacted: the production `advance` on a virtual clock for one customer, among the journeys named and under all policies.

Nothing is shown as a witness that did not come about here. What is handed over is received at once, unless the scenario gives it
another fate. A `Direction` lets a customer be looked for: it answers what an entry waits for as the way wanted needs it, and what it
did is part of the scenario afterwards.
"""

import heapq
from collections.abc import Callable, Container, Iterable, Sequence
from copy import copy

import msgspec

from pilotage.consent.purposes import consent_key
from pilotage.contract.validate import ContractBroken
from pilotage.event.digest import key128
from pilotage.event.envelope import Event, wake_event
from pilotage.journey.advance import EndlessJourney, advance, wake_at
from pilotage.journey.entry import RestlessEntry
from pilotage.journey.outcome import Action, Decision
from pilotage.journey.plan import Enter
from pilotage.journey.program import Handler, Program
from pilotage.journey.work import TooManyDerived
from pilotage.predicate.error import NumberOverflow
from pilotage.profile.state import Grant, Reservation, State, Ties
from pilotage.proof.outcome import Fate, Happening, Scenario

TURNS_MAX = 600
"""How many times a scenario advances at most."""

REFUSALS = (ContractBroken, NumberOverflow, TooManyDerived, EndlessJourney, RestlessEntry)
_USUAL = {"send": Fate("sent"), "call": Fate("answered"), "task": Fate("none")}

encode = msgspec.json.Encoder(decimal_format="number").encode

Direct = Callable[[Decision, int], tuple[Happening, ...]]
"""What else happens because of a decision, at an instant: events that the way wanted needs."""


Enough = Callable[[Sequence[Decision]], bool]
"""Whether decisions are what was looked for."""

ACTED = frozenset({"sent", "set"})
"""The verbs of what journeys do that can collide."""


class Crossed(msgspec.Struct, frozen=True):
    """The moment at which a plan took over: the states of the customer, and of the account if there is one, before and after, and how many
    decisions had been made by then."""

    before: tuple[State, ...]
    after: tuple[State, ...]
    decided: int


class Enacted(msgspec.Struct):
    """What came of a scenario: the decisions in order, what happened beside what was planned, why it went no further, if so, what
    the takeover did, if there was one, and when the last thing came."""

    decisions: list[Decision]
    happened: list[Happening]
    problem: str = ""
    refused_at: tuple[str, ...] = ()
    crossed: Crossed | None = None
    until_us: int = 0


def subject_of(number: int) -> bytes:
    """The id of the customer of a number: the tests of documents number theirs alike."""
    return key128("test", number)


def account_of_number(number: int) -> bytes:
    """The id of the account of the customer of a number."""
    return key128("test", "account", number)


class Whole:
    """A program of many journeys, from which some are taken at a time; where each of them is entered is found once for all."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.accounts = Whole(program.accounts) if program.accounts is not None else None
        self._entered_by: dict[str, list[str]] = {}
        for event, handler in program.handlers.items():
            for each in handler.entrances:
                self._entered_by.setdefault(each.name, []).append(event)
        self._idle = {event: _entering(handler, ()) for event, handler in program.handlers.items()}

    def among(self, names: Iterable[str]) -> Program:
        """The same program with these journeys alone, and those that they have the customer enter; what is compiled is shared."""
        wanted, ahead = set[str](), list(names)
        while ahead:
            name = ahead.pop()
            program = self.program.named(name)
            if program is not None and name not in wanted:
                wanted.add(name)
                ahead += [step.journey for step in program.entered[name].journey.steps if isinstance(step, Enter)]
        new = self._only(wanted)
        new.accounts = self.accounts._only(wanted) if self.accounts is not None else None
        return new

    def _only(self, wanted: set[str]) -> Program:
        program = self.program
        new = copy(program)
        new.entered = {name: program.entered[name] for name in sorted(wanted) if name in program.entered}
        new.schedules = {
            audience: kept for audience, each in program.schedules.items() if (kept := tuple(one for one in each if one.name in wanted))
        }
        events = {event for name in wanted for event in self._entered_by.get(name, ())}
        new.handlers = {**self._idle, **{event: _entering(program.handlers[event], wanted) for event in events}}
        return new


def _entering(handler: Handler, wanted: Container[str]) -> Handler:
    if all(each.name in wanted for each in handler.entrances):
        return handler
    new = copy(handler)
    new.entrances = [each for each in handler.entrances if each.name in wanted]
    return new


def enact(
    program: Program, scenario: Scenario, direct: Direct | None = None, enough: Enough | None = None, after: Program | None = None
) -> Enacted:
    """What comes of a scenario, or of as much of it as is enough. `program` has its journeys, and may have no others (see `Whole`); `after`
    is the one that takes over, in a scenario in which one does."""
    return _Enactment(program, scenario, direct, enough, after).run()


class _Enactment:
    """One customer on a clock of their own, beside the account that they belong to, if any."""

    def __init__(self, program: Program, scenario: Scenario, direct: Direct | None, enough: Enough | None, after: Program | None) -> None:
        self.program, self.scenario, self.direct, self.enough = program, scenario, direct, enough
        self.told = 0
        self.after = after if scenario.takeover_us else None
        granted = {consent_key(*pair.split("|")): Grant(True, scenario.start_us - 1) for pair in scenario.consents}
        had = [
            Reservation(key128("received", number), each.channel, each.purpose, "", each.at_us, pending=False)
            for number, each in enumerate(scenario.received)
        ]
        self.customer, self.account = subject_of(scenario.subject), account_of_number(scenario.subject)
        state = State(self.customer, attributes=dict(scenario.attributes), consents=granted, budget=had)
        self.states = {self.customer: state}
        if scenario.account is not None:
            member, since_us = scenario.account, scenario.start_us - 1
            state.ties = Ties(accounts={member.name: sorted(member.roles)})
            ties = Ties(member.name, roles={role: {self.customer.hex(): since_us} for role in member.roles})
            self.states[self.account] = State(self.account, attributes=dict(member.attributes), ties=ties)
        self.queue: list[tuple[int, int, Event, bytes, bytes]] = []
        self.pending: set[bytes] = set()
        self.number = 0
        self.found = Enacted([], [])
        for each in scenario.events:
            self._happen(each)

    def run(self) -> Enacted:
        """Take what happens and what is due, in order of time."""
        for _ in range(TURNS_MAX):
            wake_us = min((at_us for state in self.states.values() if (at_us := wake_at(state))), default=0)
            queued_us = self.queue[0][0] if self.queue else 0
            at_us = min(wake_us, queued_us) if wake_us and queued_us else wake_us or queued_us
            if self.after is not None and not self.found.problem and not 0 < at_us < self.scenario.takeover_us:
                self._take_over(self.after)
                continue
            if not at_us or at_us > self.scenario.until_us or self.found.problem:
                break
            if at_us > self.found.until_us and self._enough():
                break
            self.found.until_us = at_us
            if queued_us == at_us:
                _, _, event, subject, effect = heapq.heappop(self.queue)
                if effect and effect not in self.pending:
                    continue
                self.pending.discard(effect)
                self._advance(subject, event, at_us)
            else:
                self._advance(next(each for each, state in self.states.items() if wake_at(state) == at_us), wake_event(at_us), at_us)
        return self.found

    def _enough(self) -> bool:
        """Whether what came about at an instant, fates and all, is what was looked for."""
        new, self.told = self.found.decisions[self.told :], len(self.found.decisions)
        return self.enough is not None and any(each.verb in ACTED for each in new) and self.enough(self.found.decisions)

    def _take_over(self, after: Program) -> None:
        """The plan takes over, and everybody is looked at once."""
        before, decided = tuple(self.states.values()), len(self.found.decisions)
        self.program, self.after = after, None
        for subject in tuple(self.states):
            self._advance(subject, wake_event(self.scenario.takeover_us), self.scenario.takeover_us)
        self.found.crossed = Crossed(before, tuple(self.states.values()), decided)

    def _happen(self, each: Happening) -> None:
        if not each.account or self.account in self.states:
            self._queue(each.at_us, each.type, encode(each.data), self.account if each.account else self.customer)

    def _queue(self, at_us: int, type: str, data: bytes, subject: bytes, effect: bytes = b"") -> None:
        self.number += 1
        event = Event(f"e{self.number}", "test", type, at_us, data, {})
        heapq.heappush(self.queue, (at_us, self.number, event, subject, effect))

    def _advance(self, subject: bytes, event: Event, at_us: int) -> None:
        """Advance somebody, and at the same instant whoever is handed anything over."""
        try:
            outcome = advance(self.program, self.states[subject], event, at_us)
        except REFUSALS as refusal:
            self.found.problem = f"{event.type} is refused: {refusal}"
            self.found.refused_at = tuple(str(refusal).partition(": ")[2].split(" → ")) if isinstance(refusal, TooManyDerived) else ()
            return
        self.states[subject] = outcome.state
        self.found.decisions += outcome.decisions
        for action in outcome.actions:
            self._hand_over(action, at_us)
        for effect in outcome.cancelled:
            if effect in self.pending:
                self._queue(at_us, "message.refused", encode({"effect": effect.hex()}), subject, effect)
        if self.direct is not None:
            for decision in outcome.decisions:
                for each in self.direct(decision, at_us):
                    self.found.happened.append(each)
                    self._happen(each)
        for handed in outcome.handed or ():
            target = self.account if handed.account else handed.subject
            if target in self.states:
                self._advance(target, handed.event, at_us)

    def _hand_over(self, action: Action, at_us: int) -> None:
        fate = self.scenario.fates.get(f"{action.journey}/{action.step}", _USUAL[action.kind])
        if action.kind == "task" and action.variables["told"] != "opened":
            return
        self.pending.add(action.effect)
        if fate.fate == "none":
            return
        data: dict[str, str] = {"effect": action.effect.hex()}
        if action.kind == "send":
            data |= {"channel": action.target, "purpose": action.purpose, "journey": action.journey}
        if fate.fate == "completed":
            data["outcome"] = fate.outcome
        elif fate.fate == "answered":
            data["body"] = fate.body
        noun = "message" if action.kind == "send" else action.kind
        self._queue(at_us + fate.after_us, f"{noun}.{fate.fate}", encode(data), action.subject, action.effect)
