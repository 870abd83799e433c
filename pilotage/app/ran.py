"""Which releases a data folder ran, and which one was in force when something was decided.

`released.json` of the data folder notes each release as it came into force, with the name its plan had then: decisions name the plan
they were made under, and so the release, at no cost for the event.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from pilotage.runner.folder import AGAIN, FolderBroken, read_environment

RAN_FILE = "released.json"


class Ran(msgspec.Struct, frozen=True):
    """A release that this data folder ran, and the name under which its plan came into force."""

    sequence: int
    digest: str
    proposal: str
    plan: str
    at_us: int


def ran(data: Path) -> tuple[Ran, ...]:
    """The releases that a data folder ran, in order."""
    path = data / RAN_FILE
    if not path.exists():
        return ()
    try:
        return msgspec.json.decode(path.read_bytes(), type=tuple[Ran, ...])
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise FolderBroken(f"{path} cannot be read ({fault}); restore the folder from a backup") from fault


def release_of(noted: Sequence[Ran], plans: Sequence[str], name: str, at_us: int) -> Ran | None:
    """The release that was in force at an instant under one of the names of plans that a folder had, if it was one. A pause or a stop
    gives the plan another name under the same release."""
    if name not in plans:
        return None
    digest, place = name.partition(AGAIN)[0], plans.index(name)
    same = [each for each in noted if each.plan in plans and plans.index(each.plan) <= place and each.plan.partition(AGAIN)[0] == digest]
    return next((each for each in reversed(same) if each.at_us <= at_us), same[0] if same else None)


def released_by(data: Path) -> Callable[[str, int], str]:
    """What names the release that was in force under the name of a plan at an instant: `3 by proposal 1f0c…`, or nothing. The notes are
    read again only after they changed."""
    held: list[tuple[int, tuple[Ran, ...], tuple[str, ...]]] = []

    def told(plan: str, at_us: int) -> str:
        path = data / RAN_FILE
        stamp = path.stat().st_mtime_ns if path.exists() else 0
        if not stamp:
            return ""
        if not held or held[0][0] != stamp or plan not in held[0][2]:
            held[:] = [(stamp, ran(data), read_environment(data).plans)]
        found = release_of(held[0][1], held[0][2], plan, at_us)
        return f"{found.sequence} by proposal {found.proposal}" if found is not None else ""

    return told
