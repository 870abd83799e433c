"""History from files: rows, through a mapping, become events in the order in which they happened.

Each row goes through the same intake as live events, received at the time it happened. What cannot be read or does not
keep its contract comes out quarantined with its row number, so that everything read is accounted for.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from pilotage.event.envelope import Event
from pilotage.event.time import instant_text, instant_us
from pilotage.event.time import moment as moment_of
from pilotage.source.intake import Intake
from pilotage.source.mapping import UNIX_FORMATS, FileMapping, TimeFormat, Value, fill
from pilotage.source.quarantine import ROW, Quarantined
from pilotage.source.rows import FileBroken, Row, format_of, read_rows
from pilotage.source.zones import packaged_zones

_encode = msgspec.json.Encoder(decimal_format="number", enc_hook=str).encode
_BOOLEANS = {"true": True, "t": True, "1": True, "yes": True, "false": False, "f": False, "0": False, "no": False}


class History(msgspec.Struct, frozen=True):
    """A file's events in the order of their time, then of their rows; rows without a readable time come first.

    `rows` were read, `skipped` of them left out by the mapping; `extras` further events were made (`first_seen`), so that
    len(items) = rows − skipped + extras.
    """

    items: list[Event | Quarantined]
    rows: int
    skipped: int
    extras: int

    def __iter__(self) -> Iterator[Event | Quarantined]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


class _RowRefused(Exception):
    """A row's value cannot be read."""

    def __init__(self, column: str, reason: str, cure: str) -> None:
        super().__init__(reason)
        self.column = column
        self.reason = reason
        self.cure = cure


def read_history(path: Path, mapping: FileMapping, intake: Intake, on_row: Callable[[int], None] = lambda rows: None) -> History:
    """Read a file whole and sort it, in memory; `FileBroken` if it is no such file or lacks a column the mapping names.

    `on_row` is told the number of rows read so far, every thousand rows."""
    entries: list[tuple[int, int, Event | Quarantined, dict[str, Any]]] = []
    rows = skipped = 0
    for row in read_rows(path, mapping.format or format_of(path), mapping.delimiter):
        if row.number == 1:
            _check_columns(path, mapping, row)
        item = _item(row, mapping, intake)
        rows = row.number
        if item is None:
            skipped += 1
        else:
            at_us = item.occurred_us if item.occurred_us is not None else -(2**63)
            entries.append((at_us, row.number, item, row.values if mapping.first_seen else {}))
        if rows % 1000 == 0:
            on_row(rows)
    on_row(rows)
    entries.sort(key=lambda entry: entry[:2])
    items = [entry[2] for entry in entries] if not mapping.first_seen else _with_extras(entries, mapping, intake)
    return History(items, rows, skipped, len(items) - len(entries))


def _check_columns(path: Path, mapping: FileMapping, row: Row) -> None:
    if row.fault:
        return
    missing = mapping.columns() - row.values.keys()
    if missing and (mapping.format or format_of(path)) != "jsonl":
        names = ", ".join(sorted(missing))
        raise FileBroken(f"{path.name} has no column {names}; it has {', '.join(row.values)}")


def _item(row: Row, mapping: FileMapping, intake: Intake) -> Event | Quarantined | None:
    """The event of a row, or its refusal; None where the mapping leaves it out."""
    try:
        event = _event(row, mapping)
    except _RowRefused as refused:
        return _quarantined_row(row, mapping, refused)
    return intake.event(event, event.occurred_us) if event else None


def _event(row: Row, mapping: FileMapping) -> Event | None:
    if row.fault:
        raise _RowRefused("", row.fault, "correct the row and import the file again")
    event_type = _type(row, mapping)
    if not event_type:
        return None
    values = row.values
    at_us = _instant(values.get(mapping.time.column), mapping.time)
    data = _data({**mapping.data, **mapping.events.get(event_type, {})}, values)
    return Event(_row_id(row, mapping), mapping.source, event_type, at_us, _encode(data), _identifiers(mapping, values))


def _row_id(row: Row, mapping: FileMapping) -> str:
    if not mapping.id_columns:
        return f"row:{row.number}"
    return ":".join(str(row.values.get(column, "")) for column in mapping.id_columns)


def _type(row: Row, mapping: FileMapping) -> str:
    """The row's event type; empty where the row is left out."""
    if mapping.constant_type:
        return mapping.constant_type
    found = row.values.get(mapping.type_column)
    name = "" if found is None else str(found)
    mapped = mapping.types.get(name)
    if mapped is not None or mapping.others == "skip":
        return mapped or ""
    if mapping.others == "keep" and name:
        return name
    raise _RowRefused(mapping.type_column, f"the mapping gives {name!r} no event type", "add it to `type: {values: …}`")


def _identifiers(mapping: FileMapping, values: dict[str, Any]) -> dict[str, str]:
    found = {kind: _read(value, values) for kind, value in mapping.identifiers.items()}
    return {kind: str(value) for kind, value in found.items() if value not in (None, "")}


def _data(wanted: dict[str, Value], values: dict[str, Any]) -> dict[str, Any]:
    found = {name: _read(value, values) for name, value in wanted.items()}
    return {name: value for name, value in found.items() if value is not None}


def _read(value: Value, values: dict[str, Any]) -> Any:
    """One value of a row, JSON-ready; None where the row has none."""
    if value.text:
        return fill(value.text, values)
    if not value.column:
        return value.constant
    found = values.get(value.column)
    if found is None or found == "":
        return None
    if value.kind == "string":
        return found if isinstance(found, str) else str(found)
    try:
        return _READERS[value.kind](found, value)
    except (ValueError, InvalidOperation, KeyError, OverflowError) as error:
        raise _RowRefused(value.column, f"{found!r} is no {value.kind}", "correct the row, or the mapping's type or format") from error


def _integer(found: Any, _: Value) -> int:
    if isinstance(found, Decimal | float) and found != int(found):
        raise ValueError("not whole")
    return int(found)


def _number(found: Any, _: Value) -> Decimal:
    number = Decimal(str(found).strip())
    if not number.is_finite():
        raise ValueError("not finite")
    return number


def _boolean(found: Any, _: Value) -> bool:
    return found if isinstance(found, bool) else _BOOLEANS[str(found).strip().lower()]


def _date(found: Any, value: Value) -> str:
    if isinstance(found, date):
        return (found.date() if isinstance(found, datetime) else found).isoformat()
    pattern = value.time.pattern if value.time else ""
    moment = datetime.strptime(str(found), pattern) if pattern else datetime.fromisoformat(str(found))
    return moment.date().isoformat()


def _timestamp(found: Any, value: Value) -> str:
    return instant_text(_instant(found, value))


_READERS: dict[str, Callable[[Any, Value], Any]] = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
    "timestamp": _timestamp,
}


def _instant(found: Any, value: Value) -> int:
    """Microseconds UTC of a time as the mapping says it is written; a wall time is read in the mapping's zone, one that a
    clock change skips with the offset before the change, one that happens twice as the first of the two."""
    form = value.time or TimeFormat()
    try:
        if form.pattern in UNIX_FORMATS:
            return instant_us(moment_of(int(Decimal(str(found)) * UNIX_FORMATS[form.pattern])))
        if isinstance(found, datetime):
            moment = found
        elif isinstance(found, date):
            moment = datetime(found.year, found.month, found.day)
        else:
            text = str(found)
            moment = datetime.strptime(text, form.pattern) if form.pattern else datetime.fromisoformat(text)
        return instant_us(moment if moment.tzinfo else moment.replace(tzinfo=_zone(form.zone)))
    except (ValueError, InvalidOperation, OverflowError) as error:
        expected = form.pattern or "ISO 8601"
        raise _RowRefused(value.column, f"{found!r} is no time", f"write it as {expected}, or correct the mapping's `time:`") from error


@lru_cache
def _zone(name: str) -> Any:
    return UTC if name == "UTC" else packaged_zones().local(0, name).tzinfo


def _quarantined_row(row: Row, mapping: FileMapping, refused: _RowRefused) -> Quarantined:
    path = f"row {row.number}, column {refused.column}" if refused.column else f"row {row.number}"
    found = str(row.values.get(mapping.type_column, mapping.constant_type))
    return _refused(_row_id(row, mapping), mapping.source, found, path, refused, _raw(row))


def _refused(event_id: str, source: str, event_type: str, path: str, refused: _RowRefused, raw: bytes) -> Quarantined:
    """A row that is no event; it has no time of its own that could be read."""
    return Quarantined(event_id, source, event_type, 0, refused.reason, path, refused.cure, raw, stage="parse", format=ROW)


def _raw(row: Row) -> bytes:
    """A row as JSON; what is not UTF-8 is kept escaped, so that nothing of it is lost."""
    try:
        return _encode(row.values)
    except UnicodeEncodeError:
        return _encode({"": ascii(row.values[""])})


def _with_extras(
    entries: list[tuple[int, int, Event | Quarantined, dict[str, Any]]], mapping: FileMapping, intake: Intake
) -> list[Event | Quarantined]:
    """The items with the mapping's further events put just before the first of each subject, at the same instant."""
    seen: set[tuple[tuple[str, str], ...]] = set()
    items: list[Event | Quarantined] = []
    for at_us, _, item, values in entries:
        who = _identifiers(mapping, values) if at_us >= 0 and "" not in values else {}
        key = tuple(sorted(who.items()))
        if who and key not in seen:
            seen.add(key)
            items.extend(_extras(who, at_us, values, mapping, intake))
        items.append(item)
    return items


def _extras(who: dict[str, str], at_us: int, values: dict[str, Any], mapping: FileMapping, intake: Intake) -> list[Event | Quarantined]:
    name = ":".join(value for _, value in sorted(who.items()))
    made: list[Event | Quarantined] = []
    for index, extra in enumerate(mapping.first_seen):
        event_id = f"first:{index}:{name}"
        try:
            data = _encode(_data(extra.data, values))
        except _RowRefused as refused:
            made.append(_refused(event_id, mapping.source, extra.type, f"first_seen, column {refused.column}", refused, _encode(values)))
            continue
        passed = intake.event(Event(event_id, mapping.source, extra.type, at_us, data, dict(who)), at_us)
        if passed is not None:
            made.append(passed)
    return made
