"""The command `history`: how far it is in files, bringing it up to date, and asking it questions in SQL."""

from collections.abc import Sequence
from typing import Any

from cyclopts import App

from pilotage.app.exits import NEGATIVE, OK, USAGE, Trouble
from pilotage.app.options import DATA, AsJson, Data
from pilotage.app.past import keeper_of, of_history
from pilotage.app.terminal import console, number, print_json, table
from pilotage.app.views import HistoryView
from pilotage.runner.history.parquet import QueryRefused

MEBIBYTE = 1 << 20

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
    out.print(f"{number(len(rows))} rows")


def _plain(cell: Any) -> Any:
    """A value for people: bytes as hexadecimal text."""
    return cell.hex() if isinstance(cell, bytes) else cell
