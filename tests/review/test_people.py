"""people.yaml: read with every mistake at its place, and edited without touching what else is written."""

from datetime import date

import pytest

from pilotage.audit.signature import signer_of
from pilotage.journey.findings import Report
from pilotage.review.people import People, Person, PersonUnknown, read_people
from pilotage.review.people_text import PeopleUnfit, with_key, with_left, with_person

KEY, OTHER = (signer_of(bytes([number]) * 32).public_key for number in (1, 2))
TEXT = f"""\
# our people
schema: 1
kind: people
teams:
  growth: wins customers back  # since 2020
people:
  # the first one
  - id: ada
    name: Ada Lovelace
    email: ada@example.com
    roles: [owner, reviewer]   # both
    teams: [growth]
    public_key: "{KEY}"
  - {{id: ben, name: Ben, roles: [council]}}

# the end
"""


def read(text: str) -> People:
    """The people of a text without mistakes."""
    report = Report()
    _, people = read_people(text.encode(), report)
    assert () == report.findings
    return people


def test_people_are_read_as_written() -> None:
    """Everybody has their roles, teams and key; who is asked for and is not there is told with who is."""
    people = read(TEXT)
    ada = Person("ada", "Ada Lovelace", "ada@example.com", ("owner", "reviewer"), ("growth",), KEY)
    assert (ada, Person("ben", "Ben", roles=("council",))) == people.people
    assert {"growth": "wins customers back"} == people.teams
    assert (ada,) == people.with_role("reviewer", date(2026, 1, 1))
    with pytest.raises(PersonUnknown, match="did you mean 'ada'"):
        people.of("adda")


def test_who_left_answers_for_nothing() -> None:
    """From the day a person left they have no role any more; before it they had."""
    people = read(with_left(TEXT, "ben", date(2026, 3, 1)))
    assert ["ben"] == [each.id for each in people.with_role("council", date(2026, 2, 28))]
    assert [] == [each.id for each in people.with_role("council", date(2026, 3, 1))]


@pytest.mark.parametrize(
    ("old", "new", "place", "rule", "cure"),
    [
        ("id: ben", "id: ada", (14, 10), "G001", "an id of their own"),
        (f'"{KEY}"', "abc", (13, 17), "G002", "64 hexadecimal digits"),
        ("name: Ben", f'name: Ben, public_key: "{KEY}"', (14, 38), "G003", "--new-key"),
        ("teams: [growth]", "teams: [grwoth]", (12, 13), "G004", "did you mean 'growth'?"),
        ("[council]", "[concil]", (14, 34), "D016", "council"),
        ("    name: Ada Lovelace\n", "", (8, 5), "D010", "add 'name'"),
        ("email:", "mail:", (10, 5), "D009", "did you mean 'email'?"),
        ("name: Ben", "name: Ben, left: soon", (14, 32), "D023", "2026-12-24"),
        ("schema: 1", "schema: 2", (2, 9), "D012", "schema: 1"),
        ("  - {id: ben, name: Ben, roles: [council]}\n", "  - ben\n", (14, 5), "D011", "write {"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_cure(old: str, new: str, place: tuple[int, int], rule: str, cure: str) -> None:
    """Each mistake of people.yaml is reported with line, column, rule and what to write."""
    report = Report()
    assert old in TEXT
    read_people(TEXT.replace(old, new, 1).encode(), report)
    assert [(place, rule)] == [((each.line, each.column), each.rule) for each in report.findings]
    assert cure in report.findings[0].cure


def test_an_edit_touches_nothing_else() -> None:
    """Adding a person, changing a key and noting that somebody left change those lines alone; comments and order stay."""
    cem = Person("cem", 'Cem "C" Ünal', "", ("operator",), ("growth",), OTHER, date(2026, 5, 1))
    added = with_person(TEXT, cem)
    assert cem == read(added).people[-1]
    lines, more = TEXT.splitlines(), added.splitlines()
    assert lines == [*more[:14], *more[len(more) - len(lines) + 14 :]]
    left = with_left(TEXT, "ada", date(2026, 4, 1))
    assert TEXT.splitlines() == [line for line in left.splitlines() if "left:" not in line]
    assert date(2026, 4, 2) == read(with_left(left, "ada", date(2026, 4, 2))).of("ada").left
    assert TEXT.replace(KEY, OTHER) == with_key(TEXT, "ada", OTHER)
    assert OTHER == read(with_key(TEXT, "ben", OTHER)).of("ben").public_key


def test_a_file_is_begun_with_the_first_person() -> None:
    """Where there is no text yet, the first person begins it, their teams declared."""
    ada = Person("ada", "Ada", "", ("owner",), ("growth", "service"), KEY)
    people = read(with_person("", ada))
    assert ((ada,), ["growth", "service"]) == (people.people, list(people.teams))


@pytest.mark.parametrize(
    ("text", "person", "says"),
    [
        (TEXT, Person("dia", "Dia", teams=("sales",)), "unknown team 'sales'"),
        (TEXT, Person("../x", "X"), "not a name"),
        (TEXT, Person("ada", "A"), "stands on line 8 already"),
        (TEXT.replace("kind: people", "kind: persons"), Person("dia", "Dia"), "D016"),
        ("schema: 1\nkind: people\npeople: [{id: ada, name: Ada}]\n", Person("dia", "Dia"), "begin with '-'"),
        (TEXT.replace("name: Ben,", "name: &name Ben,") + "x: *name\n", Person("dia", "Dia"), "D009"),
    ],
)
def test_what_cannot_be_edited_is_refused(text: str, person: Person, says: str) -> None:
    """A person who would be a mistake is not written, nor is a file that has one or is laid out otherwise."""
    with pytest.raises(PeopleUnfit, match=says):
        with_person(text, person)
