"""The demo's mail room: what a mail client hands over is kept whole and shown without doing anything."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from pilotage.app.mailroom import Mailroom
from pilotage.channel.channel import Fate, Message
from pilotage.channel.kinds import SmtpSettings
from pilotage.channel.smtp import Smtp

NOW_US = 1_772_400_000_000_000
EFFECT = "ab" * 16
HTML = '<html><body><a href="http://go.test/c/token">shop</a><img src="http://go.test/o/token.gif" width="1" height="1"></body></html>'


def message(text: str = "Hello\n.\n..dots", html: str = HTML) -> Message:
    """A mail with lone dots, which SMTP must not take for its end."""
    parts = {"subject": "Grüße <b>", "text": text, "html": html}
    headers = {"List-Unsubscribe": "<http://go.test/u/token>"}
    return Message(EFFECT, "ada@example.test", parts, headers, 1, "00" * 16, "growth.x.y", "remind", "marketing.x")


def with_mailroom(scenario: Callable[[Mailroom, Smtp], Awaitable[None]]) -> None:
    """Run a scenario against a listening mail room and a mail channel bound to it."""

    async def run() -> None:
        mailroom = Mailroom(lambda: NOW_US)
        await mailroom.start()
        channel = Smtp(SmtpSettings("127.0.0.1", "hello@example.test", mailroom.port, "none"), lambda: NOW_US)
        await scenario(mailroom, channel)
        await channel.close()
        await mailroom.stop()

    asyncio.run(asyncio.wait_for(run(), 30))


async def page(mailroom: Mailroom, path: str) -> tuple[int, dict[bytes, bytes], str]:
    """What a browser gets."""
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(dict(message))

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    await mailroom({"type": "http", "method": "GET", "path": path}, receive, send)
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"].decode()


def test_a_mail_is_kept_as_it_was_handed_over() -> None:
    """A mail is found by its effect key, with recipient, subject, both parts and its links."""

    async def scenario(mailroom: Mailroom, channel: Smtp) -> None:
        receipt = await channel.send(message())
        assert Fate.SENT is receipt.fate
        mail = mailroom.mails[EFFECT]
        assert ("ada@example.test", "Grüße <b>", NOW_US) == (mail.recipient, mail.subject, mail.at_us)
        assert ["Hello", ".", "..dots"] == mail.text.splitlines()
        assert "http://go.test/o/token.gif" == mail.pixel
        assert "http://go.test/c/token" == mail.click
        assert "http://go.test/u/token" == mail.unsubscribe

    with_mailroom(scenario)


def test_a_repeated_mail_is_noticed() -> None:
    """A mail that comes twice is kept once and listed as repeated."""

    async def scenario(mailroom: Mailroom, channel: Smtp) -> None:
        await channel.send(message())
        await channel.send(message())
        assert ([EFFECT], 1, 2) == (mailroom.repeated, len(mailroom.mails), mailroom.received)

    with_mailroom(scenario)


def test_looking_at_a_mail_does_nothing() -> None:
    """The pages show a mail's texts escaped and its HTML in a sandbox that loads no picture, so looking opens nothing."""

    async def scenario(mailroom: Mailroom, channel: Smtp) -> None:
        await channel.send(message())
        status, headers, body = await page(mailroom, "/mail")
        assert 200 == status
        assert "Grüße &lt;b&gt;" in body
        status, headers, body = await page(mailroom, f"/mail/{EFFECT}")
        assert "<iframe sandbox" in body
        status, headers, body = await page(mailroom, f"/mail/{EFFECT}/html")
        policy = headers[b"content-security-policy"]
        assert b"sandbox" in policy
        assert b"img-src 'none'" in policy
        assert 404 == (await page(mailroom, "/mail/none"))[0]

    with_mailroom(scenario)
