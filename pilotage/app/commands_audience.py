"""The command `audience`: who is in which, why, how they overlap, whether what is kept live is right; and filling static lists."""

from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import Annotated, TypeVar

from cyclopts import App, Parameter
from rich.text import Text

from pilotage.app.audience_views import AudienceView, ClauseView, OverlapView, UploadView, WhyView
from pilotage.app.commands_records import asked, named
from pilotage.app.exits import NEGATIVE, OK, USAGE, Trouble
from pilotage.app.lists import LISTED_MAX, Listing, read_members
from pilotage.app.options import DATA, AsJson, Data
from pilotage.app.reach import Reader
from pilotage.app.terminal import console, counted, number, print_json, table
from pilotage.predicate.error import PredicateError
from pilotage.runner.clock import SystemClock

Item = TypeVar("Item")
_TRUTHS = {True: ("true", "green"), False: ("false", "red"), None: ("unknown", "yellow")}

OfAccounts = Annotated[bool, Parameter(name="--accounts", help="Of accounts, not of persons, where no audience is named.", negative="")]

audience = App(name="audience", help="Audiences: who is in them, why, how they overlap; static lists.")


@audience.command(name="list")
def audience_list(*, data: Data = DATA, json: AsJson = False) -> int:
    """List the audiences of the plan in force, with how many are in each.

    Example: pilotage audience list
    """
    found = asked(data, lambda reader: reader.audiences())
    if json:
        print_json(found)
        return OK
    rows = table("audience", "members", "condition", right=("members",))
    for each in found:
        rows.add_row(each.name, number(each.members), each.condition)
    out = console()
    if found:
        out.print(rows)
    out.print(f"{counted(len(found), 'audience')}")
    return OK


@audience.command(name="show")
def audience_show(name: str, *, data: Data = DATA, json: AsJson = False) -> int:
    """Show one audience: its condition, what it is made of, and how many are in it.

    Example: pilotage audience show lapsed-gold

    Parameters
    ----------
    name
        The audience's name.
    """
    found = asked(data, lambda reader: _one(reader, name))
    if json:
        print_json(found)
        return OK
    out = console()
    out.print(f"[bold]{found.name}[/]  {number(found.members)} members  [dim]{found.digest[:16]}[/]")
    out.print(f"condition  {found.condition}\nexisting   {found.existing}", markup=False)
    if found.reads:
        out.print(f"reads      {', '.join(found.reads)}", markup=False)
    if found.listed:
        out.print(f"list       {found.listed}", markup=False)
    return OK


async def _one(reader: Reader, name: str) -> AudienceView:
    found = {each.name: each for each in await reader.audiences()}
    if name not in found:
        raise Trouble(f"there is no audience {name!r}", NEGATIVE, "'pilotage audience list' lists them")
    return found[name]


@audience.command(name="preview")
def audience_preview(
    name: str = "", *, when: str = "", limit: int = 10, accounts: OfAccounts = False, data: Data = DATA, json: AsJson = False
) -> int:
    """Say how many customers, or accounts, are in an audience, or would be in one with a condition, and name some of them.

    Asked in SQL of all of history and of what is known of every customer.

    Example: pilotage audience preview --when "count('order.placed', '30d') > 2"

    Parameters
    ----------
    name
        The audience's name.
    when
        A condition in its place, which no audience needs to have.
    limit
        How many members to name.
    """
    if bool(name) == bool(when):
        raise Trouble("name an audience, or give a condition with --when", USAGE)
    try:
        found = asked(data, lambda reader: reader.preview(name, when, limit, accounts))
    except PredicateError as error:
        raise Trouble(str(error), USAGE) from error
    if json:
        print_json(found)
        return OK
    out = console()
    out.print(f"{number(found.size)} of {number(found.subjects)} {found.of}  [dim]as of {found.at}[/]")
    for subject in found.examples:
        out.print(subject)
    return OK


@audience.command(name="why")
def audience_why(name: str, subject: str, *, data: Data = DATA, json: AsJson = False) -> int:
    """Say why a customer, or an account, is in an audience or not: each clause of its condition, true, false or unknown, and what it read.

    Example: pilotage audience why lapsed-gold user_id=42

    Parameters
    ----------
    name
        The audience's name.
    subject
        A subject id, an identifier such as user_id=42 or account_id=acme, an e-mail address, or a bare user id.
    """

    async def ask(reader: Reader) -> WhyView:
        return await reader.membership(name, await named(reader, subject))

    found = asked(data, ask)
    if json:
        print_json(found)
        return OK
    out = console()
    since = f" since {found.since}" if found.since else ""
    out.print(f"[bold]{found.subject}[/] is {'in' if found.inside else 'not in'} {found.audience}{since}  [dim]as of {found.at}[/]")
    if found.next:
        out.print(f"Time alone can change that from {found.next} on.", style="dim")
    for line in _lines(found.condition, 0):
        out.print(line)
    return OK


def _lines(clause: ClauseView, depth: int) -> Iterator[Text]:
    told, style = _TRUTHS[clause.truth]
    line = Text("  " * depth).append(f"{told:<8}", style)
    line.append({"and": "all of", "or": "any of", "not": "not"}.get(clause.join, clause.text))
    known = {text: value for text, value in clause.inputs.items() if text != clause.text}
    if known:
        line.append("  " + "  ".join(f"{text} = {_shown(value)}" for text, value in known.items()), "dim")
    yield line
    for part in clause.parts:
        yield from _lines(part, depth + 1)


def _shown(value: object) -> str:
    return "unknown" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


@audience.command(name="overlap")
def audience_overlap(*names: str, accounts: OfAccounts = False, data: Data = DATA, json: AsJson = False) -> int:
    """Say how many customers, or accounts, are in both of two audiences, for all of persons or those named.

    Example: pilotage audience overlap lapsed-gold regulars

    Parameters
    ----------
    names
        Only these audiences.
    """
    found = asked(data, lambda reader: reader.overlap(list(names), accounts))
    if json:
        print_json(found)
        return OK
    console().print(_matrix(found))
    return OK


def _matrix(found: OverlapView) -> object:
    columns = tuple(str(place) for place in range(1, len(found.audiences) + 1))
    rows = table("", "audience", *columns, right=columns)
    for place, name in enumerate(found.audiences):
        rows.add_row(str(place + 1), name, *(number(count) for count in found.both[place]))
    return rows


@audience.command(name="reconcile")
def audience_reconcile(*, limit: int = 20, data: Data = DATA, json: AsJson = False) -> int:
    """Hold what is kept live against a batch evaluation of all events. Exits 1 if anything differs.

    Example: pilotage audience reconcile

    Parameters
    ----------
    limit
        How many differences to list.
    """
    found = asked(data, lambda reader: reader.reconcile(limit))
    if json:
        print_json(found)
        return NEGATIVE if found.different else OK
    out = console()
    if found.differences:
        rows = table("subject", "audience", "live", "batch")
        for each in found.differences:
            rows.add_row(each.subject, each.audience, "in" if each.live else "out", "in" if each.batch else "out")
        out.print(rows)
    told = f"{number(found.memberships)} memberships of {number(found.subjects)} customers: {number(found.different)} differ"
    out.print(f"{told}  [dim]as of {found.at}[/]")
    if found.skipped:
        out.print(f"not compared, since they leave existing customers out: {', '.join(found.skipped)}", markup=False)
    return NEGATIVE if found.different else OK


@audience.command(name="upload")
def audience_upload(
    name: str,
    file: Path,
    *,
    basis: str = "",
    remove: Annotated[bool, Parameter(negative="")] = False,
    resume: str = "",
    data: Data = DATA,
    json: AsJson = False,
) -> int:
    """Put the customers, or accounts, of a CSV file on a static list, or take them off.

    The file's first row names its columns: user_id, email, phone or anonymous_id, or account_id for a list of accounts, and basis where
    rows have one of their own. Each is told once. An upload that was interrupted goes on with --resume. Needs a running process.

    Example: pilotage audience upload spring-party guests.csv --basis consent

    Parameters
    ----------
    name
        The list, as 'members' of an audience names it.
    file
        The CSV file.
    basis
        The legal basis for having them on the list, such as consent or contract.
    remove
        Take them off the list.
    resume
        The upload to go on with, as it was named when it began.
    """
    members = list(read_members(file, basis, not remove))
    upload = resume or str(SystemClock().now_us())
    if not upload.isdecimal():
        raise Trouble(f"{upload!r} names no upload", USAGE, "write what 'go on with --resume' said")
    out = console()
    if not json:
        out.print(f"upload {upload}: if it is interrupted, go on with --resume {upload}")

    async def ask(reader: Reader) -> UploadView:
        told = UploadView(0, 0, 0)
        for stated, group in groupby(sorted(members, key=lambda each: each[0]), key=lambda each: each[0]):
            listing = Listing(name, upload, int(upload), stated, not remove)
            for page in _pages([member for _, member in group]):
                done = await reader.change_list(listing, page)
                told = UploadView(told.told + done.told, told.repeated + done.repeated, told.refused + done.refused)
        return told

    done = asked(data, ask)
    if json:
        print_json({"upload": upload, "members": len(members), "told": done.told, "repeated": done.repeated, "refused": done.refused})
    else:
        what = "taken off" if remove else "put on"
        told = f"{number(done.told)} {what} {name}, {number(done.repeated)} told before, {number(done.refused)} refused"
        out.print(told, markup=False)
    return NEGATIVE if done.refused else OK


def _pages(items: Sequence[Item]) -> Iterator[list[Item]]:
    rest = iter(items)
    while page := list(islice(rest, LISTED_MAX)):
        yield page
