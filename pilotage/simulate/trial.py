"""One test, run: the production `advance` on a virtual clock, for one customer made up as the test says.

Events come at their instants, wake-ups when the state asks for one, and what is handed over comes back as a receipt, at once
unless the test says otherwise. A message is looked at once more when it is handed over, as the dispatcher does. The journey
runs alone under all policies, with those that the test names beside it. The customer's id is searched for until its hash puts
it into the arms that the test asks for.
"""

import heapq
from collections.abc import Sequence
from functools import cache

import msgspec

from pilotage.contract.validate import ContractBroken
from pilotage.decision.eligibility import Later, Refused
from pilotage.event.digest import key128
from pilotage.event.envelope import Event, wake_event
from pilotage.event.time import DAY_US, SECOND_US
from pilotage.event.zone import Zones
from pilotage.experiment.assignment import arm_index, held_out
from pilotage.journey.advance import EndlessJourney, advance, wake_at
from pilotage.journey.entry import RestlessEntry
from pilotage.journey.forms_of_tests import NO_FATE
from pilotage.journey.outcome import Action, Decision
from pilotage.journey.plan import Decide, Journey, Plan, Split
from pilotage.journey.program import Program, load
from pilotage.journey.recheck import recheck_action
from pilotage.journey.work import TooManyDerived
from pilotage.predicate.error import NumberOverflow
from pilotage.profile.state import State
from pilotage.runner.delivery import expires, within_expiry
from pilotage.runner.outbox import CANCELLED_REASON
from pilotage.simulate.scenery import account_state, grants, member_id, member_state
from pilotage.simulate.tests import DocumentTest, Fate, Happening, running_with

SUBJECTS_MAX = 200_000
"""How many ids are tried for a customer who is in the arms that a test asks for."""
TURNS_MAX = 20_000
"""How many times a test advances at most."""
QUIET_AFTER_US = 3 * 365 * DAY_US
"""How long after its last event a test that does not say when it ends must have come to rest."""

CHOICES_MAX = 1_000
"""How many customers are tried for one for whom a decide step chooses as a test asks."""
_USUAL = {"send": Fate("sent"), "call": Fate("answered"), "task": Fate(NO_FATE)}
_REFUSALS = (ContractBroken, NumberOverflow, TooManyDerived, EndlessJourney, RestlessEntry)


class Receipt(msgspec.Struct, frozen=True):
    """What is to become of an action."""

    action: Action
    fate: Fate


class Moment(msgspec.Struct, frozen=True):
    """One line of a trial's timeline: an event that came (`decision` is None), or a decision."""

    at_us: int
    text: str
    decision: Decision | None = None


class Trial(msgspec.Struct, frozen=True):
    """What came of a test: the journey's decisions, what it handed over, the state in the end, and all of it in order of time, with what
    other journeys decided. `problem` is why it could not be run to its end; empty if it could."""

    decisions: tuple[Decision, ...]
    actions: tuple[Action, ...]
    state: State
    timeline: tuple[Moment, ...]
    problem: str = ""


class Stage:
    """The plan on which tests are run; programs are made once for each set of journeys."""

    def __init__(self, plan: Plan, zones: Zones) -> None:
        self.plan, self.zones = plan, zones
        self.journeys = {journey.name: journey for journey in plan.journeys}
        self.program = cache(self._load)

    def _load(self, names: frozenset[str]) -> Program:
        journeys = tuple(journey for journey in self.plan.journeys if journey.name in names)
        return load(msgspec.structs.replace(self.plan, journeys=journeys), self.zones, "test")

    def run(self, test: DocumentTest) -> Trial:
        """Run one test, for the first customer who is where it wants him, and for whom is chosen what it wants."""
        names = running_with(self.journeys, (test.journey, *test.beside))
        decides = {step.id for step in self.journeys[test.journey].steps if isinstance(step, Decide)} & test.arms.keys()
        asked = ", ".join(f"{step}: {arm}" for step, arm in test.arms.items())
        journeys, tried = [self.journeys[name] for name in sorted(names)], 0
        for number in range(SUBJECTS_MAX):
            subject = key128("test", number)
            if not all(_suits(test, journey, subject) for journey in journeys):
                continue
            trial = _Run(self.program(names), test, subject).run()
            if all(each.reason == test.arms[each.step] for each in trial.decisions if each.verb == "decided" and each.step in decides):
                return trial
            tried += 1
            if tried == CHOICES_MAX:
                return msgspec.structs.replace(trial, problem=f"for {tried} customers nothing is chosen as given ({asked})")
        return Trial((), (), State(b""), (), f"of {SUBJECTS_MAX} customers none is in these arms ({asked}) and held out as given")


def _suits(test: DocumentTest, journey: Journey, subject: bytes) -> bool:
    """Whether a customer's hash puts him where the test wants him: in its arms, and in no holdout but its own."""
    own = journey.name == test.journey
    if journey.holdout and held_out(journey.name, subject, journey.holdout) != (own and test.held_out):
        return False
    splits = [step for step in journey.steps if isinstance(step, Split) and own and step.id in test.arms]
    return all(step.arms[arm_index(step.salt, subject, [arm.share for arm in step.arms])].name == test.arms[step.id] for step in splits)


class _Run:
    """One customer on a clock of his own, or an account with its members."""

    def __init__(self, program: Program, test: DocumentTest, subject: bytes) -> None:
        self.program, self.test, self.subject = program, test, subject
        self.states = {subject: State(subject, attributes=dict(test.attributes), consents=grants(test.consents, test.start_us))}
        if test.on_account:
            self.states[subject] = account_state(subject, test)
            self.states |= {member_id(each.name): member_state(each, test.start_us) for each in test.members}
        self.queue: list[tuple[int, int, Happening | Receipt]] = []
        self.pending: dict[bytes, Action] = {}
        self.latest: dict[str, Action] = {}
        self.decisions: list[Decision] = []
        self.actions: list[Action] = []
        self.timeline: list[Moment] = []
        self.number = 0
        self.problem = ""
        for happening in test.events:
            self._queue(happening.at_us, happening)

    def run(self) -> Trial:
        """Take what happens and what is due, in order of time, until nothing is left or the test ends."""
        last_us = max((happening.at_us for happening in self.test.events), default=self.test.start_us)
        until_us = self.test.until_us or last_us + QUIET_AFTER_US
        for _ in range(TURNS_MAX):
            at_us = self._next_us()
            if not at_us or at_us > until_us or self.problem:
                break
            if self.queue and self.queue[0][0] == at_us:
                self._take(heapq.heappop(self.queue)[2], at_us)
            else:
                self._advance(next(each for each, state in self.states.items() if wake_at(state) == at_us), wake_event(at_us), at_us)
        inside = any(entry.journey == self.test.journey for entry in self.states[self.subject].entries)
        if self._next_us() and inside and not self.test.until_us and not self.problem:
            self.problem = "the entry does not come to rest within three years; write 'until'"
        return Trial(tuple(self.decisions), tuple(self.actions), self.states[self.subject], tuple(self.timeline), self.problem)

    def _next_us(self) -> int:
        """The next instant at which anything happens or is due; 0 if there is none."""
        queued_us = self.queue[0][0] if self.queue else 0
        wake_us = min((at_us for state in self.states.values() if (at_us := wake_at(state))), default=0)
        return min(queued_us, wake_us) if queued_us and wake_us else queued_us or wake_us

    def _queue(self, at_us: int, thing: Happening | Receipt) -> None:
        self.number += 1
        heapq.heappush(self.queue, (at_us, self.number, thing))

    def _take(self, thing: Happening | Receipt, at_us: int) -> None:
        if isinstance(thing, Receipt):
            self._receive(thing, at_us)
            return
        data, subject = thing.data, member_id(thing.by) if thing.by else self.subject
        if thing.of:
            action = self.latest.get(thing.of)
            if action is None:
                self.problem = f"step '{thing.of}' has sent nothing by the time of {thing.type}"
                return
            subject = action.subject
            data = {"channel": action.target, "purpose": action.purpose, "journey": action.journey, **data, "effect": action.effect.hex()}
        shown = " ".join(f"{name}={value}" for name, value in thing.data.items())
        about = (f" of {thing.of}" if thing.of else "") + (f" by {thing.by}" if thing.by else "")
        event = self._event(thing.type, at_us, msgspec.json.encode(data))
        self._advance(subject, event, at_us, f"{thing.type}{about} {shown}".rstrip())

    def _event(self, type: str, at_us: int, data: bytes) -> Event:
        self.number += 1
        return Event(f"e{self.number}", "test", type, at_us, data, {})

    def _advance(self, subject: bytes, event: Event, at_us: int, shown: str = "") -> None:
        """Advance a subject, and then at the same instant whoever it hands anything over to."""
        try:
            outcome = advance(self.program, self.states[subject], event, at_us)
        except _REFUSALS as refusal:
            self.timeline.append(Moment(at_us, shown or event.type))
            self.problem = f"the event is refused: {refusal}"
            return
        before = [decision for decision in outcome.decisions if decision.at_us < at_us]
        self._note(subject, before)
        if shown:
            self.timeline.append(Moment(at_us, shown))
        self._note(subject, outcome.decisions[len(before) :])
        self.states[subject] = outcome.state
        for action in outcome.actions:
            self._hand_over(action, at_us)
        for effect in outcome.cancelled:
            self._cancel(effect, at_us)
        for handed in outcome.handed or ():
            self._advance(self.subject if handed.account else handed.subject, handed.event, at_us)

    def _note(self, subject: bytes, decisions: Sequence[Decision]) -> None:
        if subject == self.subject:
            self.decisions += (decision for decision in decisions if decision.journey == self.test.journey)
        self.timeline += (Moment(decision.at_us, "", decision) for decision in decisions)

    def _hand_over(self, action: Action, at_us: int) -> None:
        own = action.journey == self.test.journey
        named = action.step if own else f"{action.journey}/{action.step}"
        fate = self.test.fates.get(named, _USUAL[action.kind])
        self.actions += [action] if own else []
        self.latest[named] = action
        self.pending[action.effect] = action
        told_again = action.kind == "task" and action.variables["told"] != "opened"
        if fate.fate != NO_FATE and not told_again:
            self._queue(at_us + fate.after_us, Receipt(action, fate))

    def _receive(self, receipt: Receipt, at_us: int) -> None:
        """Tell the customer's state what became of an action, unless it was cancelled before."""
        action, fate = receipt.action, receipt.fate
        if action.effect not in self.pending:
            return
        if action.kind == "send" and fate.fate == "sent":
            verdict = recheck_action(self.program, self.states[action.subject], action, at_us)
            if expires(action, at_us):
                fate = Fate("expired", reason="expired before it could leave")
            elif isinstance(verdict, Later):
                self._queue(within_expiry(action, max(verdict.at_us, at_us + SECOND_US)), receipt)
                return
            elif isinstance(verdict, Refused):
                fate = Fate("refused", reason=verdict.reason)
        del self.pending[action.effect]
        type = f"{'message' if action.kind == 'send' else action.kind}.{fate.fate}"
        self._advance(action.subject, self._event(type, at_us, _told(action, fate)), at_us, f"{type} of {action.step}")

    def _cancel(self, effect: bytes, at_us: int) -> None:
        """An action that must not leave any more, and has not: it comes back as refused, a call as failed."""
        action = self.pending.get(effect)
        if action is not None:
            self._queue(at_us, Receipt(action, Fate("refused" if action.kind == "send" else "failed", reason=CANCELLED_REASON)))


def _told(action: Action, fate: Fate) -> bytes:
    """The data of a receipt, as the dispatcher writes them."""
    data: dict[str, str] = {"effect": action.effect.hex()}
    if action.kind == "send":
        data |= {"channel": action.target, "purpose": action.purpose, "journey": action.journey}
    if fate.fate == "completed":
        data |= {"outcome": fate.outcome, **({"person": fate.person} if fate.person else {})}
    elif fate.fate == "answered":
        data["body"] = fate.body.decode()
    elif fate.reason:
        data["reason"] = fate.reason
    return msgspec.json.encode(data)
