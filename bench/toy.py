"""The toy journey against durable workflows on SQLite, side by side: sign-up, welcome, a day, purchase or reminder.

Both keep every step durable before the next and hand messages to a channel that does nothing. Pilotage takes sign-ups and
orders as events, claims and hands over each message and takes its receipt, on RocksDB with synced commits; its clock is
moved by a day for the half that does not buy. DBOS runs one workflow per customer: a step that records the sign-up, a step
that sends the welcome, a durable sleep of the shortest length in place of the day, a step that looks for a purchase and,
for half, a step that sends the reminder.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import uvloop
from dbos import DBOS, DBOSConfig, SetWorkflowID

from pilotage.app.workspace import compile_workspace, load
from pilotage.channel.channel import Fate, Message, Receipt
from pilotage.channel.ratelimit import RateLimit
from pilotage.event.envelope import Event
from pilotage.event.time import DAY_US
from pilotage.journey.advance import advance
from pilotage.journey.plan import Plan
from pilotage.journey.program import Program
from pilotage.journey.program import load as load_program
from pilotage.journey.recheck import recheck_action
from pilotage.profile.identity import subject_id
from pilotage.runner.allow import AllowList
from pilotage.runner.clock import VirtualClock
from pilotage.runner.compose import Composer, contents_of
from pilotage.runner.delivery import Ports
from pilotage.runner.dispatcher import Dispatcher
from pilotage.runner.front import Front
from pilotage.runner.rocks import RocksStore
from pilotage.runner.station import Equipment, Station, open_station, open_stores
from pilotage.runner.ticket import SHARDS
from pilotage.source.intake import Admitted
from pilotage.source.zones import packaged_zones

WORKSPACE = Path(__file__).parent / "toy"
START_US = 1_790_000_000_000_000
SECRET = b"the toy journey's environment"
GROUP = 200
"""How many sign-ups one submission brings."""
WORKFLOWS_AT_ONCE = 8


class Silent:
    """A channel that hands over to nobody."""

    name = "email"
    idempotent = False
    parts_required: frozenset[str] = frozenset()
    parts_allowed = frozenset({"subject", "text"})

    def __init__(self) -> None:
        self.sent = 0

    async def send(self, message: Message) -> Receipt:
        """Count it."""
        self.sent += 1
        return Receipt(Fate.SENT, provider_id=message.idempotency_key)

    async def close(self) -> None:
        """There is nothing to close."""


def pilotage_per_s(folder: Path, journeys: int) -> float:
    """Journeys per second of real time, from the first sign-up to the last receipt."""
    return uvloop.run(_pilotage(folder, journeys))


async def _pilotage(folder: Path, journeys: int) -> float:
    found = compile_workspace(load(WORKSPACE, {}), packaged_zones())
    if found.plan is None:
        raise ValueError("\n".join(finding.text for finding in found.findings))
    plan = found.plan
    program = load_program(plan, packaged_zones(), "toy")
    clock, channel = VirtualClock(START_US), Silent()
    equipped = Equipment(
        "toy", plan.digest, lambda _: program, advance, clock, make_dispatcher=_dispatcher_of(plan, program, clock, channel)
    )
    station = await open_station(open_stores(folder, range(SHARDS)), equipped)
    await station.start()
    front_store = RocksStore(folder / "front")
    front = Front(front_store, SECRET, [station], clock, lambda _: Admitted([], []))
    begun = time.perf_counter()
    signed = [_event(n, "customer.signed_up", b'{"email":"c%d@example.test"}' % n) for n in range(journeys)]
    await _submit(front, signed)
    await _until(lambda: channel.sent >= journeys and not _busy(station))
    await _submit(front, [_event(n, "order.placed", b'{"total":12.5}') for n in range(0, journeys, 2)])
    clock.advance(DAY_US + 1)
    await _until(lambda: channel.sent >= journeys + journeys // 2 and not _busy(station))
    wall_s = time.perf_counter() - begun
    _check_ended(station, journeys)
    await front.close()
    await station.stop()
    front_store.close()
    return journeys / wall_s


def _check_ended(station: Station, journeys: int) -> None:
    """Every journey is over, or the figure is worth nothing."""
    for number in range(journeys):
        state = station.state(subject_id(SECRET, "user_id", f"u{number}"))
        if state is None or state.entries or "onboarding.toy.first_order" not in state.visits:
            raise RuntimeError(f"the journey of customer {number} is not over")


def _dispatcher_of(plan: Plan, program: Program, clock: VirtualClock, channel: Silent) -> Callable[[Station], Dispatcher]:
    def make(station: Station) -> Dispatcher:
        ports = Ports(
            commit_rows=station.commit_rows,
            submit=station.submit_told,
            page=station.page,
            recheck=lambda action, now_us: recheck_action(program, station.state(action.subject), action, now_us),
            compose=Composer(contents_of(plan).get, lambda _: "service").message,
            contact_class=lambda _: "service",
            paused=station.paused,
            channels={"email": channel},
            allow=AllowList(False, ("*@example.test",)),
        )
        return Dispatcher(ports, clock, {"email": RateLimit(concurrency=256)}, meter=station.telemetry)

    return make


def _event(number: int, kind: str, data: bytes) -> Event:
    return Event(f"{kind}-{number}", "toy", kind, START_US, data, {"user_id": f"u{number}"})


async def _submit(front: Front, events: Sequence[Event]) -> None:
    groups = iter([events[first : first + GROUP] for first in range(0, len(events), GROUP)])

    async def sender() -> None:
        for group in groups:
            await front.submit(group, [])

    await asyncio.gather(*(sender() for _ in range(8)))


async def _until(reached: Callable[[], bool]) -> None:
    while not reached():
        await asyncio.sleep(0.005)


def _busy(station: Station) -> bool:
    """Whether messages are still on their way, or receipts of them."""
    dispatcher = station.dispatcher
    assert dispatcher is not None
    on_their_way = any(waiting or busy for waiting, busy, _ in dispatcher.depth().values())
    return on_their_way or dispatcher.untold > 0 or station.engine.queued_events > 0


@DBOS.step()
def record_sign_up(customer: int) -> str:
    """The sign-up, kept durably as the step's result."""
    return f"c{customer}@example.test"


@DBOS.step()
def send(message: str, address: str) -> str:
    """A hand-over to nobody, kept durably as the step's result."""
    return f"{message} to {address}"


@DBOS.step()
def bought(customer: int) -> bool:
    """Whether the customer bought, kept durably as the step's result."""
    return customer % 2 == 0


@DBOS.workflow()
def toy_journey(customer: int) -> str:
    """One customer's journey."""
    address = record_sign_up(customer)
    send("welcome", address)
    DBOS.sleep(0.001)
    if bought(customer):
        return "bought"
    send("reminder", address)
    return "reminded"


def dbos_per_s(folder: Path, journeys: int) -> float:
    """Workflows per second of real time, several at once."""
    config: DBOSConfig = {"name": "toy", "system_database_url": f"sqlite:///{folder / 'dbos.sqlite'}", "log_level": "ERROR"}
    DBOS(config=config)
    DBOS.launch()

    def one(customer: int) -> str:
        with SetWorkflowID(f"customer-{customer}"):
            return toy_journey(customer)

    with ThreadPoolExecutor(WORKFLOWS_AT_ONCE) as pool:
        list(pool.map(one, range(-WORKFLOWS_AT_ONCE, 0)))
        begun = time.perf_counter()
        list(pool.map(one, range(journeys)))
        wall_s = time.perf_counter() - begun
    DBOS.destroy()
    return journeys / wall_s
