"""The page of evidence: one dated line for each exhibit that was ever shown, made anew when it is shown again."""

from collections import Counter

from bench.evidence import EXHIBITS, Shown, page


def test_a_run_writes_its_own_lines_only() -> None:
    """Showing one exhibit leaves the lines of the others; a failure is said as plainly as a success."""
    first = page("", "disk", Shown(Counter(passed=4), Counter(), 56.0))
    both = page(first, "kills", Shown(Counter(passed=1, failed=1), Counter(kills=56), 252.0))
    assert first.splitlines()[-1] in both.splitlines()
    kills = next(line for line in both.splitlines() if EXHIBITS["kills"].claim in line)
    assert "| **no** | 1 failed, 1 passed in 252 s; 56 kills |" in kills
    again = page(both, "kills", Shown(Counter(passed=2), Counter(kills=56), 200.0))
    assert kills not in again and len(both.splitlines()) == len(again.splitlines())


def test_a_table_stands_below_the_claims() -> None:
    """What a run tells in a table stands in a section of its own, which stays when others are shown, and goes with its own next run."""
    table = "| level | held |\n|---|---|\n| 80 % | 81 % |"
    told = page("", "prediction", Shown(Counter(passed=1), Counter(), 1.0, table))
    both = page(told, "disk", Shown(Counter(passed=4), Counter(), 56.0))
    assert both.endswith(f"\n\n## prediction\n\n{table}\n") and EXHIBITS["disk"].claim in both
    again = page(both, "prediction", Shown(Counter(passed=1), Counter(), 1.0, table.replace("81", "79")))
    assert ("79 %" in again, "81 %" in again, again.count("## prediction")) == (True, False, 1)
    assert both == page(both, "disk", Shown(Counter(passed=4), Counter(), 56.0))
