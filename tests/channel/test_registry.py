"""Channels are found by entry point and built from bindings."""

import asyncio
import io
from importlib.metadata import EntryPoint

import pytest

from pilotage.channel import registry
from pilotage.channel.channel import Fate
from pilotage.channel.console import Console
from pilotage.channel.ratelimit import Bucket, RateLimit
from pilotage.channel.registry import UnknownChannel, build_channels, rate_limits
from pilotage.channel.services import ChannelMisconfigured, Services
from pilotage.channel.smtp import Smtp
from pilotage.channel.webhook import Webhook
from pilotage.event.time import SECOND_US
from pilotage.testing.channel import check_channel, example_message

POINTS = [
    EntryPoint(name, f"pilotage.channel.{module}:build", registry.GROUP)
    for name, module in (("email", "smtp"), ("webhook", "webhook"), ("inbox", "inbox"), ("console", "console"))
]


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "entry_points", lambda group: POINTS if group == registry.GROUP else [])


def services(**changes: object) -> Services:
    return Services(now_us=lambda: 0, **changes)  # type: ignore[arg-type]


def test_bindings_become_channels() -> None:
    """Each binding is a channel, built with its settings; texts of the environment are read as numbers."""
    bindings = {"email": {"host": "mail", "port": "2525", "sender": "a@b.example", "rate": {"per_s": 5}}, "webhook": {}}
    channels = build_channels(bindings, services(endpoints={"desk": {"url": "https://desk.example"}}))
    email, webhook = channels["email"], channels["webhook"]
    assert isinstance(email, Smtp)
    assert isinstance(webhook, Webhook)
    assert (2525, ["desk"]) == (email._settings.port, list(webhook.endpoints))
    assert {"email": RateLimit(per_s=2.5, concurrency=32)} == rate_limits(bindings, workers=2)


def test_an_unknown_channel_names_the_known() -> None:
    """A channel that no package brings is refused, with the closest name and all there are."""
    with pytest.raises(UnknownChannel, match=r"did you mean 'email'.*console, email, inbox, webhook"):
        build_channels({"emial": {}}, services())
    assert {"console", "email", "inbox", "webhook"} == set(registry.installed())


@pytest.mark.parametrize(
    ("name", "settings", "word"),
    [
        ("email", {"host": "h"}, "sender"),
        ("email", {"host": "h", "sender": "a@b.example", "security": "ssl"}, "security"),
        ("email", {"host": "h", "sender": "a@b.example", "pasword": "x"}, "pasword"),
        ("console", {"colour": True}, "colour"),
        ("inbox", {}, "no inbox table"),
    ],
)
def test_wrong_settings_are_named(name: str, settings: dict[str, object], word: str) -> None:
    """A missing, unknown or ill-typed setting is refused by name, with where to correct it."""
    with pytest.raises(ChannelMisconfigured, match=f"(?s){word}.*pilotage.yaml"):
        build_channels({name: settings}, services())


def test_the_console_shows_control_characters() -> None:
    """What a value holds cannot move the cursor or clear the screen."""
    stream = io.StringIO()
    message = example_message(Console(stream), "ada\x1b[2J@test.example")
    receipt = asyncio.run(Console(stream).send(message))
    assert (Fate.SENT, False, True) == (receipt.fate, "\x1b" in stream.getvalue(), "\\x1b[2J" in stream.getvalue())


def test_the_console_keeps_its_promises() -> None:
    """The console passes the conformance suite of channels."""
    stream = io.StringIO()
    asyncio.run(check_channel(lambda: Console(stream), recipient="ada", delivered=lambda: stream.getvalue().count("→")))


def test_the_suite_finds_a_channel_that_lies() -> None:
    """A channel that calls itself idempotent and is not fails the conformance suite."""
    stream = io.StringIO()

    class Liar(Console):
        idempotent = True

    with pytest.raises(AssertionError, match="delivered 2 times"):
        asyncio.run(check_channel(lambda: Liar(stream), recipient="ada", delivered=lambda: stream.getvalue().count("→")))


def test_a_bucket_gives_no_more_than_its_rate() -> None:
    """Ten a second: ten at once, then one each tenth; a clock set back gives nothing and takes nothing."""
    bucket = Bucket(RateLimit(per_s=10))
    assert 10 == bucket.available(0)
    bucket.take(10)
    assert (0, 100_001) == (bucket.available(0), bucket.next_us(0))
    assert (1, 10) == (bucket.available(100_000), bucket.available(60 * SECOND_US))
    bucket.take(10)
    assert 0 == bucket.available(SECOND_US)
    bucket.give_back(3)
    assert 3 == bucket.available(SECOND_US)
    assert Bucket(RateLimit()).available(0) > 1_000_000
