"""How the history of a shard is, as it is asked for by status, metrics and readers."""

import msgspec


class ShardHistory(msgspec.Struct, frozen=True):
    """One shard's history. The positions above `after` up to `cursor` are in files; the log holds the rest up to `durable`.

    `files` and `size_bytes` are of both tables, `first_day` and `last_day` the days of the oldest and newest record in files
    (days since 1970-01-01; 0: no files), `waiting_s` how long the oldest record waits that is not in files. `fault` says what
    kept the last attempt from being written, or nothing.
    """

    shard: int
    after: int
    cursor: int
    durable: int
    files: int = 0
    size_bytes: int = 0
    first_day: int = 0
    last_day: int = 0
    waiting_s: float = 0.0
    fault: str = ""

    @property
    def behind(self) -> int:
        """How many records are in the log alone."""
        return max(0, self.durable - self.cursor)
