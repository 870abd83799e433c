"""Entries: numbered from one, chained by digest, and never earlier than the one before."""

import hashlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.audit.canonical import NotCanonical, canonical
from pilotage.audit.entry import GENESIS, Entry, EntryRefused, canonical_entry, chained, digest_of_entry


def test_each_entry_follows_the_one_before() -> None:
    """The first entry follows nothing; every other carries the digest of the one before and the next number."""
    first = chained(None, 5, "ada", "a.done", "thing:1", {"x": 1})
    second = chained(first, 6, "ben", "b.done", "thing:2", {})
    assert (1, GENESIS) == (first.sequence, first.previous)
    assert (2, first.digest) == (second.sequence, second.previous)
    assert first.digest == digest_of_entry(first)


def test_the_digest_is_sha_256_of_canonical_json() -> None:
    """The digest is SHA-256 over the RFC 8785 form of all other fields: anybody can compute it with other tools."""
    entry = chained(None, 5, "ada", "a.done", "thing:1", {"b": 1, "a": [1.5, None]})
    written = '{"act":"a.done","actor":"ada","at_us":5,"data":{"a":[1.5,null],"b":1},"previous":"%s","sequence":1,"subject":"thing:1"}'
    assert hashlib.sha256((written % GENESIS).encode()).hexdigest() == entry.digest


@given(st.text(max_size=20), st.text(max_size=20), st.integers(-(2**53), 2**53), st.text("0a", max_size=66))
def test_the_bytes_are_those_of_the_canonical_form(actor: str, subject: str, number: int, previous: str) -> None:
    """Whatever is in an entry, its bytes are those that RFC 8785 gives the map of its fields, and what has no form has none."""
    entry = Entry(
        number, -number, actor, "a.done", subject, {"b": actor, "a": [1.5, None, number if abs(number) < 2**53 else 0]}, previous, "x"
    )
    fields = {name: value for name, value in msgspec.structs.asdict(entry).items() if name != "digest"}
    if abs(number) == 2**53:
        with pytest.raises(NotCanonical):
            canonical_entry(entry)
    else:
        assert canonical(fields) == canonical_entry(entry)


def test_a_clock_that_goes_back_leaves_the_stamps_in_order() -> None:
    """An entry made while the clock stands behind the last entry carries that entry's stamp."""
    first = chained(None, 100, "ada", "a.done", "thing:1", {})
    assert 100 == chained(first, 40, "ada", "a.done", "thing:1", {}).at_us
    assert 101 == chained(first, 101, "ada", "a.done", "thing:1", {}).at_us


@given(st.sampled_from(["sequence", "at_us", "actor", "act", "subject", "data", "previous"]), st.integers(2, 99))
def test_every_field_is_under_the_digest(field: str, value: int) -> None:
    """Whichever field is changed, the digest is another."""
    entry = chained(None, 1, "ada", "a.done", "thing:1", {"x": 1})
    changed: Any = {"x": value} if field == "data" else value if field in ("sequence", "at_us") else str(value)
    assert entry.digest != digest_of_entry(msgspec.structs.replace(entry, **{field: changed}))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        (("", "a.done", "thing:1", {}), "its actor"),
        (("ada", " ", "thing:1", {}), "its act"),
        (("ada", "a.done", "x" * 1_001, {}), "its subject"),
        (("ada", "a.done", "thing:1", {"x": float("nan")}), "NaN"),
        (("ada", "a.done", "thing:1", {"x": 2**60}), "2\\^53"),
        (("ada", "a.done", "thing:1", {"x": 1e17}), "2\\^53"),
        (("ada", "a.done", "thing:1", [1]), "no map"),
    ],
)
def test_an_act_of_nobody_or_on_nothing_is_refused(fields: tuple[str, str, str, Any], says: str) -> None:
    """An entry without actor, act or subject, or whose data a reader would read otherwise, is refused with the reason."""
    with pytest.raises(EntryRefused, match=says):
        chained(None, 1, *fields)


def test_data_are_kept_as_they_will_be_read() -> None:
    """What is digested is what every reader reads: tuples are lists, whole floats are whole numbers."""
    entry: Entry = chained(None, 1, "ada", "a.done", "thing:1", {"x": (1, 2.0)})
    assert {"x": [1, 2]} == entry.data
