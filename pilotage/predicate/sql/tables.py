"""The tables that a condition in SQL reads: their names and columns are the contract between history and batch evaluation.

| table | columns |
|---|---|
| subjects | subject, and one column for each attribute by its name, as it is at the instant asked for |
| events | subject, type, occurred_us, received_us, position, data: every event, its data as JSON text |
| consents | subject, purpose, channel, granted, at_us, position: every word said; `*` is all channels |
| entries | subject, journey, entered_us, left_us, held_out: every passage; left_us is NULL while it is under way |
| memberships | subject, audience, entered_us, left_us: every stay in an audience |
| zones | zone, starts, offsets, walls: the clock changes of each zone (`zone_rows`) |

`position` is the place in the log that orders what arrived at one instant. A table that no condition reads need not exist.
"""

from collections.abc import Iterable

import msgspec

from pilotage.event.zone import Zones


class Tables(msgspec.Struct, frozen=True):
    """What the tables are called; each name is SQL as it stands, so that a view, a schema or a function may stand for one."""

    subjects: str = "subjects"
    events: str = "events"
    consents: str = "consents"
    entries: str = "entries"
    memberships: str = "memberships"
    zones: str = "zones"


def zone_rows(zones: Zones, names: Iterable[str]) -> list[tuple[str, list[int], list[int], list[int]]]:
    """The rows of the zones table for zones by name: (zone, starts, offsets, walls), in microseconds. Names that are no zones
    are left out: subjects who have one are in the default zone, which must be among the names."""
    found = [(name, zones.shifts(name)) for name in sorted(set(names)) if name in zones]
    return [(name, shifts.starts, shifts.offsets, shifts.walls) for name, shifts in found]
