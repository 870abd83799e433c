"""Contents become the parts of a message."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.channel.render import RenderFailed, TemplateBroken, lint, render, variables_of
from pilotage.channel.template import LOOPS_MAX, OUTPUT_BYTES_MAX, compiled, fill, nested
from pilotage.journey.plan import Content

MJML = """<mjml lang="en"><mj-head><mj-style inline="inline">.hi { color: #112233; }</mj-style></mj-head><mj-body><mj-section><mj-column>
<mj-text><span class="hi">Hello {{ customer.name }}</span></mj-text>
<mj-button href="https://shop.example/?c={{ customer.code }}&amp;x=1">Go</mj-button>
</mj-column></mj-section></mj-body></mjml>"""


def content(channel: str = "email", **templates: str) -> Content:
    return Content(name="c", channel=channel, templates=templates)


def test_variables_are_found_without_rendering() -> None:
    """The names a template reads from outside are known before anybody is written to; its own names are left out."""
    template = "{% assign n = journey.x %}{% for i in trigger.items %}{{ i.sku }}{{ n }}{% endfor %}"
    template += "{{ customer.a | default: customer.b }}{{ unsubscribe_url }}"
    assert {"journey.x", "trigger.items", "customer.a", "customer.b", "unsubscribe_url"} == variables_of(template)
    assert {"customer.list"} == variables_of("{{ customer.list[0].name }}")


@pytest.mark.parametrize(
    ("template", "line", "word"),
    [
        ("a\n{{ x ", 2, "expected"),
        ("{% if a %}", 1, "close"),
        ("{% include 'x' %}", 1, "include"),
        ("{{ a | frobnicate }}", 1, "frobnicate"),
    ],
)
def test_a_broken_template_is_refused_with_its_place(template: str, line: int, word: str) -> None:
    """Unclosed tags, files and unknown filters are refused when the content is checked, with line and cure."""
    with pytest.raises(TemplateBroken, match=word) as caught:
        variables_of(template)
    assert line == caught.value.line


def test_mjml_becomes_html_with_inlined_styles_and_escaped_values() -> None:
    """An MJML template becomes HTML, its styles move into the elements, and values cannot smuggle in markup."""
    parts = render(content(mjml=MJML, text="Hi {{ customer.name }}"), {"customer.name": "<b>A&B</b>", "customer.code": 'x"y'})
    assert {"html", "text"} == set(parts)
    assert "&lt;b&gt;A&amp;B&lt;/b&gt;" in parts["html"]
    assert "<b>" not in parts["html"]
    assert "color: #112233" in parts["html"]
    assert 'href="https://shop.example/?c=x&#34;y&amp;x=1"' in parts["html"]
    assert "Hi <b>A&B</b>" == parts["text"]


def test_a_layout_made_once_equals_one_made_per_message() -> None:
    """Laying a template out before its values are known gives the HTML that laying out after filling gives."""
    slow = MJML.replace("{{ customer.name }}", "{% if true %}{{ customer.name }}{% endif %}")
    values = {"customer.name": "Ada", "customer.code": "7"}
    assert render(content(mjml=slow), values) == render(content(mjml=MJML), values)


def test_sections_may_depend_on_values() -> None:
    """A loop around whole MJML sections gives one section per item."""
    section = "<mj-section><mj-column><mj-text>{{ i }}</mj-text></mj-column></mj-section>"
    template = f'<mjml lang="en"><mj-body>{{% for i in trigger.items %}}{section}{{% endfor %}}</mj-body></mjml>'
    html = render(content(mjml=template), {"trigger.items": ["one", "two"]})["html"]
    assert [True, True] == [f">{word}<" in html for word in ("one", "two")]


@given(st.text())
def test_no_value_breaks_out_of_a_json_string(value: str) -> None:
    """A webhook's body stays the same JSON document whatever the values hold."""
    body = render(content("webhook", body='{"text": "to {{ customer.name }}!", "n": 1}'), {"customer.name": value})["body"]
    lines = value.replace("\r\n", "\n").replace("\r", "\n")  # Liquid writes one kind of line end
    assert {"text": f"to {lines}!", "n": 1} == json.loads(body)


def test_a_subject_is_one_line() -> None:
    """Line breaks in a subject are blanks, so a value cannot add a header."""
    assert "Hi A Bcc: b" == render(content(subject="Hi {{ customer.name }}\n"), {"customer.name": "A\r\nBcc: b"})["subject"]


@given(st.text("a{}%<&\r\n ", max_size=8))
def test_a_template_without_values_is_its_text(template: str) -> None:
    """What is no value and no tag leaves letter by letter as it was written, for every customer alike, in HTML too."""
    try:
        expected = compiled(template, escape=True).render({})
    except TemplateBroken:
        return
    for _ in range(2):
        assert expected == fill(template, {}, escape=True)
    assert "{{" in template or "{%" in template or template == expected


def test_a_text_that_is_too_long_is_refused_each_time() -> None:
    """The bound on output holds for a template without values too, for the second message as for the first."""
    for _ in range(2):
        with pytest.raises(RenderFailed, match="output stream limit"):
            render(content(text="x" * (OUTPUT_BYTES_MAX + 1)), {})


def test_missing_values_are_empty() -> None:
    """A value that the customer does not have is empty text, and a default takes its place."""
    assert "Hi , friend" == render(content(text="Hi {{ customer.a }}, {{ customer.b | default: 'friend' }}"), {"customer.b": None})["text"]


ENDLESS = f"{{% for i in (1..{LOOPS_MAX + 1}) %}}{{% endfor %}}"
HUGE = "{% for i in (1..9000) %}" + "x" * 200 + "{% endfor %}"


@pytest.mark.parametrize("template", [ENDLESS, HUGE])
def test_runaway_templates_are_stopped(template: str) -> None:
    """Loops and output are bounded; passing a bound fails that message and names the template."""
    with pytest.raises(RenderFailed, match="template text") as caught:
        render(content(text=template), {})
    assert "text" == caught.value.part


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ v | money }}", "€1,234.50"),
        ("{{ v | money: 'EUR', 'de-DE' }}", "1.234,50 €"),
        ("{{ v | money: 'JPY' }}", "¥1,234"),
        ("{{ w | money }}", ""),
        ("{{ t | local_date: 'Europe/Berlin', '%d.%m. %H:%M' }}", "01.07. 00:30"),
        ("{{ d | local_date: 'Asia/Tokyo' }}", "2026-02-01"),
    ],
)
def test_filters_for_people(template: str, expected: str) -> None:
    """Amounts and instants are written the customer's way."""
    values = {"v": "1234.5", "w": "none", "t": "2026-06-30T22:30:00Z", "d": "2026-02-01"}
    assert expected == render(content(text=template), values)["text"]


def test_dotted_names_become_a_tree() -> None:
    """Dotted names nest; a name that is both a value and a branch keeps the value."""
    assert {"a": {"b": 1, "c": 2}, "d": 3} == nested({"a.b": 1, "a.c": 2, "d": 3, "d.e": 4})


@pytest.mark.parametrize(
    ("templates", "rules"),
    [
        ({"subject": "s", "text": "t", "mjml": MJML}, []),
        ({"subject": "s", "mjml": MJML}, ["part-missing"]),
        ({"subject": "s", "text": "t", "sms": "x"}, ["part-unknown"]),
        ({"subject": "s", "text": "{{", "html": '<html lang="en">'}, ["liquid"]),
        ({"subject": "s", "text": "t", "mjml": MJML.replace("mj-button", "mj-buton")}, ["mjml-unknown-tag"]),
        ({"subject": "s", "text": "t", "mjml": MJML.replace("</mj-body>", "")}, ["mjml"]),
    ],
)
def test_lint_finds_what_shows_without_a_customer(templates: dict[str, str], rules: list[str]) -> None:
    """Missing and unknown parts, broken Liquid or MJML, and vanishing elements are found."""
    found = lint(content(**templates), frozenset({"subject", "text"}), frozenset({"subject", "text", "html", "mjml"}))
    assert rules == [problem.rule for problem in found]
