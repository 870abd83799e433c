"""Admission: what a runner may run. In production that is the newest release of the environment and nothing else; a sandbox may run a
bare plan, and is marked as one.

What is shown is checked against the ledger, the release's own signatures, the documents of the workspace, and what this data folder
ran before. Everything that does not fit is refused with the reason and the cure.
"""

from pathlib import Path

import msgspec

from pilotage.app.bundling import document_files, release_path
from pilotage.app.control import LedgerMissing, open_ledger
from pilotage.app.exits import CONFIG, Trouble
from pilotage.app.ran import RAN_FILE, Ran, ran
from pilotage.app.workspace import Compiled, Workspace
from pilotage.review.bundle import bundle_of, changed_documents
from pilotage.review.ledger import SYSTEM, Ledger
from pilotage.review.register import EFFECTIVE, Effective, Register, register_of
from pilotage.review.release import AGAIN, RESTORE, Release, ReleaseRefused, check_release, decode_release
from pilotage.runner.clock import Clock
from pilotage.runner.folder import write_file


def admit(workspace: Workspace, compiled: Compiled, data: Path, clock: Clock) -> Release | None:
    """The release that a workspace runs under: in production the newest one, `Trouble` if there is none or it does not fit. In a
    sandbox one that fits, or None: then it runs a bare plan."""
    try:
        return _admitted(workspace, compiled, data, clock)
    except ReleaseRefused as refused:
        if not workspace.environment.production:
            return None
        name = workspace.environment.name
        raise Trouble(f"production {name!r} runs nothing but a release: {refused.reason}", CONFIG, refused.cure) from refused


def _admitted(workspace: Workspace, compiled: Compiled, data: Path, clock: Clock) -> Release:
    assert compiled.plan is not None
    environment = workspace.environment.name
    try:
        ledger = open_ledger(data, clock.now_us, create=False)
    except LedgerMissing as missing:
        if (data / RAN_FILE).exists() or release_path(data, environment, 1).exists():
            raise ReleaseRefused("there were releases, and the ledger is gone", str(missing)) from missing
        raise ReleaseRefused("nothing was released here", AGAIN) from missing
    try:
        release = _newest(register_of(ledger), ledger, data, environment)
    finally:
        ledger.close()
    _check_documents(release, workspace, compiled.plan.digest)
    highest = max((each.sequence for each in ran(data)), default=0)
    if release.sequence < highest:
        raise ReleaseRefused(f"release {release.sequence} was superseded: release {highest} ran here already", AGAIN)
    return release


def _newest(register: Register, ledger: Ledger, data: Path, environment: str) -> Release:
    """The newest release of an environment by the ledger, as its file has it."""
    entered = register.newest(environment)
    if entered is None:
        others = sorted({each.environment for each in register.releases})
        told = f"nothing was released to {environment!r}" + (f", only to {', '.join(others)}" if others else "")
        raise ReleaseRefused(told, AGAIN)
    path = release_path(data, environment, entered.sequence)
    name = f"the file of release {entered.sequence} ({path})"
    try:
        release = decode_release(path.read_bytes(), name)
    except FileNotFoundError as fault:
        raise ReleaseRefused(f"{name} is missing", RESTORE) from fault
    check_release(release, ledger.signer.public_key, environment)
    if release.sequence < entered.sequence:
        raise ReleaseRefused(f"release {release.sequence} was superseded by release {entered.sequence}, and shown in its place", RESTORE)
    if release.digest != entered.digest:
        raise ReleaseRefused(f"{name} is not what the ledger says of it", RESTORE)
    return entered


def _check_documents(release: Release, workspace: Workspace, plan: str) -> None:
    found = bundle_of(plan, document_files(Path(workspace.folder)))
    changed = changed_documents(release.documents, found.documents)
    if changed:
        told = "; ".join(changed[:3]) + (f" and {len(changed) - 3} more" if len(changed) > 3 else "")
        cure = "restore the documents, or propose the change, have it approved, and release it"
        raise ReleaseRefused(f"the workspace is not what release {release.sequence} approved: {told}", cure)
    if found.digest != release.bundle:
        told = "the same documents make another plan with this version of Pilotage or its zone tables"
        raise ReleaseRefused(f"the workspace is not what release {release.sequence} approved: {told}", AGAIN)


def note_effective(data: Path, release: Release, plan: str, clock: Clock) -> None:
    """Note that a release came into force under a plan's name: in the ledger, then in the data folder. Repeating it changes nothing."""
    before = ran(data)
    if before and (before[-1].digest, before[-1].plan) == (release.digest, plan):
        return
    now_us = clock.now_us()
    ledger = open_ledger(data, clock.now_us)
    try:
        told = Effective(release.sequence, release.digest, plan, now_us)
        if told.plan not in {each.plan for each in register_of(ledger).effective if each.digest == release.digest}:
            ledger.append(f"{SYSTEM}runner", EFFECTIVE, f"release:{release.environment}/{release.sequence}", msgspec.to_builtins(told))
    finally:
        ledger.close()
    noted = (*before, Ran(release.sequence, release.digest, release.proposal, plan, now_us))
    write_file(data / RAN_FILE, msgspec.json.format(msgspec.json.encode(noted), indent=2) + b"\n")
