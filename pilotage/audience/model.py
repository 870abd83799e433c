"""An audience as a plan holds it: a name and one condition, and what names an audience and a set of them.

However an audience is written (a condition, a static list, a union, an intersection, an exclusion), it is one condition
over a subject. An audience's digest covers the audiences it is made of, so that it changes whenever who is in can.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from pilotage.event.digest import canonical as packed
from pilotage.event.digest import digest, key128
from pilotage.predicate.canonical import canonical
from pilotage.predicate.ir import Call, Predicate, Type
from pilotage.profile.features import widest

Existing = Literal["include", "exclude"]
"""What becomes of subjects that meet an audience's condition already when it is released."""

SET_BYTES = 8


class Audience(msgspec.Struct, frozen=True):
    """One audience: a subject is in it while `when` is true (NULL is not).

    `when` reads attributes, past events, consents, journeys and other audiences, never an event at hand. `existing` says
    whether subjects that meet it already when it is released are in it from then on (`include`), or only once the condition
    was not true and is true again (`exclude`). `listed` is the name of the static list it reads; empty if it reads none.
    """

    name: str
    when: Predicate
    existing: Existing = "include"
    listed: str = ""


def digests_of(audiences: Sequence[Audience]) -> dict[str, str]:
    """The digest of each audience by name, given in topological order: of its condition in canonical form, its rule for
    existing subjects, and the digests of the audiences it reads. Spelling does not change it."""
    found: dict[str, str] = {}
    for each in audiences:
        inner = tuple(found[name] for name in each.when.audiences)
        found[each.name] = digest((each.name, each.existing, packed(canonical(each.when.expr)), inner))
    return found


def set_digest(digests: Mapping[str, str]) -> bytes:
    """The name of a set of audiences, which a subject's state keeps: by it one knows whether they have all been asked.
    No audiences are the empty name."""
    return key128(*(text for name in sorted(digests) for text in (name, digests[name])))[:SET_BYTES] if digests else b""


def conjunction(parts: Sequence[Predicate]) -> Predicate:
    """All of several conditions as one, with all they depend on; a single one is itself."""
    if len(parts) == 1:
        return parts[0]
    return Predicate(
        text=" and ".join(_bracketed(part) for part in parts),
        expr=Call(Type.BOOLEAN, "and", tuple(part.expr for part in parts)),
        events=_united(part.events for part in parts),
        attributes=_united(part.attributes for part in parts),
        features=widest(feature for part in parts for feature in part.features),
        purposes=_united(part.purposes for part in parts),
        timed=any(part.timed for part in parts),
        audiences=_united(part.audiences for part in parts),
        journeys=_united(part.journeys for part in parts),
    )


def _bracketed(part: Predicate) -> str:
    loose = isinstance(part.expr, Call) and part.expr.name in ("or", "and")
    return f"({part.text})" if loose else part.text


def _united(names: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(sorted({name for each in names for name in each}))
