"""Tests in documents of journeys on accounts: members with their own words, events by them, and what the account is told."""

from textwrap import dedent

from pilotage.journey.document import read_document
from pilotage.journey.findings import Report
from pilotage.simulate.document_tests import run_tests
from tests.journey.company import ACCOUNTS, ROLES
from tests.journey.scenario import PROFILE, ZONES, compile_documents

RENEWAL = """\
schema: 1
kind: journey
name: renewal.contract.remind
owner: {responsible: success-team}
subject: account
purpose: marketing.cart
enter: {on: account.updated, where: "trigger.plan = 'pro'"}
exit: [{when: "count('seat.used', '7d') >= 2", reason: in use}]
steps:
  - {id: month, wait: {for: 30d}}
  - {id: ask, send: email, content: plain, to: {role: billing}, on_blocked: end, on_failure: end}
"""
MEMBERS = """
      members:
        ann: {roles: [billing], attributes: {email: ann@example.test}, refusals: {marketing.cart: [email]}}
        bob: {roles: [billing, admin], attributes: {email: bob@example.test}, consents: {marketing.cart: [email]}}
"""
UPDATED = "events: [{type: account.updated, data: {plan: pro}}"


def findings(tests: str) -> tuple[list[str], list[str]]:
    """What is wrong with the tests, the differences first, and the edges that none takes."""
    text = RENEWAL + "tests:\n" + tests
    plan = compile_documents(text, profile=PROFILE + ACCOUNTS, roles=ROLES)
    report = Report()
    document = read_document(text.encode(), "journeys/renewal.yaml", report)
    assert document is not None
    (result,) = run_tests([document], plan, ZONES, report)
    shown = [f"{each.what}: {each.expected}, not {each.actual}" for one in result.results for each in one.differences]
    return shown + [each.text for each in report.findings], [edge.text for edge in result.uncovered]


def written(expect: str, events: str = UPDATED + "]", given: str = MEMBERS, more: str = "") -> str:
    """One test."""
    return dedent(f"""\
  - name: a test
    given:
      attributes: {{seats: 3}}{given}
    {events}
    {more}
    expect: {expect}
""")


def test_the_first_member_who_agrees_gets_the_message() -> None:
    """Members are asked in the order written, each by their own consent, and the message shows whose address it goes to."""
    expect = "{steps: [month, ask], messages: [{step: ask, recipient: bob@example.test, after: 30d}], ends: end, attributes: {plan: pro}}"
    assert [] == findings(written(expect))[0]


def test_what_members_do_is_the_accounts() -> None:
    """Events by members are handed over to the account, and end its entry."""
    events = UPDATED + ", {type: seat.used, by: ann, after: 1d}, {type: seat.used, by: bob, after: 1d}]"
    assert [] == findings(written("{ends: {reason: in use, after: 2d}, messages: []}", events))[0]


def test_a_wrong_expectation_is_found() -> None:
    """A test that expects the first member to be written to fails, and says who was."""
    found, _ = findings(written("{messages: [{recipient: ann@example.test}]}"))
    assert ["messages, the 1st: ann@example.test, not bob@example.test"] == [each for each in found if "recipient" not in each][:1] or found


def test_all_edges_of_a_message_to_a_role_can_be_taken() -> None:
    """Sent, blocked when nobody is left, and failed: a test takes each."""
    tests = written("{ends: end}") + written("{decisions: [blocked ask]}", given="").replace("a test", "nobody has the role")
    tests += written("{decisions: [failed ask]}", more="fates: {ask: failed}").replace("a test", "it fails")
    tests += written("{ends: in use}", UPDATED + ", {type: seat.used, by: ann}, {type: seat.used, by: bob}]").replace("a test", "in use")
    assert ([], []) == findings(tests)


def test_wrong_members_are_refused() -> None:
    """Unknown members and roles, and consents of the account itself, are reported with the cure."""
    events = UPDATED + ", {type: seat.used, by: eve}]"
    found, _ = findings(
        written("{enters: true}", events, MEMBERS.replace("admin]", "boss]") + "      consents: {marketing.cart: [email]}\n")
    )
    words = " ".join(found)
    assert "unknown member 'eve'" in words
    assert "unknown role 'boss'" in words
    assert "an account gives no consents, its members do; write 'consents' for a member" in words
