"""Features whose past a release needs: which they are, what the past says of them, and how a subject takes that in.

A feature that no plan before has asked for is not in the states; one that was asked for with a narrower window is there in
part. Before such a release goes live, a plan that only *records* the wanted features runs from some position of each log on,
and what history says of each subject up to there is brought to it as one event of the system's own. Filters and values read
nothing but the counted event, so the past can be tallied from events alone. What journeys emit inside is no event of
history: of such event types a feature begins with the recording. An account's past is what its own records hold: its own events, and
what its members handed over to it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from pilotage.contract.builtin import FEATURES_FILLED, MADE_INSIDE
from pilotage.contract.validate import DECODE_ERRORS
from pilotage.event.envelope import Event
from pilotage.journey.plan import Accounts, Emit, Plan
from pilotage.journey.program import Program
from pilotage.journey.subjects import KEPT_TO_THEMSELVES
from pilotage.journey.work import Work
from pilotage.predicate.ir import Feature
from pilotage.profile.features import Kept, fill, kept_of, update, widest
from pilotage.profile.identity import ACCOUNT_ID
from pilotage.profile.state import State, Ties

SOURCE = "pilotage/backfill"
ON_ACCOUNTS = "on accounts: "
"""How the names of accounts' features begin where they stand beside those of persons."""


class Gap(msgspec.Struct, frozen=True):
    """A feature of persons, or of accounts (`on_accounts`), whose past is missing. `known_us` is the window it was kept with until now;
    None: it was not kept."""

    feature: Feature
    known_us: int | None = None
    on_accounts: bool = False

    @property
    def name(self) -> str:
        """What the gap is called among all of a plan: persons and accounts may count alike."""
        return f"{ON_ACCOUNTS}{self.feature.key}" if self.on_accounts else self.feature.key


class Past(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is to be filled in of one feature, as `profile.features.fill` takes it."""

    window_us: int
    known: Kept
    whole: Kept


_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(dict[str, Past])


def gaps(plan: Plan, before: Sequence[Plan]) -> tuple[Gap, ...]:
    """The features of a plan that states kept under the plans before do not have whole: those of persons in key order, then those of
    accounts, unless no plan before had any accounts, since then there is nothing to know of them."""
    persons = _missing(plan.features, (each.features for each in before), False)
    had = [each.accounts.features for each in before if each.accounts is not None]
    return persons + _missing(plan.accounts.features, had, True) if plan.accounts is not None and had else persons


def _missing(features: Iterable[Feature], before: Iterable[Sequence[Feature]], on_accounts: bool) -> tuple[Gap, ...]:
    known = {feature.key: feature.window_us for feature in widest(feature for each in before for feature in each)}
    return tuple(Gap(each, known.get(each.key), on_accounts) for each in features if known.get(each.key, -1) < each.window_us)


def gaps_named(plan: Plan, known: Mapping[str, int | None]) -> list[Gap]:
    """The gaps of some names that a recording plan fills, each with how far back it was kept before."""
    found = [Gap(each) for each in plan.features]
    found += [Gap(each, on_accounts=True) for each in (plan.accounts.features if plan.accounts is not None else ())]
    return [msgspec.structs.replace(gap, known_us=known[gap.name]) for gap in found if gap.name in known]


def recording(plan: Plan, wanted: Plan, missing: Sequence[Gap]) -> Plan:
    """The plan in force, recording from now on what the wanted one needs: its journeys and audiences, more features."""
    declared = {contract.event for contract in plan.contracts}
    contracts = (*plan.contracts, *(contract for contract in wanted.contracts if contract.event not in declared))
    persons, accounts = ([gap.feature for gap in missing if gap.on_accounts is kind] for kind in (False, True))
    recorded = plan.accounts
    if accounts:
        recorded = recorded or Accounts(roles=wanted.accounts.roles if wanted.accounts is not None else ())
        recorded = msgspec.structs.replace(recorded, features=widest((*recorded.features, *accounts)))
    return msgspec.structs.replace(
        plan,
        contracts=tuple(sorted(contracts, key=lambda contract: contract.event)),
        features=widest((*plan.features, *persons)),
        accounts=recorded,
    )


def emitted_inside(missing: Iterable[Gap], plans: Iterable[Plan]) -> tuple[str, ...]:
    """The event types among those of gaps that the system or journeys of some plans make: their past is not whole in history."""
    emitted = {step.event for plan in plans for journey in plan.journeys for step in journey.steps if isinstance(step, Emit)}
    return tuple(sorted({gap.feature.event for gap in missing} & (emitted | MADE_INSIDE)))


def handed_since(missing: Iterable[Gap], before: Iterable[Program]) -> tuple[str, ...]:
    """The event types among accounts' gaps that members did not hand over under all of the plans before that had accounts: what they did
    then is in no account's records."""
    wanted = {gap.feature.event for gap in missing if gap.on_accounts} - KEPT_TO_THEMSELVES
    kept = (program.handlers for program in before if program.accounts is not None)
    return tuple(sorted({event for handlers in kept for event in wanted if event in handlers and not handlers[event].handed}))


class _Rule:
    """How one missing feature is tallied, and what of the subject at hand passed its filter so far. What states keep of it
    already is followed event by event, since it is to be told apart from what came later to the very event."""

    __slots__ = ("gap", "instants", "known", "last_us", "narrow", "value", "values", "where")

    def __init__(self, gap: Gap, where: Callable[..., Any] | None, value: Callable[..., Any] | None) -> None:
        self.gap = gap
        self.where = where
        self.value = value
        self.instants: list[int] = []
        self.values: list[Any] | None = None if value is None else []
        self.last_us = 0
        self.narrow = None if gap.known_us is None else msgspec.structs.replace(gap.feature, window_us=gap.known_us)
        self.known: Kept | None = None

    def passed(self, occurred_us: int, received_us: int, worth: Any = None) -> None:
        """Take an event that passes the filter, with what it is worth."""
        self.instants.append(occurred_us)
        if self.values is not None:
            self.values.append(worth)
        self.last_us = received_us
        if self.narrow is not None:
            self.known = update(self.narrow, self.known, occurred_us, received_us, worth)

    def end(self) -> Past:
        """What the events that passed leave, and begin with the next subject."""
        window_us = self.gap.feature.window_us
        past = Past(window_us, self.known or [], kept_of(window_us, self.instants, self.values, self.last_us))
        self.instants, self.known = [], None
        self.values = None if self.value is None else []
        return past


class _Rules:
    """How the missing features of one kind of subjects are tallied: for each event type the rules that need no data, those that do,
    and what reads these."""

    def __init__(self, program: Program, missing: Iterable[Gap]) -> None:
        wanted = {gap.feature.key: gap for gap in missing}
        self.of_type: dict[str, tuple[tuple[_Rule, ...], tuple[_Rule, ...], Any]] = {}
        for event, handler in program.handlers.items():
            rules = [_Rule(wanted[feature.key], where, value) for feature, where, value in handler.features if feature.key in wanted]
            if rules:
                plain = tuple(rule for rule in rules if rule.where is None and rule.value is None)
                reading = tuple(rule for rule in rules if rule not in plain)
                self.of_type[event] = plain, reading, handler.validator.decode_valid
        self.all = sorted((rule for plain, reading, _ in self.of_type.values() for rule in plain + reading), key=_key)


_NO_RULES: tuple[tuple[_Rule, ...], tuple[_Rule, ...], Any] = (), (), None


class Tally:
    """Tallies the past of one subject after another. `types` are the event types to bring, `read` those of them whose data
    matter. `unfit` counts events whose data do not keep the contract of today: conditions that read these leave them out. `on_accounts`
    says that it is to be told which subjects are accounts."""

    def __init__(self, program: Program, missing: Sequence[Gap]) -> None:
        self.unfit = 0
        self.on_accounts = any(gap.on_accounts for gap in missing)
        self._persons = _Rules(program, [gap for gap in missing if not gap.on_accounts])
        accounts = program.accounts if self.on_accounts else None
        self._accounts = self._persons if accounts is None else _Rules(accounts, [gap for gap in missing if gap.on_accounts])
        self._mine = self._persons
        kinds = {**self._accounts.of_type, **self._persons.of_type}
        self.types = tuple(sorted(kinds))
        self.read = tuple(event for event in self.types if any(each.of_type.get(event, _NO_RULES)[1] for each in self._both()))

    def _both(self) -> tuple[_Rules, _Rules]:
        return self._persons, self._accounts

    def begin(self, account: bool) -> None:
        """The next subject is an account, or a person."""
        self._mine = self._accounts if account else self._persons

    def add(self, event: str, occurred_us: int, received_us: int, data: str | None) -> None:
        """Take the subject's next event, in the order they were received."""
        plain, reading, decode = self._mine.of_type.get(event, _NO_RULES)
        for rule in plain:
            rule.passed(occurred_us, received_us)
        if not reading:
            return
        try:
            payload = decode(data)
        except DECODE_ERRORS:
            self.unfit += 1
            return
        for rule in reading:
            if rule.where is not None and rule.where(None, payload, {}, received_us, event) is not True:
                continue
            worth = rule.value(None, payload, {}, received_us, event) if rule.value is not None else None
            if rule.value is None or worth is not None:
                rule.passed(occurred_us, received_us, worth)

    def end(self) -> bytes:
        """What is to be told to the subject (empty: nothing), and begin with the next one."""
        told = {rule.gap.feature.key: rule.end() for rule in self._mine.all if rule.instants}
        return _encode(told) if told else b""


def _key(rule: _Rule) -> str:
    return rule.gap.feature.key


def filled_event(plan: str, subject: bytes, at_us: int, past: bytes, account: str = "") -> Event:
    """The event that brings its past to a subject, under the recording plan of a digest; an account's names it."""
    identifiers = {ACCOUNT_ID: account} if account else {}
    return Event(f"{plan[:16]}/{subject.hex()}", SOURCE, FEATURES_FILLED, at_us, past, identifiers)


def events_told(event: Event) -> dict[str, int]:
    """How many events of each type the past that an event brings speaks of, at most over its features."""
    told: dict[str, int] = {}
    for key, past in _decoder.decode(event.data).items():
        kind = key.partition("#")[0].partition("=")[0]
        instants = past.whole[0] if past.whole and isinstance(past.whole[0], list) else past.whole
        told[kind] = max(told.get(kind, 0), len(instants))
    return told


def fill_features(work: Work, event: Event) -> None:
    """Take in what the event says of the subject's past. Nothing has asked for it yet: no condition of the plans before can,
    since the features are new or wider than any of their windows, and a later plan comes to a subject after its past."""
    work.own("features").update(_filled(work.state.features, event.data, work.now))


def with_past(state: State, past: bytes, now_us: int, account: str = "") -> State:
    """A state as it is once a past (see `Tally.end`) is taken in; what was tallied of persons' features is nothing to an account."""
    ties = state.ties if state.ties is not None or not account else Ties(account)
    if bool(account) is not (ties is not None and ties.account != ""):
        return state
    return msgspec.structs.replace(state, ties=ties, features={**state.features, **_filled(state.features, past, now_us)})


def _filled(features: Mapping[str, Kept], past: bytes, now_us: int) -> dict[str, Kept]:
    return {key: fill(each.window_us, each.known, each.whole, features.get(key), now_us) for key, each in _decoder.decode(past).items()}
