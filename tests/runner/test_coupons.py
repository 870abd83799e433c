"""Coupon codes: each issued once and to one effect key, whatever is killed, repeated or done at the same time."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from pilotage.channel.channel import Fate, Message
from pilotage.channel.coupons import COUPONS, Coupons, Pool
from pilotage.journey.outcome import Action
from pilotage.runner.coupons import CouponBook
from tests.runner.dispatch_world import Scripted, World, make

CODES = tuple(f"C{number:04d}" for number in range(150))
ASK = Message("ab" * 16, "", {"body": "{}"}, {}, 1, "cd" * 16, "j", "s", "", target="coupons/spring")


def book_of(folder: Path, codes: Sequence[str] = CODES, alarm: int = 2) -> CouponBook:
    book = CouponBook(folder)
    book.fill("spring", codes, alarm)
    return book


def test_codes_are_issued_in_the_order_of_their_file_once_for_each_key(tmp_path: Path) -> None:
    """The first code goes to the first key; a key that asks again gets its own code; when none is left there is none."""
    book = book_of(tmp_path, ("A", "B"))
    assert ["A", "A", "B", None, "B"] == [book.issue("spring", key, 1) for key in ("k1", "k1", "k2", "k3", "k2")]
    assert (Pool("spring", codes=2, issued=2, left=0, alarm=2, low=True),) == book.pools()
    assert 0o600 == book.path.stat().st_mode & 0o777


def test_a_changed_file_changes_what_is_left(tmp_path: Path) -> None:
    """New codes come behind those there are, codes that are not listed any more are not issued, and what was issued stays."""
    book = book_of(tmp_path, ("A", "B", "C"))
    assert "A" == book.issue("spring", "k1", 1)
    assert 1 == book.fill("spring", ("C", "D"), 1)
    assert ["C", "D", None, "A"] == [book.issue("spring", key, 1) for key in ("k2", "k3", "k4", "k1")]
    assert 0 == book.fill("spring", ("A", "C", "D"), 1)
    assert book.issue("spring", "k5", 1) is None


def test_a_pool_gives_nothing_of_another(tmp_path: Path) -> None:
    """Pools are apart, and a code that two list is in one of them only."""
    book = book_of(tmp_path, ("A", "B"))
    assert 1 == book.fill("autumn", ("B", "X"), 1)
    assert ["A", "X", "B", None] == [book.issue(pool, f"{pool}{n}", 1) for n, pool in enumerate(("spring", "autumn", "spring", "autumn"))]


ISSUER = """
import sys
from pathlib import Path
from pilotage.runner.coupons import CouponBook
book, name = CouponBook(Path(sys.argv[1])), sys.argv[2]
print("ready", flush=True)
sys.stdin.readline()
for number in range(10_000):
    key = f"{name}/{number}"
    code = book.issue("spring", key, number)
    if code is None:
        break
    print(key, code, flush=True)
"""


def test_processes_at_once_and_killed_issue_no_code_twice(tmp_path: Path) -> None:
    """Three processes issue from one pool and one is killed meanwhile: no code has two keys, every answer that was given stands in the
    book, and who asks again gets the same."""
    book_of(tmp_path)
    command = [sys.executable, "-c", ISSUER, str(tmp_path)]
    issuers = [subprocess.Popen([*command, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for name in ("a", "b", "c")]
    for issuer in issuers:
        assert issuer.stdout is not None and "ready\n" == issuer.stdout.readline()
    for issuer in issuers:
        assert issuer.stdin is not None
        issuer.stdin.write("go\n")
        issuer.stdin.flush()
    killed = issuers[0]
    assert killed.stdout is not None
    first = killed.stdout.readline()
    os.kill(killed.pid, signal.SIGKILL)
    said = [first, *(issuer.communicate(timeout=60)[0] for issuer in issuers)]
    given = [line.split() for line in "".join(said).splitlines() if "/" in line]
    codes = [code for _, code in given]
    assert len(set(codes)) == len(codes)
    book = CouponBook(tmp_path)
    assert all(book.issue("spring", key, 0) == code for key, code in given[:20])
    assert (0, len(CODES)) == (book.pools()[0].left, book.pools()[0].issued)
    assert len(CODES) - len(codes) <= 1  # the one whose answer was under way at the kill


@given(asked=st.lists(st.integers(0, 5), max_size=12), codes=st.integers(0, 4))
def test_any_order_of_asking_gives_each_key_one_code(tmp_path_factory: object, asked: list[int], codes: int) -> None:
    """Whoever asks, however often: one key one code, one code one key, and nobody goes without while codes are left."""
    folder = tmp_path_factory.mktemp("book")  # type: ignore[attr-defined]
    book = book_of(folder, CODES[:codes])
    got: dict[int, set[str | None]] = {}
    for key in asked:
        got.setdefault(key, set()).add(book.issue("spring", str(key), 0))
    assert all(1 == len(found) for found in got.values())
    issued = [code for found in got.values() for code in found if code is not None]
    assert len(set(issued)) == len(issued) == min(codes, len(got))


def channel_of(book: CouponBook) -> Coupons:
    return Coupons(lambda pool, effect: book.issue_soon(pool, effect, 1))


def test_the_channel_answers_with_the_code(tmp_path: Path) -> None:
    """The code is the call's answer; a pool without codes, and one that nobody knows, fail with the reason."""
    channel = channel_of(book_of(tmp_path, ("A",)))
    first = asyncio.run(channel.send(ASK))
    assert (Fate.SENT, {"code": "A"}) == (first.fate, first.body)
    assert first == asyncio.run(channel.send(ASK))
    none = asyncio.run(channel.send(msgspec.structs.replace(ASK, idempotency_key="ef" * 16)))
    assert (Fate.FAILED, "no code of spring is left") == (none.fate, none.reason)


def test_a_crash_between_issue_and_answer_gives_the_same_code(tmp_path: Path) -> None:
    """The process ends after a code was issued and before its answer was stored: the next asks with the same key and tells the same
    code, and no other is spent."""
    book = book_of(tmp_path, ("A", "B", "C"))

    async def story() -> None:
        channel = channel_of(book)

        def compose(action: Action, attempt: int, now_us: int) -> Message:
            return msgspec.structs.replace(ASK, idempotency_key=action.effect.hex(), target=action.target, attempt=attempt)

        world = World(Scripted(), channels={COUPONS: channel}, compose=compose)
        ask = make(1, kind="call", target="coupons/spring", content="", purpose="", recipient="")
        assert "A" == book.issue("spring", ask.effect.hex(), 1)  # as if the process had ended right after
        world.decide(ask)
        await world.until(lambda: bool(world.receipts))
        (event,) = world.receipts.values()
        assert "call.answered" == event.type
        assert b'{\\"code\\":\\"A\\"}' in event.data
        await world.settled()

    asyncio.run(story())
    assert (1, 2) == (book.pools()[0].issued, book.pools()[0].left)
