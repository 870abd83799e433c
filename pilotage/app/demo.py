"""The command `demo`: a fictional retailer's systems and customers, 22 journeys, and everything they lead to, at once.

It copies the demo workspace, starts the whole system with a mail room and a service desk that deliver to nobody, and lets
the demo world drive it over HTTP. Time runs fast: on a scaled clock to watch, on a clock moved by hand with `--smoke`.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import uvloop
import yaml

import pilotage.simulate
from pilotage.app.exits import CONFIG, NEGATIVE, OK, USAGE, Trouble
from pilotage.app.governed import Change
from pilotage.app.live import LiveView
from pilotage.app.mailroom import Mailroom
from pilotage.app.observe import set_up_logs
from pilotage.app.options import AsJson
from pilotage.app.proposal import tell_proposal
from pilotage.app.retailer import Retailer, write_keys
from pilotage.app.service_desk import ServiceDesk
from pilotage.app.smoke import audit, live
from pilotage.app.system import RunOptions, System, listen, prepare, trouble_of, url_of
from pilotage.app.terminal import console, number, print_json
from pilotage.event.time import DAY_US, parse_instant_us
from pilotage.runner.clock import Clock, ScaledClock, VirtualClock
from pilotage.simulate.draws import Draws
from pilotage.simulate.world import World

START_US = parse_instant_us("2026-03-02T00:00:00Z")
LOOK_S = 0.2
HOST = "127.0.0.1"
DEMO = Path(pilotage.simulate.__file__).parent / "demo"


class Scene(msgspec.Struct, frozen=True):
    """What the demo is made of."""

    system: System
    retailer: Retailer
    mailroom: Mailroom
    desk: ServiceDesk
    change: Change


def demo_command(
    *,
    smoke: bool = False,
    customers: int = 0,
    days: int = 14,
    speed: float = 8_640.0,
    seed: int = 7,
    port: int = 0,
    data: Path | None = None,
    stay: bool | None = None,
    json: AsJson = False,
) -> int:
    """See it all at work: a retailer's twelve systems, its customers and staff, 22 journeys, live in the terminal.

    Everything is synthetic and stays on this machine: mails go to a page of the demo's own, addresses reach nobody.

    Example: pilotage demo --customers 500 --days 30

    Parameters
    ----------
    smoke
        Run headless to an end as fast as the machine allows, check the books, print one line.
    customers
        How many customers the world has; 1,000 without it, 300 with --smoke.
    days
        How many simulated days.
    speed
        How many times faster than real time; 8,640 makes a day last ten seconds.
    seed
        Which world: equal seeds live alike.
    port
        The port of the API and the pages; 0 takes a free one.
    data
        The folder for workspace and data, kept afterwards; a temporary one without it.
    stay
        Go on serving after the last day, until Ctrl-C; at a terminal it does, in a pipe it does not.
    """
    if min(days, speed) <= 0 or customers < 0:
        raise Trouble("--days, --speed and --customers must be above 0", USAGE)
    set_up_logs("error")
    people = customers or (300 if smoke else 1_000)
    with _folder(data) as folder, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if smoke:
            return runner.run(_smoke(folder, people, days, seed, as_json=json))
        staying = sys.stdout.isatty() if stay is None else stay
        return runner.run(_watch(folder, people, days, speed, seed, port, staying=staying, kept=data is not None))


@contextlib.contextmanager
def _folder(data: Path | None) -> Iterator[Path]:
    if data is None:
        with tempfile.TemporaryDirectory(prefix="pilotage-demo-") as made:
            yield Path(made)
        return
    if data.exists() and any(data.iterdir()):
        raise Trouble(f"{data} is not empty", CONFIG, "name a folder that is, or one that does not exist yet")
    data.mkdir(parents=True, exist_ok=True)
    yield data


@contextlib.asynccontextmanager
async def scene(folder: Path, customers: int, seed: int, clock: Clock, port: int, days: int = 14) -> AsyncIterator[Scene]:
    """Everything running, and stopped in order at the end."""
    mailroom, desk, keys = Mailroom(clock.now_us), ServiceDesk(), write_keys()
    await mailroom.start()
    workspace = folder / "workspace"
    shutil.copytree(DEMO, workspace)
    listening = listen(HOST, port)
    _bind(workspace, mailroom.port, url_of(HOST, listening), keys)
    system = prepare(RunOptions(workspace, folder / "data", HOST), os.environ, clock, listening)
    system.site.pages |= {"/mail": mailroom, "/desk": desk}
    try:
        await system.start()
        retailer = Retailer(World(seed, customers, START_US), Draws(seed), customers, system, mailroom, keys)
        yield Scene(system, retailer, mailroom, desk, Change(system, START_US, days * DAY_US))
        await retailer.close()
    finally:
        await system.stop()
        await mailroom.stop()


def _bind(workspace: Path, mail_port: int, url: str, keys: dict[str, str]) -> None:
    """Bind the copied workspace to the demo's own mail room and service desk."""
    path = workspace / "pilotage.yaml"
    settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    bindings = settings["bindings"]
    bindings["channels"]["email"] |= {"host": "127.0.0.1", "port": mail_port, "security": "none"}
    bindings["endpoints"]["service-desk"]["url"] = f"{url}/desk/tasks"
    bindings["write_keys"] = keys
    settings["environment"]["allow"] = [*settings["environment"]["allow"], "inbox:*", "call:service-desk"]
    path.write_text(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True), encoding="utf-8")


async def _smoke(folder: Path, customers: int, days: int, seed: int, *, as_json: bool) -> int:
    began_s = time.perf_counter()
    clock = VirtualClock(START_US)
    async with scene(folder, customers, seed, clock, 0, days) as played:
        until_us = START_US + days * DAY_US
        await lived_through(played, clock, until_us)
        found = await audit(played.system, played.retailer, played.change)
    took_s = time.perf_counter() - began_s
    if as_json:
        print_json({**msgspec.structs.asdict(found), "seconds": round(took_s, 1)})
    else:
        tell_proposal(DEMO)
        out = console()
        for fault in found.faults:
            out.print(f"fault: {fault}", markup=False)
        told = (
            f"{number(found.events)} events, {number(found.messages)} messages ({number(found.mails)} mails), {number(found.visits)} visits"
        )
        verdict = "the books balance" if not found.faults else f"{len(found.faults)} faults"
        out.print(
            f"demo: {days} days of {number(customers)} customers in {took_s:.1f} s: {told}, {number(found.calls)} calls, "
            f"{number(found.tasks)} tasks done; release {found.release} by proposal {found.proposal or 'nobody'}: {verdict}"
        )
    return NEGATIVE if found.faults else OK


async def lived_through(played: Scene, clock: VirtualClock, until_us: int) -> None:
    """Let the world live to an instant on a clock moved by hand, and the change come when it is due."""
    while 0 < played.change.next_us < until_us:
        await live(played.system, clock, played.retailer, played.change.next_us)
        await played.change.live_until(clock.now_us())
    await live(played.system, clock, played.retailer, until_us)


async def _watch(folder: Path, customers: int, days: int, speed: float, seed: int, port: int, *, staying: bool, kept: bool) -> int:
    clock = ScaledClock(speed, START_US)
    until_us = START_US + days * DAY_US
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopping.set)
    async with scene(folder, customers, seed, clock, port, days) as played:
        with LiveView(played.system, played.retailer, played.mailroom, played.change, until_us) as view:
            while clock.now_us() < until_us and await _lived(played, clock, stopping):
                view.refresh()
        if not stopping.is_set():
            tell_proposal(DEMO)
        if staying and not stopping.is_set():
            view.say_what_to_try(folder / "data", running=True)
            console().print("\nThe world goes on living. Ctrl-C ends it.")
            while await _lived(played, clock, stopping):
                pass
        elif kept:
            view.say_what_to_try(folder / "data", running=False)
    return OK


async def _lived(played: Scene, clock: Clock, stopping: asyncio.Event) -> bool:
    """Let the world catch up with the clock, and rest a moment; whether it goes on. `Trouble` if the system ended by itself."""
    if played.system.ended.done():
        fault = played.system.ended.result()
        if fault is not None:
            raise trouble_of(fault)
        return False
    played.retailer.report()
    await played.retailer.live_until(clock.now_us())
    await played.change.live_until(clock.now_us())
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LOOK_S):
            await stopping.wait()
    return not stopping.is_set()
