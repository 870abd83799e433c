"""The command `run`: the whole system in the foreground, until a signal ends it in order."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Literal

import uvloop

from pilotage.app.exits import OK, USAGE, Trouble
from pilotage.app.observe import set_up_logs, set_up_traces
from pilotage.app.options import RunData, WorkspaceFolder
from pilotage.app.system import RunOptions, System, prepare, trouble_of
from pilotage.app.terminal import console
from pilotage.runner.ticket import SHARDS


def run_command(
    *,
    workspace: WorkspaceFolder = Path("."),
    data: RunData = None,
    host: str = "127.0.0.1",
    port: int = 8080,
    workers: int = 1,
    public_url: str = "",
    short_history: bool = False,
    log_level: Literal["debug", "info", "warning", "error"] = "info",
) -> int:
    """Run: take events in, decide, send, and serve the API, until SIGTERM or Ctrl-C.

    One process by default. Says on standard output where it listens; logs are JSON lines on standard error.

    Example: pilotage run --workspace shop --port 8080

    Parameters
    ----------
    host
        The address to listen on.
    port
        The port to listen on; 0 takes a free one.
    workers
        How many processes share the shards; 1 keeps everything in this one.
    public_url
        The address under which customers reach the links in messages.
    short_history
        Accept that what a new condition counts begins where history does, if that does not reach back far enough.
    log_level
        The least important level that is logged.
    """
    set_up_logs(log_level)
    set_up_traces()
    if not 1 <= workers <= SHARDS:
        raise Trouble(f"--workers must be 1 to {SHARDS}, not {workers}", USAGE)
    options = RunOptions(workspace, data or workspace / "data", host, port, workers, public_url, short_history=short_history)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(options))


async def _run(options: RunOptions) -> int:
    system = prepare(options, os.environ)
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, system.end)
    fault: BaseException | None = None
    try:
        await _start(system)
        fault = await system.ended
    except BaseException as failure:
        fault = failure
        raise
    finally:
        await _stop(system, fault)
    if fault is not None:
        raise trouble_of(fault)
    return OK


async def _stop(system: System, fault: BaseException | None) -> None:
    """Stop in order; a failure to do so is told only where nothing worse had happened before."""
    try:
        await system.stop()
    except Exception as failure:
        if fault is None:
            raise trouble_of(failure) from failure


async def _start(system: System) -> None:
    try:
        await system.start()
    except OSError as fault:
        raise trouble_of(fault) from fault
    console().print(f"Pilotage runs at {system.url} on {system.options.data}", markup=False)
    sys.stdout.flush()
