"""Documents with mistakes: whatever is written, checking ends with findings that have a place, never with a fault."""

from hypothesis import given
from hypothesis import strategies as st

from tests.journey.sample import FILES, compiled

SCALARS = (
    "", "~", "0", "-1", "1e999", "nan", "true", "[]", "{}", "[[]]", "{a: {b: c}}", "'", '"', "&a *a", "!!python/object:os.system {}",
    "99999999999999999999d", "-5m", "25:00", "growth", "end", "trigger.price >", "1 = 1", "count('cart.added')", "x" * 5_000,
    "\u0000", "\u2028",
    "{{ trigger.sku", "| ", "? :", "<<: *x", "150%", "2026-02-30", "count('cart.added', '0d') > 0", "(" * 200, "not " * 500 + "true",
)  # fmt: skip
PATHS = sorted(FILES)


@st.composite
def spoiled(draw: st.DrawFn) -> dict[str, str]:
    """The sample's documents with one to four things changed: a line gone, doubled, moved or cut, a value replaced."""
    files = dict(FILES)
    for _ in range(draw(st.integers(1, 4))):
        path = draw(st.sampled_from(PATHS))
        lines = files[path].splitlines(keepends=True)
        if not lines:
            continue
        place = draw(st.integers(0, len(lines) - 1))
        what = draw(st.sampled_from(("drop", "double", "move", "cut", "value", "insert", "indent")))
        line = lines[place]
        if what == "drop":
            del lines[place]
        elif what == "double":
            lines.insert(place, line)
        elif what == "move":
            lines.insert(draw(st.integers(0, len(lines) - 1)), lines.pop(place))
        elif what == "cut":
            lines[place] = line[: draw(st.integers(0, len(line)))]
        elif what == "value":
            lines[place] = line.partition(":")[0] + ": " + draw(st.sampled_from(SCALARS)) + "\n"
        elif what == "insert":
            at = draw(st.integers(0, len(line)))
            lines[place] = line[:at] + draw(st.sampled_from(SCALARS)) + line[at:]
        else:
            lines[place] = "  " + line
        files[path] = "".join(lines)
    return files


@given(spoiled())
def test_every_mistake_is_a_finding(files: dict[str, str]) -> None:
    """Documents spoiled at random either compile, or are refused with findings that name file, line, column and cure."""
    plan, findings = compiled(files)
    if plan is None:
        assert findings
    for finding in findings:
        assert finding.path in files
        assert finding.line >= 1
        assert finding.column >= 1
        assert len(finding.message) > 5
