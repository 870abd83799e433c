"""Proofs: how contents look in each of their languages, for those who answer for them before customers see them.

A proof is rendered as a message is, from the plan, with values that stand for a customer's. It is marked in every part, goes to nobody
but the addresses of a seed list, and never comes near the kernel: no customer has it in a budget or a history.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

import msgspec

from pilotage.app.exits import NO_INPUT, Trouble
from pilotage.channel.channel import Message
from pilotage.channel.render import render
from pilotage.event.digest import key128
from pilotage.journey.document import Document, Fields, Scalar
from pilotage.journey.findings import suggestion
from pilotage.journey.plan import Content, Plan, Send
from pilotage.predicate.ir import Expr, Literal, Type

HEADER = "X-Pilotage-Proof"
UNSUBSCRIBE = "https://proof.invalid/unsubscribe"
"""Where the link to unsubscribe leads in a proof: nowhere."""

_BODY = re.compile(r"<body\b[^>]*>", re.IGNORECASE)
_SAMPLES: dict[Type, Any] = {
    Type.BOOLEAN: True,
    Type.INTEGER: 3,
    Type.NUMBER: "12.5",
    Type.DATE: "2026-03-02",
    Type.TIMESTAMP: "2026-03-02T10:00:00Z",
    Type.INTERVAL: "1d",
    Type.LIST: [],
    Type.MAP: {},
}


class Proof(msgspec.Struct, frozen=True):
    """A content as rendered in one language (empty: it has but one), its digest, and the steps that send it, as `journey / step`: where
    customers are split, each arm's content is a proof of its own."""

    content: str
    digest: str
    channel: str
    locale: str
    sender: str
    sent_by: tuple[str, ...]
    parts: dict[str, str]


class Seed(msgspec.Struct, frozen=True):
    """Somebody who gets proofs: an address, and the languages it wants them in (empty: all)."""

    address: str
    locales: tuple[str, ...]


def proofs_of(plan: Plan, name: str, given: Mapping[str, str], locale: str = "") -> tuple[Proof, ...]:
    """The proofs of a content, or of all contents that a journey sends, in all languages or one; `given` are values for what the
    templates read, by dotted name. `Trouble` where there is no such content, journey, language or value."""
    steps = {content: tuple(where) for content, where in _sent_by(plan)}
    journey = {step.content for each in plan.journeys if each.name == name for step in each.steps if isinstance(step, Send)}
    wanted = [each for each in plan.contents if each.name == name or each.name in journey]
    if not wanted:
        known = [*steps, *(each.name for each in plan.journeys)]
        raise Trouble(f"no content or journey is called {name!r}", NO_INPUT, suggestion(name, known, "contents and journeys"))
    stray = set(given) - {variable for each in wanted for variable, _ in each.variables}
    if stray:
        known = sorted({variable for each in wanted for variable, _ in each.variables})
        raise Trouble(f"nothing reads {min(stray)!r}", NO_INPUT, suggestion(min(stray), known, "variables"))
    found = tuple(
        _proof(each, language, steps.get(each.name, ()), given)
        for each in wanted
        for language in _languages(each)
        if locale in ("", language)
    )
    if not found:
        known = sorted({language for each in wanted for language in _languages(each)})
        raise Trouble(
            f"{name} says nothing in {locale!r}", NO_INPUT, f"its languages are: {', '.join(filter(None, known)) or 'none that it names'}"
        )
    return found


def _sent_by(plan: Plan) -> Iterator[tuple[str, list[str]]]:
    for content in plan.contents:
        yield (
            content.name,
            [
                f"{journey.name} / {step.id}"
                for journey in plan.journeys
                for step in journey.steps
                if isinstance(step, Send) and step.content == content.name
            ],
        )


def _languages(content: Content) -> tuple[str, ...]:
    return tuple(locale for locale, _ in content.locales or ()) or ("",)


def _proof(content: Content, locale: str, sent_by: tuple[str, ...], given: Mapping[str, str]) -> Proof:
    variables = {name: given.get(name, _sample(name, expr)) for name, expr in content.variables}
    if content.locale and locale:
        variables[content.locale] = locale
    parts = render(content, {**variables, "unsubscribe_url": UNSUBSCRIBE, "message_id": "proof"})
    what = f"{content.name}{f' in {locale}' if locale else ''}"
    marked = {name: _marked(name, text, what, locale) for name, text in parts.items()}
    return Proof(content.name, content.digest, content.channel, locale, content.sender or "", sent_by, marked)


def _sample(name: str, expr: Expr) -> Any:
    """What stands for a customer's value: of a text its name in brackets."""
    if isinstance(expr, Literal):
        return expr.value
    return _SAMPLES.get(expr.type, f"[{name.rpartition('.')[2]}]")


def _marked(part: str, text: str, what: str, locale: str) -> str:
    """A part with the mark that it is a proof."""
    note = f"Proof of {what}. Nobody but its reviewers gets this."
    if part in ("subject", "title"):
        return f"[PROOF{f' {locale}' if locale else ''}] {text}"
    if part == "html":
        banner = f'<div role="note" style="padding:8px;background-color:#fff3c4;color:#1f2a27;font-family:sans-serif">{escape(note)}</div>'
        body = _BODY.search(text)
        return text[: body.end()] + banner + text[body.end() :] if body else banner + text
    return f"{note}\n\n{text}" if part in ("text", "body") and not text.startswith("{") else text


def seeds_named(documents: Sequence[Document], name: str) -> tuple[Seed, ...]:
    """The seeds of a list; `Trouble` if no document declares it."""
    lists = {document.name: document for document in documents if document.kind == "seeds"}
    if name not in lists:
        raise Trouble(f"no seed list is called {name!r}", NO_INPUT, suggestion(name, lists, "seed lists"))
    items = [item for item in lists[name].root.list("recipients") if isinstance(item, Fields)]
    return tuple(Seed(item.text("address"), _texts(item, "locales")) for item in items)


def _texts(fields: Fields, key: str) -> tuple[str, ...]:
    return tuple(item.text for item in fields.list(key) if isinstance(item, Scalar))


def messages_to(seed: Seed, proofs: Sequence[Proof], now_us: int) -> Iterator[tuple[Proof, Message]]:
    """The proofs that a seed wants, as messages."""
    for proof in proofs:
        if seed.locales and proof.locale and proof.locale not in seed.locales:
            continue
        yield (
            proof,
            Message(
                idempotency_key=key128("proof", proof.digest, proof.locale, seed.address, str(now_us)).hex(),
                recipient=seed.address,
                parts=proof.parts,
                headers={HEADER: f"{proof.content}@{proof.digest[:16]}"},
                attempt=1,
                subject="",
                journey="",
                step="",
                purpose="",
                sender=proof.sender,
            ),
        )
