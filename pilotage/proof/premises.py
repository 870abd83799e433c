"""Premises: what gates look at. The documents of a workspace, the plan they make, what the environment binds, and what is true of
the world at the moment: the day, a file that is named, the layout of an e-mail. All of it is given; nothing is fetched here.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property

import msgspec

from pilotage.contract.model import Contract
from pilotage.journey.document import Document, Fields, Scalar, inner_place, text_place
from pilotage.journey.plan import Journey, Plan, Send
from pilotage.proof.page import Element, Page, laid_out_page

MARKETING, SERVICE, TRANSACTIONAL = "marketing", "service", "transactional"
MARKUP = ("mjml", "html")
_NO_TEXTS = frozenset(("schema", "kind", "name", "channel", "brand", "locale", "locales", "description", "owner", "$schema"))


class Declared(msgspec.Struct, frozen=True):
    """A named thing that a document declares: where, and what is written of it."""

    document: Document
    key: Scalar
    fields: Fields

    @property
    def name(self) -> str:
        return self.key.text


class Step(msgspec.Struct, frozen=True):
    """A step as written, in a journey or a fragment, at whatever depth."""

    document: Document
    fields: Fields

    @property
    def id(self) -> str:
        return self.fields.text("id")


class Part(msgspec.Struct, frozen=True):
    """One template of a content: in which language (empty: the content's own), its name, and its text with its place."""

    document: Document
    locale: str
    name: str
    text: Scalar


class Premises:
    """What gates look at. `uses` leads from the name of each channel to the one that is installed, `rates` from it to how many messages
    a second it takes, `endpoints` from their names to their addresses. `lay_out` makes HTML of MJML or HTML as the channel does,
    `variables_of` gives the names a template reads, `fill` a template's text for a customer of whom nothing is known, `read` the text of
    a file of the workspace, or None."""

    def __init__(
        self,
        documents: tuple[Document, ...],
        settings: Document,
        plan: Plan,
        *,
        uses: Mapping[str, str],
        rates: Mapping[str, float],
        endpoints: Mapping[str, str],
        lay_out: Callable[[str, bool], str],
        variables_of: Callable[[str], set[str]],
        fill: Callable[[str], str],
        read: Callable[[str], str | None],
        now_us: int,
    ) -> None:
        self.documents, self.settings, self.plan = documents, settings, plan
        self.uses, self.rates, self.endpoints = uses, rates, endpoints
        self.lay_out, self.variables_of, self.fill, self.read = lay_out, variables_of, fill, read
        self.now_us = now_us

    def kind(self, kind: str) -> tuple[Document, ...]:
        """The documents of a kind."""
        return tuple(document for document in self.documents if document.kind == kind)

    @property
    def contracts(self) -> tuple[Contract, ...]:
        """The contracts of all event types."""
        return self.plan.contracts

    @cached_property
    def purposes(self) -> dict[str, Declared]:
        """The purposes of all policies, by name."""
        return {each.name: each for document in self.kind("policy") for each in declared(document, "purposes")}

    @cached_property
    def attributes(self) -> dict[str, Declared]:
        """The attributes of persons, by name."""
        return {each.name: each for document in self.kind("profile") for each in declared(document, "attributes")}

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """All steps of journeys and fragments, as written."""
        return tuple(step for document in (*self.kind("journey"), *self.kind("fragment")) for step in steps_of(document))

    @cached_property
    def journeys(self) -> dict[str, Journey]:
        """The journeys of the plan, by name."""
        return {journey.name: journey for journey in self.plan.journeys}

    @cached_property
    def sends(self) -> tuple[tuple[Journey, Send], ...]:
        """All messages of all journeys, those of fragments among them."""
        return tuple((journey, step) for journey in self.plan.journeys for step in journey.steps if isinstance(step, Send))

    def class_of(self, purpose: str) -> str:
        """The class of a purpose: marketing, service or transactional."""
        found = self.purposes.get(purpose)
        return found.fields.text("class") if found else ""

    @cached_property
    def classes(self) -> dict[str, set[str]]:
        """The classes that each content is sent under."""
        found: dict[str, set[str]] = {}
        for _, send in self.sends:
            found.setdefault(send.content, set()).add(self.class_of(send.purpose))
        return found

    def installed(self, channel: str) -> str:
        """Which channel that is installed a channel's name stands for."""
        return self.uses.get(channel, channel)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """All templates of all contents."""
        return tuple(part for document in self.kind("content") for part in parts_of(document))

    def place_at(self, part: Part, offset: int) -> tuple[int, int]:
        """The line and column in the document of an offset in a template."""
        return inner_place(part.document, part.text, offset)

    def place_in(self, part: Part, words: str) -> tuple[int, int]:
        """Where words first stand in a template; where they do not, where it begins."""
        offset = part.text.text.find(words)
        return self.place_at(part, offset) if offset >= 0 else part.text.place

    def on_page(self, part: Part, page: Page, element: Element | None) -> tuple[int, int]:
        """Where in the document an element of a page is written."""
        return text_place(part.document, part.text, *page.place(element))

    @cached_property
    def pages(self) -> tuple[tuple[Part, Page], ...]:
        """The MJML and HTML of all contents, laid out."""
        return tuple((part, laid_out_page(part.text.text, part.name == "mjml", self.lay_out)) for part in self.parts if part.name in MARKUP)


def declared(document: Document, key: str) -> Iterator[Declared]:
    """The named things under a key of a document."""
    written = document.root.map(key)
    for name, value in written.fields if written else ():
        if isinstance(value, Fields):
            yield Declared(document, name, value)


def steps_of(document: Document) -> Iterator[Step]:
    """The steps of a journey or a fragment, those of its rounds among them."""
    yield from _steps(document, document.root)


def _steps(document: Document, fields: Fields) -> Iterator[Step]:
    for item in fields.list("steps"):
        if isinstance(item, Fields):
            yield Step(document, item)
            repeated = item.map("repeat")
            if repeated is not None:
                yield from _steps(document, repeated)


def parts_of(document: Document) -> Iterator[Part]:
    """The templates of a content, in each of its languages."""
    yield from _parts(document, "", document.root)
    others = document.root.map("locales")
    for key, value in others.fields if others else ():
        if isinstance(value, Fields):
            yield from _parts(document, key.text, value)


def _parts(document: Document, locale: str, fields: Fields) -> Iterator[Part]:
    for key, value in fields.fields:
        if key.text not in _NO_TEXTS and isinstance(value, Scalar) and isinstance(value.value, str):
            yield Part(document, locale, key.text, value)


def owner_of(document: Document) -> Fields | Scalar | None:
    """Who answers for a document, as written."""
    written = document.root.get("owner")
    return written if isinstance(written, Fields | Scalar) else None


def texts(fields: Fields | None, key: str) -> tuple[str, ...]:
    """The texts of a list."""
    return tuple(item.text for item in fields.list(key) if isinstance(item, Scalar)) if fields else ()


def name_place(document: Document) -> tuple[int, int]:
    """Where a document's name is written."""
    return document.root.key("name").place
