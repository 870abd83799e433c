"""The two kinds of subjects, persons and accounts: which part of a plan each runs by, and what persons hand over.

A journey on accounts has messages that go to persons. Whether and when they leave is decided by the person's own state, so the
persons' part of a plan holds of each such journey what is left of it there: its messages, and nothing around them.
"""

import msgspec
from msgspec import UNSET

from pilotage.consent.purposes import CONSENT_EVENT
from pilotage.contract.builtin import (
    ACCOUNT_JOINED,
    ACCOUNT_LEFT,
    CUSTOMER_ALIASED,
    CUSTOMER_GROUPED,
    HANDED_ONLY,
    JOURNEY_ENDED,
    JOURNEY_REQUESTED,
    LIST_CHANGED,
    MADE_INSIDE,
    TASK_CLAIMED,
    TASK_COMPLETED,
)
from pilotage.journey.plan import Accounts, Exit, Journey, Plan, Send

PERSON, ACCOUNT = "person", "account"

RECEIPTS = frozenset(
    (
        "message.sent",
        "message.failed",
        "message.refused",
        "message.expired",
        "message.unknown",
        "call.answered",
        "call.failed",
        JOURNEY_ENDED,
        "task.opened",
        "task.failed",
        TASK_CLAIMED,
        TASK_COMPLETED,
    )
)
"""The built-in event types that say what became of an action."""

MEMBERSHIP = frozenset((ACCOUNT_JOINED, ACCOUNT_LEFT, CUSTOMER_GROUPED))
"""The event types that say of a person that it belongs to an account, or not any more."""

PERSONAL = frozenset((CONSENT_EVENT, CUSTOMER_ALIASED, *(event for event in RECEIPTS if event.startswith("message."))))
"""The event types that speak of a person's own messages, consents and identifiers."""

KEPT_TO_THEMSELVES = frozenset((*RECEIPTS, *MADE_INSIDE, *MEMBERSHIP, *HANDED_ONLY, *PERSONAL, LIST_CHANGED, JOURNEY_REQUESTED))
"""The event types that are never handed over: they speak of the person's own messages, consents, lists and journeys."""

FAILED, LOST = "failed", "lost"
"""What a candidate comes to that is handed over and finally fails, or that others keep out of its contact slot."""


class Part(msgspec.Struct, frozen=True):
    """What one kind of subjects runs by: a plan of its own journeys, attributes, audiences and features, and the messages that
    accounts offer persons, by the version of the journey they are of."""

    plan: Plan
    offered: tuple[tuple[str, Journey], ...] = ()


def on_accounts(journey: Journey) -> bool:
    """Whether a journey runs on accounts."""
    return journey.subject == ACCOUNT


def part_of_persons(plan: Plan) -> Part:
    """What persons run by: the plan itself where there are no accounts."""
    if plan.accounts is None:
        return Part(plan)
    offering = [journey for journey in plan.journeys if on_accounts(journey)]
    own = tuple(journey for journey in plan.journeys if not on_accounts(journey))
    offered = tuple((journey.digest[:16], _messages(journey)) for journey in offering)
    return Part(msgspec.structs.replace(plan, journeys=own), tuple(pair for pair in offered if pair[1].steps))


def part_of_accounts(plan: Plan) -> Part:
    """What accounts run by; nothing but event types where there are none."""
    accounts = plan.accounts or Accounts()
    journeys = tuple(journey for journey in plan.journeys if on_accounts(journey))
    return Part(
        msgspec.structs.replace(
            plan, journeys=journeys, attributes=accounts.attributes, audiences=accounts.audiences, features=accounts.features
        )
    )


def _messages(journey: Journey) -> Journey:
    """What is left of a journey where its messages are decided: each alone, ending in what the account is to be told."""
    sends = [step for step in journey.steps if isinstance(step, Send) and step.role is not UNSET]
    ends = [Exit(f"{FAILED}!", "", FAILED), Exit(f"{LOST}!", "", LOST)] if sends else []
    alone = [
        msgspec.structs.replace(
            step,
            next="",
            on_blocked="",
            on_failure=f"{FAILED}!" if step.on_failure else "",
            on_lost=UNSET if step.on_lost is UNSET else f"{LOST}!",
        )
        for step in sends
    ]
    return Journey(journey.name, journey.purpose, journey.stage, journey.enter, (*alone, *ends))
