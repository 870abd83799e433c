"""The figures by name: how each is measured, what it must reach, and what bounds it."""

import os
import resource
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import msgspec

from bench import (
    audiences,
    backfill,
    conflict,
    dataset,
    history,
    idle,
    ledger,
    long_past,
    migration,
    pipeline,
    predicates,
    rehearsal,
    review,
    service,
    slots,
    solver,
    stages,
    timers,
    toy,
    whole,
    workload,
)
from bench.figure import Figure


class Size(msgspec.Struct, frozen=True):
    """How much is done. `warm` and `counted` are events of the pipeline, `seconds` how long loads over HTTP last."""

    subjects: int
    warm: int
    counted: int
    seconds: int
    rounds: int
    workflows: int
    many: int = 10_000_000


WHOLE = Size(subjects=1_000_000, warm=200_000, counted=300_000, seconds=30, rounds=3, workflows=400)
QUICK = Size(subjects=50_000, warm=10_000, counted=20_000, seconds=4, rounds=1, workflows=60, many=100_000)
GIBIBYTE = 1 << 30
OFFERED_PER_S = 5_000
_CPU = "CPU of the whole process, all threads; Segment batches of 100 in, states, decisions and log on disk"


class Measure(msgspec.Struct, frozen=True):
    """One way of measuring; it gets a data folder of its own, with the subjects if it needs them. Those that take long are
    not measured `always`."""

    work: Callable[[Path, Size], list[Figure]]
    needs_subjects: bool = True
    always: bool = True


def hot(folder: Path, size: Size) -> list[Figure]:
    """States in memory, and the ratio to the same work without a disk."""
    rate = pipeline.hot(folder, size.subjects, size.warm, size.counted)
    numbers = workload.hot_numbers(size.counted // 2, size.subjects, Random(14))
    reference = pipeline.reference(folder, numbers, "reference")
    return [
        Figure(
            "pipeline, states cached",
            rate.per_cpu_s,
            "events/CPU s",
            30_000,
            bound=f"95 % of events from 5 % of subjects: {rate.cached:.1%} of states from memory; {rate.per_s:,.0f}/s real time. {_CPU}",
        ),
        Figure("kernel in memory", reference.per_cpu_s, "events/CPU s", bound="same intake, identity and kernel, states in a dictionary"),
        Figure("RocksDB against memory", rate.per_cpu_s / reference.per_cpu_s, "ratio", 0.5, bound="the two above"),
    ]


def uniform(folder: Path, size: Size) -> list[Figure]:
    """Every subject equally likely, nearly all states in memory."""
    rate = pipeline.uniform(folder, size.subjects, size.counted)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    bound = f"uniform over all subjects, a cache for 95 % of them, {rate.cached:.1%} of reads from memory; {peak / GIBIBYTE:.2f} GiB"
    return [Figure("pipeline, uniform, large cache", rate.per_cpu_s, "events/CPU s", bound=bound)]


def cold(folder: Path, size: Size) -> list[Figure]:
    """No state in memory."""
    rate = pipeline.cold(folder, size.subjects, size.warm, size.counted)
    bound = f"every event about another subject: {rate.cached:.1%} of state reads from memory; reading and decoding states. {_CPU}"
    return [Figure("pipeline, states cold", rate.per_cpu_s, "events/CPU s", 12_000, bound=bound)]


def further(folder: Path, size: Size) -> list[Figure]:
    """Journeys that do not listen."""
    cost = idle.cost(size.counted // 2)
    return [Figure("200 further journeys", max(cost, 0.01), "% more CPU", 5, at_most=True, bound=f"median of turns: {cost:+.2f} %")]


def arbitration(folder: Path, size: Size) -> list[Figure]:
    """Slots, an order of classes, priorities and a calendar; and journeys that listen."""
    found, heard = slots.arbitrated(size.counted // 2), slots.listening(size.counted // 2)
    (without, taken), (less, more) = found.us, heard.compared.us
    told = f"{taken:.1f} against {without:.1f} µs of CPU an event; {found.sent[1]:,} against {found.sent[0]:,} messages decided"
    each = f"{slots.LISTENING} further journeys listen to {slots.HEARD}: {more:.1f} against {less:.1f} µs an event of any type"
    return [
        Figure("with slots and arbitration", found.ratio, "times CPU", bound=told),
        Figure("a journey, for an event it listens to", heard.us_each, "µs CPU", bound=each),
    ]


PROCESSES = {1: "", 2: ", two workers"}
"""What is measured with one process and with shards spread over two, and how the figures are told apart."""


def http(folder: Path, size: Size) -> list[Figure]:
    """The real process over HTTP: throughput, latency, memory, and the start after a kill."""
    figures: list[Figure] = []
    for processes, told in PROCESSES.items():
        data = dataset.copy(folder, folder.with_name(f"http-{processes}"))
        figures += _loaded(data, size, processes, told)
        if processes == 1:
            with service.running(data) as again:
                note = "under load until then; the log since the last save is advanced again"
                figures.append(Figure("ready again after SIGKILL", again.ready_s, "s", 10, True, note))
    return figures


def _loaded(data: Path, size: Size, processes: int, told: str) -> list[Figure]:
    """As fast as it goes, then at a steady rate; killed at the end."""
    random = Random(15)
    warm, most, offered = (workload.hot_numbers(per_s * size.seconds, size.subjects, random) for per_s in (5_000, 14_000, OFFERED_PER_S))
    requests = [service.requests_of(numbers, tag) for numbers, tag in ((warm, "warm"), (most, "most"))]
    steady = service.live(service.requests_of(offered, "steady"))
    with service.running(data, processes) as running:
        service.load(running, requests[0], workload.BATCH_EVENTS)
        cpu_s = running.cpu_s()
        full = service.load(running, requests[1], workload.BATCH_EVENTS)
        us = (running.cpu_s() - cpu_s) / full.accepted * 1e6
        time.sleep(2)
        calm = service.load(running, steady, workload.BATCH_EVENTS, OFFERED_PER_S)
        peak = running.peak_bytes()
        running.kill()
    synced = f"synced before the answer; {us:.0f} µs of server CPU"
    waits = f"open loop; p50 {calm.acknowledged.at(0.5):.1f} ms"
    claims = "to the hand-over, which follows the claim"
    held = "most ever held by all processes together after these loads"
    return [
        Figure(f"HTTP, as fast as it goes{told}", full.per_s, "events/s", 12_000, bound=synced),
        Figure(f"HTTP at 5,000/s, answer p99{told}", calm.acknowledged.at(0.99), "ms", 50, True, waits),
        Figure(f"HTTP at 5,000/s, event to claim p99{told}", calm.handed_over.at(0.99), "ms", 250, True, claims),
        Figure(f"memory, one million subjects{told}", peak / GIBIBYTE, "GiB", 2, True, held),
    ]


def due(folder: Path, size: Size) -> list[Figure]:
    """Wake-ups all due at once."""
    data = folder / "due"
    now_us = time.time_ns() // 1_000
    dataset.build(data, size.subjects, now_us, due_us=now_us)
    figures: list[Figure] = []
    for processes, told in PROCESSES.items():
        drained = timers.drain(dataset.copy(data, folder / f"due-{processes}"), size.subjects, processes)
        waits = f"answer p99 {drained.acknowledged.at(0.99):.0f} ms"
        settled = "each reads a state never read before, branches, waits on or sends"
        figures += [
            Figure(f"timers due at once{told}", drained.per_s, "timers/s", 8_000, bound=settled),
            Figure(f"live events beside them, to claim p99{told}", drained.handed_over.at(0.99), "ms", 250, True, waits),
        ]
    return figures


def takeover(folder: Path, size: Size) -> list[Figure]:
    """A version that takes over everybody under way."""
    figures: list[Figure] = []
    for processes, told in PROCESSES.items():
        (place := folder / f"takeover-{processes}").mkdir()
        done = migration.migrated(place, size.subjects, processes)
        calm, live = done.calm.at(0.99), done.beside.at(0.99)
        people = f"{done.subjects:,} of {size.subjects:,} in flight by a map of steps; {done.per_cpu_s:,.0f} of people and events per CPU s"
        p50 = f"p50 {done.beside.at(0.5):.1f} against {done.calm.at(0.5):.1f} ms"
        waits = f"{migration.LIVE_PER_S:,}/s over HTTP; without: {calm:.0f} ms; {p50}"
        figures += [
            Figure(f"migration of those in flight{told}", done.per_s, "people/s", 8_000, bound=people),
            Figure(f"live events beside it, answer p99{told}", live, "ms", 50, True, waits),
        ]
        shutil.rmtree(place)
    return figures


def workers(folder: Path, size: Size) -> list[Figure]:
    """The same work by one process and by two workers."""
    numbers = workload.hot_numbers(14_000 * size.seconds // 2, size.subjects, Random(16))
    best = {1: 0.0, 2: 0.0}
    for attempt in range(size.rounds):
        for count in best:
            with service.running(folder, count) as running:
                load = service.load(running, service.requests_of(numbers, f"workers{count}-{attempt}"), workload.BATCH_EVENTS)
                running.stop()
            best[count] = max(best[count], load.per_s)
    bound = f"{best[2]:,.0f} against {best[1]:,.0f} events/s over HTTP; client, front and workers share {os.cpu_count()} cores"
    return [Figure("two workers against one", best[2] / best[1], "ratio", 1.5, bound=bound)]


def ten_million(folder: Path, size: Size) -> list[Figure]:
    """Memory with ten times the subjects."""
    data = folder / "many"
    dataset.build(data, size.many, time.time_ns() // 1_000)
    random = Random(17)
    numbers = [random.randrange(size.many) for _ in range(8_000 * size.seconds)]
    with service.running(data) as running:
        load = service.load(running, service.requests_of(numbers, "many"), workload.BATCH_EVENTS)
        peak = running.peak_bytes()
    return [Figure("memory, ten million subjects", peak / GIBIBYTE, "GiB", 2, True, f"uniform, {load.per_s:,.0f} events/s")]


def workflows(folder: Path, size: Size) -> list[Figure]:
    """The toy journey against durable workflows."""
    other = toy.dbos_per_s(folder, size.workflows)
    ours = toy.pilotage_per_s(folder, size.workflows * 50)
    return [
        Figure(
            "toy journey", ours, "journeys/s", bound="sign-up, welcome, a day, purchase or reminder; every hand-over claimed and receipted"
        ),
        Figure("toy journey, DBOS on SQLite", other, "workflows/s", bound=f"the same steps, {toy.WORKFLOWS_AT_ONCE} at once"),
        Figure("toy journey against DBOS", ours / other, "times", 100, bound="the two above"),
    ]


def past(folder: Path, size: Size) -> list[Figure]:
    """History: what filing an event costs, how fast it is read back, and live events beside it."""
    filled = backfill.backfilled(dataset.copy(folder, folder.with_name("backfill")), size.subjects, size.counted)
    found = history.filed(folder, size.subjects, size.counted)
    waits = {True: [], False: []}
    written = 0
    for _ in range(size.rounds):
        for keeping in (False, True):
            latency, records = history.beside(folder, size.subjects, size.seconds // 2, keeping)
            waits[keeping].append(latency)
            written += records
    none, kept = (min(waits[keeping], key=lambda each: each.p99_ms) for keeping in (False, True))
    made = f"{found.events:,} events with {found.decisions:,} decisions; {found.filing_per_s:,.0f} events/s on one thread"
    sizes = f"both tables, zstd; the log takes {found.log_bytes_per_event:.0f}"
    quiet = f"p99 without history {none.p99_ms:.1f} ms; p50 {kept.p50_ms:.1f} against {none.p50_ms:.1f} ms; {written:,} records filed"
    return [
        Figure("history: filing", found.filing_us, "µs CPU/event", bound=made),
        Figure("history: on disk", found.bytes_per_event, "bytes/event", bound=sizes),
        Figure("history: reading in order", found.read_per_s, "events/s", 50_000, bound=f"{found.read_per_cpu_s:,.0f} per CPU s"),
        Figure("backfill", filled.events / filled.wall_s, "events/s", 50_000, bound=_told(filled)),
        Figure("backfill: sweep", filled.swept_us, "µs CPU/subject", bound=f"{filled.swept:,} told their past and asked about 5 audiences"),
        Figure("history: one subject's events", found.subject_s * 1e3, "ms", bound="by row groups' statistics, over all files"),
        Figure("acknowledged beside filing, p99", kept.p99_ms, "ms", 50, True, f"5,000 events/s in process, always filing; {quiet}"),
    ]


def _told(filled: backfill.Backfilled) -> str:
    counts = f"{filled.events:,} events of {filled.subjects:,} subjects, {filled.features} features"
    return f"{counts}; {filled.events / filled.cpu_s:,.0f} per CPU s; read, tallied and on disk for each subject to take in first"


def where(folder: Path, size: Size) -> list[Figure]:
    """Each stage of the pipeline alone."""
    spent = stages.measure(folder, size.subjects, min(size.counted // 4, size.subjects))
    return [Figure(f"stage: {name}", value, "" if " per " in name or "bytes" in name else "µs/event") for name, value in spent.items()]


def rehearsing(folder: Path, size: Size) -> list[Figure]:
    """A rehearsal against the live runner, and on two processes."""
    subjects = size.subjects * 2 // 5
    live = pipeline.hot(folder, size.subjects, size.warm, size.counted)
    done = rehearsal.rehearsed(folder.with_name("rehearsal-history"), subjects, size.rounds)
    led = f"{done.events:,} events of {subjects:,} subjects led to {done.decisions:,} decisions and {done.messages:,} messages"
    apart = f"{done.one_s:.1f} s in one process, {done.two_s:.1f} s in two, of real time on {os.cpu_count()} cores; median of turns"
    apart += f"; two processes that do nothing but arithmetic: {done.bare:.2f} times"
    return [
        Figure("rehearsal", done.per_cpu_s, "events/CPU s", bound=f"{led}; files read, wake-ups, hand-overs and reactions included"),
        Figure(
            "rehearsal against live", done.per_cpu_s / live.per_cpu_s, "times", 1.5, bound=f"live: {live.per_cpu_s:,.0f} events/CPU s, hot"
        ),
        Figure("rehearsal, two processes against one", done.two_against_one, "times", 1.7, bound=apart),
        Figure("rehearsal, memory", done.peak_bytes / GIBIBYTE, "GiB", 2, True, "the most that any process held"),
    ]


def rehearsing_all(folder: Path, size: Size) -> list[Figure]:
    """The very command over ten million events, if there are a million subjects."""
    long_past.build(folder, size.subjects)
    return _whole(whole.rehearsed(folder))


def _whole(done: whole.Whole) -> list[Figure]:
    """The figures of the very command."""
    led = f"{done.events:,} events of {done.subjects:,} subjects led to {done.decisions:,} decisions and {done.messages:,} messages"
    spent = f"{done.real_s:,.0f} s of real time, {done.cpu_s:,.0f} s of CPU, start and report included, on {whole.WORKERS} processes"
    disk = f"history {done.history_bytes / GIBIBYTE:.2f} GiB, parts kept until the end {done.parts_bytes / GIBIBYTE * 1024:.0f} MiB"
    return [
        Figure("rehearsal of the whole past", done.events / done.real_s, "events/s", bound=f"{led}; {spent}"),
        Figure("the same, by CPU", done.events / done.cpu_s, "events/CPU s", bound="all processes together"),
        Figure("the same, memory of one process", done.largest_bytes / GIBIBYTE, "GiB", 2, True, "the most that any held"),
        Figure("the same, memory of all", done.together_bytes / GIBIBYTE, "GiB", 4, True, f"at any moment; on disk: {disk}"),
    ]


def conditions(folder: Path, size: Size) -> list[Figure]:
    """The condition language against what a person would write."""
    return [*predicates.python(), *predicates.batch(folder, size.subjects)]


def proofs(folder: Path, size: Size) -> list[Figure]:
    """The solver."""
    return solver.figures()


def conflicts(folder: Path, size: Size) -> list[Figure]:
    """Conflicts among many live journeys, from nothing and after one has changed."""
    return conflict.figures(conflict.JOURNEYS if size.rounds > 1 else 60)


def account(folder: Path, size: Size) -> list[Figure]:
    """The ledger."""
    return ledger.figures(folder, 1_000_000 if size.rounds > 1 else 20_000)


def members(folder: Path, size: Size) -> list[Figure]:
    """Many audiences, few of which read the event."""
    return audiences.figures(20 if size.rounds > 1 else 6)


def reviewed(folder: Path, size: Size) -> list[Figure]:
    """Proposing and approving at the command line."""
    return review.review(folder)


MEASURES: dict[str, Measure] = {
    "hot": Measure(hot),
    "cold": Measure(cold),
    "uniform": Measure(uniform, always=False),
    "stages": Measure(where),
    "idle": Measure(further, needs_subjects=False),
    "slots": Measure(arbitration, needs_subjects=False),
    "http": Measure(http),
    "timers": Measure(due, needs_subjects=False),
    "migration": Measure(takeover, needs_subjects=False),
    "conditions": Measure(conditions, needs_subjects=False),
    "solver": Measure(proofs, needs_subjects=False),
    "conflict": Measure(conflicts, needs_subjects=False),
    "ledger": Measure(account, needs_subjects=False),
    "audiences": Measure(members, needs_subjects=False),
    "review": Measure(reviewed, needs_subjects=False),
    "workers": Measure(workers),
    "history": Measure(past),
    "rehearsal": Measure(rehearsing),
    "rehearsal_all": Measure(rehearsing_all, needs_subjects=False, always=False),
    "toy": Measure(workflows, needs_subjects=False),
    "ten_million": Measure(ten_million, needs_subjects=False, always=False),
}
"""Every measure by its name."""
