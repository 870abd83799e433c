"""From documents to the plan: every document is read, every name resolved, every condition typed, every fault reported.

The plan depends on what documents say and on nothing else: not on the order of files, nor of keys, nor on prose and
owners. It is made only if no finding is an error.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from pilotage.audience.model import Audience
from pilotage.contract.builtin import HANDED_ONLY, MEMBER_JOINED, MEMBER_LEFT
from pilotage.contract.model import Contract
from pilotage.journey.document import Document
from pilotage.journey.findings import Finding, Report, suggestion
from pilotage.journey.forms import FORMS
from pilotage.journey.names import ContentDraft, Desk, Names, Surroundings, event_fields
from pilotage.journey.parse_audience import parse_audiences
from pilotage.journey.parse_brand import check_brands, parse_asset, parse_brand
from pilotage.journey.parse_calendar import COUNTRY_ATTRIBUTE, REGION_ATTRIBUTE, Homes, parse_calendars, regions_beside
from pilotage.journey.parse_content import check_claims, finished_content, parse_content
from pilotage.journey.parse_entrance import entered_on
from pilotage.journey.parse_fragment import parse_fragment
from pilotage.journey.parse_journey import parse_journey
from pilotage.journey.parse_languages import check_languages, parse_languages
from pilotage.journey.parse_policy import ZONE_ATTRIBUTE, parse_policy, with_brands, with_calendars
from pilotage.journey.parse_profile import parse_accounts, parse_profile
from pilotage.journey.plan import KERNEL, Accounts, AttributeSpec, Content, Journey, Plan
from pilotage.journey.shape import check
from pilotage.journey.subjects import ACCOUNT, MEMBERSHIP, PERSONAL
from pilotage.predicate.ir import Expr, Predicate, Type
from pilotage.profile.features import derive

DOCUMENT_KINDS = (
    "asset",
    "audience",
    "brand",
    "calendar",
    "catalogue",
    "content",
    "coupons",
    "fragment",
    "journey",
    "model",
    "playbook",
    "policy",
    "profile",
    "seeds",
)
"""The kinds of documents a plan is made of."""

NEVER_ON_ACCOUNTS = frozenset((*MEMBERSHIP, *HANDED_ONLY, *PERSONAL)) - {MEMBER_JOINED, MEMBER_LEFT}
"""The event types that no account is ever told of."""


def compile_plan(documents: Iterable[Document], surroundings: Surroundings) -> tuple[Plan | None, tuple[Finding, ...]]:
    """The plan that the documents make among their surroundings, and all findings in order; no plan if one is an error."""
    report = Report()
    sorts = _sorted_out(sorted(documents, key=lambda document: document.path), report)
    contracts = _contracts(surroundings, report)
    events = event_fields(contracts)
    attributes = _profile(sorts["profile"], events, report)
    accounts = parse_accounts(sorts["profile"][0], events, report) if sorts["profile"] else None
    drafts = _contents(sorts["content"], surroundings, report)
    names = Names(
        contracts={contract.event: contract for contract in contracts},
        events=events,
        attributes={attribute.name: attribute.type for attribute in attributes},
        purposes={name: () for document in sorts["policy"] for name in _purposes(document)},
        contents=drafts,
        entrances={document.name: event for document in sorts["journey"] if (event := entered_on(document)) in events},
        catalogues={document.name: document for document in sorts["catalogue"]},
        fragments=tuple(each for document in sorts["fragment"] if (each := parse_fragment(document, report)) is not None),
        journeys={document.name: document.root.text("stage") for document in sorts["journey"]},
        channels=surroundings.channels,
        endpoints=surroundings.endpoints,
        zones=surroundings.zones,
        audiences=tuple(sorted({document.name for document in sorts["audience"] if document.name})),
        zone=_written(sorts["policy"], "zone") or surroundings.zone,
        zone_attribute=_written(sorts["policy"], "zone_attribute") or ZONE_ATTRIBUTE,
        examine=surroundings.examine,
        brands={document.name: parse_brand(document) for document in sorts["brand"]},
        assets={document.name: parse_asset(document, report) for document in sorts["asset"]},
        pools=tuple(sorted(document.name for document in sorts["coupons"])),
        languages=parse_languages(sorts["policy"], report),
    )
    policy_desks = [Desk(document, names, report) for document in sorts["policy"]]
    brand_desks = [Desk(document, names, report) for document in sorts["brand"]]
    check_brands(brand_desks)
    policy = with_brands(parse_policy(policy_desks, surroundings.zone), policy_desks, brand_desks)
    homes = Homes(
        _written(sorts["policy"], "country_attribute") or COUNTRY_ATTRIBUTE,
        _written(sorts["policy"], "region_attribute") or REGION_ATTRIBUTE,
    )
    calendars = parse_calendars([Desk(document, names, report) for document in sorts["calendar"]], surroundings.almanac, homes)
    policy = with_calendars(policy, calendars, policy_desks, homes, regions_beside(calendars, surroundings.almanac))
    of_persons, of_accounts = _by_subject(sorts, accounts, names, report)
    journey_desks = _desks(sorts["journey"], of_persons, of_accounts, report)
    journeys, contents = _journeys(journey_desks, names, report)
    audience_desks = _desks(sorts["audience"], of_persons, of_accounts, report)
    audiences = parse_audiences([desk for desk in audience_desks if desk.names is of_persons])
    on_accounts = parse_audiences([desk for desk in audience_desks if desk.names is not of_persons])
    if report.failed:
        return None, report.findings
    used = _used((*policy_desks, *(desk for desk in journey_desks if desk.names is of_persons)), audiences)
    if accounts is not None:
        features = derive(_used([desk for desk in journey_desks if desk.names is not of_persons], on_accounts))
        accounts = msgspec.structs.replace(accounts, audiences=on_accounts, features=features)
    plan = Plan(
        kernel=KERNEL,
        contracts=contracts,
        attributes=attributes,
        policy=policy,
        contents=contents,
        journeys=journeys,
        features=derive(used),
        zones=surroundings.zones_digest,
        audiences=audiences,
        accounts=accounts,
    )
    return plan, report.findings


def _used(desks: Iterable[Desk], audiences: Iterable[Audience]) -> list[Predicate]:
    """Every condition and value that some documents read."""
    return [*(predicate for desk in desks for predicate in desk.used), *(audience.when for audience in audiences)]


def _by_subject(sorts: dict[str, list[Document]], accounts: Accounts | None, names: Names, report: Report) -> tuple[Names, Names]:
    """The names that documents about persons have, and those that documents about accounts have."""
    about = {kind: {each.name: _about_accounts(each) for each in sorts[kind]} for kind in ("journey", "audience")}
    if accounts is None:
        for document in (*sorts["journey"], *sorts["audience"]):
            if _about_accounts(document):
                message, cure = "there are no accounts", "declare 'accounts:' with their roles and attributes in profile.yaml"
                report.add("J037", document.path, document.root.key("subject").place, message, cure)

    def named(wanted: bool, events: frozenset[str], attributes: dict[str, Type]) -> Names:
        return msgspec.structs.replace(
            names,
            attributes=attributes,
            events={event: fields for event, fields in names.events.items() if event not in events},
            journeys={name: stage for name, stage in names.journeys.items() if about["journey"][name] is wanted},
            entrances={name: event for name, event in names.entrances.items() if about["journey"][name] is wanted},
            audiences=tuple(name for name in names.audiences if about["audience"][name] is wanted),
            roles=(accounts.roles if accounts is not None else ()) if wanted else None,
            members=names.attributes if wanted else {},
        )

    if accounts is None:
        return names, named(True, frozenset(), {})
    own = {attribute.name: attribute.type for attribute in accounts.attributes}
    return named(False, HANDED_ONLY, names.attributes), named(True, NEVER_ON_ACCOUNTS, own)


def _about_accounts(document: Document) -> bool:
    return document.root.text("subject") == ACCOUNT


def _desks(documents: Iterable[Document], of_persons: Names, of_accounts: Names, report: Report) -> list[Desk]:
    return [Desk(document, of_accounts if _about_accounts(document) else of_persons, report) for document in documents]


def _sorted_out(documents: Sequence[Document], report: Report) -> dict[str, list[Document]]:
    """The documents by kind, each checked against its form; of two with the same name (and, of fragments, version)
    the second is left out."""
    sorts: dict[str, list[Document]] = {kind: [] for kind in DOCUMENT_KINDS}
    seen: dict[tuple[str, str, str], str] = {}
    for document in documents:
        kind = document.kind
        if kind not in sorts:
            _unknown_kind(document, report)
            continue
        check(document.root, FORMS[kind], f"the {kind}", document, report)
        version = document.root.text("version") if kind == "fragment" else ""
        before = seen.setdefault((kind, document.name, version), document.path)
        if before == document.path:
            sorts[kind].append(document)
        elif kind == "profile":
            place = document.root.key("kind").place
            report.add("A001", document.path, place, f"the profile is declared in {before} already", "keep one profile")
        else:
            message = f"the {kind} {document.name!r} is declared in {before} already"
            report.add("D014", document.path, document.root.key("name").place, message, "rename or remove one")
    return sorts


def _unknown_kind(document: Document, report: Report) -> None:
    cure = f"kinds are: {', '.join(DOCUMENT_KINDS)}"
    if document.root.get("kind") is None:
        report.add("D010", document.path, document.root.place, "the document has no 'kind'", cure)
    else:
        report.add("D013", document.path, document.root.key("kind").place, f"unknown kind {document.kind!r}", cure)


def _contracts(surroundings: Surroundings, report: Report) -> tuple[Contract, ...]:
    """The contracts in the order of their event types; the first of two for one type counts."""
    contracts: dict[str, Contract] = {}
    for contract in surroundings.contracts:
        if contract.event in contracts:
            report.add("K002", "contracts", (0, 0), f"the event type {contract.event!r} is declared twice", "keep one declaration")
        contracts.setdefault(contract.event, contract)
    return tuple(contracts[event] for event in sorted(contracts))


def _profile(documents: Sequence[Document], events: dict[str, dict[str, Type]], report: Report) -> tuple[AttributeSpec, ...]:
    return parse_profile(documents[0], events, report) if documents else ()


def _purposes(document: Document) -> tuple[str, ...]:
    """The purposes a policy names, whether or not the rest of them is right: a purpose with a fault is not unknown."""
    written = document.root.map("purposes")
    return written.names() if written else ()


def _written(documents: Sequence[Document], key: str) -> str:
    """What the first policy that has a setting says; whether it is right is judged where policies are read."""
    return next((text for document in documents if (text := document.root.text(key))), "")


def _contents(documents: Sequence[Document], surroundings: Surroundings, report: Report) -> dict[str, ContentDraft]:
    drafts = (parse_content(document, surroundings, report) for document in documents)
    return {draft.name: draft for draft in drafts if draft is not None}


def _journeys(desks: Sequence[Desk], names: Names, report: Report) -> tuple[tuple[Journey, ...], tuple[Content, ...]]:
    """The journeys by name, and the contents they send; a content that none sends is reported and left out."""
    drafts, reads = names.contents, defaultdict[str, dict[str, Expr]](dict)
    journeys = [journey for desk in desks if (journey := parse_journey(desk, reads)) is not None]
    for draft in drafts.values():
        check_languages(draft, names, report)
        if draft.brand and draft.brand not in names.brands:
            place = draft.document.root.key("brand").place
            cure = suggestion(draft.brand, names.brands, "brands")
            report.add("C014", draft.document.path, place, f"unknown brand {draft.brand!r}", cure)
    check_claims(drafts.values(), report)
    for name in sorted(set(drafts) - set(reads)):
        document = drafts[name].document
        message = f"no journey uses the content {name!r}"
        report.add("C006", document.path, document.root.key("name").place, message, "use it in a send step, or remove it")
    contents = tuple(finished_content(drafts[name], reads[name], names) for name in sorted(reads))
    return tuple(sorted(journeys, key=lambda journey: journey.name)), contents
