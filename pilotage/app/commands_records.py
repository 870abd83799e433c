"""Commands that read what a data folder knows, and deal with what could not be done: why, subjects, quarantine, actions."""

import asyncio
import re
from collections.abc import Callable, Coroutine
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, TypeVar

from cyclopts import App

from pilotage.app.exits import NEGATIVE, OK, USAGE, Trouble
from pilotage.app.options import DATA, AsJson, Data, WorkspaceFolder
from pilotage.app.places import SETTINGS_FILE
from pilotage.app.reach import Reader, reach
from pilotage.app.terminal import console, number, print_json, table
from pilotage.app.under_views import UnderView, print_under
from pilotage.app.views import ActionView, Timeline
from pilotage.app.why import print_story
from pilotage.runner.outbox import Status

PAGE = 1_000
_HEX_ID = re.compile(r"[0-9a-f]{32}")
Answer = TypeVar("Answer")

quarantine = App(name="quarantine", help="Refused events: list them, look at one, put them through again.")
actions = App(name="actions", help="Messages and calls that wait or could not be handed over.")


def asked(data: Path, question: Callable[[Reader], Coroutine[Any, Any, Answer]]) -> Answer:
    """The answer of a data folder's reader."""

    async def answered() -> Answer:
        async with reach(data) as reader:
            return await question(reader)

    return asyncio.run(answered())


async def named(reader: Reader, name: str) -> bytes:
    """The subject a person means: an id, `kind=value`, an e-mail address, or else a user id."""
    if _HEX_ID.fullmatch(name):
        return bytes.fromhex(name)
    kind, equals, value = name.partition("=")
    if not equals:
        kind, value = ("email", name) if "@" in name else ("user_id", name)
    if not (kind and value):
        raise Trouble(f"{name!r} names nobody", USAGE, "write an id, user_id=42, anonymous_id=…, or an e-mail address")
    return bytes.fromhex(await reader.find({kind: value}))


def why_command(
    subject: str,
    *,
    data: Data = DATA,
    utc: bool = False,
    limit: int = 200,
    before: int = 0,
    under: str = "",
    workspace: WorkspaceFolder = Path("."),
    json: AsJson = False,
) -> int:
    """Why did this customer get this? Each event, each decision and its reason, each message and its fate.

    Times are in the customer's own zone.

    Example: pilotage why user_id=42

    Parameters
    ----------
    subject
        A subject id, an identifier such as user_id=42 or anonymous_id=a1, an e-mail address, or a bare user id.
    utc
        Show times in UTC.
    limit
        How many events at most, the newest ones.
    before
        Only what lies before this position of the log.
    under
        Another plan: the digest of one that the data folder holds (six digits will do) or, as for `pilotage diff`, a workspace
        folder or a git revision of it. The whole story is told under both, with what differs marked.
    """
    if under:
        return _under(subject, under, workspace, data, utc=utc, json=json)

    async def ask(reader: Reader) -> tuple[Any, Timeline]:
        found = await named(reader, subject)
        return await reader.subject(found), await _whole(reader, found, before, limit)

    state, story = asked(data, ask)
    if json:
        print_json({"subject": state, "timeline": story})
    else:
        print_story(console(), state, story, utc=utc)
    return OK


def _under(subject: str, name: str, workspace: Path, data: Path, *, utc: bool, json: bool) -> int:
    """Tell a story under another plan beside what was decided."""
    held = re.fullmatch(r"[0-9a-f]{6,64}", name) is not None
    plan = None
    if not held or (Path(name) / SETTINGS_FILE).is_file():
        versions = import_module("pilotage.app.versions")  # all that compiles a workspace, which no other question here needs
        plan = versions.version(name, workspace, data).plan

    async def ask(reader: Reader) -> tuple[Any, UnderView]:
        found = await named(reader, subject)
        return await reader.subject(found), await reader.under(found, name, plan)

    state, found = asked(data, ask)
    if json:
        print_json(found)
    else:
        print_under(console(), state, found, utc=utc)
    return OK


async def _whole(reader: Reader, subject: bytes, before: int, limit: int) -> Timeline:
    """As much of a story as was asked for, in pages."""
    story = await reader.timeline(subject, before, min(limit, PAGE))
    while story.before and len(story.happenings) < limit:
        more = await reader.timeline(subject, story.before, min(limit - len(story.happenings), PAGE))
        story = Timeline(story.subject, story.zone, [*story.happenings, *more.happenings], [*story.messages, *more.messages], more.before)
    return story


def subjects_command(subject: str = "", *, data: Data = DATA, limit: int = 50, after: str = "", json: AsJson = False) -> int:
    """List who is known, or show what is known about one of them.

    Example: pilotage subjects user_id=42

    Parameters
    ----------
    subject
        An id or identifier; without it, ids are listed.
    limit
        How many ids at most.
    after
        Go on after this id.
    """
    if subject:
        state = asked(data, lambda reader: _state(reader, subject))
        if json:
            print_json(state)
        else:
            print_story(console(), state, Timeline(state.subject, state.zone, [], [], 0))
        return OK
    page = asked(data, lambda reader: reader.subjects(after, limit))
    if json:
        print_json(page)
        return OK
    out = console()
    for each in page.subjects:
        out.print(each)
    if page.after:
        out.print(f"[dim]more: --after {page.after}[/]")
    return OK


async def _state(reader: Reader, name: str) -> Any:
    return await reader.subject(await named(reader, name))


@quarantine.command(name="list")
def quarantine_list(
    *,
    data: Data = DATA,
    status: Literal["held", "resubmitted", "discarded", "all"] = "held",
    limit: int = 50,
    after: int = 0,
    json: AsJson = False,
) -> int:
    """List refused events in the order received, with the reason.

    Example: pilotage quarantine list --status all

    Parameters
    ----------
    status
        Only events of this status.
    limit
        How many at most.
    after
        Go on after this number.
    """
    page = asked(data, lambda reader: reader.quarantined(after, limit, "" if status == "all" else status))
    if json:
        print_json(page)
        return OK
    out = console()
    rows = table("number", "received", "source", "type", "stage", "where", "reason", right=("number",))
    for row in page.rows:
        rows.add_row(str(row.number), row.received, row.source, row.type, row.stage, row.path, row.reason)
    if page.rows:
        out.print(rows)
    held = sum(kind.held for kind in page.kinds)
    out.print(f"{number(held)} held of {number(sum(kind.refused for kind in page.kinds))} refused ever")
    if page.after:
        out.print(f"[dim]more: --after {page.after}[/]")
    return OK


@quarantine.command(name="show")
def quarantine_show(numbered: int, *, data: Data = DATA, json: AsJson = False) -> int:
    """Show one refused event, whole, with the reason and the cure.

    Example: pilotage quarantine show 12

    Parameters
    ----------
    numbered
        The event's number.
    """
    found = asked(data, lambda reader: reader.quarantined_event(numbered))
    if json:
        print_json(found)
        return OK
    out = console()
    out.print(f"[bold]{found.number}[/]  {found.status}  {found.type} from {found.source}  id {found.id}", markup=True)
    out.print(f"received  {found.received}\nrefused   at {found.stage}, {found.path}: {found.reason}\ncure      {found.cure}", markup=False)
    out.print(f"\n{found.raw}", markup=False)
    return OK


@quarantine.command(name="resubmit")
def quarantine_resubmit(*numbers: int, data: Data = DATA, all: bool = False, json: AsJson = False) -> int:
    """Put refused events through again, after a contract, a mapping or the sender was corrected.

    Needs a running process. Exits 1 if one of them is refused again.

    Example: pilotage quarantine resubmit 12 13

    Parameters
    ----------
    numbers
        The events' numbers.
    all
        All that are held.
    """
    if not numbers and not all:
        raise Trouble("no numbers were given", USAGE, "name them, or say --all")

    async def ask(reader: Reader) -> tuple[int, int]:
        wanted = [row.number for row in await _held(reader)] if all else list(numbers)
        accepted = refused = 0
        for first in range(0, len(wanted), PAGE):
            done = await reader.resubmit(wanted[first : first + PAGE])
            accepted, refused = accepted + done.accepted, refused + done.refused
        return accepted, refused

    accepted, refused = asked(data, ask)
    if json:
        print_json({"accepted": accepted, "refused": refused})
    else:
        console().print(f"{number(accepted)} accepted, {number(refused)} refused again")
    return NEGATIVE if refused else OK


async def _held(reader: Reader) -> list[Any]:
    page = await reader.quarantined(0, PAGE, "held")
    rows = list(page.rows)
    while page.after:
        page = await reader.quarantined(page.after, PAGE, "held")
        rows += page.rows
    return rows


@quarantine.command(name="discard")
def quarantine_discard(*numbers: int, data: Data = DATA, json: AsJson = False) -> int:
    """Mark refused events as not worth resubmitting. They stay listed. Needs a running process.

    Example: pilotage quarantine discard 12

    Parameters
    ----------
    numbers
        The events' numbers.
    """
    if not numbers:
        raise Trouble("no numbers were given", USAGE, "name them")
    done = asked(data, lambda reader: reader.discard(numbers))
    if json:
        print_json(done)
    else:
        console().print(f"{number(done.discarded)} discarded")
    return OK


@actions.command(name="list")
def actions_list(
    *,
    data: Data = DATA,
    status: tuple[Status, ...] = (Status.FAILED, Status.UNKNOWN),
    limit: int = 50,
    after: str = "",
    json: AsJson = False,
) -> int:
    """List dead letters and actions of unknown fate, or those of other statuses.

    Example: pilotage actions list --status pending

    Parameters
    ----------
    status
        Only these; repeat it for several.
    limit
        How many at most.
    after
        Go on after this cursor.
    """
    page = asked(data, lambda reader: reader.actions(status, after, limit))
    if json:
        print_json(page)
        return OK
    out = console()
    rows = table("status", "subject", "effect", "target", "journey / step", "attempts", "next", "reason", right=("attempts",))
    for each in page.actions:
        where = f"{each.journey} / {each.step}"
        rows.add_row(each.status, each.subject, each.effect, each.target, where, str(each.attempts), each.next, each.reason)
    if page.actions:
        out.print(rows)
    out.print(f"{number(len(page.actions))} listed")
    if page.after:
        out.print(f"[dim]more: --after {page.after}[/]")
    return OK


@actions.command(name="redrive")
def actions_redrive(*effects: str, data: Data = DATA, all: bool = False, json: AsJson = False) -> int:
    """Try dead letters again, with all their attempts and the same keys. Needs a running process.

    Example: pilotage actions redrive --all

    Parameters
    ----------
    effects
        Effect keys, as 'pilotage actions list' shows them, or their beginnings.
    all
        Every dead letter; those of unknown fate only by name.
    """
    if not effects and not all:
        raise Trouble("no effect keys were given", USAGE, "name them, or say --all")

    async def ask(reader: Reader) -> int:
        listed = await _listed(reader)
        chosen = [each for each in listed if (all and each.status == "failed") or any(each.effect.startswith(key) for key in effects)]
        pairs = [(bytes.fromhex(each.subject), bytes.fromhex(each.effect)) for each in chosen]
        return sum([await reader.redrive(pairs[first : first + PAGE]) for first in range(0, len(pairs), PAGE)])

    done = asked(data, ask)
    if json:
        print_json({"redriven": done})
    else:
        console().print(f"{number(done)} put back")
    return OK if done else NEGATIVE


async def _listed(reader: Reader) -> list[ActionView]:
    page = await reader.actions((Status.FAILED, Status.UNKNOWN), "", PAGE)
    found = list(page.actions)
    while page.after:
        page = await reader.actions((Status.FAILED, Status.UNKNOWN), page.after, PAGE)
        found += page.actions
    return found
