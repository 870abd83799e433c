"""Pages know where they come from: every element of a laid-out page leads back to its start tag in the template."""

from hypothesis import given
from hypothesis import strategies as st

from pilotage.channel.render import lay_out
from pilotage.proof.page import Element, Page, laid_out_page

TAGS = ("p", "div", "span", "h2", "ul", "strong", "td", "a")
WORDS = st.text(st.sampled_from("abc é&\n"), max_size=8)
LIQUID = st.sampled_from(("", "{{ customer.first_name }}", "{% if customer.tier %}", "{{ 'a > b' }}", "<!-- <p> -->"))
INNER = st.recursive(
    st.builds(lambda before, words, after: f"{before}{words.replace('&', '&amp;')}{after}", LIQUID, WORDS, LIQUID),
    lambda inner: st.builds(
        lambda tag, children, quote: f"<{tag} title={quote}x > y{quote}>{''.join(children)}</{tag}>",
        st.sampled_from(TAGS), st.lists(inner, max_size=3), st.sampled_from(("'", '"')),
    ),
    max_leaves=8,
)  # fmt: skip


def _page(template: str, *, is_mjml: bool = False) -> Page:
    return laid_out_page(template, is_mjml, lambda text, mjml: lay_out(text, is_mjml=mjml))


def _start(page: Page, element: Element) -> str:
    line, column = page.place(element)
    return page.template.splitlines()[line - 1][column - 1 :] if page.template else ""


@given(st.lists(INNER, min_size=1, max_size=4))
def test_every_element_leads_to_its_start_tag(inner: list[str]) -> None:
    """Whatever stands around it, Liquid, comments and quotes with brackets included, an element's place is that of its own start tag."""
    page = _page(f'<html lang="en"><body>\n{"".join(inner)}\n</body></html>')
    for element in page.root.all(*TAGS):
        if element.offset >= 0:
            assert _start(page, element).startswith(f"<{element.tag}"), page.template
    written = "".join(inner).count("<div")
    assert written == len({element.offset for element in page.root.all("div")})


def test_mjml_elements_are_found_again_in_what_became_of_them() -> None:
    """A button, a picture and a text of MJML lead to their own elements, also where a class of theirs is written already."""
    template = (
        '<mjml lang="en"><mj-head><mj-attributes><mj-text color="#111111" /></mj-attributes></mj-head><mj-body><mj-section><mj-column>\n'
        '  <mj-text css-class="loud">Hello <b>you</b></mj-text>\n  <mj-image src="https://x.example/a.png" alt="a" />\n'
        '  <mj-button href="https://x.example/">Go</mj-button>\n</mj-column></mj-section></mj-body></mjml>'
    )
    page = _page(template, is_mjml=True)
    starts = [_start(page, next(page.root.all(tag))).partition(" ")[0] for tag in ("b", "img", "a")]
    assert ["<b>you</b></mj-text>", "<mj-image", "<mj-button"] == starts
    loud = next(each for each in page.root.all() if "loud" in each.get("class").split())
    assert _start(page, loud).startswith("<mj-text")


def test_html_is_read_as_browsers_read_it() -> None:
    """Void elements have no end, end tags of items and cells may be missing, and stray end tags are nothing."""
    page = _page("<html><body><ul><li>a<li>b</ul></span><p>one<br>two<p>three<img src=x></p><table><tr><td>c<td>d</table></body></html>")
    assert ["a", "b"] == [each.text for each in page.root.all("li")]
    assert ["one two", "three"] == [each.text for each in page.root.all("p")][:2]
    assert ["c", "d"] == [each.text for each in page.root.all("td")]
    assert [[], []] == [[*each.all()] for each in page.root.all("br", "img")]
