"""Touching everybody once after a release: who is never heard of again would otherwise never be asked about what is new.

Each subject whose state is outdated is let settle, as any wake-up would do it, a few at a time between live events. How far each
shard has come is noted in the same commit, so that a restart goes on from there; a shard that is through costs one read. Then
those are let settle for whom a past still waits: where a release brings nothing but features, they are all there is to do.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from pilotage.profile.state import State
from pilotage.runner.engine import Engine, Errand
from pilotage.runner.layout import HEADER, body_of, state_key
from pilotage.runner.pace import Portion
from pilotage.runner.shard import Shard

ERRAND_S = 0.008
SUBJECTS_LEAST, SUBJECTS_MOST = 16, 512
"""How long an errand takes at most, as far as can be foreseen, and between what bounds lies how many subjects it looks at then: live
events wait for one of them at a time."""

SUBJECTS_AHEAD = 1_024
"""How many subjects are looked up at once: finding where to go on costs much more than the next of them. Whoever is new meanwhile has
met what is new."""

SHARE, SHARE_IDLE = 0.2, 0.9
"""How much of the loop's time sweeping takes at most, while live events pile up and while they do not. Those that have come are
advanced before the next errand in any case."""

BACKLOG = 256
"""Live events pile up when more than so many wait to be advanced."""

WALKERS = 4
"""How many errands are under way at once: some go through subjects while the others' are being written to disk."""

_KEY = b"sweep"


class Swept(msgspec.Struct, frozen=True, array_like=True):
    """Up to which subject a shard was swept for what a digest names; `touched` counts the outdated ones."""

    digest: bytes
    after: bytes = b""
    touched: int = 0
    done: bool = False


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Swept)


class Sweep:
    """Sweeps an engine's shards for what `digest` names (empty: nothing); `outdated` says of a state whether it has not met it
    yet. With `pasts`, what a backfill has put aside is brought to everybody too."""

    def __init__(self, engine: Engine, digest: bytes, outdated: Callable[[State], bool], *, pasts: bool = False) -> None:
        self._engine = engine
        self._outdated = outdated
        self._ahead: dict[int, deque[bytes]] = {number: deque() for number in engine.shards}
        self.states = {number: _read(shard, digest) for number, shard in engine.shards.items()} if digest else {}
        self._pasts = {number for number, shard in engine.shards.items() if shard.pasts.waiting} if pasts else set()
        self._portion = Portion(ERRAND_S, SUBJECTS_LEAST, SUBJECTS_MOST)
        self._task: asyncio.Task[None] | None = None

    @property
    def done(self) -> bool:
        """Whether everybody was looked at."""
        return not self._pasts and all(swept.done for swept in self.states.values())

    def start(self) -> None:
        """Begin, or go on where it was."""
        if not self.done:
            self._task = asyncio.create_task(self._run(), name="sweep")

    async def stop(self) -> None:
        """End after the subjects at hand."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        for number, shard in sorted(self._engine.shards.items()):
            if number in self.states:
                await asyncio.gather(*(self._walk(shard) for _ in range(WALKERS)))
            if number in self._pasts:
                await self._tell_pasts(shard)
                self._pasts.discard(number)

    async def _walk(self, shard: Shard) -> None:
        while not self.states[shard.number].done:
            await self._do(self._some(shard), WALKERS)

    async def _do(self, errand: Errand, beside: int = 1) -> None:
        """One errand, of so many that are under way at once, and then a rest that leaves its share of the loop's time."""
        took_s, begun_s = 0.0, time.perf_counter()

        def timed(now_us: int) -> int:
            nonlocal took_s
            started_s = time.perf_counter()
            made = errand(now_us)
            took_s = time.perf_counter() - started_s
            return made

        await self._engine.errand(timed)
        share = SHARE if self._engine.queued_events > BACKLOG else max(SHARE, SHARE_IDLE)
        await asyncio.sleep(max(0.0, took_s * beside / share - (time.perf_counter() - begun_s)))

    async def _tell_pasts(self, shard: Shard) -> None:
        """Bring a shard's subjects what still waits for them. A subject that cannot be told is listed in `stuck`; its past waits on."""
        after = b""
        while subjects := shard.pasts.after(after, self._portion.count):
            after = state_key(subjects[-1])
            await self._do(partial(self._touch, shard, subjects))
        shard.pasts.rest()

    def _touch(self, shard: Shard, subjects: Sequence[bytes], now_us: int) -> int:
        begun_s = time.perf_counter()
        touched = shard.touch(subjects, now_us, self._outdated)
        self._portion.done(len(subjects), time.perf_counter() - begun_s)
        return touched

    def _some(self, shard: Shard) -> Errand:
        def errand(now_us: int) -> int:
            before = self.states[shard.number]
            if before.done:
                return 0
            wanted = self._portion.count
            found = self._next(shard, before.after, wanted)
            touched = self._touch(shard, found, now_us)
            through = len(found) < wanted
            swept = Swept(before.digest, found[-1] if found else before.after, before.touched + touched, through)
            self._engine.note(shard.number, ("meta", _KEY, HEADER + _encoder.encode(swept)))
            self.states[shard.number] = swept
            return touched

        return errand

    def _next(self, shard: Shard, after: bytes, wanted: int) -> list[bytes]:
        """The next subjects of a shard; fewer than are wanted at its end."""
        ahead = self._ahead[shard.number]
        if len(ahead) < wanted:
            ahead.extend(shard.ahead(ahead[-1] if ahead else after, SUBJECTS_AHEAD))
        return [ahead.popleft() for _ in range(min(wanted, len(ahead)))]


def forget_sweep(engine: Engine) -> None:
    """There is nothing to be met by now: what was swept for before is swept for anew if its plan ever comes back."""
    for number, shard in engine.shards.items():
        if shard.store.get("meta", _KEY) is not None:
            engine.note(number, ("meta", _KEY, None))


def _read(shard: Shard, digest: bytes) -> Swept:
    value = shard.store.get("meta", _KEY)
    found = None if value is None else _decoder.decode(body_of("meta", value))
    return found if found is not None and found.digest == digest else Swept(digest)
