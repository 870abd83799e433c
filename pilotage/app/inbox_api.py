"""The in-app inbox over HTTP: a page of messages, marking them as read, and a stream of new ones.

A request needs the API's token or an inbox token of that very subject, so a company's app can let its customers' devices
ask directly.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any

import msgspec
from litestar import Router, get, post
from litestar.params import Body, HeaderParameter, Parameter, QueryParameter
from litestar.response import ServerSentEvent, ServerSentEventMessage
from litestar.types import Guard

from pilotage.app import views
from pilotage.app.desk import At, Desk, records_of
from pilotage.app.problems import BadAsk, documented
from pilotage.channel.inbox import Inbox, InboxMessage, decode_message, encode_message, inbox_key, inbox_range
from pilotage.event.time import SECOND_US
from pilotage.runner.question import PutRows, ReadRows

LOOK_AGAIN_S = 1.0
"""How often a stream looks for new messages where shards live in worker processes."""

PING_S = 15.0
MESSAGES_MAX = 1_000

SUBJECT = Parameter(pattern="^[0-9a-f]{32}$", description="A subject id: 32 hexadecimal digits.")
TOKEN = QueryParameter(name="token", max_length=200, description="An inbox token, where no header can be sent.")
AUTHORIZATION = HeaderParameter(name="Authorization", required=False)
EITHER: list[dict[str, list[str]]] = [{"token": []}, {"inbox": []}]
USUAL = documented(400, 401, 429, 503)


class MessageIds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ids of messages."""

    ids: Annotated[list[Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]], msgspec.Meta(min_length=1, max_length=1000)]


@post("/{subject:str}/token", responses=USUAL, status_code=200, summary="Make an inbox token", security=[{"token": []}])
async def make_token(
    desk: At,
    subject: Annotated[str, SUBJECT],
    seconds: Annotated[int, Parameter(ge=1, le=31 * 86_400, description="How long it holds.")] = 3_600,
) -> views.InboxToken:
    """A token that opens this subject's inbox and nothing else."""
    expires_us = desk.clock.now_us() + seconds * SECOND_US
    return views.InboxToken(desk.access.inbox_token(bytes.fromhex(subject), expires_us), views.instant(expires_us))


@get("/{subject:str}", responses=USUAL, summary="Read an inbox", security=EITHER)
async def read_inbox(
    desk: At,
    subject: Annotated[str, SUBJECT],
    authorization: Annotated[str, AUTHORIZATION] = "",
    token: Annotated[str, TOKEN] = "",
    limit: Annotated[int, Parameter(ge=1, le=1000)] = 50,
    unread: Annotated[bool, Parameter(description="Only unread messages.")] = False,
) -> views.InboxPage:
    """The newest messages of a subject's inbox."""
    owner = _opened(desk, subject, authorization, token)
    found = [message for message in await _messages(desk, owner) if not (unread and message.read_us)]
    return views.InboxPage([_view(message) for message in found[:limit]])


@post("/{subject:str}/read", responses=USUAL | documented(413, 415), status_code=200, summary="Mark messages as read", security=EITHER)
async def mark_read(
    desk: At,
    subject: Annotated[str, SUBJECT],
    data: Annotated[MessageIds, Body()],
    authorization: Annotated[str, AUTHORIZATION] = "",
    token: Annotated[str, TOKEN] = "",
) -> views.MarkedRead:
    """Mark messages as read, durably; ids of messages that are read already, or of none, change nothing."""
    owner = _opened(desk, subject, authorization, token)
    now_us = desk.clock.now_us()
    unread = [message for message in await _messages(desk, owner) if message.id in set(data.ids) and not message.read_us]
    rows = tuple((inbox_key(owner, message), encode_message(msgspec.structs.replace(message, read_us=now_us))) for message in unread)
    if rows:
        await records_of(desk).ask(owner, PutRows("inbox", rows))
    return views.MarkedRead([message.id for message in unread])


@get("/{subject:str}/stream", responses=USUAL, summary="Stream new messages", security=EITHER, include_in_schema=True)
async def stream_inbox(
    desk: At, subject: Annotated[str, SUBJECT], authorization: Annotated[str, AUTHORIZATION] = "", token: Annotated[str, TOKEN] = ""
) -> ServerSentEvent:
    """Server-sent events: one of type `message` for each message from now on, with the message's id."""
    owner = _opened(desk, subject, authorization, token)
    records_of(desk)
    return ServerSentEvent(_stream(desk, owner))


def _opened(desk: Desk, subject: str, authorization: str, token: str) -> bytes:
    owner = bytes.fromhex(subject)
    if not desk.access.opens_inbox(authorization, token, owner, desk.clock.now_us()):
        detail = "Send the API's token or this subject's inbox token, in the header Authorization or as the parameter token."
        raise BadAsk(401, detail, {"WWW-Authenticate": 'Bearer realm="pilotage"'})
    return owner


async def _messages(desk: Desk, owner: bytes) -> Sequence[InboxMessage]:
    start, stop = inbox_range(owner)
    rows = await records_of(desk).ask(owner, ReadRows("inbox", start, stop, MESSAGES_MAX, reverse=True))
    return [decode_message(value) for _, value in rows]


async def _stream(desk: Desk, owner: bytes) -> AsyncIterator[Any]:
    """New messages as they are stored; a comment now and then keeps the connection open."""
    yield ServerSentEventMessage(comment="listening")
    channels = desk.station.dispatcher.ports.channels.values() if desk.station is not None and desk.station.dispatcher is not None else ()
    inbox = next((channel for channel in channels if isinstance(channel, Inbox)), None)
    if inbox is None:
        async for told in _looking_again(desk, owner):
            yield told
        return
    async with inbox.listen(owner) as listening:
        while True:
            try:
                async with asyncio.timeout(PING_S):
                    message = await anext(listening)
            except TimeoutError:
                yield ServerSentEventMessage(comment="still here")
            else:
                yield _told(message)


async def _looking_again(desk: Desk, owner: bytes) -> AsyncIterator[ServerSentEventMessage]:
    known = {message.id for message in await _messages(desk, owner)}
    quiet_s = 0.0
    while True:
        await asyncio.sleep(LOOK_AGAIN_S)
        fresh = [message for message in await _messages(desk, owner) if message.id not in known]
        for message in reversed(fresh):
            known.add(message.id)
            yield _told(message)
        quiet_s = 0.0 if fresh else quiet_s + LOOK_AGAIN_S
        if quiet_s >= PING_S:
            quiet_s = 0.0
            yield ServerSentEventMessage(comment="still here")


def _told(message: InboxMessage) -> ServerSentEventMessage:
    return ServerSentEventMessage(data=msgspec.json.encode(_view(message)).decode(), event="message", id=message.id)


def _view(message: InboxMessage) -> views.InboxMessageView:
    return views.InboxMessageView(
        message.id, message.title, message.body, message.link, views.instant(message.at_us), views.instant(message.read_us)
    )


def inbox_router(path: str, with_token: Guard) -> Router:
    """The endpoints; only making tokens needs the API's own token."""
    guarded = Router("/", route_handlers=[make_token], guards=[with_token])
    return Router(path, route_handlers=[guarded, read_inbox, mark_read, stream_inbox], tags=["inbox"])
