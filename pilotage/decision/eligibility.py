"""The one ordered decision about a candidate message: consent, whom its purpose is for, suppression, quiet hours and calendars, budgets.

`decide` is asked when the candidate arises and whenever it is decided anew; `recheck` is asked by the dispatcher just
before the message leaves, and looks at everything but the budgets, in which the message already has its place.
"""

import msgspec
from msgspec import UNSET

from pilotage.consent.policy import Purpose
from pilotage.consent.purposes import refusal
from pilotage.decision.budget import HELD, over_budget
from pilotage.decision.calendar import Closings, closed_until
from pilotage.decision.quiet import quiet_until
from pilotage.decision.rules import Candidate, ContactRules, Standing
from pilotage.profile.state import State


class Allowed(msgspec.Struct, frozen=True):
    """The message may leave now."""


class Later(msgspec.Struct, frozen=True):
    """The message may not leave before `at_us`; it is decided anew then."""

    at_us: int
    rule: str
    reason: str


class Refused(msgspec.Struct, frozen=True):
    """The message may not leave at all."""

    rule: str
    reason: str


Verdict = Allowed | Later | Refused
ALLOWED = Allowed()
NOT_KNOWN = ", which is not known"
"""How the reason of a refusal ends where a condition is NULL."""


def decide(rules: ContactRules, state: State, candidate: Candidate, now_us: int) -> Verdict:
    """What becomes of the candidate at `now_us`. A release after the candidate's expiry is a refusal."""
    standing = rules.standing(candidate.channel, candidate.purpose, candidate.journey)
    refused = _forbidden(rules, standing, state, candidate, now_us)
    if refused is not None:
        return refused
    later: Verdict = _quiet(rules, standing, state, now_us)
    if standing.budgets:
        later = _later_of(later, _over_budget(rules, standing, state, candidate, now_us))
    if isinstance(later, Later) and (later.at_us > candidate.expires_us or now_us >= candidate.expires_us):
        return Refused(rule=later.rule, reason=f"{later.reason}, beyond its expiry")
    return later


def _over_budget(rules: ContactRules, standing: Standing, state: State, candidate: Candidate, now_us: int) -> Verdict:
    release_us, budget, used = over_budget(standing.budgets, rules, state.budget, now_us)
    if budget is None:
        return ALLOWED
    at_us = candidate.expires_us if release_us == HELD else release_us
    return Later(at_us=at_us, rule=f"budget:{budget.name}", reason=f"budget {budget.name}: {used} of {budget.limit} used")


def _later_of(one: Verdict, other: Verdict) -> Verdict:
    if isinstance(one, Later) and isinstance(other, Later):
        return other if other.at_us > one.at_us else one
    return one if isinstance(one, Later) else other


def recheck(rules: ContactRules, state: State, candidate: Candidate, now_us: int) -> Verdict:
    """What becomes of a decided message at the moment of leaving; budgets are not asked again."""
    standing = rules.standing(candidate.channel, candidate.purpose, candidate.journey)
    refused = _forbidden(rules, standing, state, candidate, now_us)
    return refused if refused is not None else _quiet(rules, standing, state, now_us)


def _forbidden(rules: ContactRules, standing: Standing, state: State, candidate: Candidate, now_us: int) -> Refused | None:
    reason = refusal(standing.purpose, candidate.channel, state.consents)
    if reason:
        return Refused(rule="consent", reason=f"{reason} for {candidate.purpose} on {candidate.channel}")
    if standing.only is not None and (met := standing.only(state, None, {}, now_us, "")) is not True:  # what is not known is no
        return not_for_them(standing.purpose, met)
    for rule, test in standing.suppressions:
        if test(state, None, {}, now_us, "") is not False:  # NULL blocks too
            return Refused(rule=f"suppression:{rule.name}", reason=rule.reason or rule.name)
    return None


def not_for_them(purpose: Purpose, met: bool | None) -> Refused:
    """The refusal of a message to somebody whom its purpose is not for, or of whom that is not known (NULL)."""
    condition = "" if purpose.only is UNSET else purpose.only.text
    return Refused(only_rule(purpose.name), f"only where {condition}{NOT_KNOWN if met is None else ''}")


def known_not(reason: str) -> bool:
    """Whether such a refusal says that the purpose is not for the customer, and not that it is not known."""
    return not reason.endswith(NOT_KNOWN)


def only_rule(purpose: str) -> str:
    """How the rule is called that keeps a purpose from whom it is not for."""
    return f"only:{purpose}"


def _quiet(rules: ContactRules, standing: Standing, state: State, now_us: int) -> Verdict:
    if standing.closings is not None:
        return _closed(rules, standing, standing.closings, state, now_us)
    return _after_the_night(rules, standing, rules.zone_of(state), now_us) if standing.quiet_hours else ALLOWED


def _closed(rules: ContactRules, standing: Standing, closings: Closings, state: State, now_us: int) -> Verdict:
    """The first instant that quiet hours and calendars both allow: what ends in the night waits for the morning, and the morning of
    a holiday for that of the day after."""
    zone, spans = rules.zone_of(state), closings.of(*rules.home_of(state))
    found = _after_the_night(rules, standing, zone, now_us)
    while True:
        at_us = found.at_us if isinstance(found, Later) else now_us
        until_us, name, reason = closed_until(spans, rules.zones, zone, at_us)
        if not name:
            return found
        found = _after(found, Later(until_us, f"calendar:{name}", f"calendar {name}: {reason}" if reason else f"calendar {name}"))
        found = _after(found, _after_the_night(rules, standing, zone, until_us))


def _after(one: Verdict, other: Verdict) -> Verdict:
    """The later of two verdicts that follow each other: its rule decides, and its reason names both."""
    if not isinstance(one, Later) or not isinstance(other, Later):
        return one if isinstance(one, Later) else other
    return Later(other.at_us, other.rule, one.reason if other.reason in one.reason else f"{one.reason}, then {other.reason}")


def _after_the_night(rules: ContactRules, standing: Standing, zone: str, at_us: int) -> Verdict:
    until_us, name = quiet_until(standing.quiet_hours, rules.zones, zone, at_us)
    return Later(at_us=until_us, rule=f"quiet_hours:{name}", reason=f"quiet hours {name}") if name else ALLOWED
