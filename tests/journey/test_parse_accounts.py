"""What may not be written about accounts, each refused with its place and the cure."""

import pytest

from pilotage.contract.builtin import builtin_contracts
from pilotage.journey.compile import compile_plan
from pilotage.journey.document import read_document
from pilotage.journey.findings import Report
from pilotage.journey.names import ChannelParts, Surroundings
from tests.journey.company import ACCOUNTS, ROLES
from tests.journey.scenario import CONTRACTS, PLAIN, POLICY, PROFILE, ZONES, _variables_of

HEAD = """schema: 1
kind: journey
name: renewal.contract.remind
owner: {responsible: a}
purpose: marketing.cart
"""
ON_ACCOUNT = HEAD + "subject: account\n"
SEND = "enter: {on: account.updated}\nsteps:\n  - {id: ask, send: email, content: plain, on_blocked: end%s}\n"
REST = "steps:\n  - {id: rest, wait: {for: 1d}}\n"


def findings(text: str, accounts: bool = True) -> list[str]:
    """What is wrong with a journey, or with an audience beside one."""
    report = Report()
    profile = PROFILE + ACCOUNTS if accounts else PROFILE
    texts = {"profile.yaml": profile, "policy.yaml": POLICY, "plain.yaml": PLAIN, "it.yaml": text}
    documents = [document for path, each in texts.items() if (document := read_document(each.encode(), path, report)) is not None]
    contracts = builtin_contracts({contract.event: contract for contract in CONTRACTS}, ROLES if accounts else None)
    surroundings = Surroundings(
        contracts=tuple(contracts.values()),
        channels={"email": ChannelParts(frozenset({"subject", "text"}), frozenset({"subject", "text"}), "email")},
        endpoints=frozenset(),
        zones=ZONES.names,
        variables_of=_variables_of,
        zones_digest=ZONES.digest,
    )
    return [each.text for each in compile_plan(documents, surroundings)[1] if each.path == "it.yaml"]


UPDATED = "enter: {on: account.updated%s}\n"
NO_CONSENT = "an account gives no consents, its members do; leave it out: the person that a message goes to is asked for consent"
RANKED = "among a person's messages nothing is ranked by what its account knows; read trigger.… and journey.… only"


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        (ON_ACCOUNT + SEND % "", "9:15: error J038", "step 'ask' does not say who at the account gets the message; add 'to: {role: …}'"),
        (ON_ACCOUNT + SEND % ", to: {role: biling}", "9:72: error J039", "unknown role 'biling'; did you mean 'billing'?"),
        (HEAD + SEND % ", to: {role: billing}", "8:61: error J038", "step 'ask' sends to a role, but the journey does not run on accounts"),
        (ON_ACCOUNT + UPDATED % ", where: \"consent('marketing.cart', 'email')\"" + REST, "7:46: error E001", NO_CONSENT),
        (ON_ACCOUNT + "enter: {on: consent.changed}\n" + REST, "7:13: error J004", "unknown event type 'consent.changed'"),
        (HEAD + "enter: {on: member.joined}\n" + REST, "6:13: error J004", "unknown event type 'member.joined'"),
        (HEAD + UPDATED % ', where: "seats > 3"' + REST, "6:38: error E001", "there is no attribute seats"),
        (ON_ACCOUNT + UPDATED % ", where: \"tier = 'x'\"" + REST, "7:38: error E001", "there is no attribute tier"),
        (ON_ACCOUNT + SEND % ", to: {role: admin}, priority: seats", "9:90: error J040", RANKED),
        (ON_ACCOUNT + UPDATED % "" + "steps:\n  - {id: go, journey: renewal.contract.x}\n", "9:23: error J030", "unknown journey"),
        (ON_ACCOUNT.replace("account", "acount") + UPDATED % "" + REST, "6:10: error D016", ""),
    ],
)
def test_wrong_use_is_refused_with_place_and_cure(text: str, place: str, words: str) -> None:
    """Roles, recipients, consents, events, attributes and journeys of the other kind of subjects are not known."""
    found = findings(text)
    assert any(each.startswith(f"it.yaml:{place} {words}") for each in found), "\n".join(found)


def test_there_must_be_accounts() -> None:
    """A journey on accounts where the profile declares none is refused, saying what to declare."""
    [found, *_] = findings(ON_ACCOUNT + "enter: {on: order.placed}\n" + REST, accounts=False)
    assert found.startswith(
        "it.yaml:6:1: error J037 there are no accounts; declare 'accounts:' with their roles and attributes in profile.yaml"
    )


def test_persons_cannot_ask_about_journeys_and_audiences_of_accounts() -> None:
    """No decision reads two subjects: what accounts are in is no name for persons."""
    audience = "schema: 1\nkind: audience\nname: who\nowner: x\nwhen: \"in_journey('renewal.contract.remind')\"\n"
    found = findings(audience)
    assert found[0].startswith("it.yaml:5:19: error E001 there is no journey renewal.contract.remind")
