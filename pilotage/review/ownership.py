"""Ownership: who answers for a journey, does the work, is asked and is told (RACI), and whether those people are still there.

The owner of a document names persons or teams of `people.yaml`. A change of a journey is proposed only where all four are written
(consulted and informed may be empty lists: nobody, on purpose) and the accountable one, and whoever does the work, are there.
"""

from collections.abc import Iterable, Iterator
from datetime import date

import msgspec

from pilotage.journey.document import Document, Fields, Items, Scalar
from pilotage.journey.findings import suggestion
from pilotage.review.people import People

PARTS = ("responsible", "accountable", "consulted", "informed")


class Ownership(msgspec.Struct, frozen=True):
    """Who is named as what in one document; `missing` are the parts that are not written."""

    journey: str
    path: str
    line: int
    responsible: str = ""
    accountable: str = ""
    consulted: tuple[str, ...] = ()
    informed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


class Gone(msgspec.Struct, frozen=True):
    """A journey whose accountable person, or team, is not there any more, and since when (empty: never was)."""

    journey: str
    path: str
    line: int
    accountable: str
    left: str


def owners_of(documents: Iterable[Document], journeys: Iterable[str]) -> tuple[Ownership, ...]:
    """Who owns each of some journeys, by name."""
    wanted = set(journeys)
    found = [_ownership(document) for document in documents if document.kind == "journey" and document.name in wanted]
    return tuple(sorted(found, key=lambda each: each.journey))


def ownership_faults(owners: Iterable[Ownership], people: People, day: date) -> Iterator[str]:
    """What is missing for owners to be complete, each with its place and cure."""
    for each in owners:
        place = f"{each.path}:{each.line}" if each.line else each.path
        if each.missing:
            cure = "write 'owner: {responsible: …, accountable: …, consulted: […], informed: […]}'"
            yield f"{place}: {each.journey} does not say who is {_and(each.missing)}; {cure}"
        for part in ("responsible", "accountable"):
            name = getattr(each, part)
            if name and not present(people, name, day):
                yield f"{place}: nobody is {part} for {each.journey}: {_absent(people, name, day)}"


def gone(documents: Iterable[Document], people: People, day: date) -> tuple[Gone, ...]:
    """The journeys whose accountable person or team is not there on a day."""
    every = list(documents)
    owners = owners_of(every, (document.name for document in every if document.kind == "journey"))
    return tuple(
        Gone(each.journey, each.path, each.line, each.accountable, _left(people, each.accountable))
        for each in owners
        if not present(people, each.accountable, day)
    )


def present(people: People, name: str, day: date) -> bool:
    """Whether a name is a person who is there on a day, or a team with somebody in it who is."""
    return any(person.is_here(day) and (name == person.id or name in person.teams) for person in people.people)


def _left(people: People, name: str) -> str:
    person = people.find(name)
    return f"{person.left:%Y-%m-%d}" if person is not None and person.left is not None else ""


def _absent(people: People, name: str, day: date) -> str:
    left = _left(people, name)
    if left:
        return f"{name} left on {left}; name somebody else"
    here = [person for person in people.people if person.is_here(day)]
    known = {person.id for person in here} | {team for person in here for team in person.teams}
    return f"{name!r} is no person or team that is there; {suggestion(name, known, 'people and teams')}"


def _ownership(document: Document) -> Ownership:
    owner = document.root.get("owner")
    if not isinstance(owner, Fields):
        name = owner.text if isinstance(owner, Scalar) else ""
        line = owner.line if owner is not None else 0
        return Ownership(document.name, document.path, line, name, missing=PARTS[1:] if name else PARTS)
    return Ownership(
        document.name,
        document.path,
        owner.line,
        owner.text("responsible"),
        owner.text("accountable"),
        _names(owner, "consulted"),
        _names(owner, "informed"),
        tuple(part for part in PARTS if owner.get(part) is None),
    )


def _names(owner: Fields, part: str) -> tuple[str, ...]:
    value = owner.get(part)
    return tuple(item.text for item in value.items if isinstance(item, Scalar)) if isinstance(value, Items) else ()


def _and(parts: tuple[str, ...]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
