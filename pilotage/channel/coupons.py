"""Coupons: a journey asks for a code, and the answer comes as that of any call.

Which code somebody gets is chance of the world and no decision, so it enters as an event. The effect key of the asking names the code
for ever: asked again with it, after a crash or a lost answer, the book gives the same code.
"""

from collections.abc import Awaitable, Callable

import msgspec

from pilotage.channel.channel import Fate, Message, Receipt

COUPONS = "coupons"
"""The name of this channel."""
PREFIX = f"{COUPONS}/"
"""How the target of a call begins that asks for a code; the pool's name follows."""

Issue = Callable[[str, str], Awaitable[str | None]]
"""The code of a pool for an effect key; None where none is left."""


class Coupons:
    """The channel over the data folder's book of codes."""

    name = COUPONS
    idempotent = True
    parts_required: frozenset[str] = frozenset({"body"})
    parts_allowed: frozenset[str] = frozenset({"body"})

    def __init__(self, issue: Issue) -> None:
        self._issue = issue

    async def send(self, message: Message) -> Receipt:
        """Answer with the code of the message's effect key; the call fails where its pool has none left."""
        pool = message.target.removeprefix(PREFIX)
        code = await self._issue(pool, message.idempotency_key)
        if code is None:
            return Receipt(Fate.FAILED, reason=f"no code of {pool} is left")
        return Receipt(Fate.SENT, body={"code": code})

    async def close(self) -> None:
        """Nothing to release; the book belongs to the data folder."""


class Pool(msgspec.Struct, frozen=True):
    """How many codes of a pool there are, and how many were issued. It is `low` when fewer are left than its alarm says."""

    pool: str
    codes: int
    issued: int
    left: int
    alarm: int
    low: bool
