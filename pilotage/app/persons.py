"""Adding people, giving them new keys, and noting that they left: people.yaml, the person's key file and the ledger together.

The key file comes first, then the ledger's entry, then people.yaml: whoever stands in people.yaml has an entry. An act that was cut
short is done by doing it again, with the same key.
"""

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

import msgspec

from pilotage.app.exits import CONFIG, NEGATIVE, Trouble
from pilotage.app.keyring import keep_key, key_path, open_key
from pilotage.audit.keys import PERSON_ADDED, PERSON_KEY_CHANGED
from pilotage.audit.signature import Signer, new_signer
from pilotage.journey.findings import Report
from pilotage.review.ledger import Ledger
from pilotage.review.people import PEOPLE_FILE, People, Person, read_people
from pilotage.review.people_text import with_key, with_left, with_person
from pilotage.runner.folder import write_file

PERSON_LEFT = "person.left"


class PersonView(msgspec.Struct, frozen=True):
    """One person, for people: `left` is the day they left, or empty."""

    id: str
    name: str
    email: str
    roles: tuple[str, ...]
    teams: tuple[str, ...]
    public_key: str
    left: str


class PersonChanged(msgspec.Struct, frozen=True):
    """What became of a person, the ledger's entry about it, and where their key lies if it was made now."""

    person: PersonView
    entry: int
    key_file: str = ""


def people_of(workspace: Path) -> People:
    """The people of a workspace; nobody where there is no people.yaml. `Trouble` if it has mistakes."""
    return _read(_text(workspace))


def person_view(person: Person) -> PersonView:
    """A person, for people."""
    left = person.left.isoformat() if person.left else ""
    return PersonView(person.id, person.name, person.email, person.roles, person.teams, person.public_key, left)


def add_person(workspace: Path, ledger: Ledger, person: Person, by: str, environ: Mapping[str, str]) -> PersonChanged:
    """Add a person with a new key, or with the key that lies at its place already."""
    text = _text(workspace)
    if _read(text).find(person.id) is not None:
        cure = f"'pilotage person add {person.id} --new-key' gives them a new key"
        raise Trouble(f"the person {person.id!r} stands in {PEOPLE_FILE} already", NEGATIVE, cure)
    with_person(text, person)  # what cannot be written is refused before anything is
    signer, path = _key(person.id, environ)
    added = msgspec.structs.replace(person, public_key=signer.public_key)
    data = {"public_key": added.public_key, "roles": list(added.roles), "teams": list(added.teams)}
    entry = ledger.append(by, PERSON_ADDED, f"person:{added.id}", data)
    _write(workspace, lambda present: with_person(present, added))
    return PersonChanged(person_view(added), entry.sequence, str(path))


def change_key(workspace: Path, ledger: Ledger, id: str, by: str, environ: Mapping[str, str]) -> PersonChanged:
    """Give a person a new key; the old key file is kept beside it, under the beginning of its public key."""
    text = _text(workspace)
    person = _read(text).of(id)
    signer, path = new_signer(), key_path(id, environ)
    with_key(text, id, signer.public_key)  # what cannot be written is refused before anything is
    if path.is_file():
        path.replace(path.with_name(f"{id}.{person.public_key[:16] or 'old'}.json"))
    keep_key(signer, id, environ)
    entry = ledger.append(by, PERSON_KEY_CHANGED, f"person:{id}", {"public_key": signer.public_key, "before": person.public_key})
    _write(workspace, lambda present: with_key(present, id, signer.public_key))
    return PersonChanged(person_view(msgspec.structs.replace(person, public_key=signer.public_key)), entry.sequence, str(path))


def note_left(workspace: Path, ledger: Ledger, id: str, day: date, by: str) -> PersonChanged:
    """Note that a person left on a day."""
    text = _text(workspace)
    person = _read(text).of(id)
    with_left(text, id, day)  # what cannot be written is refused before anything is
    entry = ledger.append(by, PERSON_LEFT, f"person:{id}", {"left": day.isoformat()})
    _write(workspace, lambda present: with_left(present, id, day))
    return PersonChanged(person_view(msgspec.structs.replace(person, left=day)), entry.sequence)


def _key(id: str, environ: Mapping[str, str]) -> tuple[Signer, Path]:
    path = key_path(id, environ)
    if path.is_file():
        return open_key(id, environ), path
    signer = new_signer()
    return signer, keep_key(signer, id, environ)


def _write(workspace: Path, edit: Callable[[str], str]) -> None:
    """Edit people.yaml as it is now, whoever else edited it since it was first looked at."""
    write_file(workspace / PEOPLE_FILE, edit(_text(workspace)).encode())


def _text(workspace: Path) -> str:
    path = workspace / PEOPLE_FILE
    try:
        return path.read_text(encoding="utf-8") if path.is_file() else ""
    except UnicodeDecodeError as fault:
        raise Trouble(f"{PEOPLE_FILE} is not UTF-8 at byte {fault.start}", CONFIG, "save the file as UTF-8") from fault


def _read(text: str) -> People:
    if not text.strip():
        return People()
    report = Report()
    _, people = read_people(text.encode(), report)
    if report.failed:
        raise Trouble("\n".join(finding.text for finding in report.findings), CONFIG, f"correct {PEOPLE_FILE}")
    return people
