"""What a journey does that another one's doing can collide with: messages and attributes set, each with when and under what it happens.

An act's `after` is the time from the entry to the message's decision, or to the step. `needs` are conditions over attributes that stay
as they are: without them the act cannot happen. `apart` are the guards by which a journey keeps away from another one, or from events.
"""

from collections.abc import Iterator, Mapping

import msgspec
from msgspec import UNSET

from pilotage.consent.policy import Slot
from pilotage.decision.rules import ContactRules
from pilotage.event.time import DAY_US, MINUTE_US
from pilotage.journey.edges import NEXT, ON_TIMEOUT
from pilotage.journey.impossible import NEVER_US
from pilotage.journey.plan import AnyStep, AttributeSpec, Content, Enter, Journey, Plan, Send, Set, Wait
from pilotage.journey.subjects import on_accounts
from pilotage.predicate.ir import Attribute, Call, Entered, Expr, Field, InJourney, Literal, Performed
from pilotage.proof.domains import Box, box_of, comparison, conjuncts, reads_only
from pilotage.proof.passages import Passages, Span
from pilotage.proof.recipes import Recipe, recipes

SEND, SET = "send", "set"


class Guard(msgspec.Struct, frozen=True):
    """The customer had not entered a journey for `window_us` (0: was not on the way through it), asked so long before the act."""

    journey: str
    window_us: int
    before: Span


class Silence(msgspec.Struct, frozen=True):
    """The customer had not had an event for `window_us`, so long before the act."""

    event: str
    window_us: int
    before: Span


class Minutes(msgspec.Struct, frozen=True):
    """The minutes of the day at which something happens, on the clock of a zone (`subject`, `company` or an IANA name)."""

    zone: str
    minutes: frozenset[int]


class Act(msgspec.Struct, frozen=True):
    """One act. `on` is the channel or the attribute; `value` is what is set, where that is a constant. `minutes` is None where it can
    happen at any time of the day. `budgets` are the names of those in which at most one such message has a place, with their
    windows; `slot` the contact slot that it waits for."""

    kind: str
    journey: str
    step: str
    on: str
    after: Span
    needs: frozenset[tuple[Expr, bool]] = frozenset()
    apart: tuple[Guard | Silence, ...] = ()
    minutes: Minutes | None = None
    content: str = ""
    purpose: str = ""
    claims: frozenset[str] = frozenset()
    excludes: frozenset[str] = frozenset()
    value: Literal | None = None
    budgets: tuple[tuple[str, int], ...] = ()
    slot: Slot | None = None
    expires_us: int = 0


class Footprint(msgspec.Struct):
    """One journey's acts by what they are on, and what is known of all of them: `box` is what the entrance leaves of steady attributes."""

    journey: Journey
    passages: Passages
    acts: tuple[Act, ...]
    box: Box
    channels: frozenset[str]
    sets: frozenset[str]
    claims: frozenset[str]
    excludes: frozenset[str]
    told: dict[str, tuple[Recipe, ...]] = msgspec.field(default_factory=dict)

    def ways(self, step: str) -> tuple[Recipe, ...]:
        """The ways to a step that witnesses are looked for with, found out once: the easiest first."""
        if step not in self.told:
            self.told[step] = tuple(recipes(self.passages, step))
        return self.told[step]


class Setting(msgspec.Struct):
    """What the footprints of a plan are read off with: its rules, the attributes that no journey sets (`steady`), those of them whose
    value some event can change (`changing`), contents by name, the attributes that fields of events set, and the journeys that others
    have customers enter (`requested`)."""

    plan: Plan
    rules: ContactRules
    steady: frozenset[str]
    changing: frozenset[str]
    contents: Mapping[str, Content]
    fed: Mapping[tuple[str, str], AttributeSpec]
    requested: frozenset[str]


def setting_of(plan: Plan, rules: ContactRules) -> Setting:
    """The setting of a plan."""
    moving = {each.name for journey in plan.journeys for step in journey.steps if isinstance(step, Set) for each in step.attributes}
    steady = frozenset(each.name for each in plan.attributes if each.name not in moving)
    changing = frozenset(each.name for each in plan.attributes if each.sources)
    fed = {source: each for each in plan.attributes for source in each.sources}
    requested = frozenset(step.journey for journey in plan.journeys for step in journey.steps if isinstance(step, Enter))
    return Setting(plan, rules, steady, changing, {content.name: content for content in plan.contents}, fed, requested)


def footprint(journey: Journey, setting: Setting) -> Footprint:
    """What a journey does, read off its steps."""
    deferrals = {step.id: _deferral_us(step, journey, setting) for step in journey.steps if isinstance(step, Send)}
    passages = Passages(journey, deferrals)
    reader = _Reader(journey, setting, passages, deferrals)
    acts = tuple(act for step in journey.steps if step.id in passages.spans for act in reader.acts(step))
    box = box_of(reader.entrance())
    return Footprint(
        journey,
        passages,
        acts,
        box,
        frozenset(act.on for act in acts if act.kind == SEND),
        frozenset(act.on for act in acts if act.kind == SET),
        frozenset(claim for act in acts for claim in act.claims),
        frozenset(claim for act in acts for claim in act.excludes),
    )


def narrowed_to(found: Footprint, purposes: frozenset[str]) -> Footprint:
    """A footprint without the messages of other purposes; without anything where the journey is for none of these."""
    acts = tuple(act for act in found.acts if act.purpose in purposes or act.kind == SET) if is_for(found.journey, purposes) else ()
    return msgspec.structs.replace(
        found,
        acts=acts,
        channels=frozenset(act.on for act in acts if act.kind == SEND),
        sets=frozenset(act.on for act in acts if act.kind == SET),
        claims=frozenset(claim for act in acts for claim in act.claims),
        excludes=frozenset(claim for act in acts for claim in act.excludes),
    )


def is_for(journey: Journey, purposes: frozenset[str]) -> bool:
    """Whether a journey is for one of some purposes, or sends a message of one."""
    return journey.purpose in purposes or any(isinstance(step, Send) and step.purpose in purposes for step in journey.steps)


def _deferral_us(step: Send, journey: Journey, setting: Setting) -> int:
    """How long a message can be put off: until its expiry where any rule can, not at all where none can."""
    standing = setting.rules.standing(step.channel, step.purpose, journey.name)
    puts_off = standing.quiet_hours or standing.closings or standing.budgets or standing.slot
    return step.expires_us if puts_off or step.role is not UNSET else 0


class _Reader:
    """Reads the acts of one journey."""

    def __init__(self, journey: Journey, setting: Setting, passages: Passages, deferrals: dict[str, int]) -> None:
        self.journey, self.setting, self.passages, self.deferrals = journey, setting, passages, deferrals
        self.spans: dict[str, dict[str, Span]] = {"": passages.spans}

    def entrance(self) -> Iterator[tuple[Expr, bool]]:
        """What whoever enters must be, by steady attributes."""
        where = self.journey.enter.where
        for expr, holds in conjuncts(where.expr) if where is not None else ():
            needed = as_attributes(expr, self.journey, self.setting) if holds else expr
            if reads_only(needed, self.setting.steady):
                yield needed, holds

    def acts(self, step: AnyStep) -> list[Act]:
        """The acts of one step."""
        if isinstance(step, Send):
            return [self._send(step)]
        if isinstance(step, Set) and not on_accounts(self.journey):
            needs, apart = self._conditions(step.id, 0)
            after = self.passages.spans[step.id]
            return [
                Act(
                    SET,
                    self.journey.name,
                    step.id,
                    each.name,
                    after,
                    needs,
                    apart,
                    value=each.value if isinstance(each.value, Literal) else None,
                )
                for each in step.attributes
            ]
        return []

    def _send(self, step: Send) -> Act:
        setting, deferral_us = self.setting, self.deferrals[step.id]
        standing = setting.rules.standing(step.channel, step.purpose, self.journey.name)
        needs, apart = self._conditions(step.id, deferral_us)
        for rule, _ in standing.suppressions:
            not_true = Call(rule.when.expr.type, "not", (rule.when.expr,))
            needs |= {part for part in conjuncts(not_true) if reads_only(part[0], setting.steady)}
        if standing.purpose.only is not UNSET:
            needs |= {part for part in conjuncts(standing.purpose.only.expr) if reads_only(part[0], setting.steady)}
        if step.role is not UNSET:
            after, needs, apart = Span(0, NEVER_US), frozenset(), ()
        else:
            after = self.passages.spans[step.id].after(Span(0, deferral_us))
        content = setting.contents[step.content]
        return Act(
            SEND,
            self.journey.name,
            step.id,
            step.channel,
            after,
            needs,
            apart,
            minutes=None if deferral_us else self._minutes(step.id),
            content=step.content,
            purpose=step.purpose,
            claims=frozenset(content.claims or ()),
            excludes=frozenset(content.excludes or ()),
            budgets=tuple((each.name, each.window_us) for each in standing.budgets if each.limit <= 1),
            slot=standing.slot,
            expires_us=step.expires_us,
        )

    def _conditions(self, step: str, deferral_us: int) -> tuple[frozenset[tuple[Expr, bool]], tuple[Guard | Silence, ...]]:
        needs: set[tuple[Expr, bool]] = set()
        apart: list[Guard | Silence] = []
        for whole, holds, asked in sorted(self.passages.said[step], key=lambda said: said[2]):
            for expr, true in conjuncts(whole, holds):
                needed = as_attributes(expr, self.journey, self.setting) if true and not asked else expr
                if reads_only(needed, self.setting.steady):
                    needs.add((needed, true))
                if on_accounts(self.journey):
                    continue
                found, silent = kept_away(expr, true), _silent(expr, true)
                if found is not None:
                    apart.append(Guard(*found, self._from(asked)[step].after(Span(0, deferral_us))))
                if silent is not None:
                    apart.append(Silence(*silent, self._from(asked)[step].after(Span(0, deferral_us))))
        return frozenset(needs), tuple(apart)

    def _from(self, asked: str) -> dict[str, Span]:
        if asked not in self.spans:
            self.spans[asked] = self.passages.spans_from(asked)
        return self.spans[asked]

    def _minutes(self, step: str) -> Minutes | None:
        """At which minutes of the day a step is come to, where all ways to it say so."""
        found = _minutes_of(self.passages, self.journey)
        return found.get(step)


def as_attributes(expr: Expr, journey: Journey, setting: Setting) -> Expr:
    """A comparison of a field of a journey's trigger as one of the attribute that the field has just set, where it has set one."""
    said = comparison(expr, True)
    if said is None or not isinstance(said.of, Field) or said.nullable or said.name == "null" or not isinstance(expr, Call):
        return expr
    fed = setting.fed.get((journey.enter.event, said.of.path))
    if fed is None or journey.name in setting.requested or journey.enter.schedule is not UNSET:
        return expr
    return _replaced(expr, said.of, Attribute(fed.type, fed.name))


def _replaced(expr: Expr, old: Expr, new: Expr) -> Expr:
    if expr == old:
        return new
    return Call(expr.type, expr.name, tuple(_replaced(arg, old, new) for arg in expr.args)) if isinstance(expr, Call) else expr


def kept_away(expr: Expr, holds: bool) -> tuple[str, int] | None:
    """The journey that was not entered, and the window, where a condition says so."""
    if isinstance(expr, Call) and expr.name == "not" and holds:
        expr, holds = expr.args[0], False
    if holds or not isinstance(expr, Entered | InJourney):
        return None
    if isinstance(expr, InJourney):
        return expr.journey, 0
    return expr.journey, expr.window_us or NEVER_US


def _silent(expr: Expr, holds: bool) -> tuple[str, int] | None:
    """The event that was not had, and the window, where a condition says so of all such events."""
    if isinstance(expr, Call) and expr.name == "not" and holds:
        expr, holds = expr.args[0], False
    if holds or not isinstance(expr, Performed) or expr.feature != expr.event:
        return None
    return expr.event, expr.window_us or NEVER_US


def _minutes_of(passages: Passages, journey: Journey) -> dict[str, Minutes | None]:
    """For each step the minutes of the day at which it is come to; None where it can be any."""
    schedule = journey.enter.schedule
    first = None
    if schedule is not UNSET and not schedule.spread_us:
        first = Minutes(schedule.zone, frozenset(schedule.cron.minutes))
    steps = {step.id: step for step in journey.steps}
    found: dict[str, Minutes | None] = {passages.first: first}
    for _ in range(len(steps) + 2):
        before = dict(found)
        for name, minutes in before.items():
            for way in passages.ways[name]:
                if way.goto in steps:
                    came = _later(steps[name], way.label, minutes, way.least_us if way.least_us == way.most_us else None)
                    found[way.goto] = came if way.goto not in found else _joined(found[way.goto], came)
        if found == before:
            return found
    return dict.fromkeys(steps)


def _later(step: AnyStep, label: str, minutes: Minutes | None, rest_us: int | None) -> Minutes | None:
    if isinstance(step, Wait) and step.at_minute is not None and label == NEXT:
        return Minutes("subject", frozenset((step.at_minute,)))
    if minutes is None or rest_us is None or rest_us % MINUTE_US or (isinstance(step, Wait) and label == ON_TIMEOUT and not rest_us):
        return None
    shift = rest_us % DAY_US // MINUTE_US
    return Minutes(minutes.zone, frozenset((minute + shift) % 1440 for minute in minutes.minutes))


def _joined(one: Minutes | None, other: Minutes | None) -> Minutes | None:
    if one is None or other is None or one.zone != other.zone or len(one.minutes | other.minutes) > 96:
        return None
    return Minutes(one.zone, one.minutes | other.minutes)
