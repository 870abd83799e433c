"""A process that does nothing but grow a log and file it as history, for being killed: `python -m tests.crash.filing FOLDER SEED`.

It writes a line when it has begun. Its rules make small files, so that in a second it passes every step many times.
"""

import sys
from pathlib import Path

from pilotage.runner.history.parquet import Parquet
from pilotage.runner.history.parts import Parts, Rules
from pilotage.runner.history.writer import ShardWriter
from pilotage.runner.log import last_segment
from pilotage.runner.rocks import RocksStore
from tests.runner.history.past import START_US, Logger

SHARD = 3
RULES = Rules(records_max=120, fan=3, sparse_records=60, span_days=4)


def main() -> None:
    """File until killed."""
    folder, seed = Path(sys.argv[1]), int(sys.argv[2])
    store = RocksStore(folder / "shards" / str(SHARD))
    last = last_segment(store)
    logger = Logger(store, seed * 1_000_000 + (last.last if last else 0), day_records=100)
    if last is not None:
        logger.position, logger.now_us = last.last, max(START_US, last.records[-1].received_us)
    writer = ShardWriter(SHARD, store, Parts(folder), Parquet(folder / "history" / "spill"), RULES)
    writer.open()
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    for turn in range(10**9):
        logger.append(3)
        writer.write(logger.position, 20_000 if turn % 5 else 0)
        if writer.join(20_000, turn) is not None and turn % 3 == 0:
            writer.remove_superseded(turn - 2)


if __name__ == "__main__":
    main()
