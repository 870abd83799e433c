"""The demo run to an end: the books balance, and an auditor that looks at tampered books says so."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from pilotage.app.cli import invoke
from pilotage.app.demo import START_US, Scene, lived_through, scene
from pilotage.app.retailer import Handed
from pilotage.app.smoke import audit
from pilotage.event.time import DAY_US, HOUR_US
from pilotage.runner.clock import VirtualClock

Tampering = Callable[[Scene], None]


def test_the_demo_balances_its_books(capsys: pytest.CaptureFixture[str]) -> None:
    """`demo --smoke` runs two weeks of the retailer to an end, tells of a proposal in conflict, and ends with 0."""
    assert 0 == invoke(["demo", "--smoke"])
    *told, line = capsys.readouterr().out.splitlines()
    assert line.endswith("the books balance")
    assert "A gold-tier customer in Berlin receives two e-mails within 30m." in told
    assert any(each.startswith("  Proved: budget apart has room for one message in 40m") for each in told)


def lose_a_mail(found: Scene) -> None:
    """A mail that a receipt speaks of is not in the mail room."""
    found.mailroom.mails.popitem()


def send_twice(found: Scene) -> None:
    """A mail came twice."""
    found.mailroom.repeated.append(next(iter(found.mailroom.mails)))


def release_otherwise(found: Scene) -> None:
    """Decisions name another release than the one that was made."""
    found.change.release += 1


def gate_nothing(found: Scene) -> None:
    """The gates let the fault through."""
    found.change.refusals = ()


def lose_an_event(found: Scene) -> None:
    """An event that was sent is nowhere."""
    found.retailer.posted += 1


def marketing(found: Scene) -> Handed:
    """Some marketing message."""
    return next(handed for handed in found.retailer.handed if handed.action.purpose.startswith("marketing."))


def forget_consent(found: Scene) -> None:
    """A marketing message left without consent."""
    found.retailer.handed.append(msgspec.structs.replace(marketing(found), consent=False))


def send_at_night(found: Scene) -> None:
    """A marketing message left at midnight where its customer lives."""
    handed = marketing(found)
    customer = found.retailer.world.customer(handed.customer)
    zones = found.system.records.program.rules.zones  # type: ignore[union-attr] # it has started
    found.retailer.handed.append(msgspec.structs.replace(handed, at_us=zones.next_at(handed.at_us, customer.zone, 30)))


def overrun_a_budget(found: Scene) -> None:
    """A customer got more marketing messages in an hour than a day allows."""
    handed = marketing(found)
    found.retailer.handed += [msgspec.structs.replace(handed, at_us=handed.at_us + minute * HOUR_US // 60) for minute in range(3)]


def test_the_auditor_finds_what_is_wrong(tmp_path: Path) -> None:
    """For each way of tampering with the books of a run, the auditor names a fault that it did not find before."""
    cases: list[tuple[Tampering, str]] = [
        (lose_an_event, "are accounted for"),
        (send_twice, "came more than once"),
        (forget_consent, "without consent"),
        (send_at_night, "in the quiet hours night"),
        (overrun_a_budget, "budget marketing-day"),
        (lose_a_mail, "is of no mail"),
        (release_otherwise, "decisions after the release name"),
        (gate_nothing, "the change with a fault was not refused"),
    ]

    async def scenario() -> list[tuple[list[str], list[str], str]]:
        clock = VirtualClock(START_US)
        found = []
        async with scene(tmp_path, 120, 7, clock, 0, 6) as played:
            await lived_through(played, clock, START_US + 6 * DAY_US)
            for tamper, expected in cases:
                before = (await audit(played.system, played.retailer, played.change)).faults
                books = (played.retailer.posted, list(played.retailer.handed), played.mailroom.mails.copy())
                tamper(played)
                found.append((before, (await audit(played.system, played.retailer, played.change)).faults, expected))
                played.retailer.posted, played.retailer.handed, played.mailroom.mails = books
                played.mailroom.repeated.clear()
        return found

    for before, after, expected in asyncio.run(scenario()):
        assert not any(expected in fault for fault in before)
        assert any(expected in fault for fault in after), (expected, after)
