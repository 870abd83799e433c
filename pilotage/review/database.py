"""The control database: entries, checkpoints, the head, and records of any kind, in one SQLite file that several processes share.

This is the only file of the folder that knows the database. A write transaction takes the file's write lock when it begins
(`BEGIN IMMEDIATE`), so that what it reads stays true until it commits; a commit is on disk before it returns (`synchronous=FULL`).
Readers see one state and hinder nobody (WAL).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sql
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import DatabaseError, OperationalError

from pilotage.audit.checkpoint import Checkpoint
from pilotage.audit.entry import Entry

FORMAT = 1
"""The format of the databases this release makes and the newest it opens."""
BUSY_S = 30.0
"""How long a transaction waits for another process's to end."""
PAGE = 2_000


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


_METADATA = sql.MetaData()
_ENTRIES = sql.Table(
    "entries",
    _METADATA,
    sql.Column("sequence", sql.Integer, primary_key=True, autoincrement=False),
    sql.Column("at_us", sql.BigInteger, nullable=False),
    sql.Column("actor", sql.Text, nullable=False, index=True),
    sql.Column("act", sql.Text, nullable=False, index=True),
    sql.Column("subject", sql.Text, nullable=False, index=True),
    sql.Column("data", sql.Text, nullable=False),
    sql.Column("previous", sql.Text, nullable=False),
    sql.Column("digest", sql.Text, nullable=False),
)
_CHECKPOINTS = sql.Table(
    "checkpoints",
    _METADATA,
    sql.Column("number", sql.Integer, primary_key=True),
    sql.Column("sequence", sql.Integer, nullable=False, index=True),
    sql.Column("body", sql.Text, nullable=False),
)
_RECORDS = sql.Table(
    "records",
    _METADATA,
    sql.Column("kind", sql.Text, primary_key=True),
    sql.Column("name", sql.Text, primary_key=True),
    sql.Column("body", sql.LargeBinary, nullable=False),
)
_HEAD, _FORMAT = "ledger.head", "ledger.format"
"""Kinds of records that are the ledger's own."""


class Session:
    """What can be read and written inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def last_entry(self) -> Entry | None:
        """The newest entry."""
        row = self._connection.execute(sql.select(_ENTRIES).order_by(_ENTRIES.c.sequence.desc()).limit(1)).one_or_none()
        return _entry(row) if row is not None else None

    def add_entry(self, entry: Entry, data: bytes) -> None:
        """Store an entry, whose data are these canonical bytes."""
        values = {**msgspec.structs.asdict(entry), "data": data.decode()}
        self._connection.execute(_ENTRIES.insert(), values)

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
        column = _ENTRIES.c.sequence
        query = sql.select(_ENTRIES).where(column <= start if newest_first else column >= start)
        query = query.order_by(column.desc() if newest_first else column)
        if actor:
            query = query.where(_ENTRIES.c.actor == actor)
        for wanted, named in ((act, _ENTRIES.c.act), (subject, _ENTRIES.c.subject)):
            if wanted:
                query = query.where(named.startswith(wanted, autoescape=True) if wanted.endswith((".", ":")) else named == wanted)
        if since_us is not None:
            query = query.where(_ENTRIES.c.at_us >= since_us)
        rows = self._connection.execution_options(yield_per=PAGE).execute(query.limit(limit) if limit is not None else query)
        return map(_entry, rows)

    def last_checkpoint(self) -> Checkpoint | None:
        """The newest checkpoint."""
        body = self._connection.execute(sql.select(_CHECKPOINTS.c.body).order_by(_CHECKPOINTS.c.number.desc()).limit(1)).scalar()
        return msgspec.json.decode(body, type=Checkpoint) if body is not None else None

    def checkpoints(self) -> list[Checkpoint]:
        """All checkpoints, the oldest first."""
        rows = self._connection.execute(sql.select(_CHECKPOINTS.c.body).order_by(_CHECKPOINTS.c.number))
        return [msgspec.json.decode(body, type=Checkpoint) for (body,) in rows]

    def add_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Store a checkpoint."""
        values = {"sequence": checkpoint.sequence, "body": msgspec.json.encode(checkpoint).decode()}
        self._connection.execute(_CHECKPOINTS.insert(), values)

    def every(self) -> Iterator[Entry | Checkpoint]:
        """Everything the verifier takes, in its order: entries, each followed by the checkpoints over it, and the head. What cannot be
        read is given as something that does not verify."""
        rows = self._connection.execute(sql.select(_CHECKPOINTS.c.sequence, _CHECKPOINTS.c.body).order_by(_CHECKPOINTS.c.number))
        checkpoints = [_checkpoint(sequence, body) for sequence, body in rows]
        at = last = 0
        entries = sql.select(_ENTRIES).order_by(_ENTRIES.c.sequence)
        for row in self._connection.execution_options(yield_per=PAGE).execute(entries):
            while at < len(checkpoints) and checkpoints[at].sequence < row.sequence:
                yield checkpoints[at]
                at += 1
            last = row.sequence
            yield _entry_or_none(row) or Entry(row.sequence, 0, "", "", "", {}, "", "")
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
        self.remove(kind, name)
        self._connection.execute(_RECORDS.insert(), {"kind": kind, "name": name, "body": body})

    def get(self, kind: str, name: str) -> bytes | None:
        """The record of a kind and a name."""
        query = sql.select(_RECORDS.c.body).where(_RECORDS.c.kind == kind, _RECORDS.c.name == name)
        body: bytes | None = self._connection.execute(query).scalar()
        return body

    def remove(self, kind: str, name: str) -> None:
        """Remove a record, if it is there."""
        self._connection.execute(_RECORDS.delete().where(_RECORDS.c.kind == kind, _RECORDS.c.name == name))

    def records(self, kind: str) -> list[tuple[str, bytes]]:
        """All records of a kind with their names, in the order of names."""
        query = sql.select(_RECORDS.c.name, _RECORDS.c.body).where(_RECORDS.c.kind == kind).order_by(_RECORDS.c.name)
        return [(name, body) for name, body in self._connection.execute(query)]


class Database:
    """The database of a file, which is made where there is none. Safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._engine = sql.create_engine(URL.create("sqlite+pysqlite", database=str(path)), connect_args={"timeout": BUSY_S})
        event.listen(self._engine, "connect", _prepare)
        event.listen(self._engine, "begin", _begin)
        try:
            self._make()
        except BaseException:
            self._engine.dispose()
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
        self._engine.dispose()

    @contextmanager
    def _transaction(self, immediate: bool) -> Iterator[Session]:
        try:
            with self._engine.connect().execution_options(immediate=immediate) as connection, connection.begin():
                yield Session(connection)
        except DatabaseError as fault:
            raise self._named(fault) from fault
        except _Unreadable as fault:
            raise LedgerBroken(self.path, str(fault)) from fault

    def _make(self) -> None:
        with self._transaction(immediate=False) as session:
            if sql.inspect(session._connection).has_table(_RECORDS.name):
                self._check_format(session)
                return
        with self._transaction(immediate=True) as session:
            _METADATA.create_all(session._connection)
            if session.get(_FORMAT, "") is None:
                session.put(_FORMAT, "", str(FORMAT).encode())
            self._check_format(session)

    def _check_format(self, session: Session) -> None:
        found = session.get(_FORMAT, "") or b"?"
        if not found.isdigit():
            raise LedgerBroken(self.path, "it does not say which format it has")
        if int(found) > FORMAT:
            raise LedgerNewer(f"{self.path} has format {int(found)}, this release reads up to {FORMAT}; start a newer release")

    def _named(self, fault: DatabaseError) -> Exception:
        reason = str(fault.orig)
        if isinstance(fault, OperationalError) and ("locked" in reason or "busy" in reason):
            return LedgerBusy(self.path)
        if "full" in reason or "readonly" in reason or "read-only" in reason:
            return LedgerFull(f"{self.path}: {reason}; free space or make the folder writable, then try again; nothing was changed")
        return LedgerBroken(self.path, reason)


def _entry(row: Any) -> Entry:
    entry = _entry_or_none(row)
    if entry is None:
        raise _Unreadable(f"entry {row.sequence} is not one")
    return entry


def _entry_or_none(row: Any) -> Entry | None:
    """The entry of a row; None where something in it has another type, which SQLite does not prevent."""
    try:
        fields = (row.sequence, row.at_us, row.actor, row.act, row.subject, msgspec.json.decode(row.data), row.previous, row.digest)
        return msgspec.convert(dict(zip(Entry.__struct_fields__, fields, strict=True)), Entry)
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError):
        return None


def _checkpoint(sequence: int, body: str | bytes) -> Checkpoint:
    """A stored checkpoint; one that nobody signed where it cannot be read."""
    try:
        return msgspec.json.decode(body, type=Checkpoint)
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError):
        return Checkpoint(sequence, "", 0, "", "", "")


def _prepare(connection: Any, record: object) -> None:
    """Leave transactions to us, and have every commit on disk before it returns."""
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
