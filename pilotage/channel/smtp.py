"""E-mail by SMTP: multipart/alternative with text and HTML, over a few kept connections.

The Message-ID is made from the effect key, so a message that had to be sent again is recognised as the same one. A value
with a line break never becomes a header. What is lost after DATA has begun is unknown; before it, it may be tried again.
"""

from collections.abc import Callable, Mapping
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, getaddresses
from typing import Any

import aiosmtplib
from aiosmtplib import SMTPException, SMTPResponseException

from pilotage.channel.channel import Channel, Fate, Message, Receipt
from pilotage.channel.kinds import EMAIL, SmtpSettings
from pilotage.channel.services import Services, read_settings
from pilotage.event.time import moment

IDLE_CONNECTIONS_MAX = 16


class UnsafeMail(ValueError):
    """An address or header cannot be written without changing what it says (a line break, a second address). Correct the
    customer's address or the content."""


def build(settings: Mapping[str, Any], services: Services) -> Channel:
    """The channel of an environment's bindings."""
    return Smtp(read_settings("email", settings, SmtpSettings), services.now_us)


class Smtp:
    """The channel."""

    name = "email"
    idempotent = False
    parts_required = EMAIL.parts_required
    parts_allowed = EMAIL.parts_allowed

    def __init__(self, settings: SmtpSettings, now_us: Callable[[], int]) -> None:
        self._settings = settings
        self._now_us = now_us
        self._sender = _address(settings.sender)
        self._idle: list[aiosmtplib.SMTP] = []

    async def send(self, message: Message) -> Receipt:
        """Hand the mail to the server. A refusal by code 4yz may be tried again, one by 5yz may not."""
        try:
            recipient = _address(message.recipient)
            sender = _address(message.sender) if message.sender else self._sender
            mail = compose(message, self._settings, sender, recipient, self._now_us())
        except (UnsafeMail, ValueError, HeaderParseError) as fault:
            return Receipt(Fate.FAILED, reason=f"the mail cannot be written: {fault}")
        wide = not (recipient.addr_spec.isascii() and sender.addr_spec.isascii())
        raw = mail.as_bytes(policy=SMTPUTF8 if wide else SMTP)
        try:
            client = await self._ready(sender.addr_spec, recipient.addr_spec, wide)
        except aiosmtplib.SMTPAuthenticationError as fault:
            return Receipt(Fate.RETRY, reason=f"the server refused the login: SMTP {fault.code}")
        except SMTPResponseException as fault:
            return _refusal(fault.code, fault.message)
        except aiosmtplib.SMTPNotSupported as fault:
            return Receipt(Fate.FAILED, reason=str(fault))
        except (SMTPException, OSError) as fault:  # a certificate that does not verify too: it is put right without the message
            return Receipt(Fate.RETRY, reason=f"no connection: {type(fault).__name__}")
        except ValueError as fault:
            return Receipt(Fate.FAILED, reason=str(fault))
        return await self._data(client, raw)

    async def _ready(self, sender: str, recipient: str, wide: bool) -> aiosmtplib.SMTP:
        """A connection on which the envelope is accepted: a kept one, or a new one where the server has closed those."""
        while self._idle:
            client = self._idle.pop()
            try:
                await self._envelope(client, sender, recipient, wide)
                return client
            except (aiosmtplib.SMTPServerDisconnected, ConnectionError):
                continue  # it had rested too long; nothing was handed over
        client = await self._connect()
        await self._envelope(client, sender, recipient, wide)
        return client

    async def _connect(self) -> aiosmtplib.SMTP:
        settings = self._settings
        client = aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            username=settings.username or None,
            password=settings.password or None,
            use_tls=settings.security == "tls",
            start_tls=settings.security == "starttls",
            timeout=settings.timeout_s,
            validate_certs=settings.validate_certs,
        )
        await client.connect()
        return client

    async def _envelope(self, client: aiosmtplib.SMTP, sender: str, recipient: str, wide: bool) -> None:
        encoding = "utf-8" if wide else "ascii"
        try:
            if wide and client.last_ehlo_response is None:
                await client.ehlo()
            if wide and not client.supports_extension("smtputf8"):
                raise aiosmtplib.SMTPNotSupported("the server does not take addresses beyond ASCII (SMTPUTF8)")
            await client.mail(sender, options=["SMTPUTF8"] if wide else None, encoding=encoding)
            await client.rcpt(recipient, encoding=encoding)
        except SMTPResponseException:
            await self._reset(client)
            raise
        except BaseException:  # cancelled or broken half-way: this connection must not be used again
            client.close()
            raise

    async def _data(self, client: aiosmtplib.SMTP, raw: bytes) -> Receipt:
        try:
            answer = await client.data(raw)
        except SMTPResponseException as fault:
            await self._reset(client)
            return _refusal(fault.code, fault.message)
        except (SMTPException, OSError) as fault:
            client.close()
            return Receipt(Fate.UNKNOWN, reason=f"the connection was lost after DATA: {type(fault).__name__}")
        except BaseException:  # cancelled half-way: this connection must not be used again
            client.close()
            raise
        self._keep(client)
        return Receipt(Fate.SENT, provider_id=answer.message[:200])

    async def _reset(self, client: aiosmtplib.SMTP) -> None:
        """Make a connection fit for the next message after a refusal, or give it up."""
        try:
            await client.rset()
            self._keep(client)
        except (SMTPException, OSError):
            client.close()

    def _keep(self, client: aiosmtplib.SMTP) -> None:
        if len(self._idle) < IDLE_CONNECTIONS_MAX and client.is_connected:
            self._idle.append(client)
        else:
            client.close()

    async def close(self) -> None:
        """Say goodbye on the kept connections."""
        while self._idle:
            client = self._idle.pop()
            try:
                await client.quit()
            except (SMTPException, OSError):
                client.close()


def _refusal(code: int, text: str) -> Receipt:
    fate = Fate.RETRY if 400 <= code < 500 else Fate.FAILED
    return Receipt(fate, reason=f"SMTP {code} {' '.join(text.split())}"[:300])


def _address(text: str) -> Address:
    """One address, its domain in ASCII (IDNA). `UnsafeMail` when it is none, or more than one."""
    if any(character < " " or character in "\x7f\u2028\u2029" for character in text):
        raise UnsafeMail("an address holds a control character")
    found = getaddresses([text])
    name, spec = found[0] if len(found) == 1 else ("", "")
    local, at, domain = spec.rpartition("@")
    if not (local and at and domain) or any(character in " ,;<>" for character in spec):
        raise UnsafeMail("the recipient is not one e-mail address")
    try:
        domain = domain.encode("ascii" if domain.isascii() else "idna").decode()
        return Address(display_name=name, username=local, domain=domain)
    except (UnicodeError, HeaderParseError, ValueError, IndexError) as fault:
        raise UnsafeMail("the recipient is not an e-mail address") from fault


def compose(message: Message, settings: SmtpSettings, sender: Address, recipient: Address, now_us: int) -> EmailMessage:
    """The mail of a message: text first, HTML as the alternative. `UnsafeMail` when a header holds a control character."""
    mail = EmailMessage(policy=SMTP.clone(cte_type="7bit"))  # readable by every server, 8BITMIME or not
    fields: dict[str, Any] = {
        "From": sender,
        "To": recipient,
        "Subject": message.parts.get("subject", ""),
        "Date": format_datetime(moment(now_us)),
        "Message-ID": f"<{message.idempotency_key}@{sender.domain}>",
        **({"Reply-To": _address(settings.reply_to)} if settings.reply_to else {}),
        **message.headers,
    }
    for name, value in fields.items():
        if isinstance(value, str) and any(character < " " or character == "\x7f" for character in value):
            raise UnsafeMail(f"header {name} holds a control character")
        mail[name] = value
    mail.set_content(message.parts.get("text", ""))
    if "html" in message.parts:
        mail.add_alternative(message.parts["html"], subtype="html")
    return mail
