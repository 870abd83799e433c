"""What is told and shown of a customer under another version of the plan."""

import msgspec
from rich.console import Console
from rich.text import Text

from pilotage.app.views import DecisionView, SubjectView
from pilotage.app.why import Zone, sentence_of

LIVE, UNDER, BOTH = "live", "under", "both"
MARKS = {LIVE: ("- ", "red"), UNDER: ("+ ", "green"), BOTH: ("  ", "")}


class UnderLine(msgspec.Struct, frozen=True):
    """A decision, and in which versions it was made: `live`, `under` the other one, or `both`; or an event, which has no `decision`."""

    at: str
    made: str
    event: str
    decision: DecisionView | None


class UnderView(msgspec.Struct, frozen=True):
    """A subject's story under another plan, oldest first. `differs` counts the decisions of one version alone. `whole` is false where
    the story begins before the log does: then nothing is known of what was before."""

    subject: str
    plan: str
    same: bool
    differs: int
    whole: bool
    lines: list[UnderLine]


def print_under(console: Console, subject: SubjectView, found: UnderView, *, utc: bool = False) -> None:
    """Print both versions in one story: what only the live one decided with a minus, what only the other one does with a plus."""
    zone = Zone("UTC" if utc else subject.zone)
    console.print(f"[bold]{found.subject}[/]  [dim]under plan {found.plan[:16]}; times in {zone.name}[/]")
    if not found.whole:
        console.print("the story begins before the log does: what was known before is left out", style="yellow")
    day = ""
    for line in found.lines:
        if zone.day(line.at) != day:
            day = zone.day(line.at)
            console.print(f"\n[bold]{day}[/]")
        if line.decision is None:
            console.print(Text(f"  {zone.clock(line.at)}  ").append(line.event, "bold"))
            continue
        mark, style = MARKS[line.made]
        decision = line.decision
        shown = f"{decision.journey or 'customer'}{f' / {decision.step}' if decision.step else ''}"
        console.print(Text(f"  {zone.clock(line.at)}  {mark}{shown}  {sentence_of(decision)}", style))
    told = "it decides all the same" if found.same else f"{found.differs} decisions differ: - live only, + under the other plan only"
    console.print(f"\n{told}")
