"""Figures tell whether they reach what is promised."""

from bench.figure import Figure, Report, markdown


def test_a_ratio_below_one_misses_the_promise() -> None:
    """Ratios read alike whether a figure must be large or small."""
    assert 0.5 == Figure("speed", 50, "events/s", 100).ratio
    assert 0.5 == Figure("delay", 100, "ms", 50, at_most=True).ratio
    assert 2 == Figure("delay", 25, "ms", 50, at_most=True).ratio
    assert None is Figure("speed", 50, "events/s").ratio


def test_the_page_has_a_row_for_each_figure() -> None:
    """RESULTS.md names machine, date, value, promise, ratio and bound."""
    page = markdown(Report("a machine", "2026-03-02 12:00 UTC", 1.0, 0.9, [Figure("speed", 12_000, "events/s", 10_000, bound="the disk")]))
    assert "`make bench` on a machine, 2026-03-02 12:00 UTC" in page
    assert "| speed | 12,000 events/s | ≥ 10,000 | 1.20 | the disk |" in page
