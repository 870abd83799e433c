"""How an owner of shards answers questions about anchors: in another thread, so that deciding goes on meanwhile."""

import asyncio
from collections.abc import Mapping

from pilotage.runner.anchors import Anchor, LogVerdict, anchor_of, check_log
from pilotage.runner.question import CheckAnchors, MakeAnchor
from pilotage.runner.shard import Shard


async def anchored(shards: Mapping[int, Shard], question: MakeAnchor) -> list[Anchor]:
    """The answer of an owner to `MakeAnchor`, made beside its loop."""
    shard = shards[question.shard]
    made = await asyncio.to_thread(anchor_of, shard.store, shard.number, shard.durable, question.before)
    return [made] if made is not None else []


async def checked(shards: Mapping[int, Shard], question: CheckAnchors) -> LogVerdict:
    """The answer of an owner to `CheckAnchors`, found beside its loop."""
    shard = shards[question.shard]
    return await asyncio.to_thread(check_log, shard.store, shard.number, shard.durable, question.anchors, question.forgotten_us)
