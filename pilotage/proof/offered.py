"""Persons to whom an account offers a message: whoever has the role may be anybody, so only the person is made up.

The person's own state decides about the message, as it does about any other; what the account goes through before plays no part.
"""

from collections.abc import Iterator

from msgspec import UNSET

from pilotage.contract.builtin import CANDIDATE_OFFERED
from pilotage.event.digest import key128
from pilotage.event.time import HOUR_US
from pilotage.journey.plan import Journey, Send
from pilotage.predicate.ir import Expr
from pilotage.proof.domains import conjuncts
from pilotage.proof.eligible import reachable, unsuppressed
from pilotage.proof.outcome import Happening, Scenario
from pilotage.proof.person import Person, ages, meet, pinned, settle
from pilotage.proof.restriction import Restriction, denied
from pilotage.proof.witness import BASE, MARGIN_US, Setup


def offered(setup: Setup, journey: Journey, step: Send, restriction: Restriction) -> Iterator[Scenario]:
    """People of whom a restriction is not true who are offered a message of a journey on accounts; first those of whom it is false."""
    for known in (True, False):
        for part in restriction.parts:
            person = _person(setup, journey, step, restriction, pinned(part, BASE), known=known)
            if person is not None:
                yield _scenario(person, journey, step)


def _person(setup: Setup, journey: Journey, step: Send, restriction: Restriction, part: Expr, *, known: bool) -> Person | None:
    person = Person(setup.knowledge)
    against = tuple(conjuncts(denied(part)) if known else conjuncts(part, False))
    own = setup.rules.purposes[step.purpose].only
    if step.purpose != restriction.purpose and own is not UNSET:
        against = (*against, (pinned(own.expr, BASE), True))
    if not meet(person, "", "", against) or not unsuppressed(setup.rules, person):
        return None
    reachable(setup.rules, person, journey)
    return person if settle(person) and all(not domain.empty for domain in person.attributes.values()) else None


def _scenario(person: Person, journey: Journey, step: Send) -> Scenario:
    offer = {
        "effect": key128("offered", journey.name, step.id).hex(),
        "account": "acme",
        "journey": journey.name,
        "version": journey.digest[:16],
        "step": step.id,
        "expires": BASE + step.expires_us,
    }
    past = tuple(Happening(BASE - each.age_us, each.event, person.event_data(each.event, each.fields)) for each in ages(person))
    events = (*past, Happening(BASE, CANDIDATE_OFFERED, offer))
    start_us = min(each.at_us for each in events) - HOUR_US
    return Scenario((journey.name,), start_us, BASE + step.expires_us + MARGIN_US, person.values(), tuple(sorted(person.consents)), events)
