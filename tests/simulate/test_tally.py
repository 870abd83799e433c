"""Tallies and contrasts: parts that are counted apart add up to the whole, in any order."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from pilotage.event.digest import key128
from pilotage.event.time import DAY_US, MINUTE_US
from pilotage.simulate.contrast import EXAMPLES_MAX, Contrast
from pilotage.simulate.tally import VALUES_MAX, GroupTally, Spread, Tally, Volume, peak
from pilotage.simulate.watcher import Contact

NAMES = st.sampled_from(["a/x", "a/y", "b/"])
COUNTS = st.dictionaries(st.integers(0, 3), st.integers(1, 9), max_size=3)
GROUPS = st.builds(GroupTally, st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
TALLIES = st.builds(
    Tally,
    st.integers(0, 9),
    st.integers(0, 9),
    verbs=st.dictionaries(NAMES, st.dictionaries(st.sampled_from(["sent", "entered"]), st.integers(1, 9))),
    volumes=st.dictionaries(NAMES, st.builds(Volume, COUNTS, st.integers(0, 9))),
    messages=st.dictionaries(st.sampled_from(["all", "email"]), COUNTS),
    peaks=COUNTS,
    groups=st.dictionaries(st.sampled_from(["country", "tier"]), st.dictionaries(st.sampled_from("pqr"), GROUPS)),
)


def united(parts: list[Tally]) -> bytes:
    whole = Tally()
    for part in parts:
        whole.plus(msgspec.msgpack.decode(msgspec.msgpack.encode(part), type=Tally))
    return msgspec.msgpack.encode(msgspec.to_builtins(whole, str_keys=True), order="deterministic")


@given(st.lists(TALLIES, max_size=5))
def test_parts_add_up_in_any_order(parts: list[Tally]) -> None:
    """Tallies that crossed between processes come to the same sum forwards and backwards."""
    assert united(parts) == united(parts[::-1])


def test_an_attribute_with_many_values_makes_no_groups() -> None:
    """An attribute that has too many values in one part or over all parts is named, and nobody is told apart by it."""
    whole = Tally()
    for first in (0, VALUES_MAX):
        whole.plus(Tally(groups={"street": {f"s{first + n}": GroupTally(1) for n in range(VALUES_MAX)}}))
    whole.plus(Tally(groups={"street": {"s1": GroupTally(1)}, "tier": {"gold": GroupTally(2)}}))
    assert (["street"], ["tier"]) == (whole.many, list(whole.groups))


@given(st.lists(st.integers(0, 100_000), min_size=1, max_size=60))
def test_quantiles_lie_within_a_factor_of_two(minutes: list[int]) -> None:
    """The median that the buckets tell is within the power of two in which it lies."""
    spread = Spread()
    for each in minutes:
        spread.add(each * MINUTE_US)
    middle = sorted(minutes)[(len(minutes) - 1) // 2]
    assert middle / 2 - 1 <= spread.quantile(0.5) <= 2 * middle + 1


@given(st.lists(st.integers(0, 40), max_size=25))
def test_a_peak_is_the_most_in_seven_days(days: list[int]) -> None:
    """No seven days have more than the peak, and some have as many."""
    most = max((sum(day <= other < day + 7 for other in days) for day in days), default=0)
    assert most == peak(day * DAY_US for day in days)


def contact(number: int, at_us: int, step: str = "x") -> Contact:
    return Contact(key128(number), at_us, "email", "a", step)


def test_messages_are_compared_by_effect_key() -> None:
    """What only one version sends is new or gone, what both send at other times is moved, and what is displaced is of a journey that both
    have alike."""
    found = Contrast()
    before = {b"1": [contact(1, 10), contact(2, 20, "y"), contact(3, 30, "z")]}
    after = {b"1": [contact(1, 10), contact(2, 25, "y")], b"2": [contact(9, 5, "w")]}
    found.take(before, after, 7, frozenset("a"))
    assert (7, 2) == (found.subjects, found.differing)
    assert ({"a/w": 1}, {"a/z": 1}, {"a/z": 1}, {"a/y": 1}) == (found.new, found.gone, found.displaced, found.moved)
    fates = {line.fate for example in found.examples for line in example.messages}
    assert {"kept", "later", "gone", "new"} == fates


def test_messages_of_another_entry_stand_for_those_of_one() -> None:
    """Where keys differ because customers did other things, the first message of a step stands for the first."""
    found = Contrast()
    found.take({b"1": [contact(1, 10), contact(2, 20)]}, {b"1": [contact(3, 10), contact(4, 21), contact(5, 30)]}, 1, frozenset())
    assert ({"a/x": 1}, {}, {"a/x": 1}) == (found.new, found.gone, found.moved)


def test_examples_do_not_depend_on_the_parts() -> None:
    """The examples of all are the same however subjects are divided, and no more than so many."""
    subjects = [key128(number) for number in range(40)]
    whole, parts = Contrast(), [Contrast(), Contrast()]
    for place, subject in enumerate(subjects):
        for each in (whole, parts[place % 2]):
            each.take({}, {subject: [contact(place, place)]}, 1, frozenset())
    parts[1].plus(parts[0])
    assert whole.examples == parts[1].examples and EXAMPLES_MAX == len(whole.examples)
    assert msgspec.structs.replace(whole, examples=[]) == msgspec.structs.replace(parts[1], examples=[])
