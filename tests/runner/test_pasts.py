"""Pasts that wait for their subjects: each is told once, in the order they were brought, whatever is on disk already."""

import pytest

from pilotage.event.digest import key128
from pilotage.event.envelope import Event
from pilotage.runner.memory import MemoryStore
from pilotage.runner.pasts import Pasts
from pilotage.runner.store import Batch

ADA, BEN = key128("pasts", "ada"), key128("pasts", "ben")


def told(pasts: Pasts, subject: bytes) -> list[bytes]:
    """Load a subject and tell it everything that waits for it."""
    pasts.load([subject])
    found: list[bytes] = []
    pasts.tell(subject, 1, lambda _, event, at_us: found.append(event.data))
    return found


def write(pasts: Pasts, store: MemoryStore) -> None:
    """Seal, and write what was sealed; it is not told yet that it is on disk."""
    batch = Batch()
    pasts.seal(batch)
    store.write(batch, durable=True)


def test_a_past_is_told_once_before_and_after_it_is_on_disk() -> None:
    """What was told is not told again while the deletion of its row is open, in flight or on disk."""
    store = MemoryStore()
    pasts = Pasts(store)
    pasts.bring("p", [(ADA, b"1", ""), (BEN, b"2", "")])
    assert [b"1"] == told(pasts, ADA)
    assert [] == told(pasts, ADA)
    write(pasts, store)
    assert ([], [b"2"]) == (told(pasts, ADA), told(pasts, BEN))
    write(pasts, store)
    pasts.committed()
    assert ([], []) == (told(pasts, ADA), told(pasts, BEN))
    pasts.committed()
    assert not pasts.rest()
    assert [] == list(store.scan("past"))


def test_pasts_of_two_releases_are_told_in_their_order() -> None:
    """A second release brings its past behind what still waits of the first; a crash loses neither."""
    store = MemoryStore()
    pasts = Pasts(store)
    pasts.bring("first", [(ADA, b"1", "")])
    write(pasts, store)
    pasts = Pasts(store.crash())
    assert pasts.waiting
    pasts.bring("second", [(ADA, b"2", "")])
    assert [b"1", b"2"] == told(pasts, ADA)


def test_what_was_told_in_part_waits_on_in_part() -> None:
    """If a subject takes in one past and refuses the next, only the next waits on."""
    store = MemoryStore()
    pasts = Pasts(store)
    pasts.bring("first", [(ADA, b"1", "")])
    pasts.bring("second", [(ADA, b"2", "")])
    pasts.load([ADA])

    def apply(subject: bytes, event: Event, at_us: int) -> None:
        if event.data == b"2":
            raise ValueError("not this one")

    with pytest.raises(ValueError, match="not this one"):
        pasts.tell(ADA, 1, apply)
    write(pasts, store)
    assert [b"2"] == told(Pasts(store.crash()), ADA)


def test_nothing_waits_once_nothing_is_left() -> None:
    """`rest` counts what is open and in flight as waiting, and a told row as gone."""
    store = MemoryStore()
    pasts = Pasts(store)
    assert not pasts.waiting
    pasts.bring("p", [(ADA, b"1", "")])
    assert pasts.rest()
    write(pasts, store)
    assert pasts.rest()
    assert [ADA] == pasts.after(b"", 5)
    assert [b"1"] == told(pasts, ADA)
    write(pasts, store)
    pasts.committed()
    pasts.committed()
    assert not pasts.rest()


def test_a_release_behind_one_that_waits_on_disk_looks_first() -> None:
    """What waited when the process began is kept, whichever plan brings more afterwards, in one part or in several."""
    store = MemoryStore()
    pasts = Pasts(store)
    pasts.bring("first", [(ADA, b"1", "")])
    pasts.bring("first", [(BEN, b"1", "")])
    write(pasts, store)
    pasts = Pasts(store.crash())
    pasts.bring("second", [(ADA, b"2", "")])
    pasts.bring("second", [(BEN, b"2", "")])
    assert ([b"1", b"2"], [b"1", b"2"]) == (told(pasts, ADA), told(pasts, BEN))
