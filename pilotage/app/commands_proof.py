"""The command `proof`: contents in every language, on the screen, as files, or to a seed list."""

import asyncio
import getpass
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter

from pilotage.app.acts import PROOF_SENT, noted
from pilotage.app.commands_new import pairs
from pilotage.app.control import ledger_of
from pilotage.app.equipment import make_channels
from pilotage.app.exits import CONFIG, NEGATIVE, OK, Trouble
from pilotage.app.options import AsJson, RunData, WorkspaceFolder
from pilotage.app.planning import unplanned
from pilotage.app.proofs import Proof, messages_to, proofs_of, seeds_named
from pilotage.app.terminal import console, print_json
from pilotage.app.workspace import Workspace, compile_workspace, load
from pilotage.channel.channel import Fate
from pilotage.channel.services import Services
from pilotage.runner.allow import NOT_ALLOWED, AllowList
from pilotage.runner.clock import SystemClock
from pilotage.source.zones import packaged_zones

To = Annotated[str, Parameter(name="--to", help="Send them to this seed list.")]
Out = Annotated[Path | None, Parameter(name="--out", help="Write them into this folder, a file for each part.")]
Language = Annotated[str, Parameter(name="--locale", help="Only in this language.")]
Values = Annotated[
    list[str] | None, Parameter(name="--set", help="A value for what templates read, as customer.first_name=Ada.", negative="")
]
_ENDINGS = {"html": "html", "body": "txt"}


class Handed(msgspec.Struct, frozen=True):
    """What became of one proof that was sent."""

    address: str
    content: str
    locale: str
    fate: str
    reason: str


def proof_command(
    name: str,
    *,
    to: To = "",
    out: Out = None,
    locale: Language = "",
    values: Values = None,
    by: str = "",
    workspace: WorkspaceFolder = Path("."),
    data: RunData = None,
    json: AsJson = False,
) -> int:
    """Show how a content looks in each of its languages: on the screen, as files, or sent to a seed list.

    Every part is marked as a proof. It counts in no budget, and outside production it goes only where messages may go. Exits 1 if one
    could not be handed over.

    Example: pilotage proof cart-reminder --to reviewers --set customer.first_name=Ada

    Parameters
    ----------
    name
        A content, or a journey: all contents that it sends.
    by
        Who sends them; the account's name without it.
    """
    loaded = load(workspace, os.environ)
    compiled = compile_workspace(loaded, packaged_zones())
    if compiled.plan is None:
        raise unplanned(compiled)
    proofs = proofs_of(compiled.plan, name, pairs(values or []), locale)
    written = _write(proofs, out) if out is not None else []
    handed = asyncio.run(_noted(loaded, proofs, name, to, by, data or workspace / "data")) if to else []
    if json:
        print_json({"proofs": proofs, "written": [str(path) for path in written], "sent": handed})
    else:
        _tell(proofs, written, handed, quiet=bool(to or out))
    return NEGATIVE if any(each.fate != Fate.SENT for each in handed) else OK


def _tell(proofs: Sequence[Proof], written: Sequence[Path], handed: Sequence[Handed], quiet: bool) -> None:
    screen = console()
    for proof in () if quiet else proofs:
        screen.print(
            f"{proof.content}{f' in {proof.locale}' if proof.locale else ''}, sent by {', '.join(proof.sent_by)}",
            style="bold",
            markup=False,
        )
        for part, text in proof.parts.items():
            if part != "html":
                screen.print(f"{part}: {text.rstrip()}", markup=False, soft_wrap=True)
        screen.print()
    for path in written:
        screen.print(f"wrote {path}", markup=False)
    for each in handed:
        reason = f": {each.reason}" if each.reason else ""
        screen.print(
            f"{each.fate} {each.content}{f' in {each.locale}' if each.locale else ''} to {each.address}{reason}",
            markup=False,
            soft_wrap=True,
        )


def _write(proofs: Sequence[Proof], folder: Path) -> list[Path]:
    """One file for each part of each proof, such as cart-reminder.de.html."""
    paths = []
    folder.mkdir(parents=True, exist_ok=True)
    for proof in proofs:
        for part, text in proof.parts.items():
            path = folder / ".".join(
                filter(None, (proof.content, proof.locale, "" if part in _ENDINGS else part, _ENDINGS.get(part, "txt")))
            )
            path.write_text(text, encoding="utf-8")
            paths.append(path)
    return paths


async def _noted(workspace: Workspace, proofs: Sequence[Proof], name: str, seeds: str, by: str, data: Path) -> list[Handed]:
    """Send the proofs, once the ledger says so."""
    seeds_named(workspace.documents, seeds)  # an unknown list is nobody's act
    told = {"seeds": seeds, "contents": [{"name": each.content, "digest": each.digest, "locale": each.locale} for each in proofs]}
    with ledger_of(data) as ledger:
        async with noted(ledger, by or getpass.getuser(), PROOF_SENT, f"proof:{name}", told):
            return await _send(workspace, proofs, seeds)


async def _send(workspace: Workspace, proofs: Sequence[Proof], seeds: str) -> list[Handed]:
    """Hand the proofs over, each once; what becomes of each is told, and nothing is tried again."""
    wanted = {proof.channel for proof in proofs}
    bound = {name: settings for name, settings in workspace.channels.items() if name in wanted and settings.get("uses", name) != "inbox"}
    allow = AllowList(workspace.environment.production, workspace.environment.allow)
    if workspace.unset:
        raise Trouble(f"these environment variables are not set: {', '.join(workspace.unset)}", CONFIG, "set them, or use --out")
    if not wanted <= set(bound):
        cure = "the inbox is a customer's own; write them with --out"
        raise Trouble(f"channel {min(wanted - set(bound))!r} takes no proofs", CONFIG, cure)
    clock = SystemClock()
    channels = make_channels(bound, Services(clock.now_us, {}))
    handed = []
    try:
        for seed in seeds_named(workspace.documents, seeds):
            for proof, message in messages_to(seed, proofs, clock.now_us()):
                told = (seed.address, proof.content, proof.locale)
                if proof.channel not in allow.local and not allow.reaches(seed.address, f"{proof.channel}:{seed.address}"):
                    handed.append(Handed(*told, "refused", NOT_ALLOWED))
                    continue
                receipt = await channels[proof.channel].send(message)
                handed.append(Handed(*told, receipt.fate, receipt.reason))
    finally:
        for channel in channels.values():
            await channel.close()
    return handed
