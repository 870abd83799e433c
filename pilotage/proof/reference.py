"""The pages about rules, written from the rules themselves, so that page and product cannot differ."""

import textwrap
from collections.abc import Iterable, Mapping

from pilotage.proof.rule import Example, Rule

FAMILIES = {
    "N": "Norms of journeys and contact",
    "M": "Messages",
    "H": "Accessibility",
    "V": "Reviews and waivers",
    "D": "Documents",
    "E": "Conditions and values",
    "J": "Journeys, as read",
    "F": "Fragments",
    "C": "Contents, as read",
    "Q": "Coupons",
    "P": "Policies",
    "B": "Calendars",
    "U": "Audiences",
    "A": "Attributes",
    "K": "Contracts",
    "T": "Tests",
    "L": "Templates",
    "W": "Workspaces",
    "G": "People, as read",
}
_EXCERPT_LINES_MAX = 12
_LINE_CHARACTERS_MAX = 400

_HEAD = """# Rules

Every rule that `pilotage check` keeps, by its stable id. How findings are waived, printed and used in continuous integration is on the page
about [quality gates](proof.md). This page and those it leads to are written by `make reference` from the rules that the product itself
keeps; the tests break each rule that has a page by its example, and see that the cured example keeps it.

An error makes `pilotage check` exit 1. Rules of readers whose findings are errors cannot be waived: without what they ask for there is no
plan. All others can.
"""


def overview(rules: Mapping[str, Rule]) -> str:
    """The page of all rules, as Markdown."""
    families = [(title, [rule for name, rule in sorted(rules.items()) if name[0] == family]) for family, title in FAMILIES.items()]
    return "\n".join([_HEAD, *(line for title, found in families if found for line in _family(title, found))])


def _family(title: str, rules: Iterable[Rule]) -> list[str]:
    return [f"## {title}\n", "| rule | severity | what is wrong |", "|---|---|---|", *map(_row, rules), ""]


def _row(rule: Rule) -> str:
    name = f"[{rule.id}](rules/{rule.id}.md)" if rule.why else rule.id
    return f"| {name} | {rule.severity} | {rule.title.replace('|', chr(92) + '|')} |"


def page(rule: Rule) -> str:
    """The page of one rule that says why it is there, as Markdown."""
    told = [f"**{str(rule.severity).capitalize()}**" + (f" · {rule.standard}" if rule.standard else "")]
    told.append(_may_be_waived(rule))
    parts = [f"# {rule.id}: {rule.title}", " ".join(told), _wrapped(rule.why), "## Cure", _wrapped(_sentence(rule.cure))]
    shown = ("## Example", *_example(rule.example)) if rule.example is not None else ()
    return "\n\n".join((*parts, *shown, "[All rules](../rules.md)")) + "\n"


def _may_be_waived(rule: Rule) -> str:
    return "· may be [waived](../proof.md#waivers)" if rule.waivable else "· cannot be waived"


def _example(example: Example) -> Iterable[str]:
    yield f"In `{example.path}`, this breaks the rule:"
    yield _excerpt(example.wrong, "nothing stands here")
    yield "And this keeps it:"
    yield _excerpt(example.right, "nothing of the kind stands here")


def _excerpt(text: str, nothing: str) -> str:
    lines = textwrap.dedent(text).rstrip().splitlines() or [f"# {nothing}"]
    shown = [line if len(line) <= _LINE_CHARACTERS_MAX else f"{line[: _LINE_CHARACTERS_MAX - 1]}…" for line in lines[:_EXCERPT_LINES_MAX]]
    return "\n".join(("```yaml", *shown, "```"))


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _wrapped(text: str) -> str:
    return "\n".join(textwrap.wrap(text, 120))
