"""Random mutations of a ledger and of its export: every one is found, and the first bad entry is the one that is named."""

import re
from collections.abc import Callable
from itertools import zip_longest

from pilotage.audit.export import NotAnExport, export_lines, verify_export
from pilotage.audit.verify import verify
from tests.audit.chains import INSTALLATION, ledger
from tests.audit.mutations import FORGER, MUTATIONS, Draw

ROUNDS = 6
LINES = 40

Record = Callable[[str, object], None]


def test_whatever_is_done_to_a_ledger_is_found(seed: int, record_property: Record) -> None:
    """Changed, rewritten, removed, put in, moved, cut off, or signed with another key: the ledger does not hold, and the entry that is
    not as it was made is among those that the first fault names."""
    draw = Draw(seed)
    length = 12 + draw("length", 60)
    marks = tuple(sorted({1 + draw(f"mark {number}", length) for number in range(1 + draw("marks", 5))}))
    records = ledger(length, marks)
    assert verify(records, INSTALLATION.public_key).holds
    found = 0
    for name, mutation in MUTATIONS.items():
        for number in range(ROUNDS):
            mutated = mutation(list(records), Draw(seed, name, number))
            assert mutated.records != records, name
            faults = verify(mutated.records, INSTALLATION.public_key).faults
            told = (name, number, length, marks, mutated.first, faults[:1])
            assert faults, told
            assert faults[0].first <= mutated.first <= faults[0].last, told
            found += 1
    record_property("mutations of ledgers found", found)


def test_whatever_is_done_to_an_export_is_found(seed: int, record_property: Record) -> None:
    """Any byte changed, any line removed, repeated, moved or cut off, any key swapped in an export: it does not hold any more. Where the
    first line that is not as it was is an entry's, the first fault names that entry, or the one that was put in its place."""
    draw = Draw(seed)
    lines = list(export_lines(ledger(12 + draw("length", 20), (10,)), INSTALLATION.public_key))
    assert verify_export(lines, INSTALLATION.public_key).holds
    for number in range(LINES):
        made = altered(list(lines), Draw(seed, "line", number), number % 6)
        if made == lines:
            continue
        record_property("mutations of exports found", 1)
        try:
            faults = verify_export(made, INSTALLATION.public_key).faults
        except NotAnExport:
            continue
        assert faults, (number, [each for each in made if each not in lines])
        bad = first_bad(lines, made)
        if bad:
            assert any(faults[0].first <= sequence <= faults[0].last for sequence in bad), (number, bad, faults[0])
            record_property("first bad entries of exports named", 1)


def first_bad(lines: list[bytes], made: list[bytes]) -> set[int]:
    """The entry of the first line that is not as it was, and the one that stands there instead; nothing where one is no entry's."""
    at = next(place for place, (one, other) in enumerate(zip_longest(lines, made)) if one != other)
    if at >= len(lines) or not all(line.startswith(b'{"entry":') for line in (lines[at], *made[at : at + 1])):
        return set()
    found = re.findall(rb'^{"entry":{"sequence":(\d+),', b"\n".join((lines[at], *made[at : at + 1])), re.MULTILINE)
    return {int(number) for number in found}


def altered(lines: list[bytes], draw: Draw, kind: int) -> list[bytes]:
    """An export with something done to its lines."""
    at, other = draw("at", len(lines)), draw("other", len(lines))
    line = lines[at]
    if kind == 0:
        place = draw("byte", len(line))
        lines[at] = line[:place] + bytes([line[place] ^ (1 << draw("bit", 7))]) + line[place + 1 :]
    elif kind == 1:
        del lines[at]
    elif kind == 2:
        lines.insert(other, line)
    elif kind == 3:
        lines[at], lines[other] = lines[other], lines[at]
    elif kind == 4:
        del lines[at:]
    else:
        key = INSTALLATION.public_key.encode()
        keyed = [place for place, each in enumerate(lines) if key in each]
        place = keyed[draw("key", len(keyed))]
        lines[place] = lines[place].replace(key, FORGER.public_key.encode())
    return lines
