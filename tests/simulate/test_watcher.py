"""What a rehearsal notes of its subjects: the groups that they make, and who is in none."""

from pilotage.event.digest import key128
from pilotage.event.time import parse_instant_us
from pilotage.predicate.ir import Type
from pilotage.profile.state import State, Ties
from pilotage.simulate.watcher import Watcher, _age_band
from tests.decision.test_eligibility import ADULTS, RULE, asked
from tests.determinism.histories import START_US, demo_program

UNTIL_US = parse_instant_us("2026-11-26T12:00:00Z")


def days(text: str) -> int:
    return parse_instant_us(f"{text}T00:00:00Z") // 86_400_000_000


def test_age_bands_change_on_birthdays() -> None:
    """Whoever is 18 today is not under 18; whoever is so tomorrow is. An unreadable age is unknown."""
    found = [_age_band(days(born), Type.DATE, UNTIL_US) for born in ("2008-11-26", "2008-11-27", "1940-01-01")]
    assert ["under 25", "under 18", "75 and over"] == found
    assert ["under 45", "unknown"] == [_age_band(44, Type.INTEGER, UNTIL_US), _age_band(None, Type.DATE, UNTIL_US)]


def test_groups_are_of_persons() -> None:
    """Persons are counted by what is known of them, accounts as subjects alone; a name makes no groups once it tells people apart."""
    watcher = Watcher(demo_program(), START_US)
    people = [State(key128("p", n), {"country": "DE" if n % 2 else "FR", "first_name": f"Name {n}"}) for n in range(40)]
    watcher.close([*people, State(key128("a"), ties=Ties("acme"))], UNTIL_US)
    tally = watcher.tally
    assert 41 == tally.subjects and {0: 40} == tally.messages["all"]
    assert (20, 20) == tuple(tally.groups["country"][each].subjects for each in ("DE", "FR"))
    assert "first_name" in tally.many and "first_name" not in tally.groups


def test_what_a_purpose_keeps_from_others_is_counted_by_its_rule() -> None:
    """A message that is not for the customer is counted among what policies block, under the purpose's own rule."""
    subject = asked(ADULTS, age=17, country="DE")
    watcher = Watcher(subject.program, START_US)
    watcher.decided(subject.state.subject, subject.decisions)
    assert {RULE: {"blocked growth.recovery.cart/bet": 1}} == watcher.tally.policies
