"""Brands and assets: what contents are made with, and the budgets of brands.

A brand owns purposes, so consent, suppression and budgets of a brand are those of its purposes; the kernel knows no brands.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from pilotage.consent.policy import Budget
from pilotage.event.time import DAY_US, HOUR_US, instant_us, moment
from pilotage.journey.document import Document, Fields, Scalar
from pilotage.journey.findings import Report
from pilotage.journey.names import Asset, Brand, Desk
from pilotage.journey.scalars import count_or, day_or_instant, duration_or

SOON_DAYS = 30
"""How many days before an asset's rights end they are reported."""
FIRST_ZONE_US = 14 * HOUR_US
"""How far the earliest zone is ahead of UTC: a last day ends where it ends first."""


def parse_brand(document: Document) -> Brand:
    """What templates read of a brand, and which purposes are its own."""
    root = document.root
    own = {key: root.text(key) for key in ("name", "sender", "footer") if root.get(key) is not None}
    values = root.map("values")
    given = {key.text: value.text for key, value in (values.fields if values else ()) if isinstance(value, Scalar)}
    return Brand(document, frozenset(_texts(root, "purposes")), root.text("sender"), {**given, **own})


def check_brands(desks: Sequence[Desk]) -> None:
    """Report purposes that nobody declares or that two brands call their own."""
    owner: dict[str, str] = {}
    for desk in desks:
        for item in _scalars(desk.document.root, "purposes"):
            if not desk.known("J005", item, desk.names.purposes, "purpose", "purposes"):
                continue
            if owner.setdefault(item.text, desk.document.name) != desk.document.name:
                message = f"the purpose {item.text!r} belongs to the brand {owner[item.text]!r} already"
                desk.wrong("P008", item, message, "give each brand purposes of its own")


def budgets_of(desks: Sequence[Desk]) -> Iterator[tuple[Desk, Scalar, Budget]]:
    """The budgets of brands, each over the brand's own purposes, with the place of its name."""
    for desk in desks:
        for item in desk.document.root.list("budgets"):
            name = item.scalar("name") if isinstance(item, Fields) else None
            if not isinstance(item, Fields) or name is None:
                continue
            channels = (desk.known("J016", each, desk.names.channels, "channel", "channels") for each in _scalars(item, "channels"))
            yield (
                desk,
                name,
                Budget(
                    name=name.text,
                    limit=count_or(item.scalar("limit"), 1),
                    window_us=duration_or(item.scalar("window"), 1),
                    channels=tuple(sorted({each for each in channels if each})),
                    classes=tuple(sorted(set(_texts(item, "classes")))),
                    purposes=tuple(sorted(_texts(desk.document.root, "purposes"))),
                ),
            )


def parse_asset(document: Document, report: Report) -> Asset:
    """What templates read of an asset, and the instant from which it may not be shown (None: never)."""
    root = document.root
    rights = root.map("rights")
    written = rights.scalar("until") if rights else None
    return Asset(document, {"url": root.text("url"), "alt": root.text("alt")}, _end_us(document, written, report) if written else None)


def _end_us(document: Document, written: Scalar, report: Report) -> int | None:
    until = day_or_instant(written)
    if isinstance(until, datetime):
        if until.tzinfo is None:
            message, cure = "rights end at an instant, and this time has no offset", "write it as in 2026-12-31T23:59+01:00"
            report.add("C009", document.path, written.place, message, cure)
        return instant_us(until)
    return instant_us(datetime.combine(until + timedelta(days=1), datetime.min.time())) - FIRST_ZONE_US if until else None


def report_rights(documents: Iterable[Document], now_us: int, report: Report) -> None:
    """Report assets whose rights have ended, or do soon, with the contents that show them."""
    documents = tuple(documents)
    for document in documents:
        if document.kind != "asset":
            continue
        end_us = parse_asset(document, Report()).until_us
        rights = document.root.map("rights")
        if end_us is None or rights is None or end_us - now_us > SOON_DAYS * DAY_US:
            continue
        shows = sorted(each.name for each in documents if each.kind == "content" and f"asset.{document.name}." in each.source)
        where = f"; it is shown by {', '.join(shows)}" if shows else ""
        place, day = rights.key("until").place, f"{moment(end_us):%Y-%m-%d %H:%M} UTC"
        cure = "put another in its place, or extend the rights"
        if end_us <= now_us:
            rule, message = ("C010" if shows else "C011"), f"the rights of {document.name!r} ended at {day}{where}"
        else:
            rule, message = "C011", f"the rights of {document.name!r} end at {day}{where}"
        report.add(rule, document.path, place, message, cure)


def _scalars(fields: Fields, key: str) -> list[Scalar]:
    return [item for item in fields.list(key) if isinstance(item, Scalar)]


def _texts(fields: Fields, key: str) -> list[str]:
    return [item.text for item in _scalars(fields, key)]
