"""A disk that is full or read-only: a clear stop with its own exit code, and nothing lost when there is space again.

The disk is a small file system of the test's own; who may not mount one sees these tests skipped.
"""

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.auditor import Evidence, audit
from tests.crash.replayed import stored_and_replayed
from tests.crash.test_bad_input import KEY, post
from tests.crash.world import World, open_world

STORE_FULL = 74
DISK_MIB = 48


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a small disk of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(folder)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"needs the right to mount a file system: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path, leave_bytes: int) -> Path:
    """Fill the disk up to so many bytes with a ballast file."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"\0" * 65_536):
            pass
    ballast.open("r+b").truncate(max(0, ballast.stat().st_size - leave_bytes))
    return ballast


def say(world: World, evidence: Evidence, first: int, count: int) -> bool:
    """Send failed payments of ten users in a batch, and note whether they were acknowledged."""
    numbers = range(first, first + count)
    batch = []
    for number in numbers:
        user, name, data = f"user{number % 10}", f"m{number}", {"order": f"o{number}"}
        evidence.sent[name] = ("payment.failed", user, data)
        message = {"type": "track", "userId": user, "messageId": name, "event": "payment.failed", "properties": data}
        batch.append({**message, "context": {"note": "x" * 500}})
    try:
        status, _, _ = post(world.running, "/v1/batch", json.dumps({"batch": batch}).encode(), KEY)
    except OSError:
        status = 0
    if status != 200:
        evidence.refused.update(f"m{number}" for number in numbers)
    return status == 200


def begin(world: World) -> Evidence:
    """Start, and make ten users known."""
    world.running.start()
    world.running.wait_ready()
    evidence = Evidence()
    batch = [
        {"type": "identify", "userId": f"user{n}", "messageId": f"i{n}", "traits": {"email": f"user{n}@example.test"}} for n in range(10)
    ]
    assert 200 == post(world.running, "/v1/batch", json.dumps({"batch": batch}).encode(), KEY)[0]
    evidence.sent = {f"i{n}": ("customer.identified", f"user{n}", {}) for n in range(10)}
    return evidence


def judge(world: World, evidence: Evidence) -> None:
    """When nothing is under way any more: the audit, an orderly stop, and the replay."""
    evidence.settle(world)
    assert [] == audit(evidence)
    assert 0 == world.running.stop(), world.running.words()[-3000:]
    stored, replayed = stored_and_replayed(world.running.data)
    assert stored == replayed


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_is_a_clear_stop_and_nothing_is_lost(disk: Path, tmp_path: Path, workers: int) -> None:
    """When the disk fills up the process ends with code 74 and says what to do; with space again it goes on, and every
    acknowledged event was decided exactly once."""
    with open_world(tmp_path, workers, data=disk / "data") as world:
        evidence = begin(world)
        ballast = fill(disk, leave_bytes=300_000)
        process = world.running.process
        assert process is not None
        acknowledged = 0
        for number in range(0, 5_000, 25):
            acknowledged += say(world, evidence, number, 25)
            if process.poll() is not None:
                break
        assert acknowledged > 0
        assert STORE_FULL == process.wait(60), world.running.words()[-3000:]
        said = world.running.words()
        assert "takes no writes" in said or "cannot be written" in said
        assert "free space or make the folder writable, then start again" in said.replace("\n", " ")
        assert "Traceback" not in said, said[-3000:]
        ballast.unlink()
        world.running.start()
        world.running.wait_ready()
        assert say(world, evidence, 10_000, 25)
        judge(world, evidence)


@pytest.mark.parametrize("fault", ["full", "read-only"])
def test_a_disk_without_writes_at_the_start(disk: Path, tmp_path: Path, fault: str) -> None:
    """Started on a full or read-only disk the process ends at once, with a code and words that say what to do, and what it
    knew is there when the disk is well again."""
    with open_world(tmp_path, data=disk / "data") as world:
        evidence = begin(world)
        assert say(world, evidence, 0, 25)
        world.running.kill()
        if fault == "full":
            ballast = fill(disk, leave_bytes=0)
        else:
            subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        world.running.start()
        assert world.running.process is not None
        assert STORE_FULL == world.running.process.wait(60), world.running.words()[-3000:]
        said = world.running.words()
        assert "Traceback" not in said, said[-3000:]
        assert "free space or make the folder writable" in said.replace("\n", " "), said[-3000:]
        if fault == "full":
            ballast.unlink()
        else:
            subprocess.run(["mount", "-o", f"remount,rw,size={DISK_MIB}m", str(disk)], check=True)
        world.running.start()
        world.running.wait_ready()
        judge(world, evidence)
