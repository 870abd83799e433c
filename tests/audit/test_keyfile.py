"""Key files: only the passphrase opens them, and a changed one opens for nobody."""

from typing import Any

import msgspec
import pytest

from pilotage.audit import keyfile
from pilotage.audit.keyfile import KeyFileBroken, WrongPassphrase, read_key_file, seal, unseal
from pilotage.audit.signature import signer_of

SIGNER = signer_of(bytes(range(32)))


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stretch passphrases little, so that the tests take no time."""
    monkeypatch.setattr(keyfile, "COST", 16)


def sealed(passphrase: str = "a long passphrase") -> bytes:
    """A key file."""
    return seal(SIGNER, "ada", passphrase, b"s" * 16, b"n" * 12)


def changed(**fields: Any) -> bytes:
    """A key file with fields changed."""
    return msgspec.json.encode(msgspec.structs.replace(read_key_file(sealed()), **fields))


def test_the_passphrase_opens_the_key() -> None:
    """What was sealed with a passphrase is opened by it, whatever characters it has; the file shows no part of the private key."""
    for passphrase in ("a long passphrase", "mot de passe à é", "🔑🔑🔑🔑🔑🔑🔑🔑"):
        assert SIGNER.public_key == unseal(sealed(passphrase), passphrase).public_key
    assert SIGNER.secret.hex() not in sealed().decode()


def test_another_passphrase_does_not_open_it() -> None:
    """A wrong passphrase is told, with whose key it is and what to do."""
    with pytest.raises(WrongPassphrase, match=r"'ada'.*type it again"):
        unseal(sealed(), "a long passphrasf")


@pytest.mark.parametrize(
    "fields",
    [{"person": "ben"}, {"public_key": "0" * 64}, {"salt": "00" * 16}, {"nonce": "00" * 12}, {"cost": 32}, {"sealed": "00" * 48}],
)
def test_a_changed_file_opens_for_nobody(fields: dict[str, Any]) -> None:
    """Every field of the file is authenticated: with one of them changed, the right passphrase does not open it."""
    with pytest.raises(WrongPassphrase):
        unseal(changed(**fields), "a long passphrase")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"[]",
        sealed()[:-20],
        changed(cost=1 << 30),
        changed(cost=3),
        changed(salt="zz"),
        changed(nonce="00"),
        changed(sealed="z"),
        sealed().replace(b"ada", b"ad\xff"),
    ],
)
def test_what_is_no_key_file_is_told(raw: bytes) -> None:
    """A cut, empty or foreign file, and one that would take hours to open, are refused as such."""
    with pytest.raises(KeyFileBroken, match="restore it"):
        unseal(raw, "a long passphrase")
