"""The contact rules of a plan, made ready for deciding: policies looked up once per kind of message, not per message.

`ContactRules` is built from a plan's policy and its compiled suppression conditions. A `Candidate` is a message that
wants to leave; `Standing` is what its rules come to.
"""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from msgspec import UNSET

from pilotage.consent.policy import Budget, Policy, Purpose, QuietHours, Slot, Suppression
from pilotage.decision.calendar import Closings
from pilotage.event.zone import Zones
from pilotage.predicate.ir import Predicate
from pilotage.profile.state import State

PolicyTest = Callable[[State, Any, Any, int, str], bool | None]


class Candidate(msgspec.Struct, frozen=True):
    """A message that wants to leave: its channel, purpose and journey, and the last instant it may."""

    channel: str
    purpose: str
    journey: str
    expires_us: int


class UnknownPurpose(LookupError):
    """The plan's policies do not name the purpose, so nothing may be sent for it. Declare it under `purposes`."""


class Standing(msgspec.Struct, frozen=True):
    """The rules that apply to one kind of message (channel, purpose, journey). `only` says of a customer whether the purpose is for
    them, where it is not for everybody."""

    purpose: Purpose
    suppressions: tuple[tuple[Suppression, PolicyTest], ...]
    quiet_hours: tuple[QuietHours, ...]
    budgets: tuple[Budget, ...]
    slot: Slot | None = None
    closings: Closings | None = None
    only: PolicyTest | None = None


class ContactRules:
    """The policy of a plan with its lookups. Read only; safe to share."""

    def __init__(self, policy: Policy, tests: dict[str, PolicyTest], zones: Zones) -> None:
        self.policy = policy
        self.zones = zones
        self.purposes = {purpose.name: purpose for purpose in policy.purposes}
        self.slots = policy.slots or ()
        self.regions = frozenset(policy.regions or ())
        self.window_us = max((budget.window_us for budget in policy.budgets), default=0)
        self._tests = tests
        self._standings: dict[tuple[str, str, str], Standing] = {}

    def standing(self, channel: str, purpose: str, journey: str) -> Standing:
        """The rules for one kind of message; `UnknownPurpose` if no policy names the purpose."""
        key = (channel, purpose, journey)
        found = self._standings.get(key)
        if found is None:
            found = self._standings[key] = self._find(channel, purpose, journey)
        return found

    def _find(self, channel: str, purpose_name: str, journey: str) -> Standing:
        purpose = self.purposes.get(purpose_name)
        if purpose is None:
            raise UnknownPurpose(f"purpose {purpose_name!r} is in no policy; declare it under `purposes`")
        contact_class, policy = purpose.contact_class, self.policy
        calendars = tuple(
            each for each in policy.calendars or () if contact_class in each.classes and (not each.channels or channel in each.channels)
        )
        return Standing(
            purpose=purpose,
            suppressions=tuple(
                (rule, self._tests[_suppression_key(rule.name)]) for rule in policy.suppressions if contact_class in rule.classes
            ),
            quiet_hours=tuple(
                rule for rule in policy.quiet_hours if contact_class in rule.classes and (not rule.channels or channel in rule.channels)
            ),
            budgets=tuple(budget for budget in policy.budgets if counts(budget, channel, purpose, journey)),
            slot=next(
                (slot for slot in self.slots if contact_class in slot.classes and (not slot.channels or channel in slot.channels)), None
            ),
            closings=Closings(calendars) if calendars else None,
            only=None if purpose.only is UNSET else self._tests[_only_key(purpose.name)],
        )

    def rank(self, purpose: str) -> int:
        """How many classes go before that of a purpose, whatever the priority; 0 where the policy names no order."""
        known, order = self.purposes.get(purpose), self.policy.order
        if known is None or order is UNSET:
            return 0
        return order.index(known.contact_class) if known.contact_class in order else len(order)

    def home_of(self, state: State) -> tuple[str, str]:
        """The subject's country as ISO 3166-1 has it, or the company's where it is unknown, and the region as ISO 3166-2 has it, where
        calendars tell regions apart; each empty where it is not known."""
        policy = self.policy
        written = state.attributes.get(policy.country_attribute) if policy.country_attribute is not UNSET else None
        own = written.upper() if isinstance(written, str) else ""
        country = own or policy.country or ""
        region = self._region_of(state, country) if self.regions else ""
        if not region:
            return country, ""
        home = region.partition("-")[0]  # a region says the country too, unless the subject's own is another
        return (home, region) if own in ("", home) else (country, "")

    def _region_of(self, state: State, country: str) -> str:
        """The region that the subject's attribute names, with its country or within `country`; empty if it is none that is known."""
        attribute = self.policy.region_attribute
        written = state.attributes.get(attribute) if attribute is not UNSET else None
        if not isinstance(written, str):
            return ""
        code = written.upper() if "-" in written else f"{country}-{written.upper()}"
        return code if code in self.regions else ""

    def zone_of(self, state: State) -> str:
        """The subject's IANA zone, or the company's where it is unknown or not a zone."""
        zone = state.attributes.get(self.policy.zone_attribute)
        return zone if isinstance(zone, str) and zone in self.zones else self.policy.zone


def counts(budget: Budget, channel: str, purpose: Purpose, journey: str) -> bool:
    """Whether a message of this kind counts against the budget."""
    return (
        (not budget.channels or channel in budget.channels)
        and (not budget.classes or purpose.contact_class in budget.classes)
        and (not budget.purposes or purpose.name in budget.purposes)
        and (not budget.journeys or journey in budget.journeys)
    )


def _suppression_key(name: str) -> str:
    """The name under which the condition of a suppression is compiled."""
    return f"suppression/{name}"


def _only_key(purpose: str) -> str:
    """The name under which the condition of a purpose is compiled."""
    return f"only/{purpose}"


def conditions_of(policy: Policy) -> Iterator[tuple[str, Predicate]]:
    """The conditions that are asked of a customer before a message leaves, each with the name under which it is compiled."""
    yield from ((_suppression_key(rule.name), rule.when) for rule in policy.suppressions)
    yield from ((_only_key(purpose.name), purpose.only) for purpose in policy.purposes if purpose.only is not UNSET)
