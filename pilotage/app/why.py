"""The answer to "why": a subject's story as text, every event with what was decided and for what reason.

Times are in the subject's own zone, or in UTC on request. Oldest first, so that it reads as it happened.
"""

from datetime import datetime
from typing import Any

from rich.console import Console
from rich.text import Text

from pilotage.app.views import DecisionView, HappeningView, MessageView, SubjectView, Timeline
from pilotage.event.time import MINUTE_US, parse_instant_us
from pilotage.source.zones import packaged_zones

_SENTENCES = {
    "entered": "enters",
    "refused": "does not enter: {reason}",
    "held_out": "is held out: {reason}",
    "sent": "sends on {reason}",
    "blocked": "may not send: {reason}",
    "deferred": "puts the message off: {reason}",
    "offered": "offers it to somebody with the role {reason}",
    "waited": "waits",
    "resumed": "goes on: {reason}",
    "timed_out": "has waited long enough for {reason}",
    "branched": "goes {reason}",
    "decided": "decides on {reason}",
    "assigned": "is assigned: {reason}",
    "repeated": "repeats: {reason}",
    "set": "sets",
    "emitted": "emits {reason}",
    "called": "calls {reason}",
    "requested": "has them enter {reason}",
    "opened": "opens the task: {reason}",
    "claimed": "has its task taken on by {reason}",
    "reminded": "reminds of the task: {reason}",
    "escalated": "escalates the task: {reason}",
    "completed": "has its task done: {reason}",
    "ignored": "takes no notice: {reason}",
    "answered": "has its answer",
    "failed": "fails: {reason}",
    "delivered": "has its receipt: {reason}",
    "goal": "reaches its goal: {reason}",
    "exited": "ends: {reason}",
    "cancelled": "calls the message off: {reason}",
    "consented": "{reason}",
    "migrated": "goes on in a new version, {reason}",
    "passed": "sends nothing: {reason}",
    "joined": "enters the audience {reason}",
    "left": "leaves the audience {reason}",
}
_STYLES = {
    "sent": "bold green", "called": "bold green", "goal": "bold cyan", "blocked": "yellow", "deferred": "yellow", "refused": "dim",
    "failed": "bold red", "held_out": "magenta", "cancelled": "yellow", "joined": "bold cyan", "left": "cyan",
}  # fmt: skip
_VALUE_MAX = 60
_PLAIN_RULES = frozenset({"", "wait", "receipt", "until", "timeout", "entry", "end", "exit step", "repeat", "journey", "task", "sla"})
"""Rules that say no more than the sentence did."""
_RECEIPTS = ("message.", "call.")


class Zone:
    """Shows instants in a zone."""

    def __init__(self, name: str) -> None:
        self.name = name

    def at(self, instant: str) -> datetime:
        """An instant on its clock."""
        return packaged_zones().local(parse_instant_us(instant), self.name)

    def clock(self, instant: str) -> str:
        """The time of day."""
        return self.at(instant).strftime("%H:%M:%S")

    def day(self, instant: str) -> str:
        """The day, in words."""
        return self.at(instant).strftime("%A, %-d %B %Y")

    def full(self, instant: str) -> str:
        """Day and time."""
        return self.at(instant).strftime("%a %-d %b %Y %H:%M:%S")


def print_story(console: Console, subject: SubjectView, story: Timeline, *, utc: bool = False) -> None:
    """Print who the subject is, what happened and why, and what became of each message."""
    zone = Zone("UTC" if utc else subject.zone)
    _print_subject(console, subject, zone)
    messages = {message.effect: message for message in story.messages}
    day = ""
    for happening in reversed(story.happenings):
        if zone.day(happening.received) != day:
            day = zone.day(happening.received)
            console.print(f"\n[bold]{day}[/]")
        _print_happening(console, happening, messages, zone)
    if story.messages:
        _print_messages(console, story.messages, zone)
    if story.before:
        console.print(f"\n[dim]There is more before this: --before {story.before}, or a larger --limit.[/]")


def _print_subject(console: Console, subject: SubjectView, zone: Zone) -> None:
    console.print(f"[bold]{subject.subject}[/]  [dim]times in {zone.name}[/]")
    if subject.attributes:
        console.print(_pairs(subject.attributes, "profile   "))
    granted = [f"{each.purpose} on {each.channel}" for each in subject.consents if each.granted]
    refused = [f"{each.purpose} on {each.channel}" for each in subject.consents if not each.granted]
    console.print(Text("consents  " + (", ".join(granted) or "none") + (f"; withdrawn: {', '.join(refused)}" if refused else "")))
    for entry in subject.entries:
        due = f", looks again {zone.full(entry.due)}" if entry.due else ""
        where = f"rests at {entry.step}" if entry.step else "is held out"
        console.print(Text(f"in        {entry.journey} {where} since {zone.full(entry.since)}{due}"))
    for account, roles in subject.accounts.items():
        console.print(Text(f"at        {account}" + (f" as {', '.join(roles)}" if roles else "")))
    for role, holders in subject.roles.items():
        console.print(Text(f"role      {role}: {', '.join(holders)}"))
    for audience, since in subject.audiences.items():
        console.print(Text(f"among     {audience} since {zone.full(since)}"))


def _print_happening(console: Console, happening: HappeningView, messages: dict[str, MessageView], zone: Zone) -> None:
    line = Text(f"  {zone.clock(happening.received)}  ")
    if happening.type:
        line.append(happening.type, "bold").append(f"  from {happening.source}", "dim")
        if happening.data:
            line.append("  ").append(_shown(happening))
    else:
        line.append("the time has come", "italic")
    console.print(line)
    if happening.source not in ("", "pilotage") and _apart_us(happening.received, happening.occurred) >= MINUTE_US:
        console.print(Text(f"            occurred {zone.full(happening.occurred)}", "dim"))
    if happening.release and happening.decisions:
        console.print(Text(f"            under release {happening.release}", "dim"))
    for decision in happening.decisions:
        _print_decision(console, decision, messages.get(decision.effect), zone)


def _apart_us(one: str, other: str) -> int:
    return abs(parse_instant_us(one) - parse_instant_us(other))


def _shown(happening: HappeningView) -> Text:
    """An event's data; of a receipt only what the line does not say otherwise."""
    data = happening.data
    if not happening.type.startswith(_RECEIPTS) or "effect" not in data:
        return _pairs(data)
    rest = {name: value for name, value in data.items() if name in ("reason", "url", "body")}
    return Text(f"{str(data['effect'])[:8]}  ", "bold").append(_pairs(rest))


def _print_decision(console: Console, decision: DecisionView, message: MessageView | None, zone: Zone) -> None:
    inputs = dict(decision.inputs)
    until = str(inputs.pop("until", "") or "")
    sentence = sentence_of(decision)
    line = Text("            ").append(decision.journey or "customer", "blue")
    if decision.step:
        line.append(f" / {decision.step}", "blue")
    line.append(f"  {sentence}", _STYLES.get(decision.verb, ""))
    if until:
        line.append(f" until {zone.full(until)}")
    if message is not None and decision.verb in ("sent", "called"):
        line.append(f"  → {message.effect[:8]}: {message.fate}", "bold")
    console.print(line)
    because = Text("              because ", "dim").append(decision.rule or decision.reason, "dim")
    if inputs:
        because.append("  (", "dim").append(_pairs(inputs)).append(")", "dim")
    if decision.rule not in _PLAIN_RULES or inputs:
        console.print(because)
    for lost in decision.lost:
        console.print(Text(f"              not {lost}", "dim"))


def sentence_of(decision: DecisionView) -> str:
    """A decision in a few words."""
    return _SENTENCES.get(decision.verb, decision.verb).format(reason=decision.reason)


def _print_messages(console: Console, messages: list[MessageView], zone: Zone) -> None:
    console.print("\n[bold]Messages and calls[/]")
    for message in reversed(messages):
        line = Text(f"  {message.effect[:8]}  {zone.full(message.decided)}  ").append(f"{message.journey} / {message.step}", "blue")
        line.append(f"  on {message.target}: ")
        if not message.fates:
            line.append(message.fate, "bold")
        for number, fate in enumerate(message.fates):
            line.append(", " if number else "").append(fate.fate, "bold").append(f" {zone.full(fate.at)}")
            line.append(f" ({fate.reason})" if fate.reason else "", "dim")
        console.print(line)


def _pairs(values: dict[str, Any], before: str = "") -> Text:
    text = Text(before)
    for number, (name, value) in enumerate(values.items()):
        shown = "unknown" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
        text.append("  " if number else "").append(f"{name}=", "dim").append(shown[:_VALUE_MAX] + ("…" if len(shown) > _VALUE_MAX else ""))
    return text
