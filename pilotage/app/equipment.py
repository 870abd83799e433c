"""What a process needs to run shards: executable plans, channels, links and the dispatcher's checks, put together.

The same function equips the only process and each worker process; a worker reads the workspace and the data folder
itself, so nothing but their names crosses to it.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from opentelemetry import propagate, trace

from pilotage.app.observe import mark_logs
from pilotage.app.programs import Programs
from pilotage.app.workspace import Environment, Workspace, load
from pilotage.audience.membership import unknown
from pilotage.channel.channel import Channel, Message
from pilotage.channel.coupons import COUPONS, Coupons
from pilotage.channel.links import Links
from pilotage.channel.registry import build_channels, build_of, rate_limits
from pilotage.channel.services import Services
from pilotage.channel.tasks import TASKS, Tasks
from pilotage.event.digest import key128
from pilotage.journey.advance import advance
from pilotage.journey.backfill import Tally, gaps_named
from pilotage.journey.outcome import Action
from pilotage.journey.pause import PAUSED, ended_digest, overlooked, pause_at
from pilotage.journey.program import Program
from pilotage.journey.recheck import recheck_action
from pilotage.profile.identity import account_subject
from pilotage.profile.state import State
from pilotage.runner.allow import AllowList
from pilotage.runner.clock import Clock, SystemClock
from pilotage.runner.compose import WEBHOOK, Composer
from pilotage.runner.coupons import CouponBook
from pilotage.runner.delivery import Ports
from pilotage.runner.dispatcher import Dispatcher
from pilotage.runner.folder import read_environment, read_secret
from pilotage.runner.history.backfill import Filler
from pilotage.runner.history.historian import HistoryLimits
from pilotage.runner.pace import EngineLimits
from pilotage.runner.question import FillFeatures
from pilotage.runner.station import Equipment, Freshness, Station
from pilotage.runner.switches import read_switches
from pilotage.runner.ticket import shard_of, shard_of_key
from pilotage.runner.wire import Assignment

SANDBOX_HEADER = "X-Pilotage-Sandbox"
"""What every message that leaves a sandbox has, with the environment's name."""

TRACED_RECORDS = 5
"""How far back in a subject's story the event that led to a call is looked for, to pass its trace on."""


class WorkerSettings(msgspec.Struct, frozen=True):
    """What a worker process needs to know beyond its data folder."""

    workspace: str
    origin: str
    workers: int


def link_secret(secret: bytes) -> bytes:
    """The secret that signs links, derived from the environment's."""
    return key128(secret, "links") + key128(secret, "links, second half")


def equipment(folder: Path, workspace: Workspace, origin: str, clock: Clock, workers: int = 1) -> Equipment:
    """What runs some shards of a data folder whose newest plan is the one in force."""
    programs = Programs(folder)
    environment = read_environment(folder)
    links = Links(origin, (link_secret(read_secret(folder)),))

    def make_dispatcher(station: Station) -> Dispatcher:
        ports = _ports(station, workspace, links, clock, CouponBook(folder))
        return Dispatcher(ports, clock, rate_limits(workspace.channels, workers), meter=station.telemetry)

    return Equipment(
        environment=environment.name,
        plan=environment.plans[-1],
        program=programs,
        advance=advance,
        clock=clock,
        make_dispatcher=make_dispatcher,
        history=folder,
        history_limits=HistoryLimits(retention_days=workspace.history_days),
        limits=EngineLimits(retention_days=workspace.log_days),
        filler=lambda question: filler(folder, programs(question.plan), question),
        freshness=freshness,
        halted=halted,
        switches=read_switches(folder),
        account_subject=partial(account_subject, read_secret(folder)),
    )


def filler(folder: Path, program: Program, question: FillFeatures) -> Filler:
    """What fills in the past of the features that a question names, under their recording plan."""
    missing = gaps_named(program.plan, question.known)
    return Filler(question.plan, folder, lambda: Tally(program, missing))


def freshness(program: Program) -> Freshness:
    """Every subject of whom anything is known is to be asked about a plan's audiences, and expected by its schedules; entries of
    earlier versions are to meet the version that takes them over, and those held up by a pause its end."""
    accounts, controls = program.accounts, program.controls

    def outdated(state: State) -> bool:
        own = program.of(state)
        if any(entry.version in own.takeovers for entry in state.entries):
            return True
        if overlooked(controls, state):
            return True
        return (state.audience_set != own.audiences.digest or state.schedule_set != own.schedule_set) and not unknown(state)

    wanted = b"".join(each.audiences.digest + each.schedule_set + each.takeover_set for each in (program, accounts) if each)
    return wanted + ended_digest(controls), outdated


def halted(program: Program, journey: str, now_us: int) -> str:
    """Why nothing of a journey may leave now, in words, or nothing."""
    return PAUSED if pause_at(program.controls, journey, now_us) is not None else ""


def equip(assignment: Assignment) -> Equipment:
    """Equip a worker process; the supervisor names this function."""
    settings = msgspec.msgpack.decode(assignment.settings, type=WorkerSettings)
    workspace = load(Path(settings.workspace), os.environ)
    mark_logs(sandbox="" if workspace.environment.production else workspace.environment.name)
    return equipment(Path(assignment.folder), workspace, settings.origin, SystemClock(), settings.workers)


def make_channels(bindings: Mapping[str, Mapping[str, Any]], services: Services) -> dict[str, Channel]:
    """The environment's channels; calls have theirs as soon as an endpoint is bound. Raises `ChannelMisconfigured` or
    `UnknownChannel`."""
    channels: dict[str, Channel] = {}
    wanted = dict(bindings)
    if services.endpoints:
        wanted.setdefault(WEBHOOK, {})
    for name, settings in wanted.items():
        build = build_of(str(settings.get("uses", name)))
        if build is None:
            channels |= build_channels({name: settings}, services)
        else:
            channels[name] = build({key: value for key, value in settings.items() if key not in ("rate", "uses")}, services)
    return channels


def _ports(station: Station, workspace: Workspace, links: Links, clock: Clock, book: CouponBook) -> Ports:
    async def inbox_put(rows: Sequence[tuple[bytes, bytes]]) -> None:
        await station.engine.commit_rows(rows, "inbox")

    def inbox_scan(start: bytes, stop: bytes) -> Any:
        return station.engine.shards[shard_of_key(start)].store.scan("inbox", start, stop, reverse=True)

    def contact_class(purpose: str) -> str:
        known = station.program.rules.purposes.get(purpose)
        return known.contact_class if known is not None else "marketing"  # the strictest class for what nobody knows

    async def task_put(rows: Sequence[tuple[bytes, bytes]]) -> None:
        await station.engine.commit_rows(rows, "task")

    def task_scan(start: bytes, stop: bytes) -> Any:
        return station.engine.shards[shard_of_key(start)].store.scan("task", start, stop)

    async def issue(pool: str, effect: str) -> str | None:
        return await book.issue_soon(pool, effect, clock.now_us())

    composer = Composer(lambda name: station.program.contents.get(name), contact_class, links)
    allow = AllowList(workspace.environment.production, workspace.environment.allow)
    channels = make_channels(workspace.channels, Services(clock.now_us, workspace.endpoints, inbox_put, inbox_scan))
    onward = channels[WEBHOOK] if TASKS in workspace.endpoints and allow.reaches(f"call:{TASKS}") else None
    return Ports(
        commit_rows=station.commit_rows,
        submit=station.submit_told,
        page=station.page,
        recheck=lambda action, now_us: recheck_action(station.program, station.state(action.subject), action, now_us),
        compose=marked(workspace.environment, _traced(station, composer.message)),
        contact_class=contact_class,
        paused=station.paused,
        channels={**channels, TASKS: Tasks(task_put, task_scan, clock.now_us, onward), COUPONS: Coupons(issue)},
        allow=allow,
    )


def marked(environment: Environment, compose: Callable[[Action, int, int], Message]) -> Callable[[Action, int, int], Message]:
    """Outside production every message and call says so in a header."""
    if environment.production:
        return compose

    def composed(action: Action, attempt: int, now_us: int) -> Message:
        message = compose(action, attempt, now_us)
        return msgspec.structs.replace(message, headers={**message.headers, SANDBOX_HEADER: environment.name})

    return composed


def _traced(station: Station, compose: Callable[[Action, int, int], Message]) -> Callable[[Action, int, int], Message]:
    """Give calls the trace context of the event that led to them; where traces are kept, that of a span of their own."""
    tracer = trace.get_tracer("pilotage")

    def composed(action: Action, attempt: int, now_us: int) -> Message:
        message = compose(action, attempt, now_us)
        parent = _traceparent(station, action) if action.kind == "call" else ""
        if not parent:
            return message
        context, kind = propagate.extract({"traceparent": parent}), trace.SpanKind.PRODUCER
        with tracer.start_as_current_span(f"call {action.target}", context=context, kind=kind, attributes={"journey": action.journey}):
            own: dict[str, str] = {}
            propagate.inject(own)
        return msgspec.structs.replace(message, headers={**message.headers, **own})

    return composed


def _traceparent(station: Station, action: Action) -> str:
    story = islice(station.engine.shards[shard_of(action.subject)].story(action.subject), TRACED_RECORDS)
    led = (told for told in story if any(decision.effect == action.effect for decision in told.decisions))
    return next((told.record.event.traceparent for told in led if told.record.event is not None), "")
