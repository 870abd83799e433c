"""Audiences: however a document says who is in it, one condition; each after those it is made of.

Everything that a document says must hold: its condition, its list, any, all and none of other audiences.
"""

from collections.abc import Iterator, Sequence
from typing import cast

from pilotage.audience.model import Audience, Existing, conjunction
from pilotage.audience.nesting import cycle, in_order
from pilotage.journey.document import Scalar
from pilotage.journey.names import Desk
from pilotage.predicate.ir import Predicate
from pilotage.predicate.parse import Scope, parse
from pilotage.predicate.text import string_text

PARTS = ("when", "members", "any", "all")
"""The keys of which an audience has at least one; `except` alone would be nearly everybody, which is to be said."""


def parse_audiences(desks: Sequence[Desk]) -> tuple[Audience, ...]:
    """The audiences of all documents in topological order; none where they are made of each other."""
    found = {audience.name: (desk, audience) for desk in desks if (audience := _audience(desk)) is not None}
    reads = {name: audience.when.audiences for name, (_, audience) in found.items()}
    round_ = cycle(reads)
    if round_:
        desk = found[round_[0]][0]
        message = f"the audiences {' → '.join(round_)} are made of each other"
        desk.wrong("U003", desk.document.root.key("name"), message, "let one of them not read the next")
        return ()
    return tuple(found[name][1] for name in in_order(reads))


def _audience(desk: Desk) -> Audience | None:
    root = desk.document.root
    if root.scalar("name") is None:
        return None
    name = root.text("name")
    if root.get("owner") is None:
        desk.wrong("U001", root, f"audience {name!r} has no owner", "add 'owner: {responsible: …, accountable: …}'")
    if all(root.get(key) is None for key in PARTS):
        cure = "add 'when', 'members', 'any' or 'all'; 'when: true' is everybody"
        desk.wrong("U002", root, f"audience {name!r} does not say who is in it", cure)
        return None
    parts = tuple(_parts(desk))
    if not parts:
        return None
    existing = cast(Existing, root.text("existing", "include"))
    return Audience(name, conjunction(parts), existing, root.text("members"))


def _parts(desk: Desk) -> Iterator[Predicate]:
    """The conditions that a document comes to, in a fixed order; those with a fault are left out, with a finding."""
    root, scope = desk.document.root, desk.scope()
    when = desk.condition(root.scalar("when"), scope)
    if when is not None:
        yield when
    if root.text("members"):
        yield parse(listed_text(root.text("members")), scope)
    any_of = _named(desk, "any")
    if any_of:
        yield parse(" or ".join(map(_inside, any_of)), scope)
    for name in _named(desk, "all"):
        yield parse(_inside(name), scope)
    for name in _named(desk, "except"):
        yield parse(f"not {_inside(name)}", scope)


def listed_text(name: str) -> str:
    """The condition of being on a static list: the last thing said about it was that the subject is."""
    return f"last('list.changed', 'listed', event.list = {string_text(name)}) is true"


def _inside(name: str) -> str:
    return f"in_audience({string_text(name)})"


def _named(desk: Desk, key: str) -> list[str]:
    """The known audiences named under a key, by name, each once."""
    written = [item for item in desk.document.root.list(key) if isinstance(item, Scalar)]
    found = (desk.known("U004", item, desk.names.audiences, "audience", "audiences") for item in written)
    return sorted({name for name in found if name})


def membership(desk: Desk, scalar: Scalar | None, scope: Scope, text: str) -> Predicate | None:
    """The condition that a text says about the audience that a scalar names, `{}` being its name in quotes; None, with a
    finding, where there is no such audience."""
    name = desk.known("U004", scalar, desk.names.audiences, "audience", "audiences")
    if not name:
        return None
    predicate = parse(text.format(string_text(name)), scope)
    desk.used.append(predicate)
    return predicate
