"""Messages of journeys on accounts: each is offered to one person, whose own state decides whether and when it leaves.

Who has had the role longest is asked first. An entry that has offered a message rests until the person's state answers; when that
blocks the message the next one is asked, and the edge for blocked messages is taken when nobody is left.
"""

import msgspec
from msgspec import UNSET

from pilotage.contract.builtin import CANDIDATE_OFFERED
from pilotage.event.envelope import Event
from pilotage.journey.accounts import holders_of
from pilotage.journey.outcome import Handed
from pilotage.journey.plan import Send
from pilotage.journey.program import JourneyProgram, StepProgram
from pilotage.journey.steps import AWAITING, blocked, expiry, park, run_send, sent_before
from pilotage.journey.work import Work
from pilotage.predicate.ir import Variable
from pilotage.profile.state import Entry

SOURCE = "pilotage/account"
OF_ACCOUNT = "account."
"""How the names of variables begin that hold what a content reads of the account."""

_encode = msgspec.json.Encoder().encode


def run_message(work: Work, entry: Entry, journey: JourneyProgram, program: StepProgram) -> str:
    """A new candidate: decided here, or offered to somebody who has its role."""
    step = program.step
    assert isinstance(step, Send)
    if not offers(journey, step):
        return run_send(work, entry, journey, program)
    if sent_before(entry, journey, step):
        work.decide(entry, "passed", f"{step.content} was sent under an earlier version", "migrate")
        return step.next
    expires_us, ended = expiry(work, journey, step)
    if ended:
        return blocked(work, entry, program, f"the rights of {ended} have ended", f"asset:{ended}")
    entry.rounds = {name: count for name, count in entry.rounds.items() if name != step.id}
    return offer(work, entry, journey, program, expires_us, f"nobody has the role {step.role}")


def offers(journey: JourneyProgram, step: Send) -> bool:
    """Whether a message is offered to a person; where it is decided, it is not."""
    return step.role is not UNSET and not journey.offered


def offer(work: Work, entry: Entry, journey: JourneyProgram, program: StepProgram, expires_us: int, reason: str) -> str:
    """Offer the message to the next who has its role; if nobody is left it is blocked, with the reason of the last."""
    step = program.step
    assert isinstance(step, Send) and isinstance(step.role, str)
    holders, asked = holders_of(work.state, step.role), entry.rounds.get(step.id, 0)
    if asked >= len(holders) or work.now >= expires_us:
        return blocked(work, entry, program, reason, "role")
    person = holders[asked]
    entry.rounds = {**entry.rounds, step.id: asked + 1}
    entry.awaited, entry.claimed, entry.expires_us = work.effect(entry), person, expires_us
    effect = entry.awaited.hex()
    said = {
        "effect": effect,
        "account": account_name(work),
        "journey": entry.journey,
        "version": entry.version,
        "step": entry.step,
        "given": _encode([entry.trigger, {**entry.variables, **_of_account(work, journey, step)}]).decode(),
        "expires": expires_us,
    }
    identifiers = {"person": person, "account": account_name(work)}
    event = Event(effect, SOURCE, CANDIDATE_OFFERED, work.now, _encode(said), identifiers)
    work.hand(Handed(event, subject=bytes.fromhex(person)))
    lost = (reason,) if asked else ()
    work.decide(entry, "offered", f"{step.role}, {step.channel}", "role", {"person": person}, lost, entry.awaited)
    return park(work, entry, AWAITING, 0)


def account_name(work: Work) -> str:
    """The name of the account whose state this is."""
    return work.state.ties.account if work.state.ties is not None else ""


def _of_account(work: Work, journey: JourneyProgram, step: Send) -> dict[str, object]:
    """What the content reads of the account, as it is now."""
    names = [expr.name for _, expr in journey.content[step.id].variables if isinstance(expr, Variable) and expr.name.startswith(OF_ACCOUNT)]
    return {name: work.state.attributes.get(name.removeprefix(OF_ACCOUNT)) for name in names}
