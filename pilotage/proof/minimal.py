"""Witnesses made small: whatever is not needed for what was found is left out, as long as it still comes about in the kernel."""

from collections.abc import Callable, Iterator

import msgspec

from pilotage.journey.program import Program
from pilotage.proof.enactment import Whole, enact
from pilotage.proof.outcome import Collision, Membership, Scenario, Witness
from pilotage.proof.witness import Collide


def minimal(program: Program, witness: Witness, collide: Collide, within_us: int) -> Witness:
    """The same collision with as little as is needed for it: events, attributes, consents and fates are left out while it comes about."""
    program = Whole(program).among(witness.scenario.journeys)

    def tried(smaller: Scenario) -> Collision | None:
        found = collide(enact(program, smaller).decisions)
        return found[1] if found is not None and abs(found[0]) < within_us else None

    return minimal_by(witness, tried)


def minimal_by(witness: Witness, tried: Callable[[Scenario], Collision | None]) -> Witness:
    """The same with as little as is needed for it: what is left out, one thing after the other, as long as it is still shown."""
    current = witness
    changed = True
    while changed:
        changed = False
        for smaller in _smaller(current.scenario):
            found = tried(smaller)
            if found is not None:
                current, changed = Witness(smaller, found), True
                break
    return current


def _smaller(scenario: Scenario) -> Iterator[Scenario]:
    """The scenario with one thing left out."""
    for place in range(len(scenario.events)):
        yield msgspec.structs.replace(scenario, events=(*scenario.events[:place], *scenario.events[place + 1 :]))
    for name in scenario.attributes:
        yield msgspec.structs.replace(scenario, attributes={key: value for key, value in scenario.attributes.items() if key != name})
    for pair in scenario.consents:
        yield msgspec.structs.replace(scenario, consents=tuple(each for each in scenario.consents if each != pair))
    if scenario.account is not None:
        yield from (msgspec.structs.replace(scenario, account=smaller) for smaller in _smaller_accounts(scenario.account))
    for step in scenario.fates:
        yield msgspec.structs.replace(scenario, fates={key: value for key, value in scenario.fates.items() if key != step})


def _smaller_accounts(account: Membership) -> Iterator[Membership | None]:
    """No account, and the account with one thing left out."""
    yield None
    for name in account.attributes:
        yield msgspec.structs.replace(account, attributes={key: value for key, value in account.attributes.items() if key != name})
    for role in account.roles:
        yield msgspec.structs.replace(account, roles=tuple(each for each in account.roles if each != role))
