"""`pilotage prove`: answers as text and JSON, how it ends, what it remembers, and witnesses saved as tests."""

import json
import shutil
from pathlib import Path

import msgspec
import pytest

from pilotage.app.asking import QUESTIONS, Question
from pilotage.app.cli import invoke
from pilotage.app.commands_prove import CACHE
from pilotage.app.proven import proven_for
from pilotage.app.proving import CONFLICT, NotReproduced, evidence_of, shown
from pilotage.app.starter import init
from pilotage.app.workspace import compile_workspace, load
from pilotage.proof.change import smallest
from pilotage.proof.outcome import Bounds, Collision, Proof, Scenario, Verdict, Witness
from pilotage.source.zones import packaged_zones
from tests.app.test_accounts import workspace as workspace_with_accounts
from tests.journey.scenario import ZONES
from tests.proof.planted import NAMES, journey, policy, send, wait, world

SPRING = """\
schema: 1
kind: journey
name: growth.offers.spring
owner: {responsible: growth-team, accountable: head-of-crm}
purpose: marketing.onboarding
stage: growth
enter: {on: order.placed, where: trigger.total >= 50, reentry: {after: 30d}}
steps:
  - {id: hour, wait: {for: 1h}}
  - {id: offer, send: console, content: first-order, recipient: email, expires: 1d, on_blocked: end}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A workspace with a second team's journey."""
    init(tmp_path / "shop", write_key="key")
    (tmp_path / "shop" / "journeys" / "spring.yaml").write_text(SPRING)
    return tmp_path / "shop"


def test_a_conflict_is_told_with_the_change_that_removes_it(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A witness is told as a story, the change that removes it is suggested, and the command exits 1; with the change made it exits 0."""
    assert 1 == invoke(["prove", str(shop), "conflict"])
    told = capsys.readouterr().out
    assert "A customer in Berlin receives two console messages" in told
    assert "To remove it: add the budget {name: apart, limit: 1, window: 40m, channels: [console]" in told
    assert "1 with a witness, 0 unknown" in told
    path = shop / "policies" / "contact.yaml"
    names = "[growth.offers.spring, onboarding.welcome.first_order]"
    path.write_text(path.read_text().replace("budgets:\n", f"budgets:\n  - {{name: apart, limit: 1, window: 40m, journeys: {names}}}\n"))
    assert 0 == invoke(["prove", str(shop), "conflict"])
    assert "3 proved, 0 with a witness, 0 unknown" in capsys.readouterr().out


def test_answers_are_remembered_and_enacted_again(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The second answer is the first one's, from what is remembered; a file that cannot be read is as none."""
    assert 1 == invoke(["prove", str(shop), "--json"])
    first = capsys.readouterr().out
    assert (shop / CACHE).is_file()
    assert 1 == invoke(["prove", str(shop), "--json"])
    assert first == capsys.readouterr().out
    (shop / CACHE).write_text("no JSON")
    assert 1 == invoke(["prove", str(shop), "--json", "--journey", "growth.offers.spring"])
    found = json.loads(capsys.readouterr().out)
    assert [["growth.offers.spring", "onboarding.welcome.first_order"]] == [
        each["journeys"] for each in found["proofs"] if each["verdict"] == "witness"
    ]


def test_a_witness_is_saved_as_a_test_that_passes(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A witness becomes a test of its journey's document, among the others, and `pilotage test` passes it."""
    assert 1 == invoke(["prove", str(shop), "--save"])
    assert "saved channel console of growth.offers.spring" in capsys.readouterr().out
    assert 0 == invoke(["test", "--workspace", str(shop), "-v"])
    assert "ok    channel console with growth.offers.spring" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["conflicts"], "unknown question 'conflicts'"),
        (["--journey", "growth.offers.sprung"], "unknown journey 'growth.offers.sprung'"),
        (["--within", "soon"], "--within"),
        (["--pressure", "0"], "must be above 0"),
    ],
)
def test_what_cannot_be_asked_is_told(arguments: list[str], told: str, shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong question, journey or bound is told with its cure, and exits 2."""
    assert 2 == invoke(["prove", str(shop), *arguments])
    assert told in capsys.readouterr().err


def test_a_remembered_witness_that_does_not_come_about_is_not_shown(shop: Path) -> None:
    """What is remembered and does not collide in the kernel is refused, whatever a file says."""
    zones = packaged_zones()
    plan = compile_workspace(load(shop, {}), zones).plan
    assert plan is not None
    names = ("growth.offers.spring", "onboarding.welcome.first_order")
    empty = Witness(Scenario(names, 1, 2), Collision(((1, names[0], "offer"), (1, names[1], "greet"))))
    forged = Proof(CONFLICT, "channel", names, Verdict.WITNESS, "console", witness=empty)
    with pytest.raises(NotReproduced):
        shown(plan, zones, Bounds(), forged)


def test_the_smallest_change_is_one_value_where_that_is_enough() -> None:
    """Where a longer wait is enough, that is suggested and not a budget; else one condition more."""
    zones, bounds = packaged_zones(), Bounds()
    one = journey(NAMES[0], [wait("1h"), send()], reentry="never")
    other = journey(NAMES[1], [wait("1h"), send()], reentry="never")
    plan = world(one, other, journey(NAMES[2], [send("ping"), send("high")], on="app.opened"))
    evidence, _ = evidence_of(plan, zones, Question(workers=1))
    found = [proof for proof in evidence.witnesses if proof.journeys == NAMES[:2] and proof.kind == "channel"]
    change = smallest(plan, zones, bounds, found[0])
    assert change is not None
    assert "let step 's0' of growth.recovery.b wait for 2h instead of 1h" == change.text
    later = journey(NAMES[1], [wait("1d"), send()], on="product.viewed", where="tier = 'gold'")
    plan = world(journey(NAMES[0], [send()]), later, journey(NAMES[2], [send("ping"), send("high")], on="app.opened"), rules=policy())
    evidence, _ = evidence_of(plan, zones, Question(workers=1))
    found = [proof for proof in evidence.witnesses if proof.journeys == NAMES[:2] and proof.kind == "channel"]
    change = smallest(plan, zones, bounds, found[0])
    assert change is not None
    assert "let growth.recovery.a begin only where \"not entered('growth.recovery.b', '1w')\"" == change.text


def test_a_takeover_is_proved_from_the_version_that_is_named(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A faulty map is told with the change that removes it and exits 1, and its witness is no document test; made, the change is proved. A
    review counts migration only for the version it was asked of; without a version before, asking for it alone is told as such."""
    assert 66 == invoke(["prove", str(shop), "migration"])
    assert "there is no earlier version" in capsys.readouterr().err
    before, path = shop.parent / "before", shop / "journeys" / "spring.yaml"
    shutil.copytree(shop, before)
    line = "  - {id: hour, wait: {until: product.viewed, timeout: 1h}}\n  - {id: more, wait: {for: 2h}}\n"
    steps = SPRING.replace("  - {id: hour, wait: {for: 1h}}\n", line)
    path.write_text(f"{steps}in_flight: {{migrate: {{steps: {{hour: hour}}}}}}\n")
    assert 1 == invoke(["prove", str(shop), "migration", "--from", str(before), "--save"])
    told = capsys.readouterr().out
    assert "begins to wait anew at 'hour', beyond what was left of 'hour'" in told
    assert "To remove it: let 'migrate' of growth.offers.spring lead 'hour' to 'more'." in told
    assert "a test cannot say that another version was in force before" in told
    path.write_text(f"{steps}in_flight: {{migrate: {{steps: {{hour: more}}}}}}\n")
    assert 0 == invoke(["prove", str(shop), "migration", "--from", str(before), "--json"])
    assert {"proved"} == {each["verdict"] for each in json.loads(capsys.readouterr().out)["proofs"]}
    old, new = (compile_workspace(load(folder, {}), packaged_zones()).plan for folder in (before, shop))
    assert old is not None and new is not None
    of_old, of_new = proven_for(shop / "evidence", old, new), proven_for(shop / "evidence", new, new)
    assert of_old is not None and of_new is not None
    assert "migration: " in of_old.text
    other = msgspec.structs.replace(old, journeys=tuple(msgspec.structs.replace(each, stage="growth", holdout=1) for each in old.journeys))
    of_other = proven_for(shop / "evidence", other, new)
    assert of_other is not None and "migration" not in of_other.outcomes


def test_a_witness_on_an_account_is_saved_with_its_member(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A message that an account offers and one of a journey on persons collide for a member of the account; saved, the witness is a test of
    the journey on accounts, with the customer as its member, and passes."""
    folder = tmp_path / "workspace"
    workspace_with_accounts(folder)
    (folder / "journeys" / "spring.yaml").write_text(SPRING.replace("purpose: marketing.onboarding", "purpose: service.orders"))
    assert 1 == invoke(["prove", str(folder), "conflict", "--journey", "adoption.accounts.busy", "--save"])
    told = capsys.readouterr().out
    assert "of Acme, admin there, receives two console messages" in told
    assert "saved channel console of adoption.accounts.busy, growth.offers.spring as a test in journeys/busy.yaml" in told
    assert 0 == invoke(["test", "adoption.accounts.busy", "--workspace", str(folder), "-v"])
    assert "ok    channel console with growth.offers.spring" in capsys.readouterr().out


def test_messages_of_one_class_are_asked_about_among_each_other(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a class the welcome, a service message, is left out: of the offer and the reminder it is not known whether they meet. What is
    remembered of all stays, and a review is told nothing."""
    assert 1 == invoke(["prove", str(shop), "conflict"])
    remembered, evidence = (shop / CACHE).read_bytes(), sorted((shop / "evidence").iterdir())
    capsys.readouterr()
    assert 3 == invoke(["prove", str(shop), "conflict", "--class", "marketing"])
    assert "no rule keeps offer and remind apart" in capsys.readouterr().out
    assert 0 == invoke(["prove", str(shop), "conflict", "--class", "service"])
    assert "0 with a witness" in capsys.readouterr().out
    assert 1 == invoke(["prove", str(shop), "conflict", "--class", "service", "--class", "marketing", "--json"])
    assert "greet" in capsys.readouterr().out
    assert (remembered, evidence) == ((shop / CACHE).read_bytes(), sorted((shop / "evidence").iterdir()))
    assert 2 == invoke(["prove", str(shop), "--class", "marketting"])
    assert "did you mean 'marketing'?" in capsys.readouterr().err


def test_a_class_leaves_proofs_as_they_are() -> None:
    """Asked about one class, every proof and witness is about journeys and messages of that class, and none is there that is not among
    those about all."""
    plan = world(
        journey(NAMES[0], [send(), wait("1h"), {**send("high"), "purpose": "marketing.cart"}]),
        journey(NAMES[1], [send("high")], "marketing.cart", on="product.viewed"),
        journey(NAMES[2], [send("ping"), send()], on="app.opened"),
    )
    whole = evidence_of(plan, ZONES, Question(workers=1), QUESTIONS)[0]
    only = evidence_of(plan, ZONES, Question(workers=1, classes=("marketing",)), QUESTIONS)[0]
    asked = {(proof.question, proof.kind, proof.journeys, proof.about) for proof in whole.proofs}
    assert {(proof.question, proof.kind, proof.journeys, proof.about) for proof in only.proofs} <= asked
    assert {NAMES[0], NAMES[1]} == {name for proof in only.proofs for name in proof.journeys}
    [found] = [proof for proof in only.witnesses if proof.kind == "channel"]
    moments = shown(plan, ZONES, Bounds(), found, ("marketing",)).proof.witness.collision.moments  # type: ignore[union-attr]
    assert {(NAMES[0], "s2"), (NAMES[1], "s0")} == {(name, step) for _, name, step in moments}


WINE = """\
schema: 1
kind: journey
name: growth.offers.wine
owner: {responsible: growth-team, accountable: head-of-crm}
purpose: marketing.wine
stage: growth
enter: {on: order.placed, reentry: never}
steps:
  - {id: offer, send: console, content: first-order, recipient: email, expires: 1d, on_blocked: end}
"""


def test_a_witness_against_policy_is_saved_as_a_test(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Somebody whom a purpose is not for is told of, and saved as a test that expects the block."""
    only = "{class: marketing, basis: consent, only: \"country = 'DE'\"}"
    (shop / "policies" / "wine.yaml").write_text(f"schema: 1\nkind: policy\nname: wine\npurposes:\n  marketing.wine: {only}\n")
    (shop / "journeys" / "wine.yaml").write_text(WINE)
    assert 1 == invoke(["prove", str(shop), "policy", "--save"])
    told = capsys.readouterr().out
    assert "comes to 'first-order', which is not for them: only the block keeps it" in told
    assert "is sent 'first-order': 'first-order' is for marketing.wine only where country = 'DE', and leaves here for marketing." in told
    assert "saved barred offer of growth.offers.wine as a test in journeys/wine.yaml" in told
    assert "decisions" in (shop / "journeys" / "wine.yaml").read_text()
    assert 0 == invoke(["test", "--workspace", str(shop), "-v"])
    assert "ok    barred offer" in capsys.readouterr().out
