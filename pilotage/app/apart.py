"""Processes that do a part of another one's work: they end with it, however it ends.

Whoever is killed tells nobody. The workers of a pool hold both ends of the pipe that their work comes through, so they would wait for
more of it for ever, with all that they hold in memory.
"""

import os
import threading
from multiprocessing import parent_process
from multiprocessing.connection import wait


def end_with_parent() -> None:
    """In a worker: end at once when the process that handed out the work is gone. Without such a process, nothing."""
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_watch, args=(parent.sentinel,), name="parent", daemon=True).start()


def _watch(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
