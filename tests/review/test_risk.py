"""Risk, ownership and blame, on plans compiled from documents: each fact comes from something that is named."""

from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pilotage.app.starter import init
from pilotage.app.workspace import Workspace, compile_workspace, load
from pilotage.event.cron import parse_cron
from pilotage.journey.difference import compare_plans
from pilotage.journey.plan import Plan, Schedule
from pilotage.review.blame import NOTHING, Released, blame
from pilotage.review.ownership import gone, owners_of, ownership_faults
from pilotage.review.people import People, Person
from pilotage.review.policy import USUAL
from pilotage.review.risk import Risk, assessed, touched_by
from pilotage.source.zones import packaged_zones

JOURNEY = "onboarding.welcome.first_order"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace as begun."""
    folder = tmp_path_factory.mktemp("risk") / "shop"
    init(folder, write_key="key")
    return folder


def compiled(folder: Path, path: str = "", old: str = "", new: str = "") -> tuple[Workspace, Plan]:
    """A workspace and its plan, with one text in one document replaced meanwhile."""
    file, text = folder / path, (folder / path).read_text() if path else ""
    if path:
        assert old in text
        file.write_text(text.replace(old, new))
    try:
        workspace = load(folder, {})
        made = compile_workspace(workspace, packaged_zones())
    finally:
        if path:
            file.write_text(text)
    assert made.plan is not None, made.findings
    return workspace, made.plan


def risk(old: Plan, new: Plan, people: dict[str, int] | None = None, proof: str = "absent", **policy: Any) -> Risk:
    """The risk of a change."""
    house = msgspec.structs.replace(USUAL, **policy)
    return assessed(house, touched_by(compare_plans(old, new), old, new), (old, new), people or {}, proof, ())


def facts(found: Risk) -> dict[str, str]:
    """Each fact with what it comes from."""
    return {fact.fact: fact.because for fact in found.facts}


WORDING = ("content/first-order.yaml", "Not sure where to begin?", "Where to begin")
LOGIC = ("journeys/welcome.yaml", "{for: 2h}", "{for: 3h}")
CONTACT = ("policies/contact.yaml", "limit: 2", "limit: 3")
PROSE = ("journeys/welcome.yaml", "reminds once of", "reminds one time of")


@pytest.mark.parametrize(
    ("change", "expected", "tier"),
    [
        (WORDING, {"wording": JOURNEY, "marketing": "marketing.onboarding"}, "low"),
        (LOGIC, {"logic": JOURNEY, "marketing": "marketing.onboarding"}, "medium"),
        (CONTACT, {"policy": "budget marketing-week", "wording": JOURNEY, "marketing": "marketing.onboarding"}, "medium"),
        (PROSE, {"wording": "nothing is decided differently"}, "low"),
    ],
    ids=["wording", "logic", "policy", "prose"],
)
def test_a_change_is_as_risky_as_what_it_touches(shop: Path, change: tuple[str, str, str], expected: dict[str, str], tier: str) -> None:
    """New words weigh less than new logic, and that less than new policies; each fact names what it comes from."""
    found = risk(compiled(shop)[1], compiled(shop, *change)[1])
    assert tier == found.tier
    assert expected == {name: facts(found)[name] for name in expected}
    assert not {"logic", "policy", "new_journey", "wording"} - set(expected) & set(facts(found))


def test_reach_purpose_and_proof_weigh(shop: Path) -> None:
    """Many people under way, an audience taken in by the clock, a regulated purpose and a witness against it each add their points."""
    old, new = compiled(shop)[1], compiled(shop, *LOGIC)[1]
    plain = risk(old, new)
    assert plain.points + 2 == risk(old, new, {JOURNEY: 10_000}).points
    assert "10000 people are under way" == facts(risk(old, new, {JOURNEY: 10_000}))["many"]
    regulated = risk(old, new, regulated=("marketing",))
    assert ("marketing.onboarding", "high", plain.points + 5) == (facts(regulated)["regulated"], regulated.tier, regulated.points)
    assert "regulated" not in facts(risk(old, new, regulated=("market",)))
    assert plain.points + 4 == risk(old, new, proof="witness").points
    (journey,) = new.journeys
    enter = msgspec.structs.replace(journey.enter, schedule=Schedule("loyal", parse_cron("0 9 * * mon")))
    crowd = msgspec.structs.replace(new, journeys=(msgspec.structs.replace(journey, enter=enter),))
    assert f"{JOURNEY} takes in an audience by the clock" == facts(risk(old, crowd))["many"]


def test_all_is_new_where_nothing_ran(shop: Path) -> None:
    """The first bundle of an environment is new journeys and new policies, and needs the council."""
    found = risk(NOTHING, compiled(shop)[1])
    assert ("high", JOURNEY) == (found.tier, facts(found)["new_journey"])


def test_owners_are_there_or_named_as_missing(shop: Path) -> None:
    """All four owners are written, and whoever is accountable and does the work is a person or a team that is there; else it is said with
    its place."""
    workspace, _ = compiled(shop)
    day = date(2026, 3, 2)
    people = People((Person("ada", "Ada", teams=("lifecycle-team",)), Person("ben", "Ben", teams=("head-of-crm",), left=date(2026, 1, 1))))
    told = list(ownership_faults(owners_of(workspace.documents, [JOURNEY]), people, day))
    assert "journeys/welcome.yaml:5: onboarding.welcome.first_order does not say who is consulted and informed" in told[0]
    assert "nobody is accountable for onboarding.welcome.first_order: 'head-of-crm' is no person or team that is there" in told[1]
    assert 2 == len(told)
    (orphan,) = gone(workspace.documents, people, day)
    assert (JOURNEY, "head-of-crm", "") == (orphan.journey, orphan.accountable, orphan.left)
    assert () == gone(workspace.documents, people, date(2025, 12, 31))


def test_blame_names_the_last_release_that_made_a_rule(shop: Path) -> None:
    """Each rule belongs to the last release that added or changed it: untouched steps to the first, a changed step and its content to later
    ones, and a removed rule to none; a way back makes them its own."""
    first, logic, words = compiled(shop)[1], compiled(shop, *LOGIC)[1], compiled(shop, *WORDING)[1]

    def history(*plans: Plan) -> list[Released]:
        return [Released(number, plan, None) for number, plan in enumerate(plans, 1)]  # type: ignore[arg-type] # any name will do

    def blamed(*plans: Plan, step: str = "") -> dict[tuple[str, str], int]:
        return {(rule.kind, rule.name): rule.released.release for rule in blame(history(*plans), JOURNEY, step)}  # type: ignore[misc]

    found = blamed(first, logic)
    assert (1, 2, 1) == (found["step", "greet"], found["step", "look"], found["budget", "marketing-week"])
    assert 1 == found["journey", "goal within"]
    assert (3, 3) == (blamed(first, logic, first)["step", "look"], blamed(first, first, words)["content", "first-order"])
    assert {("step", "look"): 2} == blamed(first, logic, step="look")
    assert [("step", "remind"), ("budget", "marketing-week")] == list(blamed(first, step="remind"))[:2]
    assert () == blame([], JOURNEY) == blame(history(first), "no.such.journey")
