"""Processes that do a part of another one's work: they end with it, however it ends.

Whoever is killed tells nobody. The workers of a pool hold both ends of the pipe that their work comes through, so they would wait for
more of it for ever, with all that they hold in memory.
"""

import os
from multiprocessing import Pipe, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.util import Finalize
from threading import Thread


def end_with_parent() -> None:
    """In a worker: end at once when the process that handed out the work is gone. Without such a process, nothing."""
    parent = parent_process()
    if parent is None:
        return
    ended, end = Pipe(duplex=False)
    watch = Thread(target=_watch, args=(parent.sentinel, ended), name="parent", daemon=True)
    watch.start()
    Finalize(None, _let_go, (end, watch), exitpriority=0)  # a thread that outlives the worker's last step keeps what it would let go


def _watch(sentinel: int, ended: Connection) -> None:
    if sentinel in wait([sentinel, ended]):
        os._exit(1)


def _let_go(end: Connection, watch: Thread) -> None:
    end.close()
    watch.join()
