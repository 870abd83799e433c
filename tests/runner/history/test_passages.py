"""History subject by subject: all that came from outside, in the order of the log, from the files where they lie."""

from itertools import pairwise
from pathlib import Path

from pilotage.event.digest import PARTITIONS, key128, partition_of
from pilotage.event.envelope import Event
from pilotage.runner.history.parquet import Parquet, Rows
from pilotage.runner.history.parts import EVENTS
from pilotage.runner.history.passages import passages
from pilotage.runner.history.rows import Taken
from pilotage.runner.log import Record

KINDS = ("order.placed", "message.sent", "page.viewed", "candidate.offered", "task.completed", "features.filled")
SUBJECTS = [key128("passage", number) for number in range(30)]


def files(folder: Path) -> dict[int, list[Path]]:
    """Two files of each shard, in which each subject has twelve events."""
    made: dict[int, list[Path]] = {}
    parquet = Parquet(folder)
    for shard in range(8):
        own = [subject for subject in SUBJECTS if partition_of(subject) // 128 == shard]
        for half in range(2):
            rows = Rows(EVENTS)
            taken = [
                Taken(partition_of(subject), 1 + place, Record(subject, 1_000 + place, 0, _event(place)), [], "plan")
                for place in range(6 * half, 6 * half + 6)
                for subject in own
            ]
            if taken:
                rows.add(taken)
                path = folder / f"{shard}-{half}.parquet"
                parquet.write(rows, path)
                made.setdefault(shard, []).append(path)
    return made


def _event(place: int) -> Event:
    return Event(f"e{place}", "web", KINDS[place % 6], 900 + place, b'{"a": 1}', {"user_id": "7"})


def test_everybody_comes_once_with_what_came_from_outside(tmp_path: Path) -> None:
    """Each subject's events stand together, in the order of the log, without what the system itself said; none is left out."""
    found = [each for page in passages(Parquet(), files(tmp_path), range(PARTITIONS), 10_000) for each in page]
    assert 4 * len(SUBJECTS) == len(found)
    subjects = [subject for _, subject, _ in found]
    assert len(SUBJECTS) == 1 + sum(one != other for one, other in pairwise(subjects))
    for subject in SUBJECTS:
        own = [(at_us, event) for at_us, each, event in found if each == subject]
        assert [(1_000 + place, _event(place)) for place in (0, 2, 6, 8)] == own


def test_parts_are_the_whole(tmp_path: Path) -> None:
    """Ranges of partitions, some subjects left out and those alone, up to an instant, come to all events up to then."""
    there, parquet = files(tmp_path), Parquet()
    few = SUBJECTS[:5]
    parts = [passages(parquet, there, range(first, first + 256), 1_006, without=few) for first in range(0, PARTITIONS, 256)]
    parts.append(passages(parquet, there, range(PARTITIONS), 1_006, only=few, identified=False))
    found = [each for part in parts for page in part for each in page]
    assert 3 * len(SUBJECTS) == len(found) == len({(subject, event.id) for _, subject, event in found})
    assert {} == found[-1][2].identifiers
