"""Handing over: the calls to providers, as many at once as are asked for, each bounded in real time.

A channel that answers at once needs no task of its own for each message: one task goes on from message to message. While
it works another is ready, and takes over the rest as soon as the first has to wait for a provider. So slow calls run
beside each other, and quick ones one after the other.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Mapping

import structlog

from pilotage.channel.channel import Channel, Fate, Message, Receipt
from pilotage.runner.channel_queue import ChannelQueue
from pilotage.runner.delivery import channel_name
from pilotage.runner.outbox import ActionRow

log = structlog.get_logger("pilotage.dispatcher")


class HandOver:
    """One message on its way to its provider. `limit` ends the call when it lasts too long; None before it has begun."""

    __slots__ = ("began_s", "channel", "effect", "limit", "message", "queue")

    def __init__(self, queue: ChannelQueue, effect: bytes, channel: Channel, message: Message) -> None:
        self.queue = queue
        self.effect = effect
        self.channel = channel
        self.message = message
        self.began_s = 0.0
        self.limit: asyncio.Timeout | None = None


class HandOvers:
    """All that are under way. `spawn` runs a task; `ended` is told what each came to and how many seconds it took."""

    def __init__(
        self,
        channels: Mapping[str, Channel],
        timeout_s: float,
        spawn: Callable[[Coroutine[None, None, None]], None],
        ended: Callable[[HandOver, Receipt, float], None],
    ) -> None:
        self._channels = channels
        self._timeout_s = timeout_s
        self._spawn = spawn
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._under_way: dict[bytes, HandOver] = {}
        self._waiting: deque[HandOver] = deque()
        self._spare = False
        self._watching = False

    def __contains__(self, effect: bytes) -> bool:
        return effect in self._under_way

    def begin(self, queue: ChannelQueue, row: ActionRow, message: Message) -> None:
        """Hand a claimed action over."""
        action = row.action
        call = HandOver(queue, action.effect, self._channels[channel_name(action)], message)
        self._under_way[action.effect] = call
        self._waiting.append(call)
        self._have_spare()

    def _have_spare(self) -> None:
        """Whenever something waits, a task is about to run that will take it."""
        if not self._spare:
            self._spare = True
            self._spawn(self._work())

    async def _work(self) -> None:
        self._spare = False
        while self._waiting:
            call = self._waiting.popleft()
            if self._waiting:
                self._have_spare()
            call.began_s = self._loop.time()
            receipt = await self._receipt(call)
            del self._under_way[call.effect]
            self._ended(call, receipt, self._loop.time() - call.began_s)

    async def _receipt(self, call: HandOver) -> Receipt:
        if not self._watching:
            self._watching = True
            self._loop.call_at(call.began_s + self._timeout_s, self._watch)
        try:
            async with asyncio.timeout(None) as call.limit:
                return await call.channel.send(call.message)
        except TimeoutError:
            return Receipt(Fate.UNKNOWN, reason=f"no answer within {self._timeout_s:g} s")
        except Exception as fault:  # noqa: BLE001 - a fault of a channel is that message's fate, not the dispatcher's end
            log.error("channel fault", channel=call.channel.name, effect=call.message.idempotency_key, fault=type(fault).__name__)
            return Receipt(Fate.UNKNOWN, reason=f"the channel failed: {type(fault).__name__}")

    def _watch(self) -> None:
        """End the calls that have lasted too long, and look again when the next one will have. All may last equally long and
        the oldest come first, so one timer serves them all: one of each call's own would cost it 4 us."""
        now_s = self._loop.time()
        for call in self._under_way.values():
            if call.limit is None or call.limit.expired():
                continue
            if call.began_s + self._timeout_s > now_s:
                self._loop.call_at(call.began_s + self._timeout_s, self._watch)
                return
            call.limit.reschedule(now_s)
        self._watching = False
