"""What a rehearsal came to, as a document: plain data with readable values, the same for JSON, terminal and page.

Times are in minutes, days are dates in UTC, shares lie in [0, 1]. Groups of fewer than `GROUP_MIN` people are left out, so that no
report speaks of single customers but for the examples, which go by the subject id.
"""

from collections.abc import Mapping
from datetime import date

import msgspec

from pilotage.event.time import instant_text
from pilotage.journey.plan import Plan
from pilotage.simulate.contrast import Contrast
from pilotage.simulate.prediction import RATE, Forecast, next_week
from pilotage.simulate.reactions import ASSUMED, OTHERS, Rates
from pilotage.simulate.rehearsal import AMONG, BEFORE, Outcome, Rehearsal
from pilotage.simulate.tally import GroupTally, Spread, Tally, Volume

GROUP_MIN = 5
_EPOCH = date(1970, 1, 1).toordinal()


class SpreadView(msgspec.Struct, frozen=True):
    """How long something took: how often, the mean, the median and the 90 % quantile, in minutes."""

    count: int
    mean: float
    median: float
    p90: float


class StepView(msgspec.Struct, frozen=True):
    """A step's volumes: decisions by verb, by day where it acted, how long after the entry, and the week to come."""

    step: str
    verbs: dict[str, int]
    days: dict[str, dict[str, int]]
    after_entry: dict[str, SpreadView]
    next_week: dict[str, Forecast]


class JourneyView(msgspec.Struct, frozen=True):
    """A journey: who entered it and who did not, and how many of those who did, and of those held out, reached its goal."""

    journey: str
    stage: str
    candidate: bool
    entered: int
    held_out: int
    refused: dict[str, int]
    goals: int
    goal_rate: float
    held_out_goals: int
    steps: list[StepView]


class PolicyView(msgspec.Struct, frozen=True):
    """What a policy did to candidates: how many it blocked, deferred, let lose or stopped on leaving, and those of which steps."""

    rule: str
    blocked: int
    deferred: int
    lost: int
    stopped: int
    steps: dict[str, int]


class MessagesView(msgspec.Struct, frozen=True):
    """Messages handed over on a channel (or `all`): in all, per person, and how many people got how many."""

    channel: str
    total: int
    per_person: float
    people: dict[str, int]


class TeamView(msgspec.Struct, frozen=True):
    """Tasks of a team (or person): in all, by day, on the busiest day, and on how many days more than it can do (0: not declared)."""

    team: str
    total: int
    busiest: int
    capacity: int
    days_over: int
    days: dict[str, int]


class CostView(msgspec.Struct, frozen=True):
    """What a channel's messages cost at its declared price each, as decimal text."""

    channel: str
    messages: int
    price: str
    cost: str


class GroupView(msgspec.Struct, frozen=True):
    """What a group met with: how many of it entered anything, were contacted, got how many messages each, and how long candidates
    that were put off waited on average, in minutes."""

    attribute: str
    value: str
    people: int
    exposed: float
    contacted: float
    messages: float
    waited: float


class VersionView(msgspec.Struct, frozen=True):
    """What one version came to. `peaks` say how many people got how many messages at most in seven days."""

    version: str
    plan: str
    subjects: int
    events: int
    refused: int
    journeys: list[JourneyView]
    policies: list[PolicyView]
    messages: list[MessagesView]
    peaks: dict[str, int]
    teams: list[TeamView]
    costs: list[CostView]
    stages: dict[str, SpreadView]
    waits: SpreadView
    reactions: dict[str, dict[str, int]]
    groups: list[GroupView]


class MessageLine(msgspec.Struct, frozen=True):
    """A message of an example, and what became of it: kept, new, gone, earlier or later."""

    at: str
    channel: str
    journey: str
    step: str
    fate: str


class ExampleView(msgspec.Struct, frozen=True):
    """A subject for whom the versions differ, with all messages of either."""

    subject: str
    messages: list[MessageLine]


class ContrastView(msgspec.Struct, frozen=True):
    """What the candidate among all others does otherwise than the plan before. `displaced` are messages, gone, of journeys that both
    have alike."""

    subjects: int
    differing: int
    new: dict[str, int]
    gone: dict[str, int]
    displaced: dict[str, int]
    moved: dict[str, int]
    delays: SpreadView
    examples: list[ExampleView]


class Terms(msgspec.Struct, frozen=True):
    """What a company has declared for reports: the price of a message by channel, as decimal text, and how many tasks a team can do a
    day."""

    prices: dict[str, str] = {}
    capacity: dict[str, int] = {}


class Report(msgspec.Struct, frozen=True):
    """A rehearsal's report. `rehearsal` is the digest of all that decided it, `plan` that of the candidate among all others."""

    kind: str
    format: int
    rehearsal: str
    plan: str
    before: str
    candidate: list[str]
    events: str
    begins: str
    until: str
    seed: int
    sample: float
    forecast_rate: float
    assumptions: list[str]
    rates: dict[str, Rates]
    versions: list[VersionView]
    contrast: ContrastView | None


def report_of(rehearsal: Rehearsal, outcome: Outcome, plans: Mapping[str, Plan], terms: Terms, assumptions: list[str]) -> Report:
    """The report of all parts' outcome. `plans` are those of the versions."""
    return Report(
        kind="rehearsal",
        format=1,
        rehearsal=rehearsal.digest,
        plan=rehearsal.plans[AMONG],
        before=rehearsal.plans.get(BEFORE, ""),
        candidate=list(rehearsal.changed),
        events=rehearsal.events,
        begins=instant_text(rehearsal.from_us),
        until=instant_text(rehearsal.until_us),
        seed=rehearsal.seed,
        sample=round(rehearsal.sample / (1 << 32), 6),
        forecast_rate=RATE,
        assumptions=assumptions,
        rates=_rates(rehearsal, outcome),
        versions=[_version(version, rehearsal, outcome.tallies[version], plans[version], terms) for version in rehearsal.plans],
        contrast=_contrast(outcome.contrast) if BEFORE in rehearsal.plans else None,
    )


def _rates(rehearsal: Rehearsal, outcome: Outcome) -> dict[str, Rates]:
    """The rates that were drawn by: of steps and channels measured, and of the other channels used as assumed."""
    habits = rehearsal.habits
    channels = {channel for tally in outcome.tallies.values() for channel in tally.reactions if channel != "task"}
    assumed = {channel: ASSUMED.get(channel, OTHERS) for channel in sorted(channels - habits.channels.keys())}
    return {**assumed, **habits.channels, **habits.steps}


def _version(version: str, rehearsal: Rehearsal, tally: Tally, plan: Plan, terms: Terms) -> VersionView:
    return VersionView(
        version=version,
        plan=plan.digest,
        subjects=tally.subjects,
        events=tally.events,
        refused=tally.refused,
        journeys=[_journey(journey.name, journey.stage, rehearsal, tally, [s.id for s in journey.steps]) for journey in plan.journeys],
        policies=[_policy(rule, steps) for rule, steps in sorted(tally.policies.items())],
        messages=[_messages(channel, people) for channel, people in sorted(tally.messages.items())],
        peaks={str(most): people for most, people in sorted(tally.peaks.items())},
        teams=[_team(team, days, terms.capacity.get(team, 0)) for team, days in sorted(tally.tasks.items())],
        costs=list(_costs(tally, terms)),
        stages={stage: _spread(spread) for stage, spread in sorted(tally.stages.items())},
        waits=_spread(tally.waits),
        reactions={where: dict(sorted(counts.items())) for where, counts in sorted(tally.reactions.items())},
        groups=[
            _group(attribute, value, group)
            for attribute, values in sorted(tally.groups.items())
            for value, group in sorted(values.items())
            if group.subjects >= GROUP_MIN and len(values) > 1
        ],
    )


def _journey(name: str, stage: str, rehearsal: Rehearsal, tally: Tally, steps: list[str]) -> JourneyView:
    entry = tally.verbs.get(f"{name}/", {})
    entered = entry.get("entered", 0)
    goals = sum(tally.verbs.get(f"{name}/{step}", {}).get("goal", 0) for step in steps)
    return JourneyView(
        journey=name,
        stage=stage,
        candidate=name in rehearsal.changed,
        entered=entered,
        held_out=entry.get("held_out", 0),
        refused=dict(sorted(tally.refusals.get(name, {}).items())),
        goals=goals,
        goal_rate=round(goals / entered, 4) if entered else 0.0,
        held_out_goals=entry.get("goal", 0),
        steps=[_step(name, step, rehearsal, tally) for step in ("", *steps) if f"{name}/{step}" in tally.verbs],
    )


def _step(journey: str, step: str, rehearsal: Rehearsal, tally: Tally) -> StepView:
    name = f"{journey}/{step}"
    verbs = dict(sorted(tally.verbs[name].items()))
    volumes: dict[str, Volume] = {verb: tally.volumes[f"{name}:{verb}"] for verb in verbs if f"{name}:{verb}" in tally.volumes}
    forecasts = {verb: next_week(volume, rehearsal.from_us, rehearsal.until_us) for verb, volume in volumes.items()}
    return StepView(
        step=step,
        verbs=verbs,
        days={verb: {_day(day): count for day, count in sorted(volume.days.items())} for verb, volume in volumes.items()},
        after_entry={verb: _spread(tally.times[f"{name}:{verb}"]) for verb in volumes if f"{name}:{verb}" in tally.times},
        next_week={verb: found for verb, found in forecasts.items() if found is not None},
    )


def _policy(rule: str, steps: Mapping[str, int]) -> PolicyView:
    counts = dict.fromkeys(("blocked", "deferred", "lost", "stopped"), 0)
    for what, count in steps.items():
        counts[what.partition(" ")[0]] += count
    return PolicyView(rule=rule, **counts, steps=dict(sorted(steps.items(), key=lambda each: (-each[1], each[0]))))


def _messages(channel: str, people: Mapping[int, int]) -> MessagesView:
    total = sum(count * number for count, number in people.items())
    everybody = sum(people.values())
    shown = {str(count): number for count, number in sorted(people.items())}
    return MessagesView(channel, total, round(total / everybody, 3) if everybody else 0.0, shown)


def _team(team: str, days: Mapping[int, int], capacity: int) -> TeamView:
    over = sum(count > capacity for count in days.values()) if capacity else 0
    shown = {_day(day): count for day, count in sorted(days.items())}
    return TeamView(team, sum(days.values()), max(days.values(), default=0), capacity, over, shown)


def _costs(tally: Tally, terms: Terms) -> list[CostView]:
    found = []
    for channel, price in sorted(terms.prices.items()):
        messages = sum(count * number for count, number in tally.messages.get(channel, {}).items())
        found.append(CostView(channel, messages, price, _times(price, messages)))
    return found


def _times(price: str, messages: int) -> str:
    """A decimal times a number, exactly."""
    whole, _, fraction = price.partition(".")
    digits = str(int(whole + fraction or "0") * messages).rjust(len(fraction) + 1, "0")
    return f"{digits[: -len(fraction)]}.{digits[-len(fraction) :]}" if fraction else digits


def _group(attribute: str, value: str, group: GroupTally) -> GroupView:
    return GroupView(
        attribute=attribute,
        value=value,
        people=group.subjects,
        exposed=round(group.exposed / group.subjects, 4),
        contacted=round(group.contacted / group.subjects, 4),
        messages=round(group.contacts / group.subjects, 3),
        waited=round(group.waited_minutes / group.deferred, 1) if group.deferred else 0.0,
    )


def _contrast(contrast: Contrast) -> ContrastView:
    return ContrastView(
        subjects=contrast.subjects,
        differing=contrast.differing,
        new=dict(sorted(contrast.new.items())),
        gone=dict(sorted(contrast.gone.items())),
        displaced=dict(sorted(contrast.displaced.items())),
        moved=dict(sorted(contrast.moved.items())),
        delays=_spread(contrast.delays),
        examples=[
            ExampleView(
                example.subject,
                [MessageLine(instant_text(each.at_us), each.channel, each.journey, each.step, each.fate) for each in example.messages],
            )
            for example in sorted(contrast.examples)
        ],
    )


def _spread(spread: Spread) -> SpreadView:
    mean = spread.minutes / spread.count if spread.count else 0.0
    return SpreadView(spread.count, round(mean, 1), round(spread.quantile(0.5), 1), round(spread.quantile(0.9), 1))


def _day(day: int) -> str:
    return date.fromordinal(_EPOCH + day).isoformat()
