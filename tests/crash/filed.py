"""The history of a data folder at rest and its logs, to be compared row by row."""

from pathlib import Path

from pilotage.app.past import of_history
from pilotage.runner.history.rows import PastDecision, PastEvent
from pilotage.runner.log import segments_from
from pilotage.runner.station import open_stores
from pilotage.runner.ticket import SHARDS
from tests.runner.history.past import plainly

Rows = tuple[list[PastEvent], list[PastDecision]]


def told_and_logged(folder: Path) -> tuple[Rows, Rows]:
    """Every event and decision that history tells, from files and the tail, and that the logs hold."""
    told = of_history(folder, lambda history: (list(history.events()), list(history.decisions())))
    stores = open_stores(folder, range(SHARDS))
    try:
        return told, plainly([segment for store in stores.values() for segment in segments_from(store, 1)])
    finally:
        for store in stores.values():
            store.close()
