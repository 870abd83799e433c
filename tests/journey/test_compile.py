"""The plan: what it depends on, what it does not, and that it is the same wherever it is made."""

import os
import subprocess
import sys

import msgspec
import pytest

from pilotage.journey.plan import Call, Plan, Set, decode_plan, encode_plan
from pilotage.predicate.ir import Call as CallExpr
from pilotage.predicate.ir import Field, Type
from tests.journey.sample import FILES, JOURNEY, SURROUNDINGS, changed, compiled, journey_of, plan_of, texts

J, C, P, A = "journeys/cart.yaml", "content/reminder.yaml", "policies/contact.yaml", "profile.yaml"


def test_the_order_of_files_does_not_matter() -> None:
    """A plan is the same whatever order its files are read in."""
    assert plan_of(FILES).digest == plan_of(dict(reversed(FILES.items()))).digest


def test_the_names_of_files_do_not_matter() -> None:
    """A plan orders its journeys by their names, whatever their files are called."""
    second = FILES[J].replace("growth.recovery.cart", "adoption.recovery.cart")
    one = plan_of({**FILES, "journeys/z.yaml": second})
    other = plan_of({**FILES, J: second, "journeys/z.yaml": FILES[J]})
    assert ["adoption.recovery.cart", "growth.recovery.cart"] == [journey.name for journey in one.journeys]
    assert one.digest == other.digest


def test_the_order_of_contracts_does_not_matter() -> None:
    """A plan is the same whatever order its contracts are declared in."""
    turned = msgspec.structs.replace(SURROUNDINGS, contracts=tuple(reversed(SURROUNDINGS.contracts)))
    plan, _ = compiled(FILES, turned)
    assert plan is not None and plan_of(FILES).digest == plan.digest


PROSE = [
    ("owner: {responsible: shop-team}", "owner: {responsible: crm-team, informed: [service]}"),
    ("kind: journey\n", "kind: journey\ndescription: Reminds people of their carts.\n"),
    ("{for: 23h}}", "{for: 23h}, note: about a day}"),
    ("{for: 23h}", "{for: 1380m}"),
    ("stage: growth\n", "# the stage\nstage:    'growth'\n"),
    ("steps:\n", "steps:\n\n"),
]


@pytest.mark.parametrize(("old", "new"), PROSE, ids=range(len(PROSE)))
def test_prose_and_owners_do_not_change_a_digest(old: str, new: str) -> None:
    """Owners, remarks, comments and another spelling of the same duration leave a journey's digest as it is."""
    assert journey_of(FILES).digest == journey_of(changed(J, old, new)).digest


MEANING = [
    ("{for: 23h}", "{for: 22h}"),
    ("holdout: 5%", "holdout: 6%"),
    ("reason: open complaint", "reason: complaint"),
    ("next: test}", "next: tell}"),
    ("purpose: marketing.cart", "purpose: service.payment"),
    ("tier = 'gold'", "tier = 'silver'"),
]


@pytest.mark.parametrize(("old", "new"), MEANING, ids=range(len(MEANING)))
def test_what_a_journey_does_changes_its_digest(old: str, new: str) -> None:
    """One changed wait, edge, share, reason, purpose or condition gives a journey another digest."""
    files = changed(J, old, new)
    if "next: tell" in new:
        files[J] = files[J].replace("goto: mark}]", "goto: test}]")
    assert journey_of(FILES).digest != journey_of(files).digest


def test_a_policy_changes_the_plan_and_not_the_journey() -> None:
    """Another budget makes another plan, with the same journeys in it."""
    before, after = plan_of(FILES), plan_of(changed(P, "limit: 2", "limit: 3"))
    assert before.digest != after.digest
    assert before.journeys == after.journeys


def test_a_plan_has_the_same_bytes_in_every_process() -> None:
    """A plan's bytes do not depend on the process or on the seed of Python's hashes."""
    program = (
        "import hashlib; from tests.journey.sample import FILES, plan_of; from pilotage.journey.plan import encode_plan; "
        "print(hashlib.sha256(encode_plan(plan_of(FILES))).hexdigest())"
    )
    seen = set()
    for seed in ("0", "1", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
        seen.add(run.stdout)
    assert 1 == len(seen)


def test_a_plan_survives_storage() -> None:
    """The stored form of a plan gives the very same plan back."""
    plan = plan_of(FILES)
    assert plan == decode_plan(encode_plan(plan))
    assert plan.digest == decode_plan(encode_plan(plan)).digest


def test_features_are_kept_once_with_their_widest_window() -> None:
    """Two conditions that count the same events share one feature, as wide as the wider of them."""
    plan = plan_of(FILES)
    assert [("complaint.opened", 14 * 86_400_000_000)] == [(feature.key, feature.window_us) for feature in plan.features]


def test_an_entry_keeps_the_trigger_fields_that_are_read_later() -> None:
    """The kept fields are those that steps after entry and the contents sent read, and no others: not those of an awaited
    event, of the entry condition or of the goal."""
    assert (("price", Type.NUMBER), ("sku", Type.STRING)) == journey_of(FILES).trigger_fields
    assert (("price", Type.NUMBER), ("sku", Type.STRING)) == journey_of(changed(J, "data: {sku: trigger.sku}, ", "")).trigger_fields
    unread = changed(J, "data: {sku: trigger.sku}, ", "")
    unread[C] = FILES[C].replace("trigger.sku", "customer.tier")
    assert (("price", Type.NUMBER),) == journey_of(unread).trigger_fields


def test_variables_are_typed_from_what_sets_them() -> None:
    """A counter that reads itself is an integer, and a returned variable has its declared type."""
    assert (("n", Type.INTEGER), ("ticket", Type.STRING)) == journey_of(FILES).variables


def test_integers_become_numbers_where_numbers_are_kept() -> None:
    """An integer assigned to an attribute of type number is converted in the plan."""
    step = next(step for step in journey_of(FILES).steps if isinstance(step, Set))
    value = step.attributes[0].value
    assert isinstance(value, CallExpr) and ("to_number", Type.NUMBER) == (value.name, value.type)


def test_contents_are_typed_by_the_journeys_that_send_them() -> None:
    """What a template reads becomes typed expressions, without the variables known only at rendering."""
    (content,) = plan_of(FILES).contents
    assert ["customer.tier", "trigger.sku"] == [name for name, _ in content.variables]
    assert Field(Type.STRING, "trigger", "sku") == dict(content.variables)["trigger.sku"]


def test_the_plan_names_the_zone_tables() -> None:
    """The plan carries the digest of the zone tables and the company's zone where no policy names one."""
    assert "tables" == plan_of(FILES).zones
    bare = {**FILES, P: FILES[P].replace("zone: Europe/Berlin\n", "")}
    plan, _ = compiled(bare, msgspec.structs.replace(SURROUNDINGS, zone="Europe/Paris"))
    assert plan is not None and "Europe/Paris" == plan.policy.zone


def test_attributes_have_checked_sources() -> None:
    """An attribute lists the event fields that set it; an integer field may set a number."""
    sources = {attribute.name: attribute.sources for attribute in plan_of(FILES).attributes}
    assert (("customer.identified", "email"), ("customer.signed_up", "email")) == sources["email"]
    assert (("customer.identified", "age"),) == sources["score"]


def test_an_empty_workspace_is_an_empty_plan() -> None:
    """No documents at all make a plan that decides nothing."""
    plan, findings = compiled({})
    assert isinstance(plan, Plan) and () == findings and () == plan.journeys


def test_a_call_that_awaits_nothing_has_no_timeout() -> None:
    """A call without `returns` and edges goes on at once."""
    files = changed(J, ", returns: {ticket: {field: id, type: string}}, timeout: 10s, on_timeout: end", "")
    files[J] = files[J].replace("journey.ticket is not null", "journey.n > 1")
    step = next(step for step in journey_of(files).steps if isinstance(step, Call))
    assert (0, "", ()) == (step.timeout_us, step.on_timeout, step.returns)


def test_a_cycle_through_a_wait_is_allowed() -> None:
    """Going round is fine where each round takes time."""
    files = changed(J, "{id: bought, exit: bought}", "{id: bought, wait: {for: 1d}, next: watch}")
    assert [] == texts(compiled(files)[1])
    assert JOURNEY != files[J]


def test_a_cycle_through_a_condition_alone_is_refused() -> None:
    """A wait for a condition may pass at once, so it does not make a cycle safe."""
    files = changed(J, "{id: bought, exit: bought}", '{id: bought, set: {variables: {n: "1"}}, next: watch}')
    assert ["J014"] == [finding.rule for finding in compiled(files)[1]]
