"""The book of codes: which codes there are, and to which effect key each was issued.

One SQLite file of the data folder, shared by all worker processes. A code is issued in one transaction that is on disk before the
answer leaves; an effect key that has a code keeps it, and no code has two. Codes that no file lists any more are not issued; those
that were issued stay in the book.
"""

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import structlog

from pilotage.channel.coupons import Pool

BOOK_FILE = "coupons.sqlite3"
BUSY_S = 30.0
"""How long one process waits for another's transaction."""

log = structlog.get_logger("pilotage.coupons")

_TABLES = """
CREATE TABLE IF NOT EXISTS pool (name TEXT PRIMARY KEY, alarm INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS code (
  number INTEGER PRIMARY KEY, pool TEXT NOT NULL, code TEXT NOT NULL UNIQUE, effect TEXT UNIQUE, issued_us INTEGER
);
CREATE INDEX IF NOT EXISTS open_codes ON code (pool, number) WHERE effect IS NULL;
"""

_COUNTED = """
SELECT name, alarm, count(code.number), count(code.effect) FROM pool LEFT JOIN code ON code.pool = name GROUP BY name ORDER BY name
"""


class CouponBook:
    """The book of a data folder. Every call is a transaction of its own, in whichever process."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / BOOK_FILE

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that is on disk when it has ended, or has changed nothing."""
        if not self.path.exists():
            self.path.touch(mode=0o600)  # codes are worth money
        with closing(sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None)) as book:
            book.execute("PRAGMA journal_mode = WAL")
            book.execute("PRAGMA synchronous = FULL")
            book.executescript(_TABLES)
            book.execute("BEGIN IMMEDIATE")
            try:
                yield book
            except BaseException:
                book.execute("ROLLBACK")
                raise
            book.execute("COMMIT")

    def fill(self, pool: str, codes: Sequence[str], alarm: int) -> int:
        """Have the pool issue these codes, in their order, and no others any more; how many are new."""
        with self._writing() as book:
            book.execute("INSERT INTO pool VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET alarm = excluded.alarm", (pool, alarm))
            book.execute("CREATE TEMP TABLE listed (code TEXT PRIMARY KEY)")
            book.executemany("INSERT OR IGNORE INTO listed VALUES (?)", ((code,) for code in codes))
            book.execute("DELETE FROM code WHERE pool = ? AND effect IS NULL AND code NOT IN (SELECT code FROM listed)", (pool,))
            before = book.total_changes
            book.executemany("INSERT OR IGNORE INTO code (pool, code) VALUES (?, ?)", ((pool, code) for code in codes))
            return book.total_changes - before

    def issue(self, pool: str, effect: str, now_us: int) -> str | None:
        """The code of an effect key: the one that it has, or the pool's next; None where none is left."""
        with self._writing() as book:
            known = book.execute("SELECT code FROM code WHERE effect = ?", (effect,)).fetchone()
            if known is not None:
                return str(known[0])
            found = book.execute(
                "SELECT number, code FROM code WHERE pool = ? AND effect IS NULL ORDER BY number LIMIT 1", (pool,)
            ).fetchone()
            if found is None:
                return None
            book.execute("UPDATE code SET effect = ?, issued_us = ? WHERE number = ?", (effect, now_us, found[0]))
            (left,) = book.execute("SELECT count(*) FROM code WHERE pool = ? AND effect IS NULL", (pool,)).fetchone()
            (alarm,) = book.execute("SELECT alarm FROM pool WHERE name = ?", (pool,)).fetchone()
        if left in (alarm - 1, 0):
            log.warning("coupons run out", pool=pool, left=left)
        return str(found[1])

    async def issue_soon(self, pool: str, effect: str, now_us: int) -> str | None:
        """`issue`, beside the event loop: it waits for the disk."""
        return await asyncio.to_thread(self.issue, pool, effect, now_us)

    def pools(self) -> tuple[Pool, ...]:
        """Every pool there ever was, by name."""
        if not self.path.exists():
            return ()
        with self._writing() as book:
            rows = book.execute(_COUNTED).fetchall()
        return tuple(Pool(name, codes, issued, codes - issued, alarm, codes - issued < alarm) for name, alarm, codes, issued in rows)
