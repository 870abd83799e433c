"""The ledger: every act of a person and of the system, in one database that the command line and a running system share.

An entry and the records that it is about are committed in one transaction, so that a crash leaves both or neither. With every
transaction the head is signed anew, and a checkpoint with every thousandth entry. The ledger lies in `control/` of the data folder.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from pilotage.audit.canonical import canonical
from pilotage.audit.checkpoint import EVERY, Checkpoint, is_signed, make_checkpoint
from pilotage.audit.entry import Entry, chained
from pilotage.audit.keys import BEGUN
from pilotage.audit.signature import Signer
from pilotage.review.database import Database, LedgerBroken, Session

DATABASE_FILE = "control.db"
SYSTEM = "system:"
"""How an actor that is a part of the system begins; everybody else is a person."""

_T = TypeVar("_T")


class OtherKey(RuntimeError):
    """The ledger was begun with another key than the installation has now. Restore the key it was begun with; nothing was changed."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} was begun with another key than installation.key beside it holds; restore both from one backup; nothing was changed"
        )


class Transaction:
    """What one transaction reads and adds. `append` makes entries; `put`, `get`, `all` and `remove` keep records of any Struct under
    a kind and a name. Everything is kept together, or nothing."""

    def __init__(self, session: Session, last: Entry | None, now_us: Callable[[], int]) -> None:
        self._session = session
        self._last = last
        self._now_us = now_us
        self.appended: list[Entry] = []

    @property
    def last(self) -> Entry | None:
        """The newest entry."""
        return self._last

    def append(self, actor: str, act: str, subject: str, data: dict[str, Any]) -> Entry:
        """Add an entry; `EntryRefused` where it names nobody or its data are not JSON."""
        entry = chained(self._last, self._now_us(), actor, act, subject, data)
        self._session.add_entry(entry, canonical(entry.data))
        self._last = entry
        self.appended.append(entry)
        return entry

    def entries(self, act: str) -> list[Entry]:
        """All entries of an act, or of a kind of acts (`release.` for all that begin so), with those of this transaction."""
        return list(self._session.entries(act=act))

    def put(self, kind: str, name: str, record: msgspec.Struct) -> None:
        """Keep a record, in the place of the one of that kind and name."""
        self._session.put(kind, name, msgspec.json.encode(record))

    def get(self, kind: str, name: str, type: type[_T]) -> _T | None:
        """The record of a kind and a name, or None."""
        body = self._session.get(kind, name)
        return msgspec.json.decode(body, type=type) if body is not None else None

    def all(self, kind: str, type: type[_T]) -> list[_T]:
        """All records of a kind, in the order of their names."""
        return [msgspec.json.decode(body, type=type) for _, body in self._session.records(kind)]

    def remove(self, kind: str, name: str) -> None:
        """Remove a record, if it is there."""
        self._session.remove(kind, name)


class Ledger:
    """The ledger in a folder. `now_us` is asked for the time of each entry; `signer` holds the installation's key.

    Several processes and threads may append at once: each waits for the others' transactions to end."""

    def __init__(self, folder: Path, signer: Signer, now_us: Callable[[], int]) -> None:
        self.path = folder / DATABASE_FILE
        self.signer = signer
        self._now_us = now_us
        self._database = Database(self.path)
        try:
            self._begin()
        except BaseException:
            self._database.close()
            raise

    def append(self, actor: str, act: str, subject: str, data: dict[str, Any]) -> Entry:
        """Add one entry; it is on disk when this returns."""
        with self.transaction() as transaction:
            return transaction.append(actor, act, subject, data)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Several entries and records in one step: on any exception nothing of it is kept."""
        with self._database.write() as session:
            transaction = Transaction(session, self._whole(session), self._now_us)
            yield transaction
            self._sign(session, transaction.appended)

    def read(self, from_sequence: int = 1) -> Iterator[Entry]:
        """All entries from a sequence on, as they are when this is first asked."""
        with self._database.read() as session:
            yield from session.entries(from_sequence)

    @contextmanager
    def view(self) -> Iterator[Session]:
        """One state of everything, to be read: entries by filters, checkpoints, the head, records."""
        with self._database.read() as session:
            yield session

    def checkpoint(self) -> Checkpoint:
        """A checkpoint over the last entry: a new one, or the one that is over it already."""
        with self._database.write() as session:
            last, before = self._whole(session), session.last_checkpoint()
            if before is not None and before.sequence == last.sequence:
                return before
            made = make_checkpoint(self.signer, last.sequence, last.digest, max(last.at_us, self._now_us()), before)
            session.add_checkpoint(made)
            session.set_head(make_checkpoint(self.signer, last.sequence, last.digest, made.at_us, made, "head"))
            return made

    def records(self) -> Iterator[Entry | Checkpoint]:
        """Entries, each followed by the checkpoints over it, and the head: what the verifier takes."""
        with self._database.read() as session:
            yield from session.every()

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def _begin(self) -> None:
        with self._database.write() as session:
            first = next(session.entries(limit=1), None)
            if first is None:
                if session.head() is not None:
                    raise LedgerBroken(self.path, "it has no entries any more")
                transaction = Transaction(session, None, self._now_us)
                transaction.append(f"{SYSTEM}ledger", BEGUN, "ledger", {"public_key": self.signer.public_key})
                self._sign(session, transaction.appended)
            elif first.data.get("public_key") != self.signer.public_key:
                raise OtherKey(self.path)

    def _whole(self, session: Session) -> Entry:
        """The last entry, where the signed head is over it: nothing is added to a ledger whose end was cut off or changed."""
        last, head = session.last_entry(), session.head()
        if last is None or head is None or (last.sequence, last.digest) != (head.sequence, head.digest):
            raise LedgerBroken(self.path, f"its signed head is not over its last entry, {last.sequence if last else 'which is missing'}")
        if head.public_key != self.signer.public_key or not is_signed(head):
            raise LedgerBroken(self.path, "its head is not signed with the installation's key")
        return last

    def _sign(self, session: Session, appended: list[Entry]) -> None:
        """Sign the checkpoints that are due, and the head."""
        if not appended:
            return
        before = session.last_checkpoint()
        for entry in appended:
            if entry.sequence % EVERY == 0:
                before = make_checkpoint(self.signer, entry.sequence, entry.digest, entry.at_us, before)
                session.add_checkpoint(before)
        last = appended[-1]
        session.set_head(make_checkpoint(self.signer, last.sequence, last.digest, last.at_us, before, "head"))
