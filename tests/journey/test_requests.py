"""Entering a journey from elsewhere: from a step of another one, which may await what comes of it, or by a request."""

import pytest

from pilotage.contract.validate import ContractBroken
from pilotage.journey.advance import OwnEvent
from pilotage.journey.work import TooManyDerived
from tests.journey.sample import changed, compiled, texts
from tests.journey.scenario import DAY, HOUR, Subject
from tests.journey.test_advance import journey

J = "journeys/cart.yaml"
DAY_STEP = "{id: day, wait: {for: 23h}}"
CHILD = journey(
    "{id: rest, wait: {for: 2d}}", "{on: order.placed, key: trigger.order, reentry: after}".replace("after", "{after: 9d}"), name="child"
)


def parent(more: str = "", enter: str = "{on: cart.added, reentry: always}") -> str:
    """A journey that has the subject enter the child, and goes three ways."""
    steps = f"""
    {{id: ask, journey: growth.recovery.child, data: {{order: trigger.product, total: trigger.price}}{more}}}
    {{id: next, exit: went on}}
    """
    ways = "{id: failed, exit: was not entered}\n{id: late, exit: was late}\n{id: goal, exit: reached}" if "outcomes" in more else ""
    return journey(steps + ways, enter, name="parent")


AWAITED = ", timeout: 3d, outcomes: {bought: goal}, on_failure: failed, on_timeout: late"


def ends(subject: Subject) -> list[tuple[str, str]]:
    """Which journeys were left, and why."""
    return [(d.journey.rpartition(".")[2], d.reason) for d in subject.decisions if d.verb == "exited"]


def test_a_journey_is_entered_with_what_stands_for_its_trigger() -> None:
    """The other journey begins at the same instant with the data given; the entry goes on at once."""
    s = Subject(parent(), CHILD).event("cart.added", product="p1", price=12.5)
    assert ["entered", "requested ask", "exited next", "entered", "waited rest"] == s.verbs
    assert [("growth.recovery.child", "p1")] == [(e.journey, e.variables["key"]) for e in s.state.entries]


def test_the_end_is_awaited_and_its_reason_leads_on() -> None:
    """An outcome that is named leads to its step, any other to what follows."""
    end = Subject(parent(AWAITED), CHILD).event("cart.added", product="p1", price=1).wake(2 * DAY)
    assert [("child", "end"), ("parent", "went on")] == ends(end)
    leaves = CHILD.replace("steps:", "exit: [{when: \"trigger.type = 'app.opened'\", reason: bought}]\nsteps:")
    bought = Subject(parent(AWAITED), leaves).event("cart.added", product="p1", price=1).event("app.opened", HOUR)
    assert [("child", "bought"), ("parent", "reached")] == ends(bought)


def test_waiting_for_the_end_has_an_end() -> None:
    """After the timeout the entry goes on, and what comes of the other journey later is nothing to it."""
    s = Subject(parent(AWAITED.replace("3d", "1d")), CHILD).event("cart.added", product="p1", price=1).wake(DAY).wake(DAY)
    assert [("parent", "was late"), ("child", "end")] == ends(s)


def test_what_cannot_be_entered_has_an_edge() -> None:
    """A journey whose rules refuse the subject is a failure of the step, with the rule's reason."""
    s = Subject(parent(AWAITED), CHILD).event("cart.added", product="p1", price=1).wake(2 * DAY)
    s.event("cart.added", product="p1", price=1)
    assert ("parent", "was not entered") == ends(s)[-1]
    assert "entered too recently" == s.last("failed").reason
    plain = Subject(parent(", timeout: 3d"), CHILD).event("cart.added", price=1)
    assert [("parent", "failed: the event has no key")] == ends(plain)


def test_a_subject_held_out_of_the_other_journey_goes_on() -> None:
    """Where the holdout keeps the subject out without a goal to observe, the awaited end is that."""
    s = Subject(parent(AWAITED), CHILD.replace("steps:", "holdout: 100%\nsteps:")).event("cart.added", product="p", price=1)
    assert ([("parent", "went on")], "held out") == (ends(s), s.last("answered").reason)


def test_journeys_that_enter_each_other_without_end_are_refused() -> None:
    """A chain of journeys that set each other off at one instant is rolled back and named."""
    first = journey("{id: a, journey: growth.recovery.b, data: {product: \"'x'\"}}", name="a")
    second = journey("{id: b, journey: growth.recovery.a, data: {product: \"'x'\"}}", name="b")
    with pytest.raises(TooManyDerived, match=r"growth\.recovery\.b by growth\.recovery\.a/a"):
        Subject(first, second).event("cart.added", product="p")


def test_a_request_enters_one_journey_and_counts_for_nothing_else() -> None:
    """A request brings the trigger's data to the journey it names; others entered on that event type do not notice."""
    other = journey("{id: rest, wait: {for: 1d}}", "{on: order.placed}", name="other")
    s = Subject(CHILD, other).event("journey.requested", journey="growth.recovery.child", data='{"order": "o7"}')
    assert ["growth.recovery.child"] == [entry.journey for entry in s.state.entries]
    assert ["entered: order.placed"] == [f"{d.verb}: {d.reason}" for d in s.decisions if d.verb == "entered"]
    s.event("journey.requested", journey="growth.recovery.gone")
    assert "there is no such journey" == s.refusals[-1]
    with pytest.raises(ContractBroken):
        s.event("journey.requested", journey="growth.recovery.child", data='{"order": 7}')


def test_only_the_system_says_that_a_journey_has_ended() -> None:
    """Nobody outside can end the waiting for another journey."""
    with pytest.raises(OwnEvent):
        Subject(parent(AWAITED), CHILD).event("journey.ended", effect="00", journey="x", entered=True)


STEP = "{id: day, journey: growth.recovery.other, data: {total: trigger.price}, timeout: 1d}"
OTHER = """\
schema: 1
kind: journey
name: growth.recovery.other
owner: {responsible: shop-team}
stage: growth
enter: {on: cart.recovered}
steps: [{id: rest, wait: {for: 1d}}]
"""
MISTAKES = [
    ("recovery.other", "recovery.otter", "«growth.recovery.otter", "error J030 unknown journey 'growth.recovery.otter'; did you mean"),
    ("total: trigger.price", "totl: trigger.price", "«{totl", "error J023 'cart.recovered' needs the field 'total'"),
    ("total: trigger.price", "total: trigger.sku", "«trigger.sku}, timeout", "error J023 'total' is of type number, but the value is of"),
    ("timeout: 1d", "on_failure: end", "«on_failure: end}", "error J010 step 'day' could wait for ever for what 'on_failure' needs; add"),
    ("timeout: 1d", "timeout: 1d, outcomes: {x: nowhere}", "«nowhere", "error J012 unknown step 'nowhere'"),
]


@pytest.mark.parametrize(("old", "new", "place", "beginning"), MISTAKES, ids=range(len(MISTAKES)))
def test_mistakes_are_found_where_they_stand(old: str, new: str, place: str, beginning: str) -> None:
    """An unknown journey, data that are not its trigger's, and a wait without an end are refused with place and cure."""
    files = {**changed(J, DAY_STEP, STEP), "journeys/other.yaml": OTHER}
    assert [] == texts(compiled(files)[1])
    files[J] = files[J].replace(old, new)
    column = files[J].split("\n")[13].index(place.replace("«", "")) + 1
    assert any(found.startswith(f"{J}:14:{column}: {beginning}") for found in texts(compiled(files)[1])), texts(compiled(files)[1])
