"""The deeper gate: axe-core in a real browser, over the pages that contents make.

Both are extras (`pip install pilotage[browser]`), since a browser is much to ask of everybody who writes a journey. The browser is the
machine's own Chromium; axe-core comes with the package that carries it for Playwright. Nothing is fetched from the network: a page is
handed over as text, and whatever it would load is refused.
"""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from pilotage.app.exits import UNAVAILABLE, Trouble
from pilotage.journey.findings import Finding
from pilotage.proof.browsed import BROWSED
from pilotage.proof.premises import Premises

VARIABLE = "PILOTAGE_CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
ARGUMENTS = ("--disable-gpu", "--disable-dev-shm-usage")
_TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
_BEST = ("heading-order", "empty-heading")
"""Rules that axe-core counts as good practice and we count as parts of 1.3.1."""
_RUN = """
async ([tags, best]) => {
  const rules = Object.fromEntries(best.map((id) => [id, {enabled: true}]));
  const found = await axe.run(document, {runOnly: {type: "tag", values: tags}, rules, resultTypes: ["violations"]});
  const told = [];
  for (const violation of found.violations) {
    for (const node of violation.nodes) {
      let element = document.querySelector(node.target[0]);
      let mark = "";
      while (element && !mark) {
        const found = /(?:^|\\s)at-(\\d+)(?:\\s|$)/.exec(element.getAttribute("class") || "");
        mark = element.getAttribute("data-at") || (found ? found[1] : "");
        element = element.parentElement;
      }
      told.push({
        rule: violation.id, help: violation.help, html: node.html, offset: mark ? Number(mark) : -1,
        criteria: violation.tags.filter((tag) => /^wcag\\d{3,}$/.test(tag)).map((tag) => tag.slice(4).replace(/^(\\d)(\\d)/, "$1.$2."))
      });
    }
  }
  return told;
}
"""


class Violation(msgspec.Struct, frozen=True):
    """What axe-core found: its rule, what it says, the element, the offset in the template it comes from (-1: not known), and the
    success criteria of WCAG."""

    rule: str
    help: str
    html: str
    offset: int
    criteria: tuple[str, ...] = ()


def chromium(environ: Mapping[str, str] = os.environ) -> Path | None:
    """The browser to use: the one that PILOTAGE_CHROMIUM names, else one on PATH; None where there is none."""
    named = environ.get(VARIABLE)
    found = named or next((path for name in NAMES if (path := shutil.which(name))), None)
    return Path(found) if found else None


def missing(environ: Mapping[str, str] = os.environ) -> str:
    """What keeps the browser from being asked, with the cure; empty where nothing does."""
    if find_spec("playwright") is None or find_spec("axe_playwright_python") is None:
        return "the packages playwright and axe-playwright-python are not installed; install pilotage[browser]"
    path = chromium(environ)
    if path is None:
        return f"there is no Chromium on PATH; install one, or name one in {VARIABLE}"
    return "" if path.is_file() else f"there is no file {path}, which {VARIABLE} names"


def examined(pages: Iterable[str], path: Path) -> Iterator[list[Violation]]:
    """What axe-core finds on each page of HTML, one after the other in one browser."""
    axe = (Path(str(import_module("axe_playwright_python").__file__)).parent / "axe.min.js").read_text(encoding="utf-8")
    with import_module("playwright.sync_api").sync_playwright() as driver:
        # A process of root, as in most containers, has no sandbox to offer.
        sandbox = [] if os.geteuid() else ["--no-sandbox"]
        browser = driver.chromium.launch(executable_path=str(path), args=[*ARGUMENTS, *sandbox])
        try:
            tab = browser.new_page(viewport={"width": 800, "height": 1000})
            tab.route("**/*", lambda route: route.abort())
            for html in pages:
                tab.set_content(html, wait_until="domcontentloaded")
                tab.evaluate(axe)
                yield _violations(tab)
        finally:
            browser.close()


def _violations(tab: Any) -> list[Violation]:
    return msgspec.convert(tab.evaluate(_RUN, [list(_TAGS), list(_BEST)]), list[Violation])


def browser_findings(premises: Premises) -> Sequence[Finding]:
    """What axe-core finds on the pages of all contents, each at its place in the template. `Trouble` where there is no browser."""
    why = missing()
    path = chromium()
    if why or path is None:
        raise Trouble(why, UNAVAILABLE, "leave out --browser: the gates themselves need none")
    found, parts = [], [part for part, _ in premises.pages]
    for part, violations in zip(parts, examined((page.html for _, page in premises.pages), path), strict=True):
        for each in violations:
            place = premises.place_at(part, each.offset) if each.offset >= 0 else part.text.place
            criteria = f" (WCAG {', '.join(each.criteria)})" if each.criteria else ""
            message = f"axe-core {each.rule}: {each.help}{criteria}"
            found.append(Finding(part.document.path, *place, BROWSED.id, BROWSED.severity, message, BROWSED.cure))
    return found
