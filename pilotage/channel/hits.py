"""The link server: an ASGI application that turns visits of signed links into events about the customer.

`GET /o/{token}.gif` is an opened message, `GET /c/{token}` a click that is sent on, `/u/{token}` unsubscribes: by POST at
once (RFC 8058), by GET only after a confirmation, since mail scanners visit every link. Visits by scanners, image proxies
and prefetchers are kept and marked `automated`.
"""

import hashlib
import html
import re
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

import msgspec
import structlog

from pilotage.channel.links import BadToken, Hit, HitKind, Links, resolve
from pilotage.event.envelope import Event
from pilotage.event.time import MINUTE_US, SECOND_US

HASTY_US = 2 * SECOND_US
"""A click sooner than this after the message was made ready is a scanner's: nobody reads so fast."""
FORM_BYTES_MAX = 4_096
SOURCE = "pilotage.links"

Submit = Callable[[bytes, Event], Awaitable[object]]
"""Takes (subject, event) and returns when the event is durable."""
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_AUTOMATED = re.compile(
    r"googleimageproxy|yahoomailproxy|yahoo ?mail ?proxy|bot\b|crawl|spider|scan|preview|prefetch|barracuda|proofpoint|mimecast|"
    r"safelinks|microsoft office|ms-office|fireeye|trendmicro|symantec|messagelabs|cloudmark|zscaler|headless|"
    r"python-|curl/|wget/|go-http-client|java/|okhttp|libwww|httpclient",
    re.IGNORECASE,
)
_PIXEL = bytes.fromhex("47494638396101000100800000ffffff00000021f90401000000002c00000000010001000002024401003b")
_QUIET = [(b"cache-control", b"no-store, private"), (b"referrer-policy", b"no-referrer"), (b"x-robots-tag", b"noindex, nofollow")]
_PAGE_HEADERS = [
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"),
    *_QUIET,
]

log = structlog.get_logger("pilotage.links")


def is_automated(user_agent: str, method: str, headers: dict[bytes, bytes], hit: Hit, now_us: int) -> bool:
    """Whether a visit was made by a machine: a HEAD request, a prefetch, an image proxy or a scanner by its name, the bare
    `Mozilla/5.0` of Apple's mail privacy, no name at all, or a click sooner than anybody reads."""
    if method == "HEAD" or not user_agent or user_agent.strip() == "Mozilla/5.0" or _AUTOMATED.search(user_agent):
        return True
    if b"prefetch" in headers.get(b"purpose", b"").lower() or b"prefetch" in headers.get(b"sec-purpose", b"").lower():
        return True
    return hit.kind is HitKind.CLICK and 0 <= now_us - hit.sent_us < HASTY_US


def hit_event(hit: Hit, automated: bool, now_us: int) -> Event:
    """The event of a visit. Repeated visits of one link within a minute have one id, so a flood of them is one event;
    an unsubscription always counts, since the customer may have granted anew in between."""
    if hit.kind is HitKind.UNSUBSCRIBE:
        data: dict[str, Any] = {"purpose": hit.purpose, "channel": hit.channel, "granted": False, "source": "one-click"}
        return _event(f"unsubscribe:{hit.effect.hex()}:{now_us}", "consent.changed", data, now_us)
    data = {"effect": hit.effect.hex(), "channel": hit.channel, "purpose": hit.purpose, "automated": automated}
    which = f"{hit.effect.hex()}:{int(automated)}:{now_us // MINUTE_US}"
    if hit.kind is HitKind.OPEN:
        return _event(f"open:{which}", "message.opened", data, now_us)
    of_url = hashlib.sha256(hit.url.encode()).hexdigest()[:16]
    return _event(f"click:{which}:{of_url}", "message.clicked", {**data, "url": hit.url}, now_us)


def _event(identity: str, kind: str, data: dict[str, Any], now_us: int) -> Event:
    present = {name: value for name, value in data.items() if value != ""}
    return Event(id=identity, source=SOURCE, type=kind, occurred_us=now_us, data=msgspec.json.encode(present), identifiers={})


class LinkServer:
    """The ASGI application. `submit` takes the events; `now_us` tells the time in microseconds UTC. The last two parts of
    the path count, so it may be mounted anywhere."""

    def __init__(self, links: Links, submit: Submit, now_us: Callable[[], int]) -> None:
        self._links = links
        self._submit = submit
        self._now_us = now_us

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        kind, text = ["", *str(scope["path"]).split("/")][-2:]
        try:
            hit = resolve(text.removesuffix(".gif"), self._links.secrets)
        except BadToken as fault:
            return await _page(send, 404, "This link does not work", f"<p>{fault}. It may have been cut in two; please copy it whole.</p>")
        if hit.kind != kind:
            return await _page(send, 404, "This link does not work", "<p>the link leads elsewhere.</p>")
        await self._visit(hit, scope, receive, send)

    async def _visit(self, hit: Hit, scope: Message, receive: Receive, send: Send) -> None:
        method = scope["method"]
        if hit.kind is HitKind.UNSUBSCRIBE:
            return await self._unsubscribe(hit, method, receive, send)
        if method not in ("GET", "HEAD"):
            return await _page(send, 405, "Method not allowed", "", [(b"allow", b"GET, HEAD")])
        await self._record(hit, method, dict(scope["headers"]))
        if hit.kind is HitKind.OPEN:
            return await _respond(send, 200, b"" if method == "HEAD" else _PIXEL, [(b"content-type", b"image/gif"), *_QUIET])
        await _respond(send, 302, b"", [(b"location", _ascii_url(hit.url)), *_QUIET])

    async def _record(self, hit: Hit, method: str, headers: dict[bytes, bytes]) -> None:
        now_us = self._now_us()
        automated = is_automated(headers.get(b"user-agent", b"").decode("latin-1"), method, headers, hit, now_us)
        try:
            await self._submit(hit.subject, hit_event(hit, automated, now_us))
        except Exception as fault:  # noqa: BLE001 - a customer is sent on even when the visit cannot be kept
            log.warning("hit not recorded", kind=hit.kind.name, effect=hit.effect.hex(), fault=type(fault).__name__)

    async def _unsubscribe(self, hit: Hit, method: str, receive: Receive, send: Send) -> None:
        if method in ("GET", "HEAD"):
            button = '<form method="post"><p><button type="submit" style="font:inherit;padding:.6em 1.2em">Unsubscribe</button></p></form>'
            what = f"messages about <strong>{html.escape(hit.purpose)}</strong> by {html.escape(hit.channel)}"
            body = f"<p>You will no longer receive {what}.</p>{button}"
            return await _page(send, 200, "Do you want to unsubscribe?", body, head=method == "HEAD")
        if method != "POST":
            return await _page(send, 405, "Method not allowed", "", [(b"allow", b"GET, HEAD, POST")])
        await _drain(receive)
        try:
            await self._submit(hit.subject, hit_event(hit, False, self._now_us()))
        except Exception as fault:  # noqa: BLE001 - whatever it was, the customer must learn that it did not work
            log.error("unsubscription not recorded", effect=hit.effect.hex(), fault=type(fault).__name__)
            return await _page(send, 503, "Please try again", "<p>Your request could not be stored just now.</p>", [(b"retry-after", b"5")])
        await _page(send, 200, "You are unsubscribed", f"<p>No more messages about <strong>{html.escape(hit.purpose)}</strong>.</p>")


async def _drain(receive: Receive) -> None:
    """Read what was posted (`List-Unsubscribe=One-Click`, or our own empty form); what it says does not matter."""
    read = 0
    while read < FORM_BYTES_MAX:
        message = await receive()
        read += len(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body"):
            return


async def _page(send: Send, status: int, title: str, body: str, headers: Sequence[tuple[bytes, bytes]] = (), *, head: bool = False) -> None:
    style = "body{font:1.125rem/1.5 system-ui,sans-serif;max-width:36rem;margin:10vh auto;padding:0 1rem}"
    page = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{style}</style></head><body><main><h1>{title}</h1>{body}</main></body></html>"
    )
    await _respond(send, status, b"" if head else page.encode(), [*_PAGE_HEADERS, *headers])


async def _respond(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


def _ascii_url(url: str) -> bytes:
    """The address as a header value: line ends removed, other than ASCII percent-encoded (RFC 3987, section 3.1)."""
    plain = "".join(character for character in url if character >= " " and character != "\x7f").replace(" ", "%20")
    return "".join(c if c.isascii() else "".join(f"%{byte:02X}" for byte in c.encode()) for c in plain).encode()
