"""The running system: one workspace on one data folder, from the opened lock to the last flushed state.

It opens the folder, puts the plan in force, recovers the shards in this process or in workers, and serves intake, links
and API over HTTP. It stops in the opposite order: nothing new is taken, hand-overs end, everything is saved.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import structlog
import uvicorn

from pilotage.app.access import RUNNING_FILE, Access, Running, api_token
from pilotage.app.acts import RUNNER, STOPPED, note_policy, note_started
from pilotage.app.admission import admit, note_effective
from pilotage.app.anchors import Anchoring
from pilotage.app.api import make_api
from pilotage.app.control import open_ledger
from pilotage.app.coupons import fill_pools
from pilotage.app.desk import records_of
from pilotage.app.equipment import WorkerSettings, equipment, link_secret
from pilotage.app.exits import BUSY, CONFIG, FAULT, STORE_FULL, UNAVAILABLE, Trouble
from pilotage.app.observe import mark_logs
from pilotage.app.planning import unplanned
from pilotage.app.programs import Programs
from pilotage.app.ran import released_by
from pilotage.app.records import Records, links_of
from pilotage.app.releasing import LOOKED_S, Releaser, TakeOverRefused, check_take_over, put_in_force
from pilotage.app.reviewing import ReviewDesk
from pilotage.app.site import Site
from pilotage.app.workspace import Compiled, Workspace, compile_workspace, load
from pilotage.channel.hits import LinkServer
from pilotage.channel.links import Links
from pilotage.event.envelope import Event
from pilotage.event.time import moment
from pilotage.journey.findings import Report
from pilotage.journey.parse_brand import report_rights
from pilotage.journey.parse_calendar import report_ends
from pilotage.review.ledger import Ledger
from pilotage.review.release import Release
from pilotage.runner.clock import Clock, SystemClock
from pilotage.runner.folder import DataFolder, FolderBusy, open_folder
from pilotage.runner.front import Front
from pilotage.runner.interpreter import unsettle
from pilotage.runner.question import AdoptPlan
from pilotage.runner.rocks import RocksStore
from pilotage.runner.station import Station, open_station, open_stores
from pilotage.runner.store import StoreFull
from pilotage.runner.supervisor import Supervisor
from pilotage.runner.ticket import SHARDS, shares
from pilotage.runner.wire import Assignment
from pilotage.source.http import Ingest
from pilotage.source.intake import Admitted, Intake
from pilotage.source.quarantine import Quarantined
from pilotage.source.sink import Unavailable
from pilotage.source.zones import packaged_zones

EQUIP = "pilotage.app.equipment:equip"

log = structlog.get_logger("pilotage")


class RunOptions(msgspec.Struct, frozen=True):
    """How to run. Port 0 takes a free one. `public_url` is the address that customers' links lead to, without a final
    slash; empty: the server's own. `grace_s` bounds how long hand-overs may take to end at a stop. `short_history` accepts that
    what a new condition counts begins where history does."""

    workspace: Path
    data: Path
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    public_url: str = ""
    grace_s: float = 10.0
    short_history: bool = False


class _Server(uvicorn.Server):
    """A server whose signals are somebody else's business."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the process's signals alone: the system stops the server itself, last."""
        yield


class System:
    """Make it with `prepare`, `await start()`, then `await ended`, then `await stop()`."""

    def __init__(
        self,
        options: RunOptions,
        workspace: Workspace,
        compiled: Compiled,
        folder: DataFolder,
        clock: Clock,
        listening: socket.socket,
        release: Release | None,
        ledger: Ledger,
    ) -> None:
        self.options = options
        self.workspace = workspace
        self.compiled = compiled
        self.release = release
        self.review_desk = ReviewDesk(options.workspace, folder.path, clock.now_us)
        self.folder = folder
        self.clock = clock
        self.listening = listening
        self.ledger = ledger
        self.url = url_of(options.host, listening)
        self.origin = options.public_url.rstrip("/") or self.url
        self.token = api_token(folder.path)
        self.access = Access(self.token, folder.secret)
        self.ended: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()
        self.records: Records | None = None
        self.front: Front | None = None
        self.station: Station | None = None
        self.supervisor: Supervisor | None = None
        self.ingest: Ingest | None = None
        self.site = Site(make_api(self))
        self._front_store: RocksStore | None = None
        self._server = _Server(_server_config(self.site))
        self._serving: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._owners: Sequence[Any] = ()
        self._programs = Programs(folder.path)
        self._steering = asyncio.Lock()
        self._anchoring: Anchoring | None = None
        self.releaser: Releaser | None = None
        self._releasing: asyncio.Task[None] | None = None

    @property
    def unready(self) -> str:
        """Why the system cannot take events now, or nothing."""
        if self.site.closed:
            return self.site.closed
        if self.station is not None:
            return "" if self.station.ready else f"the engine has stopped: {self.station.failure}"
        lost = [sorted(remote.numbers) for remote in self.supervisor.remotes if not remote.ready] if self.supervisor else []
        return f"the worker of shards {lost[0]} is being started" if lost else ""

    async def start(self) -> None:
        """Serve, recover, and begin to take events; returns when ready. Raises what keeps it from starting."""
        self._serving = asyncio.create_task(self._server.serve([self.listening]), name="http")
        self._write_running()
        self._front_store = RocksStore(self.folder.front)
        owners = await self._start_owners()
        self.front = Front(self._front_store, self.folder.secret, owners, self.clock, self._reread, self._end)
        self._carry(self.front)
        self._owners = owners
        program = self._programs(self.folder.environment.plans[-1])
        linked, told = links_of(self._front_store), released_by(self.folder.path)
        self.records = Records(owners, self.front.quarantine, linked, self.folder.secret, program, told)
        self.ingest = self.site.intake = Ingest(self._intake(), self.workspace.write_keys, self.front, self.clock.now_us)
        links = Links(self.origin, (link_secret(self.folder.secret),))
        self.site.links = LinkServer(links, self._submit, self.clock.now_us)
        self.site.closed = ""
        self._release(owners)
        self._anchoring = Anchoring(self.ledger, owners)
        self._anchoring.start()
        log.info("ready", url=self.url, shards=SHARDS, workers=self.options.workers, plan=self.folder.environment.plans[-1][:16])

    def _carry(self, front: Front) -> None:
        """What subjects hand over goes through the front from now on, which keeps what the kernel refuses."""
        if self.station is not None and self.station.courier is not None:
            self.station.courier.deliver = front.deliver
        for remote in self.supervisor.remotes if self.supervisor is not None else ():
            remote.deliver = front.deliver

    def _intake(self) -> Intake:
        """What lets events in by the contracts of the plan in force."""
        recording = self.folder.environment.recording is not None
        contracts = self.folder.plans()[-1].contracts if recording else self.compiled.contracts
        return Intake(contracts, self.compiled.segment_names, self.workspace.intake)

    def _reread(self, items: Sequence[Quarantined]) -> Admitted:
        """Read quarantined events again, by the contracts of now."""
        assert self.ingest is not None
        return self.ingest.intake.resubmit(items)

    def _release(self, owners: Sequence[Any]) -> None:
        """Let the workspace's plan take over as soon as the past that it asks for is filled in."""
        if self.folder.environment.recording is None:
            self._note_release()
            return
        assert self.compiled.plan is not None

        self.releaser = Releaser(self.folder, self.compiled.plan, packaged_zones(), self.clock.now_us, owners, self._took_over)
        self._releasing = asyncio.create_task(self._watch_release(self.releaser), name="release")

    async def _watch_release(self, releaser: Releaser) -> None:
        try:
            await releaser.run()
        except Exception as fault:  # noqa: BLE001 - a release half made must not go on unseen
            self._end(fault)

    async def take_over(self) -> Release:
        """Go on under the newest release, without a stop. `TakeOverRefused` where that cannot be."""
        workspace, compiled = runnable(self.options.workspace, os.environ)
        release = admit(workspace, compiled, self.folder.path, self.clock)
        if release is None:
            raise TakeOverRefused("no release fits what is in the workspace", "release it with 'pilotage release'")
        assert compiled.plan is not None
        await check_take_over(self.folder, compiled.plan, records_of(self))
        self.folder.activate(compiled.plan, packaged_zones())
        fill_pools(Path(workspace.folder), workspace.documents, self.folder.path, self.ledger)
        self.compiled, self.release = compiled, release
        await self.come_into_force(self.folder.environment.plans[-1])
        self._took_over()
        return release

    async def come_into_force(self, name: str) -> None:
        """Have every process go on under the plan of a name, which the data folder has as its newest. One that is being started
        goes on under it by itself."""
        assert self.records is not None
        async with self._steering:
            for owner in self._owners:
                while True:
                    try:
                        await owner.ask(AdoptPlan(self.folder.environment.plans[-1]))
                        break
                    except Unavailable:
                        await asyncio.sleep(LOOKED_S)
            self.records.program = self._programs(self.folder.environment.plans[-1])

    def _took_over(self) -> None:
        """The workspace's plan decides from now on: what names it is told."""
        assert self.records is not None and self.ingest is not None
        self._note_release()
        self.records.program = self._programs(self.folder.environment.plans[-1])
        self.ingest.intake = self._intake()

    def _note_release(self) -> None:
        if self.release is not None:
            note_effective(self.folder.path, self.release, self.folder.environment.plans[-1], self.clock)

    async def _submit(self, subject: bytes, event: Event) -> object:
        assert self.front is not None
        return await self.front.submit_internal(subject, event)

    async def _start_owners(self) -> Sequence[Any]:
        if self.options.workers > 1:
            settings = msgspec.msgpack.encode(WorkerSettings(self.workspace.folder, self.origin, self.options.workers))
            folder = str(self.folder.path)
            assignments = [Assignment(folder, numbers, EQUIP, settings) for numbers in shares(self.options.workers)]
            self.supervisor = Supervisor(assignments, self._end)
            await self._unless_ended(self.supervisor.start())
            return self.supervisor.remotes
        stores = open_stores(self.folder.path, range(SHARDS))
        equipped = equipment(self.folder.path, self.workspace, self.origin, self.clock)
        self.station = await open_station(stores, equipped)
        await self.station.start()
        self._watching = asyncio.create_task(self._watch(self.station), name="watch")
        return [self.station]

    async def _unless_ended(self, starting: Any) -> None:
        """Wait for the workers, or for the news that one can never start."""
        task = asyncio.ensure_future(starting)
        await asyncio.wait({task, self.ended}, return_when=asyncio.FIRST_COMPLETED)
        if self.ended.done():
            task.cancel()
            fault = self.ended.result()
            raise fault if fault is not None else asyncio.CancelledError
        await task

    async def _watch(self, station: Station) -> None:
        await asyncio.shield(station.closed)
        if station.failure is not None:
            self._end(station.failure)

    def end(self) -> None:
        """Ask for an orderly stop; `ended` resolves with None."""
        if not self.ended.done():
            self.ended.set_result(None)

    def _end(self, fault: BaseException) -> None:
        """The system cannot go on."""
        if not self.ended.done():
            self.ended.set_result(fault)

    async def stop(self) -> None:
        """Take nothing more, let hand-overs end, save everything, and let go of the data folder.

        Every part is stopped even when one fails at it; the first failure is raised in the end."""
        self.site.closed = "the system is stopping"
        failures: list[Exception] = []
        for part in (self._stop_taking, self._stop_anchoring, self._stop_deciding, self._stop_serving, self._stop_noting):
            try:
                await part()
            except Exception as failure:  # noqa: BLE001 - the parts after it must stop all the same
                log.error("not stopped cleanly", part=part.__name__.removeprefix("_stop_"), fault=f"{type(failure).__name__}: {failure}")
                failures.append(failure)
        (self.folder.path / RUNNING_FILE).unlink(missing_ok=True)
        self.ledger.close()
        self.folder.close()
        unsettle()  # also where a part that does so itself could not be stopped
        if failures:
            raise failures[0]

    async def _stop_taking(self) -> None:
        if self._releasing is not None:
            self._releasing.cancel()
        if self.front is not None:
            await self.front.close()

    async def _stop_anchoring(self) -> None:
        if self._anchoring is not None:
            await self._anchoring.stop()

    async def _stop_deciding(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
        if self.station is not None:
            try:
                await self.station.stop(self.options.grace_s)
            finally:
                channels = self.station.dispatcher.ports.channels if self.station.dispatcher is not None else {}
                for channel in channels.values():
                    await channel.close()
        if self.supervisor is not None:
            await self.supervisor.stop()

    async def _stop_serving(self) -> None:
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving
        if self._front_store is not None:
            self._front_store.close()

    async def _stop_noting(self) -> None:
        await asyncio.to_thread(self.ledger.append, RUNNER, STOPPED, f"environment:{self.folder.environment.name}", {})

    def _write_running(self) -> None:
        running = msgspec.json.encode(Running(self.url, os.getpid()))
        (self.folder.path / RUNNING_FILE).write_bytes(running)


def prepare(options: RunOptions, environ: Mapping[str, str], clock: Clock | None = None, listening: socket.socket | None = None) -> System:
    """Check the workspace, open the data folder and put the plan in force. `Trouble` says what keeps it from running.

    `listening` is a bound socket, where the port had to be known before."""
    workspace, compiled = runnable(options.workspace, environ)
    environment, ticking = workspace.environment, clock or SystemClock()
    release = admit(workspace, compiled, options.data, ticking)
    mark_logs(sandbox="" if environment.production else environment.name)
    try:
        folder = open_folder(options.data, environment.name, production=environment.production)
    except FolderBusy as busy:
        raise Trouble(str(busy), BUSY) from busy
    assert compiled.plan is not None
    opened = contextlib.ExitStack()
    opened.callback(folder.close)
    try:
        ledger = open_ledger(folder.path, ticking.now_us)
        opened.callback(ledger.close)
        folder.witness = ledger.append
        put_in_force(folder, compiled.plan, packaged_zones(), ticking.now_us(), short_history=options.short_history)
        fill_pools(Path(workspace.folder), workspace.documents, folder.path, ledger)
        note_policy(ledger, workspace.intake)
        note_started(ledger, folder, options.workers, workspace.log_days)
        bound = listening or listen(options.host, options.port)
        return System(options, workspace, compiled, folder, ticking, bound, release, ledger)
    except BaseException:
        opened.close()
        raise


def runnable(path: Path, environ: Mapping[str, str]) -> tuple[Workspace, Compiled]:
    """A workspace that may run, compiled. `Trouble` if it has errors or needs variables that are not set."""
    workspace = load(path, environ)
    compiled = compile_workspace(workspace, packaged_zones())
    if compiled.plan is None:
        raise unplanned(compiled)
    ends = Report()
    now_us = SystemClock().now_us()
    report_ends(workspace.documents, moment(now_us).date(), ends)
    report_rights(workspace.documents, now_us, ends)
    for finding in ends.findings:
        log.warning("what ends", finding=finding.text)
    if workspace.unset:
        names = ", ".join(workspace.unset)
        raise Trouble(f"these environment variables are not set: {names}", CONFIG, "set them, or give each a value as ${NAME:-value}")
    return workspace, compiled


def trouble_of(fault: BaseException) -> Trouble:
    """What ended the system, as an exit code and words."""
    if isinstance(fault, StoreFull):
        return Trouble(str(fault), STORE_FULL)
    return Trouble(f"{type(fault).__name__}: {fault}", FAULT, "start again; everything acknowledged is on disk")


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; it answers only once the server accepts on it."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as fault:
        cure = "choose another with --port, or 0 for any free one"
        raise Trouble(f"cannot listen on {host}:{port}: {fault.strerror or fault}", UNAVAILABLE, cure) from fault
    listening.setblocking(False)
    return listening


def url_of(host: str, listening: socket.socket) -> str:
    """The address of a server on a bound socket, as this machine reaches it."""
    name = "localhost" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
    return f"http://{name}:{listening.getsockname()[1]}"


def _server_config(site: Site) -> uvicorn.Config:
    return uvicorn.Config(
        site,
        loop="none",
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=5,
        timeout_keep_alive=30,
    )
