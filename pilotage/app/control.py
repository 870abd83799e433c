"""Where the ledger lies, and the installation's key: `control/` of the data folder, for the command line and a running system alike.

`control.db` holds the ledger and what is reviewed, `installation.key` the private key that signs checkpoints, readable by its
owner alone, `installation.pub` the public one. The key is made at first use. Once the public one stands there, a missing database or key
is refused: making another would begin another ledger as if nothing had been.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pilotage.audit.signature import BadKey, Signer, new_signer, signer_of
from pilotage.review.database import Database
from pilotage.review.ledger import DATABASE_FILE, Ledger
from pilotage.runner.clock import SystemClock
from pilotage.runner.folder import write_file

CONTROL = "control"
KEY_FILE = "installation.key"
PUBLIC_KEY_FILE = "installation.pub"


class LedgerMissing(FileNotFoundError):
    """The ledger, or the key it is signed with, is not there. Restore `control/` of the data folder from a backup."""


def open_ledger(data: Path, now_us: Callable[[], int], create: bool = True) -> Ledger:
    """The ledger of a data folder, begun where there is none; `LedgerMissing` without `create`, or if a part of it is gone."""
    folder = data / CONTROL
    public, key = folder / PUBLIC_KEY_FILE, folder / KEY_FILE
    if public.exists() or (folder / DATABASE_FILE).exists():
        for path in (folder / DATABASE_FILE, key):
            if not path.exists():
                raise LedgerMissing(f"{path} is missing; restore {folder} from a backup; nothing was changed")
    elif not create:
        raise LedgerMissing(f"{data} has no ledger yet; the first act begins it, such as 'pilotage person add' or 'pilotage run'")
    else:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    ledger = Ledger(folder, _signer(key), now_us)
    if not public.exists():
        write_file(public, ledger.signer.public_key.encode() + b"\n")
    return ledger


@contextmanager
def ledger_of(data: Path) -> Iterator[Ledger]:
    """The ledger of a data folder, on the machine's clock, for a command."""
    ledger = open_ledger(data, SystemClock().now_us)
    try:
        yield ledger
    finally:
        ledger.close()


def ledger_at(data: Path) -> Database:
    """The ledger's database for reading alone; `LedgerMissing`."""
    path = data / CONTROL / DATABASE_FILE
    if not path.exists():
        gone = (data / CONTROL / PUBLIC_KEY_FILE).exists()
        cure = f"restore {path} from a backup" if gone else "the first act begins it, such as 'pilotage person add' or 'pilotage run'"
        raise LedgerMissing(f"{data} has no ledger; {cure}")
    return Database(path)


def public_key_at(data: Path) -> str:
    """The installation's public key as it lies beside the ledger, or nothing."""
    path = data / CONTROL / PUBLIC_KEY_FILE
    return path.read_text(encoding="utf-8").strip() if path.exists() else ""


def _signer(path: Path) -> Signer:
    """The installation's key, made where there is none; of two processes that make it at once, both get the first one's."""
    if not path.exists():
        neighbour = path.with_name(f"{path.name}.{os.getpid()}")
        write_file(neighbour, new_signer().secret.hex().encode() + b"\n", mode=0o600)
        try:
            os.link(neighbour, path)
        except FileExistsError:
            pass
        finally:
            neighbour.unlink()
    try:
        return signer_of(bytes.fromhex(path.read_text().strip()))
    except (BadKey, ValueError):
        raise BadKey(str(path), "it does not hold 64 hexadecimal digits; restore it from a backup") from None
