"""Journeys as Mermaid flowcharts, with what changed between two plans marked: added, removed, changed, wired otherwise.

A removed step or edge is still drawn, so that a reviewer sees what is no more.
"""

from collections.abc import Iterable

from pilotage.journey.described import END, kind_of, ways_of
from pilotage.journey.difference import ADDED, REMOVED, Change, PlanDifference, steps_of
from pilotage.journey.plan import Call, Decide, Emit, Enter, Journey, Plan, Send, Task, Wait

CLASSES = {
    "added": "fill:#dcfce7,stroke:#15803d,color:#14532d",
    "removed": "fill:#fee2e2,stroke:#b91c1c,color:#7f1d1d,stroke-dasharray:4",
    "changed": "fill:#fef9c3,stroke:#a16207,color:#713f12",
    "rewired": "fill:#dbeafe,stroke:#1d4ed8,color:#1e3a8a",
}
_SHAPES = {
    "send": ("[/", "/]"),
    "wait": ("([", "])"),
    "branch": ("{", "}"),
    "split": ("{{", "}}"),
    "decide": ("{{", "}}"),
    "task": ("[\\", "\\]"),
    "journey": ("[[", "]]"),
    "exit": ("((", "))"),
}


def flowchart(old: Plan, new: Plan, difference: PlanDifference) -> str:
    """One flowchart with a box for each journey that differs; a chart that says so where none does."""
    before, after = ({journey.name: journey for journey in plan.journeys} for plan in (old, new))
    lines = ["flowchart TD"]
    links: list[tuple[int, str]] = []
    count = 0
    changed = [change for change in difference.changes if change.kind == "journey"]
    for number, change in enumerate(changed):
        drawn = _Journey(f"j{number}", change, before.get(change.name), after.get(change.name))
        lines += drawn.lines()
        links += [(count + at, how) for at, how in drawn.marked]
        count += drawn.links
    if not changed:
        lines.append("  same[no journey differs]")
    for how, colour in ((ADDED, "#15803d"), (REMOVED, "#b91c1c")):
        places = ",".join(str(at) for at, mark in links if mark == how)
        if places:
            lines.append(f"  linkStyle {places} stroke:{colour},stroke-width:2px")
    return "\n".join((*lines, *(f"  classDef {name} {style}" for name, style in CLASSES.items()))) + "\n"


class _Journey:
    """One journey being drawn. `marked` are the links that were added or removed, by their number within it."""

    def __init__(self, prefix: str, change: Change, old: Journey | None, new: Journey | None) -> None:
        self.prefix, self.change = prefix, change
        self.old, self.new = steps_of(old), steps_of(new)
        self.hows = {inner.name: inner.how for inner in change.inner}
        self.marked: list[tuple[int, str]] = []
        self.links = 0

    def lines(self) -> list[str]:
        """The journey's box with its steps and edges."""
        drawn = [f'  subgraph {self.prefix}["{_escaped(f"{self.change.name} ({self.change.how})")}"]']
        steps = {**self.old, **self.new}
        for name, step in steps.items():
            begin, end = _SHAPES.get(kind_of(step), ("[", "]"))
            how = self.hows.get(name, "")
            mark = f":::{how}" if how else ""
            drawn.append(f'    {self._node(name)}{begin}"{_escaped(_label(step))}"{end}{mark}')
        drawn.append(f'    {self._node(END)}(("end"))')
        for name in steps:
            drawn += self._edges(name)
        return [*drawn, "  end"]

    def _edges(self, name: str) -> Iterable[str]:
        before = ways_of(self.old[name], {}) if name in self.old else {}
        after = ways_of(self.new[name], {}) if name in self.new else {}
        for label, goto in dict.fromkeys((*after.items(), *before.items())):
            how = ADDED if before.get(label) != goto else REMOVED if after.get(label) != goto else ""
            if how and self.change.how not in (ADDED, REMOVED):
                self.marked.append((self.links, how))
            self.links += 1
            arrow = "-.->" if how == REMOVED else "-->"
            shown = "" if label == "next" else f'|"{_escaped(label)}"|'
            yield f"    {self._node(name)} {arrow}{shown} {self._node(goto)}"

    def _node(self, name: str) -> str:
        """A node's id: Mermaid keeps some words for itself, so each has the journey's prefix."""
        return f"{self.prefix}_{name.replace('-', '_').replace('/', '__')}"


def _label(step: object) -> str:
    name = getattr(step, "id", "")
    if isinstance(step, Send):
        return f"{name}: {step.channel} {step.content}" + (f" to {step.role}" if step.role else "")
    if isinstance(step, Call):
        return f"{name}: call {step.endpoint}"
    if isinstance(step, Task):
        return f"{name}: {step.title}"
    if isinstance(step, Decide):
        return f"{name}: {step.catalogue}"
    if isinstance(step, Enter):
        return f"{name}: {step.journey}"
    if isinstance(step, Emit):
        return f"{name}: emit {step.event}"
    if isinstance(step, Wait) and step.until:
        return f"{name}: {step.until}"
    return str(name)


def _escaped(text: str) -> str:
    """Text as a Mermaid label in quotes holds it."""
    return text.replace("&", "#amp;").replace('"', "#quot;").replace("<", "#lt;").replace(">", "#gt;")
