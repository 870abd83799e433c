"""YAML documents: the scalar rules, the bounds, and where things stand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.journey.document import BYTES_MAX, Fields, Scalar, read_document, scalar_value, text_place
from pilotage.journey.findings import Report
from tests.journey.sample import document_of

CORE = [
    ("on", "on"),
    ("yes", "yes"),
    ("21:00", "21:00"),
    ("2024-01-01", "2024-01-01"),
    ("0777", 777),
    ("0o17", 15),
    ("0xff", 255),
    ("1_000", "1_000"),
    ("-1.5e3", -1500.0),
    (".5", 0.5),
    (".", "."),
    ("True", True),
    ("TRUE", True),
    ("tRUE", "tRUE"),
    ("~", None),
    ("", None),
    ("9" * 60, "9" * 60),
]


@pytest.mark.parametrize(("text", "value"), CORE)
def test_plain_scalars_follow_the_core_schema_of_yaml_1_2(text: str, value: object) -> None:
    """A plain scalar is a number, truth value or null only where YAML 1.2 says so."""
    found = scalar_value(text)
    assert (value, type(value)) == (found, type(found))


def test_on_is_a_key_and_quotes_make_text() -> None:
    """The key `on` stays text, and a quoted number is text."""
    root = document_of("on: 'yes'\nn: '5'\nm: 5\n").root
    assert ("on", "n", "m") == root.names()
    assert ("yes", "5", 5) == tuple(scalar.value for _, scalar in root.fields if isinstance(scalar, Scalar))


def refused(raw: bytes) -> tuple[str, int, int]:
    """The rule and place of the first finding of a file that is no document."""
    report = Report()
    read_document(raw, "x.yaml", report)
    first = report.findings[0]
    return first.rule, first.line, first.column


REFUSED = [
    (b"a: 1\n\tb: 2\n", ("D003", 2, 1)),
    (b"a: [1, 2\nb: 3\n", ("D003", 2, 2)),
    (b"a: 'x\n", ("D003", 2, 1)),
    (b"a: \x07\n", ("D003", 1, 4)),
    (b"a: *nowhere\n", ("D003", 1, 4)),
    (b"a: 1\nb: \xff\n", ("D002", 2, 1)),
    (b"a: 1\nb: 2\na: 3\n", ("D004", 3, 1)),
    (b"a: !!python/name:os.system x\n", ("D006", 1, 4)),
    (b"a: !thing x\n", ("D006", 1, 4)),
    (b"a: " + b"[" * 5000, ("D007", 1, 43)),
    (b"a: 1\n---\nb: 2\n", ("D008", 2, 1)),
    (b"", ("D008", 0, 0)),
    (b"# nothing\n", ("D008", 0, 0)),
    (b"- a\n", ("D011", 1, 1)),
    (b"[a, b]: c\n", ("D011", 1, 1)),
    (b"a: 1\n" + b"#" * BYTES_MAX, ("D001", 0, 0)),
]


@pytest.mark.parametrize(("raw", "finding"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_no_document_is_refused_at_its_place(raw: bytes, finding: tuple[str, int, int]) -> None:
    """A file that is not one well-formed, bounded YAML map is refused with the place of its first fault."""
    assert finding == refused(raw)


def test_aliases_cannot_blow_a_document_up() -> None:
    """Nine levels of nine aliases each are refused at once, and so is an alias inside its own anchor."""
    levels = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 10)]
    assert "D005" == refused("\n".join(levels).encode())[0]
    assert "D005" == refused(b"a: &a [*a]\n")[0]


def test_a_modest_alias_is_allowed() -> None:
    """An anchor may be used again: the alias stands for the same values."""
    root = document_of("a: &x {k: v}\nb: *x\n").root
    first, second = root.map("a"), root.map("b")
    assert isinstance(first, Fields) and isinstance(second, Fields) and "v" == second.text("k")


STYLES = [
    ("plain", "k: alpha OOPS\n", (1, 10)),
    ("plain over lines", "k: alpha\n   beta\n     OOPS gamma\n", (3, 6)),
    ("single quotes", "k: 'it''s OOPS'\n", (1, 11)),
    ("double quotes", 'k: "a \\"b\\" \\u00e9 OOPS"\n', (1, 20)),
    ("double quotes over lines", 'k: "alpha\n\n  beta \\\n  OOPS"\n', (4, 3)),
    ("literal", "k: |\n  alpha\n\n    beta OOPS\n", (4, 10)),
    ("literal with indicators", "k: |2-\n    alpha\n  OOPS\n", (3, 3)),
    ("folded", "k: >\n  alpha\n  beta\n\n  OOPS\n", (5, 3)),
    ("in a flow", "m: {a: 1, k: x OOPS}\n", (1, 16)),
    ("after wide letters", "k: 'äöü 漢字 OOPS'\n", (1, 12)),
]


@pytest.mark.parametrize(("source", "place"), [style[1:] for style in STYLES], ids=[style[0] for style in STYLES])
def test_a_place_inside_a_scalar_leads_into_the_file(source: str, place: tuple[int, int]) -> None:
    """A position in a scalar's text is traced back to the file in every style of scalar."""
    document = document_of(source)
    root = document.root.map("m") or document.root
    scalar = root.scalar("k")
    assert scalar is not None
    before = scalar.text[: scalar.text.index("OOPS")]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    assert place == text_place(document, scalar, line, column)


@given(st.lists(st.text("ab '\"\\é#:", min_size=1, max_size=8), min_size=1, max_size=5), st.sampled_from("'\"|>"))
def test_every_visible_character_is_found_again(words: list[str], style: str) -> None:
    """Whatever a scalar holds and however it is written, each visible character is found where it stands."""
    lines = [f"x{word}x" for word in words]
    if style in "|>":
        source = f"k: {style}\n" + "".join(f"  {line}\n" for line in lines)
    else:
        joined = "\n  ".join(lines)
        escaped = joined.replace("'", "''") if style == "'" else joined.replace("\\", "\\\\").replace('"', '\\"')
        source = f"k: {style}{escaped}{style}\n"
    document = document_of(source)
    scalar = document.root.scalar("k")
    assert scalar is not None
    rows = source.split("\n")
    for offset, char in enumerate(scalar.text):
        if char.isspace():
            continue
        before = scalar.text[:offset]
        line, column = text_place(document, scalar, before.count("\n") + 1, offset - before.rfind("\n"))
        shown = rows[line - 1][column - 1 : column + 1]
        assert char == shown[0] or (style == '"' and f"\\{char}" == shown)


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_reader(raw: bytes) -> None:
    """Whatever a file holds, it gives a document or a finding."""
    report = Report()
    document = read_document(raw, "x.yaml", report)
    assert document is not None or report.failed


@given(st.text("ab:-[]{}&*!|>'\"%@`#,? \n\t", max_size=60))
def test_no_punctuation_crashes_the_reader(source: str) -> None:
    """Whatever YAML's own marks are strung together, there is a document or a finding."""
    report = Report()
    document = read_document(source.encode(), "x.yaml", report)
    assert document is not None or report.failed
