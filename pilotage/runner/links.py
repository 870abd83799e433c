"""The links from weak identifiers to subjects, each with when it was made, and what must be asked because of them.

An event that reached a browser's own subject before its anonymous id was linked, and is sent again afterwards, goes to
another subject. Whoever resolves it asks the first subject's shard whether it has had the event already. Only events that
may be older than the link need that.
"""

from pilotage.event.envelope import Event
from pilotage.event.time import DAY_US, HOUR_US
from pilotage.runner.store import Batch, Store

CACHED = 200_000
"""How many links are kept in memory beside the store."""

MARGIN_US = HOUR_US
"""An event that says it occurred so long after a link was made was not sent before it, however wrong its clock."""

REMEMBERED_US = 2 * DAY_US
"""After this long the first subject's shard has forgotten what it had before the link."""

Link = tuple[bytes, int]
"""The subject, and when the link was made (received time, microseconds UTC)."""


def may_be_older(event: Event, linked_us: int, now_us: int) -> bool:
    """Whether an event may have been taken in before a link was made, so lately that it is still remembered."""
    return event.occurred_us <= linked_us + MARGIN_US and now_us <= linked_us + REMEMBERED_US


def link_value(subject: bytes, made_us: int) -> bytes:
    """A link as it is stored under its weak identifier's key."""
    return subject + made_us.to_bytes(8, "big")


def read_link(value: bytes) -> Link:
    """The link of a stored value."""
    return value[:16], int.from_bytes(value[16:], "big")


class LinkTable:
    """The links in a store, the latest looked up also in memory."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._cached: dict[bytes, Link | None] = {}

    def subject(self, key: bytes) -> bytes | None:
        """The subject a weak identifier's key is linked to, or None."""
        try:
            link = self._cached[key]
        except KeyError:
            link = self._cached[key] = self._read(key)
        return None if link is None else link[0]

    def made_us(self, key: bytes) -> int:
        """When the link of a key was made; 0 if there is none."""
        self.subject(key)
        link = self._cached[key]
        return 0 if link is None else link[1]

    def add(self, batch: Batch, key: bytes, subject: bytes, now_us: int) -> None:
        """Link a key; the link counts at once, and is durable when the batch is."""
        batch.put("link", key, link_value(subject, now_us))
        self._cached[key] = (subject, now_us)

    def trim(self) -> None:
        """Let go of what is too much in memory. Only when every link added is durable."""
        if len(self._cached) >= CACHED:
            for old in list(self._cached)[: CACHED // 4]:
                del self._cached[old]

    def _read(self, key: bytes) -> Link | None:
        value = self._store.get("link", key)
        return None if value is None else read_link(value)
