"""What the shop example must decide, computed the plain way: one loop per user over the rows of the file.

It knows the rules of examples/shop as a person reads them, and shares no code with the product: its own time, its own
quiet hours, its own budget. Counts are by journey, step and verb, the words of the product's decision records.
"""

import csv
import gzip
from collections import Counter, defaultdict
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Berlin")
MINUTE, HOUR, DAY = 60, 3_600, 86_400
BUDGET, WINDOW = 2, 7 * DAY
CART, BROWSE = "growth.reminders.cart", "growth.reminders.browse"
PAYMENT, CHECKOUT = "service.payment.failed", "service.checkout.trouble"
STARTS = {"add_to_cart": CART, "product_view": BROWSE, "payment_error": PAYMENT, "checkout_bug": CHECKOUT}
FIRST_WAIT = {CART: ("hour", HOUR), BROWSE: ("pause", 2 * HOUR), PAYMENT: ("half_hour", 30 * MINUTE)}
AFTER_WAIT = {(CART, "hour"): "remind", (CART, "day"): "again", (BROWSE, "pause"): "nudge", (PAYMENT, "half_hour"): "tell"}
EXPIRES = {"remind": 2 * DAY, "again": 2 * DAY, "nudge": 1 * DAY, "tell": 1 * DAY}
REST = {BROWSE: 1 * DAY, CHECKOUT: 1 * HOUR}
"""How long after an entry began the next may begin; the other journeys may be entered again at once."""

Counts = Counter[tuple[str, str, str]]


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of the file in their order."""
    with gzip.open(path, "rt", newline="") as file:
        return list(csv.DictReader(file))


def seconds(text: str) -> int:
    """Seconds UTC of a local wall time of the file, whole seconds all."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZONE).astimezone(UTC).timestamp())


def quiet_until(at: int) -> int:
    """When the quiet span that holds an instant ends, or 0 outside one: 21:00 to 08:00 on the wall clock."""
    local = datetime.fromtimestamp(at, ZONE)
    if 8 <= local.hour < 21:
        return 0
    day = local.date() + timedelta(days=1 if local.hour >= 21 else 0)
    return int(datetime.combine(day, time(8), ZONE).timestamp())


def budget_until(sent: list[int], at: int) -> int:
    """When one more marketing message fits the rolling window, or 0 if it does now; `sent` is in order of time."""
    counted = [when for when in sent if at - WINDOW < when <= at]
    return counted[len(counted) - BUDGET] + WINDOW if len(counted) >= BUDGET else 0


def shop_counts(rows: list[dict[str, str]]) -> Counts:
    """How often each thing is decided at each step, over all users, until nothing waits any more."""
    users: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    for number, row in enumerate(rows):
        users[row["user_id"]].append((seconds(row["timestamp"]), number, row["event"]))
    counts: Counts = Counter()
    for events in users.values():
        User(counts).live(sorted(events))
    return counts


class User:
    """One user: at most one entry in each journey, as {step, due, expires}, the time each began, the messages sent."""

    def __init__(self, counts: Counts) -> None:
        self.counts = counts
        self.entries: dict[str, dict] = {}
        self.began: dict[str, int] = {}
        self.sent: list[int] = []

    def live(self, events: list[tuple[int, int, str]]) -> None:
        """Take the events in order, what is due by time before each, and what is due after the last."""
        for at, _, event in events:
            self.settle(at)
            ended = self.stop(event)
            if event in STARTS:
                self.start(STARTS[event], at, ended)
        self.settle(None)

    def count(self, journey: str, step: str, verb: str) -> None:
        self.counts[journey, step, verb] += 1

    def settle(self, until: int | None) -> None:
        """Let everything due happen: earliest first, ties by the journey's name."""
        while self.entries:
            journey = min(self.entries, key=lambda name: (self.entries[name]["due"], name))
            entry = self.entries[journey]
            if until is not None and entry["due"] > until:
                return
            self.due(journey, entry, entry["due"])

    def due(self, journey: str, entry: dict, at: int) -> None:
        """A wait is over, or a message that was put off is decided anew."""
        step = entry["step"]
        if (journey, step) in AFTER_WAIT:
            self.count(journey, step, "resumed" if journey == BROWSE else "timed_out")
            entry["step"] = step = AFTER_WAIT[journey, step]
            entry["expires"] = at + EXPIRES[step]
        self.decide(journey, entry, at)

    def decide(self, journey: str, entry: dict, at: int) -> None:
        """Send, put off or block one message; service messages always leave."""
        step = entry["step"]
        later = 0 if journey == PAYMENT else max(quiet_until(at), budget_until(self.sent, at))
        if later and (later > entry["expires"] or at >= entry["expires"]):
            self.count(journey, step, "blocked")
            self.end(journey, step)
        elif later:
            self.count(journey, step, "deferred")
            entry["due"] = later
        else:
            self.count(journey, step, "sent")
            if journey != PAYMENT:
                self.sent.append(at)
            if step == "remind":
                self.rest(journey, "day", at + 23 * HOUR)
            else:
                self.end(journey, step)

    def rest(self, journey: str, step: str, due: int) -> None:
        self.count(journey, step, "waited")
        self.entries[journey] = {"step": step, "due": due, "expires": 0}

    def end(self, journey: str, step: str) -> None:
        self.count(journey, step, "exited")
        self.entries.pop(journey, None)

    def stop(self, event: str) -> set[str]:
        """A purchase is the goal of the cart and payment journeys; it, or a filled cart, ends looking around."""
        ended = set()
        for journey in sorted(self.entries):
            step = self.entries[journey]["step"]
            if event == "purchase" and journey in (CART, PAYMENT):
                self.count(journey, step, "goal")
            elif not (journey == BROWSE and event in ("purchase", "add_to_cart")):
                continue
            self.end(journey, step)
            ended.add(journey)
        return ended

    def start(self, journey: str, at: int, ended: set[str]) -> None:
        """Enter a journey, unless the user is in it, was too lately, or has just been ended by the same event."""
        too_soon = journey in REST and journey in self.began and at < self.began[journey] + REST[journey]
        if journey in self.entries or journey in ended or too_soon:
            self.count(journey, "", "refused")
            return
        self.began[journey] = at
        self.count(journey, "", "entered")
        if journey == CHECKOUT:
            self.count(journey, "task", "called")
            self.end(journey, "task")
            return
        step, wait = FIRST_WAIT[journey]
        self.rest(journey, step, at + wait)
