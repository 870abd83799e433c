"""What one plan costs an event more than another: events go through intake, identity and the kernel over states in memory, under
both plans in turns, so that whatever else the machine does strikes both alike; the median of the turns' ratios counts.
"""

import gc
import time
from collections.abc import Sequence
from random import Random
from statistics import median

import msgspec

from bench import workload
from bench.pipeline import bodies_of
from pilotage.event.time import MINUTE_US
from pilotage.journey.advance import advance
from pilotage.journey.plan import Plan
from pilotage.profile.identity import resolve
from pilotage.source.intake import Intake

TURN = 10
"""How many batches each plan takes in one turn."""
SUBJECTS = 20_000
PASTS = 1_000


class Compared(msgspec.Struct, frozen=True):
    """How many times as much CPU an event takes under the second plan, the microseconds of CPU under each, and how many messages
    each decided to send."""

    ratio: float
    us: tuple[float, float]
    sent: tuple[int, int]


class _Side:
    """One plan with states of its own."""

    def __init__(self, plan: Plan, now_us: int, secret: bytes) -> None:
        self.program = workload.program(plan)
        self.intake = Intake(plan.contracts, workload.compiled().segment_names)
        pasts = workload.histories(self.program, now_us, PASTS)
        self.states = {
            workload.subject_of(secret, number): workload.subject_like(pasts[number % PASTS], b"", number, 0) for number in range(SUBJECTS)
        }
        self.links = {workload.link_of(secret, number): workload.subject_of(secret, number) for number in range(SUBJECTS)}
        self.secret = secret
        self.spent: list[float] = []
        self.sent = 0

    def take(self, bodies: Sequence[bytes], now_us: int, step_us: int) -> None:
        """Take a turn's batches, each `step_us` later than the one before."""
        begun = time.process_time()
        program, states, links = self.program, self.states, self.links
        for body in bodies:
            for event in self.intake.segment("batch", body, workload.SOURCE, now_us).accepted:
                subject = resolve(self.secret, event, links.get).subject
                outcome = advance(program, states[subject], event, now_us)
                states[subject] = outcome.state
                self.sent += len(outcome.actions)
            now_us += step_us
        self.spent.append(time.process_time() - begun)


def compared(plan: Plan, other: Plan, events: int, step_us: int = 10 * MINUTE_US) -> Compared:
    """What the other plan costs more, over so many events of 20,000 subjects; each batch comes `step_us` after the one before, so that
    what waits for time comes due."""
    now_us = time.time_ns() // 1_000
    secret = b"two plans, the same events"
    sides = [_Side(each, now_us, secret) for each in (plan, other)]
    random = Random(31)
    bodies = bodies_of([random.randrange(SUBJECTS) for _ in range(events)], "turns")
    gc.collect()
    gc.disable()
    for first in range(0, len(bodies), TURN):
        for side in sides if first // TURN % 2 else reversed(sides):
            side.take(bodies[first : first + TURN], now_us, step_us)
        now_us += TURN * step_us
    gc.enable()
    mine, theirs = sides
    ratio = median(b / a for a, b in zip(mine.spent, theirs.spent, strict=True))
    us = tuple(sum(side.spent) / events * 1e6 for side in sides)
    return Compared(ratio, (us[0], us[1]), (mine.sent, theirs.sent))
