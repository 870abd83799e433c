"""Entries of earlier versions meet the version that takes them over: they end, or go on under it from the step that the map names.

An entry keeps what it had: since when it rests and until when, what it waits for, its variables and its trigger as far as the new
version knows them, its rounds, its places in the budgets. Effect keys go on with the paths of the steps they began with, and
what was sent is not sent again.
"""

from pilotage.journey.arbitration import DEFERRED
from pilotage.journey.edges import awaits
from pilotage.journey.entry import move, standing
from pilotage.journey.offers import offers
from pilotage.journey.pause import HALTED
from pilotage.journey.plan import KEY, AnyStep, Call, Enter, Send, Task, Wait
from pilotage.journey.program import JourneyProgram, StepProgram
from pilotage.journey.steps import AWAITING, HELD_OUT, WAITING, already_true, finish, park, sent_before
from pilotage.journey.takeover import Takeover, path_of
from pilotage.journey.task_steps import next_task_us
from pilotage.journey.work import Work
from pilotage.profile.state import Entry

ANEW = "\0anew"
"""What is said of a step that an entry cannot go on resting on: it begins."""


def migrate(work: Work) -> None:
    """Let each entry of a version that is taken over end or go on under the new one, as of `work.now`. One that rests on a step
    without a place in the new version is left alone: it meets the new version once it rests on another."""
    for entry in work.state.entries[:]:
        takeover = work.program.takeovers.get(entry.version)
        if takeover is None:
            continue
        goto = takeover.landing.get(entry.step)
        if takeover.policy == "exit" or goto == "":
            rule = "in_flight: exit" if takeover.policy == "exit" else f"in_flight: migrate {entry.step} to exit"
            finish(work, entry, "a new version took over", rule, cancel=True)
        elif goto is not None or entry.phase == HELD_OUT:
            _go_on(work, work.replace(entry), takeover, goto or "")


def _go_on(work: Work, entry: Entry, takeover: Takeover, goto: str) -> None:
    """Make an entry one of the new version, and let it rest where it did or begin the step it comes to."""
    old, journey = work.program.journeys[entry.version], work.program.entered[entry.journey]
    before = old.steps[entry.step].step if entry.step else None
    _carry(entry, takeover, goto)
    entry.version, entry.step = journey.version, goto
    reason = f"from {before.id}" if before is not None else "held out"
    rested = {"version": old.version, "step": before.id if before is not None else ""}
    work.decide(entry, "migrated", reason, "in_flight: migrate", rested)
    current = standing(work, entry, journey, "", None, journey.watch)
    if current is None:
        return
    if before is None:
        _observe(work, current, journey)
        return
    rests = ANEW if current.phase == HALTED else _resting(work, current, journey, before, journey.steps[goto])
    move(work, current, journey, goto if rests == ANEW else rests)


def _carry(entry: Entry, takeover: Takeover, goto: str) -> None:
    """What an entry keeps under the new version, and what it remembers of the old one."""
    acted = {content for step, content in takeover.sends if entry.origins.get(step, step) in entry.occurrence}
    entry.sent = sorted(acted.union(entry.sent))
    entry.origins = _origins(entry, takeover)
    entry.variables = {name: value for name, value in entry.variables.items() if name == KEY or name in takeover.variables}
    entry.trigger = {path: value for path, value in entry.trigger.items() if path in takeover.fields}
    if not (takeover.repeats or entry.rounds):
        return
    begun = {takeover.landing.get(name, ""): count for name, count in entry.rounds.items()}
    around = [step for step in takeover.repeats if f"{goto}/".startswith(f"{step}/")]
    entry.rounds = {name: begun.get(name, 1) for name in around if name in begun or name != goto}


def _origins(entry: Entry, takeover: Takeover) -> dict[str, str]:
    """The paths with which the new version's steps make effect keys: that of the step that led there, or one nobody has used."""
    if not entry.origins and not takeover.several and takeover.steps.issuperset(entry.occurrence):
        return takeover.paths  # by far the most frequent: the entry knows one version
    known = {step.id: entry.origins.get(step.id, step.id) for step in takeover.old.steps}
    used = {*known.values(), *entry.occurrence}
    found: dict[str, str] = {}
    for step, sources in takeover.sources.items():
        paths = [known[source] for source in sources]
        path = next((path for path in paths if path in entry.occurrence), path_of(step, paths, used, takeover.version))
        if path != step:
            found[step] = path
    return found


def _observe(work: Work, entry: Entry, journey: JourneyProgram) -> None:
    """Somebody held out stays so until the new version's goal is past."""
    goal = journey.journey.goal
    if goal is None or not goal.within_us:
        finish(work, entry, "holdout observed to its end", "holdout", cancel=False)
        return
    park(work, entry, HELD_OUT, max(entry.entered_us + goal.within_us, work.now))


def _resting(work: Work, entry: Entry, journey: JourneyProgram, before: AnyStep, program: StepProgram) -> str:
    """Let an entry go on resting on the step that its own has become; where it goes if not, or `ANEW`."""
    step = program.step
    if isinstance(before, Wait) and isinstance(step, Wait) and _alike(before, step):
        return _waiting(work, entry, program)
    if isinstance(before, Send) and isinstance(step, Send):
        return _candidate(work, entry, journey, step)
    if isinstance(before, Call) and isinstance(step, Call) and before.endpoint == step.endpoint:
        return _answer(work, entry, awaits(step), step.timeout_us, step.next)
    if isinstance(before, Enter) and isinstance(step, Enter) and before.journey == step.journey:
        return _answer(work, entry, bool(step.timeout_us), step.timeout_us, step.next)
    if isinstance(before, Task) and isinstance(step, Task) and _asks(before) <= _asks(step) and before.approval == step.approval:
        return park(work, entry, AWAITING, next_task_us(step, entry, work.now) or work.now)
    return ANEW


def _alike(before: Wait, step: Wait) -> bool:
    """Whether two waits are of one form: for a time, an event, a condition, or the same time of day."""
    if step.at_minute is not None:
        return (before.at_minute, before.timeout_us) == (step.at_minute, step.timeout_us)
    return (bool(before.for_us), bool(before.until)) == (bool(step.for_us), bool(step.until)) and before.at_minute is None


def _waiting(work: Work, entry: Entry, program: StepProgram) -> str:
    step = program.step
    assert isinstance(step, Wait)
    if already_true(work, entry, program):
        return step.next
    deadline_us = entry.deadline_us
    if not (step.for_us or step.at_minute is not None):
        deadline_us = _remaining(work, entry, step.timeout_us)
    return park(work, entry, WAITING, deadline_us)


def _remaining(work: Work, entry: Entry, timeout_us: int) -> int:
    """The deadline that an entry has, if there still is one; if there was none, the new one counts from now."""
    if not timeout_us:
        return 0
    return entry.deadline_us or work.now + timeout_us


def _candidate(work: Work, entry: Entry, journey: JourneyProgram, step: Send) -> str:
    """A message that left is not sent again; one that has not is decided when it would have been."""
    if entry.phase == AWAITING:
        return park(work, entry, AWAITING, 0) if step.on_failure or offers(journey, step) else step.next
    return ANEW if sent_before(entry, journey, step) else park(work, entry, DEFERRED, entry.deadline_us)


def _answer(work: Work, entry: Entry, waits: bool, timeout_us: int, onward: str) -> str:
    return park(work, entry, AWAITING, _remaining(work, entry, timeout_us)) if waits else onward


def _asks(step: Task) -> set[str]:
    return {outcome for outcome, _ in step.outcomes}
