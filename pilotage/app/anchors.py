"""Anchoring what is decided: now and then the ledger takes a digest of what each shard's log has more, and verification compares.

Only the process that takes events in writes to the ledger; the owners of shards, in this process or in workers, read their logs and
say the digest. What came after the last anchor of a process that was killed is anchored when the next one has started.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import structlog

from pilotage.app.acts import RUNNER, STARTED
from pilotage.app.auditing import DecisionsView, reading
from pilotage.app.records import Answering
from pilotage.audit.entry import Entry
from pilotage.event.time import DAY_US
from pilotage.review.database import Session
from pilotage.review.ledger import Ledger
from pilotage.runner.anchors import Anchor, LogVerdict, check_log
from pilotage.runner.log import last_segment
from pilotage.runner.question import CheckAnchors, MakeAnchor
from pilotage.runner.station import open_stores
from pilotage.runner.ticket import SHARDS
from pilotage.source.sink import Unavailable

ANCHORED = "decisions.anchored"
EVERY_S = 30.0
"""How often what was decided is anchored."""
NEWEST = 2**53 - 1

log = structlog.get_logger("pilotage.anchors")


class Anchoring:
    """Anchors the shards of some owners until it is stopped."""

    def __init__(self, ledger: Ledger, owners: Sequence[Answering], every_s: float = EVERY_S) -> None:
        self._ledger = ledger
        self._owner_of = {number: owner for owner in owners for number in owner.numbers}
        self._every_s = every_s
        self._last: dict[int, Anchor] = {}
        self._task: asyncio.Task[None] | None = None
        self._ending = asyncio.Event()

    def start(self) -> None:
        """Begin; the first anchors take up what an earlier process left."""
        self._task = asyncio.create_task(self._run(), name="anchors")

    async def stop(self) -> None:
        """Let the round under way end, anchor what is durable now, and end."""
        self._ending.set()
        if self._task is not None:
            await self._task
            await self.anchor()

    async def anchor(self) -> None:
        """Anchor everything that is durable and not anchored yet. A shard whose owner is being started waits for the next time."""
        if not self._last:
            self._last = await asyncio.to_thread(last_anchors, self._ledger)
        for number, owner in sorted(self._owner_of.items()):
            try:
                while made := await owner.ask(MakeAnchor(number, self._last.get(number))):
                    await asyncio.to_thread(self._note, made[0])
            except Unavailable:
                continue

    def _note(self, anchor: Anchor) -> None:
        self._ledger.append(RUNNER, ANCHORED, f"shard:{anchor.shard}", msgspec.to_builtins(anchor))
        self._last[anchor.shard] = anchor

    async def _run(self) -> None:
        while not self._ending.is_set():
            try:
                await self.anchor()
            except Exception as fault:  # noqa: BLE001 - deciding goes on; what was not anchored is anchored the next time
                log.error("decisions not anchored", fault=f"{type(fault).__name__}: {fault}")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), self._every_s)


def last_anchors(ledger: Ledger) -> dict[int, Anchor]:
    """The newest anchor of each shard."""
    with ledger.view() as session:
        found = (_newest(session, number) for number in range(SHARDS))
        return {anchor.shard: anchor for anchor in found if anchor is not None}


def anchors_in(session: Session) -> dict[int, list[Anchor]]:
    """All anchors by shard, the oldest first."""
    found: dict[int, list[Anchor]] = {number: [] for number in range(SHARDS)}
    for entry in session.entries(act=ANCHORED):
        anchor = _anchor(entry)
        found.setdefault(anchor.shard, []).append(anchor)
    return found


def forgotten_us(session: Session, now_us: int) -> int:
    """What was received before this instant may have left the log by the retentions that were in force."""
    started = [(entry.at_us, int(entry.data.get("log_days", 0))) for entry in session.entries(act=STARTED)]
    ends = [*(at_us for at_us, _ in started), now_us][1:]
    return max((end_us - days * DAY_US for (_, days), end_us in zip(started, ends, strict=True) if days), default=0)


async def decisions_asked(data: Path, owners: Iterable[Answering], now_us: int) -> DecisionsView:
    """What a running system's log is like against its ledger."""
    anchors, before_us = await asyncio.to_thread(_wanted, data, now_us)
    owner_of = {number: owner for owner in owners for number in owner.numbers}
    asked = [CheckAnchors(number, tuple(anchors[number]), before_us) for number in sorted(owner_of)]
    return decisions_view([await owner_of[question.shard].ask(question) for question in asked])


def decisions_at_rest(data: Path, now_us: int) -> DecisionsView:
    """What the log of a folder is like against its ledger. Nobody runs on the folder, which is this process's own for the time."""
    anchors, before_us = _wanted(data, now_us)
    stores = open_stores(data, range(SHARDS))
    verdicts = []
    try:
        for number, store in stores.items():
            last = last_segment(store)
            verdicts.append(check_log(store, number, last.last if last is not None else 0, anchors[number], before_us))
    finally:
        for store in stores.values():
            store.close()
    return decisions_view(verdicts)


def decisions_view(verdicts: Sequence[LogVerdict]) -> DecisionsView:
    """The verdicts on all shards together."""
    faults = [fault.message for verdict in verdicts for fault in verdict.faults]
    verified, segments = sum(each.verified for each in verdicts), sum(each.segments for each in verdicts)
    forgotten, following = sum(each.forgotten for each in verdicts), sum(each.open for each in verdicts)
    return DecisionsView(not faults, verified, segments, forgotten, following, faults)


def _wanted(data: Path, now_us: int) -> tuple[dict[int, list[Anchor]], int]:
    with reading(data) as session:
        return anchors_in(session), forgotten_us(session, now_us)


def _newest(session: Session, number: int) -> Anchor | None:
    entry = next(session.entries(NEWEST, act=ANCHORED, subject=f"shard:{number}", newest_first=True, limit=1), None)
    return _anchor(entry) if entry is not None else None


def _anchor(entry: Entry) -> Anchor:
    return msgspec.convert(entry.data, Anchor)
