"""The persons whose user ids have been met lately: the subject of each, and the shard that owns it.

Nearly every event names its person by a user id alone. With many persons, a look costs as much as the places in memory it goes
to, so one dictionary gives both answers: a third of what a cache for each takes, which also moves what it finds to its end.
"""

from itertools import islice

from pilotage.profile.identity import REMEMBERED, hashed_id
from pilotage.runner.ticket import shard_of


class Persons(dict[str, tuple[bytes, int]]):
    """Subject and shard by user id. A user id that is not there is put there; the oldest quarter goes when there are too many."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def __missing__(self, user: str) -> tuple[bytes, int]:
        if len(self) >= REMEMBERED:
            for old in list(islice(self, REMEMBERED // 4)):
                del self[old]
        subject = hashed_id(self._secret, "user_id", user)
        self[user] = found = subject, shard_of(subject)
        return found
