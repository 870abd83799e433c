"""Which plan a person means: a workspace folder, a git revision of one, a plan that a data folder holds, or its active one."""

import io
import os
import subprocess
import tarfile
import tempfile
from pathlib import Path

import msgspec

from pilotage.app.exits import NO_INPUT, Trouble
from pilotage.app.places import SETTINGS_FILE
from pilotage.app.planning import unplanned
from pilotage.app.workspace import compile_workspace, load
from pilotage.journey.plan import Plan
from pilotage.runner.folder import AGAIN, read_environment, read_plans
from pilotage.source.zones import packaged_zones

ACTIVE = "active"


class Version(msgspec.Struct, frozen=True):
    """A plan and what it was called."""

    name: str
    plan: Plan


def version(name: str, workspace: Path, data: Path) -> Version:
    """The plan that a name means: a folder with a workspace; `active`; the digest, or how it begins, of a plan in the data folder;
    a git revision of the workspace. `Trouble` where it is none of them."""
    if (Path(name) / SETTINGS_FILE).is_file():
        return Version(name, _compiled(Path(name)))
    named = read_environment(data).plans if (data / "environment.json").is_file() else ()
    stored = tuple(dict.fromkeys(each.partition(AGAIN)[0] for each in reversed(named)))[::-1]
    wanted = stored[-1:] if name == ACTIVE else tuple(digest for digest in stored if len(name) >= 6 and digest.startswith(name))
    if len(wanted) == 1:
        return Version(f"plan {wanted[0][:16]}", read_plans(data, wanted)[0])
    if name == ACTIVE:
        raise Trouble(f"{data} holds no plan", NO_INPUT, "name the data folder with --data, or what to compare with")
    if len(wanted) > 1:
        raise Trouble(f"{len(wanted)} plans of {data} begin with {name}", NO_INPUT, "write more digits")
    return Version(name, _of_revision(name, workspace, data))


def _compiled(folder: Path) -> Plan:
    compiled = compile_workspace(load(folder, os.environ), packaged_zones())
    if compiled.plan is None:
        raise unplanned(compiled)
    return compiled.plan


def _of_revision(name: str, workspace: Path, data: Path) -> Plan:
    """The plan of the workspace as it was at a git revision."""
    tried = f"{name!r} is neither a workspace folder, nor a plan of {data}, nor a git revision of {workspace}"
    if name.startswith("-"):
        raise Trouble(tried, NO_INPUT)
    revision = _git(workspace, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    if revision is None:
        raise Trouble(tried, NO_INPUT, "name one of them; 'active' is the plan that runs")
    top, inside = (_git(workspace, "rev-parse", asked) or b"" for asked in ("--show-toplevel", "--show-prefix"))
    tree = f"{revision.decode().strip()}:{inside.decode().strip()}"
    packed = _git(Path(top.decode().strip()), "archive", "--format=tar", tree)
    if packed is None:
        raise Trouble(f"at {name} there was no folder {workspace}", NO_INPUT, "name a later revision")
    with tempfile.TemporaryDirectory() as folder, tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        _unpack(archive, Path(folder).resolve())
        return _compiled(Path(folder))


def _unpack(archive: tarfile.TarFile, folder: Path) -> None:
    """Write the files of an archive into a folder, and nothing outside of it. `extractall` has a filter for that from Python 3.11.4 on."""
    for member in archive:
        path, source = (folder / member.name).resolve(), archive.extractfile(member) if member.isfile() else None
        if source is not None and path.is_relative_to(folder):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(source.read())


def _git(folder: Path, *arguments: str) -> bytes | None:
    """What git says, or None where it refuses."""
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, check=False)
    except FileNotFoundError as fault:
        raise Trouble("git is not installed, and only it knows revisions", NO_INPUT, "install it, or name folders") from fault
    return done.stdout if done.returncode == 0 else None
