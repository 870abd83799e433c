"""The conformance suite of stores: every promise in `pilotage.runner.store`, tried on any implementation.

`check_store(make_store)` raises `AssertionError` naming the promise that is broken. It knows nothing of the
implementation but how to open it on a place of its own and how to open the same place again.
"""

from collections.abc import Callable
from threading import Thread

from pilotage.runner.store import DERIVED, TABLES, Batch, Store

OpenStore = Callable[[str], Store]
"""Opens the store at a named place, empty at first; opening a name again after `close` finds what it held."""


def check_store(make_store: OpenStore) -> None:
    """Try every promise of `Store` on fresh places; returns when all hold."""
    for check in (
        _keeps_what_is_put,
        _applies_a_batch_in_order,
        _keeps_tables_apart,
        _reads_many_in_order,
        _scans_in_byte_order,
        _scans_bounds_and_backwards,
        _scans_hold_their_bounds,
        _scans_as_of_the_call,
        _deletes_ranges,
        _refuses_derived_writes_of_truths,
        _keeps_all_after_flush_and_close,
        _writes_from_another_thread,
        _takes_large_and_empty_values,
        _refuses_use_after_close,
    ):
        store = make_store(check.__name__)
        try:
            check(store, lambda name=check.__name__: make_store(name))  # type: ignore[misc]  # the name is bound now
        finally:
            store.close()


Reopen = Callable[[], Store]


def _put(store: Store, table: str, *pairs: tuple[bytes, bytes], durable: bool = True) -> None:
    batch = Batch()
    for key, value in pairs:
        batch.put(table, key, value)
    store.write(batch, durable=durable)


def _same(promise: str, expected: object, found: object) -> None:
    if expected != found:
        raise AssertionError(f"{promise}: expected {expected!r}, found {found!r}")


def _keeps_what_is_put(store: Store, reopen: Reopen) -> None:
    for table in TABLES:
        _put(store, table, (b"k", table.encode()))
    for table in TABLES:
        _same(f"a value put into {table} is read back", table.encode(), store.get(table, b"k"))
        _same("an absent key reads as None", None, store.get(table, b"absent"))


def _applies_a_batch_in_order(store: Store, reopen: Reopen) -> None:
    batch = Batch()
    batch.put("meta", b"a", b"1")
    batch.delete("meta", b"a")
    batch.put("meta", b"b", b"1")
    batch.put("meta", b"b", b"2")
    batch.delete("meta", b"never there")
    batch.delete("meta", b"c")
    batch.put("meta", b"c", b"3")
    store.write(batch, durable=True)
    _same("operations of a batch apply in their order", [(b"b", b"2"), (b"c", b"3")], list(store.scan("meta")))


def _keeps_tables_apart(store: Store, reopen: Reopen) -> None:
    batch = Batch()
    batch.put("log", b"k", b"log")
    batch.put("action", b"k", b"action")
    store.write(batch, durable=True)
    batch = Batch()
    batch.delete("log", b"k")
    store.write(batch, durable=True)
    _same("tables are apart", (None, b"action"), (store.get("log", b"k"), store.get("action", b"k")))


def _reads_many_in_order(store: Store, reopen: Reopen) -> None:
    _put(store, "state", (b"a", b"1"), (b"b", b""), durable=False)
    _same("get_many answers in the order of the keys", [b"", None, b"1", b""], store.get_many("state", [b"b", b"x", b"a", b"b"]))
    _same("get_many of nothing is nothing", [], store.get_many("state", []))


def _scans_in_byte_order(store: Store, reopen: Reopen) -> None:
    keys = [b"\xff", b"\x00", b"a", b"a\x00", b"", b"\x00\x01", b"b", b"ab"]
    _put(store, "meta", *((key, b"v" + key) for key in keys if key))
    expected = [(key, b"v" + key) for key in sorted(keys) if key]
    _same("a scan is in byte order", expected, list(store.scan("meta")))
    _same("a reverse scan is in reverse byte order", expected[::-1], list(store.scan("meta", reverse=True)))


def _scans_bounds_and_backwards(store: Store, reopen: Reopen) -> None:
    _put(store, "timer", *((bytes([n]), bytes([n])) for n in range(10)), durable=False)
    bounds = [(b"\x03", b"\x07"), (b"\x03", None), (b"", b"\x07"), (b"\x02\x01", b"\x07\x01"), (b"\x07", b"\x03"), (b"\x0b", b"\x0c")]
    for start, stop in bounds:
        expected = [(bytes([n]), bytes([n])) for n in range(10) if start <= bytes([n]) and (stop is None or bytes([n]) < stop)]
        _same(f"a scan covers {start!r} ≤ key < {stop!r}", expected, list(store.scan("timer", start, stop)))
        _same("a reverse scan covers the same", expected[::-1], list(store.scan("timer", start, stop, reverse=True)))


def _scans_hold_their_bounds(store: Store, reopen: Reopen) -> None:
    """Keys that the caller lets go of are a scan's own: what is made in their place in memory changes nothing."""
    _put(store, "log", *((n.to_bytes(8, "big"), b"") for n in range(1, 9)))
    for start in range(9):
        for stop in range(start, 10):
            scan = store.scan("log", start.to_bytes(8, "big"), stop.to_bytes(8, "big"))
            others = [bytes(8) for _ in range(64)]
            found = [int.from_bytes(key, "big") for key, _ in scan]
            _same(f"a scan covers {start} ≤ key < {stop} whatever becomes of the bounds", list(range(max(start, 1), min(stop, 9))), found)
            del others


def _scans_as_of_the_call(store: Store, reopen: Reopen) -> None:
    _put(store, "meta", (b"a", b"1"), (b"b", b"1"), (b"c", b"1"))
    for reverse in (False, True):
        before = sorted(store.scan("meta"), reverse=reverse)
        scan = store.scan("meta", reverse=reverse)
        _put(store, "meta", (b"a", b"2"), (b"bb", b"2"), (b"c", b"2"))
        store.delete_range("meta", b"b", b"ba")
        _same("a scan shows the table as of the call", before, list(scan))
        _same("a later scan shows the change", [(b"a", b"2"), (b"bb", b"2"), (b"c", b"2")], list(store.scan("meta")))
        store.delete_range("meta", b"bb", b"bc")
        _put(store, "meta", (b"a", b"1"), (b"b", b"1"), (b"c", b"1"))


def _deletes_ranges(store: Store, reopen: Reopen) -> None:
    _put(store, "seen", *((bytes([n]), b"") for n in range(6)), durable=False)
    store.delete_range("seen", b"\x01", b"\x04")
    _same("a range is deleted", [b"\x00", b"\x04", b"\x05"], [key for key, _ in store.scan("seen")])
    _put(store, "seen", (b"\x02", b"new"), durable=False)
    _same("a key of a deleted range can be put again", b"new", store.get("seen", b"\x02"))


def _refuses_derived_writes_of_truths(store: Store, reopen: Reopen) -> None:
    for table in sorted(set(TABLES) - DERIVED):
        batch = Batch()
        batch.put("state", b"k", b"v")
        batch.put(table, b"k", b"v")
        try:
            store.write(batch, durable=False)
        except ValueError:
            _same("a refused batch leaves nothing behind", (None, None), (store.get("state", b"k"), store.get(table, b"k")))
        else:
            raise AssertionError(f"a derived write of table {table} is refused")


def _keeps_all_after_flush_and_close(store: Store, reopen: Reopen) -> None:
    _put(store, "log", (b"k", b"durable"))
    _put(store, "state", (b"k", b"derived"), durable=False)
    store.flush()
    store.close()
    store.close()
    again = reopen()
    try:
        _same("a closed store is found as it was", (b"durable", b"derived"), (again.get("log", b"k"), again.get("state", b"k")))
        if again.size_bytes() <= 0:
            raise AssertionError("a store that holds something has a size")
    finally:
        again.close()


def _writes_from_another_thread(store: Store, reopen: Reopen) -> None:
    def write(first: int) -> None:
        for number in range(first, first + 50):
            _put(store, "log", (number.to_bytes(2, "big"), b"v"))

    threads = [Thread(target=write, args=(first,)) for first in (0, 100, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _same("writes of several threads all arrive", 150, sum(1 for _ in store.scan("log")))


def _takes_large_and_empty_values(store: Store, reopen: Reopen) -> None:
    large = bytes(range(256)) * 16_384
    _put(store, "log", (b"large", large), (b"none", b""))
    _same("a value of 4 MiB is kept whole", large, store.get("log", b"large"))
    _same("an empty value is not an absent one", b"", store.get("log", b"none"))


def _refuses_use_after_close(store: Store, reopen: Reopen) -> None:
    store.close()
    uses: list[Callable[[], object]] = [
        lambda: store.get("meta", b"k"),
        lambda: store.get_many("meta", [b"k"]),
        lambda: store.write(Batch(), durable=True),
        lambda: list(store.scan("meta")),
        store.flush,
    ]
    for use in uses:
        try:
            use()
        except RuntimeError:
            continue
        raise AssertionError("a closed store refuses every use")
