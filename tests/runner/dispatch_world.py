"""A small world around a dispatcher: a disk, a log of receipts, a channel that answers as told, a clock moved by hand."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from pilotage.channel.channel import Fate, Message, Receipt
from pilotage.channel.ratelimit import RateLimit
from pilotage.decision.eligibility import ALLOWED
from pilotage.event.digest import key128
from pilotage.event.envelope import Event
from pilotage.event.time import HOUR_US, SECOND_US
from pilotage.journey.outcome import Action
from pilotage.runner.allow import AllowList
from pilotage.runner.backoff import RetryPolicy
from pilotage.runner.clock import VirtualClock
from pilotage.runner.delivery import Ports
from pilotage.runner.dispatcher import Counts, Dispatcher, DispatchLimits
from pilotage.runner.outbox import CANCEL, Status, cancel_row, decode_row, pending_row, split_key

START_US = 1_000 * SECOND_US


def make(number: int = 0, **changes: object) -> Action:
    action = Action(
        effect=key128("effect", number),
        kind="send",
        target="mail",
        content="c@1",
        purpose="marketing.cart",
        recipient=f"p{number}@test.example",
        variables={},
        not_before_us=START_US,
        expires_us=START_US + 48 * HOUR_US,
        subject=key128("subject", number),
        entry=b"n" * 16,
        journey="growth.cart",
        version="v",
        step="remind",
    )
    return msgspec.structs.replace(action, **changes)


class Scripted:
    """A channel that answers as it is told, in order, then `SENT`; `gate` holds its answers back."""

    name = "mail"
    idempotent = False
    parts_required: frozenset[str] = frozenset()
    parts_allowed: frozenset[str] = frozenset()

    def __init__(self, *answers: Receipt | Exception) -> None:
        self.answers = list(answers)
        self.sent: list[Message] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.called = asyncio.Event()
        self.most_at_once = self._at_once = 0

    async def send(self, message: Message) -> Receipt:
        self.sent.append(message)
        self.called.set()
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        await self.gate.wait()
        self._at_once -= 1
        answer = self.answers.pop(0) if self.answers else Receipt(Fate.SENT, provider_id="p1")
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        pass


class World:
    """A disk, a log of receipts and a dispatcher between them; `restart` is a crash: memory is gone, the disk stays."""

    def __init__(self, channel: Scripted, **ports: object) -> None:
        self.channel = channel
        self.clock = VirtualClock(START_US)
        self.disk: dict[bytes, bytes] = {}
        self.commits = 0
        self.receipts: dict[str, Event] = {}
        self.repeats = 0
        self.refusals: list[Exception] = []
        self.before_commit: Callable[[], Awaitable[None]] | None = None
        self.arrived = asyncio.Event()
        self.overrides = ports
        self.limits = DispatchLimits(page_rows=7)
        self.rates: dict[str, RateLimit] = {}
        self.meter = Counts()
        self.dispatcher = self._make()

    def _make(self) -> Dispatcher:
        parts: dict[str, object] = {
            "commit_rows": self.commit_rows,
            "submit": self.submit,
            "page": self.page,
            "recheck": lambda action, now_us: ALLOWED,
            "compose": self.compose,
            "contact_class": lambda purpose: purpose.split(".")[0],
            "paused": lambda action: "",
            "channels": {"mail": self.channel, "webhook": self.channel},
            "allow": AllowList(production=True),
            "retry": RetryPolicy(attempts_max=3),
        }
        ports = Ports(**{**parts, **self.overrides})  # type: ignore[arg-type]
        return Dispatcher(ports, self.clock, self.rates, self.limits, self.meter)

    async def commit_rows(self, rows: Sequence[tuple[bytes, bytes | None]]) -> None:
        if self.before_commit:
            await self.before_commit()
        self.commits += 1
        for key, value in rows:
            if value is None:
                self.disk.pop(key, None)
            else:
                self.disk[key] = value
        self.arrived.set()

    async def submit(self, told: Sequence[tuple[bytes, Event]]) -> None:
        if self.refusals:
            raise self.refusals.pop(0)
        for _, event in told:
            self.repeats += event.id in self.receipts
            self.receipts[event.id] = event
        self.arrived.set()

    async def page(self, after: bytes, limit: int) -> Sequence[tuple[bytes, bytes]]:
        await asyncio.sleep(0)
        return [(key, self.disk[key]) for key in sorted(self.disk) if key > after][:limit]

    def compose(self, action: Action, attempt: int, now_us: int) -> Message:
        who = {"recipient": action.recipient, "subject": action.subject.hex(), "journey": action.journey}
        return Message(action.effect.hex(), parts={}, headers={}, attempt=attempt, step=action.step, purpose=action.purpose, **who)

    def decide(self, *actions: Action) -> None:
        """What a shard does: commit the rows, then tell the dispatcher."""
        self.disk.update(pending_row(action) for action in actions)
        self.dispatcher.add(actions)

    def revoke(self, *actions: Action) -> None:
        self.disk.update(cancel_row(action.subject, action.effect) for action in actions)
        self.dispatcher.cancel((action.subject, action.effect) for action in actions)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for what commits and receipts bring about; a product that never gets there fails here."""
        async with asyncio.timeout(5):
            while not holds():
                self.arrived.clear()
                await self.arrived.wait()

    async def settled(self) -> None:
        assert await self.dispatcher.drain(5)
        assert self.dispatcher.fault is None

    async def crash(self) -> None:
        await self.dispatcher.stop(0)

    async def restart(self) -> None:
        await self.crash()
        self.dispatcher = self._make()
        await self.dispatcher.resume()

    def fates(self) -> list[str]:
        return sorted(event.type for event in self.receipts.values())

    def attempted(self, times: int) -> bool:
        rows = [decode_row(value) for value in self.disk.values()]
        return [(times, Status.PENDING)] == [(row.attempts, row.status) for row in rows]

    def statuses(self) -> list[str]:
        return sorted(decode_row(value).status.value for key, value in self.disk.items() if split_key(key)[0] != CANCEL)


def run(story: Awaitable[None]) -> None:
    async def whole() -> None:
        async with asyncio.timeout(20):
            await story

    asyncio.run(whole())
