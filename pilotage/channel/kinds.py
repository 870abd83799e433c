"""The channels that Pilotage brings: the parts of their contents, what their settings are read as, and where each is.

A workspace is checked with this alone. What hands messages over, with the libraries that takes, is loaded by the process that
sends through it.
"""

from typing import Literal

import msgspec


class NoSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A channel without settings."""


class SmtpSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How mail leaves. `sender` is an address, or `Name <address>`. `security` is `starttls` (port 587), `tls` (465) or
    `none` (a relay on the same machine). Times in seconds."""

    host: str
    sender: str
    port: int = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password: str = ""
    reply_to: str = ""
    timeout_s: float = 30.0
    validate_certs: bool = True


class Endpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where calls of one name go. `secret` signs them (`whsec_` and base64, or any text; empty: unsigned). `idempotent`
    says that the receiver drops a repeated `webhook-id`, so a call of unknown fate may be repeated. `headers` are added,
    such as an authorization."""

    url: str
    secret: str = ""
    idempotent: bool = True
    timeout_s: float = 10.0
    headers: dict[str, str] = {}


class Kind(msgspec.Struct, frozen=True):
    """A channel as documents see it: the parts a content must and may have, its settings, and the place of its `build`."""

    parts_required: frozenset[str]
    parts_allowed: frozenset[str]
    settings: type[msgspec.Struct]
    build: str


CONSOLE = Kind(frozenset(), frozenset({"subject", "title", "text", "body"}), NoSettings, "pilotage.channel.console:build")
EMAIL = Kind(frozenset({"subject", "text"}), frozenset({"subject", "text", "html", "mjml"}), SmtpSettings, "pilotage.channel.smtp:build")
INBOX = Kind(frozenset({"title", "body"}), frozenset({"title", "body", "link"}), NoSettings, "pilotage.channel.inbox:build")
WEBHOOK = Kind(frozenset({"body"}), frozenset({"body"}), NoSettings, "pilotage.channel.webhook:build")
BUILT_IN = {"console": CONSOLE, "email": EMAIL, "inbox": INBOX, "webhook": WEBHOOK}
