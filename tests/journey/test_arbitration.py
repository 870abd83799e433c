"""Contact slots and priorities: messages that come up within a slot are decided together, the best first, however they came up."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.decision.slot import slot_end
from pilotage.event.time import parse_instant_us
from pilotage.journey.advance import wake_at
from pilotage.journey.plan import Plan
from pilotage.journey.program import Program, load
from pilotage.source.almanac import packaged_almanac
from tests.journey.sample import changed, compiled, texts
from tests.journey.scenario import DAY, HOUR, MINUTE, START, ZONES, Subject, compile_documents
from tests.journey.test_advance import journey

SLOTS = """
schema: 1
kind: policy
name: slots
slots:
  - {{name: marketing, classes: [marketing], length: {length}, limit: {limit}}}
"""
CALENDAR = """
schema: 1
kind: calendar
name: closed
classes: [marketing]
{places}days:
{days}
"""
ALMANAC = packaged_almanac(Path(), ZONES)
NAMES = ("a", "b", "c", "d")


def sender(name: str, priority: str = "", more: str = "", expires: str = "3d") -> str:
    """A journey that sends one message when its product is put into a cart."""
    said = f", priority: {priority}" if priority else ""
    enter = f"{{on: cart.added, where: \"trigger.product = '{name}'\", reentry: always}}"
    return journey(f"{{id: tell, send: email, content: plain, expires: {expires}{said}{more}, on_blocked: end}}", enter, name=name)


def slotted(*journeys: str, length: str = "1h", limit: int = 1, closed: tuple[tuple[str, str], ...] = (), places: str = "") -> Plan:
    """The plan of journeys under a slot for marketing, and a calendar of closed days and spans, if there are any, in some places."""
    days = "".join(f"  - {{from: {first}, to: {last}}}\n" for first, last in closed)
    calendars = [CALENDAR.format(days=days, places=f"countries: [{places}]\n" if places else "")] if closed else []
    return compile_documents(SLOTS.format(length=length, limit=limit), *calendars, *journeys, almanac=ALMANAC)


def settle(subject: Subject, until: int) -> Subject:
    """Let everything happen up to an instant, each message being handed over at once."""
    while True:
        for place in range(getattr(subject, "told", 0), len(subject.actions)):
            subject.receipt("message.sent", place)
        subject.told = len(subject.actions)  # type: ignore[attr-defined]
        due = wake_at(subject.state)
        if not due or due > until:
            subject.now = until
            return subject
        subject.now = due
        subject.wake()


def sent(subject: Subject) -> list[tuple[str, int]]:
    """Which journeys' messages left, and when."""
    return [(d.journey.rpartition(".")[2], d.at_us) for d in subject.decisions if d.verb == "sent"]


def arrive(subject: Subject, *arrivals: tuple[int, str]) -> Subject:
    """Products put into the cart, each some time after the start."""
    for at, product in sorted(arrivals):
        settle(subject, START + at)
        subject.event("cart.added", product=product, price=ord(product))
    return subject


def start_of_slot(subject: Subject, length: int = HOUR) -> int:
    """How long after the start the subject's next slot begins."""
    (slot,) = subject.program.rules.slots
    assert slot.length_us == length
    return slot_end(slot, subject.state.subject, START + 1) - START


def test_a_message_leaves_at_the_end_of_its_slot() -> None:
    """A candidate waits for the end of the slot in which it came up; one that comes at the very end belongs to the next."""
    subject = Subject(plan=slotted(sender("a"))).sign_up()
    begins = start_of_slot(subject)
    arrive(subject, (begins, "a"))
    assert "deferred" == subject.decisions[-1].verb
    assert ("slot marketing", "slot:marketing") == (subject.last("deferred").reason, subject.last("deferred").rule)
    assert [("a", START + begins + HOUR)] == sent(settle(subject, START + DAY))


def test_the_highest_priority_wins_the_slot_and_says_who_lost() -> None:
    """Of what came up within a slot the highest priority leaves; the others wait for the next slot, and both sides are recorded."""
    subject = Subject(plan=slotted(sender("a"), sender("b", "2"), sender("c", "1.5"))).sign_up()
    begins = start_of_slot(subject)
    arrive(subject, (begins + 1, "a"), (begins + 2, "c"), (begins + 3, "b"))
    settle(subject, START + begins + HOUR)
    assert [("b", START + begins + HOUR)] == sent(subject)
    won = subject.last("sent")
    assert ("growth.recovery.c/tell: priority 1.5", "growth.recovery.a/tell: priority 0") == won.lost
    assert "slot marketing went to growth.recovery.b" == subject.last("deferred").reason
    settle(subject, START + DAY)
    assert ["b", "c"] == [name for name, _ in sent(subject)]  # the week's budget is two


def test_a_priority_is_what_its_expression_comes_to_then() -> None:
    """A priority may read the trigger and the profile; NULL comes last, equal ones go by the names of journeys."""
    plan = slotted(sender("a", "trigger.price"), sender("b", "trigger.price * 2"), sender("c", "spent"), limit=3)
    subject = Subject(plan=plan).sign_up()
    begins = start_of_slot(subject)
    arrive(subject, (begins + 3, "a"), (begins + 2, "b"), (begins + 1, "c"))
    settle(subject, START + begins + HOUR)
    assert ["b", "a"] == [name for name, _ in sent(subject)]


def test_who_loses_may_take_another_way() -> None:
    """With `on_lost` a message that others keep out of its slot is not sent later: the entry goes there."""
    plan = slotted(sender("a", more=", on_lost: end"), sender("b", "1"))
    subject = Subject(plan=plan).sign_up()
    begins = start_of_slot(subject)
    settle(arrive(subject, (begins + 1, "a"), (begins + 2, "b")), START + 5 * DAY)
    assert ["b"] == [name for name, _ in sent(subject)]
    assert "slot marketing went to growth.recovery.b" == subject.last("lost").reason


def test_what_is_put_off_waits_for_a_slot_to_end() -> None:
    """A candidate whom quiet hours or a budget put off is decided anew at the first slot end from which they allow it."""
    subject = Subject(plan=slotted(sender("a"))).sign_up()
    night = 10 * HOUR  # 22:00
    settle(arrive(subject, (night, "a")), START + 2 * DAY)
    ((_, at),) = sent(subject)
    (slot,) = subject.program.rules.slots
    assert slot_end(slot, subject.state.subject, START + 20 * HOUR) == at  # quiet until 08:00


def test_without_slots_priority_decides_who_is_first_at_one_instant() -> None:
    """Messages that quiet hours have held back leave in order of priority, so that a budget goes to the best."""
    plan = compile_documents(*(sender(name, str(priority)) for name, priority in zip(NAMES, (1, 4, 2, 3), strict=True)))
    subject = Subject(plan=plan).sign_up()
    settle(arrive(subject, *((10 * HOUR + n, name) for n, name in enumerate(NAMES))), START + DAY)
    assert ["b", "d"] == [name for name, _ in sent(subject)]


def test_a_service_message_waits_for_no_slot() -> None:
    """Classes that no slot names leave at once."""
    text = sender("a").replace("purpose: marketing.cart", "purpose: service.payment")
    subject = Subject(plan=slotted(text)).sign_up()
    arrive(subject, (5 * MINUTE, "a"))
    assert [("a", START + 5 * MINUTE)] == sent(subject)


Span = tuple[str, str]


def shut(closed: tuple[Span, ...], at_us: int) -> bool:
    """Whether an instant lies in one of the closed spans; whole days are closed to their end."""
    for first, last in closed:
        ends_us = parse_instant_us(f"{last}T00:00Z") + DAY if "T" not in last else parse_instant_us(f"{last}Z")
        if parse_instant_us(f"{first}T00:00Z" if "T" not in first else f"{first}Z") <= at_us < ends_us:
            return True
    return False


def audited(
    program: Program, arrivals: list[tuple[int, int]], priorities: list[int], subject: bytes, days: int, closed: tuple[Span, ...]
) -> list[tuple[str, int]]:
    """Who leaves when, reckoned plainly: at each slot end all that wait, the best first, as far as night, calendar, budget and slot
    allow."""
    (slot,) = program.rules.slots
    waiting: list[tuple[int, int, int]] = []
    left: list[tuple[str, int]] = []
    coming = sorted((START + at, number) for at, number in arrivals)
    end = slot_end(slot, subject, START + 1)
    while end < START + days * DAY:
        waiting += [(-priorities[number], number, at) for at, number in coming if end - slot.length_us <= at < end]
        night = not 8 * HOUR <= end % DAY < 21 * HOUR or shut(closed, end)
        gone = 0
        for candidate in sorted(waiting):
            _, number, at = candidate
            budget = sum(1 for _, before in left if before > end - 7 * DAY)
            if end <= at + 3 * DAY and not night and budget < 2 and gone < slot.limit:
                left.append((NAMES[number], end))
                gone += 1
                waiting.remove(candidate)
        end += slot.length_us
    return left


HOMES = {
    ("DE", "BY"): {"DE", "DE-BY"},
    ("de", "de-be"): {"DE", "DE-BE"},
    ("DE", ""): {"DE", "DE-BY", "DE-SN", "DE-BE"},
    ("DE", "Sachsen"): {"DE", "DE-BY", "DE-SN", "DE-BE"},
    ("FR", "57"): {"FR", "FR-57"},
    ("AT", "9"): set[str](),
    ("", ""): {"DE", "DE-BY", "DE-SN", "DE-BE", "FR", "FR-57"},
}
"""In which of the places that calendars name a customer may be, by the country and the region that are known."""
WORLDS = st.fixed_dictionaries(
    {
        "arrivals": st.lists(st.tuples(st.integers(0, 9 * DAY // MINUTE).map(lambda n: n * MINUTE), st.integers(0, 3)), max_size=10),
        "priorities": st.permutations([0, 1, 2, 3]),
        "length": st.sampled_from(["30m", "1h", "5h", "1d"]),
        "limit": st.integers(1, 2),
        "closed": st.sampled_from(
            (
                (),
                (("2026-03-04", "2026-03-04"),),
                (("2026-03-03", "2026-03-05"), ("2026-03-07T06:00", "2026-03-07T18:00")),
                (("2026-03-02T20:00", "2026-03-03T09:30"), ("2026-03-09", "2026-03-10")),
                (("2026-03-05T00:00", "2026-03-09T00:00"),),
            )
        ),
        "places": st.sampled_from(("", "DE", "DE-BY", "DE-BY, DE-SN", "FR, DE-BE", "FR-57")),
        "home": st.sampled_from(sorted(HOMES)),
        "shuffle": st.randoms(use_true_random=False),
    }
)
PROGRAMS: dict[tuple[object, ...], Program] = {}


def program_of(priorities: list[int], length: str, limit: int, closed: tuple[Span, ...], places: str) -> Program:
    """The program of the four journeys, made once."""
    key = (*priorities, length, limit, closed, places)
    if key not in PROGRAMS:
        journeys = [sender(name, str(priority)) for name, priority in zip(NAMES, priorities, strict=True)]
        PROGRAMS[key] = load(slotted(*journeys, length=length, limit=limit, closed=closed, places=places), ZONES, "test")
    return PROGRAMS[key]


@given(world=WORLDS)
def test_messages_leave_as_a_plain_reckoning_says(world: dict[str, object]) -> None:
    """In any world, with closed days for all, for countries or for regions, or without: who leaves and when is what a plain reckoning
    says; so no budget and no slot overshoots, each waits for the first slot end that allows it or expires, and the order of arrival
    within a slot plays no part."""
    priorities, length, limit, closed = (world[name] for name in ("priorities", "length", "limit", "closed"))
    places, (country, region) = str(world["places"]), world["home"]  # type: ignore[misc]
    program = program_of(list(priorities), str(length), int(limit), closed, places)  # type: ignore
    arrivals: list[tuple[int, int]] = list(dict.fromkeys(world["arrivals"]))  # type: ignore[call-overload]
    met: dict[int, int] = {}
    arrivals = [
        (at, number) for at, number in sorted(arrivals) if at - met.get(number, -9 * DAY) > 4 * DAY and not met.update({number: at})
    ]  # type: ignore[func-returns-value]
    subject = Subject(program=program).sign_up(country=country, region=region)
    settle(arrive(subject, *((at, NAMES[number]) for at, number in arrivals)), START + 16 * DAY)
    felt = closed if not places or HOMES[country, region] & set(places.split(", ")) else ()
    assert audited(program, arrivals, list(priorities), subject.state.subject, 16, felt) == sent(subject)  # type: ignore


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("priority: tier", "error E002 the priority is of type string, not a number"),
        ("on_lost: nowhere", "error J012 unknown step 'nowhere'"),
    ],
)
def test_a_wrong_priority_is_told(change: str, says: str) -> None:
    """A priority that is no number, and a way that leads nowhere, are reported at their place."""
    found = texts(compiled(changed("journeys/cart.yaml", "send: email", f"send: email, {change}"))[1])
    assert [text for text in found if says in text], found
