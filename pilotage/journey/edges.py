"""The edges of a journey: every way it can take, by name, and which of them decisions show to have been taken.

A step's edges are read off the step itself: its `next`, its `on_…`, its outcomes. Those of the journey are how an entry begins
and how it can end from outside a step: held out, goal, exit rules. Tests are measured by the edges they pass.
"""

from collections import defaultdict
from collections.abc import Iterable

import msgspec
from msgspec import UNSET

from pilotage.journey.outcome import Decision
from pilotage.journey.plan import AnyStep, Branch, Call, Decide, Enter, Exit, Journey, Repeat, Send, Split, Task, Wait

OTHERWISE = "otherwise"
NEXT = "next"
ON_LOST = "on_lost"
ROUND = "round"
ON_BLOCKED, ON_FAILURE, ON_TIMEOUT = "on_blocked", "on_failure", "on_timeout"
ENTERS, HELD_OUT, GOAL = "enters", "held out", "goal"


class StepEdge(msgspec.Struct, frozen=True, order=True):
    """One way out of a step (empty: of the journey itself), by its label, and the step it leads to (empty: the end)."""

    step: str
    label: str
    goto: str = ""

    @property
    def text(self) -> str:
        """The edge as a person reads it: `remind on_blocked → note`."""
        if not self.step:
            return self.label
        return f"{self.step} {self.label} → {self.goto or 'end'}"


def edges_of(journey: Journey) -> tuple[StepEdge, ...]:
    """Every edge that is written, the journey's own first, then by step."""
    found = [StepEdge("", ENTERS, journey.steps[0].id if journey.steps else "")]
    if journey.holdout:
        found.append(StepEdge("", HELD_OUT))
    found += [_exit_edge(rule.reason) for rule in journey.exits]
    if journey.goal is not None:
        found.append(StepEdge("", GOAL))
    for step in journey.steps:
        found += step_edges(step)
    return tuple(dict.fromkeys(found))


def step_edges(step: AnyStep) -> tuple[StepEdge, ...]:
    """Every way out of one step."""
    if isinstance(step, Exit):
        return ()
    ways: list[tuple[str, str]] = []
    if isinstance(step, Branch):
        ways = [*((f"when {edge.when.text}", edge.goto) for edge in step.edges), (OTHERWISE, step.next)]
    elif isinstance(step, Split):
        ways = [(f"arm {arm.name}", arm.goto) for arm in step.arms if arm.share]
    elif isinstance(step, Send):
        ways = [(NEXT, step.next), (ON_BLOCKED, step.on_blocked), *([(ON_FAILURE, step.on_failure)] if step.on_failure else [])]
        ways += [] if step.on_lost is UNSET else [(ON_LOST, step.on_lost)]
    elif isinstance(step, Wait):
        ways = [(NEXT, step.next), *([(ON_TIMEOUT, step.on_timeout or step.next)] if step.timeout_us else [])]
    elif isinstance(step, Call) and awaits(step):
        timeout = [(ON_TIMEOUT, step.on_timeout or step.on_failure or step.next)] if step.timeout_us else []
        ways = [(NEXT, step.next), (ON_FAILURE, step.on_failure), *timeout]
    elif isinstance(step, Decide):
        ways = [*((_option(option.name), option.goto) for option in step.options), (NEXT, step.next)]
    elif isinstance(step, Repeat):
        ways = [(ROUND, step.body), (NEXT, step.next)]
    elif isinstance(step, Task):
        ways = [*((_outcome(name), goto) for name, goto in step.outcomes), *_unhappy(step)]
    elif isinstance(step, Enter) and step.timeout_us:
        ways = [*((_outcome(name), goto) for name, goto in step.outcomes), (NEXT, step.next), *_unhappy(step)]
    else:
        ways = [(NEXT, step.next)]
    return tuple(StepEdge(step.id, label, _shown(goto)) for label, goto in ways)


def _unhappy(step: Task | Enter) -> tuple[tuple[str, str], ...]:
    """Where an entry goes that waits for a person or another journey in vain."""
    return (ON_FAILURE, step.on_failure), (ON_TIMEOUT, step.on_timeout or (step.next if isinstance(step, Enter) else ""))


def awaits(step: Call) -> bool:
    """Whether an entry rests on the call until its answer is there."""
    return bool(step.returns or step.on_failure or step.on_timeout or step.timeout_us)


def passed_edges(journey: Journey, decisions: Iterable[Decision]) -> frozenset[StepEdge]:
    """The edges that an account of decisions shows to have been taken, by however many entries."""
    steps = {step.id: step for step in journey.steps}
    found: set[StepEdge] = set()
    for decision in decisions:
        if decision.journey == journey.name:
            found |= _of_journey(journey, decision)
            found |= {edge for edge in _ways_of(steps.get(decision.step)) if edge.label == taken(steps, decision)}
    return frozenset(found)


def passed_steps(journey: Journey, decisions: Iterable[Decision]) -> tuple[str, ...]:
    """The steps that entries arrived at, in order; the journey's end is none."""
    steps = {step.id: step for step in journey.steps}
    at: dict[bytes, str] = defaultdict(str)
    found: list[str] = []
    for decision in decisions:
        if decision.journey != journey.name or not decision.step or not _happens_at(steps.get(decision.step), decision):
            continue
        if at[decision.entry] != decision.step and decision.step != "end":
            found.append(decision.step)
        at[decision.entry] = "" if taken(steps, decision) else decision.step
    return tuple(found)


def taken(steps: dict[str, AnyStep], decision: Decision) -> str:
    """The label of the edge by which a decision leaves its step; empty where it does not leave it."""
    step = steps.get(decision.step)
    if decision.verb == "branched":
        return OTHERWISE if decision.rule == OTHERWISE else f"when {decision.rule}"
    if decision.verb == "assigned":
        return decision.reason
    if decision.verb == "sent":
        return NEXT if isinstance(step, Send) and not step.on_failure else ""
    if decision.verb in ("called", "requested"):
        return "" if (awaits(step) if isinstance(step, Call) else isinstance(step, Enter) and step.timeout_us) else NEXT
    if decision.verb == "answered" and isinstance(step, Enter):
        return _outcome(decision.reason) if decision.reason in dict(step.outcomes) else NEXT
    if decision.verb == "completed":
        return _outcome(decision.reason)
    if decision.verb == "decided" and isinstance(step, Decide):
        return _option(decision.reason) if any(option.name == decision.reason for option in step.options) else NEXT
    if decision.verb == "repeated":
        return ROUND if decision.reason.startswith(f"{ROUND} ") else NEXT
    return _LEAVING.get(decision.verb, "")


def _option(name: str) -> str:
    return f"chooses {name}"


def _outcome(name: str) -> str:
    return f"comes back {name}"


_LEAVING = {
    "resumed": NEXT,
    "delivered": NEXT,
    "passed": NEXT,
    "answered": NEXT,
    "set": NEXT,
    "emitted": NEXT,
    "timed_out": ON_TIMEOUT,
    "blocked": ON_BLOCKED,
    "lost": ON_LOST,
    "failed": ON_FAILURE,
}


def _of_journey(journey: Journey, decision: Decision) -> set[StepEdge]:
    if decision.verb == "entered":
        return {StepEdge("", ENTERS, journey.steps[0].id)}
    if decision.verb == "held_out":
        return {StepEdge("", HELD_OUT)}
    if decision.verb == "goal":
        return {StepEdge("", GOAL)}
    if decision.verb == "exited":
        return {_exit_edge(rule.reason) for rule in journey.exits if (rule.reason, rule.when.text) == (decision.reason, decision.rule)}
    return set()


def _exit_edge(reason: str) -> StepEdge:
    return StepEdge("", f"exit: {reason}")


def _ways_of(step: AnyStep | None) -> tuple[StepEdge, ...]:
    return step_edges(step) if step is not None else ()


def _happens_at(step: AnyStep | None, decision: Decision) -> bool:
    """Whether a decision is made by the step itself and not about the entry that rests on it."""
    if decision.verb == "exited":
        return isinstance(step, Exit)
    return decision.verb not in ("entered", "held_out", "goal", "cancelled")


def _shown(goto: str) -> str:
    """The step an edge leads to; the exit step that stands for the end is the end."""
    return "" if goto == "end" else goto
