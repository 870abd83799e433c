"""Which journeys of a plan have those under way migrate from another plan; read off the two, with no proof made."""

from msgspec import UNSET

from pilotage.journey.plan import Journey, Plan
from pilotage.journey.takeover import Takeover, takeover

MIGRATION = "migration"
"""The question what a takeover does to those under way."""


def migrating(earlier: Plan, plan: Plan) -> tuple[str, ...]:
    """The journeys whose entries a plan has migrate from another."""
    before = {journey.name: journey for journey in earlier.journeys}
    return tuple(each.name for each in plan.journeys if each.name in before and taken_over(before[each.name], each) is not None)


def taken_over(old: Journey, new: Journey) -> Takeover | None:
    """How entries migrate; where what tells them apart has changed, without a place for any of them."""
    rule = new.in_flight
    if old.digest == new.digest or rule is UNSET or rule.policy != "migrate" or not old.digest.startswith(rule.version):
        return None
    return takeover(old, new) or Takeover(
        "migrate", old, new, {}, {}, (), frozenset(), frozenset(), new.digest[:16], frozenset(), {}, frozenset(), ()
    )
