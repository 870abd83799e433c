"""`python -m bench [names] [--json FILE] [--quick] [--full] [--subjects N]`: measure, print the table, and keep it in RESULTS.md.

Each figure is measured in a process of its own, on its own copy of the same million subjects. `--quick` takes few events, for
trying the suite itself; `--full` adds ten million subjects and a cache for all. A whole run rewrites `bench/RESULTS.md`.
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import msgspec

from bench import dataset, suite
from bench.figure import Figure, Report, machine, markdown, number, tell, yardstick

RESULTS = Path(__file__).parent / "RESULTS.md"


def apart(work: Callable[..., Any], *arguments: Any) -> Any:
    """Do something in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"which figures: {', '.join(suite.MEASURES)}; all of them if none is named")
    parser.add_argument("--json", type=Path, help="write the report there too")
    parser.add_argument("--quick", action="store_true", help="few events and subjects, to try the suite")
    parser.add_argument("--full", action="store_true", help="ten million subjects, and a cache that holds a million, too")
    parser.add_argument("--subjects", type=int, help="how many subjects, where a figure has any")
    parser.add_argument("--folder", type=Path, help="where data folders are made; a temporary folder without it")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(suite.MEASURES))
    if unknown:
        parser.error(f"no such figure: {', '.join(unknown)}; there are {', '.join(suite.MEASURES)}")
    names = options.names or [name for name in suite.MEASURES if suite.MEASURES[name].always or options.full]
    root = Path(tempfile.mkdtemp(prefix="pilotage-bench-", dir=options.folder))
    try:
        size = suite.QUICK if options.quick else suite.WHOLE
        report = measure(names, msgspec.structs.replace(size, subjects=options.subjects or size.subjects), root)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    tell(report)
    if options.json:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2))
    if not (options.names or options.quick or options.subjects):
        RESULTS.write_text(markdown(report), encoding="utf-8")


def measure(names: list[str], size: suite.Size, root: Path) -> Report:
    """The figures named, in order."""
    before = yardstick()
    data = root / "subjects"
    if any(suite.MEASURES[name].needs_subjects for name in names):
        print(f"making {size.subjects:,} subjects …", flush=True)
        dataset.build(data, size.subjects, time.time_ns() // 1_000)
    figures: list[Figure] = []
    for name in names:
        print(f"measuring {name} …", flush=True)
        folder = root / name
        measured = suite.MEASURES[name]
        if measured.needs_subjects:
            dataset.copy(data, folder)
        else:
            folder.mkdir()
        found = apart(measured.work, folder, size)
        for figure in found:  # at once: what comes after may fail, and these took their time
            print(f"  {figure.name}: {number(figure.value)} {figure.unit}", flush=True)
        figures += found
        shutil.rmtree(folder, ignore_errors=True)
    return Report(machine(), time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), before, yardstick(), figures)


if __name__ == "__main__":
    main()
