"""Whom policy lets messages through to: what somebody who is made up must be for those on a way, and must have agreed to."""

from collections.abc import Iterator

from msgspec import UNSET

from pilotage.decision.rules import ContactRules
from pilotage.journey.plan import Journey, Send
from pilotage.predicate.ir import Call, Expr, Type
from pilotage.proof.person import Person, meet, pinned
from pilotage.proof.recipes import Recipe

_KNOWN = {"email": "ada@example.test", "phone": "+491700000001"}
"""Addresses of somebody who does not exist."""


def for_them(rules: ContactRules, journey: Journey, recipe: Recipe, at_us: int) -> Iterator[tuple[Expr, bool]]:
    """What whoever is sent the messages of a way must be for their purposes, as asked at an instant, and whoever is refused one not."""
    wanted = {*recipe.passed} if recipe.unmet else {*recipe.passed, recipe.step}
    for step in journey.steps:
        purpose = rules.purposes[step.purpose] if isinstance(step, Send) else None
        if not isinstance(step, Send) or step.id not in wanted or purpose is None or purpose.only is UNSET:
            continue
        only = pinned(purpose.only.expr, at_us)
        if f"{step.purpose}|{step.channel}" not in recipe.withheld:
            yield only, True
        elif purpose.basis != "consent":
            yield only, False


def unsuppressed(rules: ContactRules, person: Person) -> bool:
    """Let no suppression hold for a person; whether that can be."""
    suppressions = rules.policy.suppressions
    return all(meet(person, "", "", ((Call(Type.BOOLEAN, "not", (rule.when.expr,)), True),)) for rule in suppressions)


def reachable(rules: ContactRules, person: Person, journey: Journey, withheld: frozenset[str] = frozenset()) -> None:
    """Let a person be reachable for a journey's messages: addresses, and the consents but for those withheld."""
    for step in journey.steps:
        if not isinstance(step, Send):
            continue
        pair = f"{step.purpose}|{step.channel}"
        if rules.purposes[step.purpose].basis == "consent" and pair not in withheld:
            person.consents.add(pair)
        if step.recipient:
            domain = person.attributes.setdefault(step.recipient, person.fed_domain(step.recipient, Type.STRING))
            known = next((value for word, value in _KNOWN.items() if word in step.recipient), None)
            if known is not None and domain.allowed is None and not domain.excluded:
                domain.among((known,))
            domain.must_be_null(False)
    person.consents -= withheld
