"""Tests of canonical bytes and stable hashes."""

from hypothesis import given
from hypothesis import strategies as st

from pilotage.event.digest import PARTITIONS, bucket, canonical, digest, key128, partition_of


@given(st.dictionaries(st.text(), st.integers(-(2**63), 2**63 - 1)))
def test_map_order_does_not_matter(value: dict[str, int]) -> None:
    """Equal values have equal bytes, whatever order their keys were added in."""
    assert canonical(value) == canonical(dict(reversed(value.items())))


def test_digests_are_fixed_for_ever() -> None:
    """Names that are stored (plans, effect keys, partitions) never change between releases."""
    assert digest({"a": 1}) == "ac22adafdfd6421b711ba440b6910ae1e4516fdc7d6210629d885caeb92ce11e"
    assert key128("demo", b"\x00" * 16, 1).hex() == "8c22909e641c621cbb51dad9470d225d"
    assert partition_of(b"\x00" * 16) == 14 < PARTITIONS


def test_parts_do_not_run_together() -> None:
    """Two lists of parts with the same text in other places have different keys."""
    assert key128("ab", "c") != key128("a", "bc")


def test_buckets_are_even_and_independent_between_salts() -> None:
    """Buckets of one salt are evenly filled, and say nothing about another salt's."""
    subjects = [number.to_bytes(16, "big") for number in range(8000)]
    first = [bucket("a", subject, 2) for subject in subjects]
    second = [bucket("b", subject, 2) for subject in subjects]
    assert 3800 < sum(first) < 4200
    assert 1850 < sum(x & y for x, y in zip(first, second, strict=True)) < 2150
