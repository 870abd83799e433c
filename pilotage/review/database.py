"""The control database: entries, checkpoints, the head, and records of any kind, in one SQLite file that several processes share.

This is the only file of the folder that knows the database, and it asks Python's own module: a layer above it takes longer to load than
an act of review may take. A write transaction takes the file's write lock when it begins
(`BEGIN IMMEDIATE`), so that what it reads stays true until it commits; a commit is on disk before it returns (`synchronous=FULL`).
Readers see one state and hinder nobody (WAL).
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from pilotage.audit.checkpoint import Checkpoint
from pilotage.audit.entry import Entry

FORMAT = 1
"""The format of the databases this release makes and the newest it opens."""
BUSY_S = 30.0
"""How long a transaction waits for another process's to end."""


class LedgerBroken(RuntimeError):
    """The control database cannot be read. Restore it from a backup; nothing was changed."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} cannot be read ({reason}); restore it from a backup; nothing was changed")


class LedgerNewer(RuntimeError):
    """The control database was written by a newer release. Start that release or a newer one; nothing was changed."""


class LedgerBusy(RuntimeError):
    """Other processes kept the control database to themselves. Try again; nothing was changed."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} was not free for {BUSY_S:.0f} s; try again; nothing was changed")


class LedgerFull(OSError):
    """The disk takes no writes. Free space and try again; nothing was changed."""


class _Unreadable(ValueError):
    """A row is not what the ledger wrote."""


_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS entries (
        sequence INTEGER NOT NULL PRIMARY KEY, at_us BIGINT NOT NULL, actor TEXT NOT NULL, act TEXT NOT NULL, subject TEXT NOT NULL,
        data TEXT NOT NULL, previous TEXT NOT NULL, digest TEXT NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS ix_entries_actor ON entries (actor)",
    "CREATE INDEX IF NOT EXISTS ix_entries_act ON entries (act)",
    "CREATE INDEX IF NOT EXISTS ix_entries_subject ON entries (subject)",
    "CREATE TABLE IF NOT EXISTS checkpoints (number INTEGER NOT NULL PRIMARY KEY, sequence INTEGER NOT NULL, body TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS ix_checkpoints_sequence ON checkpoints (sequence)",
    "CREATE TABLE IF NOT EXISTS records (kind TEXT NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (kind, name))",
)
_COLUMNS = "sequence, at_us, actor, act, subject, data, previous, digest"
_Row = tuple[Any, ...]
_HEAD, _FORMAT = "ledger.head", "ledger.format"
"""Kinds of records that are the ledger's own."""


class Session:
    """What can be read and written inside one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def last_entry(self) -> Entry | None:
        """The newest entry."""
        row = self._one(f"SELECT {_COLUMNS} FROM entries ORDER BY sequence DESC LIMIT 1")
        return _entry(row) if row is not None else None

    def add_entry(self, entry: Entry, data: bytes) -> None:
        """Store an entry, whose data are these canonical bytes."""
        values = (entry.sequence, entry.at_us, entry.actor, entry.act, entry.subject, data.decode(), entry.previous, entry.digest)
        self._connection.execute(f"INSERT INTO entries ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)

    def entries(
        self,
        start: int = 1,
        *,
        actor: str = "",
        act: str = "",
        subject: str = "",
        since_us: int | None = None,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> Iterator[Entry]:
        """Entries from a sequence on (back from it with `newest_first`), in order; those of an actor, an act or a kind of acts
        (`switch.` for all that begin so), a subject (likewise), since an instant."""
        wanted = ["sequence <= ?" if newest_first else "sequence >= ?"]
        values: list[str | int] = [start]
        for name, value in (("actor", actor), ("act", act), ("subject", subject)):
            if value and name != "actor" and value.endswith((".", ":")):
                wanted.append(f"{name} >= ? AND {name} < ?")
                values += (value, value[:-1] + chr(ord(value[-1]) + 1))
            elif value:
                wanted.append(f"{name} = ?")
                values.append(value)
        if since_us is not None:
            wanted.append("at_us >= ?")
            values.append(since_us)
        order = "sequence DESC" if newest_first else "sequence"
        query = f"SELECT {_COLUMNS} FROM entries WHERE {' AND '.join(wanted)} ORDER BY {order} LIMIT ?"
        return map(_entry, self._connection.execute(query, (*values, -1 if limit is None else limit)))

    def last_checkpoint(self) -> Checkpoint | None:
        """The newest checkpoint."""
        row = self._one("SELECT body FROM checkpoints ORDER BY number DESC LIMIT 1")
        return msgspec.json.decode(row[0], type=Checkpoint) if row is not None else None

    def checkpoints(self) -> list[Checkpoint]:
        """All checkpoints, the oldest first."""
        rows = self._connection.execute("SELECT body FROM checkpoints ORDER BY number")
        return [msgspec.json.decode(body, type=Checkpoint) for (body,) in rows]

    def add_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Store a checkpoint."""
        values = (checkpoint.sequence, msgspec.json.encode(checkpoint).decode())
        self._connection.execute("INSERT INTO checkpoints (sequence, body) VALUES (?, ?)", values)

    def every(self) -> Iterator[Entry | Checkpoint]:
        """Everything the verifier takes, in its order: entries, each followed by the checkpoints over it, and the head. What cannot be
        read is given as something that does not verify."""
        rows = self._connection.execute("SELECT sequence, body FROM checkpoints ORDER BY number")
        checkpoints = [_checkpoint(sequence, body) for sequence, body in rows]
        at = last = 0
        for row in self._connection.execute(f"SELECT {_COLUMNS} FROM entries ORDER BY sequence"):
            while at < len(checkpoints) and checkpoints[at].sequence < row[0]:
                yield checkpoints[at]
                at += 1
            last = row[0]
            yield _entry_or_none(row) or Entry(last, 0, "", "", "", {}, "", "")
        yield from checkpoints[at:]
        body = self.get(_HEAD, "")
        if body is not None:
            yield msgspec.structs.replace(_checkpoint(last, body), standing="head")

    def head(self) -> Checkpoint | None:
        """The signed head."""
        body = self.get(_HEAD, "")
        return msgspec.json.decode(body, type=Checkpoint) if body is not None else None

    def set_head(self, head: Checkpoint) -> None:
        """Put a head in the place of the one before."""
        self.put(_HEAD, "", msgspec.json.encode(head))

    def put(self, kind: str, name: str, body: bytes) -> None:
        """Store a record under a kind and a name, in the place of what was there."""
        self._connection.execute("INSERT OR REPLACE INTO records (kind, name, body) VALUES (?, ?, ?)", (kind, name, body))

    def get(self, kind: str, name: str) -> bytes | None:
        """The record of a kind and a name."""
        row = self._one("SELECT body FROM records WHERE kind = ? AND name = ?", kind, name)
        return row[0] if row is not None else None

    def remove(self, kind: str, name: str) -> None:
        """Remove a record, if it is there."""
        self._connection.execute("DELETE FROM records WHERE kind = ? AND name = ?", (kind, name))

    def records(self, kind: str) -> list[tuple[str, bytes]]:
        """All records of a kind with their names, in the order of names."""
        return list(self._connection.execute("SELECT name, body FROM records WHERE kind = ? ORDER BY name", (kind,)))

    def make(self) -> None:
        """Make the tables, where they are not there yet."""
        for statement in _SCHEMA:
            self._connection.execute(statement)

    def made(self) -> bool:
        """Whether the tables are there."""
        return self._one("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'records'") is not None

    def _one(self, query: str, *values: str | int) -> _Row | None:
        row: _Row | None = self._connection.execute(query, values).fetchone()
        return row


class Database:
    """The database of a file, which is made where there is none. Safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        try:
            self._make()
        except BaseException:
            self.close()
            raise

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that may write: nobody else writes until it ends, and all of it is kept, or on any exception nothing."""
        with self._transaction(immediate=True) as session:
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that sees one state throughout."""
        with self._transaction(immediate=False) as session:
            yield session

    def close(self) -> None:
        """Let go of the file."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _transaction(self, immediate: bool) -> Iterator[Session]:
        try:
            connection = self._idle.pop() if self._idle else self._connect()
            try:
                connection.execute("BEGIN IMMEDIATE" if immediate else "BEGIN")
                yield Session(connection)
                connection.execute("COMMIT")
            except BaseException:
                connection.close()  # which rolls back
                raise
            if self._closed:
                connection.close()
            else:
                self._idle.append(connection)
        except sqlite3.DatabaseError as fault:
            raise self._named(fault) from fault
        except _Unreadable as fault:
            raise LedgerBroken(self.path, str(fault)) from fault

    def _connect(self) -> sqlite3.Connection:
        """One more connection: several threads may each be in a transaction. Every commit is on disk before it returns."""
        connection = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            for pragma in ("journal_mode=WAL", "synchronous=FULL"):
                connection.execute(f"PRAGMA {pragma}").close()
        except BaseException:
            connection.close()
            raise
        return connection

    def _make(self) -> None:
        with self._transaction(immediate=False) as session:
            if session.made():
                self._check_format(session)
                return
        with self._transaction(immediate=True) as session:
            session.make()
            if session.get(_FORMAT, "") is None:
                session.put(_FORMAT, "", str(FORMAT).encode())
            self._check_format(session)

    def _check_format(self, session: Session) -> None:
        found = session.get(_FORMAT, "") or b"?"
        if not found.isdigit():
            raise LedgerBroken(self.path, "it does not say which format it has")
        if int(found) > FORMAT:
            raise LedgerNewer(f"{self.path} has format {int(found)}, this release reads up to {FORMAT}; start a newer release")

    def _named(self, fault: sqlite3.DatabaseError) -> Exception:
        reason = str(fault)
        if isinstance(fault, sqlite3.OperationalError) and ("locked" in reason or "busy" in reason):
            return LedgerBusy(self.path)
        if "full" in reason or "readonly" in reason or "read-only" in reason:
            return LedgerFull(f"{self.path}: {reason}; free space or make the folder writable, then try again; nothing was changed")
        return LedgerBroken(self.path, reason)


def _entry(row: _Row) -> Entry:
    entry = _entry_or_none(row)
    if entry is None:
        raise _Unreadable(f"entry {row[0]} is not one")
    return entry


def _entry_or_none(row: _Row) -> Entry | None:
    """The entry of a row; None where something in it has another type, which SQLite does not prevent."""
    try:
        fields = (*row[:5], msgspec.json.decode(row[5]), *row[6:])
        return msgspec.convert(dict(zip(Entry.__struct_fields__, fields, strict=True)), Entry)
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError):
        return None


def _checkpoint(sequence: int, body: str | bytes) -> Checkpoint:
    """A stored checkpoint; one that nobody signed where it cannot be read."""
    try:
        return msgspec.json.decode(body, type=Checkpoint)
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError):
        return Checkpoint(sequence, "", 0, "", "", "")
