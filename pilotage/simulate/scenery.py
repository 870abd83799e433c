"""Who there is before a test begins: what a customer has said, an account, and the persons who belong to it."""

from pilotage.consent.purposes import consent_key
from pilotage.event.digest import key128
from pilotage.profile.state import Grant, State, Ties
from pilotage.simulate.tests import DocumentTest, Member

ACCOUNT = "account"
"""The name of the account that a test is about."""


def grants(consents: dict[tuple[str, str], bool], start_us: int) -> dict[str, Grant]:
    """What somebody said before the start, as the state keeps it."""
    return {consent_key(*key): Grant(granted, start_us - 1) for key, granted in consents.items()}


def member_id(name: str) -> bytes:
    """The subject id of a member."""
    return key128("test", "member", name)


def member_state(member: Member, start_us: int) -> State:
    """A person who belongs to the account."""
    ties = Ties(accounts={ACCOUNT: sorted(set(member.roles))})
    return State(member_id(member.name), attributes=dict(member.attributes), consents=grants(member.consents, start_us), ties=ties)


def account_state(subject: bytes, test: DocumentTest) -> State:
    """The account, where the member written first has been the longest."""
    roles: dict[str, dict[str, int]] = {}
    for place, member in enumerate(test.members):
        for role in member.roles:
            roles.setdefault(role, {})[member_id(member.name).hex()] = test.start_us - len(test.members) + place
    return State(subject, attributes=dict(test.attributes), ties=Ties(ACCOUNT, roles=roles))
