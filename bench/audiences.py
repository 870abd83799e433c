"""What an audience costs: an event under many audiences of which few read it, and what membership takes in memory and on disk.

The reference is the same event under only those that read it. Subjects have a past in which the other audiences were entered,
left, and wait for their windows to pass, so that their states hold what a long-lived subject's do.
"""

import gc
import time
import tracemalloc
from collections.abc import Sequence
from random import Random
from statistics import median
from typing import Any

import msgspec

from bench.figure import Figure
from pilotage.contract.builtin import builtin_contracts
from pilotage.contract.model import Contract, FieldSpec
from pilotage.event.envelope import Event
from pilotage.journey.advance import advance
from pilotage.journey.compile import compile_plan
from pilotage.journey.document import read_document
from pilotage.journey.findings import Report
from pilotage.journey.names import Surroundings
from pilotage.journey.program import Program, load
from pilotage.profile.state import State, decode_state, encode_state
from pilotage.source.zones import packaged_zones

MANY, READING, OTHER_TYPES = 500, 5, 99
SUBJECTS, PAST, TURN = 200, 60, 200
START_US, HOUR_US = 1_770_000_000_000_000, 3_600_000_000
ZONES = packaged_zones()
READ = "order.placed"
CONDITIONS = (
    "count('{event}', '30d') > {n}",
    "since_last('{event}') > '{n}d'",
    "performed('{event}', '{n}d') and not performed('{event}', '1d')",
    "sum('{event}', 'total', '60d') >= {n}0",
    "count('{event}', '90d', event.total > {n}) > 1 or since_last('{event}') is null",
)


def _program(others: int) -> Program:
    """Audiences that read one event type, and so many others that read other types."""
    types = [READ, *(f"other.event_{n}" for n in range(OTHER_TYPES))]
    audiences = [(f"reading-{n}", CONDITIONS[n % len(CONDITIONS)].format(event=READ, n=n + 2)) for n in range(READING)]
    audiences += [
        (f"other-{n}", CONDITIONS[n // OTHER_TYPES % len(CONDITIONS)].format(event=types[1 + n % OTHER_TYPES], n=n % 7 + 2))
        for n in range(others)
    ]
    report = Report()
    head = {"schema": 1, "kind": "audience", "owner": "a"}
    documents: list[dict[str, Any]] = [{**head, "name": name, "when": when} for name, when in audiences]
    read = [read_document(msgspec.json.encode(each), f"{at}.yaml", report) for at, each in enumerate(documents)]
    contracts = {event: Contract(event, "1", (FieldSpec("total", "number"),)) for event in types}
    around = Surroundings(
        contracts=tuple(builtin_contracts(contracts).values()),
        channels={},
        endpoints=frozenset(),
        zones=ZONES.names,
        variables_of=lambda template: (),
        zones_digest=ZONES.digest,
    )
    plan, findings = compile_plan([document for document in read if document is not None], around)
    if plan is None:
        raise ValueError("\n".join(finding.text for finding in findings))
    return load(plan, ZONES, "bench")


def _event(kind: str, at_us: int, number: int) -> Event:
    return Event(f"{kind}/{number}/{at_us}", "bench", kind, at_us, b'{"total": 12.5}', {})


def _past(program: Program, number: int) -> State:
    """A subject's state after a past of other events, and of some that are read."""
    random, state, now_us = Random(number), State(number.to_bytes(16, "big")), START_US
    for at in range(PAST):
        now_us += random.randrange(HOUR_US)
        kind = READ if at % 10 == 0 else f"other.event_{random.randrange(OTHER_TYPES)}"
        state = advance(program, state, _event(kind, now_us, number), now_us).state
    return decode_state(encode_state(state))


def _turn(program: Program, states: list[State], at_us: int) -> float:
    """The seconds of CPU that one event of the type read takes, for some subjects in turn."""
    events = [_event(READ, at_us + number, number) for number in range(TURN)]
    begun = time.process_time()
    for number, event in enumerate(events):
        place = number % len(states)
        states[place] = advance(program, states[place], event, event.occurred_us).state
    return (time.process_time() - begun) / TURN


def cost(rounds: int) -> tuple[float, float]:
    """How many times as much CPU an event takes under many audiences as under those that read it alone, and microseconds."""
    programs = [_program(0), _program(MANY - READING)]
    pasts = [[_past(program, number) for number in range(SUBJECTS)] for program in programs]
    at_us = START_US + PAST * HOUR_US + HOUR_US
    ratios, spent_us = [], []
    gc.collect()
    gc.disable()
    for at in range(rounds):
        spent = [0.0, 0.0]
        for which in (0, 1) if at % 2 else (1, 0):
            spent[which] = _turn(programs[which], pasts[which], at_us + at * 1_000_000)
        ratios.append(spent[1] / spent[0])
        spent_us.append(spent[1] * 1e6)
    gc.enable()
    return median(ratios), median(spent_us)


def weights() -> tuple[float, float, float, int]:
    """Of a subject's audiences under many: how many he is in, bytes stored, bytes in memory, and for how many an instant waits."""
    program = _program(MANY - READING)
    states = [_past(program, number) for number in range(SUBJECTS)]
    bare = [_without(state) for state in states]
    stored = (sum(len(encode_state(state)) for state in states) - sum(len(encode_state(state)) for state in bare)) / SUBJECTS
    held = (_held(states) - _held(bare)) / SUBJECTS
    waiting = sum(len(state.flips) for state in states) // SUBJECTS
    return sum(len(state.audiences) for state in states) / SUBJECTS, stored, held, waiting


def _without(state: State) -> State:
    return State(state.subject, state.attributes, state.consents, state.features, state.entries, state.visits, state.budget)


def _held(states: Sequence[State]) -> int:
    """The bytes that decoded states take."""
    raws = [encode_state(state) for state in states]
    tracemalloc.start()
    kept = [decode_state(raw) for raw in raws]
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return size if kept else 0


def figures(rounds: int) -> list[Figure]:
    """The cost and the weight of five hundred audiences."""
    ratio, us = cost(rounds)
    inside, stored, held, waiting = weights()
    bound = f"{READING} of {MANY} read the event's type: {us:.0f} µs of CPU an event, states decoded; median of {rounds} turns"
    told = f"{MANY} audiences; in {inside:.0f} of them, waiting for {waiting} flips; {held / 1024:.1f} KiB while decoded in memory"
    return [
        Figure("event among 500 audiences, against the 5 that read it", ratio, "ratio", 1.5, at_most=True, bound=bound),
        Figure("membership on disk, per subject", stored / 1024, "KiB", bound=told),
    ]
