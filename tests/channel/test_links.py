"""Signed links, and what visits of them mean."""

import asyncio
import json
import re

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.channel.hits import LinkServer
from pilotage.channel.links import BadToken, Hit, HitKind, Links, resolve, rewrite, token, unsubscribe_headers
from pilotage.event.envelope import Event
from pilotage.event.time import MINUTE_US, SECOND_US

LINKS = Links(origin="https://go.shop.example", secrets=(b"new", b"old"))
HIT = Hit(HitKind.CLICK, b"e" * 16, b"s" * 16, "email", "marketing.cart", 1_000_000, "https://shop.example/cart?a=1&b=ü")
PERSON = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@given(st.text(max_size=200), st.sampled_from(HitKind))
def test_a_token_comes_back_whole(url: str, kind: HitKind) -> None:
    """What a link carries is what a visit of it says, under the new secret and the old."""
    hit = msgspec.structs.replace(HIT, url=url, kind=kind)
    assert hit == resolve(token(hit, b"new"), LINKS.secrets) == resolve(token(hit, b"old"), LINKS.secrets)
    assert re.fullmatch(r"[\w-]+", token(hit, b"new"))


@given(st.integers(min_value=0, max_value=5_000), st.characters(categories=("Lu", "Ll", "Nd")))
def test_a_changed_token_is_refused(place: int, character: str) -> None:
    """No character of a token can be changed, cut or added, and no other secret signs."""
    text = token(HIT, b"new")
    index = place % (len(text) - 1)  # the last character of base64 may carry unused bits
    changed = text[:index] + character + text[index + 1 :]
    for wrong in {changed, text[:-2], text + "AAAA", token(HIT, b"other"), ""} - {text}:
        with pytest.raises(BadToken):
            resolve(wrong, LINKS.secrets)


def test_web_links_are_signed_and_others_stay() -> None:
    """Web links lead through the link server to where they led; mail, phone, anchor and unsubscribe links stay."""
    unsubscribe = LINKS.address(msgspec.structs.replace(HIT, kind=HitKind.UNSUBSCRIBE, url=""))
    kept = (
        f'<a href="mailto:x@y.z">m</a><a href="tel:1">t</a><a href="#a">h</a><a href="{unsubscribe}">u</a><link href="https://x.y/s.css">'
    )
    page = f"<html><body><A class='b' HREF='https://shop.example/?a=1&amp;b=2'>go</A>{kept}</body></html>"
    signed = rewrite(page, LINKS, HIT)
    address = re.search(r"HREF='https://go.shop.example/c/([\w-]+)'>go", signed)
    assert address is not None
    assert "https://shop.example/?a=1&b=2" == resolve(address[1], LINKS.secrets).url
    pixel = re.search(r'<img src="https://go.shop.example/o/([\w-]+).gif"[^>]*></body></html>$', signed)
    assert pixel is not None
    assert HitKind.OPEN is resolve(pixel[1], LINKS.secrets).kind
    assert kept in signed
    assert page == rewrite(page, msgspec.structs.replace(LINKS, opens=False, clicks=False), HIT)


def visit(
    method: str, kind: str, hit: Hit, agent: str = PERSON, now_us: int = 100 * SECOND_US, *, down: bool = False
) -> tuple[httpx.Response, list[Event]]:
    """One request to a link server, and the events it made."""
    taken: list[tuple[bytes, Event]] = []

    async def submit(subject: bytes, event: Event) -> None:
        taken.append((subject, event))
        if down:
            raise OSError("disk full")

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=LinkServer(LINKS, submit, lambda: now_us))
        async with httpx.AsyncClient(transport=transport, base_url="https://go.shop.example") as client:
            suffix = ".gif" if kind == "o" else ""
            data = {"List-Unsubscribe": "One-Click"} if method == "POST" else None
            return await client.request(method, f"/{kind}/{token(hit, b'new')}{suffix}", headers={"user-agent": agent}, data=data)

    response = asyncio.run(ask())
    assert {b"s" * 16} >= {subject for subject, _ in taken}
    return response, [event for _, event in taken]


def test_a_click_is_an_event_and_leads_on() -> None:
    """A click is kept with its address and redirected only there, without the token as referrer."""
    response, events = visit("GET", "c", HIT)
    assert (302, "https://shop.example/cart?a=1&b=%C3%BC") == (response.status_code, response.headers["location"])
    assert "no-referrer" == response.headers["referrer-policy"]
    expected = {"effect": "65" * 16, "channel": "email", "purpose": "marketing.cart", "automated": False, "url": HIT.url}
    assert [("message.clicked", expected)] == [(event.type, json.loads(event.data)) for event in events]


def test_a_click_leads_on_even_when_it_cannot_be_kept() -> None:
    """A customer is not stopped by a full disk; an unsubscription that could not be kept says so."""
    assert 302 == visit("GET", "c", HIT, down=True)[0].status_code
    unsubscribe = msgspec.structs.replace(HIT, kind=HitKind.UNSUBSCRIBE)
    response, _ = visit("POST", "u", unsubscribe, down=True)
    assert (503, "5") == (response.status_code, response.headers["retry-after"])


@pytest.mark.parametrize(
    ("method", "agent", "after_us", "automated"),
    [
        ("GET", PERSON, 3 * SECOND_US, False),
        ("GET", PERSON, SECOND_US, True),
        ("HEAD", PERSON, 60 * SECOND_US, True),
        ("GET", "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)", 60 * SECOND_US, True),
        ("GET", "YahooMailProxy; https://help.yahoo.com", 60 * SECOND_US, True),
        ("GET", "Mozilla/5.0", 60 * SECOND_US, True),
        ("GET", "BarracudaCentral/1.0", 60 * SECOND_US, True),
        ("GET", "", 60 * SECOND_US, True),
    ],
)
def test_machines_are_marked(method: str, agent: str, after_us: int, automated: bool) -> None:
    """Scanners, proxies, prefetchers and clicks within two seconds are kept and marked automated."""
    _, events = visit(method, "c", HIT, agent, HIT.sent_us + after_us)
    assert [automated] == [json.loads(event.data)["automated"] for event in events]


def test_an_open_is_a_picture_and_an_event() -> None:
    """The open pixel is a small GIF that nobody caches; a second look within the minute has the same event id."""
    opened = msgspec.structs.replace(HIT, kind=HitKind.OPEN, url="")
    response, events = visit("GET", "o", opened, now_us=5 * MINUTE_US)
    assert (b"GIF89a", "image/gif", "no-store, private") == (
        response.content[:6],
        response.headers["content-type"],
        response.headers["cache-control"],
    )
    _, again = visit("GET", "o", opened, now_us=5 * MINUTE_US + SECOND_US)
    _, later = visit("GET", "o", opened, now_us=6 * MINUTE_US)
    assert events[0].id == again[0].id != later[0].id


def test_only_a_post_unsubscribes() -> None:
    """Scanners that follow the unsubscribe link change nothing; one click (RFC 8058) or the form's button revokes."""
    unsubscribe = msgspec.structs.replace(HIT, kind=HitKind.UNSUBSCRIBE, url="")
    page, nothing = visit("GET", "u", unsubscribe)
    assert [] == nothing
    assert '<form method="post">' in page.text
    assert '<html lang="en">' in page.text
    done, events = visit("POST", "u", unsubscribe)
    assert 200 == done.status_code
    expected = {"purpose": "marketing.cart", "channel": "email", "granted": False, "source": "one-click"}
    assert [("consent.changed", expected)] == [(event.type, json.loads(event.data)) for event in events]


@pytest.mark.parametrize(("method", "kind", "status"), [("GET", "u", 404), ("GET", "o", 404), ("POST", "c", 405), ("DELETE", "c", 405)])
def test_a_link_does_only_what_it_was_made_for(method: str, kind: str, status: int) -> None:
    """A click's token neither unsubscribes nor counts as an open, and other methods are refused."""
    response, events = visit(method, kind, HIT)
    assert (status, []) == (response.status_code, events)


def test_unsubscribe_headers_follow_the_standard() -> None:
    """A message names its unsubscribe address and says that one click is enough."""
    expected = {"List-Unsubscribe": "<https://go/u/x>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    assert expected == unsubscribe_headers("https://go/u/x")
