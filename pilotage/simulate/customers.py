"""The people of the demo world: invented names, and seeded traits that decide how they behave and respond.

All of it is synthetic. Addresses end in `example.test`, which reaches nobody. The traits are latent: no event tells
them, an orchestrator can only infer them from behaviour, and the world's truth is computed from them.
"""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from pilotage.event.time import DAY_US, instant_us, moment
from pilotage.simulate.draws import Draws, weighted

PURPOSES = ("marketing.lifecycle", "marketing.offers", "marketing.feedback")
"""The consent purposes the demo retailer asks for."""

CHANNELS = ("email", "inbox")
"""The channels the demo retailer asks consent for."""

ESTABLISHED = 0.6
"""The share of customers who were customers before the world starts; the others sign up within `ARRIVAL_DAYS`."""

ARRIVAL_DAYS = 60

_HOMES = (
    ("DE", "Europe/Berlin", "de", 0.26),
    ("FR", "Europe/Paris", "fr", 0.16),
    ("GB", "Europe/London", "en", 0.18),
    ("ES", "Europe/Madrid", "es", 0.10),
    ("SE", "Europe/Stockholm", "sv", 0.06),
    ("PT", "Atlantic/Azores", "pt", 0.04),
    ("US", "America/New_York", "en", 0.12),
    ("US", "America/Los_Angeles", "en", 0.05),
    ("AU", "Australia/Sydney", "en", 0.03),
)
_NAMES = (
    "Ada", "Ben", "Carla", "Dario", "Elif", "Finn", "Greta", "Hugo", "Ines", "Jonas", "Kaya", "Lena", "Milan", "Nora",
    "Oskar", "Paula", "Quentin", "Rosa", "Samir", "Tilda", "Umar", "Vera", "Wim", "Xenia", "Yara", "Zoe",
)  # fmt: skip
_STAGES = ("single", "couple", "family", "retired")
_WEEKDAY_HOURS = (1, 1, 0, 0, 0, 1, 3, 6, 6, 5, 5, 6, 8, 7, 5, 5, 6, 7, 9, 12, 14, 12, 7, 3)
_WEEKEND_HOURS = (2, 1, 1, 0, 0, 0, 1, 3, 6, 10, 12, 12, 10, 9, 9, 9, 9, 8, 8, 9, 10, 9, 6, 3)
_HOURS = tuple(range(24))
_DAY_WEIGHTS = (0.85, 0.8, 0.8, 0.85, 0.8, 1.0, 0.95)
"""How likely a visit planned for Monday … Sunday happens that day; else it moves to the day after."""


class Customer(msgspec.Struct, frozen=True):
    """One synthetic customer. Shares and propensities lie in [0, 1].

    `visits_per_week` is the organic rate. `need` scales how often a visit ends in an order. `price_sensitivity` lowers
    full-price buying and raises the response to offers. `weariness` is how fast messages tire the customer.
    `reachability` is the chance that a message arrives, `favourite` the channel that is read most. `irritable` customers
    buy less for being written to. `dormant_us` is when organic visits end (0: never), the trait behind churn.
    """

    number: int
    user_id: str
    anonymous_id: str
    first_name: str
    email: str
    country: str
    zone: str
    language: str
    life_stage: str
    joined_us: int
    established: bool
    visits_per_week: float
    need: float
    price_sensitivity: float
    weariness: float
    reachability: float
    favourite: str
    irritable: bool
    complaining: float
    dormant_us: int
    app: bool
    member: bool
    consents: tuple[tuple[str, str], ...]

    def stays_away(self, at_us: int) -> bool:
        """Whether organic visits have ended by an instant."""
        return bool(self.dormant_us) and at_us > self.dormant_us


def make_customer(draws: Draws, number: int, start_us: int) -> Customer:
    """The customer of a number: the same for the same seed, in any world that starts at the same instant."""
    country, zone, language, _ = weighted(_HOMES, [home[3] for home in _HOMES], draws.unit(number, "home"))
    established = draws.unit(number, "established") < ESTABLISHED
    joined_us = start_us + _arrival_us(draws, number, established)
    return Customer(
        number=number,
        user_id=f"c{number:06d}",
        anonymous_id=f"device-{number:06d}",
        first_name=draws.pick(_NAMES, number, "name"),
        email=f"c{number:06d}@example.test",
        country=country,
        zone=zone,
        language=language,
        life_stage=draws.pick(_STAGES, number, "life stage"),
        joined_us=joined_us,
        established=established,
        visits_per_week=0.4 + 3.0 * draws.unit(number, "visits") ** 2,
        need=0.2 + 0.8 * draws.unit(number, "need"),
        price_sensitivity=draws.unit(number, "price"),
        weariness=0.1 + 0.5 * draws.unit(number, "weariness"),
        reachability=0.90 + 0.10 * draws.unit(number, "reach"),
        favourite="inbox" if draws.unit(number, "favourite") < 0.3 else "email",
        irritable=draws.unit(number, "irritable") < 0.12,
        complaining=draws.unit(number, "complaining") ** 2,
        dormant_us=_dormant_us(draws, number, joined_us),
        app=established and draws.unit(number, "app") < 0.35,
        member=established and draws.unit(number, "member") < 0.4,
        consents=_consents(draws, number),
    )


def _arrival_us(draws: Draws, number: int, established: bool) -> int:
    """Established customers are imported within the first hour; the others come evenly over the arrival days."""
    span_us = DAY_US // 24 if established else ARRIVAL_DAYS * DAY_US
    return int(draws.unit(number, "arrival") * span_us)


def _dormant_us(draws: Draws, number: int, joined_us: int) -> int:
    if draws.unit(number, "churn") >= 0.35:
        return 0
    return joined_us + int((10 + 170 * draws.unit(number, "dormant")) * DAY_US)


def _consents(draws: Draws, number: int) -> tuple[tuple[str, str], ...]:
    """The purposes and channels granted at sign-up: nobody, somebody's pick, or all."""
    if draws.unit(number, "consent") < 0.15:
        return ()
    pairs = [(purpose, channel) for purpose in PURPOSES for channel in CHANNELS]
    return tuple(pair for pair in pairs if draws.unit(number, "consent", "|".join(pair)) < 0.85)


def visit_us(draws: Draws, customer: Customer, visit: int, after_us: int) -> int:
    """When the customer's organic visit of that number begins: some days later, at an hour people shop in his zone."""
    unit = draws.unit(customer.number, "gap", visit)
    gap_days = 1 + int(2 * unit * 7 / customer.visits_per_week)
    zone = ZoneInfo(customer.zone)
    day = moment(after_us).astimezone(zone).date() + timedelta(days=gap_days)
    if draws.unit(customer.number, "day", visit) >= _DAY_WEIGHTS[day.weekday()]:
        day += timedelta(days=1)
    return _local_us(draws, customer.number, day, zone, visit)


def _local_us(draws: Draws, number: int, day: date, zone: ZoneInfo, visit: int) -> int:
    weights = _WEEKEND_HOURS if day.weekday() >= 5 else _WEEKDAY_HOURS
    hour = weighted(_HOURS, weights, draws.unit(number, "hour", visit))
    second = draws.between(0, 3600, number, "second", visit)
    return instant_us(datetime.combine(day, time(hour, second // 60, second % 60), zone))
