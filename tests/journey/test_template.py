"""Templates: read, checked and filled in; letters that say the same as MJML and as text."""

import pytest

from pilotage.channel.render import lint
from pilotage.contract.model import Contract, FieldSpec
from pilotage.journey.findings import Report
from pilotage.journey.letter import Letter, Note, content_document
from pilotage.journey.plan import Content
from pilotage.journey.template import Template, instantiated, parse_template, slug_of
from tests.journey.sample import document_of

SOURCE = """\
schema: 1
kind: template
name: growth.offers.thing
description: A thing.
guide: When to use it.
parameters:
  event: {type: event, default: order.placed, description: the event}
  wait: {type: duration, default: 3d, description: how long}
contents:
  note: {note: {title: "A ${company} note", body: Hello}}
journey: |
  # a remark that stays
  enter: {on: ${event}}
  steps:
    - {id: a, wait: {for: ${wait}}}
    - {id: b, send: inbox, content: ${slug}-note}
  tests:
    - {name: it, events: [{type: ${event}, data: ${example:${event} total=30}}], expect: {enters: true}}
"""
ORDER = Contract("order.placed", "1", (FieldSpec("order_id", "string", True), FieldSpec("total", "number"), FieldSpec("note", "string")))


def template(source: str = SOURCE) -> Template:
    report = Report()
    found = parse_template(document_of(source), report)
    assert found is not None, report.findings
    return found


def findings(source: str) -> list[str]:
    report = Report()
    assert parse_template(document_of(source), report) is None
    return [finding.text for finding in report.findings]


def test_a_journey_is_filled_in() -> None:
    """Parameters, the name, the slug and examples of events are filled in; remarks and layout stay."""
    documents = instantiated(template(), "growth.offers.my_thing", "Brindlecove", {"wait": "5d"}, {"order.placed": ORDER})
    assert ["journeys/my_thing.yaml", "content/my-thing-note.yaml"] == list(documents)
    journey = documents["journeys/my_thing.yaml"]
    assert journey.startswith("# Begun from the template growth.offers.thing.\nschema: 1\nkind: journey\nname: growth.offers.my_thing\n")
    assert "# a remark that stays\nenter: {on: order.placed}" in journey
    assert "{id: a, wait: {for: 5d}}" in journey
    assert "data: {order_id: order_id-1, total: 30}" in journey
    assert 'title: "A Brindlecove note"' in documents["content/my-thing-note.yaml"]
    assert "my-thing" == slug_of("growth.offers.my_thing")


WRONG = [
    ("${wait}}}", "${wate}}}", "15:27: error L001 unknown parameter 'wate'; did you mean 'wait'?"),
    ("{for: ${wait}}", "{for: 3d}", "8:3: error L002 parameter 'wait' is not used"),
    ("default: 3d", "default: soon", "8:3: error L003 wait: 'soon' is not a duration"),
    ("type: duration", "type: span", "8:16: error D016 'type' cannot be 'span'"),
    ("guide: When to use it.\n", "", "1:1: error D010 the template has no 'guide'"),
]


@pytest.mark.parametrize(("old", "new", "expected"), WRONG, ids=[each[2] for each in WRONG])
def test_mistakes_in_templates_have_their_place(old: str, new: str, expected: str) -> None:
    """A parameter that is not declared, not used or not of its type is reported with line and column."""
    assert any(f"x.yaml:{expected}" in finding for finding in findings(SOURCE.replace(old, new)))


LETTER = Letter(
    "A & B", "What's <new>?", ("First {{ trigger.total | money: 'EUR' }} & more.", "Second."), "Why.", "Go", "https://shop.example"
)


def test_a_letter_says_the_same_as_markup_and_as_text() -> None:
    """A letter becomes MJML without a problem, and text with the same words; Liquid stays, markup is escaped."""
    document = document_of(content_document("thing", LETTER, "Brindlecove"))
    mjml, text = document.root.text("mjml"), document.root.text("text")
    assert () == tuple(lint(Content("thing", "email", {"mjml": mjml, "text": text})))
    assert "What's &lt;new&gt;?" in mjml
    assert "{{ trigger.total | money: 'EUR' }} &amp; more." in mjml
    assert text.startswith("What's <new>?\n")
    assert "Go: https://shop.example" in text
    assert "Unsubscribe: {{ unsubscribe_url }}" in text
    assert "A & B" == document.root.text("subject")


def test_a_service_letter_has_nothing_to_unsubscribe_from() -> None:
    """Without `unsubscribe` neither part offers it; a note is a title and a body."""
    service = Letter("S", "H", ("P.",), "Why.", unsubscribe=False)
    assert "unsubscribe" not in content_document("thing", service, "Brindlecove").lower()
    note = document_of(content_document("note", Note('A "title"', "Body."), "Brindlecove"))
    assert ('A "title"', "Body.\n", "inbox") == tuple(note.root.text(key) for key in ("title", "body", "channel"))
