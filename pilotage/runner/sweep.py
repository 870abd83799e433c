"""Touching everybody once after a release: who is never heard of again would otherwise never be asked about what is new.

Each subject whose state is outdated is let settle, as any wake-up would do it, a few at a time between live events. How far each
shard has come is noted in the same commit, so that a restart goes on from there; a shard that is through costs one read.
"""

import asyncio
import time
from collections.abc import Callable
from itertools import islice

import msgspec

from pilotage.profile.state import State
from pilotage.runner.engine import Engine
from pilotage.runner.layout import HEADER, body_of
from pilotage.runner.shard import Shard

SUBJECTS_AT_ONCE = 64
SHARE = 0.2
"""How much of the loop's time sweeping takes at most."""

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
    """Sweeps an engine's shards for what `digest` names; `outdated` says of a state whether it has not met it yet."""

    def __init__(self, engine: Engine, digest: bytes, outdated: Callable[[State], bool]) -> None:
        self._engine = engine
        self._outdated = outdated
        self.states = {number: _read(shard, digest) for number, shard in engine.shards.items()}
        self._task: asyncio.Task[None] | None = None

    @property
    def done(self) -> bool:
        """Whether everybody was looked at."""
        return all(swept.done for swept in self.states.values())

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
            while not self.states[number].done:
                took_s = await self._some(shard)
                await asyncio.sleep(took_s * (1 / SHARE - 1))

    async def _some(self, shard: Shard) -> float:
        took_s = 0.0

        def errand(now_us: int) -> int:
            nonlocal took_s
            begun_s = time.perf_counter()
            before = self.states[shard.number]
            first = shard.number * 128
            found = list(islice(shard.subjects(first, first + 127, before.after or None), SUBJECTS_AT_ONCE))
            touched = shard.touch(found, now_us, self._outdated)
            through = len(found) < SUBJECTS_AT_ONCE
            swept = Swept(before.digest, found[-1] if found else before.after, before.touched + touched, through)
            self._engine.note(shard.number, ("meta", _KEY, HEADER + _encoder.encode(swept)))
            self.states[shard.number] = swept
            took_s = time.perf_counter() - begun_s
            return touched

        await self._engine.errand(errand)
        return took_s


def forget_sweep(engine: Engine) -> None:
    """There is nothing to be met by now: what was swept for before is swept for anew if its plan ever comes back."""
    for number, shard in engine.shards.items():
        if shard.store.get("meta", _KEY) is not None:
            engine.note(number, ("meta", _KEY, None))


def _read(shard: Shard, digest: bytes) -> Swept:
    value = shard.store.get("meta", _KEY)
    found = None if value is None else _decoder.decode(body_of("meta", value))
    return found if found is not None and found.digest == digest else Swept(digest)
