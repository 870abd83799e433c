"""E-mails and inbox notes made of their words: from a few sentences to a whole content document.

A letter becomes MJML and plain text that say the same: one column, a heading, paragraphs, at most one button, and why the
customer gets it. What comes out is a document like any other, to be changed at will.
"""

import re
from collections.abc import Iterable

import msgspec

from pilotage.journey.document import Fields, Scalar
from pilotage.journey.scalars import flag_or

GREETING = "Hello {{ customer.first_name | default: 'there' }},"
INDENT = "  "
_LIQUID = re.compile(r"(\{\{.*?\}\}|\{%.*?%\})", re.DOTALL)


class Letter(msgspec.Struct, frozen=True):
    """An e-mail's words; they may hold Liquid. Without a `button_text` there is no button."""

    subject: str
    heading: str
    paragraphs: tuple[str, ...]
    footer: str
    button_text: str = ""
    button_url: str = ""
    unsubscribe: bool = True


class Note(msgspec.Struct, frozen=True):
    """An inbox message's words."""

    title: str
    body: str


def read_letter(fields: Fields) -> Letter:
    """The letter of a template's content."""
    button = fields.map("button")
    return Letter(
        subject=fields.text("subject"),
        heading=fields.text("heading") or fields.text("subject"),
        paragraphs=tuple(item.text.strip() for item in fields.list("paragraphs") if isinstance(item, Scalar)),
        footer=fields.text("footer"),
        button_text=button.text("text") if button else "",
        button_url=button.text("url") if button else "",
        unsubscribe=flag_or(fields.scalar("unsubscribe"), True),
    )


def read_note(fields: Fields) -> Note:
    """The note of a template's content."""
    return Note(fields.text("title"), fields.text("body"))


def content_document(name: str, words: Letter | Note, company: str) -> str:
    """The content document of a letter or note."""
    head = ["schema: 1", "kind: content", f"name: {name}"]
    if isinstance(words, Note):
        return _lines((*head, "channel: inbox", f"title: {_quoted(words.title)}", "body: |", *_indented(words.body.splitlines(), 1)))
    mjml, text = _indented(_mjml(words, company), 1), _indented(_text(words, company), 1)
    return _lines((*head, "channel: email", f"subject: {_quoted(words.subject)}", "mjml: |", *mjml, "text: |", *text))


def _mjml(letter: Letter, company: str) -> Iterable[str]:
    yield '<mjml lang="en">'
    yield "  <mj-head>"
    yield f"    <mj-title>{_escaped(letter.heading)}</mj-title>"
    yield f"    <mj-preview>{_escaped(letter.paragraphs[0])}</mj-preview>"
    yield "    <mj-attributes>"
    yield '      <mj-all font-family="Helvetica, Arial, sans-serif" />'
    yield '      <mj-text font-size="16px" line-height="1.5" color="#1f2a27" />'
    yield "    </mj-attributes>"
    yield "  </mj-head>"
    yield '  <mj-body background-color="#f4f1ea">'
    yield '    <mj-section background-color="#ffffff">'
    yield "      <mj-column>"
    yield f'        <mj-text><h1 style="margin:0;font-size:24px">{_escaped(letter.heading)}</h1></mj-text>'
    for paragraph in (GREETING, *letter.paragraphs):
        yield f"        <mj-text>{_escaped(paragraph)}</mj-text>"
    if letter.button_text:
        style = 'background-color="#0b5d4b" color="#ffffff" font-size="16px" padding="16px 24px"'
        yield f'        <mj-button href="{_escaped(letter.button_url)}" {style}>{_escaped(letter.button_text)}</mj-button>'
    yield f"        <mj-text>{_escaped(company)}</mj-text>"
    yield from ("      </mj-column>", "    </mj-section>", "    <mj-section>", "      <mj-column>")
    link = ' <a href="{{ unsubscribe_url }}" style="color:#0b5d4b">Unsubscribe</a>' if letter.unsubscribe else ""
    yield f'        <mj-text font-size="13px" color="#4a4a4a">{_escaped(letter.footer)}{link}</mj-text>'
    yield from ("      </mj-column>", "    </mj-section>", "  </mj-body>", "</mjml>")


def _text(letter: Letter, company: str) -> Iterable[str]:
    parts = [letter.heading, GREETING, *letter.paragraphs]
    if letter.button_text:
        parts.append(f"{letter.button_text}: {letter.button_url}")
    parts += [company, letter.footer]
    for part in parts:
        yield from (*part.splitlines(), "")
    if letter.unsubscribe:
        yield "Unsubscribe: {{ unsubscribe_url }}"


def _escaped(text: str) -> str:
    """Text as markup holds it; Liquid stays as it is."""
    parts = _LIQUID.split(" ".join(text.split()))
    return "".join(part if part.startswith("{") else _markup(part) for part in parts)


def _markup(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _quoted(text: str) -> str:
    """Text as a YAML value in quotes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _indented(lines: Iterable[str], depth: int) -> list[str]:
    return [f"{INDENT * depth}{line}".rstrip() for line in lines]


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(lines).rstrip() + "\n"
