"""What a person's state tells an account of a message that was offered: an event for the account, once the message is decided."""

import msgspec

from pilotage.contract.builtin import CANDIDATE_ANSWERED
from pilotage.event.digest import key128
from pilotage.event.envelope import Event
from pilotage.journey.outcome import Handed
from pilotage.journey.work import Work
from pilotage.profile.identity import ACCOUNT_ID
from pilotage.profile.state import Entry

SENT, BLOCKED, LATER = "sent", "blocked", "later"
"""What a message that was offered comes to, beside `failed` and `lost` (see `subjects`)."""
SOURCE = "pilotage/person"

_encode = msgspec.json.Encoder().encode


def candidate_id(effect: bytes) -> bytes:
    """The id of the entry that a message is, which was offered under an effect key."""
    return key128(effect, "candidate")


def answer(work: Work, entry: Entry, reason: str) -> None:
    """Tell the account how a message ended that it had offered."""
    outcome, _, why = reason.partition(": ")
    answer_offer(work, entry.claimed, entry.parent, SENT if outcome == "end" else outcome, why)


def answer_offer(work: Work, account: str, effect: bytes, outcome: str, reason: str = "") -> None:
    """Tell an account what came of the offer with this effect key."""
    person = work.state.subject.hex()
    data = {"effect": effect.hex(), "outcome": outcome, **({"reason": reason} if reason else {})}
    identifiers = {ACCOUNT_ID: account, "person": person}
    event_id = key128(effect, person, outcome, work.now if outcome == LATER else 0).hex()
    work.hand(Handed(Event(event_id, SOURCE, CANDIDATE_ANSWERED, work.now, _encode(data), identifiers), account))
