"""Takes note of what one version makes of a few subjects, and adds it to the version's tally when they have come to their end.

What lies before the time that is reported on is run all the same, since states come of it, and not counted.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple

from pilotage.event.envelope import Event
from pilotage.event.time import DAY_US, MINUTE_US, moment
from pilotage.journey.outcome import Action, Decision
from pilotage.journey.program import Program
from pilotage.journey.task_steps import OPENED
from pilotage.predicate.ir import Type
from pilotage.profile.state import State
from pilotage.simulate.tally import VALUES_MAX, VOLUMES, GroupTally, Spread, Tally, Volume, add_counts, changes, latest_weeks, peak, weekly

SENSITIVE = "sensitive"
"""Attributes of this class make no groups; those with too many values, which might single somebody out, do not either."""
VALUE_LENGTH_MAX = 40
AGES = (18, 25, 35, 45, 55, 65, 75)
"""Where age bands begin."""

STOPPED = frozenset({"blocked", "deferred", "lost"})
_YEAR = "birth_year"
_BIRTH = frozenset({"birth_date", "birthdate", "birthday", "date_of_birth", "born_on", "born", "age", _YEAR})
"""The attributes that somebody's age is known by."""


class Contact(NamedTuple):
    """A message that was handed over."""

    effect: bytes
    at_us: int
    channel: str
    journey: str
    step: str


class Watcher:
    """Notes of one version: `tally` is what they add up to, from `from_us` on."""

    def __init__(self, program: Program, from_us: int) -> None:
        self.tally = Tally()
        self.contacts: dict[bytes, list[Contact]] = {}
        self._from_us = from_us
        self._stages = {journey.name: journey.stage for journey in program.plan.journeys}
        known = [(spec.name, spec.type) for spec in program.part.attributes if spec.classification != SENSITIVE]
        self._named = [(name, kind) for name, kind in known if name not in _BIRTH]
        self._ages = [(name, kind) for name, kind in known if name in _BIRTH][:1]
        self._begin()

    def _begin(self) -> None:
        self.contacts = {}
        self._entered: dict[bytes, int] = {}
        self._acted: dict[tuple[str, bytes], dict[int, int]] = {}
        self._deferred: dict[tuple[bytes, str], int] = {}
        self._groups: dict[bytes, GroupTally] = {}

    def decided(self, subject: bytes, decisions: list[Decision]) -> None:
        """See `Watching`."""
        for decision in decisions:
            if not decision.journey:
                continue
            verb, at_us = decision.verb, decision.at_us
            if verb == "entered" or verb == "held_out":
                self._entered[decision.entry] = at_us
            if at_us >= self._from_us:
                self._count(subject, decision, verb, at_us)

    def _count(self, subject: bytes, decision: Decision, verb: str, at_us: int) -> None:
        tally, name = self.tally, f"{decision.journey}/{decision.step}"
        verbs = tally.verbs.get(name)
        if verbs is None:
            verbs = tally.verbs[name] = {}
        verbs[verb] = verbs.get(verb, 0) + 1
        if verb in VOLUMES:
            self._volume(subject, decision, f"{name}:{verb}", at_us)
        elif verb in STOPPED:
            self._stopped(subject, decision.rule, f"{verb} {name}")
            if verb == "deferred":
                self._deferred.setdefault((decision.entry, decision.step), at_us)
        elif verb == "refused":
            self._refusal(decision)
        elif verb == "exited" and decision.entry in self._entered:
            stage = self._stages.get(decision.journey, "")
            tally.stages.setdefault(stage, Spread()).add(at_us - self._entered[decision.entry])
        if verb in ("sent", "blocked"):
            self._waited(subject, decision, at_us)

    def _volume(self, subject: bytes, decision: Decision, name: str, at_us: int) -> None:
        volume = self.tally.volumes.get(name)
        if volume is None:
            volume = self.tally.volumes[name] = Volume()
        day = at_us // DAY_US
        volume.days[day] = volume.days.get(day, 0) + 1
        own = self._acted.get((name, subject))
        if own is None:
            own = self._acted[name, subject] = {}
        own[day] = own.get(day, 0) + 1
        if decision.verb == "entered":
            self._group(subject).entries += 1
        elif decision.entry in self._entered:
            self.tally.times.setdefault(name, Spread()).add(at_us - self._entered[decision.entry])

    def _stopped(self, subject: bytes, rule: str, what: str) -> None:
        found = self.tally.policies.setdefault(rule, {})
        found[what] = found.get(what, 0) + 1

    def _refusal(self, decision: Decision) -> None:
        found = self.tally.refusals.setdefault(decision.journey, {})
        found[decision.reason] = found.get(decision.reason, 0) + 1

    def _waited(self, subject: bytes, decision: Decision, at_us: int) -> None:
        since_us = self._deferred.pop((decision.entry, decision.step), 0)
        if since_us:
            self.tally.waits.add(at_us - since_us)
            group = self._group(subject)
            group.deferred += 1
            group.waited_minutes += (at_us - since_us) // MINUTE_US

    def left(self, action: Action, at_us: int) -> None:
        """See `Watching`."""
        if at_us < self._from_us:
            return
        if action.kind == "send":
            contact = Contact(action.effect, at_us, action.target, action.journey, action.step)
            self.contacts.setdefault(action.subject, []).append(contact)
            self._group(action.subject).contacts += 1
        elif action.kind == "task" and action.variables["told"] == OPENED:
            days = self.tally.tasks.setdefault(action.target, {})
            days[at_us // DAY_US] = days.get(at_us // DAY_US, 0) + 1

    def stayed(self, action: Action, rule: str, reason: str) -> None:
        """See `Watching`."""
        self._stopped(action.subject, rule, f"stopped {action.journey}/{action.step}")

    def refused(self, event: Event, fault: Exception) -> None:
        """See `Watching`."""
        self.tally.refused += 1

    def _group(self, subject: bytes) -> GroupTally:
        found = self._groups.get(subject)
        if found is None:
            found = self._groups[subject] = GroupTally(subjects=1)
        return found

    def close(self, states: Iterable[State], until_us: int) -> None:
        """The subjects have come to their end: add up what there is to be said of each, and begin with the next ones."""
        tally, accounts = self.tally, dict[bytes, str]()
        for state in states:
            tally.subjects += 1
            if state.ties is not None:
                accounts[state.subject] = state.ties.account or next(iter(state.ties.accounts), "")
            if state.ties is None or not state.ties.account:
                self._close_person(state, until_us)
        self._close_weeks(accounts, until_us)
        self._begin()

    def _close_weeks(self, accounts: Mapping[bytes, str], until_us: int) -> None:
        """How much each step's numbers changed from week to week, person by person; members of an account count as one, since what it does
        reaches all of them."""
        last_day, weeks = latest_weeks(self._from_us, until_us)
        together: dict[tuple[str, str], dict[int, int]] = {}
        volumes = self.tally.volumes
        for (name, subject), days in self._acted.items():
            account = accounts.get(subject)
            if account:
                add_counts(together.setdefault((name, account), {}), days)
            else:
                volumes[name].changes += changes(weekly(days, last_day, weeks))
        for (name, _), days in together.items():
            volumes[name].changes += changes(weekly(days, last_day, weeks))

    def _close_person(self, state: State, until_us: int) -> None:
        tally, contacts = self.tally, self.contacts.get(state.subject, ())
        channels: dict[str, int] = {"all": len(contacts)}
        for contact in contacts:
            channels[contact.channel] = channels.get(contact.channel, 0) + 1
        for channel, count in channels.items():
            people = tally.messages.setdefault(channel, {})
            people[count] = people.get(count, 0) + 1
        most = peak(contact.at_us for contact in contacts) if len(contacts) > 1 else len(contacts)
        tally.peaks[most] = tally.peaks.get(most, 0) + 1
        mine = self._groups.get(state.subject) or GroupTally(subjects=1)
        mine.exposed, mine.contacted = int(mine.entries > 0), int(mine.contacts > 0)
        for attribute, value in self._values(state, until_us):
            values = tally.groups.get(attribute)
            if values is None:
                values = tally.groups[attribute] = {}
            group = values.get(value)
            if group is None:
                group = values[value] = GroupTally()
            group.plus(mine)
            if len(values) > VALUES_MAX:
                del tally.groups[attribute]
                tally.many.append(attribute)

    def _values(self, state: State, until_us: int) -> Iterable[tuple[str, str]]:
        """The groups that a person belongs to: by what is no personal datum, and by age band."""
        attributes, many = state.attributes, self.tally.many
        for name, kind in self._named:
            value = attributes.get(name)
            if kind is Type.BOOLEAN and value is not None:
                yield name, "yes" if value else "no"
            elif kind is Type.STRING and name not in many:
                yield name, "unknown" if value is None else str(value)[:VALUE_LENGTH_MAX]
        for name, kind in self._ages:
            value = attributes.get(name)
            if name == _YEAR and isinstance(value, int):
                value = moment(until_us).year - value
            yield "age band", _age_band(value, kind, until_us)


def _age_band(value: object, kind: Type, until_us: int) -> str:
    """The band that somebody's age lies in, from an age or a date of birth as the kernel has it."""
    if kind is Type.INTEGER and isinstance(value, int):
        age = value
    elif kind is Type.DATE and isinstance(value, int):
        born, today = date.fromordinal(date(1970, 1, 1).toordinal() + value), moment(until_us).date()
        age = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    else:
        return "unknown"
    return next((f"under {upper}" for upper in AGES if age < upper), f"{AGES[-1]} and over")
