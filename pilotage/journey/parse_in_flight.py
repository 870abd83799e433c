"""What a journey document says about those who are under way when its version takes over."""

import re
from collections.abc import Iterable

from msgspec import UNSET, UnsetType

from pilotage.journey.document import Fields
from pilotage.journey.names import Desk
from pilotage.journey.plan import AnyStep, InFlight

ANY = "any"
EXIT = "exit"
"""What a step of an earlier version leads to where the entry ends."""

_DIGEST = re.compile(r"[0-9a-f]{6,64}")


def parse_in_flight(desk: Desk, root: Fields, steps: Iterable[AnyStep]) -> InFlight | UnsetType:
    """The in-flight policy of a journey; to finish is to have none."""
    policy = root.map("in_flight")
    if policy is None:
        return InFlight(EXIT) if root.get("in_flight") is not None and root.text("in_flight") == EXIT else UNSET
    written = policy.map("migrate")
    if written is None:
        return UNSET
    return InFlight("migrate", _version(desk, written), _steps(desk, written.map("steps"), [step.id for step in steps]))


def _version(desk: Desk, written: Fields) -> str:
    version = written.scalar("from")
    if version is None or version.text == ANY:
        return ""
    if not _DIGEST.fullmatch(version.text):
        cure = "write at least six digits of an earlier version's digest, which 'pilotage migration' shows, or any"
        desk.wrong("J036", version, f"{version.text!r} is not how a digest begins", cure)
    return version.text


def _steps(desk: Desk, written: Fields | None, known: list[str]) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    for step in sorted(written.names()) if written else ():
        assert written is not None
        target = written.scalar(step)
        leaves = target is not None and target.text == EXIT
        found.append((step, "" if leaves else desk.known("J012", target, known, "step", "steps")))
    return tuple(found)
