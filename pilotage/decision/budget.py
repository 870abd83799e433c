"""Contact budgets: at most so many messages in any rolling window, reserved when deciding.

A reservation made or handed over at `r` counts at `t` iff t − window < r ≤ t; one not yet handed over always counts,
since it may still leave at any later moment. So no window of the budget's length ever holds more than its limit.
"""

from collections.abc import Sequence

from pilotage.consent.policy import Budget
from pilotage.decision.rules import ContactRules, counts
from pilotage.profile.state import Reservation

HELD = -1
"""The release of a budget in which messages not handed over yet stand in the way: known when their receipts arrive."""


def over_budget(
    budgets: Sequence[Budget], rules: ContactRules, reservations: Sequence[Reservation], now_us: int
) -> tuple[int, Budget | None, int]:
    """The instant from which no budget forbids one more message (`HELD` when that depends on messages not handed over
    yet), the budget that decides it, and how many messages it has counted; (0, None, 0) when one more is allowed now."""
    latest_us, latest, used = 0, None, 0
    for budget in budgets:
        held = [h for h in reservations if (h.pending or h.at_us > now_us - budget.window_us) and _belongs(budget, rules, h)]
        if len(held) < budget.limit:
            continue
        release_us = _release(budget, held)
        if release_us == HELD:
            return HELD, budget, len(held)
        if release_us > latest_us:
            latest_us, latest, used = release_us, budget, len(held)
    return latest_us, latest, used


def _release(budget: Budget, held: Sequence[Reservation]) -> int:
    """When enough of what is held has left the window for one more; `HELD` when that is not known yet or never."""
    over = len(held) - budget.limit
    leaving = sorted(h.at_us for h in held if not h.pending)
    return leaving[over] + budget.window_us if budget.limit and over < len(leaving) else HELD


def _belongs(budget: Budget, rules: ContactRules, held: Reservation) -> bool:
    purpose = rules.purposes.get(held.purpose)
    return purpose is not None and counts(budget, held.channel, purpose, held.journey)


def unexpired(reservations: Sequence[Reservation], window_us: int, now_us: int) -> list[Reservation]:
    """The reservations that can still count against some budget of at most this window."""
    return [held for held in reservations if held.pending or held.at_us > now_us - window_us]
