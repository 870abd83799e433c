"""What is taken at once follows how long it takes."""

from pilotage.runner.pace import LONGEST_WAIT_S, SHORTEST_WAIT_S, Pace, Portion


def test_a_portion_grows_and_shrinks_with_the_cost_of_its_parts() -> None:
    """Parts of 50 µs fill 10 ms by 200; when each takes 1 ms, ten do."""
    portion = Portion(0.01, 4, 1_000)
    for _ in range(200):
        portion.done(100, 0.005)
    assert 195 <= portion.count <= 200
    for _ in range(200):
        portion.done(100, 0.1)
    assert 9 <= portion.count <= 10


def test_a_portion_keeps_its_bounds() -> None:
    """However slow or fast the parts, a portion is never below the least nor above the most; none done teaches nothing."""
    portion = Portion(0.01, 4, 1_000)
    for took_s, expected in ((10.0, 4), (0.0, 1_000)):
        for _ in range(300):
            portion.done(1, took_s)
        portion.done(0, 5.0)
        assert expected == portion.count


def test_a_refused_sender_is_told_how_long_the_queue_takes() -> None:
    """At 10,000 events durable a second, 5,000 take half a second; the advice stays within its bounds."""
    pace = Pace()
    for _ in range(200):
        pace.committed(100, 0.01)
    assert 0.5 == round(pace.seconds_for(5_000), 2)
    assert (SHORTEST_WAIT_S, LONGEST_WAIT_S) == (pace.seconds_for(1), pace.seconds_for(10_000_000))
