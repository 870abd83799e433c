"""The order of audiences that are made of audiences."""

from graphlib import CycleError
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.audience.nesting import cycle, in_order

_names = st.sampled_from("abcdefg")


@given(st.dictionaries(_names, st.sets(_names)))
def test_each_comes_after_those_it_reads_or_there_is_a_cycle(reads: dict[str, set[str]]) -> None:
    """Either every audience has its place behind those it reads, or a cycle is named, each name of which reads the next."""
    found = cycle(reads)
    if not found:
        places = {name: place for place, name in enumerate(in_order(reads))}
        assert set(reads) == set(places)
        assert all(places[inner] < places[name] for name, inside in reads.items() for inner in inside & set(reads))
        return
    with pytest.raises(CycleError):
        in_order(reads)
    assert (found[0], min(found)) == (found[-1], found[0])
    assert all(after in reads[before] for before, after in pairwise(found))


def test_what_could_be_next_goes_by_name() -> None:
    """The order depends on names and on nothing else."""
    assert ("a", "c", "b", "d") == in_order({"d": ["b"], "b": ["c"], "c": [], "a": []})
