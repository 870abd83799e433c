"""People: who they are, what they may be, the teams they belong to, and the public key each signs with.

They stand in people.yaml of the workspace. Nobody is ever taken out of it: who left carries the day they left, because
what they signed must stay verifiable.
"""

from datetime import date

import msgspec

from pilotage.audit.signature import BadKey, checked_key
from pilotage.journey.document import Document, Fields, Scalar, read_document
from pilotage.journey.findings import Report, suggestion
from pilotage.journey.forms import FORMS
from pilotage.journey.scalars import Unreadable, day_of
from pilotage.journey.shape import check

PEOPLE_FILE = "people.yaml"


class Person(msgspec.Struct, frozen=True):
    """One person. `public_key` is empty for somebody who cannot sign; `left` is the day from which they answer for nothing."""

    id: str
    name: str
    email: str = ""
    roles: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    public_key: str = ""
    left: date | None = None

    def is_here(self, day: date) -> bool:
        """Whether the person has not left by a day."""
        return self.left is None or day < self.left


class PersonUnknown(LookupError):
    """There is no person of this id in people.yaml. Name one of those, or add them with `pilotage person add`."""

    def __init__(self, id: str, known: list[str]) -> None:
        super().__init__(f"there is no person {id!r}; {suggestion(id, known, 'people')}; 'pilotage person add' adds somebody")


class People(msgspec.Struct, frozen=True):
    """Everybody in people.yaml, in the order written, and the teams with what each does."""

    people: tuple[Person, ...] = ()
    teams: dict[str, str] = {}

    def find(self, id: str) -> Person | None:
        """The person of an id."""
        return next((person for person in self.people if person.id == id), None)

    def of(self, id: str) -> Person:
        """The person of an id; `PersonUnknown`."""
        found = self.find(id)
        if found is None:
            raise PersonUnknown(id, [person.id for person in self.people])
        return found

    def with_role(self, role: str, day: date) -> tuple[Person, ...]:
        """Those who have a role on a day and have not left."""
        return tuple(person for person in self.people if role in person.roles and person.is_here(day))


def read_people(raw: bytes, report: Report, path: str = PEOPLE_FILE) -> tuple[Document | None, People]:
    """The document of people.yaml and the people in it; whatever is wrong is reported, and left out."""
    document = read_document(raw, path, report)
    if document is None:
        return None, People()
    check(document.root, FORMS["people"], path, document, report)
    return document, parse_people(document, report)


def parse_people(document: Document, report: Report) -> People:
    """The people of a document whose form was checked."""
    teams = document.root.map("teams")
    known = {key.text: value.text if isinstance(value, Scalar) else "" for key, value in (teams.fields if teams else ())}
    ids: dict[str, Scalar] = {}
    keys: dict[str, str] = {}
    people = []
    for item in document.root.list("people"):
        id = item.scalar("id") if isinstance(item, Fields) else None
        if not isinstance(item, Fields) or id is None:
            continue
        if id.text in ids:
            message = f"the person {id.text!r} stands on line {ids[id.text].line} already"
            report.add("G001", document.path, id.place, message, "give each person an id of their own")
            continue
        ids[id.text] = id
        _check_teams(item, known, document, report)
        _check_key(item, id.text, keys, document, report)
        people.append(_person(item, id.text))
    return People(tuple(people), known)


def _person(item: Fields, id: str) -> Person:
    left = item.scalar("left")
    try:
        day = day_of(left) if left is not None else None
    except Unreadable:
        day = None
    return Person(id, item.text("name"), item.text("email"), _texts(item, "roles"), _texts(item, "teams"), item.text("public_key"), day)


def _texts(item: Fields, key: str) -> tuple[str, ...]:
    return tuple(each.text for each in item.list(key) if isinstance(each, Scalar))


def _check_teams(item: Fields, known: dict[str, str], document: Document, report: Report) -> None:
    for team in item.list("teams"):
        if isinstance(team, Scalar) and team.text not in known:
            cure = f"{suggestion(team.text, known, 'teams')}; teams are declared under 'teams'"
            report.add("G004", document.path, team.place, f"unknown team {team.text!r}", cure)


def _check_key(item: Fields, id: str, keys: dict[str, str], document: Document, report: Report) -> None:
    written = item.scalar("public_key")
    if written is None:
        return
    try:
        checked_key(written.text)
    except BadKey:
        cure = "write the 64 hexadecimal digits that 'pilotage person add' printed, in quotes"
        report.add("G002", document.path, written.place, f"the public key of {id!r} is not an Ed25519 key", cure)
    if written.text in keys:
        cure = "make one of them a new key with 'pilotage person add --new-key'"
        report.add("G003", document.path, written.place, f"{id!r} has the public key of {keys[written.text]!r}", cure)
    keys[written.text] = id
