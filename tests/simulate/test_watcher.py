"""What a rehearsal notes of its subjects: the groups that they make, and who is in none."""

import pytest

from pilotage.event.digest import key128
from pilotage.event.time import DAY_US, parse_instant_us
from pilotage.journey.outcome import Decision
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


def acted(subject: bytes, day: int) -> tuple[bytes, list[Decision]]:
    return subject, [Decision(UNTIL_US + (day - 27) * DAY_US, "a", "v", key128("e"), "greet", "sent")]


@pytest.mark.parametrize(
    ("weeks", "changes"),
    [
        ({"one": (0, 1, 2, 3)}, 0),
        ({"one": (0,), "other": (1,)}, 1 + 2),
        ({"one": (1,), "other": (1,)}, 2 + 2),
        ({"ann at acme": (1,), "ben at acme": (1,)}, 4 + 4),
        ({"ann at acme": (1,), "ben at acme": (2,)}, 1 + 0 + 1),
    ],
)
def test_weeks_are_compared_person_by_person(weeks: dict[str, tuple[int, ...]], changes: int) -> None:
    """Who comes every week changes nothing, who comes once two weeks, or one at the edge; members of an account count as one."""
    watcher = Watcher(demo_program(), UNTIL_US - 28 * DAY_US)
    for name, numbers in weeks.items():
        for week in numbers:
            watcher.decided(*acted(key128(name), 7 * week))
    people = [State(key128(name), ties=Ties(accounts={"acme": ["buyer"]}) if "acme" in name else None) for name in weeks]
    watcher.close(people, UNTIL_US)
    volume = watcher.tally.volumes["a/greet:sent"]
    assert changes == volume.changes
    assert sum(map(len, weeks.values())) == volume.total


def test_what_a_purpose_keeps_from_others_is_counted_by_its_rule() -> None:
    """A message that is not for the customer is counted among what policies block, under the purpose's own rule."""
    subject = asked(ADULTS, age=17, country="DE")
    watcher = Watcher(subject.program, START_US)
    watcher.decided(subject.state.subject, subject.decisions)
    assert {RULE: {"blocked growth.recovery.cart/bet": 1}} == watcher.tally.policies
