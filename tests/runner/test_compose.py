"""From an action to a message."""

import json
import re

import msgspec
import pytest

from pilotage.channel.links import HitKind, Links, resolve
from pilotage.journey.plan import Content
from pilotage.runner.compose import Composer, UnknownContent
from tests.runner.dispatch_world import START_US, make

CONTENT = Content(
    name="c",
    channel="email",
    templates={
        "subject": "Hello {{ customer.name }}",
        "text": "Unsubscribe: {{ unsubscribe_url }}",
        "html": '<html lang="en"><body><a href="https://shop.example/{{ customer.name }}">go</a> '
        '<a href="{{ unsubscribe_url }}">stop</a></body></html>',
    },
)
LINKS = Links("https://go.shop.example", (b"secret",))
ACTION = make(variables={"customer.name": "Ada"}, target="email")


def composer(links: Links | None = LINKS) -> Composer:
    return Composer({"c@1": CONTENT}.get, lambda purpose: purpose.split(".")[0], links)


def test_a_marketing_message_carries_working_links() -> None:
    """Its links lead through the link server to where they led, its unsubscribe link and header unsubscribe this purpose."""
    message = composer().message(ACTION, 2, START_US)
    assert (ACTION.effect.hex(), 2, "Hello Ada", "") == (message.idempotency_key, message.attempt, message.parts["subject"], message.target)
    assert "List-Unsubscribe=One-Click" == message.headers["List-Unsubscribe-Post"]
    tokens = re.findall(r"/([ocu])/([\w-]+)", message.parts["html"])
    hits = {kind: resolve(token, LINKS.secrets) for kind, token in tokens}
    assert {"o", "c", "u"} == set(hits)
    assert "https://shop.example/Ada" == hits["c"].url
    assert {(ACTION.effect, ACTION.subject, "email", "marketing.cart", START_US)} == {
        (hit.effect, hit.subject, hit.channel, hit.purpose, hit.sent_us) for hit in hits.values()
    }
    address = message.headers["List-Unsubscribe"].strip("<>")
    assert f"Unsubscribe: {address}" == message.parts["text"]
    assert HitKind.UNSUBSCRIBE is resolve(address.rpartition("/")[2], LINKS.secrets).kind


def test_a_service_message_has_no_one_click_header() -> None:
    """Only marketing is unsubscribed from by one click in the mail program; without a link server links stay as they are."""
    service = msgspec.structs.replace(ACTION, purpose="service.payment")
    assert {} == composer().message(service, 1, START_US).headers
    plain = composer(None).message(ACTION, 1, START_US)
    assert ({}, True) == (plain.headers, 'href="https://shop.example/Ada"' in plain.parts["html"])


def test_a_call_carries_its_data_as_json() -> None:
    """A call's body is its data, and its target names the endpoint."""
    message = composer().message(make(kind="call", target="desk", content="", variables={"text": "please ring", "n": "1.5"}), 1, START_US)
    assert ("desk", {"text": "please ring", "n": "1.5"}) == (message.target, json.loads(message.parts["body"]))


def test_an_unknown_content_says_what_to_do() -> None:
    """A content that no loaded plan holds fails that message, with the cure."""
    with pytest.raises(UnknownContent, match="re-drive"):
        composer().message(make(content="gone@2"), 1, START_US)
