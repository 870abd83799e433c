"""Re-executing what was decided live: all shards of a data folder that nobody runs on, told as text or JSON.

The folder is this process's own for the time, and nothing in it is changed.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pilotage.app.exits import NEGATIVE, NO_INPUT, OK, Trouble
from pilotage.app.programs import Programs
from pilotage.app.terminal import console, counted, error_console, number, print_json
from pilotage.event.time import instant_text
from pilotage.journey.advance import advance
from pilotage.runner.arrival import Advance
from pilotage.runner.folder import open_folder, read_environment
from pilotage.runner.parity import Fault, ShardParity, Verifier, passes_of, records_of
from pilotage.runner.station import open_stores
from pilotage.runner.store import Store
from pilotage.runner.ticket import SHARDS

_COUNTED = (
    "records",
    "identical",
    "different",
    "after",
    "before",
    "subjects",
    "subjects_before",
    "decisions",
    "actions",
    "parcels",
    "states",
)


class Parity(msgspec.Struct, frozen=True):
    """What a folder's logs came to; the counts as `ShardParity` has them, over all shards, and the first difference in time, if any."""

    counts: dict[str, int]
    first: Fault | None
    faults: list[Fault]


def verify_folder(
    data: Path,
    *,
    kernel: Advance = advance,
    programs: Callable[[str], Any] | None = None,
    on_records: Callable[[int, int], None] = lambda records, total: None,
) -> Parity:
    """Decide everything that a folder's logs hold once more. `kernel` and `programs` are those at hand unless others are given;
    `on_records` hears how many records of how many were gone through. `Trouble` where there is no folder, `FolderBusy` if another
    process runs on it."""
    if not (data / "environment.json").exists():
        raise Trouble(f"there is no data folder at {data}", NO_INPUT, "name it with --data, or make one with 'pilotage run'")
    environment = read_environment(data)
    folder = open_folder(data, environment.name, production=environment.production, create=False)
    stores: dict[int, Store] = {}
    try:
        stores = open_stores(data, range(SHARDS))
        total = sum(records_of(store) * len(passes_of(store, shard)) for shard, store in stores.items())
        done = 0

        def told(records: int) -> None:
            nonlocal done
            done += records
            on_records(done, total)

        known = programs or Programs(data)
        found = [Verifier(shard, store, known, kernel, told).run() for shard, store in sorted(stores.items())]
    finally:
        for store in stores.values():
            store.close()
        folder.close()
    return _united(found)


def _united(found: list[ShardParity]) -> Parity:
    faults = sorted(
        (fault for shard in found for fault in shard.faults), key=lambda fault: (fault.received_us, fault.shard, fault.position)
    )
    counts = {name: sum(getattr(shard, name) for shard in found) for name in _COUNTED}
    return Parity(counts, faults[0] if faults else None, faults)


def verify(data: Path, *, json: bool) -> int:
    """Verify a folder and tell what came of it; 1 if anything differs."""
    out = error_console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as progress:
        task = progress.add_task("deciding again", total=None)
        parity = verify_folder(data, on_records=lambda done, total: progress.update(task, completed=done, total=total))
    if json:
        print_json({"same": parity.first is None, **parity.counts, "first": parity.first, "faults": parity.faults})
    else:
        _tell(parity)
    return OK if parity.first is None else NEGATIVE


def _tell(parity: Parity) -> None:
    out, counts = console(), parity.counts
    verified = counts["records"] - counts["before"]
    out.print(
        f"{number(counts['identical'])} of {counted(verified, 'record')} of {counted(counts['subjects'], 'subject')} come out as they did"
    )
    out.print(
        f"compared: {number(counts['decisions'])} decisions, {number(counts['actions'])} actions, {number(counts['parcels'])} parcels, "
        f"{number(counts['states'])} states"
    )
    if counts["before"]:
        out.print(
            f"not tried: {number(counts['before'])} records of {counted(counts['subjects_before'], 'subject')} whose story begins "
            "before the log does"
        )
    if counts["after"]:
        out.print(f"not tried: {number(counts['after'])} records that follow a difference in their subject's story")
    for place, fault in enumerate(parity.faults):
        out.print(f"{'first difference' if place == 0 else 'also'}: shard {fault.shard}, position {fault.position}", style="red")
        out.print(f"  subject   {fault.subject}", markup=False)
        if fault.received_us:
            out.print(f"  event     {fault.event}, received {instant_text(fault.received_us)}", markup=False, soft_wrap=True)
        out.print(f"  plan      {fault.plan[:16]}", markup=False)
        out.print(f"  differs   {fault.field}", markup=False, soft_wrap=True)
        out.print(f"  expected  {fault.expected}", markup=False, soft_wrap=True)
        out.print(f"  found     {fault.found}", markup=False, soft_wrap=True)
