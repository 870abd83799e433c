"""Ed25519 signatures (RFC 8032) over canonical JSON, each for one purpose.

What is signed is the purpose and the value together, so that a signature given for one purpose (approving a proposal, say)
can never be shown for another. Keys and signatures are text: 64 and 128 hexadecimal digits.
"""

from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from pilotage.audit.canonical import canonical

DOMAIN = "pilotage.signature.1"
KEY_BYTES = 32
SIGNATURE_BYTES = 64


class BadKey(ValueError):
    """A key is not an Ed25519 key. Use the 64 hexadecimal digits that `pilotage person add` printed."""

    def __init__(self, what: str, found: str) -> None:
        super().__init__(f"{what} is not an Ed25519 key: {found}; write the 64 hexadecimal digits that 'pilotage person add' printed")


class Signer:
    """A private key that signs. `public_key` is what its signatures are verified with."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public_key = private.public_key().public_bytes_raw().hex()

    @property
    def secret(self) -> bytes:
        """The private key's 32 bytes, for storing them where nobody else reads."""
        return self._private.private_bytes_raw()

    def signature_of(self, message: bytes) -> bytes:
        """The 64 bytes of the signature of a message."""
        return self._private.sign(message)


def new_signer() -> Signer:
    """A new key pair."""
    return Signer(Ed25519PrivateKey.generate())


def signer_of(secret: bytes) -> Signer:
    """The signer of a private key's 32 bytes; `BadKey` for anything else."""
    if len(secret) != KEY_BYTES:
        raise BadKey("the private key", f"it has {len(secret)} bytes, not {KEY_BYTES}")
    return Signer(Ed25519PrivateKey.from_private_bytes(secret))


def sign(signer: Signer, purpose: str, value: Any) -> str:
    """The signature of a JSON value for a purpose, as 128 hexadecimal digits; `NotCanonical` where the value is none."""
    return signer.signature_of(_message(purpose, value)).hex()


def verify_signature(public_key: str, purpose: str, value: Any, signature: str) -> bool:
    """Whether a signature of a value for a purpose was made with the private key of a public one. `BadKey` if that is no key."""
    public = checked_key(public_key)
    try:
        public.verify(bytes.fromhex(signature), _message(purpose, value))
    except (InvalidSignature, ValueError):  # ValueError: the signature is not hexadecimal, or the value has no canonical JSON
        return False
    return len(signature) == 2 * SIGNATURE_BYTES


def checked_key(public_key: str) -> Ed25519PublicKey:
    """The public key of 64 hexadecimal digits; `BadKey` for anything else."""
    if len(public_key) != 2 * KEY_BYTES or public_key.strip("0123456789abcdef"):
        shown = public_key if len(public_key) <= 80 else public_key[:77] + "…"
        raise BadKey("the public key", repr(shown))
    return Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))


def _message(purpose: str, value: Any) -> bytes:
    return canonical([DOMAIN, purpose, value])
