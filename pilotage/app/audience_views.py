"""What the API answers and the command line shows about audiences: plain data with readable values, the same for both, and refusals."""

from collections.abc import Iterable
from typing import Any

import msgspec

from pilotage.audience.clauses import Clause
from pilotage.audience.model import Audience
from pilotage.predicate.scope import suggestion


class AudienceUnknown(LookupError):
    """The plan in force has no such audience. 'pilotage audience list' lists them."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(f"there is no audience {name!r}; {suggestion(name, known, 'audiences')}")


class AudiencesApart(ValueError):
    """Audiences of persons and of accounts have nobody in common. Name those of one kind."""

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__(f"{', '.join(names)} are audiences of persons and of accounts; name those of one kind")


class AudienceView(msgspec.Struct, frozen=True):
    """An audience of the plan in force; `members` are the subjects in it by what is kept live, `reads` the audiences and `listed`
    the static list that it is made of."""

    name: str
    condition: str
    existing: str
    listed: str
    reads: list[str]
    digest: str
    members: int


class PreviewView(msgspec.Struct, frozen=True):
    """Who is in an audience, or meets a condition, by batch evaluation as of `at`: how many of all customers, or `of` all accounts, and
    some of them."""

    condition: str
    at: str
    size: int
    subjects: int
    examples: list[str]
    of: str = "customers"


class ClauseView(msgspec.Struct, frozen=True):
    """One part of a condition for one subject: true, false or null for unknown, and the values it read; `join` says what connects
    its parts (`and`, `or`, `not`, `in` an audience)."""

    text: str
    truth: bool | None
    inputs: dict[str, Any]
    join: str
    parts: list["ClauseView"]


class WhyView(msgspec.Struct, frozen=True):
    """Whether and since when a subject is in an audience, and its condition clause by clause as of `at`. Who meets the condition
    and is not in it did so already when the audience was released."""

    audience: str
    subject: str
    at: str
    inside: bool
    since: str
    next: str
    condition: ClauseView


class OverlapView(msgspec.Struct, frozen=True):
    """How many subjects are in each audience, and in both of two: `sizes[i]` and `both[i][j]` in the order of `audiences`."""

    at: str
    audiences: list[str]
    sizes: list[int]
    both: list[list[int]]


class DifferenceView(msgspec.Struct, frozen=True):
    """One subject of whom what is kept live and the batch evaluation say different things."""

    subject: str
    audience: str
    live: bool
    batch: bool


class ReconciliationView(msgspec.Struct, frozen=True):
    """What is kept live against the batch evaluation as of `at`: how many memberships were compared, how many differ, and the first
    of these. `skipped` are the audiences that leave existing subjects out, which no event says."""

    at: str
    subjects: int
    memberships: int
    different: int
    differences: list[DifferenceView]
    skipped: list[str]


class UploadView(msgspec.Struct, frozen=True):
    """What became of the members of a static list that were sent: told to the system now, told before, or refused."""

    told: int
    repeated: int
    refused: int


def audience_view(audience: Audience, digest: str, members: int) -> AudienceView:
    """An audience as people read it."""
    when = audience.when
    return AudienceView(audience.name, when.text, audience.existing, audience.listed, list(when.audiences), digest, members)


def clause_view(clause: Clause) -> ClauseView:
    """A clause as people read it."""
    return ClauseView(clause.text, clause.truth, dict(clause.inputs), clause.join, [clause_view(part) for part in clause.parts])
