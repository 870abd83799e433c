"""Audiences made of audiences: an order in which each comes after those it reads, and cycles that have none."""

from collections.abc import Collection, Mapping
from graphlib import CycleError, TopologicalSorter


def in_order(reads: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """The names, each after those it reads, by name where several could be next. What it reads and is no key does not count.
    `graphlib.CycleError` where there is none; see `cycle`."""
    sorter = TopologicalSorter({name: sorted(set(reads[name]) & reads.keys()) for name in sorted(reads)})
    sorter.prepare()
    found: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        found += ready
        sorter.done(*ready)
    return tuple(found)


def cycle(reads: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """The names of one cycle, each read by the one before, beginning and ending with the first by name; empty if there is
    none."""
    try:
        in_order(reads)
    except CycleError as error:
        back = tuple(error.args[1])[:0:-1]  # graphlib goes from what is read to who reads it, and names the first one twice
        first = back.index(min(back))
        way = back[first:] + back[:first]
        return (*way, way[0])
    return ()
