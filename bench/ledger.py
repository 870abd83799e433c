"""The ledger: how long a million entries take to verify from an export, and how many acts a second become durable."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.figure import Figure
from pilotage.audit.checkpoint import EVERY, Checkpoint, make_checkpoint
from pilotage.audit.entry import Entry, chained
from pilotage.audit.export import export_lines, verify_export
from pilotage.audit.keys import BEGUN
from pilotage.audit.signature import Signer, new_signer
from pilotage.review.ledger import Ledger

MILLION = 1_000_000
BLOCKS = [[48, "0123456789abcdef"], [96, "fedcba9876543210"]]


def figures(folder: Path, entries: int) -> list[Figure]:
    """How long a million entries take to verify, measured on so many; and how fast acts are appended, one durable commit each."""
    signer = new_signer()
    path = folder / "ledger.jsonl"
    with path.open("wb") as file:
        file.writelines(line + b"\n" for line in export_lines(_records(signer, entries), signer.public_key))
    begun_s, begun_cpu_s = time.monotonic(), time.process_time()
    with path.open("rb") as file:
        verdict = verify_export(file, signer.public_key)
    took_s, cpu_s = time.monotonic() - begun_s, time.process_time() - begun_cpu_s
    assert verdict.holds and verdict.entries == entries, verdict.faults[:1]
    scale = MILLION / entries
    size = f"{entries:,} entries of {path.stat().st_size / entries:.0f} bytes, {verdict.checkpoints:,} checkpoints"
    appended = max(100, entries // 1_000)
    ledger = Ledger(folder, signer, lambda: time.time_ns() // 1_000)
    begun_s = time.monotonic()
    for number in range(appended):
        ledger.append("ada", "switch.set", "channel:sms", {"reason": "wrong text", "number": number})
    rate = appended / (time.monotonic() - begun_s)
    ledger.close()
    return [
        Figure(
            "ledger: a million entries verified",
            cpu_s * scale,
            "CPU s",
            60,
            at_most=True,
            bound=f"{size}; {took_s * scale:.0f} s real time",
        ),
        Figure("ledger: acts appended", rate, "acts/s", bound=f"{appended:,} in turn, each on disk and the head signed before the next"),
    ]


def _records(signer: Signer, entries: int) -> Iterator[Entry | Checkpoint]:
    last: Entry | None = None
    before: Checkpoint | None = None
    for number in range(1, entries + 1):
        last = chained(last, 1_700_000_000_000_000 + number * 1_000, *_act(number, signer))
        yield last
        if number % EVERY == 0:
            before = make_checkpoint(signer, number, last.digest, last.at_us, before)
            yield before
    assert last is not None
    yield make_checkpoint(signer, last.sequence, last.digest, last.at_us, before, "head")


def _act(number: int, signer: Signer) -> tuple[str, str, str, dict[str, Any]]:
    """Anchors mostly, as a running system has them, and an act of a person now and then."""
    if number == 1:
        return "system:ledger", BEGUN, "ledger", {"public_key": signer.public_key}
    if number % 10 == 0:
        return "ada", "journey.paused", "journey:growth.recovery.cart", {"reason": "wrong price", "deadlines": "shift", "entries": "queue"}
    data = {"shard": number % 8, "first": number, "last": number + 95, "segments": 2, "digest": f"{number:064x}", "blocks": BLOCKS}
    return "system:runner", "decisions.anchored", f"shard:{number % 8}", data
