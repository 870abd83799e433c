"""Clocks: the machine's, a faster one, and one that is moved by hand."""

import asyncio

import pytest

from pilotage.runner.clock import Clock, ScaledClock, SystemClock, VirtualClock


def test_virtual_sleepers_wake_in_order() -> None:
    """Tasks that sleep on a virtual clock wake when it is moved to their instant, and not before."""

    async def run() -> None:
        clock = VirtualClock(100)
        woken: list[int] = []

        async def sleep(until_us: int) -> None:
            await clock.sleep_until(until_us)
            woken.append(until_us)

        async with asyncio.TaskGroup() as tasks:
            for until_us in (300, 200, 50):
                tasks.create_task(sleep(until_us))
            for now_us, expected in ((199, [50]), (200, [50, 200]), (150, [50, 200]), (300, [50, 200, 300])):
                clock.set(now_us)
                for _ in range(3):
                    await asyncio.sleep(0)
                assert woken == expected
                assert clock.now_us() == now_us

    asyncio.run(run())


def test_virtual_time_never_comes_by_itself() -> None:
    """A virtual clock says that no real time brings a later instant."""
    clock = VirtualClock(5)
    assert (clock.seconds_until(6), clock.seconds_until(5)) == (float("inf"), 0.0)
    clock.advance(1)
    assert clock.seconds_until(6) == 0.0


@pytest.mark.parametrize(("clock", "speed"), [(SystemClock(), 1), (ScaledClock(1_000.0, 0), 1_000)], ids=["system", "scaled"])
def test_real_clocks_reach_their_instant(clock: Clock, speed: int) -> None:
    """Sleeping until an instant returns when the clock shows it, and at once when it is past."""
    until_us = clock.now_us() + 50_000 * speed
    assert 0 < clock.seconds_until(until_us) <= 0.05
    asyncio.run(clock.sleep_until(until_us))
    assert clock.now_us() >= until_us
    assert clock.seconds_until(0) == 0.0
    asyncio.run(clock.sleep_until(0))


def test_scaled_clock_runs_faster() -> None:
    """A clock of speed 1,000 needs a thousandth of the time, and one of speed 0 is refused."""
    clock = ScaledClock(1_000.0, 0)
    assert clock.seconds_until(clock.now_us() + 1_000_000_000) == pytest.approx(1.0, abs=0.5)
    with pytest.raises(ValueError, match="above 0"):
        ScaledClock(0.0, 0)
