"""The profile: which attributes a subject has, and which fields of which events set them."""

from pilotage.journey.document import Document, Fields, Scalar
from pilotage.journey.findings import Report, suggestion
from pilotage.journey.names import ATTRIBUTE_TYPES
from pilotage.journey.plan import Accounts, AttributeSpec
from pilotage.predicate.ir import Type


def parse_profile(document: Document, events: dict[str, dict[str, Type]], report: Report) -> tuple[AttributeSpec, ...]:
    """The attributes of a profile document, by name; sources are checked against the events' contracts. An attribute whose
    type is not one (which the form's check has reported) counts as text, so that conditions still know it."""
    return _attributes(document, document.root.map("attributes"), events, report)


def parse_accounts(document: Document, events: dict[str, dict[str, Type]], report: Report) -> Accounts | None:
    """What a profile document says of accounts, with no audiences and features yet; None where there are none."""
    written = document.root.map("accounts")
    if written is None:
        return None
    return Accounts(roles_of(document), _attributes(document, written.map("attributes"), events, report))


def roles_of(document: Document) -> tuple[str, ...]:
    """The roles that a profile document declares, in order."""
    written = document.root.map("accounts")
    return tuple(sorted({item.text for item in written.list("roles") if isinstance(item, Scalar)})) if written else ()


def _attributes(
    document: Document, written: Fields | None, events: dict[str, dict[str, Type]], report: Report
) -> tuple[AttributeSpec, ...]:
    attributes = []
    for key, value in written.fields if written else ():
        if isinstance(value, Fields):
            kind = ATTRIBUTE_TYPES.get(value.text("type"), Type.STRING)
            written_sources = value.list("from") if value.text("type") in ATTRIBUTE_TYPES else ()
            sources = [_source(document, item, kind, events, report) for item in written_sources if isinstance(item, Scalar)]
            known = tuple(sorted({source for source in sources if source is not None}))
            attributes.append(AttributeSpec(key.text, kind, known, value.text("classification")))
    return tuple(sorted(attributes, key=lambda attribute: attribute.name))


def _source(document: Document, item: Scalar, kind: Type, events: dict[str, dict[str, Type]], report: Report) -> tuple[str, str] | None:
    """The event type and field path of a source such as `customer.signed_up.email`: the longest event type wins."""
    pieces = item.text.split(".")
    for cut in range(len(pieces) - 1, 0, -1):
        event, path = ".".join(pieces[:cut]), ".".join(pieces[cut:])
        if event not in events:
            continue
        found = events[event].get(path)
        if found is None:
            message = f"the contract of {event!r} has no field '{path}'"
            report.add("A002", document.path, item.place, message, suggestion(path, events[event], "fields"))
            return None
        if found is not kind and (kind, found) != (Type.NUMBER, Type.INTEGER):
            message = f"'{item.text}' is of type {found}, the attribute of type {kind}"
            report.add("A003", document.path, item.place, message, f"declare the attribute as {found}, or take another field")
            return None
        return event, path
    cure = suggestion(item.text.rpartition(".")[0], events, "event types") + "; write event type, dot, field"
    report.add("A002", document.path, item.place, f"'{item.text}' begins with no known event type", cure)
    return None
