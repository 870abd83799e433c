"""The control database: entries, checkpoints, the head, and records of any kind, in one SQLite file that several processes share.

This is the only file of the folder that knows the database. A write transaction takes the file's write lock when it begins
(`BEGIN IMMEDIATE`), so that what it reads stays true until it commits; a commit is on disk before it returns (`synchronous=FULL`).
Readers see one state and hinder nobody (WAL).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

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

_T = TypeVar("_T")


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
            self._told(self._make)
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

    def _make(self) -> None:
        with self._transaction(immediate=True) as session:
            _METADATA.create_all(session._connection)
            found = session.get(_FORMAT, "")
            if found is None:
                session.put(_FORMAT, "", str(FORMAT).encode())
            elif int(found) > FORMAT:
                raise LedgerNewer(f"{self.path} has format {int(found)}, this release reads up to {FORMAT}; start a newer release")

    def _told(self, act: Callable[[], _T]) -> _T:
        try:
            return act()
        except DatabaseError as fault:
            raise self._named(fault) from fault

    def _named(self, fault: DatabaseError) -> Exception:
        reason = str(fault.orig)
        if isinstance(fault, OperationalError) and ("locked" in reason or "busy" in reason):
            return LedgerBusy(self.path)
        if "full" in reason or "readonly" in reason or "read-only" in reason:
            return LedgerFull(f"{self.path}: {reason}; free space or make the folder writable, then try again; nothing was changed")
        return LedgerBroken(self.path, reason)


def _entry(row: Any) -> Entry:
    data = msgspec.json.decode(row.data, type=dict[str, Any])
    return Entry(row.sequence, row.at_us, row.actor, row.act, row.subject, data, row.previous, row.digest)


def _prepare(connection: Any, record: object) -> None:
    """Leave transactions to us, and have every commit on disk before it returns."""
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
