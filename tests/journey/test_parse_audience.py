"""Audience documents: what they come to, and each mistake at its place with a cure."""

import pytest

from pilotage.journey.schema import json_schema
from tests.journey.sample import FILES, compiled, plan_of, texts

HEAD = "schema: 1\nkind: audience\nname: {}\nowner: {{responsible: crm}}\n"


def files(**audiences: str) -> dict[str, str]:
    """The sample with audiences: a name and the lines after the head."""
    return {**FILES, **{f"audiences/{name}.yaml": HEAD.format(name) + text + "\n" for name, text in audiences.items()}}


MISTAKES = [
    ({"a": "when: tier = 'gold' and aeg > 3"}, "audiences/a.yaml:5:25: error E001 there is no attribute aeg; did you mean age?"),
    ({"a": "when: trigger.price > 3"}, "audiences/a.yaml:5:7: error E001 there is no event at hand here; use attributes, or count"),
    ({"a": "when: in_audience('gold')", "gould": "when: age > 3"}, "error E001 there is no audience gold; did you mean gould?"),
    ({"a": "any: [gold]", "gould": "when: age > 3"}, "audiences/a.yaml:5:7: error U004 unknown audience 'gold'; did you mean 'gould'?"),
    ({"a": "except: [b]", "b": "when: age > 3"}, "audiences/a.yaml:1:1: error U002 audience 'a' does not say who is in it; add 'when'"),
    ({"a": "any: [a]"}, "audiences/a.yaml:3:1: error U003 the audiences a → a are made of each other; let one"),
    ({"a": "when: in_audience('c')", "b": "all: [a]", "c": "when: age > 3\nexcept: [b]"}, "error U003 the audiences a → c → b → a are"),
    ({"a": "when: age > 3\nexisting: maybe"}, "error D016 'existing' cannot be 'maybe'; Choices are: exclude, include"),
    ({"a": "when: age > 3\nmember: x"}, "error D009 unknown key 'member' in the audience; did you mean 'members'?"),
]


@pytest.mark.parametrize(("audiences", "told"), MISTAKES, ids=[told[-50:] for _, told in MISTAKES])
def test_a_mistake_is_told_with_its_place_and_cure(audiences: dict[str, str], told: str) -> None:
    """Each mistake in an audience document is found, where it is, with what to do."""
    plan, findings = compiled(files(**audiences))
    assert plan is None
    assert any(told in text for text in texts(findings)), texts(findings)


def test_all_that_a_document_says_must_hold() -> None:
    """A condition, a list, any, all and except of other audiences make one condition."""
    found = plan_of(
        files(
            x="when: tier = 'gold' or age > 60\nmembers: guests\nany: [b, a]\nall: [c]\nexcept: [d]\nexisting: exclude",
            **{name: f"when: age > {place}" for place, name in enumerate("abcd")},
        )
    ).audiences
    assert ["a", "b", "c", "d", "x"] == [audience.name for audience in found]
    assert (
        "(tier = 'gold' or age > 60) and last('list.changed', 'listed', event.list = 'guests') is true"
        " and (in_audience('a') or in_audience('b')) and in_audience('c') and not in_audience('d')"
    ) == found[-1].when.text
    assert ("exclude", "guests", ("a", "b", "c", "d")) == (found[-1].existing, found[-1].listed, found[-1].when.audiences)


def test_a_plan_needs_what_its_audiences_count() -> None:
    """The features of audiences are features of the plan."""
    plan = plan_of(files(a="when: count('order.placed', '77d') > 3"))
    assert 77 * 86_400_000_000 in [feature.window_us for feature in plan.features]
    assert plan.digest != plan_of(FILES).digest


ENTRANCES = [
    ("enter: {on: cart.added,", "enter: {", "error D010 the entrance has neither 'on' nor 'audience'; add 'on': the event type"),
    ("enter: {on: cart.added,", "enter: {on: cart.added, audience: a,", "error J027 the entrance has 'on' and 'audience'; keep one"),
    ("enter: {on: cart.added, where: trigger.price > 0", "enter: {audience: aa", "error U004 unknown audience 'aa'; did you mean 'a'?"),
    ("exit: [{when: \"count('complaint.opened', '7d') > 0\",", "exit: [{", "error D010 the exit rule has neither 'when' nor 'left'"),
    ("exit: [{when: ", "exit: [{left: a, when: ", "error J027 the exit rule has 'when' and 'left'; keep one, or write two rules"),
]


@pytest.mark.parametrize(("old", "new", "told"), ENTRANCES, ids=[told[:40] for _, _, told in ENTRANCES])
def test_entrances_and_exits_have_one_form(old: str, new: str, told: str) -> None:
    """An entrance is by an event or an audience, an exit by a condition or an audience left."""
    sample = files(a="when: age > 3")
    assert 1 == sample["journeys/cart.yaml"].count(old)
    plan, findings = compiled({**sample, "journeys/cart.yaml": sample["journeys/cart.yaml"].replace(old, new)})
    assert plan is None
    assert any(told in text for text in texts(findings)), texts(findings)


def test_editors_know_audiences() -> None:
    """There is a JSON Schema of audience documents."""
    assert {"when", "members", "any", "all", "except", "existing"} <= set(json_schema("audience")["properties"])
