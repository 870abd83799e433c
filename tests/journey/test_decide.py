"""Deciding on the next action: by order, by score, by weights, with the chance that each had, the same in every process."""

from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.journey.program import load
from pilotage.profile.state import State
from tests.journey.sample import changed, compiled, texts
from tests.journey.scenario import ZONES, Subject, compile_documents
from tests.journey.test_advance import journey

J, K = "journeys/cart.yaml", "catalogues/offers.yaml"
CATALOGUE = """\
schema: 1
kind: catalogue
name: offers
actions:
  big: {when: trigger.price > 50, score: trigger.price * 0.5, weight: 1}
  small: {score: "10", weight: 3}
  gold: {when: tier = 'gold', score: "case when trigger.price > 90 then 100 end", weight: 4}
"""
LEADS = "\n".join(f"{{id: {name}, exit: {name}}}" for name in ("big", "small", "gold", "none"))


def deciding(by: str, more: str = "", actions: str = "{big: big, small: small, gold: gold}") -> str:
    """A journey that chooses one of three actions."""
    return journey(f"{{id: choose, decide: offers, by: {by}, actions: {actions}{more}, next: none}}\n{LEADS}")


def decided(by: str, price: float, tier: str = "", more: str = "", number: int = 1) -> Subject:
    """A subject for whom has been decided."""
    s = Subject(plan=compile_documents(CATALOGUE, deciding(by, more)))
    s.state = State(number.to_bytes(16, "big"))
    return (s.event("customer.signed_up", tier=tier) if tier else s).event("cart.added", price=price)


def test_the_first_that_is_open_is_chosen() -> None:
    """Without scores and weights the order of the step decides, and it is certain."""
    s = decided("first", 60, "gold")
    assert ("big", "offers", "1", "first") == (
        s.last("decided").reason,
        s.last("decided").rule,
        s.last("decided").inputs["propensity"],
        s.last("decided").inputs["chosen by"],
    )
    assert ("small: open, not chosen", "gold: open, not chosen") == s.last("decided").lost
    assert "small" == decided("first", 10).last("exited").reason


def test_the_highest_score_is_chosen() -> None:
    """A score is calculated for each that is open; one without a score is not, and the reasons are kept."""
    assert "gold" == decided("score", 100, "gold").last("exited").reason
    s = decided("score", 80, "gold")
    assert ("big", "40", ("gold: it has no score", "small: score 10")) == (
        s.last("exited").reason,
        s.last("decided").inputs["score"],
        s.last("decided").lost,
    )
    assert ("small", ("big: trigger.price > 50 is not true", "gold: tier = 'gold' is not true")) == (
        decided("score", 20).last("exited").reason,
        decided("score", 20).last("decided").lost,
    )


def test_of_equal_scores_the_first_counts() -> None:
    """A tie is broken by the order of the step."""
    catalogue = CATALOGUE.replace("price > 50", "price > 5")
    for first, second in (("small", "big"), ("big", "small")):
        steps = f"{{id: choose, decide: offers, by: score, actions: {{{first}: one, {second}: two}}, next: end}}"
        plan = compile_documents(catalogue, journey(steps + "\n{id: one, exit: one}\n{id: two, exit: two}"))
        assert (first, "one") == _outcome(Subject(plan=plan).event("cart.added", price=20))


def test_nothing_open_leads_on() -> None:
    """Where no action is open the step is left by `next`."""
    steps = "{id: choose, decide: offers, actions: {big: big}, next: none}\n{id: big, exit: big}\n{id: none, exit: none}"
    assert ("nothing", "none") == _outcome(Subject(plan=compile_documents(CATALOGUE, journey(steps))).event("cart.added", price=1))


def _outcome(subject: Subject) -> tuple[str, str]:
    return subject.last("decided").reason, subject.last("exited").reason


def test_weights_share_out_and_exploration_is_even() -> None:
    """Over many subjects the shares come out as the recorded chances say, and each decision knows its own."""
    program = load(compile_documents(CATALOGUE, deciding("weights", ", explore: 20%")), ZONES, "test")
    counts: Counter[str] = Counter()
    chances: dict[str, str] = {}
    for number in range(2_000):
        s = Subject(program=program)
        s.state = State(number.to_bytes(16, "big"))
        s.event("customer.signed_up", tier="gold").event("cart.added", price=60)
        chosen = s.last("decided")
        counts[chosen.reason] += 1
        chances[chosen.reason] = chosen.inputs["propensity"]
    assert {"big": "0.166666", "small": "0.366666", "gold": "0.466666"} == chances
    for name, chance in chances.items():
        assert abs(counts[name] / 2_000 - float(chance)) < 0.04


def test_a_decision_taken_again_draws_anew() -> None:
    """In a repeat each round has a draw of its own, and the same entry draws the same in every process."""
    inner = "[{id: choose, decide: offers, by: weights, actions: {small: rest, big: rest}, next: rest}, {id: rest, wait: {for: 1d}}]"
    plan = compile_documents(CATALOGUE, journey(f"{{id: many, repeat: {{times: 60, steps: {inner}}}}}\n{{id: out, exit: done}}"))
    first, second = (Subject(plan=plan).event("cart.added", price=60).wake(61 * 86_400_000_000) for _ in range(2))
    reasons = [d.reason for d in first.decisions if d.verb == "decided"]
    assert (60, {"small", "big"}) == (len(reasons), set(reasons))
    assert first.decisions == second.decisions


@given(st.sampled_from(["first", "score", "weights"]), st.integers(0, 100), st.integers(0, 120), st.sampled_from(["", "gold"]))
def test_chances_add_up_to_one(by: str, explore: int, price: int, tier: str) -> None:
    """Whatever decides and however much is explored, the chances of all that are open make one, but for rounding."""
    program = load(compile_documents(CATALOGUE, deciding(by, f", explore: {explore}%")), ZONES, "test")
    chances: dict[str, Decimal] = {}
    for number in range(60):
        s = Subject(program=program)
        s.state = State(number.to_bytes(16, "big"))
        s = (s.event("customer.signed_up", tier=tier) if tier else s).event("cart.added", price=price)
        chances[s.last("decided").reason] = Decimal(s.last("decided").inputs["propensity"])
    assert sum(chances.values()) <= 1
    open_ = 1 + (price > 50) + (tier == "gold" and (by != "score" or price > 90))
    assert len(chances) < open_ or sum(chances.values()) > Decimal("0.99999")


STEP = "{id: day, decide: offers, by: score, actions: {small: check, big: check}}"
MISTAKES = [
    (J, "decide: offers", "decide: «ofers", "error J033 unknown catalogue 'ofers'; did you mean 'offers'?"),
    (J, "small: check", "«smal: check", "error J034 the catalogue 'offers' has no action 'smal'; did you mean 'small'?"),
    (J, "small: check", "small: «chekc", "error J012 unknown step 'chekc'; did you mean 'check'?"),
    (J, "by: score", "by: «scores", "error D016 'by' cannot be 'scores'; did you mean 'score'?"),
    (K, 'score: "10", ', "", f"{K}:6:3: error J035 the action 'small' has no 'score', by which step 'day' chooses; add 'score'"),
    (K, 'score: "10"', "score: «\"'ten'\"", "error E002 the score is of type string, not a number; write a number"),
    (K, "trigger.price > 50", "«trigger.prize > 50", "error E001 cart.added has no field prize; did you mean price?"),
    (K, "weight: 3", "weight: «0", "error D021 'weight': 0 is not between 1 and 1000000"),
]


@pytest.mark.parametrize(("path", "old", "new", "beginning"), MISTAKES, ids=range(len(MISTAKES)))
def test_mistakes_are_found_where_they_stand(path: str, old: str, new: str, beginning: str) -> None:
    """A mistake in a catalogue, or in the step that chooses from it, is reported with its file, line, column and cure."""
    files = {**changed(J, "{id: day, wait: {for: 23h}}", STEP), K: CATALOGUE}
    assert [] == texts(compiled(files)[1])
    source = files[path].replace(old, new)
    at = source.find("«")
    files[path] = source.replace("«", "")
    place = f"{path}:{source[:at].count(chr(10)) + 1}:{at - source.rfind(chr(10), 0, at)}: " if at >= 0 else ""
    found = texts(compiled(files)[1])
    assert any(each.startswith(place + beginning) for each in found), "\n".join(found)
