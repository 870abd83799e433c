"""Whom an event is about: from identifiers to one subject id.

A strong identifier names a person by itself; a weak one, the anonymous id of a browser or device, belongs to whom it has
been linked to, or else to a subject of its own. Ids are keyed hashes, so that nobody without the environment's secret can
tell from an id, or test by guessing, which person it stands for. Nothing is stored here: the caller gives the look-up of
links and stores those that come back.
"""

import hashlib
from collections.abc import Callable, Mapping
from functools import lru_cache

import msgspec

from pilotage.contract.builtin import CUSTOMER_ALIASED, CUSTOMER_IDENTIFIED
from pilotage.event.envelope import Event

_LINKING = frozenset((CUSTOMER_IDENTIFIED, CUSTOMER_ALIASED))
_WEAK = ("anonymous_id", "previous_id")
_STRONG_ORDER = {"email": 0, "phone": 1}
ACCOUNT_ID = "account_id"
"""The identifier of an account. An event that names a person too is that person's."""
PERSONS = ("user_id", "anonymous_id", "email", "phone")
"""The identifiers of a person."""


class Resolution(msgspec.Struct, frozen=True, gc=False):
    """The subject an event is about, and the links it makes: pairs of a weak identifier's key and the subject it belongs to
    from now on, to be stored before or with the event. `own` is the weak identifier's own subject when a link led from it to
    another; that one may have had the same event before the link was made."""

    subject: bytes
    links: tuple[tuple[bytes, bytes], ...] = ()
    own: bytes = b""


class Unidentified(ValueError):
    """The event names nobody: it has no identifier, or only empty ones. Send a user id, an anonymous id, an e-mail address
    or a phone number with it."""

    def __init__(self, event: Event) -> None:
        self.event = event
        self.path = "$"
        self.reason = "the event has no identifier, so nobody knows whom it is about"
        self.cure = "send a user id, an anonymous id, an e-mail address or a phone number with it"
        super().__init__(f"event {event.id!r} of {event.source!r}: {self.reason}; {self.cure}")


def resolve(secret: bytes, event: Event, linked: Callable[[bytes], bytes | None]) -> Resolution:
    """The subject of an event and the links the event makes; `Unidentified` if it has no identifier.

    `linked` gives the subject a weak identifier's key is linked to, or None. A user id decides alone. Identify and alias
    events that have one link the weak identifiers beside it; the first link of a weak identifier wins and is never rewritten.
    """
    identifiers = event.identifiers
    user = identifiers.get("user_id")
    if user:
        subject = subject_id(secret, "user_id", user)
        if event.type not in _LINKING or len(identifiers) == 1:
            return Resolution(subject)
        return Resolution(subject, _links(secret, identifiers, subject, linked))
    anonymous = identifiers.get("anonymous_id")
    if anonymous:
        key = subject_id(secret, "anonymous_id", anonymous)
        subject = linked(key) or key
        return Resolution(subject, (), b"" if subject == key else key)
    return Resolution(_by_other(secret, event))


def account_of(event: Event) -> str:
    """The account that an event is about; empty where it is about a person."""
    return account_named(event.identifiers)


def account_named(identifiers: Mapping[str, str]) -> str:
    """The account that identifiers name; empty where they name a person."""
    account = identifiers.get(ACCOUNT_ID, "")
    return "" if account and any(identifiers.get(kind) for kind in PERSONS) else account


def account_subject(secret: bytes, account: str) -> bytes:
    """The subject id of an account."""
    return subject_id(secret, ACCOUNT_ID, account)


def _links(
    secret: bytes, identifiers: dict[str, str], subject: bytes, linked: Callable[[bytes], bytes | None]
) -> tuple[tuple[bytes, bytes], ...]:
    """The links from weak identifiers that have none yet. A previous id is what an alias calls an anonymous id."""
    keys = {subject_id(secret, "anonymous_id", identifiers[kind]): None for kind in _WEAK if identifiers.get(kind)}
    return tuple((key, subject) for key in keys if linked(key) is None)


def _by_other(secret: bytes, event: Event) -> bytes:
    """The subject of the strongest other identifier: e-mail, then phone, then the rest by name."""
    for kind in sorted(event.identifiers, key=lambda kind: (_STRONG_ORDER.get(kind, 2), kind != ACCOUNT_ID, kind)):
        value = normalised(kind, event.identifiers[kind])
        if value and kind not in _WEAK:
            return subject_id(secret, kind, value)
    raise Unidentified(event)


def normalised(kind: str, value: str) -> str:
    """The form in which identifiers are compared: an e-mail address in lower case, a phone number in E.164 without the
    spaces, dots, dashes and brackets people write in it; other identifiers exactly as they are."""
    if kind == "email":
        name, at, domain = value.strip().rpartition("@")
        return name.lower() + at + domain.lower()
    if kind == "phone":
        return value.translate(_PHONE_MARKS)
    return value


REMEMBERED = 65_536
"""How many of the ids asked for last are remembered: who has just been seen is seen again soon, and a look costs a quarter."""

_PHONE_MARKS = dict.fromkeys(map(ord, " \t.-()/\u00a0"))


@lru_cache(REMEMBERED)
def subject_id(secret: bytes, kind: str, value: str) -> bytes:
    """The 16-byte id for an identifier: BLAKE2b-128 keyed with the environment's secret over (kind, value).

    A secret longer than BLAKE2b's 64 bytes is hashed first, an empty one refused with `ValueError`."""
    hasher = _keyed(secret, kind).copy()
    hasher.update(value.encode("utf-8", "surrogatepass"))
    return hasher.digest()


@lru_cache(256)
def _keyed(secret: bytes, kind: str) -> "hashlib.blake2b":
    """A hasher that has read the key and the kind; copying it costs a quarter of keying a new one for every event."""
    if not secret:
        raise ValueError("the environment's secret is empty; give it at least 16 random bytes")
    key = secret if len(secret) <= hashlib.blake2b.MAX_KEY_SIZE else hashlib.blake2b(secret).digest()
    return hashlib.blake2b(f"{len(kind)}:{kind}".encode("utf-8", "surrogatepass"), digest_size=16, key=key)
