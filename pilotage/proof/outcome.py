"""What a proof comes to: proved within stated bounds, a witness, or unknown with what ran out.

A proof is a statement about every customer and every past within its bounds and assumptions. A witness is one customer with a
timeline, enacted by the kernel. Whatever is neither is unknown, and says why.
"""

from enum import StrEnum
from typing import Any

import msgspec

from pilotage.event.time import DAY_US, MINUTE_US


class Verdict(StrEnum):
    """How a question ends. `never`: what is written for somebody is proved to happen to nobody."""

    PROVED = "proved"
    NEVER = "never"
    WITNESS = "witness"
    UNKNOWN = "unknown"


class Bounds(msgspec.Struct, frozen=True):
    """What is asked for: messages on one channel less than `within_us` apart; more than `pressure` candidate messages in any window of
    `pressure_us`; contents that exclude each other less than `claims_us` apart; two values for one attribute less than `rivals_us` apart.

    Always: no pause or kill switch is on, entries begin by their triggers, events come in the order in which they occur, the customer is
    new to the journeys and belongs to one account at most, attributes that no journey sets stay as they are meanwhile, and contacts are
    counted when they are decided."""

    within_us: int = 40 * MINUTE_US
    pressure: int = 5
    pressure_us: int = DAY_US
    claims_us: int = 30 * DAY_US
    rivals_us: int = DAY_US


class Happening(msgspec.Struct, frozen=True):
    """An event of a witness: its instant, type and data, and whether it is about the customer's `account` and nobody in it."""

    at_us: int
    type: str
    data: dict[str, Any]
    account: bool = False


class Membership(msgspec.Struct, frozen=True):
    """The account that a customer belongs to: its name, the roles that they have there, and the attributes of the account."""

    name: str
    roles: tuple[str, ...] = ()
    attributes: dict[str, Any] = {}


class Fate(msgspec.Struct, frozen=True):
    """What becomes of what a step hands over, and how long after: `sent`, `failed`, `answered`, `completed` with an outcome, or `none`."""

    fate: str
    outcome: str = ""
    body: str = "{}"
    after_us: int = 0


class Received(msgspec.Struct, frozen=True):
    """A message that a customer has had, from a journey that does not run here: it has its place in the budgets."""

    at_us: int
    channel: str
    purpose: str


class Scenario(msgspec.Struct, frozen=True):
    """One customer and what happens to them: enough for the kernel to do the rest. `subject` is the number from which their id is
        made, `attributes` are kernel values, `consents` are `purpose|channel`, `fates` lead from `journey/step`. `journeys` run, and no
        others; `received` are messages that the customer had from elsewhere. At `takeover_us` (0: never)
    the plan takes over from the `earlier` one, named by its digest. `account` is the one that the customer belongs to, if any."""

    journeys: tuple[str, ...]
    start_us: int
    until_us: int
    attributes: dict[str, Any] = {}
    consents: tuple[str, ...] = ()
    events: tuple[Happening, ...] = ()
    fates: dict[str, Fate] = {}
    subject: int = 0
    received: tuple[Received, ...] = ()
    takeover_us: int = 0
    earlier: str = ""
    account: Membership | None = None


class Collision(msgspec.Struct, frozen=True):
    """What a witness shows: two or more moments that collide, as (instant, journey, step)."""

    moments: tuple[tuple[int, str, str], ...]

    @property
    def gap_us(self) -> int:
        """The time from the first to the last of them."""
        instants = [at_us for at_us, _, _ in self.moments]
        return max(instants) - min(instants)


class Witness(msgspec.Struct, frozen=True):
    """A scenario that was enacted, and what collided in it."""

    scenario: Scenario
    collision: Collision


class Proof(msgspec.Struct, frozen=True):
    """One question answered: its `question` (conflict, consent, …) and `kind`, the journeys, what it is `about` (a channel, an
    attribute, a step), the verdict, the `reason` (why nothing can be, or what ran out), and what a proof `assumes` beyond its bounds."""

    question: str
    kind: str
    journeys: tuple[str, ...]
    verdict: Verdict
    about: str = ""
    reason: str = ""
    assumes: tuple[str, ...] = ()
    witness: Witness | None = None


class Story(msgspec.Struct, frozen=True):
    """A witness told: the customer in a few words, the sentence that says what happens, and the timeline, a line each."""

    who: str
    what: str
    timeline: tuple[str, ...]

    @property
    def text(self) -> str:
        """All of it."""
        return "\n".join((f"{self.who} {self.what}.", *(f"  {line}" for line in self.timeline)))


class Change(msgspec.Struct, frozen=True):
    """A change in words, where it is to be made, and why the conflict is none afterwards."""

    where: str
    text: str
    reason: str
