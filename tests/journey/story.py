"""Stories: what happens to one customer and what is decided, as text that a page shows and a test runs.

A line says what happens: an event type with its data, `+2d` for time that passes, or both. The lines indented below it are
what is decided then, each as verb and step, with what follows a colon being the reason. The customer has an address and has
consented to `marketing.cart` by e-mail and in the inbox; every message is handed over at once, unless the story says
`message.failed` of the last one instead. The line `a new version takes over` has another plan come into force.
"""

import re
from collections.abc import Iterator

import msgspec

from pilotage.event.time import duration_us
from pilotage.journey.plan import Plan
from pilotage.journey.program import load
from tests.journey.scenario import ZONES, Subject

_LINE = re.compile(r"(?:\+(?P<after>[0-9a-z]+))? *(?P<event>[a-z_]+\.[a-z_]+)? *(?P<data>\{.*\})?")


TAKES_OVER = "a new version takes over"


class NoStory(ValueError):
    """A line of a story cannot be read. Write `+1d`, an event type with JSON data, or indented what is decided."""


def told(plan: Plan, story: str, later: Plan | None = None) -> str:
    """The story as it goes: its own lines, each with what is really decided below it; `later` is the plan that may take over."""
    subject = Subject(plan=plan)
    subject.event("customer.identified", email="ada@example.test", first_name="Ada", tier="basic")
    subject.consent("marketing.cart").consent("marketing.cart", "inbox")
    lines: list[str] = []
    for line in story.splitlines():
        if line == TAKES_OVER:
            assert later is not None
            subject.program = load(later, ZONES, "test", [plan])
            lines += [line, *_happens(subject, "+0s")]
        elif not line.startswith(" "):
            lines += [line, *_happens(subject, line)]
    return "\n".join(lines)


def _happens(subject: Subject, line: str) -> Iterator[str]:
    match = _LINE.fullmatch(line)
    if match is None:
        raise NoStory(f"cannot read the line {line!r}")
    decided, acted = len(subject.decisions), len(subject.actions)
    after = duration_us(match["after"]) if match["after"] else 0
    data = msgspec.json.decode(match["data"] or "{}")
    if not match["event"]:
        subject.wake(after)
    elif match["event"].startswith("task."):
        awaited = next(entry.awaited for entry in subject.state.entries if entry.awaited)
        subject.event(match["event"], after, effect=awaited.hex(), **data)
    elif match["event"] in ("message.failed", "call.answered", "call.failed"):
        subject.now += after
        subject.receipt(match["event"], **data)
    else:
        subject.event(match["event"], after, **data)
    if "message.failed" not in line:
        _hand_over(subject, acted)
    for decision in subject.decisions[decided:]:
        reason = f": {decision.reason}" if decision.reason else ""
        yield f"  {decision.verb} {decision.step}".rstrip() + reason


def _hand_over(subject: Subject, acted: int) -> None:
    for place in range(acted, len(subject.actions)):
        if subject.actions[place].kind == "send" and all(entry.awaited != subject.actions[place].effect for entry in subject.state.entries):
            subject.receipt("message.sent", place)
