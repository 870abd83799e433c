"""Histories to try conditions on: what a subject did and said around an instant, as a state the live way and as rows for SQL.

A history is drawn from a seed around the instant at which conditions are asked, with its events where it hurts: at the edges of
windows to the microsecond, tied, late, dated in the future, received afterwards, with missing fields; clocks in zones around
changes; attributes that are NULL.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from random import Random
from types import SimpleNamespace
from typing import Any

import msgspec

from pilotage.contract.model import Contract, FieldSpec
from pilotage.contract.validate import validator
from pilotage.event.time import parse_instant_us
from pilotage.predicate.ir import Feature, Type
from pilotage.predicate.parse import Scope
from pilotage.predicate.python import compile_functions
from pilotage.profile.features import update
from pilotage.profile.state import Entry, Grant, Visit
from pilotage.source.zones import packaged_zones

ZONES = packaged_zones()
SECOND, MINUTE, HOUR, DAY = 1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000
ATTRIBUTES = {
    "b1": Type.BOOLEAN,
    "b2": Type.BOOLEAN,
    "i1": Type.INTEGER,
    "i2": Type.INTEGER,
    "n1": Type.NUMBER,
    "n2": Type.NUMBER,
    "s1": Type.STRING,
    "s2": Type.STRING,
    "t1": Type.TIMESTAMP,
    "t2": Type.TIMESTAMP,
    "d1": Type.DATE,
    "d2": Type.DATE,
    "l1": Type.LIST,
    "m1": Type.MAP,
    "timezone": Type.STRING,
}
EVENTS = {
    "a": {"i": Type.INTEGER, "n": Type.NUMBER, "s": Type.STRING, "b": Type.BOOLEAN, "in.s": Type.STRING},
    "b": {"n": Type.NUMBER, "t": Type.TIMESTAMP, "d": Type.DATE, "l": Type.LIST, "m": Type.MAP},
    "c": {},
}
SCOPE = Scope(
    attributes=ATTRIBUTES,
    events=EVENTS,
    purposes={"news": ("email", "sms")},
    audiences=("vips", "new"),
    journeys={"j1": "growth", "j2": "service"},
    zone="Europe/Berlin",
    zone_attribute="timezone",
)
ZONE_NAMES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca", "UTC")
WINDOWS_US = {"1ms": 1000, "10s": 10 * SECOND, "1h": HOUR, "1d": DAY, "7d": 7 * DAY, "365d": 365 * DAY}
INSTANTS = tuple(
    parse_instant_us(text)
    for text in (
        "2026-03-29T01:00:00Z",  # clocks forward in Berlin
        "2026-10-25T01:00:00Z",  # and back
        "2026-03-08T07:00:00Z",  # forward in New York
        "2026-11-01T06:00:00Z",  # and back
        "2026-04-04T15:00:00Z",  # half an hour back on Lord Howe Island
        "2024-02-29T12:00:00Z",
        "2023-12-31T23:00:00Z",
        "2026-01-01T00:00:00Z",
        "2025-06-30T22:00:00Z",
        "1970-01-04T00:00:00Z",
        "2026-07-15T10:30:00Z",
    )
)
"""Around these the instants are drawn at which conditions are asked."""


def _spec(name: str, kind: str, **parts: Any) -> FieldSpec:
    return FieldSpec(name, kind, **parts)


_VALIDATORS = {
    "a": validator(
        Contract(
            "a",
            "1",
            (
                _spec("i", "integer"),
                _spec("n", "number"),
                _spec("s", "string"),
                _spec("b", "boolean"),
                _spec("in", "object", fields=(_spec("s", "string"),)),
            ),
        )
    ),
    "b": validator(
        Contract(
            "b",
            "1",
            (
                _spec("n", "number"),
                _spec("t", "timestamp"),
                _spec("d", "date"),
                _spec("l", "array"),
                _spec("m", "object"),
            ),
            open=True,
        )
    ),
    "c": validator(Contract("c", "1", (), open=True)),
}


@dataclass
class History:
    """One subject: attributes in kernel form, and rows as the tables of `predicate.sql.tables` have them."""

    attributes: dict[str, Any] = field(default_factory=dict)
    events: list[tuple[str, int, int, int, str]] = field(default_factory=list)
    """(type, occurred_us, received_us, position, data), in the order of arrival."""
    consents: list[tuple[str, str, bool, int, int]] = field(default_factory=list)
    entries: list[tuple[str, int, int | None, bool]] = field(default_factory=list)
    memberships: list[tuple[str, int, int | None]] = field(default_factory=list)


_STRINGS = (
    "",
    "a",
    "A",
    "ab",
    "aB",
    "b",
    "a,b",
    "Straße",
    "éa😀",
    " a ",
    "12",
    "-3.5",
    "1e3",
    "x_%",
    "a\\b",
    "it's",
    "ΑΣ",
    "İx",
    "ŉ",
    "\n",
)
_INTEGERS = (0, 1, -1, 2, 3, 7, -7, 100, 2**31, -(2**63), 2**63 - 1)
_NUMBERS = (0, 500_000, -500_000, 1_000_000, 1_500_000, 2_500_000, -2_500_000, 333_333, 1, -1, 12_345_678, 2**62)
_JSON_NUMBERS = ("0", "1", "-1", "2.5", "0.0000005", "1.0000015", "-0.0000025", "1e-7", "100", "3.333333", "12.50", "null")
_DATES = (0, -1, 58, 59, 10_000, 19_782, 19_783, 20_148, 11_016, -700_000, 2_900_000)
_DAY_TEXTS = ("2024-02-29", "1999-12-31", "2026-03-29", "0001-01-01")
_TIMES = ("2026-03-29T01:30:00Z", "2026-03-29T03:30:00+02:00", "2024-02-29T23:59:59.999999Z", "1969-12-31T23:00:00-05:00")
_KEYS = ("x", "y", "z z")


def _perhaps(random: Random, value: Any, share: float = 0.2) -> Any:
    return None if random.random() < share else value


def near(random: Random, now: int) -> int:
    """An instant beside `now`, or beside an edge of a window that ends there."""
    edge = random.choice((0, *WINDOWS_US.values()))
    exact = random.random() < 0.7
    return (
        now
        - edge
        + (
            random.choice((-1, 0, 0, 1))
            if exact
            else random.choice((random.randrange(-5 * MINUTE, 5 * MINUTE), random.randrange(-DAY, HOUR)))
        )
    )


def draw_instant(random: Random) -> int:
    """An instant at which conditions are asked."""
    return random.choice(INSTANTS) + random.choice((-1, 0, 1, random.randrange(-2 * DAY, 2 * DAY)))


def draw_history(random: Random, now: int) -> History:
    """A subject with a past, and a little future, around an instant."""
    return History(
        attributes=_attributes(random, now),
        events=_events(random, now),
        consents=_consents(random, now),
        entries=_entries(random, now),
        memberships=[
            (audience, entered := near(random, now), _perhaps(random, entered + random.choice((0, 1, HOUR, now - entered)), 0.4))
            for audience in SCOPE.audiences
            if random.random() < 0.6
        ],
    )


def _attributes(random: Random, now: int) -> dict[str, Any]:
    drawn = {
        Type.BOOLEAN: lambda: random.random() < 0.5,
        Type.INTEGER: lambda: random.choice(_INTEGERS[:8] if random.random() < 0.9 else _INTEGERS),
        Type.NUMBER: lambda: random.choice(_NUMBERS[:-1] if random.random() < 0.9 else _NUMBERS),
        Type.STRING: lambda: random.choice(_STRINGS),
        Type.TIMESTAMP: lambda: random.choice(
            (near(random, now), near(random, random.choice(INSTANTS))) * 10 + (2**63 - 1, -(2**63), 2**62)
        ),
        Type.DATE: lambda: random.choice((*_DATES, now // DAY, now // DAY + 1)),
        Type.LIST: lambda: [_perhaps(random, random.choice(_STRINGS)) for _ in range(random.randrange(4))],
        Type.MAP: lambda: {key: random.choice(_STRINGS) for key in _KEYS if random.random() < 0.6},
    }
    found = {name: _perhaps(random, drawn[kind]()) for name, kind in ATTRIBUTES.items()}
    found["timezone"] = random.choice((*ZONE_NAMES, "Nowhere/Here", None))
    return {name: value for name, value in found.items() if value is not None}


def _events(random: Random, now: int) -> list[tuple[str, int, int, int, str]]:
    drawn = []
    instants = [near(random, now) for _ in range(random.choice((0, 1, 4, 8, 12)))]
    for instant in instants[:6]:  # so that some follow others by a window, to the microsecond
        instants.append(instant + random.choice((-1, 1)) * (random.choice(tuple(WINDOWS_US.values())[:4]) + random.choice((-1, 0, 1))))
    for _ in range(len(instants)):
        occurred = random.choice(instants)  # so that some are tied
        received = random.choice((occurred, occurred, occurred + MINUTE, near(random, now), now, now + 1))
        drawn.append((received, occurred))
    drawn.sort(key=lambda each: each[0])
    rows = []
    for position, (received, occurred) in enumerate(drawn):
        event = random.choice(tuple(EVENTS))
        rows.append((event, occurred, received, position, _data(random, event)))
    return rows


def _data(random: Random, event: str) -> str:
    if event == "a":
        parts = {
            "i": str(random.choice(_INTEGERS[:7])),
            "n": random.choice(_JSON_NUMBERS),
            "s": msgspec.json.encode(random.choice(_STRINGS)).decode(),
            "b": random.choice(("true", "false")),
            "in": random.choice(('{"s": "a"}', "{}", '{"s": null}')),
        }
    elif event == "b":
        parts = {
            "n": random.choice(_JSON_NUMBERS),
            "t": f'"{random.choice(_TIMES)}"',
            "d": f'"{random.choice(_DAY_TEXTS)}"',
            "l": random.choice(('["a", null, "ab"]', "[]", '[1, true, 2.5, "x"]')),
            "m": random.choice(('{"x": "a", "y": null}', "{}", '{"x": 1, "z z": "b"}')),
        }
    else:
        parts = {}
    kept = [f'"{name}": {random.choice((text, text, text, "null"))}' for name, text in parts.items() if random.random() < 0.85]
    return "{" + ", ".join(kept) + "}"


def _consents(random: Random, now: int) -> list[tuple[str, str, bool, int, int]]:
    said = sorted((near(random, now), random.choice(("email", "sms", "*")), random.random() < 0.6) for _ in range(random.randrange(4)))
    return [("news", channel, granted, at, position) for position, (at, channel, granted) in enumerate(said)]


def _entries(random: Random, now: int) -> list[tuple[str, int, int | None, bool]]:
    """Passages, one journey after another; only the last of each can be under way."""
    found: list[tuple[str, int, int | None, bool]] = []
    for journey in SCOPE.journeys:
        entered = sorted({near(random, now) for _ in range(random.randrange(3))})
        for at, then in zip(entered, [*entered[1:], None], strict=False):
            left = then if then is not None else _perhaps(random, max(at, near(random, now)), 0.5)
            found.append((journey, at, left, random.random() < 0.2))
    return found


class Live:
    """Makes states the live way for the features that conditions need: event by event, in the order received."""

    def __init__(self, features: tuple[Feature, ...]) -> None:
        self.features = features
        wanted = {f"{feature.key}|where": feature.where for feature in features if feature.where is not None}
        wanted |= {f"{feature.key}|value": feature.value for feature in features if feature.value is not None}
        self.functions = compile_functions(wanted)

    def state(self, history: History, now: int) -> Any:
        """The subject's state at an instant; None where an event was one that goes to quarantine."""
        return SimpleNamespace(
            attributes=history.attributes,
            features=self.kept(history, now),
            consents={f"{purpose}|{channel}": Grant(granted, at) for purpose, channel, granted, at, _ in history.consents if at <= now},
            entries=[
                Entry(b"", journey, "", "" if held_out else "s", 0, entered, entered, 0, 0, {}, {}, {})
                for journey, entered, left, held_out in history.entries
                if entered <= now and (left is None or left > now)
            ],
            visits={
                journey: Visit(1, entered) for journey, entered, _, _ in sorted(history.entries, key=lambda each: each[1]) if entered <= now
            },
            audiences={name: entered for name, entered, left in history.memberships if entered <= now and (left is None or left > now)},
        )

    def kept(self, history: History, now: int) -> dict[str, Any]:
        """What is kept of each feature."""
        found: dict[str, Any] = {}
        for event, occurred, received, _, data in history.events:
            if received > now:
                continue
            payload = None
            for feature in self.features:
                if feature.event != event:
                    continue
                payload = payload or _VALIDATORS[event].decode(data.encode())
                passing = self.functions.get(f"{feature.key}|where")
                if passing is not None and passing(None, payload, {}, received, event) is not True:
                    continue
                value = self.functions.get(f"{feature.key}|value")
                worth = value(None, payload, {}, received, event) if value is not None else None
                after = update(feature, found.get(feature.key), occurred, received, worth)
                if after is not None:
                    found[feature.key] = after
        return found


def edges(history: History, now: int, random: Random) -> list[int]:
    """Instants after `now` at which something about a history may change by time alone, and others, in order."""
    ages = (0, *WINDOWS_US.values())
    instants = [occurred for _, occurred, _, _, _ in history.events] + [entered for _, entered, _, _ in history.entries]
    instants += [value for name, value in history.attributes.items() if ATTRIBUTES[name] == Type.TIMESTAMP]
    found = {instant + age + off for instant in instants for age in ages for off in (-1, 0, 1)}
    zone = history.attributes.get("timezone", "")
    starts = ZONES.shifts(zone if zone in ZONES else SCOPE.zone).starts
    shifts = starts[bisect_right(starts, now) :][:2]
    found |= {shift + off for shift in shifts for off in (-1, 0, 1)}
    found |= {now + random.randrange(1, 40 * DAY) for _ in range(12)}
    found |= {(now // HOUR + hours) * HOUR + off for hours in (1, 2, 5, 24, 49) for off in (-1, 0)}
    found |= {(now // MINUTE + 1) * MINUTE, (now // SECOND + 1) * SECOND, now + 1, now + 400 * DAY}
    return sorted(at for at in found if now < at < 2**62)
