"""Tests of reading conditions: what they depend on, and how each kind of mistake is reported."""

import msgspec
import pytest

from pilotage.predicate.ir import Predicate, Type
from pilotage.predicate.parse import PredicateError, Scope, parse, parse_expression
from pilotage.predicate.text import expression_text, filters_of

SCOPE = Scope(
    attributes={
        "tier": Type.STRING,
        "age": Type.INTEGER,
        "balance": Type.NUMBER,
        "vip": Type.BOOLEAN,
        "born": Type.DATE,
        "seen": Type.TIMESTAMP,
        "tags": Type.LIST,
        "traits": Type.MAP,
        "group": Type.STRING,
        "GROUP": Type.STRING,
    },
    events={
        "order.placed": {
            "total": Type.NUMBER,
            "items": Type.INTEGER,
            "shipping.country": Type.STRING,
            "note": Type.STRING,
            "at": Type.TIMESTAMP,
        },
        "order.returned": {"total": Type.INTEGER, "reason": Type.STRING},
        "app.opened": {"note": Type.INTEGER},
    },
    trigger=("order.placed",),
    variables={"attempts": Type.INTEGER},
    purposes={"marketing.cart": ("email", "sms"), "service": ()},
    audiences=("vips",),
    journeys={"growth.cart": "growth"},
)
ANY = msgspec.structs.replace(SCOPE, trigger=(), any_trigger=True)


def _refused(text: str, scope: Scope = SCOPE) -> PredicateError:
    with pytest.raises(PredicateError) as caught:
        parse(text, scope)
    return caught.value


def _kind(text: str) -> Type:
    return parse_expression(text, SCOPE).expr.type


@pytest.mark.parametrize(
    ("text", "column", "end", "message", "cure"),
    [
        ("teir = 'gold'", 1, 5, "there is no attribute teir", "did you mean tier?"),
        ('tier = "gold"', 8, 14, "there is no attribute gold", "a string is written in single quotes: 'gold'"),
        ("total > 5", 1, 6, "there is no attribute total", "the event at hand has this field: write trigger.total"),
        ("attempts > 5", 1, 9, "there is no attribute attempts", "the journey has this variable: write journey.attempts"),
        ("trigger.totl > 5", 1, 13, "order.placed has no field totl", "did you mean total?"),
        ("trigger.shipping.land = 'DE'", 1, 22, "order.placed has no field shipping.land", None),
        ("journey.attempt > 1", 1, 16, "the journey has no variable attempt", "did you mean attempts?"),
        ("count('order.plced', '7d') > 1", 7, 20, "there is no event type order.plced", "did you mean order.placed?"),
        ("consent('marketing.card', 'sms')", 9, 25, "there is no purpose marketing.card", "did you mean marketing.cart?"),
        ("consent('marketing.cart', 'push')", 27, 33, "purpose marketing.cart has no channel push", None),
        ("tier = 5", 8, 9, "tier is a string and 5 is an integer: they cannot be compared", "write it as a string: '5'"),
        ("age = '5'", 7, 10, "age is an integer and '5' is a string: they cannot be compared", "write it without quotes: 5"),
        ("age in (1, 'b')", 12, 15, "age is an integer and 'b' is a string: they cannot be compared", None),
        ("born > seen", 8, 12, "born is a date and seen is a timestamp: they cannot be compared", None),
        (
            "coalesce('x', born, seen) is null",
            21,
            25,
            "born is a date and seen is a timestamp: the arguments of coalesce have one type",
            None,
        ),
        ("age", 1, 4, "age is an integer, not a condition", None),
        ("vip and age + 1", 9, 16, "age + 1 is an integer, not a condition", None),
        ("not tier", 5, 9, "tier is a string, not a condition", None),
        ("tier + 1 > 2", 1, 5, "tier is a string, not a number", None),
        ("lower(age) = 'x'", 7, 10, "age is an integer, not a string", None),
        ("born > '2020-13-01'", 8, 20, "'2020-13-01' is not a date", "write for example '2026-01-31'"),
        ("seen > 'yesterday'", 8, 19, "'yesterday' is not a timestamp", None),
        ("since_last('app.opened') > 'soon'", 28, 34, "'soon' is not a duration", None),
        ("since_last('app.opened') > '1 month'", 28, 37, "a month has no fixed length", None),
        ("count() > 1", 1, 8, "count does not take 0 arguments", None),
        ("count('order.placed', '0s') > 1", 23, 27, "a window is longer than nothing", None),
        ("count(tier, '1d') > 1", 7, 11, "tier is not a string in quotes", None),
        ("count('order.placed', '1d', tier = 'x') > 1", 29, 33, "a filter cannot read tier", None),
        ("count('order.placed', '1d', total > 1) > 1", 29, 34, "a filter cannot read total", "write event.total"),
        ("count('order.placed', '1d', trigger.total > 1) > 1", 29, 42, "a filter cannot read trigger.total", None),
        ("count('order.placed', '1d', performed('app.opened')) > 1", 29, 52, "performed cannot stand inside a filter", None),
        ("event.total > 1", 1, 12, "event is only known inside a filter", "write trigger.total for the event at hand"),
        ("in_audience('vip')", 13, 18, "there is no audience vip", "did you mean vips?"),
        ("in_journey('cart')", 12, 18, "there is no journey cart", "there are these journeys: growth.cart"),
        ("summ('order.placed', 'total', '7d') > 5", 1, 36, "there is no function summ", "did you mean sum?"),
        ("sum('order.placed', 'note', '7d') > 5", 21, 27, "'note' is a string, not a number", "sum adds numbers up"),
        ("sum('order.placed', 'totl', '7d') > 5", 21, 27, "order.placed has no field totl", "did you mean total?"),
        ("max('order.placed', event.items + tier, '7d') > 5", 35, 39, "a filter cannot read tier", None),
        (
            "sequence('app.opened', 'order.placed', '2d', '1d')",
            40,
            44,
            "what lies within the window is never further apart than it is long",
            None,
        ),
        ("age in tags", 1, 4, "age is an integer, not a string", None),
        ("'x' in tier", 8, 12, "tier is a string, not a list or map", "write contains(tier, 'x')"),
        ("tags = 'x'", 1, 5, "tags is a list: it cannot be compared", None),
        ("traits[1] = 'x'", 8, 9, "1 is an integer, not a string", None),
        ("tags['x'] = 'x'", 6, 9, "'x' is a string, not an integer", None),
        ("age[1] = 'x'", 1, 4, "age is an integer, not a list or map", None),
        ("hour(born) = 1", 6, 10, "born is a date, not a timestamp", "write hour(timestamp)"),
        ("hour(tier) = 1", 6, 10, "tier is a string, not a timestamp", None),
        ("date_trunc('fortnight', seen) = seen", 12, 23, "'fortnight' is nothing to cut to", None),
        ("extract(hours from seen) = 1", 20, 24, "seen is a timestamp, not an interval", None),
        ("round(balance, 7) = 1", 16, 17, "7 is not a number of decimals from 0 to 6", None),
        ("count('order.placed', '1d', hour(event.at) = 1) > 1", 29, 43, "a filter cannot read the customer's clock", None),
        ("count('order.placed', '1d', event.at > now()) > 1", 40, 45, "now cannot stand inside a filter", None),
        ("born + seen > born", 8, 12, "born is a date and seen is a timestamp: they cannot be added", None),
        ("TIER = 'x'", 1, 5, "there is no attribute TIER", "did you mean tier?"),
        ("Group = 'x'", 1, 6, "Group is ambiguous", "names are written exactly: write GROUP or group"),
        ("position(tier, 'x') = 1", 1, 20, "position does not take 2 arguments", "write position(part in text)"),
        ("count('order.placed', '101 years') > 1", 23, 34, "a year has no fixed length", None),
        ("count('order.placed', '40000d') > 1", 23, 31, "'40000d' is longer than a hundred years", None),
        ("tier like born", 11, 15, "the pattern is not a constant", None),
        ("tier like 'a!b' escape '!'", 11, 16, "the pattern has '!' before something that needs no escape", None),
        ("age in (age)", 9, 12, "age is not a constant", None),
        ("age > 1.0000001", 7, 16, "1.0000001 has more than six decimals", None),
        ("age > 9223372036854775808", 7, 26, "9223372036854775808 is too large", None),
        ("age > " + "9" * 5_000, 7, 5_007, "9" * 5_000 + " is too large", None),
        ("balance > 9223372036855", 11, 24, "9223372036855 is too large for a decimal", None),
        ("coalesce(since_last('app.opened'), '1d') > '7d'", 10, 34, "when this changes by time cannot be computed", None),
        ("case when today() > born then now() end > seen", 31, 36, "when this changes by time cannot be computed", None),
        ("trigger.type = 'order.returned' and vip", 1, 32, "the event at hand is never order.returned", None),
        ("trigger.type <> 'order.retruned'", 17, 33, "there is no event type order.retruned", "did you mean order.returned?"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_cure(text: str, column: int, end: int, message: str, cure: str | None) -> None:
    """Each mistake is reported with what is wrong, the exact stretch of text, and what to write instead."""
    error = _refused(text)
    assert (1, column, end, message) == (error.line, error.column, error.end, error.message)
    assert error.cure
    assert cure is None or cure == error.cure


def test_an_error_points_into_the_line_it_is_on() -> None:
    """The text of an error shows the faulty line alone, underlined, then the cure."""
    error = _refused("vip\n  and teir = 'gold'\n  and age > 1")
    assert (2, 7) == (error.line, error.column)
    assert "line 2, column 7: there is no attribute teir\n    and teir = 'gold'\n        ^^^^\ndid you mean tier?" == str(error)


def test_a_wrong_call_shows_the_signature() -> None:
    """A function called with the wrong number of arguments says how it is written."""
    assert "write consent('purpose', 'channel')" == _refused("consent('service')").cure


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("age", Type.INTEGER),
        ("age + 1", Type.INTEGER),
        ("age + 1.5", Type.NUMBER),
        ("age * balance", Type.NUMBER),
        ("age / 2", Type.NUMBER),
        ("age % 2", Type.INTEGER),
        ("-balance", Type.NUMBER),
        ("seen + interval '1 day'", Type.TIMESTAMP),
        ("seen - seen", Type.INTERVAL),
        ("seen - timestamp '2026-01-01' + '1h'", Type.INTERVAL),
        ("case when vip then 1 else 2.5 end", Type.NUMBER),
        ("case tier when 'gold' then 'a' end", Type.STRING),
        ("coalesce(null, born, '2026-01-01')", Type.DATE),
        ("length(lower(tier))", Type.INTEGER),
        ("count('order.placed', '30d')", Type.INTEGER),
        ("since_last('order.placed') + '1d'", Type.INTERVAL),
        ("trigger.total", Type.NUMBER),
        ("journey.attempts", Type.INTEGER),
        ("null", Type.NULL),
        ("trigger.type", Type.STRING),
        ("tags", Type.LIST),
        ("tags[1] || traits['x']", Type.STRING),
        ("'vip' in tags", Type.BOOLEAN),
        ("now() - seen", Type.INTERVAL),
        ("today() - born", Type.INTEGER),
        ("born + 1", Type.DATE),
        ("since_last('app.opened') * 2", Type.INTERVAL),
        ("date_trunc('month', seen)", Type.TIMESTAMP),
        ("date_trunc('month', born)", Type.DATE),
        ("round(balance)", Type.INTEGER),
        ("round(age, 1)", Type.NUMBER),
        ("sum('order.placed', 'items')", Type.INTEGER),
        ("avg('order.placed', 'items')", Type.NUMBER),
        ("last('order.placed', event.total * 2, '7d', event.items > 1)", Type.NUMBER),
        ("stage", Type.STRING),
        ("interval '1d' * null", Type.INTERVAL),
        ("null - seen", Type.INTERVAL),
        ("seen + null", Type.TIMESTAMP),
        ("'7d' - since_last('app.opened')", Type.INTERVAL),
        ("position('x' in (tier || tags[1]))", Type.INTEGER),
        ("position('x' in null)", Type.INTEGER),
        ("position('x' in case when vip then tier end)", Type.INTEGER),
        ("local_time(seen)", Type.INTERVAL),
    ],
)
def test_an_expression_has_one_type(text: str, kind: Type) -> None:
    """The type of a value is fixed when it is parsed: integers beside decimals become decimals, division gives a decimal."""
    assert kind == _kind(text)


def test_a_field_has_one_type_over_all_events_at_hand() -> None:
    """With several types of event at hand, a field must be in all of them; an integer and a decimal meet as a decimal."""
    two = msgspec.structs.replace(SCOPE, trigger=("order.placed", "order.returned"))
    assert Type.NUMBER == parse_expression("trigger.total", two).expr.type
    assert "order.returned has no field items" == _refused("trigger.items > 1", two).message


def test_a_conjunct_on_the_type_settles_which_event_is_meant() -> None:
    """`trigger.type = '…'` beside a field says which event the field is of, wherever it stands among the conjuncts."""
    assert "trigger.note has several types: integer in app.opened, string in order.placed" == _refused("trigger.note is null", ANY).message
    parsed = parse("trigger.note = 'gift' and trigger.type = 'order.placed'", ANY)
    assert "(trigger.type = 'order.placed') and (trigger.note = 'gift')" == expression_text(parsed.expr)
    assert ("order.placed",) == parsed.events
    assert "order.placed has no field reason" == _refused("trigger.type = 'order.placed' and trigger.reason = 'x'", ANY).message


def test_without_an_event_at_hand_trigger_is_refused() -> None:
    """Where no event is at hand, `trigger.*` is an error and not NULL."""
    nothing = msgspec.structs.replace(SCOPE, trigger=())
    assert "there is no event at hand here" == _refused("trigger.total > 1", nothing).message
    assert "there is no event at hand here" == _refused("trigger.type = 'order.placed'", nothing).message


@pytest.mark.parametrize(
    ("text", "events"),
    [
        ("tier = 'gold'", ()),
        ("count('order.placed', '7d') > 1 or performed('app.opened')", ("app.opened", "order.placed")),
        ("consent('service', 'email') and vip", ("consent.changed",)),
        ("trigger.type = 'order.placed'", ("order.placed",)),
        ("trigger.type in ('order.placed', 'app.opened') and trigger.type = 'app.opened'", ("app.opened",)),
        ("trigger.type = 'order.placed' or trigger.type = 'app.opened'", ("app.opened", "order.placed")),
        ("not trigger.type = 'order.placed'", ("app.opened", "order.placed", "order.returned")),
        ("trigger.items > 1", ("app.opened", "order.placed", "order.returned")),
        ("trigger.type = 'order.placed' and trigger.total > 5 and performed('app.opened')", ("app.opened", "order.placed")),
    ],
)
def test_a_condition_names_the_events_that_can_change_it(text: str, events: tuple[str, ...]) -> None:
    """The events a condition listens to are those it counts, consent changes if it reads consent, and those at hand that
    its own test of the type leaves."""
    assert events == parse(text, ANY).events


def test_a_condition_names_what_it_needs() -> None:
    """Attributes, aggregates with their windows, consents and timedness are read off the condition."""
    parsed = parse(
        "count('order.placed', '30d') > 1 and since_last('app.opened') > '7d' and tier = 'x' and consent('service', 'sms')", SCOPE
    )
    assert ("tier",) == parsed.attributes
    assert [("app.opened", 0), ("order.placed", 30 * 86_400_000_000)] == [(f.key, f.window_us) for f in parsed.features]
    assert ("service|sms",) == parsed.purposes
    assert parsed.timed
    assert not parse("tier = 'x'", SCOPE).timed


def test_equal_filters_share_one_feature() -> None:
    """Two counts of one event with the same filter, spelt differently, need one list of instants; another filter another."""
    first = parse("count('order.placed', '7d', event.total > 50) > 1", SCOPE).features[0]
    same = parse("performed('order.placed','7d',  event.total   >  50.00)", SCOPE).features[0]
    other = parse("performed('order.placed', '7d', event.total > 51)", SCOPE).features[0]
    assert first.key == same.key != other.key
    assert first.key.startswith("order.placed#") and len("order.placed#") + 12 == len(first.key)


def test_a_predicate_survives_its_stored_form() -> None:
    """A predicate that a plan stores and loads is the same predicate, and its text can be written again."""
    parsed = parse("count('order.placed', '7d', event.total > 50) > 1 and born < '2000-01-01' and not (vip or age in (1, 2))", SCOPE)
    assert parsed == msgspec.msgpack.decode(msgspec.msgpack.encode(parsed), type=Predicate)
    written = expression_text(parsed.expr, filters_of(parsed.features))
    assert parsed.expr == parse(written, SCOPE).expr


@pytest.mark.parametrize(
    "text",
    [
        "age between -1 and 10 and (tier ilike 'a%' or tier not like 'b!%' escape '!')",
        "case when vip is true then age else -3 end % 2 = 1 and (vip is not false) is not null",
        "coalesce(balance, age, 0.5) * 2 - 1 >= -0.25 and seen < '2026-01-01T10:00:00+02:00'",
        "since_last('app.opened') between '1h' and '7d' and upper(tier) <> 'it''s'",
        "performed('order.placed', '14d', event.shipping.country in ('DE', null))",
        "sum('order.placed', 'total', '14d', event.items > 1) > 5 or min('order.placed', event.total - 1) is null",
        "sequence('app.opened', 'order.placed', '1d') and sequence('app.opened', 'order.placed', '1 microsecond', '2d')",
        "'vip' in tags and traits['x'] || 'y' = tags[2] and 'a' in traits",
        "hour(now()) = 3 and timestamp(born, '09:00') < now() and date_trunc('week', born) = today() - 3",
        "in_audience('vips') or in_journey('growth.cart') or entered('growth.cart', '30d') or stage = 'growth'",
        "2.0 / 3.0 > 0.5 and round(4.0) = 4 and case when vip then 1.0 end is null and balance > 5.0 and coalesce(null, 7.0) = balance",
        "-(age + 1) < -age and position('x' in tier) = length(tags) and text(age) = 'x'",
    ],
)
def test_text_written_from_the_typed_form_says_the_same(text: str) -> None:
    """What is written back from a typed condition parses to the same typed condition."""
    parsed = parse(text, SCOPE)
    assert parsed.expr == parse(expression_text(parsed.expr, filters_of(parsed.features)), SCOPE).expr
