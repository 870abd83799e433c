"""E-mail against a real SMTP server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage

import msgspec
import pytest
from aiosmtpd.smtp import SMTP as Server
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session

from pilotage.channel.channel import Fate, Message, Receipt
from pilotage.channel.kinds import SmtpSettings
from pilotage.channel.links import unsubscribe_headers
from pilotage.channel.smtp import Smtp
from pilotage.event.time import parse_instant_us
from pilotage.testing.channel import check_channel

NOW_US = parse_instant_us("2026-03-01T09:30:00Z")
MESSAGE = Message(
    idempotency_key="ab" * 16,
    recipient="Ada <ada@test.example>",
    parts={"subject": "Grüße, Ada", "text": "Hello\n.\nwörld", "html": "<p>Hello wörld</p>"},
    headers=unsubscribe_headers("https://go.shop.example/u/abc"),
    attempt=1,
    subject="cd" * 16,
    journey="j",
    step="s",
    purpose="p",
)


class Mailbox:
    """What the server does and has taken: `rcpt` and `data` are its answers; `cuts` cuts the connection after DATA."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.rcpt = "250 ok"
        self.data = "250 queued as q1"
        self.cuts = False
        self.sessions: set[str] = set()
        self.servers: list[Server] = []

    async def handle_RCPT(self, server: Server, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, server: Server, session: Session, envelope: Envelope) -> str:
        assert session.peer is not None
        self.sessions.add(str(session.peer))
        if self.cuts:
            cut(server)
        content = envelope.original_content or b""
        self.mails.append(message_from_bytes(content, policy=policy.default))
        return self.data


def cut(server: Server) -> None:
    assert isinstance(server.transport, asyncio.WriteTransport)
    server.transport.abort()


@asynccontextmanager
async def mail_server(box: Mailbox, utf8: bool = True) -> AsyncIterator[Smtp]:
    def serve() -> Server:
        server = Server(box, enable_SMTPUTF8=utf8)
        box.servers.append(server)
        return server

    listening = await asyncio.get_running_loop().create_server(serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    channel = Smtp(SmtpSettings(host="127.0.0.1", port=port, sender="Shop <shop@shop.example>", security="none"), lambda: NOW_US)
    try:
        yield channel
    finally:
        await channel.close()
        listening.close()


def send(box: Mailbox, *messages: Message, utf8: bool = True) -> list[Receipt]:
    async def story() -> list[Receipt]:
        async with mail_server(box, utf8) as channel:
            return [await channel.send(message) for message in messages]

    return asyncio.run(story())


def test_a_mail_arrives_as_written() -> None:
    """Text and HTML arrive as alternatives, with the clock's date, one-click headers and the effect key's Message-ID."""
    box = Mailbox()
    assert [Receipt(Fate.SENT, provider_id="queued as q1")] == send(box, MESSAGE)
    mail = box.mails[0]
    assert ["text/plain", "text/html"] == [part.get_content_type() for part in mail.iter_parts()]
    plain = mail.get_body(("plain",))
    assert plain is not None
    assert ["Hello", ".", "wörld"] == plain.get_content().splitlines()
    expected = {
        "From": "Shop <shop@shop.example>",
        "To": "Ada <ada@test.example>",
        "Subject": "Grüße, Ada",
        "Date": "Sun, 01 Mar 2026 09:30:00 +0000",
        "Message-ID": f"<{'ab' * 16}@shop.example>",
        "List-Unsubscribe": "<https://go.shop.example/u/abc>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    assert expected == {name: str(mail[name]) for name in expected}


def test_connections_are_kept_and_replaced() -> None:
    """Messages share a connection; when the server has closed it, the next message makes a new one and arrives."""
    box = Mailbox()

    async def story() -> list[Receipt]:
        async with mail_server(box) as channel:
            receipts = [await channel.send(MESSAGE), await channel.send(MESSAGE)]
            assert 1 == len(box.sessions)
            for server in box.servers:
                cut(server)
            return [*receipts, await channel.send(MESSAGE)]

    assert [Fate.SENT] * 3 == [receipt.fate for receipt in asyncio.run(story())]
    assert (3, 2) == (len(box.mails), len(box.sessions))


@pytest.mark.parametrize(
    ("where", "answer", "fate"),
    [
        ("rcpt", "450 mailbox busy", Fate.RETRY),
        ("rcpt", "550 no such user", Fate.FAILED),
        ("data", "451 try later", Fate.RETRY),
        ("data", "554 spam", Fate.FAILED),
    ],
)
def test_refusals_say_whether_to_try_again(where: str, answer: str, fate: Fate) -> None:
    """Codes 4yz may be tried again, 5yz may not; the connection serves the next message."""
    box = Mailbox()
    setattr(box, where, answer)

    async def story() -> None:
        async with mail_server(box) as channel:
            assert Receipt(fate, reason=f"SMTP {answer}") == await channel.send(MESSAGE)
            setattr(box, where, "250 ok")
            assert Fate.SENT is (await channel.send(MESSAGE)).fate
            assert 1 == len(box.servers)

    asyncio.run(story())


def test_what_is_lost_after_data_is_unknown() -> None:
    """When the connection breaks after the content went out, nobody knows; when there was none, it may be tried again."""
    box = Mailbox()
    box.cuts = True
    assert [Fate.UNKNOWN] == [receipt.fate for receipt in send(box, MESSAGE)]

    async def nobody() -> Receipt:
        listening = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        listening.close()
        await listening.wait_closed()
        return await Smtp(SmtpSettings(host="127.0.0.1", port=port, sender="a@b.example", security="none"), lambda: 0).send(MESSAGE)

    assert Fate.RETRY is asyncio.run(nobody()).fate


@pytest.mark.parametrize(
    "changes",
    [
        {"recipient": "ada@test.example\r\nBcc: eve@evil.example"},
        {"recipient": "ada@test.example, eve@evil.example"},
        {"recipient": "nobody"},
        {"recipient": ""},
        {"parts": {"subject": "hi\r\nBcc: eve@evil.example", "text": "t"}},
        {"headers": {"List-Unsubscribe": "<x>\nBcc: eve@evil.example"}},
    ],
)
def test_no_value_becomes_a_header(changes: dict[str, object]) -> None:
    """Line breaks and second addresses are refused before anything is handed over."""
    box = Mailbox()
    receipts = send(box, msgspec.structs.replace(MESSAGE, **changes))
    assert ([Fate.FAILED], []) == ([receipt.fate for receipt in receipts], box.mails)


def test_addresses_of_other_scripts() -> None:
    """International domains travel in ASCII; a local part beyond ASCII needs a server that takes it, and else says so."""
    box = Mailbox()
    wide = msgspec.structs.replace(MESSAGE, recipient="jörg@bücher.example")
    domain = msgspec.structs.replace(MESSAGE, recipient="ada@bücher.example")
    assert [Fate.SENT, Fate.SENT] == [receipt.fate for receipt in send(box, wide, domain)]
    assert "ada@xn--bcher-kva.example" == str(box.mails[1]["To"])
    refused = send(Mailbox(), wide, utf8=False)[0]
    assert (Fate.FAILED, "the server does not take addresses beyond ASCII (SMTPUTF8)") == (refused.fate, refused.reason)


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # the server is on the same machine
@pytest.mark.parametrize(("password", "fate"), [("right", Fate.SENT), ("wrong", Fate.RETRY)])
def test_a_refused_login_loses_no_message(password: str, fate: Fate) -> None:
    """With the right password mail leaves; with a wrong one it waits for the password to be corrected, and does not fail."""
    box = Mailbox()

    def check(server: Server, session: Session, envelope: Envelope, mechanism: str, data: object) -> AuthResult:
        return AuthResult(success=data == LoginPassword(b"shop", b"right"), handled=False)

    async def story() -> Receipt:
        def serve() -> Server:
            return Server(box, authenticator=check, auth_required=True, auth_require_tls=False)

        listening = await asyncio.get_running_loop().create_server(serve, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        settings = SmtpSettings("127.0.0.1", "shop@shop.example", port, "none", username="shop", password=password)
        channel = Smtp(settings, lambda: NOW_US)
        receipt = await channel.send(MESSAGE)
        await channel.close()
        listening.close()
        return receipt

    receipt = asyncio.run(story())
    assert (fate, fate is Fate.SENT) == (receipt.fate, len(box.mails) == 1)
    assert fate is Fate.SENT or receipt.reason == "the server refused the login: SMTP 535"


def test_the_channel_keeps_its_promises() -> None:
    """The channel passes the conformance suite of channels."""
    box = Mailbox()

    async def story() -> None:
        async with mail_server(box) as channel:
            settings = channel._settings
            bad = msgspec.structs.replace(MESSAGE, recipient="nobody")
            await check_channel(
                lambda: Smtp(settings, lambda: NOW_US), recipient="ada@test.example", refused=[bad], delivered=lambda: len(box.mails)
            )

    asyncio.run(story())
