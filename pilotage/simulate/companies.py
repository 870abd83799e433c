"""The business customers of the demo: companies, who belongs to each and in which role, and what becomes of their contracts.

Every fifth customer buys for a company too; four of them make one up. A third of the companies hardly use what they have signed for.
Everything is synthetic, and follows from the customers' numbers and their draws.
"""

import msgspec

from pilotage.event.time import DAY_US, HOUR_US, moment
from pilotage.simulate.lives import Scene

MEMBERS = 4
"""How many customers belong to a company."""

APART = 5
"""One customer in so many buys for a company."""

ROLES = ("billing", "admin", "", "")
"""The roles of a company's members, in the order of their numbers; empty is none."""

FEATURES = ("order", "quote", "invoice")
TERM_US = 30 * DAY_US
"""How long before a contract ends billing says so."""


class Seat(msgspec.Struct, frozen=True):
    """A customer's place in a company. An `idle` company does not use what it has; the `first` member signs its contract."""

    company: str
    role: str
    idle: bool
    first: bool


def seat_of(number: int) -> Seat | None:
    """The place that the customer of a number has in a company; None for those who buy for themselves alone."""
    if number % APART != APART - 2:
        return None
    company, place = divmod(number // APART, MEMBERS)
    return Seat(company_name(company), ROLES[place], company % 3 == 1, place == 0)


def company_name(company: int) -> str:
    """The name by which systems know a company."""
    return f"b{company:05d}"


def companies_of(customers: int) -> tuple[str, ...]:
    """The companies that a world of so many customers has members of."""
    seats = (seat_of(number) for number in range(customers))
    return tuple(dict.fromkeys(seat.company for seat in seats if seat is not None))


def takes_seat(scene: Scene, at_us: int) -> None:
    """A customer who buys for a company is entered as one of its people; the first of them signs the contract soon after."""
    seat = seat_of(scene.life.customer.number)
    if seat is None:
        return
    scene.tell(at_us, "account.joined", account=seat.company, **({"role": seat.role} if seat.role else {}))
    if seat.first:
        scene.later(at_us + HOUR_US, "contracted", "")


def uses_seat(scene: Scene, key: str, at_us: int) -> None:
    """A visit in a company's name."""
    seat = seat_of(scene.life.customer.number)
    if seat is not None and not seat.idle and scene.unit("seat", key) < 0.9:
        scene.tell(at_us, "seat.used", feature=scene.draws.pick(FEATURES, scene.life.customer.number, "feature", key))


def contracted(scene: Scene, key: str, at_us: int) -> None:
    """A company's contract is signed, and one that ran out before is about to end."""
    plan = "company" if scene.unit("contract", key) < 0.4 else "team"
    scene.tell(at_us, "contract.signed", plan=plan, seats=MEMBERS + scene.between(0, 9, "seats", key))
    scene.later(at_us + scene.between(DAY_US, 9 * DAY_US, "contract ends", key), "contract_ending", key)


def contract_ending(scene: Scene, key: str, at_us: int) -> None:
    """Billing says that a company's contract is about to end; the company makes up its mind within three weeks."""
    scene.tell(at_us, "contract.ending", ends_on=moment(at_us + TERM_US).date().isoformat())
    scene.later(at_us + scene.between(2 * DAY_US, 21 * DAY_US, "contract decided", key), "contract_decided", key)


def contract_decided(scene: Scene, key: str, at_us: int) -> None:
    """A company renews its contract, or lets it end."""
    if scene.unit("contract renewed", key) < 0.7:
        scene.tell(at_us, "contract.renewed", ends_on=moment(at_us + 12 * TERM_US).date().isoformat())
    else:
        scene.tell(at_us, "contract.ended")


COMPANY_EVENTS = frozenset({"contract.signed", "contract.ending", "contract.renewed", "contract.ended"})
"""The event types that are about a company and no customer."""

TRADE = COMPANY_EVENTS | {"account.joined", "seat.used"}
"""All event types that there are because of companies."""
