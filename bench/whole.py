"""The rehearsal of a long past by the very command, on two processes: how long it takes, and how much memory they hold meanwhile."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench import workload

EVERY_S = 0.5
"""How often memory is looked at."""
WORKERS = 2


class Whole(msgspec.Struct, frozen=True):
    """What a run came to: events of history and subjects, decisions and messages; real seconds and CPU seconds of all processes together;
    the most memory that one process and that all together held; the disk that the history took, and what was kept of parts."""

    events: int
    subjects: int
    decisions: int
    messages: int
    real_s: float
    cpu_s: float
    largest_bytes: int
    together_bytes: int
    history_bytes: int
    parts_bytes: int


def rehearsed(folder: Path) -> Whole:
    """Rehearse the plan in force over a folder's history."""
    report = folder / "report.json"
    command = [sys.executable, "-m", "pilotage.app", "rehearse", str(workload.WORKSPACE), "--data", str(folder)]
    before, begun_s = _children_s(), time.perf_counter()
    running = subprocess.Popen([*command, "--workers", str(WORKERS), "--json-file", str(report)], stdout=subprocess.DEVNULL)
    largest = together = parts = 0
    while running.poll() is None:
        held = [_held_bytes(pid) for pid in _family(running.pid)]
        largest = max(largest, *(most for most, _ in held), 0)
        together = max(together, sum(share for _, share in held))
        parts = max(parts, sum(_size(path) for path in folder.glob("evidence/partial-*/*.part")))
        time.sleep(EVERY_S)
    real_s, cpu_s = time.perf_counter() - begun_s, _children_s() - before
    if running.returncode:
        raise RuntimeError(f"the rehearsal ended with {running.returncode}; its folder is {folder}")
    told = msgspec.json.decode(report.read_bytes())["versions"][0]
    decisions = sum(sum(step["verbs"].values()) for journey in told["journeys"] for step in journey["steps"])
    messages = sum(each["total"] for each in told["messages"] if each["channel"] == "all")
    history = sum(_size(path) for path in (folder / "history").rglob("*.parquet"))
    return Whole(told["events"], told["subjects"], decisions, messages, real_s, cpu_s, largest, together, history, parts)


def _children_s() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def _family(pid: int) -> Iterator[int]:
    """A process and all that it has begun."""
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return
    for child in children:
        yield from _family(int(child))


def _held_bytes(pid: int) -> tuple[int, int]:
    """The most that a process has held, and what it holds now, pages that it shares counted by its share."""
    try:
        most = _kibibytes(Path(f"/proc/{pid}/status"), "VmHWM:")
        return most * 1024, _kibibytes(Path(f"/proc/{pid}/smaps_rollup"), "Pss:") * 1024
    except OSError:
        return 0, 0


def _kibibytes(path: Path, name: str) -> int:
    return next((int(line.split()[1]) for line in path.read_text().splitlines() if line.startswith(name)), 0)


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
