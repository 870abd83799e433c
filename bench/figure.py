"""A figure: what was measured, what it must reach, and what bounds it; and the table and JSON they are told in."""

import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

YARDSTICK_S = 0.0225
"""CPU seconds of `yardstick` on the machine of RESULTS.md when nothing else runs on it."""


class Figure(msgspec.Struct, frozen=True):
    """One measured value. `floor` is what the product promises: at least, or with `at_most` at most. `bound` says what
    limits the figure, or what exactly was done."""

    name: str
    value: float
    unit: str
    floor: float | None = None
    at_most: bool = False
    bound: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times as good as promised; below 1 is worse."""
        if self.floor is None or not self.value:
            return None
        return self.floor / self.value if self.at_most else self.value / self.floor

    @property
    def wanted(self) -> str:
        """The promise, for people."""
        return "" if self.floor is None else f"{'≤' if self.at_most else '≥'} {number(self.floor)}"


class Report(msgspec.Struct, frozen=True):
    """The figures of one run, the machine they are from, and how fast it was before and after (1: as when quiet)."""

    machine: str
    at: str
    speed_before: float
    speed_after: float
    figures: list[Figure]


def number(value: float) -> str:
    """A number as people read it."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def yardstick() -> float:
    """How fast one core is now, against the same core when nothing disturbs it: the best of five."""
    best = float("inf")
    for _ in range(5):
        begun = time.process_time()
        pairs: dict[int, tuple[int, int]] = {}
        for at in range(300_000):
            pairs[at & 1023] = (at, at + 1)
        best = min(best, time.process_time() - begun)
    return YARDSTICK_S / best


def machine() -> str:
    """The machine in one line."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"


def table(figures: Sequence[Figure]) -> Table:
    """The figures as a table."""
    made = Table(box=None, pad_edge=False)
    for column, justify in (("figure", "left"), ("value", "right"), ("unit", "left"), ("wanted", "right"), ("ratio", "right")):
        made.add_column(column, justify=justify)  # type: ignore[arg-type]  # rich names the same words in a Literal
    for figure in figures:
        ratio = figure.ratio
        shown = "" if ratio is None else f"{ratio:.2f}"
        style = "red" if ratio is not None and ratio < 1 else ""
        made.add_row(figure.name, number(figure.value), figure.unit, figure.wanted, shown, style=style)
    return made


def tell(report: Report) -> None:
    """Print the table, with what bounds each figure below it."""
    console = Console(highlight=False)
    speed = f"core speed {report.speed_before:.2f} before, {report.speed_after:.2f} after (1: undisturbed)"
    console.print(f"{report.machine}, {report.at}; {speed}")
    console.print(table(report.figures))
    for figure in report.figures:
        if figure.bound:
            console.print(f"  {figure.name}: {figure.bound}", style="dim", markup=False)


def markdown(report: Report) -> str:
    """The same as a page."""
    rows = []
    for figure in report.figures:
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
        rows.append(f"| {figure.name} | {number(figure.value)} {figure.unit} | {figure.wanted} | {ratio} | {figure.bound} |")
    return "\n".join(
        (
            "# Results",
            "",
            f"`make bench` on {report.machine}, {report.at}. The core ran at {report.speed_before:.2f} of its undisturbed speed before the",
            f"run and at {report.speed_after:.2f} after it; a ratio below 1 misses the floor.",
            "",
            "| figure | value | wanted | ratio | what bounds it |",
            "|---|---|---|---|---|",
            *rows,
            "",
        )
    )
