"""Quiet hours: a daily span on the subject's wall clock in which nothing of some classes leaves."""

from collections.abc import Sequence

from pilotage.consent.policy import QuietHours
from pilotage.event.zone import Zones


def is_quiet(rule: QuietHours, minute: int) -> bool:
    """Whether a minute of the local day lies in the span; a span whose start is after its end crosses midnight."""
    if rule.start_minute <= rule.end_minute:
        return rule.start_minute <= minute < rule.end_minute
    return minute >= rule.start_minute or minute < rule.end_minute


def quiet_until(rules: Sequence[QuietHours], zones: Zones, zone: str, now_us: int) -> tuple[int, str]:
    """The first instant from `now_us` on that lies in no span, and the name of the rule that decides it; (0, '') when
    `now_us` itself is allowed. Spans that follow each other are waited out together; if they cover the whole day the
    candidate can never leave and the instant is a week ahead, where its expiry ends it."""
    at_us, name = now_us, ""
    for _ in range(8 * len(rules)):
        minute = zones.minute_of_day(at_us, zone)
        rule = next((rule for rule in rules if is_quiet(rule, minute)), None)
        if rule is None:
            break
        at_us, name = zones.next_reached(at_us, zone, rule.end_minute), rule.name
    return (at_us, name) if name else (0, "")
