"""Gates on links: whether they lead somewhere, over what, and what they carry with them.

Nothing is fetched: a policy names a file with what a link checker found (`200 https://…` on each line), so that a check gives the
same answer on every machine and works without a network.
"""

import re
from collections.abc import Iterable, Iterator

import msgspec

from pilotage.contract.model import FieldSpec
from pilotage.journey.findings import Severity
from pilotage.proof.contact import LOCAL, PERSONAL_NAMES, personal
from pilotage.proof.page import LIQUID
from pilotage.proof.premises import Part, Premises
from pilotage.proof.rule import Flaw, flaw, gate

GUIDE = "content/guide.yaml"
OFFER = "content/offer.yaml"
_LIQUID_OR = r"(?:\{\{.*?\}\}|\{%.*?%\}|"
_ADDRESS = re.compile(rf"https?://{_LIQUID_OR}[^\s\"'<>()\[\]{{}}\\])+")
_TARGET = re.compile(rf"""\b(?:href|src|action)\s*=\s*(?:"({_LIQUID_OR}[^"])*)"|'({_LIQUID_OR}[^'])*)')""", re.DOTALL)
_READ = re.compile(r"\{\{-?\s*([\w.]+)")
SHORTENERS = frozenset(("bit.ly", "tinyurl.com", "t.co", "goo.gl", "ow.ly", "is.gd", "buff.ly", "rebrand.ly", "cutt.ly", "t.ly"))


class Link(msgspec.Struct, frozen=True):
    """An address in a template: the part, what is written, and its offset."""

    part: Part
    url: str
    offset: int


def links_of(part: Part) -> Iterator[Link]:
    """The addresses in a template, written out or as targets."""
    template = part.text.text
    seen = set()
    for match in _TARGET.finditer(template):
        group = 1 if match[1] is not None else 2
        seen.add(match.start(group))
        yield Link(part, match[group].strip(), match.start(group))
    for match in _ADDRESS.finditer(template):
        if match.start() not in seen:
            yield Link(part, match[0].rstrip(".,;:!?"), match.start())


def _links(premises: Premises) -> Iterator[Link]:
    for part in premises.parts:
        yield from links_of(part)


class Checked(msgspec.Struct, frozen=True):
    """What a link checker found: the status of each address."""

    path: str
    statuses: dict[str, int]

    def status(self, url: str) -> int | None:
        """The status of an address; of one with values in it, the best of those that begin as it does. What
        follows ? and # counts only where the list has it."""
        if url in self.statuses:
            return self.statuses[url]
        url = re.split(r"[?#]", url)[0]
        fixed = LIQUID.split(url)[0]
        if fixed == url:
            return self.statuses.get(url, self.statuses.get(url.rstrip("/")))
        alike = [status for known, status in self.statuses.items() if known.startswith(fixed)]
        return min(alike) if alike else None


def _checked(premises: Premises) -> Iterator[Checked]:
    for document in premises.kind("policy"):
        gates = document.root.map("gates")
        path = gates.text("links") if gates else ""
        text = premises.read(path) if path else None
        if text is not None:
            rows = (line.split(maxsplit=1) for line in text.splitlines() if line.strip() and not line.startswith("#"))
            yield Checked(path, {row[1].strip(): int(row[0]) for row in rows if len(row) == 2 and row[0].isdigit()})


@gate(
    "M020",
    "a link is dead",
    Severity.ERROR,
    why="Somebody read the message, wanted to know more, and was told that there is nothing. Links die after a message is written; the "
    "list of what a link checker found last is a file of the workspace.",
    cure="correct the address; then check links again and replace the file that 'gates: {links: …}' names",
    at=GUIDE,
    wrong='  <p><a href="https://shop.lumen.example/gone">Begin with what others chose</a></p>\n',
    right='  <p><a href="https://shop.lumen.example/begin">Begin with what others chose</a></p>\n',
)
def _dead_link(premises: Premises) -> Iterable[Flaw]:
    for checked in _checked(premises):
        for link in _links(premises):
            status = checked.status(link.url)
            if status is not None and status >= 400:
                message = f"{link.url} answered {status}, says {checked.path}"
                yield flaw(link.part.document, premises.place_at(link.part, link.offset), message)
        for document in premises.kind("asset"):
            status = checked.status(document.root.text("url"))
            if status is not None and status >= 400:
                yield flaw(document, document.root.key("url").place, f"{document.root.text('url')} answered {status}, says {checked.path}")


@gate(
    "M021",
    "a link was never checked",
    Severity.WARNING,
    why="Where links are checked, a new one that is not on the list has not been tried by anybody.",
    cure="check links again and replace the file that 'gates: {links: …}' names",
    at=GUIDE,
    wrong='  <p><a href="https://shop.lumen.example/new">Begin with what others chose</a></p>\n',
    right='  <p><a href="https://shop.lumen.example/begin">Begin with what others chose</a></p>\n',
)
def _unchecked_link(premises: Premises) -> Iterable[Flaw]:
    for checked in _checked(premises):
        for link in _links(premises):
            if link.url.startswith(("http://", "https://")) and checked.status(link.url) is None:
                message = f"{link.url} is not in {checked.path}"
                yield flaw(link.part.document, premises.place_at(link.part, link.offset), message)


@gate(
    "M022",
    "a link goes over plain http",
    Severity.WARNING,
    why="Whoever follows it can be read and redirected on the way. Browsers warn, and mail filters count it against the sender.",
    cure="write an https address",
    at=OFFER,
    wrong='  <p><a href="http://shop.lumen.example/kitchen">See what is new in the kitchen</a></p>\n',
    right='  <p><a href="https://shop.lumen.example/kitchen">See what is new in the kitchen</a></p>\n',
)
def _plain_link(premises: Premises) -> Iterable[Flaw]:
    for link in _links(premises):
        if link.url.startswith("http://") and not link.url.startswith(LOCAL):
            yield flaw(link.part.document, premises.place_at(link.part, link.offset), f"{link.url} goes over plain http")


@gate(
    "M023",
    "a link carries personal data",
    Severity.ERROR,
    why="Addresses are written into logs, histories, referrers and analytics of everybody on the way, and nothing erases them there. An "
    "e-mail address in a link is an e-mail address published.",
    cure="carry an id that means nothing elsewhere, or let the page ask the signed-in customer",
    at=GUIDE,
    wrong='  <p><a href="https://shop.lumen.example/begin?for={{ customer.email }}">Begin with what others chose</a></p>\n',
    right='  <p><a href="https://shop.lumen.example/begin">Begin with what others chose</a></p>\n',
    standard="GDPR art. 5(1)(f); OWASP ASVS 14.2.1",
)
def _personal_link(premises: Premises) -> Iterable[Flaw]:
    names = {f"customer.{name}" for name in personal(premises)} | {f"trigger.{name}" for name in _personal_fields(premises)}
    for link in _links(premises):
        for match in _READ.finditer(link.url):
            path = match[1]
            told = path.startswith(("customer.", "trigger.", "journey.")) and path.rpartition(".")[2] in PERSONAL_NAMES
            if path in names or told:
                message = f"the link carries '{path}'"
                yield flaw(link.part.document, premises.place_at(link.part, link.offset + match.start()), message)


def _personal_fields(premises: Premises) -> set[str]:
    """The fields of events that are classified in their contracts, by dotted path."""

    def walk(fields: tuple[FieldSpec, ...], before: str) -> Iterator[str]:
        for field in fields:
            if field.classification:
                yield f"{before}{field.name}"
            yield from walk(field.fields, f"{before}{field.name}.")

    return {path for contract in premises.contracts for path in walk(contract.fields, "")}


@gate(
    "M024",
    "a link hides where it leads",
    Severity.WARNING,
    why="Nobody can see where a shortened link leads, so filters treat it as what it mostly is in unwanted mail. The shortener also "
    "learns who followed it, without a contract.",
    cure="write the address itself",
    at=GUIDE,
    wrong='  <p><a href="https://bit.ly/3xYz">Begin with what others chose</a></p>\n',
    right='  <p><a href="https://shop.lumen.example/begin">Begin with what others chose</a></p>\n',
)
def _shortened_link(premises: Premises) -> Iterable[Flaw]:
    for link in _links(premises):
        host = link.url.partition("://")[2].partition("/")[0].lower().removeprefix("www.")
        if host in SHORTENERS:
            yield flaw(link.part.document, premises.place_at(link.part, link.offset), f"{link.url} does not show where it leads")


@gate(
    "M025",
    "a link leads nowhere",
    Severity.ERROR,
    why="A link without a target looks like a promise. It is left behind by whoever meant to fill it in later.",
    cure="write the address",
    at=GUIDE,
    wrong='  <p><a href="#">Begin with what others chose</a></p>\n',
    right='  <p><a href="https://shop.lumen.example/begin">Begin with what others chose</a></p>\n',
)
def _empty_link(premises: Premises) -> Iterable[Flaw]:
    for part, page in premises.pages:
        ids = {element.get("id") for element in page.root.all()} | {element.get("name") for element in page.root.all("a")}
        for element in page.root.all("a"):
            href = element.get("href").strip()
            nowhere = "href" in element.attributes and (not href or href.lower().startswith("javascript:"))
            if nowhere or (href.startswith("#") and href[1:] not in ids - {""}):
                yield flaw(part.document, premises.on_page(part, page, element), f"the link {element.text!r} leads to {href!r}")


LINKS = (_dead_link, _unchecked_link, _plain_link, _personal_link, _shortened_link, _empty_link)
"""The gates on links."""
