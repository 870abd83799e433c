"""Edges that are written but can never be taken, as far as that can be told without trying: tests are not asked to take them.

There are three reasons: nothing can block a message; an event that a step waits for ends the entry before the step sees it; no
other way leads to the step. What is named here is certain. An edge that is not named may still be impossible.
"""

from msgspec import UNSET

from pilotage.consent.policy import Policy
from pilotage.decision.rules import counts
from pilotage.event.time import DAY_US, HOUR_US
from pilotage.journey.edges import NEXT, ON_BLOCKED, StepEdge, edges_of, step_edges
from pilotage.journey.plan import AnyStep, Branch, Call, Decide, Emit, Enter, Exit, Journey, Repeat, Send, Set, Split, Task, Wait
from pilotage.predicate.ir import Call as CallExpr
from pilotage.predicate.ir import Expr, Field, Literal

NEVER_US = 2**62
"""Longer than any journey: there is no bound."""
AT_ONCE = (Branch, Split, Set, Emit, Decide, Repeat, Exit)
"""The kinds of steps on which no entry rests."""
LOCAL_DAY_US = DAY_US + HOUR_US
"""The longest time until a time of day comes, on a day when the clock is set back."""


def impossible_edges(journey: Journey, policy: Policy) -> dict[StepEdge, str]:
    """The edges that no entry can ever take under the policies, each with the reason."""
    ended, longest = _ended_by(journey), _longest(journey)
    found: dict[StepEdge, str] = {}
    for step in journey.steps:
        for edge in step_edges(step):
            if edge.label == ON_BLOCKED and not _can_be_blocked(step, journey, policy):
                found[edge] = "nothing can block the message"
            if edge.label == NEXT and isinstance(step, Wait) and step.until in ended:
                reason, within_us = ended[step.until]
                if min(longest.get(step.id, 0) + _stay_us(step), NEVER_US) <= within_us:
                    found[edge] = f"{step.until} ends the entry before: {reason}"
    return {**found, **_cut_off(journey, found)}


def possible_edges(journey: Journey, policy: Policy) -> tuple[StepEdge, ...]:
    """The edges that tests can be asked to take."""
    impossible = impossible_edges(journey, policy)
    return tuple(edge for edge in edges_of(journey) if edge not in impossible)


def _cut_off(journey: Journey, impossible: dict[StepEdge, str]) -> dict[StepEdge, str]:
    """The edges of steps to which only impossible edges lead."""
    ways = {step.id: [edge.goto for edge in step_edges(step) if edge not in impossible] for step in journey.steps}
    reached: set[str] = set()
    ahead = [journey.steps[0].id]
    while ahead:
        name = ahead.pop()
        if name in ways and name not in reached:
            reached.add(name)
            ahead.extend(ways[name])
    lost = [step for step in journey.steps if step.id not in reached]
    return {edge: f"no possible way leads to {step.id}" for step in lost for edge in step_edges(step) if edge not in impossible}


def _can_be_blocked(step: AnyStep, journey: Journey, policy: Policy) -> bool:
    """Whether anything can block the step's message: consent, whom the purpose is for, a suppression, quiet hours, a calendar, a
    budget, a contact slot, a missing address, or, where the step waits for its receipt, a last refusal before it leaves."""
    if not isinstance(step, Send) or step.on_failure or step.recipient or step.role is not UNSET:
        return True
    purpose = next((each for each in policy.purposes if each.name == step.purpose), None)
    if purpose is None or purpose.basis in ("consent", "legitimate_interest") or purpose.only is not UNSET:
        return True
    kind = purpose.contact_class
    quiet = step.expires_us < DAY_US and any(
        kind in rule.classes and (not rule.channels or step.channel in rule.channels) for rule in policy.quiet_hours
    )
    closed = any(kind in rule.classes and (not rule.channels or step.channel in rule.channels) for rule in policy.calendars or ())
    budgets = any(counts(budget, step.channel, purpose, journey.name) for budget in policy.budgets)
    return quiet or closed or budgets or _waits_for_slots(step, kind, policy) or any(kind in rule.classes for rule in policy.suppressions)


def _waits_for_slots(step: Send, kind: str, policy: Policy) -> bool:
    """Whether the step's message, of that class, leaves at the ends of contact slots only."""
    return any(kind in slot.classes and (not slot.channels or step.channel in slot.channels) for slot in policy.slots or ())


def _ended_by(journey: Journey) -> dict[str, tuple[str, int]]:
    """The event types of which any ends an entry, each with how, and how long after it began that holds."""
    ended: dict[str, tuple[str, int]] = {}
    goal = journey.goal
    if goal is not None and not goal.stay:
        ended |= dict.fromkeys(_types_of(goal.when.expr), ("the goal", goal.within_us or NEVER_US))
    for rule in journey.exits:
        ended |= dict.fromkeys(_types_of(rule.when.expr), (f"exit, {rule.reason}", NEVER_US))
    return ended


def _types_of(expr: Expr) -> tuple[str, ...]:
    """The event types of a condition that asks for nothing but the type of the event at hand."""
    if not isinstance(expr, CallExpr) or expr.name not in ("eq", "in"):
        return ()
    asks = any(isinstance(arg, Field) and arg.of == "trigger" and arg.path == "type" for arg in expr.args)
    return tuple(str(arg.value) for arg in expr.args if isinstance(arg, Literal)) if asks else ()


def _longest(journey: Journey) -> dict[str, int]:
    """For each step the longest time after entry at which it can be reached; without bound where there is a cycle."""
    steps = {step.id: step for step in journey.steps}
    longest = {journey.steps[0].id: 0}
    for _ in journey.steps:
        before = dict(longest)
        for name, at_us in before.items():
            for edge in step_edges(steps[name]):
                if edge.goto:
                    longest[edge.goto] = max(longest.get(edge.goto, 0), min(at_us + _stay_us(steps[name]), NEVER_US))
        if longest == before:
            return longest
    return dict.fromkeys(steps, NEVER_US)


def _stay_us(step: AnyStep) -> int:
    """How long an entry can rest on a step at most."""
    if isinstance(step, Wait):
        if step.at_minute is not None:
            return min(step.timeout_us or LOCAL_DAY_US, LOCAL_DAY_US)
        return step.for_us or step.timeout_us or NEVER_US
    if isinstance(step, Send):
        return NEVER_US if step.on_failure or step.role is not UNSET else step.expires_us
    if isinstance(step, Call | Enter | Task):
        return step.timeout_us
    return 0 if isinstance(step, AT_ONCE) else NEVER_US
