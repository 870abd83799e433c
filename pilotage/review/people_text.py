"""Editing the text of people.yaml: one person more, a new key, a day of leaving; everything else stays as it was written, comments
included.

Each edit is put in by lines and read again: where the outcome is not the people as they were with that one change, nothing is
changed and the person is told what to write by hand.
"""

from collections.abc import Callable, Iterable
from datetime import date

import msgspec

from pilotage.journey.document import Document, Fields, Items, Scalar, Tree
from pilotage.journey.findings import Report
from pilotage.review.people import People, Person, read_people

NEW = """\
# Who answers for what runs here: 'pilotage person add' adds somebody. Nobody is taken out: who left carries the day.
schema: 1
kind: people
{teams}people:
"""


class PeopleUnfit(ValueError):
    """people.yaml cannot be edited as it is written. Correct it, or make the change by hand."""


def with_person(source: str, person: Person) -> str:
    """The text with one person more, at the end of the list; an empty text begins a file."""
    if not source.strip():
        teams = "".join(f"  {team}: {_quoted(team)}\n" for team in person.teams)
        begun = NEW.format(teams=f"teams:\n{teams}" if teams else "")
        return _checked(begun + _lines(person, "  "), (person,), {team: team for team in person.teams})
    document, people = _read(source)
    items = _items(document)
    first = items.items[0]
    if not isinstance(first, Fields) or source[_offset(source, first.line, 1) :].lstrip(" ")[:1] != "-":
        raise PeopleUnfit("the list of people is not written in lines that begin with '-'; write it so, or add the person by hand")
    indent = " " * (items.column - 1)
    return _checked(_put_in(source, _last_line(items), _lines(person, indent)), (*people.people, person), people.teams)


def with_key(source: str, id: str, public_key: str) -> str:
    """The text with another public key for a person."""
    return _with(source, id, "public_key", f'"{public_key}"', lambda person: msgspec.structs.replace(person, public_key=public_key))


def with_left(source: str, id: str, day: date) -> str:
    """The text with the day that a person left."""
    return _with(source, id, "left", day.isoformat(), lambda person: msgspec.structs.replace(person, left=day))


def _with(source: str, id: str, key: str, written: str, change: Callable[[Person], Person]) -> str:
    document, people = _read(source)
    people.of(id)
    item = next(item for item in _items(document).items if isinstance(item, Fields) and item.text("id") == id)
    old = item.get(key)
    if isinstance(old, Scalar) and old.end > old.start:
        changed = source[: old.start] + written + source[old.end :]
    elif source[_offset(source, item.line, item.column)] == "{":
        end = source.index("}", _end(item))
        changed = f"{source[:end].rstrip().rstrip(',')}, {key}: {written}{source[end:]}"
    else:
        changed = _put_in(source, _last_line(item), f"{' ' * (item.column - 1)}{key}: {written}\n")
    after = tuple(change(person) if person.id == id else person for person in people.people)
    return _checked(changed, after, people.teams)


def _read(source: str) -> tuple[Document, People]:
    report = Report()
    document, people = read_people(source.encode(), report)
    if document is None or report.failed:
        raise PeopleUnfit("\n".join(finding.text for finding in report.findings))
    return document, people


def _checked(source: str, people: tuple[Person, ...], teams: dict[str, str]) -> str:
    """The text, if it says what it should."""
    report = Report()
    document, found = read_people(source.encode(), report)
    if report.failed:
        raise PeopleUnfit("\n".join(finding.text for finding in report.findings))
    if document is None or found != People(people, teams):
        raise PeopleUnfit("people.yaml is written in a way that cannot be edited for you; make the change by hand")
    return source


def _items(document: Document) -> Items:
    items = document.root.get("people")
    assert isinstance(items, Items)  # its form was checked
    return items


def _lines(person: Person, indent: str) -> str:
    """A person as lines of a list."""
    fields = [("id", person.id), ("name", _quoted(person.name))]
    fields += [("email", _quoted(person.email))] if person.email else []
    fields += [(key, f"[{', '.join(names)}]") for key, names in (("roles", person.roles), ("teams", person.teams)) if names]
    fields += [("public_key", _quoted(person.public_key))] if person.public_key else []
    fields += [("left", person.left.isoformat())] if person.left else []
    return "".join(f"{indent}{'  ' if number else '- '}{key}: {text}\n" for number, (key, text) in enumerate(fields))


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()  # a JSON text is a YAML text


def _put_in(source: str, after_line: int, lines: str) -> str:
    written = source.splitlines(keepends=True)
    if written[after_line - 1][-1:] not in "\r\n":
        written[after_line - 1] += "\n"
    return "".join((*written[:after_line], lines, *written[after_line:]))


def _last_line(tree: Tree) -> int:
    """The last line that anything of a tree stands on."""
    return max(_lines_of(tree))


def _lines_of(tree: Tree) -> Iterable[int]:
    yield tree.line
    for part in _parts(tree):
        yield from _lines_of(part)


def _parts(tree: Tree) -> tuple[Tree, ...]:
    if isinstance(tree, Items):
        return tree.items
    return tuple(part for pair in tree.fields for part in pair) if isinstance(tree, Fields) else ()


def _end(tree: Tree) -> int:
    """The offset behind the last single value of a tree."""
    return tree.end if isinstance(tree, Scalar) else max((_end(part) for part in _parts(tree)), default=0)


def _offset(source: str, line: int, column: int) -> int:
    return sum(len(each) for each in source.splitlines(keepends=True)[: line - 1]) + column - 1
