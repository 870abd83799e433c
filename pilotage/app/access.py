"""Who may ask the API: one bearer token per data folder, and inbox tokens that open one subject's inbox only.

Without a valid token every request is refused. The API token lies in the data folder, readable by its owner alone; what
comes with a request is compared with it by hash and in constant time. Inbox tokens are signed, name their subject and
expire, so that a company's app can hand one to each customer.
"""

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from pathlib import Path

import msgspec

from pilotage.event.digest import key128
from pilotage.event.time import SECOND_US

TOKEN_FILE = "api.token"
RUNNING_FILE = "running.json"
_INBOX_BYTES = 16 + 8 + 16


class Running(msgspec.Struct, frozen=True):
    """What `running.json` in the data folder says while a process runs on it."""

    url: str
    pid: int


class Access:
    """Checks tokens. `secret` is the environment's; what signs inbox tokens is derived from it."""

    def __init__(self, token: str, secret: bytes) -> None:
        self._hash = _hash(token)
        self._inbox_key = key128(secret, "inbox tokens")

    def allows(self, authorization: str) -> bool:
        """Whether a header carries the API's token."""
        return hmac.compare_digest(_hash(_bearer(authorization)), self._hash)

    def inbox_token(self, subject: bytes, expires_us: int) -> str:
        """A token that opens one subject's inbox until an instant."""
        body = subject + (expires_us // SECOND_US).to_bytes(8, "big")
        return base64.urlsafe_b64encode(body + self._tag(body)).rstrip(b"=").decode()

    def opens_inbox(self, authorization: str, query_token: str, subject: bytes, now_us: int) -> bool:
        """Whether a request may read a subject's inbox: by the API's token or by that subject's own, which may come in the
        query, because a browser's event source sends no headers."""
        if self.allows(authorization):
            return True
        raw = _decoded(query_token or _bearer(authorization))
        body, tag = raw[:24], raw[24:]
        if len(raw) != _INBOX_BYTES or not hmac.compare_digest(tag, self._tag(body)):
            return False
        return body[:16] == subject and int.from_bytes(body[16:24], "big") * SECOND_US > now_us

    def _tag(self, body: bytes) -> bytes:
        return hmac.digest(self._inbox_key, body, hashlib.sha256)[:16]


def api_token(folder: Path) -> str:
    """The API token of a data folder, made at first use."""
    path = folder / TOKEN_FILE
    if not path.exists():
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
    return path.read_text(encoding="ascii").strip()


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _bearer(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _decoded(token: str) -> bytes:
    try:
        return base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""
