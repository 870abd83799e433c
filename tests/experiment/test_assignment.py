"""Tests of hashed assignment."""

from pilotage.experiment.assignment import arm_index, held_out

SUBJECTS = [number.to_bytes(16, "little") for number in range(20_000)]


def test_shares_are_kept() -> None:
    """A 5 % holdout holds out about 5 % of subjects."""
    assert 850 < sum(held_out("j", subject, 500) for subject in SUBJECTS) < 1150


def test_no_share_holds_out_nobody() -> None:
    """A holdout of zero holds out nobody, one of all everybody."""
    assert not any(held_out("j", subject, 0) for subject in SUBJECTS[:100])
    assert all(held_out("j", subject, 10_000) for subject in SUBJECTS[:100])


def test_arms_follow_their_shares_and_stay() -> None:
    """Arms get their shares, and the same subject always gets the same arm."""
    arms = [arm_index("j/s", subject, (2000, 3000, 5000)) for subject in SUBJECTS]
    assert arms == [arm_index("j/s", subject, (2000, 3000, 5000)) for subject in SUBJECTS]
    for index, share in enumerate((0.2, 0.3, 0.5)):
        assert abs(arms.count(index) / len(arms) - share) < 0.015
