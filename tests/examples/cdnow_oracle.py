"""What the CDNOW example must decide, computed the plain way: one loop per customer over the rows of the file.

It knows the rules of examples/cdnow as a person reads them, and shares no code with the product: its own time, its own
windows, its own quiet hours and budget. Counts are by journey, step and verb, the words of the product's decision records.
"""

from collections import Counter, defaultdict
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("America/New_York")
SECOND = 1_000_000
DAY = 86_400 * SECOND
SECOND_PURCHASE, WIN_BACK, VIP = "growth.offers.second_purchase", "growth.recovery.win_back", "advocacy.loyalty.vip"
LAPSED_AFTER, YEAR, REST = 120 * DAY, 365 * DAY, 180 * DAY
VIP_CENTS, OFFER_CENTS = 30_000, 10_000
BUDGET_WINDOW = 14 * DAY
EXPIRES = {"more": 7 * DAY, "offer": 7 * DAY, "news": 7 * DAY, "thank": 3 * DAY}
WAITS = {"fortnight": 14 * DAY, "weeks": 21 * DAY, "month": 30 * DAY}
AFTER_SEND = {"more": "weeks", "offer": "month", "news": "weeks", "thank": "ring"}
"""Where an entry goes on after a message, sent or blocked; only a blocked `news` ends it."""
UNTIL = int(datetime(1998, 6, 30, tzinfo=ZONE).timestamp()) * SECOND + 60 * DAY

Counts = Counter[tuple[str, str, str]]
Row = tuple[str, str, int, int]
"""Customer, day, number of CDs, cents."""


def read_rows(path: Path) -> list[Row]:
    """The rows of the file in their order."""
    lines = path.read_text(encoding="ascii").splitlines()[1:]
    cells = [line.split() for line in lines]
    return [(customer, day, int(number), round(float(dollars) * 100)) for customer, day, number, dollars in cells]


def midnight(day: str) -> int:
    """Microseconds UTC of a day's beginning in New York."""
    return int(datetime(int(day[:4]), int(day[4:6]), int(day[6:]), tzinfo=ZONE).astimezone(UTC).timestamp()) * SECOND


def quiet_until(at: int) -> int:
    """When the quiet span that holds an instant ends, or 0 outside one: 21:00 to 08:00 on the wall clock."""
    local = datetime.fromtimestamp(at // SECOND, ZONE)
    if 8 <= local.hour < 21:
        return 0
    day = local.date() + timedelta(days=1 if local.hour >= 21 else 0)
    return int(datetime.combine(day, time(8), ZONE).timestamp()) * SECOND


def cdnow_counts(rows: list[Row], until: int = UNTIL) -> Counts:
    """How often each thing is decided at each step, over all customers, up to an instant."""
    customers: dict[str, list[tuple[int, int]]] = defaultdict(list)
    days = {day: midnight(day) for _, day, _, _ in rows}
    for customer, day, _, cents in rows:
        customers[customer].append((days[day], cents))
    counts: Counts = Counter()
    for orders in customers.values():
        Customer(counts).live(sorted(orders, key=lambda order: order[0]), until)
    return counts


class Customer:
    """One customer: orders so far, audiences he is in, his entry in each journey as {step, due, expires, escalate}, messages sent."""

    def __init__(self, counts: Counts) -> None:
        self.counts = counts
        self.orders: list[tuple[int, int]] = []
        self.audiences: set[str] = set()
        self.entries: dict[str, dict] = {}
        self.began: dict[str, int] = {}
        self.sent = -BUDGET_WINDOW

    def live(self, orders: list[tuple[int, int]], until: int) -> None:
        """Take the orders in turn, what is due by time before each, and what is due after the last."""
        for at, cents in orders:
            self.settle(at)
            self.order(at, cents)
        self.settle(until)

    def count(self, journey: str, step: str, verb: str) -> None:
        self.counts[journey, step, verb] += 1

    def spent(self, at: int) -> int:
        """Cents within the year that ends at an instant."""
        return sum(cents for when, cents in self.orders if at - YEAR < when <= at)

    def flips(self) -> dict[str, int]:
        """When time alone changes who is in an audience: a lapse just after four months, a VIP's year when an order leaves it."""
        found = {}
        if self.orders and "lapsed" not in self.audiences:
            found["lapsed"] = self.orders[-1][0] + LAPSED_AFTER + 1
        if "vip" in self.audiences:
            left = [when + YEAR for when, _ in self.orders]
            found["vip"] = min(at for at in left if at > self.orders[-1][0] and self.spent(at) < VIP_CENTS)
        return found

    def settle(self, until: int) -> None:
        """Let everything happen that is due at or before an instant: earliest first, audiences before journeys."""
        while True:
            audiences = [(at, 0, name) for name, at in self.flips().items()]
            entries = [(min(entry["due"], entry.get("escalate", entry["due"])), 1, name) for name, entry in self.entries.items()]
            at, kind, name = min(audiences + entries, default=(until + 1, 0, ""))
            if at > until:
                return
            if kind == 0:
                self.flip(name, at)
            else:
                self.due(name, self.entries[name], at)

    def flip(self, audience: str, at: int) -> None:
        """Who lapses enters the win-back; who is no VIP any more leaves the VIPs' journey."""
        if audience == "lapsed":
            self.join(audience)
            self.start(WIN_BACK, at)
        else:
            self.leave(audience)
            if VIP in self.entries:
                self.end(VIP, self.entries[VIP]["step"])

    def join(self, audience: str) -> None:
        self.audiences.add(audience)
        self.count("", "", "joined")

    def leave(self, audience: str) -> None:
        self.audiences.discard(audience)
        self.count("", "", "left")

    def order(self, at: int, cents: int) -> None:
        """An order ends a lapse, is the goal of two journeys, starts the third at the first time, and may make a VIP."""
        self.orders.append((at, cents))
        becomes_vip = "vip" not in self.audiences and self.spent(at) >= VIP_CENTS
        if "lapsed" in self.audiences:
            self.leave("lapsed")
        if becomes_vip:
            self.join("vip")
        for journey in (SECOND_PURCHASE, WIN_BACK):
            if journey in self.entries:
                step = self.entries[journey]["step"]
                self.count(journey, step, "goal")
                self.end(journey, step)
        if len(self.orders) == 1:
            self.start(SECOND_PURCHASE, at)
        else:
            self.count(SECOND_PURCHASE, "", "refused")
        if becomes_vip:
            self.start(VIP, at)

    def start(self, journey: str, at: int) -> None:
        """Enter a journey, unless the customer is in it or was too lately."""
        if journey in self.entries or (journey in self.began and at < self.began[journey] + REST):
            self.count(journey, "", "refused")
            return
        self.began[journey] = at
        self.count(journey, "", "entered")
        self.entries[journey] = {}
        self.reach(journey, {SECOND_PURCHASE: "fortnight", WIN_BACK: "news", VIP: "thank"}[journey], at)

    def reach(self, journey: str, step: str, at: int) -> None:
        """Come to a step: a wait, a task, the question of worth, or a message."""
        entry = self.entries[journey]
        entry["step"] = step
        if step in WAITS:
            self.count(journey, step, "waited")
            entry["due"] = at + WAITS[step]
        elif step == "ring":
            self.count(journey, step, "opened")
            entry |= {"escalate": at + 3 * DAY, "due": at + 10 * DAY}
        elif step == "worth":
            self.count(journey, step, "branched")
            self.reach(journey, "offer" if self.spent(at) >= OFFER_CENTS else "month", at)
        else:
            entry["expires"] = at + EXPIRES[step]
            self.decide(journey, entry, at)

    def due(self, journey: str, entry: dict, at: int) -> None:
        """A wait is over, a task is late, or a message that was put off is decided anew."""
        step = entry["step"]
        if step == "ring" and "escalate" in entry:
            self.count(journey, step, "escalated")
            del entry["escalate"]
        elif step == "ring":
            self.count(journey, step, "timed_out")
            self.end(journey, "end")
        elif step == "month":
            self.count(journey, step, "resumed")
            self.end(journey, step)
        elif step in WAITS:
            self.count(journey, step, "resumed")
            self.reach(journey, {"fortnight": "more", "weeks": "offer" if journey == SECOND_PURCHASE else "worth"}[step], at)
        else:
            self.decide(journey, entry, at)

    def decide(self, journey: str, entry: dict, at: int) -> None:
        """Send, put off or block one message: by day only, and one within fourteen days."""
        step = entry["step"]
        later = max(quiet_until(at), self.sent + BUDGET_WINDOW if at < self.sent + BUDGET_WINDOW else 0)
        if later and (later > entry["expires"] or at >= entry["expires"]):
            self.count(journey, step, "blocked")
            if step == "news":
                self.end(journey, step)
                return
        elif later:
            self.count(journey, step, "deferred")
            entry["due"] = later
            return
        else:
            self.count(journey, step, "sent")
            self.sent = at
        self.reach(journey, AFTER_SEND[step], at)

    def end(self, journey: str, step: str) -> None:
        self.count(journey, step, "exited")
        del self.entries[journey]
