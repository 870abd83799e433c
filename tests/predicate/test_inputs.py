"""Tests of what decision records keep of a condition's inputs."""

from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace

import msgspec

from pilotage.predicate.inputs import compile_inputs
from pilotage.predicate.ir import Type
from pilotage.predicate.parse import Scope, parse, parse_expression
from pilotage.predicate.python import compile_functions
from pilotage.profile.state import Grant, State
from pilotage.source.zones import packaged_zones

SCOPE = Scope(
    attributes={"tier": Type.STRING, "born": Type.DATE, "seen": Type.TIMESTAMP, "balance": Type.NUMBER},
    events={"order.placed": {"total": Type.NUMBER, "at": Type.TIMESTAMP}},
    trigger=("order.placed",),
    variables={"tries": Type.INTEGER},
    purposes={"news": ("email",)},
)


def test_inputs_carry_the_names_and_values_a_person_reads() -> None:
    """Each thing a condition reads is recorded once, as its author writes it: decimals and instants as text, NULL as none."""
    text = (
        "trigger.total > 5 and (tier = 'gold' or balance < trigger.total) and trigger.at > '2026-01-01' and born is null "
        "and journey.tries < 3 and consent('news', 'email') and count('order.placed', '14d', event.total >= 50) > 0 "
        "and since_last('order.placed') > '1h' and trigger.type = 'order.placed'"
    )
    parsed = parse(text, SCOPE)
    gather = compile_inputs({"it": parsed.expr}, parsed.features)["it"]
    state = State(
        subject=b"s",
        attributes={"tier": "gold", "balance": -125_000},
        consents={"news|email": Grant(True, 1)},
        features={"order.placed": [0], parsed.features[1].key: [5, 6]},
    )
    event = SimpleNamespace(total=Decimal("12.5"), at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    assert {
        "trigger.type": "order.placed",
        "trigger.total": "12.50",
        "tier": "gold",
        "balance": "-0.125",
        "trigger.at": "2026-01-02T03:04:05Z",
        "born": None,
        "journey.tries": 2,
        "consent('news', 'email')": True,
        "count('order.placed', '14d', event.total >= 50)": 2,
        "since_last('order.placed')": "7d1h",
    } == gather(state, event, {"tries": 2}, 169 * 3_600_000_000, "order.placed")


def test_a_filter_that_is_not_at_hand_is_named_by_its_digest() -> None:
    """Without the plan's features a filtered count is still told from the unfiltered one."""
    parsed = parse("count('order.placed', '7d', event.total > 1) > count('order.placed', '7d')", SCOPE)
    names = list(compile_inputs({"it": parsed.expr})["it"](State(subject=b"s"), None, {}, 0, ""))
    digest = next(feature.key for feature in parsed.features if feature.where is not None).removeprefix("order.placed")
    assert [f"count('order.placed', '7d', {digest})", "count('order.placed', '7d')"] == names


def test_kept_trigger_fields_are_recorded_alike() -> None:
    """After entry the kept fields of the trigger are recorded under the same names as at entry."""
    expr = parse_expression("trigger.total", SCOPE).expr
    gather = compile_inputs({"it": expr}, trigger="kept")["it"]
    assert {"trigger.total": "3"} == gather(State(subject=b"s"), {"total": 3_000_000}, {}, 0, "")


def test_inputs_of_another_event_are_shown_as_they_are() -> None:
    """A field that another event has with another type than the condition's is shown as that event holds it."""
    scope = Scope(events={"order.placed": {"total": Type.NUMBER}, "note.added": {"total": Type.STRING}}, any_trigger=True)
    expr = parse("trigger.type = 'order.placed' and trigger.total > 5", scope).expr
    gather = compile_inputs({"it": expr})["it"]
    for total, shown in (("none yet", "none yet"), (Decimal("7.5"), "7.50"), (7, "7"), (None, None)):
        event = SimpleNamespace(total=total)
        assert {"trigger.type": "note.added", "trigger.total": shown} == gather(State(subject=b"s"), event, {}, 0, "note.added")
        assert compile_functions({"it": expr})["it"](State(subject=b"s"), event, {}, 0, "note.added") is False


def test_what_the_whole_language_reads_is_recorded() -> None:
    """Sums and last values, sequences, the clock with the customer's zone, audiences, lists and maps are recorded under the names
    that their author writes."""
    scope = msgspec.structs.replace(
        SCOPE,
        attributes={**SCOPE.attributes, "tags": Type.LIST, "traits": Type.MAP, "timezone": Type.STRING},
        audiences=("vips",),
        zone="Europe/Berlin",
        zone_attribute="timezone",
    )
    text = (
        "sum('order.placed', 'total', '14d') > 5 and sequence('order.placed', 'order.placed', '1d') and hour(now()) > 3 "
        "and in_audience('vips') and 'a' in tags and traits['x'] = 'y'"
    )
    parsed = parse(text, scope)
    gather = compile_inputs({"it": parsed.expr}, parsed.features, zones=packaged_zones())["it"]
    state = SimpleNamespace(
        attributes={"tags": ["a", None], "traits": {"x": "y"}, "timezone": "Asia/Tokyo"},
        features={parsed.features[1].key: [[-5], [12_500_000]]},
        audiences={"vips": 0},
    )
    assert {
        "sum('order.placed', event.total, '14d')": "12.50",
        "sequence('order.placed', 'order.placed', '1d')": False,
        "now()": "1970-01-01T00:00:00Z",
        "timezone": "Asia/Tokyo",
        "in_audience('vips')": True,
        "tags": '["a",null]',
        "traits": '{"x":"y"}',
    } == gather(state, None, {}, 0, "")
