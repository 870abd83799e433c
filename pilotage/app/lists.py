"""Static lists: a file of identifiers becomes events about the subjects, so that being on a list is a fact of the log like any other.

An event's id is a hash of the upload, the list and the member: the same upload told twice, after an interruption say, changes
nothing. A member that stands in the file twice is told once.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from pilotage.app.exits import NO_INPUT, USAGE, Trouble
from pilotage.contract.builtin import LIST_CHANGED
from pilotage.event.digest import key128
from pilotage.event.envelope import Event
from pilotage.journey.forms_of_policies import BASES
from pilotage.journey.plan import Plan
from pilotage.predicate.scope import suggestion
from pilotage.profile.identity import ACCOUNT_ID, normalised

LISTED_MAX = 1_000
"""How many members one request tells."""

BASIS = "basis"
"""The column that may hold each member's legal basis."""

IDENTIFIERS = ("user_id", "email", "phone", "anonymous_id", ACCOUNT_ID)
"""The columns that are identifiers; others are not read, and one of these there must be."""


class ListUnknown(LookupError):
    """No audience reads a list of this name. Name it under 'members' of an audience, and release that first."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"no audience has the members of a list {name!r}; {suggestion(name, known, 'lists')}")


class MemberOfAnotherKind(ValueError):
    """A list of accounts has accounts for members, named by nothing but their account_id, and one of persons has none."""

    def __init__(self, name: str, accounts: bool) -> None:
        whom = f"accounts: name each by {ACCOUNT_ID} alone" if accounts else f"persons: an account, named by {ACCOUNT_ID}, cannot be on it"
        super().__init__(f"{name!r} is a list of {whom}")


class BasisUnknown(ValueError):
    """Members of a list need a legal basis."""

    def __init__(self, basis: str) -> None:
        super().__init__(f"{basis!r} is no legal basis; there are {', '.join(BASES)}")


class Listing(msgspec.Struct, frozen=True):
    """What is said of the members of an upload: that they are on a list, or not any more (`listed`), since when and on what basis."""

    name: str
    upload: str
    occurred_us: int
    basis: str
    listed: bool = True


def list_events(plan: Plan, listing: Listing, members: Sequence[Mapping[str, str]]) -> list[Event]:
    """One event for each member; `ListUnknown`, `BasisUnknown`, `MemberOfAnotherKind`."""
    of_accounts = plan.accounts.audiences if plan.accounts is not None else ()
    lists = [{audience.listed for audience in audiences if audience.listed} for audiences in (plan.audiences, of_accounts)]
    if listing.name not in lists[0] | lists[1]:
        raise ListUnknown(listing.name, sorted(lists[0] | lists[1]))
    for member in members:
        account = ACCOUNT_ID in member
        if listing.name not in lists[account] or (account and len(member) > 1):
            raise MemberOfAnotherKind(listing.name, listing.name in lists[1])
    if listing.listed and listing.basis not in BASES:
        raise BasisUnknown(listing.basis)
    said = {"list": listing.name, "listed": listing.listed, **({"basis": listing.basis} if listing.basis else {})}
    data = msgspec.json.encode(said)
    told = {_event_id(listing, member): dict(member) for member in members}
    return [Event(key, f"list/{listing.name}", LIST_CHANGED, listing.occurred_us, data, member) for key, member in told.items()]


def _event_id(listing: Listing, member: Mapping[str, str]) -> str:
    pairs = [part for kind in sorted(member) for part in (kind, normalised(kind, member[kind]))]
    return key128(listing.upload, listing.name, str(listing.listed), *pairs).hex()


def read_members(path: Path, basis: str, listed: bool) -> Iterator[tuple[str, dict[str, str]]]:
    """Each member of a CSV file, once, with its basis: that of its row, else the one given. `Trouble` where a row names nobody, or
    has no legal basis although members come onto the list."""
    if not path.is_file():
        raise Trouble(f"there is no file {path}", NO_INPUT)
    seen: set[bytes] = set()
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        columns = [kind for kind in IDENTIFIERS if kind in (rows.fieldnames or ())]
        if not columns:
            raise Trouble(f"{path} has no column of identifiers", USAGE, f"name one in the first row: {', '.join(IDENTIFIERS)}")
        for row in rows:
            member = {kind: value for kind in columns if (value := (row[kind] or "").strip())}
            if not member:
                raise Trouble(f"{path}:{rows.line_num}: the row names nobody", USAGE, "fill it in or remove it; nothing was sent")
            stated = (row.get(BASIS) or "").strip() or basis
            if listed and stated not in BASES:
                raise Trouble(
                    f"{path}:{rows.line_num}: {stated!r} is no legal basis", USAGE, f"say --basis, or fill in: {', '.join(BASES)}"
                )
            key = key128(*(part for kind in sorted(member) for part in (kind, normalised(kind, member[kind]))))
            if key not in seen:
                seen.add(key)
                yield stated, member
