"""Which of a content's languages a customer reads."""

from collections.abc import Iterable, Mapping


def chain(locale: str, fallback: Mapping[str, str]) -> tuple[str, ...]:
    """The languages that may stand in for one, the nearest first: itself, what the policy names, then what is left when its last
    part is dropped (RFC 4647, section 3.4), and of each of these the same."""
    found: list[str] = []
    ahead = [locale]
    while ahead:
        name = ahead.pop(0)
        if not name or name in found:
            continue
        found.append(name)
        ahead = [fallback.get(name, ""), name.rpartition("-")[0], *ahead]
    return tuple(found)


def templates_in(
    locale: str, own: Mapping[str, str], locales: Iterable[tuple[str, Mapping[str, str]]], fallback: Mapping[str, str]
) -> dict[str, str]:
    """The templates for a customer's language: each part from the nearest language that has it, else the content's `own`."""
    known = dict(locales)
    found = dict(own)
    for name in reversed(chain(locale, fallback)):
        found |= known.get(name, {})
    return found
