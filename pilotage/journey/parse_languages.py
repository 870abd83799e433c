"""Languages: which ones every content must have, and which one stands in for another that a content lacks."""

from collections.abc import Iterator, Sequence

from pilotage.journey.document import Document, Scalar
from pilotage.journey.findings import Report
from pilotage.journey.languages import chain
from pilotage.journey.names import ContentDraft, Languages, Names

LOCALE_ATTRIBUTE = "locale"
"""The attribute that holds a customer's language where no policy names another."""


def parse_languages(policies: Sequence[Document], report: Report) -> Languages:
    """What the policies say about languages, all of them together; a language that falls back to itself is reported."""
    required = {item.text for document in policies for item in document.root.list("languages") if isinstance(item, Scalar)}
    fallback: dict[str, str] = {}
    for document in policies:
        written = document.root.map("fallback")
        for key, value in written.fields if written else ():
            if not isinstance(value, Scalar):
                continue
            message, cure = "", "let the chain end in another language"
            if fallback.setdefault(key.text, value.text) != value.text:
                message, cure = f"{key.text!r} falls back to {fallback[key.text]!r} in another policy", "keep one"
            elif key.text in chain(value.text, fallback):
                message = f"{key.text!r} falls back to itself"
                del fallback[key.text]
            if message:
                report.add("P004", document.path, key.place, message, cure)
    attribute = next((text for document in policies if (text := document.root.text("locale_attribute"))), LOCALE_ATTRIBUTE)
    return Languages(attribute, tuple(sorted(required)), fallback)


def check_languages(draft: ContentDraft, names: Names, report: Report) -> None:
    """Report what a content says in some languages only: languages that the policy requires, parts that cannot be filled in, and a
    profile that does not know which language a customer reads."""
    root, languages = draft.document.root, names.languages
    if draft.locales and languages.attribute not in names.attributes:
        cure = "add it to the profile, or name another as 'locale_attribute' in a policy"
        message = f"the customer's language is read from the unknown attribute {languages.attribute!r}"
        report.add("C015", draft.document.path, root.key("locales").place, message, cure)
    if draft.locales and not root.text("locale"):
        cure = "add 'locale', such as locale: en"
        report.add("C012", draft.document.path, root.key("locales").place, "the language of the content's own parts is not said", cure)
    for missing in _gaps(draft, root.text("locale"), languages):
        node = root.key("locales") if draft.locales else root.key("name")
        has = ", ".join(sorted({*draft.locales, *filter(None, [root.text("locale")])})) or "none that it names"
        message = f"the content {draft.name!r} says nothing in {missing!r}; its languages are: {has}"
        cure = f"add 'locales: {{{missing}: …}}', or 'fallback: {{{missing}: …}}' to a policy"
        report.add("C012", draft.document.path, node.place, message, cure)


def _gaps(draft: ContentDraft, own: str, languages: Languages) -> Iterator[str]:
    for locale in languages.required:
        if not {own, *draft.locales} & set(chain(locale, languages.fallback)):
            yield locale
