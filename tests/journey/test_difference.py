"""The difference of two plans: what they decide differently, and nothing else."""

import pytest

from pilotage.journey.almanac import NO_ALMANAC, Almanac
from pilotage.journey.difference import Change, PlanDifference, PolicyEffect, compare_plans
from pilotage.journey.flowchart import flowchart
from tests.journey import company
from tests.journey.sample import FILES, JOURNEY, changed, plan_of
from tests.journey.scenario import compile_documents
from tests.journey.test_accounts import on_account
from tests.journey.test_advance import journey as on_person


def difference(path: str, old: str, new: str) -> PlanDifference:
    """What differs when one text of the sample is replaced."""
    return compare_plans(plan_of(FILES), plan_of(changed(path, old, new)))


def only(path: str, old: str, new: str) -> Change:
    """The only change of a journey, or of its only step that differs."""
    [journey] = difference(path, old, new).changes
    return journey.inner[0] if journey.inner and not journey.fields else journey


def fields(change: Change) -> list[tuple[str, str, str]]:
    return [(each.field, each.old, each.new) for each in change.fields]


CART = "journeys/cart.yaml"
ALIKE = [
    (CART, "trigger.price > 0", "0 < trigger.price"),
    (CART, "owner: {responsible: shop-team}", "owner: {responsible: others}\ndescription: prose"),
    (CART, "{for: 23h}", "{for: PT23H}"),
    ("content/reminder.yaml", "channel: email", "channel: email\ndescription: prose"),
    ("policies/contact.yaml", "count('complaint.opened', '14d') > 0", "0 < count('complaint.opened', '14d')"),
]


@pytest.mark.parametrize(("path", "old", "new"), ALIKE, ids=[each[2] for each in ALIKE])
def test_spelling_prose_and_owners_make_no_difference(path: str, old: str, new: str) -> None:
    """Two plans that decide alike do not differ, however their documents are written."""
    assert difference(path, old, new).empty


STEPS = [
    ("timeout: 1h}", "timeout: 2h}", "changed hour", ("timeout", "1h", "2h")),
    ("tier = 'gold'", "tier = 'silver'", "changed check", ("edges", "when tier = 'gold'", "when tier = 'silver'")),
    ("mark: 50%", "mark: 40%", "changed test", ("arms", "mark 50%, other 50%", "mark 40%, other 60%")),
    ('at: "09:00"', 'at: "10:30"', "changed morning", ("at", "09:00", "10:30")),
    ("total: trigger.price}", "total: trigger.price + 1}", "changed tell", ("data", "total = trigger.price", "total = 1 + trigger.price")),
    ("on_blocked: end", "on_blocked: day", "rewired remind", ("on_blocked", "", "day")),
]


@pytest.mark.parametrize(("old", "new", "step", "expected"), STEPS, ids=[each[1] for each in STEPS])
def test_a_step_says_what_it_does_otherwise_or_where_it_leads(old: str, new: str, step: str, expected: tuple[str, str, str]) -> None:
    """A step is changed where it does something else, and rewired where it only leads elsewhere."""
    files = changed(CART, old, new)
    if "40%" in new:
        files[CART] = files[CART].replace("share: 50%", "share: 60%")
    [journey] = compare_plans(plan_of(FILES), plan_of(files)).changes
    [change] = journey.inner
    assert ("journey changed", f"step {step}") == (f"{journey.kind} {journey.how}", f"{change.kind} {change.how} {change.name}")
    assert expected == fields(change)[0]


def test_steps_come_and_go() -> None:
    """A new step is added, and what led past it is rewired; the other way round it is removed."""
    step = "  - {id: rest, wait: {for: 1d}}\n"
    longer = changed(CART, "  - {id: check,", step + "  - {id: check,")
    [journey] = compare_plans(plan_of(FILES), plan_of(longer)).changes
    assert [("added", "rest"), ("rewired", "day")] == sorted((each.how, each.name) for each in journey.inner)
    [journey] = compare_plans(plan_of(longer), plan_of(FILES)).changes
    assert [("removed", "rest"), ("rewired", "day")] == sorted((each.how, each.name) for each in journey.inner)


COMPLAINED = "count('complaint.opened', '7d') > 0"
JOURNEYS = [
    ("trigger.price > 0", "trigger.price > 5", [("enter where", "trigger.price > 0", "trigger.price > 5")]),
    ("reentry: {after: 90d}", "reentry: always", [("enter reentry", "90d", "always")]),
    ("holdout: 5%", "holdout: 7.5%", [("holdout", "5%", "7.5%")]),
    ("within: 30d", "within: 14d", [("goal within", "30d", "2w")]),
    ("reason: open complaint", "reason: other", [("exit open complaint", COMPLAINED, ""), ("exit other", "", COMPLAINED)]),
]


@pytest.mark.parametrize(("old", "new", "expected"), JOURNEYS, ids=[each[1] for each in JOURNEYS])
def test_a_journey_says_who_enters_and_how_one_leaves(old: str, new: str, expected: list[tuple[str, str, str]]) -> None:
    """Entrance, exits, goal and holdout are compared field by field."""
    assert expected == fields(only(CART, old, new))


def test_journeys_contents_and_attributes_come_and_go() -> None:
    """A journey that is only in one plan is added or removed with all its steps; so is everything else that has a name."""
    other = JOURNEY.replace("growth.recovery.cart", "growth.recovery.other")
    more = {**FILES, "journeys/other.yaml": other}
    [journey] = compare_plans(plan_of(FILES), plan_of(more)).changes
    assert ("added", "journey", "growth.recovery.other", 11) == (journey.how, journey.kind, journey.name, len(journey.inner))
    [attribute] = difference("profile.yaml", "  score: {type", "  rank: {type: integer}\n  score: {type").changes
    assert ("added", "attribute", "rank") == (attribute.how, attribute.kind, attribute.name)
    [content] = difference("content/reminder.yaml", "your cart", "your basket").changes
    assert ("changed", "content", [("subject", "{{ customer.tier }}: your cart", "{{ customer.tier }}: your basket")]) == (
        content.how,
        content.kind,
        fields(content),
    )


def test_a_change_of_policy_is_told_by_the_messages_it_concerns() -> None:
    """A rule that changes is told, and what now holds for each message that both plans send."""
    found = difference("policies/contact.yaml", "limit: 2", "limit: 3")
    assert [("changed", "budget", "week")] == [(each.how, each.kind, each.name) for each in found.changes]
    effect = PolicyEffect("budgets", "week (limit 2, window 1w)", "week (limit 3, window 1w)", ("growth.recovery.cart / remind",))
    assert (effect,) == found.effects
    assert () == difference("policies/contact.yaml", "basis: contract", "basis: vital_interest").effects


def test_a_calendar_is_told_by_its_days() -> None:
    """A calendar that comes is told with its days, for whom they are, and the messages that it holds back."""
    days = "schema: 1\nkind: calendar\nname: closed\nclasses: [marketing]\ndays: [{from: 2026-12-24, reason: Christmas Eve}]\n"
    found = compare_plans(plan_of(FILES), plan_of({**FILES, "calendars/closed.yaml": days}))
    (_, closed) = found.changes
    assert ("added", "calendar", "closed") == (closed.how, closed.kind, closed.name)
    assert ("Christmas Eve", "", "2026-12-24 00:00 to 2026-12-25 00:00 on their clock") in fields(closed)
    assert (PolicyEffect("calendars", "", "closed", ("growth.recovery.cart / remind",)),) == found.effects


def test_regions_are_told_with_the_days_and_the_settings() -> None:
    """A calendar that comes to tell regions apart is told with them, and with the attribute and the regions by which customers are."""
    almanac = Almanac(frozenset({"DE"}), lambda place, first, last: (), NO_ALMANAC.occurrences, frozenset({"DE-BE", "DE-BY"}))
    days = "schema: 1\nkind: calendar\nname: shut\nclasses: [marketing]\ncountries: [{places}]\ndays: [{{from: 2026-06-04, reason: off}}]\n"
    settings, closed = compare_plans(*(compile_documents(days.format(places=each), almanac=almanac) for each in ("DE", "DE-BY"))).changes
    assert [("region attribute", "", "region"), ("regions", "", "DE-BE, DE-BY")] == fields(settings)
    span = "2026-06-04 00:00 to 2026-06-05 00:00 on their clock in"
    assert [("off", f"{span} DE", f"{span} DE-BY")] == fields(closed)


def test_a_contact_slot_is_told_by_the_messages_that_wait_for_it() -> None:
    """A slot that comes, goes or changes is told like a budget, with the messages that leave at its ends only."""
    slots = "slots:\n  - {name: day, length: 1d, classes: [marketing]}\nsuppress:\n"
    found = difference("policies/contact.yaml", "suppress:\n", slots)
    assert [("added", "contact slot", "day")] == [(each.how, each.kind, each.name) for each in found.changes]
    assert (PolicyEffect("contact slots", "", "day (length 1d, limit 1)", ("growth.recovery.cart / remind",)),) == found.effects


def test_a_flowchart_marks_what_changed() -> None:
    """Added and removed steps and edges, and steps that are changed or rewired, each have their class in the Mermaid chart."""
    step = "  - {id: rest, wait: {for: 1d}}\n"
    old, new = plan_of(FILES), plan_of(changed(CART, "  - {id: check,", step + "  - {id: check,"))
    drawn = flowchart(old, new, compare_plans(old, new))
    assert drawn.startswith("flowchart TD\n")
    assert 'j0_rest(["rest"]):::added' in drawn
    assert 'j0_day(["day"]):::rewired' in drawn
    assert "j0_day -.-> j0_check" in drawn
    assert "linkStyle" in drawn
    gone = flowchart(new, old, compare_plans(new, old))
    assert 'j0_rest(["rest"]):::removed' in gone
    assert "same[no journey differs]" in flowchart(old, old, compare_plans(old, old))


def test_rounds_and_other_journeys_are_compared_too() -> None:
    """A repeat says how often it goes round, a step that enters another journey where the ends of that one lead."""
    inner = JOURNEY.replace("growth.recovery.cart", "growth.recovery.inner")
    ends = "outcomes: {bought: mark}, on_failure: end, on_timeout: end"
    enters = f"{{id: other, journey: growth.recovery.inner, data: {{sku: trigger.sku}}, timeout: 1d, {ends}}}"
    steps = f"  - {{id: again, repeat: {{times: 2, steps: [{{id: rest, wait: {{for: 1d}}}}]}}}}\n  - {enters}\n"
    old = {**changed(CART, "  - {id: check,", steps + "  - {id: check,"), "journeys/inner.yaml": inner}
    new = {**old, CART: old[CART].replace("times: 2", "times: 3").replace("{bought: mark}", "{bought: tell}")}
    [journey] = compare_plans(plan_of(old), plan_of(new)).changes
    found = [(each.how, each.name, fields(each)) for each in journey.inner]
    assert [("changed", "again", [("times", "2", "3")]), ("rewired", "other", [("comes back bought", "mark", "tell")])] == found
    drawn = flowchart(plan_of(old), plan_of(new), compare_plans(plan_of(old), plan_of(new)))
    assert 'j0_other[["other: growth.recovery.inner"]]:::rewired' in drawn
    assert "j0_again --> j0_again__rest" in drawn.replace('-->|"body"|', "-->")


CATALOGUE = """\
schema: 1
kind: catalogue
name: offers
actions:
  one: {description: One, weight: 1}
  two: {description: Two, weight: 1}
"""


def test_tasks_and_decisions_are_compared_too() -> None:
    """A task says who does it and by when, a decision how it chooses, each where what comes of it leads."""
    ring = "{id: ring, task: Ring, team: service, sla: 1d, outcomes: {reached: mark, gone: end}, on_failure: end, on_timeout: end}"
    choose = "{id: choose, decide: offers, by: weights, actions: {one: ring, two: mark}, next: end}"
    more = changed(CART, "  - {id: mark,", f"  - {choose}\n  - {ring}\n  - {{id: mark,")
    more[CART] = more[CART].replace("mark: 50%, other", "choose: 50%, other")
    old = {**more, "catalogues/offers.yaml": CATALOGUE}
    new = {**old, CART: old[CART].replace("sla: 1d", "sla: 2d").replace("gone: end", "gone: mark").replace("two: mark", "two: tell")}
    new["catalogues/offers.yaml"] = CATALOGUE.replace("Two, weight: 1", "Two, weight: 3")
    [journey] = compare_plans(plan_of(old), plan_of(new)).changes
    found = {each.name: fields(each) for each in journey.inner}
    assert [("options", "one weight 1, two weight 1", "one weight 1, two weight 3"), ("chooses two", "mark", "tell")] == found["choose"]
    assert {("sla", "1d", "2d"), ("comes back gone", "end", "mark")} <= set(found["ring"])
    assert "choose: offers" in flowchart(plan_of(old), plan_of(new), compare_plans(plan_of(old), plan_of(new)))


def test_a_schedule_is_compared_by_when_it_comes() -> None:
    """A schedule says at which times it comes and on which days, for which audience and on whose clock."""
    audience = "schema: 1\nkind: audience\nname: all\nowner: crm\nwhen: tier is not null\n"
    enter = "enter: {on: cart.added, where: trigger.price > 0, reentry: {after: 90d}}"
    simple = "steps:\n  - {id: a, wait: {for: 1d}}\n"
    head = JOURNEY.partition("steps:")[0]

    def scheduled(cron: str) -> dict[str, str]:
        text = head.replace(enter, f'enter: {{schedule: {{cron: "{cron}", audience: all}}, reentry: always}}') + simple
        return {**FILES, CART: text, "audiences/all.yaml": audience}

    [journey, *_] = compare_plans(plan_of(scheduled("0 9 * * *")), plan_of(scheduled("0 9,18 1,15 * mon"))).changes
    assert [
        (
            "enter schedule",
            "audience=all cron=09:00 zone=subject",
            "audience=all cron=09:00, 18:00 on days 1, 15 or weekdays 1 zone=subject",
        )
    ] == fields(journey)


def test_what_is_said_of_accounts_is_compared() -> None:
    """A role that is asked, a condition on accounts, an attribute of theirs and a role are changes like any other."""
    ask = "{{id: ask, send: email, content: plain, to: {{role: {}}}, on_blocked: end}}"
    busy = "exit: [{{when: \"count('seat.used', '30d', event.feature = 'x') >= {}\", reason: busy}}]"
    audience = "schema: 1\nkind: audience\nname: busy\nowner: x\nsubject: account\nwhen: \"count('seat.used', '7d') > {}\""
    old = company.plan_of(on_account(ask.format("admin"), extra=busy.format(3)), audience.format(1))
    new = company.plan_of(on_account(ask.format("billing"), extra=busy.format(4)), audience.format(2))
    changes = {change.kind: change for change in compare_plans(old, new).changes}
    assert {"journey", "audience of accounts"} == set(changes)
    said = [(each.field, each.old, each.new) for inner in changes["journey"].inner for each in inner.fields]
    assert ("role", "admin", "billing") in said
    assert any(each.field == "exit" or "exit" in each.field for each in changes["journey"].fields)
    without = compile_documents(on_person("{id: rest, wait: {for: 2d}}"))
    kinds = {(change.how, change.kind) for change in compare_plans(without, new).changes}
    assert {("added", "role"), ("added", "attribute of accounts"), ("added", "audience of accounts")} <= kinds
