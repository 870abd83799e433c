"""A person's own key: an encrypted file among the person's settings, opened with a passphrase that only they know.

It lies in `pilotage/keys/` of the XDG configuration folder, readable by its owner alone, or where `PILOTAGE_KEYS` says. The passphrase
is asked for at the terminal, or read from `PILOTAGE_PASSPHRASE` where nobody sits at one.
"""

import getpass
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from pilotage.app.exits import NO_INPUT, USAGE, Trouble
from pilotage.audit.keyfile import NONCE_BYTES, SALT_BYTES, seal, unseal
from pilotage.audit.signature import Signer
from pilotage.runner.folder import write_file

PASSPHRASE = "PILOTAGE_PASSPHRASE"
KEYS = "PILOTAGE_KEYS"
PASSPHRASE_MIN = 8


def key_path(person: str, environ: Mapping[str, str]) -> Path:
    """Where a person's key lies."""
    if environ.get(KEYS):
        return Path(environ[KEYS]) / f"{person}.json"
    settings = Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return settings / "pilotage" / "keys" / f"{person}.json"


def keep_key(signer: Signer, person: str, environ: Mapping[str, str]) -> Path:
    """Write a new key, sealed with a passphrase that is asked for twice; where it lies."""
    path = key_path(person, environ)
    passphrase = _asked(f"Passphrase for the key of {person}: ", environ)
    if len(passphrase) < PASSPHRASE_MIN:
        raise Trouble(f"a passphrase has at least {PASSPHRASE_MIN} characters", USAGE, "choose a longer one; several words are good")
    if not environ.get(PASSPHRASE) and passphrase != _asked("Once more: ", environ):
        raise Trouble("the two passphrases differ", USAGE, "try again")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    sealed = seal(signer, person, passphrase, secrets.token_bytes(SALT_BYTES), secrets.token_bytes(NONCE_BYTES))
    write_file(path, sealed, mode=0o600)
    return path


def open_key(person: str, environ: Mapping[str, str]) -> Signer:
    """A person's signer. `Trouble` where there is no key; `WrongPassphrase`, `KeyFileBroken`."""
    path = key_path(person, environ)
    if not path.is_file():
        cure = f"copy the key file there, or make a new key with 'pilotage person add {person} --new-key'"
        raise Trouble(f"there is no key of {person!r} at {path}", NO_INPUT, cure)
    return unseal(path.read_bytes(), _asked(f"Passphrase for the key of {person}: ", environ))


def _asked(prompt: str, environ: Mapping[str, str]) -> str:
    given = environ.get(PASSPHRASE)
    if given:
        return given
    if not sys.stdin.isatty():
        raise Trouble("nobody is there to type a passphrase", USAGE, f"run it at a terminal, or set {PASSPHRASE}")
    return getpass.getpass(prompt)
