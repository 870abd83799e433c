"""What the demo shows while it runs: events, journeys, the latest messages and decisions, and what was refused.

At a terminal it is one screen that keeps up to date; in a pipe it is a plain line now and then.
"""

import time
from pathlib import Path
from typing import Any

from rich.columns import Columns
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pilotage.app.governed import JOURNEY, STEP, Change
from pilotage.app.mailroom import Mailroom
from pilotage.app.retailer import Latest, Retailer, summed
from pilotage.app.system import System
from pilotage.app.terminal import console, number, table
from pilotage.source.zones import packaged_zones

LINE_EVERY_S = 2.0
MAILS_SHOWN = 5
DECISIONS_SHOWN = 12
_COLUMNS = ("entered", "held_out", "sent", "blocked", "deferred", "called", "goal", "exited")
_STYLES = {"sent": "green", "called": "green", "goal": "cyan", "blocked": "yellow", "deferred": "yellow", "held_out": "magenta"}


class LiveView:
    """A context: the view begins with it and ends with it. Call `refresh` as often as the world has moved."""

    def __init__(self, system: System, retailer: Retailer, mailroom: Mailroom, change: Change, until_us: int) -> None:
        self._system = system
        self._retailer = retailer
        self._mailroom = mailroom
        self._change = change
        self._told = 0
        self._until_us = until_us
        self._console = console()
        self._live = Live(console=self._console, auto_refresh=False, screen=False, transient=False) if self._console.is_terminal else None
        self._told_s = 0.0
        self._rate: tuple[float, int] = (time.monotonic(), 0)
        self._per_s = 0.0

    def __enter__(self) -> "LiveView":
        if self._live is not None:
            self._live.start()
        else:
            self._console.print(f"A fictional retailer: synthetic customers, real machinery. Mails: {self._system.url}/mail", markup=False)
        return self

    def __exit__(self, *fault: object) -> None:
        self.refresh(last=True)
        if self._live is not None:
            self._live.stop()

    def refresh(self, *, last: bool = False) -> None:
        """Show how things stand."""
        now_s = time.monotonic()
        began_s, posted = self._rate
        if now_s - began_s >= 1:
            self._per_s = (self._retailer.posted - posted) / (now_s - began_s)
            self._rate = (now_s, self._retailer.posted)
        if self._live is not None:
            self._live.update(self._screen(), refresh=True)
        elif last or now_s - self._told_s >= LINE_EVERY_S:
            self._told_s = now_s
            self._console.print(self._headline().plain, markup=False)
            for line in self._change.told[self._told :]:
                self._console.print(f"  review: {line}", markup=False)
            self._told = len(self._change.told)

    def say_what_to_try(self, data: Path, *, running: bool) -> None:
        """What to do next, with real customers of this very run; pages only while it is running."""
        out = self._console
        named = next((handed for handed in reversed(self._retailer.handed) if handed.action.target == "email"), None)
        out.print(f"\n[bold]What to try next[/]{', while this runs, in another terminal' if running else ''}:")
        if named is not None:
            out.print(f"  pilotage why user_id={named.customer} --data {data}", markup=False)
        out.print(f"  pilotage quarantine list --data {data}", markup=False)
        if self._change.release:
            workspace = data.parent / "workspace"
            out.print(f"  pilotage review show {self._change.proposal} --workspace {workspace} --data {data}", markup=False)
            out.print(f"  pilotage blame {JOURNEY}:{STEP} --workspace {workspace} --data {data}", markup=False)
            out.print(f"  pilotage audit verify --data {data}", markup=False)
        out.print(f"  pilotage actions list --data {data}", markup=False)
        if not running:
            return
        out.print(f"  the mails: {self._system.url}/mail", markup=False)
        out.print(f"  metrics: {self._system.url}/metrics    the API: {self._system.url}/api/v1/openapi.json", markup=False)

    def _headline(self) -> Text:
        retailer = self._retailer
        at_us = min(self._system.clock.now_us(), self._until_us)
        at = packaged_zones().local(at_us, self._system.workspace.zone).strftime("%a %-d %b %Y %H:%M")
        counts = f"{number(retailer.posted)} events, {self._per_s:,.0f}/s: {number(retailer.accepted)} accepted"
        more = f"{number(retailer.duplicates)} duplicates, {number(retailer.quarantined)} quarantined"
        visits, calls = sum(retailer.hits.values()), retailer.fates["call.answered"]
        left = f"{number(len(retailer.handed))} messages, {number(visits)} visits, {number(calls)} calls"
        return Text.assemble((at, "bold"), f"  {counts}, {more}; {left}")

    def _screen(self) -> Group:
        title = Text(f"Brindlecove, a fictional retailer: synthetic customers, real machinery.  Mails: {self._system.url}/mail", "dim")
        parts: list[Any] = [title, self._headline(), Text(), self._journeys(), Text(), self._decisions(), Text(), self._mails()]
        if self._change.told:
            lines = (Text(f"  {line}", "cyan", overflow="ellipsis", no_wrap=True) for line in self._change.told)
            parts += [Text(), Text("review", "bold"), *lines]
        refused = self._refused()
        return Group(*parts, Text(), refused) if refused is not None else Group(*parts)

    def _journeys(self) -> Table:
        shown = table("journey", "waiting", *_COLUMNS, right=("waiting", *_COLUMNS))
        station, records = self._system.station, self._system.records
        assert station is not None and records is not None
        waiting: dict[str, int] = {}
        for labels, count in station.telemetry.snapshot().gauges.get("waiting", {}).items():
            name = labels.partition("\x1f")[0]
            waiting[name] = waiting.get(name, 0) + count
        for journey in records.program.plan.journeys:
            verbs = summed(self._retailer.verbs.items(), journey.name)
            cells = (Text(number(verbs.get(verb, 0)), _STYLES.get(verb, "") if verbs.get(verb) else "dim") for verb in _COLUMNS)
            shown.add_row(journey.name, number(waiting.get(journey.name, 0)), *cells)
        return shown

    def _decisions(self) -> Table:
        shown = table("customer", "latest decisions", "", "why")
        for decision in list(self._retailer.latest)[-DECISIONS_SHOWN:]:
            shown.add_row(
                self._who(decision), self._where(decision), Text(decision.verb, _STYLES.get(decision.verb, "")), decision.reason[:60]
            )
        return shown

    def _who(self, decision: Latest) -> str:
        return self._retailer.people.get(decision.subject, decision.subject.hex()[:7])

    def _where(self, decision: Latest) -> str:
        return f"{decision.journey} / {decision.step}" if decision.step else decision.journey

    def _mails(self) -> Table:
        shown = table("latest mails", "to", "subject")
        for mail in list(self._mailroom.mails.values())[-MAILS_SHOWN:]:
            at = packaged_zones().local(mail.at_us, self._system.workspace.zone).strftime("%a %H:%M")
            shown.add_row(at, mail.recipient, mail.subject)
        return shown

    def _refused(self) -> Columns | None:
        assert self._system.front is not None
        kinds = [kind for kind in self._system.front.quarantine.counts() if kind.refused]
        if not kinds:
            return None
        told = (
            f"{kind.type} from {kind.source} ({kind.stage}): {kind.refused}" for kind in sorted(kinds, key=lambda kind: -kind.refused)[:6]
        )
        return Columns([Text("refused", "bold"), *(Text(each, "yellow") for each in told)], padding=(0, 3))
