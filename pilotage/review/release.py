"""The release: the only thing that a production runner accepts, made by review and by nothing else.

It names the bundle, the evidence, the proposal and the votes with their signatures, the policy and the keys that were in force, and
the one environment it is for; it is signed with the installation's key. Releases of an environment are numbered, so that an earlier
one put in the place of a later one is seen for what it is.
"""

from typing import Any, Literal

import msgspec

from pilotage.audit.canonical import digest_of
from pilotage.audit.signature import Signer, sign, verify_signature
from pilotage.review import vote as votes
from pilotage.review.people import People
from pilotage.review.vote import Vote

PURPOSE = "review.release"
ORDER = "review.order"
FORMAT = 1
Kind = Literal["regular", "emergency", "rollback"]


class Order(msgspec.Struct, frozen=True):
    """What a person signs to have a release minted: which proposal, where, of what kind, why, and as which release in the row."""

    proposal: str
    environment: str
    kind: Kind
    sequence: int
    person: str
    reason: str
    public_key: str
    signature: str = ""


class Release(msgspec.Struct, frozen=True):
    """One release. `previous` is the digest of the one before (empty: none), `required` how many of each role had to approve,
    `review_by_us` until when a review is owed (0: none is), `people` the digest of everybody with their roles and public keys at that time,
    `installation` the key that signed it."""

    format: int
    sequence: int
    environment: str
    kind: Kind
    bundle: str
    plan: str
    documents: dict[str, str]
    proposal: str
    evidence: str
    required: dict[str, int]
    approvals: tuple[Vote, ...]
    policy: str
    people: str
    previous: str
    minted_at_us: int
    order: Order
    review_by_us: int
    installation: str
    signature: str = ""

    @property
    def digest(self) -> str:
        return digest_of(msgspec.to_builtins(self))


class ReleaseRefused(RuntimeError):
    """What was shown is not a release that may run here. Release what you want to run with `pilotage release`."""

    def __init__(self, reason: str, cure: str) -> None:
        super().__init__(f"{reason}; {cure}")
        self.reason = reason
        self.cure = cure


AGAIN = "propose what you want to run with 'pilotage propose', have it approved, and release it with 'pilotage release'"
RESTORE = "restore the file, or release again with 'pilotage release'"


def ordered(order: Order, signer: Signer) -> Order:
    """An order with its signature."""
    return msgspec.structs.replace(order, signature=sign(signer, ORDER, ordered_value(order)))


def ordered_value(order: Order) -> dict[str, Any]:
    """What is signed of an order: everything but the signature and the key."""
    said: dict[str, Any] = msgspec.to_builtins(order)
    return {name: value for name, value in said.items() if name not in ("signature", "public_key")}


def is_ordered(order: Order) -> bool:
    """Whether an order's signature is that of the key it names; `BadKey` if that is no key."""
    return verify_signature(order.public_key, ORDER, ordered_value(order), order.signature)


def sealed(release: Release, installation: Signer) -> Release:
    """A release signed with the installation's key."""
    bare = msgspec.structs.replace(release, installation=installation.public_key, signature="")
    return msgspec.structs.replace(bare, signature=sign(installation, PURPOSE, _sealed_value(bare)))


def _sealed_value(release: Release) -> dict[str, Any]:
    said: dict[str, Any] = msgspec.to_builtins(release)
    return {name: value for name, value in said.items() if name != "signature"}


def encode_release(release: Release) -> bytes:
    """The bytes of a release's file."""
    return msgspec.json.format(msgspec.json.encode(release), indent=2) + b"\n"


def decode_release(raw: bytes, name: str) -> Release:
    """The release of a file's bytes; `ReleaseRefused` where they are none."""
    try:
        return msgspec.json.decode(raw, type=Release)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise ReleaseRefused(f"{name} is no release ({fault})", RESTORE) from None


def check_release(release: Release, installation: str, environment: str) -> None:
    """Raise `ReleaseRefused` where a release was not made by an installation (by its public key), for an environment, or was altered."""
    name = f"release {release.sequence}"
    if release.format > FORMAT:
        raise ReleaseRefused(f"{name} has format {release.format}, this version reads up to {FORMAT}", "start a newer version")
    if release.installation != installation:
        raise ReleaseRefused(f"{name} was signed by another installation", AGAIN)
    if not verify_signature(
        release.installation, PURPOSE, _sealed_value(msgspec.structs.replace(release, signature="")), release.signature
    ):
        raise ReleaseRefused(f"{name} was altered: its signature is not that of this installation", RESTORE)
    if release.environment != environment:
        raise ReleaseRefused(f"{name} is for the environment {release.environment!r}, this is {environment!r}", AGAIN)
    for vote in release.approvals:
        if not votes.is_signed(vote) or (vote.proposal, vote.bundle, vote.evidence) != (
            release.proposal,
            release.bundle,
            release.evidence,
        ):
            raise ReleaseRefused(f"{name} names an approval of {vote.person} that is not signed for it", AGAIN)
    if not is_ordered(release.order) or (release.order.sequence, release.order.kind) != (release.sequence, release.kind):
        raise ReleaseRefused(f"{name} was not ordered by {release.order.person}", AGAIN)
    for role, number in release.required.items():
        if sum(vote.role == role for vote in release.approvals) < number:
            raise ReleaseRefused(f"{name} has fewer approvals in the role {role} than the {number} it needs", AGAIN)


def people_digest(people: People) -> str:
    """The digest of everybody, with the roles and the public key of each."""
    return digest_of(msgspec.to_builtins(people.people))
