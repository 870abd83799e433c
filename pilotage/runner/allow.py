"""Whom an environment may reach: in production everybody, elsewhere only who is on its allow list.

A pattern (`*@test.example`, `+49151*`) is compared with the recipient; one with a channel in front (`inbox:*`,
`call:desk`, `email:*@test.example`) only on that channel. Case does not matter.
"""

import re
from fnmatch import translate
from functools import lru_cache

import msgspec

from pilotage.channel.coupons import PREFIX
from pilotage.journey.outcome import Action

NOT_ALLOWED = "not on the allow list of a non-production environment"
LOCAL_CHANNELS = frozenset({"console"})
"""Channels that reach only whoever started the process; they need no pattern."""


class AllowList(msgspec.Struct, frozen=True):
    """`production` allows everybody. `patterns` are shell patterns. `local` names the channels that reach nobody outside."""

    production: bool = False
    patterns: tuple[str, ...] = ()
    local: frozenset[str] = LOCAL_CHANNELS

    def allows(self, action: Action) -> bool:
        """Whether the action may reach its recipient, or for a call its endpoint, in this environment. The list of tasks and the
        book of coupons are the environment's own."""
        if (
            action.kind == "task"
            or (action.kind == "call" and action.target.startswith(PREFIX))
            or (action.kind == "send" and action.target in self.local)
        ):
            return True
        if action.kind == "call":
            return self.reaches(f"call:{action.target}")
        return self.reaches(action.recipient, f"{action.target}:{action.recipient}")

    def reaches(self, *names: str) -> bool:
        """Whether one of the names may be reached in this environment."""
        if self.production:
            return True
        allowed = _compiled(self.patterns)
        return any(allowed.match(name.lower()) for name in names)


@lru_cache(maxsize=64)
def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """One expression for all the patterns; without patterns it matches nothing."""
    return re.compile("|".join(translate(pattern.lower()) for pattern in patterns) or r"(?!)")
