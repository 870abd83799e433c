"""Liquid as contents use it, held against the golden test suite of the language: 1,054 cases that other implementations share.

The cases are those of github.com/jg-rp/golden-liquid (MIT), looked for among the real data sets. Cases that include other templates are
tried in the same environment with these templates at hand; contents include nothing and refuse the tags.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from liquid.exceptions import LiquidError

from pilotage.channel.template import TemplateBroken, fill, liquid_environment

CASES = 1_054
WITH_PARTIALS = 40
MISSES = frozenset(
    (
        "blank and empty, false is equal to blank",
        "blank and empty, nil is equal to blank",
        "blank and empty, null is equal to blank",
        "blank and empty, undefined is equal to blank",
        "tags, case, unexpected when token, strict2",
        "tags, comment, incomplete tags are not parsed",
    )
)
"""What the library reads otherwise than the suite wants: `blank` compared with nothing, and two templates it accepts."""


@pytest.fixture(scope="module")
def cases(data_folder: Path) -> list[dict[str, Any]]:
    file = data_folder / "golden_liquid.json"
    if not file.is_file():
        pytest.skip(f"the golden suite of Liquid is not here: {file}; it is golden_liquid.json of github.com/jg-rp/golden-liquid")
    found: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))["tests"]
    return found


def _rendered(case: dict[str, Any]) -> str | None:
    """What comes of a case; None where it is refused."""
    try:
        if "templates" in case:
            environment = liquid_environment(escape=False, partials=case["templates"])
            return environment.from_string(case["template"]).render(case.get("data", {}))
        return fill(case["template"], case.get("data", {}), escape=False)
    except (TemplateBroken, LiquidError):
        return None


def _as_wanted(case: dict[str, Any]) -> bool:
    rendered = _rendered(case)
    return rendered is None if case.get("invalid") else rendered in (case.get("results") or [case["result"]])


def test_contents_read_liquid_as_the_language_is(cases: list[dict[str, Any]]) -> None:
    """All cases but six are rendered, or refused, as the suite wants; which six is known."""
    assert len(cases) == CASES
    missed = {case["name"] for case in cases if not _as_wanted(case)}
    assert missed == MISSES
    assert len(cases) - sum(case["name"] in missed for case in cases) >= 1_048


def test_contents_include_nothing(cases: list[dict[str, Any]]) -> None:
    """A content that would include another template is refused, with the tag's name."""
    with pytest.raises(TemplateBroken, match="include"):
        fill("{% include 'footer' %}", {}, escape=False)
    with_partials = [case for case in cases if "templates" in case and not case.get("invalid")]
    assert 0 < len(with_partials) <= WITH_PARTIALS
    refused = [case for case in with_partials if any(tag in case["template"] for tag in ("include", "render"))]
    for case in refused:
        with pytest.raises(TemplateBroken):
            fill(case["template"], case.get("data", {}), escape=False)


def test_line_breaks_stay_as_they_are_written() -> None:
    """CRLF in a template or a value is neither doubled nor cut, in captures too."""
    assert "a\r\nb\rc\n" == fill("a\r\n{{ x }}", {"x": "b\rc\n"}, escape=False)
    assert "a\r\nb" == fill("{% capture y %}a\r\n{{ x }}{% endcapture %}{{ y }}", {"x": "b"}, escape=False)
