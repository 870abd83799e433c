"""Stores: both keep every promise of the conformance suite, and each says clearly what is wrong with its disk."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import pytest

from pilotage.runner.memory import MemoryStore
from pilotage.runner.rocks import Memory, RocksStore, StoreDamaged, StoreLocked
from pilotage.runner.store import Batch, StoreFull
from pilotage.testing import check_store


def _batch(table: str, key: bytes, value: bytes | None) -> Batch:
    batch = Batch()
    if value is None:
        batch.delete(table, key)
    else:
        batch.put(table, key, value)
    return batch


def test_memory_store_keeps_every_promise() -> None:
    """The store in memory passes the conformance suite."""
    places: dict[str, MemoryStore] = {}
    check_store(lambda name: places.setdefault(name, MemoryStore()).reopen())


def test_rocks_store_keeps_every_promise(tmp_path: Path) -> None:
    """The store on disk passes the conformance suite."""
    memory = Memory()
    check_store(lambda name: RocksStore(tmp_path / name, memory))


def test_suite_finds_a_store_that_forgets() -> None:
    """The conformance suite fails on a store whose deletes do nothing."""

    class Forgetful(MemoryStore):
        def write(self, batch: Batch, *, durable: bool) -> None:
            batch.operations = [operation for operation in batch.operations if operation[2] is not None]
            super().write(batch, durable=durable)

    with pytest.raises(AssertionError, match="operations of a batch"):
        check_store(lambda name: Forgetful())


def test_memory_crash_keeps_prefixes_per_table() -> None:
    """After a crash each derived table of the store in memory holds the oldest of its unflushed batches, undone whole."""
    store = MemoryStore()
    for number in range(4):
        store.write(_batch("state", b"k", b"%d" % number), durable=False)
        store.write(_batch("timer", b"t%d" % number, b""), durable=False)
        store.write(_batch("log", b"l%d" % number, b""), durable=True)
    store.crash({"state": 5, "timer": 4})
    assert store.get("state", b"k") == b"2"
    assert [key for key, _ in store.scan("timer")] == [b"t0", b"t1"]
    assert len(list(store.scan("log"))) == 4
    store.write(_batch("state", b"k", None), durable=False)
    store.flush()
    store.crash()
    assert store.get("state", b"k") is None


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Path]:
    """A store held open by another process."""
    path = tmp_path / "held"
    code = (
        "import sys; from pathlib import Path; from pilotage.runner.rocks import RocksStore; "
        "from pilotage.runner.store import Batch; store = RocksStore(Path(sys.argv[1])); b = Batch(); "
        "b.put('log', b'k', b'durable'); store.write(b, durable=True); b = Batch(); b.put('state', b'k', b'derived'); "
        "store.write(b, durable=False); print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        yield path
        process.kill()


def test_locked_store_names_its_path(held: Path) -> None:
    """A store that another process holds open is refused with its path and the cure."""
    with pytest.raises(StoreLocked, match="another process") as refusal:
        RocksStore(held)
    assert refusal.value.path == held


def test_killed_process_keeps_durable_writes(tmp_path: Path) -> None:
    """After SIGKILL durable writes are there and unflushed derived ones may be gone, but nothing is half there."""
    path = tmp_path / "killed"
    code = (
        "import os, signal, sys; from pathlib import Path; from pilotage.runner.rocks import RocksStore; "
        "from pilotage.runner.store import Batch\n"
        "store = RocksStore(Path(sys.argv[1]))\n"
        "for n in range(20):\n"
        "    b = Batch(); b.put('log', bytes([n]), b'x'); store.write(b, durable=True)\n"
        "    b = Batch(); b.put('state', bytes([n]), b'x'); store.write(b, durable=False)\n"
        "    if n == 9: store.flush()\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    store = RocksStore(path)
    assert [key[0] for key, _ in store.scan("log")] == list(range(20))
    saved = [key[0] for key, _ in store.scan("state")]
    assert saved == list(range(len(saved))) and len(saved) >= 10
    store.close()


def test_damaged_store_is_named(tmp_path: Path) -> None:
    """A store whose files are damaged says so, with the cure, rather than opening empty."""
    path = tmp_path / "damaged"
    RocksStore(path).close()
    current = path / "CURRENT"
    current.write_text("MANIFEST-999999\n")
    with pytest.raises(StoreDamaged, match="backup"):
        RocksStore(path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no disk that is always full")
def test_folder_that_cannot_be_made_is_store_full(tmp_path: Path) -> None:
    """A place where no folder can be made is refused as StoreFull, which says what to do."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(StoreFull, match="free space or make the folder writable"):
        RocksStore(blocked / "shard")


def test_full_disk_refuses_the_batch(tmp_path: Path) -> None:
    """When the disk takes no more, a durable write raises StoreFull, and after a restart with room all earlier ones are there."""
    path = tmp_path / "limited"
    code = (
        "import resource, signal, sys; from pathlib import Path; from pilotage.runner.rocks import RocksStore; "
        "from pilotage.runner.store import Batch, StoreFull\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "store = RocksStore(Path(sys.argv[1]))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))\n"
        "done = 0\n"
        "try:\n"
        "    while done < 1000:\n"
        "        b = Batch(); b.put('log', done.to_bytes(4, 'big'), bytes(20_000)); store.write(b, durable=True); done += 1\n"
        "except StoreFull as error:\n"
        "    print(done, flush=True)\n"
        "import os; os._exit(7)"
    )
    full = subprocess.run([sys.executable, "-c", code, str(path)], check=False, capture_output=True, text=True)
    assert full.returncode == 7, full.stderr
    done = int(full.stdout)
    assert 0 < done < 1000
    store = RocksStore(path)
    assert [int.from_bytes(key, "big") for key, _ in store.scan("log")][:done] == list(range(done))
    assert sum(1 for _ in store.scan("log")) == done
    store.close()


def test_memory_of_many_stores_is_shared(tmp_path: Path) -> None:
    """Eight stores that share one memory write themselves to disk, unasked, when together they exceed its budget: of 80 MB in
    a budget of 16 MiB most is on disk as soon as the disk has had its turn, though no store alone comes near the budget."""
    memory = Memory(cache_bytes=8 << 20, buffer_bytes=16 << 20)
    stores = [RocksStore(tmp_path / str(number), memory) for number in range(8)]
    for store in stores * 40:
        batch = Batch()
        for _ in range(50):
            batch.put("state", os.urandom(16), bytes(5000))
        store.write(batch, durable=False)
    written = 8 * 40 * 50 * 5000
    give_up_s = time.monotonic() + 120
    for store in cycle(stores):  # a store looks at the budget when it is written to; how soon its thread writes is the machine's affair
        if memory.buffers.get_usage() <= written // 2 or time.monotonic() > give_up_s:
            break
        nudge = Batch()
        nudge.put("state", b"nudge", b"")
        store.write(nudge, durable=False)
    assert memory.buffers.get_usage() <= written // 2
    assert sum(store.size_bytes() for store in stores) >= written // 4
    for store in stores:
        store.close()
