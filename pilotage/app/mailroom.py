"""A mail server that delivers to nobody: it keeps what it is sent, and shows it on a page.

The demo sends its messages here, so that one can look at them. It speaks as much SMTP (RFC 5321) as a client needs to hand
mail over, listens on the loopback address only, and keeps the newest messages in memory.
"""

import asyncio
import contextlib
import html
import re
from collections import OrderedDict
from collections.abc import Callable
from email import message_from_bytes
from email.policy import default as modern

import msgspec

from pilotage.app.views import instant
from pilotage.source.http import Receive, Scope, Send

MAILS_KEPT = 20_000
LINE_BYTES_MAX = 1 << 20
PAGE_MAILS = 200

_STYLE = """
:root{color-scheme:light dark}
body{font:1rem/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #8884}
a{color:inherit}iframe{width:100%;height:60vh;border:1px solid #8886;border-radius:.4rem;background:#fff}
pre{white-space:pre-wrap;border:1px solid #8886;border-radius:.4rem;padding:.8rem}
dt{float:left;clear:left;width:9rem;opacity:.7}dd{margin-left:9rem;overflow-wrap:anywhere}
"""
_POLICY = b"default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; img-src 'none'; form-action 'none'; frame-ancestors 'self'"
_FRAME_POLICY = b"default-src 'none'; style-src 'unsafe-inline'; img-src 'none'; sandbox"
_HREF = re.compile(r"""href\s*=\s*["']([^"']+)["']""", re.IGNORECASE)
_PIXEL = re.compile(r"""<img src="([^"]+/o/[^"]+)" """)


class Mail(msgspec.Struct, frozen=True):
    """One message that was handed over. `effect` is the effect key, which its Message-ID holds; `at_us` is when it came."""

    effect: str
    recipient: str
    at_us: int
    subject: str
    text: str
    html: str
    headers: tuple[tuple[str, str], ...]

    @property
    def pixel(self) -> str:
        """The address of the open pixel, or nothing."""
        found = _PIXEL.search(self.html)
        return html.unescape(found[1]) if found else ""

    @property
    def click(self) -> str:
        """The first measured link, or nothing."""
        return next((url for url in map(html.unescape, _HREF.findall(self.html)) if "/c/" in url), "")

    @property
    def unsubscribe(self) -> str:
        """The address of one-click unsubscription, or nothing."""
        return next((value.strip("<>") for name, value in self.headers if name.lower() == "list-unsubscribe"), "")


class Mailroom:
    """The server and its page (an ASGI application). `repeated` lists effect keys that came more than once."""

    def __init__(self, now_us: Callable[[], int]) -> None:
        self.mails: OrderedDict[str, Mail] = OrderedDict()
        self.received = 0
        self.repeated: list[str] = []
        self.port = 0
        self._now_us = now_us
        self._server: asyncio.Server | None = None

    async def start(self, port: int = 0) -> None:
        """Listen on the loopback address; 0 takes a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, limit=LINE_BYTES_MAX)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await self._converse(reader, writer)
        writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, command by command, to its end."""
        _say(writer, "220 mailroom ready")
        recipients: list[str] = []
        while line := await reader.readline():
            verb, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
            match verb.upper():
                case "EHLO" | "HELO":
                    _say(writer, "250-mailroom", "250-8BITMIME", "250 SMTPUTF8")
                case "MAIL" | "RSET":
                    recipients = []
                    _say(writer, "250 ok")
                case "RCPT":
                    recipients.append(rest.partition("<")[2].partition(">")[0])
                    _say(writer, "250 ok")
                case "DATA" if recipients:
                    _say(writer, "354 go ahead")
                    self._keep(recipients, await _body(reader))
                    _say(writer, "250 kept")
                case "DATA":
                    _say(writer, "503 name a recipient first")
                case "NOOP":
                    _say(writer, "250 ok")
                case "QUIT":
                    _say(writer, "221 bye")
                    return
                case _:
                    _say(writer, "502 not known here")
            await writer.drain()

    def _keep(self, recipients: list[str], raw: bytes) -> None:
        mail = read_mail(raw, ", ".join(recipients), self._now_us())
        self.received += 1
        if mail.effect in self.mails:
            self.repeated.append(mail.effect)
        self.mails[mail.effect] = mail
        if len(self.mails) > MAILS_KEPT:
            self.mails.popitem(last=False)

    # The page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """GET /mail: the list; /mail/KEY: one message; /mail/KEY/html: its HTML alone, for the sandboxed frame."""
        parts = scope["path"].strip("/").split("/")[1:]
        if scope["method"] not in ("GET", "HEAD"):
            return await _respond(send, 405, b"", [(b"allow", b"GET, HEAD")])
        if not parts:
            return await _respond(send, 200, self._list().encode(), _page_headers(_POLICY))
        mail = self.mails.get(parts[0])
        if mail is None or parts[1:] not in ([], ["html"]):
            return await _respond(
                send, 404, _page("No such message", '<p><a href="/mail">All messages</a></p>').encode(), _page_headers(_POLICY)
            )
        if parts[1:]:
            return await _respond(send, 200, mail.html.encode(), _page_headers(_FRAME_POLICY))
        await _respond(send, 200, _message(mail).encode(), _page_headers(_POLICY))

    def _list(self) -> str:
        newest = list(reversed(self.mails.values()))[:PAGE_MAILS]
        rows = "".join(
            f"<tr><td>{instant(mail.at_us)[:19].replace('T', ' ')}</td><td>{html.escape(mail.recipient)}</td>"
            f'<td><a href="/mail/{mail.effect}">{html.escape(mail.subject) or "(no subject)"}</a></td></tr>'
            for mail in newest
        )
        head = "<tr><th>handed over (UTC)</th><th>to</th><th>subject</th></tr>"
        return _page(f"{self.received:,} messages", f"<table>{head}{rows}</table>" if rows else "<p>None yet. Reload in a moment.</p>")


def read_mail(raw: bytes, recipient: str, at_us: int) -> Mail:
    """A message as it was handed over."""
    message = message_from_bytes(raw, policy=modern)
    plain, rich = message.get_body(("plain",)), message.get_body(("html",))
    return Mail(
        effect=str(message["Message-ID"] or "").strip("<>").partition("@")[0],
        recipient=recipient,
        at_us=at_us,
        subject=str(message["Subject"] or ""),
        text=plain.get_content() if plain is not None else "",
        html=rich.get_content() if rich is not None else "",
        headers=tuple((name, str(value)) for name, value in message.items()),
    )


async def _body(reader: asyncio.StreamReader) -> bytes:
    """The lines up to the lone dot, with doubled dots undone (RFC 5321, section 4.5.2)."""
    lines = []
    while (line := await reader.readline()) not in (b".\r\n", b""):
        lines.append(line[1:] if line.startswith(b".") else line)
    return b"".join(lines)


def _say(writer: asyncio.StreamWriter, *lines: str) -> None:
    writer.write("".join(f"{line}\r\n" for line in lines).encode())


def _message(mail: Mail) -> str:
    shown = ("From", "To", "Subject", "Date", "Message-ID", "List-Unsubscribe")
    fields = "".join(f"<dt>{name}</dt><dd>{html.escape(value)}</dd>" for name, value in mail.headers if name in shown)
    frame = f'<iframe sandbox title="the message as HTML" src="/mail/{mail.effect}/html"></iframe>' if mail.html else ""
    back = '<p><a href="/mail">All messages</a></p>'
    return _page(mail.subject, f"{back}<dl>{fields}</dl>{frame}<h2>As text</h2><pre>{html.escape(mail.text)}</pre>")


def _page(title: str, body: str) -> str:
    escaped = html.escape(title)
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escaped}</title><style>{_STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body><main><h1>{escaped}</h1>{body}</main></body></html>'


def _page_headers(policy: bytes) -> list[tuple[bytes, bytes]]:
    return [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-security-policy", policy),
        (b"referrer-policy", b"no-referrer"),
        (b"cache-control", b"no-store"),
    ]


async def _respond(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [*headers, (b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body})
