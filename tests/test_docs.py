"""The documentation is true: what pages tell a reader to type works as shown, and every link leads somewhere."""

import os
import sys
from pathlib import Path

import pytest

from tests.pages import Block, Command, PageBroken, anchors, blocks, commands, matches, relative_links, run_page
from tests.tree import ROOT, modules

DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
LINKED = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]


def _environment(home: Path) -> dict[str, str]:
    beside_python = str(Path(sys.executable).parent)
    return {
        "PATH": os.pathsep.join((beside_python, os.environ.get("PATH", os.defpath))),
        "HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "NO_COLOR": "1",
        "COLUMNS": "120",
        "LANG": "C.UTF-8",
    }


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_pages_do_as_they_say(page: Path, tmp_path: Path) -> None:
    """Every command and program on a page runs in order in a fresh folder and prints what the page shows."""
    shown = [block for block in blocks(page.read_text(encoding="utf-8")) if block.runs]
    things = sum(len(list(commands(block))) if block.language == "console" else 1 for block in shown)
    assert things == run_page(page, tmp_path, sys.executable, _environment(tmp_path))


@pytest.mark.parametrize("page", LINKED, ids=_name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every link between pages leads to a file that exists, and to a heading that stands in it."""
    broken = []
    for target in relative_links(page.read_text(encoding="utf-8")):
        file, _, anchor = target.partition("#")
        goal = (page.parent / file).resolve() if file else page
        if not goal.exists() or (anchor and anchor not in anchors(goal.read_text(encoding="utf-8"))):
            broken.append(target)
    assert [] == broken


def test_the_index_leads_to_every_page() -> None:
    """Every page of the documentation can be reached from docs/README.md by one link; those of single rules from the page of all."""
    indexes = [(DOCS / name).read_text(encoding="utf-8") for name in ("README.md", "rules.md")]
    linked = {(DOCS / target.partition("#")[0]).resolve() for text in indexes for target in relative_links(text)}
    assert [] == [_name(page) for page in sorted(DOCS.rglob("*.md")) if page.name != "README.md" and page not in linked]


def test_every_folder_has_a_page() -> None:
    """Every folder of the package that holds code has a page of its name in docs."""
    folders = {path.relative_to(ROOT).parts[1] for path, _ in modules("pilotage") if len(path.relative_to(ROOT).parts) > 2}
    assert [] == sorted(folder for folder in folders if not (DOCS / f"{folder}.md").is_file())


def test_blocks_are_read_with_language_and_line() -> None:
    """A fenced block is read with its language, its further words, its text and the line it begins on."""
    page = "Hello\n\n```console shown\n$ pilotage run\n```\n\n````text\n```\ninner\n```\n````\n"
    assert [Block("console", ("shown",), "$ pilotage run", 3), Block("text", (), "```\ninner\n```", 7)] == list(blocks(page))
    assert [False, False] == [block.runs for block in blocks(page)]


def test_commands_are_read_with_their_output() -> None:
    """A console block is read as commands, each with the lines below it as its output."""
    block = Block("console", (), "$ echo a \\\n  b\na b\n$ true", 10)
    assert [Command("echo a \\\n  b", ("a b",), 11), Command("true", (), 14)] == list(commands(block))


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        (("31,106 events",), "31,106 events\n", True),
        (("31,106 events",), "31,105 events\n", False),
        (("read … events",), "read 7 events\n", True),
        (("first", "…", "last"), "first\nx\ny\nlast\n", True),
        (("first", "…", "last"), "first\nlast\n", True),
        (("first", "…", "last"), "first\nlast\nmore\n", False),
        (("first",), "first\nsecond\n", False),
        ((), "anything\n", True),
    ],
)
def test_shown_output_is_compared(expected: tuple[str, ...], printed: str, same: bool) -> None:
    """Output is compared line by line, with … for any text or any lines, and no output shown accepts any."""
    assert same == matches(expected, printed)


def test_a_page_is_run_in_one_folder(tmp_path: Path) -> None:
    """Blocks of a page share a folder, `cd` stays in force, and programs run in the same place."""
    page = tmp_path / "page.md"
    page.write_text("```console\n$ mkdir shop\n$ cd shop\n$ echo 3 > count\n```\n```python\nassert open('count').read() == '3\\n'\n```\n")
    assert 4 == run_page(page, tmp_path, sys.executable, _environment(tmp_path))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("```console\n$ echo right\nwrong\n```\n", "page.md:2: `echo right` does not print"),
        ("```console\n$ true\n$ false\n```\n", "page.md:3: `false` ends with status 1"),
        ("\n```python\nraise SystemExit(4)\n```\n", "page.md:2: `raise SystemExit(4)` ends with status 4"),
        ("```console\n$ cd nowhere\n```\n", "no such folder"),
    ],
)
def test_a_page_that_shows_what_does_not_happen_is_named(text: str, reason: str, tmp_path: Path) -> None:
    """A page whose output, status or folder is not as shown fails with page, line and command."""
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(PageBroken) as broken:
        run_page(page, tmp_path, sys.executable, _environment(tmp_path))
    assert reason in str(broken.value)


def test_programs_of_a_page_continue_each_other(tmp_path: Path) -> None:
    """A program on a page may use the names that the page's earlier programs made."""
    page = tmp_path / "page.md"
    page.write_text("```python\nlimit = 2\n```\nthen\n```python\nassert limit == 2\n```\n")
    assert 2 == run_page(page, tmp_path, sys.executable, _environment(tmp_path))


def test_links_in_code_are_not_links() -> None:
    """Only links in a page's prose are followed, and headings give the anchors that code hosts make."""
    page = "# A page: `code`, here\n\n[a](b.md#c) `[no](x.md)` [out](https://example.com)\n\n```text\n[no](y.md)\n# no\n```\n"
    assert ["b.md#c"] == list(relative_links(page))
    assert {"a-page-code-here"} == anchors(page)
