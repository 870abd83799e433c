"""The last look at an action before it leaves: everything that was asked when it was decided, but the budgets."""

from pilotage.decision.eligibility import ALLOWED, Refused, Verdict, recheck
from pilotage.decision.rules import Candidate
from pilotage.journey.outcome import Action
from pilotage.journey.program import Program
from pilotage.profile.state import State


def recheck_action(program: Program, state: State | None, action: Action, now_us: int) -> Verdict:
    """Whether an action may leave at `now_us`, by the subject's state as it is now. Calls to systems and tasks always may; a
    subject that is not known any more is not contacted."""
    if action.kind != "send":
        return ALLOWED
    if state is None:
        return Refused(rule="subject", reason="the subject is not known any more")
    if action.purpose not in program.rules.purposes:
        return Refused(rule="purpose", reason=f"purpose {action.purpose} is in no policy any more")
    candidate = Candidate(action.target, action.purpose, action.journey, action.expires_us)
    return recheck(program.rules, state, candidate, now_us)
