"""Whose public key is whose, as the ledger itself says it.

The first entry names the installation's key; a person's key enters the ledger when the person is added, and again whenever it is
replaced. An entry whose data hold `signed` is signed by its actor: with the key the ledger gave the actor before that entry.
"""

from typing import Any

import msgspec

from pilotage.audit.entry import Entry
from pilotage.audit.signature import BadKey, Signer, sign, verify_signature

BEGUN = "ledger.begun"
"""The act of the first entry; its data name the installation's `public_key`."""
PERSON_ADDED = "person.added"
PERSON_KEY_CHANGED = "person.key_changed"
SIGNED = "signed"
"""The key under which an entry's data hold its actor's signature."""


class Signed(msgspec.Struct, frozen=True):
    """A signature beside what it is of: `value`, signed for `purpose` with the private key of `public_key`."""

    purpose: str
    value: Any
    public_key: str
    signature: str


def signed_by(signer: Signer, purpose: str, value: Any) -> dict[str, Any]:
    """What an entry's data hold under `signed`."""
    return {"purpose": purpose, "value": value, "public_key": signer.public_key, "signature": sign(signer, purpose, value)}


class Keys:
    """The keys that the entries seen so far give to the installation and to people."""

    def __init__(self) -> None:
        self.installation = ""
        self.people: dict[str, str] = {}

    def see(self, entry: Entry) -> str:
        """Take in the next entry; what is wrong with the keys or the signature in it, or nothing."""
        key = entry.data.get("public_key")
        if entry.act == BEGUN:
            self.installation = key if isinstance(key, str) else ""
        elif entry.act in (PERSON_ADDED, PERSON_KEY_CHANGED) and entry.subject.startswith("person:"):
            self.people[entry.subject.partition(":")[2]] = key if isinstance(key, str) else ""
        return self._fault(entry) if SIGNED in entry.data else ""

    def _fault(self, entry: Entry) -> str:
        try:
            signed = msgspec.convert(entry.data[SIGNED], Signed)
        except msgspec.ValidationError as fault:
            return f"its signature cannot be read: {fault}"
        known = self.people.get(entry.actor, "")
        if not known:
            return f"it is signed by {entry.actor!r}, to whom the ledger gave no key before"
        if known != signed.public_key:
            return f"it is signed with another key than the ledger gave {entry.actor!r}"
        try:
            fits = verify_signature(signed.public_key, signed.purpose, signed.value, signed.signature)
        except BadKey as fault:
            return str(fault)
        return "" if fits else f"the signature is not that of {entry.actor!r} on what it stands beside"
