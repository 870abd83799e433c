"""What shows that somebody comes to what is not for them: in the kernel, among the decisions of a scenario.

A message that is refused says so itself. Of what nothing refuses, a probe is enacted beside it: the same journey, which at that step asks
the restriction and does nothing else.
"""

from collections.abc import Callable, Sequence

import msgspec
from msgspec import UNSET

from pilotage.decision.eligibility import known_not, only_rule
from pilotage.journey.outcome import Decision
from pilotage.journey.plan import Branch, Call, Edge, Enter, Exit, Journey, Plan, Send, Task
from pilotage.journey.program import Program, load
from pilotage.proof.conflict import Conflicts
from pilotage.proof.enactment import enact
from pilotage.proof.outcome import Collision, Scenario
from pilotage.proof.restriction import Restriction, denied

_FALSE, _UNKNOWN = "false!", "unknown!"
"""The steps at which whoever a purpose is not for, or may not be for, leaves a probe."""
_DONE = ("sent", "opened", "called")


class Found(msgspec.Struct, frozen=True):
    """Somebody at a step who must not be there: when, and whether that is known of them."""

    collision: Collision
    known: bool


Shows = Callable[[Scenario], Found | None]
"""What a scenario shows; None where that is nothing."""


def barred(conflicts: Conflicts, name: str, step: Send) -> Shows:
    """Shows a message that is refused because its purpose is not for the customer."""
    program, rule = conflicts.setup.among((name,)), only_rule(step.purpose)

    def shows(scenario: Scenario) -> Found | None:
        for each in enact(program, scenario).decisions:
            if (each.journey, each.step, each.verb, each.rule) == (name, step.id, "blocked", rule):
                return Found(Collision(((each.at_us, name, step.id),)), known_not(each.reason))
        return None

    return shows


def unkept(conflicts: Conflicts, journey: Journey, step: Send | Task | Call, restriction: Restriction) -> Shows:
    """Shows what nothing refuses: done for somebody of whom a restriction is not true when the entry comes to the step."""
    program, name = conflicts.setup.among((journey.name,)), journey.name
    probes: list[Program] = []
    steady = all(attribute in conflicts.setting.steady for attribute in restriction.only.attributes)
    lasting = steady and not (restriction.only.timed or restriction.only.features or restriction.only.journeys)

    def shows(scenario: Scenario) -> Found | None:
        done = {each.entry: each for each in reversed(_of(enact(program, scenario).decisions, name, step.id)) if each.verb in _DONE}
        if not done:
            return None
        if not probes:
            probes.append(load(_probe(conflicts.plan, journey, step, restriction), conflicts.zones, "proof"))
        for each in enact(probes[0], scenario).decisions:
            acted, known = done.get(each.entry), _seen(each, name, step)
            if acted is not None and known is not None and (lasting or acted.at_us == each.at_us):
                return Found(Collision(((acted.at_us, name, step.id),)), known)
        return None

    return shows


def _of(decisions: Sequence[Decision], name: str, step: str) -> list[Decision]:
    return [each for each in decisions if (each.journey, each.step) == (name, step)]


def _seen(decision: Decision, name: str, step: Send | Task | Call) -> bool | None:
    """Whether a decision of a probe says that the restriction is false (True) or not known (False); None where it says neither."""
    if decision.journey != name:
        return None
    if decision.verb == "exited":
        return {_FALSE: True, _UNKNOWN: False}.get(decision.step)
    if isinstance(step, Send) and (decision.step, decision.verb, decision.rule) == (step.id, "blocked", only_rule(step.purpose)):
        return known_not(decision.reason)
    return None


def _probe(plan: Plan, journey: Journey, step: Send | Task | Call, restriction: Restriction) -> Plan:
    """A plan in which a step asks whether a restriction is true. A message to a role at an account, which is decided by itself, has the
    restriction as its purpose's."""
    entered = {each.journey for each in journey.steps if isinstance(each, Enter)}
    others = tuple(each for each in plan.journeys if each.name in entered and each.name != journey.name)
    if isinstance(step, Send) and step.role is not UNSET:
        purposes = tuple(
            msgspec.structs.replace(each, only=restriction.only) if each.name == step.purpose else each for each in plan.policy.purposes
        )
        policy = msgspec.structs.replace(plan.policy, purposes=purposes)
        return msgspec.structs.replace(plan, journeys=(*others, journey), policy=policy)
    only = restriction.only
    against = msgspec.structs.replace(only, text=f"not ({only.text})", expr=denied(only.expr))
    asks = Branch(step.id, _UNKNOWN, (Edge(only, step.next), Edge(against, _FALSE)))
    ends = (Exit(_FALSE, "", "not for them"), Exit(_UNKNOWN, "", "not known to be for them"))
    steps = tuple(asks if each.id == step.id else each for each in journey.steps)
    return msgspec.structs.replace(plan, journeys=(*others, msgspec.structs.replace(journey, steps=(*steps, *ends))))
