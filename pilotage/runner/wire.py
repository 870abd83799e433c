"""What the front and its worker processes say to each other: length-prefixed MessagePack frames over a socket pair.

Many requests are in flight at once, each with a number that its reply repeats; replies come in any order. Frames are
gathered while the socket is busy, so a burst of small requests costs few system calls.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from pilotage.runner.arrival import Arrival, Result
from pilotage.runner.ticket import Answers

EXIT_FAULT = 70
"""The exit code after a fault of the software itself (sysexits: EX_SOFTWARE)."""
EXIT_STORE_FULL = 74
"""The exit code when the disk takes no writes (EX_IOERR): free space or make the folder writable, then start again."""
EXIT_BUSY = 75
"""The exit code when another process still holds a store (EX_TEMPFAIL): try again in a moment."""

FRAME_BYTES_MAX = 256 * 1024 * 1024
"""A longer frame can only be damage."""


class Submit(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """Apply arrivals, by shard number."""

    work: dict[int, list[Arrival]]
    urgent: bool = False


class Ask(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """Answer a question (see `question`), encoded."""

    question: bytes


class Assignment(msgspec.Struct, frozen=True, array_like=True, tag=4):
    """The first frame a worker gets: the data folder, the shards to own, and who equips it. `equip` is `module:function`,
    called with this assignment to give the worker's `Equipment`; `settings` are the function's own."""

    folder: str
    numbers: tuple[int, ...]
    equip: str
    settings: bytes = b""


class Stop(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """Finish what was taken, then end."""


class Delivered(msgspec.Struct, frozen=True, array_like=True, tag=5):
    """What a worker asked to have delivered under this number is durable, or why it may not be."""

    refusal: str = ""


class Ready(msgspec.Struct, frozen=True, array_like=True, tag=11):
    """The worker's first frame: its shards have recovered. `took_s` is how long that took."""

    took_s: float


Odd = tuple[bool, tuple[str, str, str] | None]
"""What sets a result apart from most: whether it is a duplicate, and the kernel's refusal (reason, path, cure), or None."""


class Verdicts(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The results of one shard as they travel: the position of each, and by its place what is odd about the few that are."""

    positions: list[int]
    odd: dict[int, Odd] = {}


class KernelRefused(Exception):
    """The kernel of another process refused an event, and why; the event is to be quarantined."""

    def __init__(self, reason: str, path: str, cure: str) -> None:
        super().__init__(reason)
        self.path = path
        self.cure = cure


class Applied(msgspec.Struct, frozen=True, array_like=True, tag=12):
    """All arrivals of a `Submit` are durable; their results by shard number."""

    answers: dict[int, Verdicts]


class Answered(msgspec.Struct, frozen=True, array_like=True, tag=13):
    """The answer to an `Ask`, encoded."""

    answer: bytes


class Refused(msgspec.Struct, frozen=True, array_like=True, tag=14):
    """Nothing was applied, or nothing is known to be: `retry_after_s` above 0 means too much was waiting."""

    reason: str
    retry_after_s: float = 0.0


class Failed(msgspec.Struct, frozen=True, array_like=True, tag=15):
    """The worker is about to exit with `code`, and why."""

    reason: str
    code: int


class Deliver(msgspec.Struct, frozen=True, array_like=True, tag=16):
    """Bring arrivals that subjects of a worker's shards handed over to whoever owns their shards; numbered by the worker."""

    work: dict[int, list[Arrival]]


Request = Submit | Ask | Stop | Assignment | Delivered
Reply = Ready | Applied | Answered | Refused | Failed | Deliver


class Frame(msgspec.Struct, frozen=True, array_like=True):
    """A numbered request or reply; 0 for what nobody asked for."""

    number: int
    body: Submit | Ask | Stop | Assignment | Delivered | Ready | Applied | Answered | Refused | Failed | Deliver


class WireBroken(ConnectionError):
    """The other process sent what is no frame, or is gone. Its supervisor starts it again; send what was unanswered again."""


def verdicts(answers: Answers) -> dict[int, Verdicts]:
    """Results, ready to travel."""
    return {number: Verdicts([each.position for each in results], _odd(results)) for number, results in answers.items()}


def results(verdicts: dict[int, Verdicts]) -> Answers:
    """Results that have travelled."""
    answers = {number: list(map(Result, found.positions)) for number, found in verdicts.items()}
    for number, found in verdicts.items():
        for place, (duplicate, fault) in found.odd.items():
            answers[number][place] = Result(found.positions[place], duplicate, KernelRefused(*fault) if fault else None)
    return answers


def _odd(results: Sequence[Result]) -> dict[int, Odd]:
    return {place: (each.duplicate, _fault(each)) for place, each in enumerate(results) if each.duplicate or each.error is not None}


def _fault(result: Result) -> tuple[str, str, str] | None:
    error = result.error
    if error is None:
        return None
    return str(error) or type(error).__name__, str(getattr(error, "path", "$")), str(getattr(error, "cure", ""))


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Frame)


class Wire:
    """One end of a connection. `on_frame` is called for each frame on the loop's thread; `closed` resolves when the other
    end is gone."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, on_frame: Callable[[Frame], None]) -> None:
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reader = reader
        self._writer = writer
        self._on_frame = on_frame
        self._task = asyncio.create_task(self._read(), name="wire")

    def send(self, number: int, body: Request | Reply) -> int:
        """Queue a frame; what the socket cannot take yet waits in memory, bounded by the callers' own limits. Returns its size in
        bytes."""
        if self._writer.is_closing():
            raise WireBroken("the other process is gone")
        raw = _encoder.encode(Frame(number, body))
        self._writer.write(len(raw).to_bytes(4, "big") + raw)
        return len(raw)

    def drained(self) -> Awaitable[None]:
        """Return when the socket has taken most of what was queued."""
        return self._writer.drain()

    async def close(self) -> None:
        """Let go of the socket."""
        self._writer.close()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._end()

    async def _read(self) -> None:
        try:
            while True:
                size = int.from_bytes(await self._reader.readexactly(4), "big")
                if size > FRAME_BYTES_MAX:
                    raise WireBroken(f"a frame of {size} bytes was announced; at most {FRAME_BYTES_MAX} are sent")
                self._on_frame(_decoder.decode(await self._reader.readexactly(size)))
        except (asyncio.IncompleteReadError, ConnectionError):
            self._writer.close()
        finally:
            self._end()

    def _end(self) -> None:
        if not self.closed.done():
            self.closed.set_result(None)


async def open_wire(end: socket.socket, on_frame: Callable[[Frame], None]) -> Wire:
    """A wire over one end of a connected socket."""
    reader, writer = await asyncio.open_connection(sock=end, limit=1 << 20)
    return Wire(reader, writer, on_frame)
