"""The command `history`: how far it is in files, bringing it up to date, and asking it questions in SQL."""

import time
from collections.abc import Sequence
from typing import Any

from cyclopts import App
from rich.progress import Progress

from pilotage.app.exits import NEGATIVE, OK, UNAVAILABLE, USAGE, Trouble
from pilotage.app.options import DATA, AsJson, Data
from pilotage.app.past import Keeper, keeper_of, of_history
from pilotage.app.terminal import console, counted, error_console, number, print_json, table
from pilotage.app.views import BackfillView, HistoryView
from pilotage.runner.history.parquet import QueryRefused
from pilotage.runner.ticket import SHARDS

MEBIBYTE = 1 << 20
LOOKED_S = 0.2

history = App(name="history", help="All events and decisions, as Parquet files and in SQL.")


@history.command(name="status")
def history_status(*, data: Data = DATA, json: AsJson = False) -> int:
    """Say how far history is in files, and what is in the log alone yet. Exits 1 if something keeps it from being written.

    Example: pilotage history status

    """
    with keeper_of(data) as keeper:
        view = keeper.status()
    return _told(view, json)


@history.command(name="compact")
def history_compact(*, data: Data = DATA, json: AsJson = False) -> int:
    """Bring history up to date: file what is in the log alone, and make one file of each day that is over.

    A running process does so by itself; queries need it never.

    Example: pilotage history compact

    """
    with keeper_of(data) as keeper:
        view = keeper.compact()
    return _told(view, json)


@history.command(name="backfill")
def history_backfill(*, wait: bool = False, data: Data = DATA, json: AsJson = False) -> int:
    """Say how far the past is filled in that a new plan's conditions ask for. Exits 1 if something keeps it from going on.

    A plan that asks for more than was kept comes into force once everybody's past is known; until then the one before goes on.

    Example: pilotage history backfill --wait

    Parameters
    ----------
    wait
        Return only when it is done.
    """
    with keeper_of(data) as keeper:
        view = keeper.backfill()
        if wait and view.active and not keeper.running:
            raise Trouble("nobody runs on the folder, so nothing is filled in", UNAVAILABLE, "start 'pilotage run' with it")
        if wait and view.active:
            view = _awaited(keeper)
    if json:
        print_json(view)
    elif view.active:
        of = "" if view.total is None else f" of {number(view.total)}"
        said = f"{number(view.events)}{of} events read for {number(len(view.features))} features of {number(view.subjects)} subjects"
        console().print(f"{said}, {view.shards_done} of {SHARDS} shards done")
        for fault in view.faults:
            console().print(f"interrupted: {fault}", style="red", markup=False)
    else:
        console().print("nothing to fill in")
    return NEGATIVE if view.faults else OK


def _awaited(keeper: Keeper) -> BackfillView:
    """The backfill when it is done, with a bar where somebody looks on."""
    out = error_console()
    with Progress(console=out, transient=True, disable=not out.is_terminal) as progress:
        task = progress.add_task("filling in the past", total=None)
        while (view := keeper.backfill()).active:
            progress.update(task, completed=view.events, total=view.total)
            time.sleep(LOOKED_S)
    return view


@history.command(name="query")
def history_query(sql: str, *, data: Data = DATA, json: AsJson = False) -> int:
    """Answer a SQL query (DuckDB) over the views events and decisions: everything up to now, whether in files or not.

    Only reads. On a running system nothing waits for it but the disk.

    Example: pilotage history query "select type, count(*) from events group by type"

    Parameters
    ----------
    sql
        One SELECT.
    """
    try:
        answer = of_history(data, lambda found: found.ask(sql))
    except QueryRefused as refused:
        raise Trouble(str(refused), USAGE, "the views are events and decisions; 'describe events' names their columns") from refused
    rows = [[_plain(cell) for cell in row] for row in answer.rows]
    if json:
        print_json({"columns": answer.columns, "types": answer.types, "rows": rows})
        return OK
    _print(answer.columns, rows)
    return OK


def _told(view: HistoryView, as_json: bool) -> int:
    faults = sorted({state.fault for state in view.shards if state.fault})
    if as_json:
        print_json(view)
        return NEGATIVE if faults else OK
    out = console()
    days = f", {view.first_day} to {view.last_day}" if view.files else ""
    out.print(f"{number(view.records)} records in {number(view.files)} files of {view.size_bytes / MEBIBYTE:.1f} MiB{days}")
    waiting_s = max((state.waiting_s for state in view.shards), default=0.0)
    out.print(f"{number(view.behind)} records in the log alone, {waiting_s:.0f} s at most")
    for fault in faults:
        out.print(f"not written: {fault}", style="red", markup=False)
    return NEGATIVE if faults else OK


def _print(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    out = console()
    numeric = tuple(name for place, name in enumerate(columns) if rows and all(isinstance(row[place], int | float) for row in rows))
    shown = table(*columns, right=numeric)
    for row in rows:
        shown.add_row(*("" if cell is None else str(cell) for cell in row))
    out.print(shown, markup=False)
    out.print(f"{counted(len(rows), 'row')}")


def _plain(cell: Any) -> Any:
    """A value for people: bytes as hexadecimal text."""
    return cell.hex() if isinstance(cell, bytes) else cell
