"""Tests of warnings: conditions that are never or always true, and parts that change nothing, each with its place and cure."""

import pytest

from pilotage.predicate.parse import Scope, parse
from pilotage.predicate.solver.contradictions import EXAMINED, Examiner, contradictions
from pilotage.predicate.solver.problem import World
from tests.predicate.histories import ZONES
from tests.predicate.solver.test_decide import SCOPE

WORLD = World(ZONES, limits=EXAMINED)
ANY = Scope(attributes=SCOPE.attributes, events=SCOPE.events, any_trigger=True)


@pytest.mark.parametrize(
    ("text", "kind", "line", "column", "end", "message"),
    [
        ("age > 5 and tier = 'x' and age < 3", "never", 1, 28, 35, "never true: age > 5 and age < 3 exclude each other"),
        ("vip and (\n  age between 5 and 3)", "never", 2, 3, 22, "because age between 5 and 3 never is"),
        ("age between 5 and 3 or tier = null", "never", 1, 1, 35, "never true"),
        ("vip or not vip or vip is null", "always", 1, 1, 30, "this condition is always true"),
        ("hour(now()) < 24", "always", 1, 1, 17, "this condition is always true"),
        ("age > 5 and age > 3", "idle", 1, 13, 20, "age > 3 is true wherever the other parts are"),
        ("age > 3 and age > 5", "idle", 1, 1, 8, "age > 3 is true wherever the other parts are"),
        ("vip and vip", "idle", 1, 9, 12, "vip is true wherever the other parts are"),
        ("tier = 'a' or tier in ('a', 'b')", "idle", 1, 1, 11, "where tier = 'a' is true, another part is"),
        ("age > 5 and (age < 3 or vip)", "idle", 1, 14, 21, "this part is never true here: age < 3"),
        ("vip and count('order.placed', '7d') >= 0", "idle", 1, 9, 41, "this part is always true here"),
        ("vip or tier like 'go%' and tier = 'silver'", "idle", 1, 8, 43, "this part is never true here"),
        (
            "performed('order.placed', '30d') and count('order.placed', '7d') > 0",
            "idle",
            1,
            1,
            33,
            "performed('order.placed', '30d') is true wherever the other parts are",
        ),
    ],
)
def test_what_cannot_be_meant_is_pointed_at(text: str, kind: str, line: int, column: int, end: int, message: str) -> None:
    """A condition that is never or always true, or a part that changes nothing, is shown with its place and what to do."""
    (doubt,) = contradictions(parse(text, SCOPE), SCOPE, WORLD)
    assert (kind, line, column, end) == (doubt.kind, doubt.line, doubt.column, doubt.end)
    assert message in doubt.message and doubt.cure


@pytest.mark.parametrize(
    "text",
    [
        "true",
        "tier = 'gold' and vip",
        "tier is not null and tier = 'gold'",
        "count('order.placed', '7d') > 2 or count('order.placed', '30d') > 5",
        "age > 5 and (age < 10 or vip)",
        "lower(tier) = 'gold'",
        "performed('order.placed') and not performed('order.placed', '90d')",
        "replace(tier, 'a', 'b') = 'c'",
    ],
)
def test_what_can_be_meant_is_not_doubted(text: str) -> None:
    """Nothing is said of a condition whose every part matters, of a bare constant, or of a NULL test that helps the reader."""
    assert () == contradictions(parse(text, SCOPE), SCOPE, WORLD)


def test_the_type_of_the_event_at_hand_is_no_idle_part() -> None:
    """A test of the event's type, which says which event's fields are meant, stays, though fields of other events are NULL."""
    text = "trigger.type = 'order.placed' and trigger.total > 5"
    assert () == contradictions(parse(text, ANY), ANY, WORLD)


def test_a_workspace_is_examined_within_a_budget() -> None:
    """Equal conditions are examined once, and where the budget has run out the first condition left out says so, once."""
    examiner = Examiner(WORLD, work=1)
    first = parse("age > 5 and age < 3", SCOPE)
    assert "never" == examiner(first, SCOPE)[0].kind
    assert examiner.left <= 0
    assert "never" == examiner(first, SCOPE)[0].kind
    assert ["unexamined"] == [doubt.kind for doubt in examiner(parse("vip and vip", SCOPE), SCOPE)]
    assert () == examiner(parse("vip or vip", SCOPE), SCOPE)
