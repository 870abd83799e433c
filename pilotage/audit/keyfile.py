"""A private key at rest: encrypted with a passphrase, as the bytes of a small JSON file.

The passphrase is stretched by scrypt (RFC 7914; 32 MiB), the key is sealed by AES-256-GCM, and everything else in the file is
authenticated with it. Salt and nonce come in as arguments: this module draws no random numbers.
"""

import binascii
from typing import Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from pilotage.audit.canonical import canonical
from pilotage.audit.signature import BadKey, Signer, signer_of

SALT_BYTES = 16
NONCE_BYTES = 12
COST = 1 << 15
COST_MAX = 1 << 20
"""The dearest key that is opened: a file must not make its reader work for an hour."""


class WrongPassphrase(ValueError):
    """The passphrase does not open the key file. Try it again, or make a new key with `pilotage person add --new-key`."""

    def __init__(self, person: str) -> None:
        super().__init__(
            f"this passphrase does not open the key of {person!r}, or the key file was changed; type it again, restore the file, "
            "or make a new key with 'pilotage person add --new-key'"
        )


class KeyFileBroken(ValueError):
    """A key file cannot be read. Restore it, or make a new key with `pilotage person add --new-key`."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the key file cannot be read: {reason}; restore it, or make a new key with 'pilotage person add --new-key'")


class KeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a key file says: whose key it is, how the passphrase is stretched, and the sealed key. Bytes are hexadecimal."""

    kind: Literal["pilotage.key"]
    version: Literal[1]
    person: str
    public_key: str
    cost: int
    salt: str
    nonce: str
    sealed: str


def seal(signer: Signer, person: str, passphrase: str, salt: bytes, nonce: bytes) -> bytes:
    """The bytes of a key file. `salt` (16 bytes) and `nonce` (12) must be random and used once."""
    if len(salt) != SALT_BYTES or len(nonce) != NONCE_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes and a nonce {NONCE_BYTES}, not {len(salt)} and {len(nonce)}")
    file = KeyFile("pilotage.key", 1, person, signer.public_key, COST, salt.hex(), nonce.hex(), "")
    sealed = AESGCM(_stretched(passphrase, salt, COST)).encrypt(nonce, signer.secret, _bound(file))
    return msgspec.json.format(msgspec.json.encode(msgspec.structs.replace(file, sealed=sealed.hex())), indent=2) + b"\n"


def unseal(raw: bytes, passphrase: str) -> Signer:
    """The signer in a key file; `WrongPassphrase`, or `KeyFileBroken` where the file is not one."""
    file = read_key_file(raw)
    try:
        salt, nonce, sealed = bytes.fromhex(file.salt), bytes.fromhex(file.nonce), bytes.fromhex(file.sealed)
    except (ValueError, binascii.Error) as fault:
        raise KeyFileBroken(str(fault)) from None
    if len(salt) != SALT_BYTES or len(nonce) != NONCE_BYTES:
        raise KeyFileBroken("its salt or nonce has another length")
    try:
        secret = AESGCM(_stretched(passphrase, salt, file.cost)).decrypt(nonce, sealed, _bound(file))
    except InvalidTag:
        raise WrongPassphrase(file.person) from None
    try:
        signer = signer_of(secret)
    except BadKey as fault:
        raise KeyFileBroken(str(fault)) from None
    if signer.public_key != file.public_key:
        raise KeyFileBroken("the private key in it is not that of its public key")
    return signer


def read_key_file(raw: bytes) -> KeyFile:
    """What a key file says, still sealed; `KeyFileBroken` where it is none."""
    try:
        file = msgspec.json.decode(raw, type=KeyFile)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise KeyFileBroken(str(fault)) from None
    if not 2 <= file.cost <= COST_MAX or file.cost & (file.cost - 1):
        raise KeyFileBroken(f"its cost {file.cost} is not a power of two up to {COST_MAX}")
    return file


def _bound(file: KeyFile) -> bytes:
    """What is authenticated beside the key: everything else in the file."""
    return canonical(msgspec.to_builtins(msgspec.structs.replace(file, sealed="")))


def _stretched(passphrase: str, salt: bytes, cost: int) -> bytes:
    return Scrypt(salt=salt, length=32, n=cost, r=8, p=1).derive(passphrase.encode("utf-8", "surrogatepass"))
