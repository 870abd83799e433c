"""Our rules of accessibility against axe-core in a real browser: on what we bring, and on pages that are broken on purpose.

Without Chromium these tests are skipped and say so; `make evidence` counts that as a claim that is not shown.
"""

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import msgspec
import pytest

from pilotage.app.browser import Violation, chromium, examined, missing
from pilotage.app.cli import invoke
from pilotage.app.exits import OK, UNAVAILABLE
from pilotage.app.gates import premises_of
from pilotage.app.library import library
from pilotage.app.workspace import compile_workspace, load
from pilotage.journey.letter import Letter, content_document
from pilotage.journey.plan import Plan
from pilotage.journey.template import Template
from pilotage.proof.accessibility import ACCESSIBILITY
from pilotage.proof.browsed import LIKE
from pilotage.proof.contrast import looks
from pilotage.proof.gates import gate_findings
from pilotage.proof.premises import Premises
from pilotage.source.zones import packaged_zones
from tests.proof.model_workspace import MODEL, NOW_US, model, with_texts
from tests.tree import ROOT

WORKSPACES = ("pilotage/simulate/demo", "examples/shop", "examples/cdnow", "tests/proof/model")
SAMPLE = 12
DRAWN = 40
BROKEN_SHARE = 0.4
NEEDED = pytest.mark.skipif(bool(missing()), reason=f"axe-core in a browser: {missing()}; 'make browser' brings one")

PAGE = """\
schema: 1
kind: content
name: guide
channel: email
locale: en
subject: "Where to begin"
text: |
  Unsubscribe: {{{{ unsubscribe_url }}}}
{part}: |
{markup}
"""
HTML = """\
<html lang="en"><head><title>Where to begin</title><meta name="viewport" content="width=device-width"></head>
<body style="font-size:16px;background-color:#ffffff"><h1>Where to begin</h1>
{inner}
</body></html>"""
MJML = """\
<mjml lang="en"><mj-head><mj-title>Where to begin</mj-title></mj-head><mj-body background-color="#f4f1ea">
<mj-section background-color="#ffffff"><mj-column>{inner}</mj-column></mj-section></mj-body></mjml>"""
BROKEN = (
    '<p><img src="https://x.example/a.png"></p>',
    '<p><a href="https://x.example/"><img src="https://x.example/a.png" alt=""></a></p>',
    '<p><a href="https://x.example/"></a></p>',
    '<p><a href="https://x.example/" aria-label="To the lamps"></a></p>',
    "<h4>What others chose</h4>",
    "<h2></h2>",
    "<h2>What others chose</h2><h3>Lamps</h3><h2>Shelves</h2>",
    "<ul><p>lamps</p></ul>",
    "<li>lamps</li>",
    "<ol><li>lamps</li></ol>",
    "<marquee>They last.</marquee>",
    '<p lang="french">Bon appétit.</p>',
    '<p lang="fr-CA">Bon appétit.</p>',
    '<p style="color:#767676">They last.</p>',
    '<p style="color:#777777">They last.</p>',
    '<p style="color:#8a8a8a;font-size:24px">They last.</p>',
    '<p style="color:#8a8a8a;font-size:18pt">They last.</p>',
    '<p style="color:#8a8a8a;font-size:14pt;font-weight:bold">They last.</p>',
    '<p style="color:#8a8a8a;font-size:20px">They last.</p>',
    '<div style="background-color:#333333"><p style="color:#777777">They last.</p></div>',
    '<div style="background-color:rgb(20, 20, 20)"><p style="color:rgba(255,255,255,0.4)">They last.</p></div>',
    '<div style="background:#0b5d4b"><p style="color:white">They <span style="color:#0a6c57">last</span>.</p></div>',
    '<table role="presentation" bgcolor="#222222"><tr><td><font color="#444444">They last.</font></td></tr></table>',
    '<p style="color:hsl(210, 10%, 60%)">They last.</p>',
    '<div style="font-size:10px"><p style="font-size:2.4em;color:#8a8a8a">They last.</p></div>',
    '<p style="color:#8a8a8a"><strong style="font-size:19px">They last.</strong></p>',
    '<div style="display:none;color:#eeeeee">They last.</div><p>They do.</p>',
    '<p style="color:#999999;visibility:hidden">They last.</p>',
)
BROKEN_MJML = (
    '<mj-text color="#999999">They last.</mj-text>',
    '<mj-image src="https://x.example/a.png" href="https://x.example/" />',
    '<mj-button href="https://x.example/" background-color="#9fd3c7" color="#ffffff">Begin here</mj-button>',
    '<mj-button href="https://x.example/" background-color="#0b5d4b" color="#ffffff">Begin here</mj-button>',
    "<mj-text><h1>One</h1><h3>Three</h3></mj-text>",
    '<mj-table><tr><td style="color:#aaaaaa">lamp</td></tr></mj-table>',
)
WHOLE = (
    HTML.replace(' lang="en"', ""),
    HTML.replace("<title>Where to begin</title>", ""),
    HTML.replace("width=device-width", "width=device-width, user-scalable=no"),
    HTML.replace("width=device-width", "width=device-width, maximum-scale=1"),
    HTML.replace("background-color:#ffffff", "background-color:#595959"),
    HTML,
)


def _page(markup: str, part: str = "html") -> str:
    return PAGE.format(part=part, markup="\n".join(f"  {line}" for line in markup.splitlines()))


def _premises(text: str) -> Premises:
    """A guide alone, as gates see it. Pages do not depend on the plan, so the model workspace's own will do."""
    whole = with_texts({"content/guide.yaml": text})
    (guide,) = [document for document in whole.documents if document.path == "content/guide.yaml"]
    return premises_of(msgspec.structs.replace(whole, documents=(guide,)), _plan(), NOW_US)


@cache
def _plan() -> Plan:
    plan = compile_workspace(model(), packaged_zones()).plan
    assert plan is not None
    return plan


def _ours(premises: Premises, path: str) -> set[str]:
    """Which of our rules that have their like in axe-core find something in a document."""
    return {finding.rule for finding in gate_findings(premises, ACCESSIBILITY) if finding.path == path} & set(LIKE)


def _theirs(violations: Sequence[Violation]) -> set[str]:
    """What axe-core finds, by our rules; what none of ours is the like of keeps its name."""
    ours = {name: rule for rule, names in LIKE.items() for name in names}
    return {ours.get(each.rule, each.rule) for each in violations}


def _examined(pages: Sequence[str]) -> list[list[Violation]]:
    path = chromium()
    assert path is not None
    return list(examined(pages, path))


def _agree(texts: Sequence[str], share: float = 0.0) -> list[str]:
    """The pages on which the two do not agree, with what each says; or that fewer than a share of them are broken at all."""
    all_premises = [_premises(text) for text in texts]
    pages = [[page.html for part, page in each.pages if part.document.name == "guide"] for each in all_premises]
    seen = iter(_examined([html for each in pages for html in each]))
    faults, broken = [], 0
    for text, premises, each in zip(texts, all_premises, pages, strict=True):
        theirs = set().union(*(_theirs(next(seen)) for _ in each))
        ours = _ours(premises, "content/guide.yaml")
        broken += bool(ours)
        if ours != theirs:
            faults.append(f"we say {sorted(ours)}, axe-core says {sorted(theirs)} of\n{text}")
    return faults or ([f"only {broken} pages are broken"] if broken < share * len(texts) else [])


@NEEDED
def test_axe_and_we_agree_on_pages_that_are_broken_on_purpose(pytestconfig: pytest.Config) -> None:
    """Of every broken page and its look-alikes axe-core finds what our rules find, rule by rule, and nothing else: of a third of them, of
    all with --whole."""
    whole = [_page(each.replace("{inner}", "<p>They last.</p>")) for each in WHOLE]
    html = [_page(HTML.replace("{inner}", inner)) for inner in BROKEN]
    mjml = [_page(MJML.replace("{inner}", inner), "mjml") for inner in BROKEN_MJML]
    pages = [*whole, *html, *mjml]
    assert [] == _agree(pages if pytestconfig.getoption("--whole") else pages[::3], BROKEN_SHARE)


@NEEDED
def test_axe_and_we_agree_on_colours_and_sizes(seed: int) -> None:
    """Whatever colours and sizes are drawn, nested two deep, both find the contrast too low for the same pieces of text."""
    rows = []
    for at in range(DRAWN):
        bits = hashlib.sha256(f"axe {seed} {at}".encode()).hexdigest()
        colour, behind, size = f"#{bits[:6]}", f"#{bits[6:12]}", 12 + int(bits[12:14], 16) % 20
        weight = ("normal", "bold")[int(bits[14], 16) % 2]
        inner = f'<p style="color:{colour};font-size:{size}px;font-weight:{weight}">They last {at}.</p>'
        rows.append(f'<div style="background-color:{behind}">{inner}</div>')
    premises = _premises(_page(HTML.replace("{inner}", "\n".join(rows))))
    (page,) = [page for part, page in premises.pages if part.document.name == "guide"]
    (violations,) = _examined([page.html])
    theirs = {each.offset for each in violations if each.rule == "color-contrast"}
    seen = ((element.offset, look.ratio or 0.0, look.least) for element, _, look in looks(page.root))
    # Text that cannot be told from its ground at all may be meant to be hidden: axe-core leaves it to people, and we do not.
    ours = {offset for offset, ratio, least in seen if 1.01 <= ratio < least}
    assert ours == theirs
    assert DRAWN // 4 < len(ours) < DRAWN


def _letters() -> list[str]:
    """Every letter of the library, as the content that a journey begun from it has."""
    return [
        content_document("guide", words, "Lumen").replace("channel: email\n", "channel: email\nlocale: en\n")
        for template in library()
        for words in _words(template)
    ]


def _words(template: Template) -> list[Letter]:
    return [words for words in template.contents.values() if isinstance(words, Letter)]


def _shown() -> list[str]:
    """The pages of the demo, the examples and the model workspace."""
    pages = []
    for name in WORKSPACES:
        workspace = load(ROOT / name, {})
        plan = compile_workspace(workspace, packaged_zones()).plan
        assert plan is not None
        pages += [page.html for _, page in premises_of(workspace, plan, NOW_US).pages]
    return pages


@NEEDED
def test_axe_finds_nothing_in_what_we_bring(pytestconfig: pytest.Config) -> None:
    """Neither axe-core nor our rules find anything in the letters of the library, nor axe-core in the contents of the demo and the
    examples: in a sample of them, in all with --whole."""
    letters, pages = _letters(), _shown()
    assert len(letters) > 30 and len(pages) > 30
    if not pytestconfig.getoption("--whole"):
        letters, pages = letters[::SAMPLE], pages[::SAMPLE]
    premises = [_premises(text) for text in letters]
    assert set() == set().union(*(_ours(each, "content/guide.yaml") for each in premises))
    pages += [page.html for each in premises for part, page in each.pages if part.document.name == "guide"]
    assert set() == set().union(*map(_theirs, _examined(pages)))


@NEEDED
def test_check_asks_the_browser(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`pilotage check --browser` adds what axe-core finds, at the element's place in the template."""
    for path in MODEL.rglob("*"):
        if path.is_file():
            copy = tmp_path / "shop" / path.relative_to(MODEL)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    guide = tmp_path / "shop" / "content" / "guide.yaml"
    guide.write_text(guide.read_text().replace(' alt="A reading lamp with a brass arm"', ""))
    assert OK == invoke(["check", str(tmp_path / "shop"), "--json", "--browser"])
    found = [each for each in json.loads(capsys.readouterr().out)["findings"] if each["rule"] in ("H001", "H900")]
    assert ["H001", "H900"] == [each["rule"] for each in found]
    assert found[0]["line"] == found[1]["line"] and found[0]["column"] == found[1]["column"]
    assert "image-alt" in found[1]["message"] and "1.1.1" in found[1]["message"]


def test_without_a_browser_it_is_said_what_to_do(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Where there is no Chromium, --browser is refused with the cure; the check without it is not."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("PILOTAGE_CHROMIUM", raising=False)
    assert UNAVAILABLE == invoke(["check", str(MODEL), "--browser"])
    assert "PILOTAGE_CHROMIUM" in capsys.readouterr().err
    assert OK == invoke(["check", str(MODEL)])
    monkeypatch.setenv("PILOTAGE_CHROMIUM", "nowhere/chromium")
    assert "nowhere/chromium" in missing()
