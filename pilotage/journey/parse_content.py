"""Contents: their templates, and what these read.

A content stands alone in its file but is typed where it is sent: `trigger.total` is a field of the event that started the
journey at hand. So a content is read twice: once for itself, and once for each journey that sends it.
"""

from collections.abc import Callable, Iterable

import msgspec
from msgspec import UNSET

from pilotage.journey.document import Document, Fields, Scalar, text_place
from pilotage.journey.findings import Report, suggestion
from pilotage.journey.forms import CONTENT
from pilotage.journey.names import ContentDraft, Desk, Names, Surroundings
from pilotage.journey.plan import Content
from pilotage.journey.scene import Scene
from pilotage.predicate.ir import Attribute, Expr, Field, Literal, Type, Variable

_HEAD = frozenset(key.name for key in CONTENT.keys)


def parse_content(document: Document, surroundings: Surroundings, report: Report) -> ContentDraft | None:
    """The draft of a content document; None where it has no name."""
    name, channel = document.root.scalar("name"), document.root.scalar("channel")
    if name is None:
        return None
    templates = _parts(document.root)
    written = document.root.map("locales")
    locales = {key.text: _parts(value) for key, value in (written.fields if written else ()) if isinstance(value, Fields)}
    if channel is not None:
        _check_parts(document, channel, surroundings, report)
    reads: dict[str, tuple[Scalar, int]] = {}
    for part, template in ((part, template) for parts in (templates, *locales.values()) for part, template in parts.items()):
        for variable, offset in _variables(document, part, template, surroundings, report).items():
            reads.setdefault(variable, (template, offset))
    claims, excludes = (tuple(each for each in document.root.list(key) if isinstance(each, Scalar)) for key in ("claims", "excludes"))
    channel_name, brand = channel.text if channel else "", document.root.text("brand")
    return ContentDraft(document, name.text, channel_name, templates, reads, locales, brand, claims, excludes)


def check_claims(drafts: Iterable[ContentDraft], report: Report) -> None:
    """Report claims that are excluded and that no other content makes."""
    drafts = tuple(drafts)
    for draft in drafts:
        made = {claim.text for each in drafts if each is not draft for claim in each.claims}
        for excluded in draft.excludes:
            if excluded.text not in made:
                message = f"no other content claims {excluded.text!r}"
                report.add("C016", draft.document.path, excluded.place, message, suggestion(excluded.text, made, "claims"))


def _parts(fields: Fields) -> dict[str, Scalar]:
    """The templates among the fields of a content or of one of its languages."""
    return {
        key.text: value
        for key, value in fields.fields
        if key.text not in _HEAD and isinstance(value, Scalar) and isinstance(value.value, str)
    }


def _check_parts(document: Document, channel: Scalar, surroundings: Surroundings, report: Report) -> None:
    parts = surroundings.channels.get(channel.text)
    if parts is None:
        cure = suggestion(channel.text, surroundings.channels, "channels")
        report.add("J016", document.path, channel.place, f"unknown channel {channel.text!r}", cure)
        return
    written = [key for key, _ in document.root.fields if key.text not in _HEAD]
    others = document.root.map("locales")
    locales = [value for _, value in (others.fields if others else ()) if isinstance(value, Fields)]
    for key in (*written, *(key for fields in locales for key, _ in fields.fields)):
        if key.text not in parts.allowed:
            cure = suggestion(key.text, parts.allowed, "parts")
            report.add("C001", document.path, key.place, f"channel {channel.text!r} has no part '{key.text}'", cure)
    for missing in sorted(parts.required - {key.text for key in written}):
        message = f"channel {channel.text!r} needs the part '{missing}'"
        report.add("C002", document.path, channel.place, message, f"add '{missing}'")


def _variables(document: Document, part: str, template: Scalar, surroundings: Surroundings, report: Report) -> dict[str, int]:
    """The dotted names a template reads, each with the offset of its first mention."""
    try:
        names = surroundings.variables_of(template.text)
    except ValueError as error:
        place = text_place(document, template, getattr(error, "line", 1), getattr(error, "column", 1))
        report.add("C004", document.path, place, f"the template '{part}' is not well-formed: {error}", "correct the Liquid template")
        return {}
    return {name: max(template.text.find(name), 0) for name in sorted(names)}


def finished_content(draft: ContentDraft, variables: dict[str, Expr], names: Names) -> Content:
    """The content of a plan: templates and resolved variables, in the order of their names."""
    templates = {part: scalar.text for part, scalar in sorted(draft.templates.items())}
    content = Content(draft.name, draft.channel, templates, tuple(sorted(variables.items(), key=lambda pair: pair[0])))
    brand = names.brands.get(draft.brand)
    if brand is not None and brand.sender:
        content = msgspec.structs.replace(content, sender=brand.sender)
    rights = {name: until_us for name in _shown(variables) if (until_us := names.assets[name].until_us) is not None}
    if rights:
        content = msgspec.structs.replace(content, rights=tuple(sorted(rights.items())))
    for key, written in (("claims", draft.claims), ("excludes", draft.excludes)):
        if written:
            content = msgspec.structs.replace(content, **{key: tuple(sorted({each.text for each in written}))})
    if not draft.locales:
        return content
    own = draft.document.root.text("locale")
    locales = {own: templates, **{name: {part: each.text for part, each in sorted(parts.items())} for name, parts in draft.locales.items()}}
    return msgspec.structs.replace(
        content,
        locale=f"customer.{names.languages.attribute}",
        locales=tuple(sorted(locales.items())),
        fallback=tuple(sorted(names.languages.fallback.items())) or UNSET,
    )


def _shown(variables: Iterable[str]) -> set[str]:
    """The assets whose fields a content reads."""
    return {name.split(".")[1] for name in variables if name.startswith("asset.")}


CONTENT_VARIABLES = ("unsubscribe_url", "message_id")
"""What a template may read that is known only when a message is rendered."""


def read_content(scene: Scene, content: str) -> None:
    """Resolve what a content's templates read in this journey; faults are reported in the content's own file."""
    draft = scene.desk.names.contents[content]
    found = scene.reads.setdefault(content, {})
    at_content = Desk(draft.document, scene.desk.names, scene.desk.report)
    if draft.locales and (language := _content_variable(scene, draft, f"customer.{scene.desk.names.languages.attribute}")) is not None:
        found[f"customer.{scene.desk.names.languages.attribute}"] = language
    for name in sorted(draft.reads):
        if name in CONTENT_VARIABLES or (scene.blind and name.startswith("trigger.")):
            continue
        scalar, offset = draft.reads[name]
        value = _content_variable(scene, draft, name)
        if value is None:
            place = at_content.place_in(scalar, offset)
            scene.desk.report.add("C003", draft.document.path, place, *_unknown_variable(scene, draft, name))
        elif found.setdefault(name, value) != value:
            place = at_content.place_in(scalar, offset)
            message = f"'{name}' is of type {found[name].type} in one journey and of type {value.type} in '{scene.journey}'"
            scene.desk.report.add("C005", draft.document.path, place, message, "write a content for each journey")


def _readable_names(scene: Scene) -> dict[str, Type]:
    names = scene.desk.names
    return {
        **{f"customer.{name}": kind for name, kind in (names.attributes if names.roles is None else names.members).items()},
        **({} if names.roles is None else {f"account.{name}": kind for name, kind in names.attributes.items()}),
        **{f"trigger.{path}": kind for path, kind in scene.desk.names.events.get(scene.entry, {}).items()},
        "trigger.type": Type.STRING,
        **{f"journey.{name}": kind for name, kind in scene.variables.items()},
    }


def _fixed_values(scene: Scene, draft: ContentDraft) -> dict[str, str]:
    """What templates read that is the same for everybody: of the content's brand, and of assets."""
    names = scene.desk.names
    brand = names.brands.get(draft.brand)
    own = {f"brand.{key}": value for key, value in (brand.values if brand else {}).items()}
    return {**own, **{f"asset.{name}.{key}": value for name, asset in names.assets.items() for key, value in asset.values.items()}}


def _content_variable(scene: Scene, draft: ContentDraft, name: str) -> Expr | None:
    fixed = _fixed_values(scene, draft) if name.startswith(("brand.", "asset.")) else {}
    if name in fixed:
        return Literal(Type.STRING, fixed[name])
    kind = _readable_names(scene).get(name)
    root, _, path = name.partition(".")
    return _VARIABLE_NODES[root](kind, path) if kind is not None else None


def _unknown_variable(scene: Scene, draft: ContentDraft, name: str) -> tuple[str, str]:
    known = (*_readable_names(scene), *_fixed_values(scene, draft), *CONTENT_VARIABLES)
    root = name.partition(".")[0]
    same_root = tuple(each for each in known if each.startswith(f"{root}."))
    sources = {
        "customer": "the profile has no such attribute",
        "trigger": f"the contract of {scene.entry!r} has no such field",
        "journey": "the journey has no such variable",
        "brand": f"the brand {draft.brand!r} says no such thing" if draft.brand else "the content names no brand",
        "asset": "there is no such asset",
        "account": "it does not run on accounts" if scene.desk.names.roles is None else "accounts have no such attribute",
    }
    why = sources.get(root, "templates read customer.…, trigger.…, journey.…, brand.… and asset.…")
    return f"the template reads '{name}' in journey '{scene.journey}', but {why}", suggestion(name, same_root or known, "variables")


_VARIABLE_NODES: dict[str, Callable[[Type, str], Expr]] = {
    "customer": lambda kind, path: Attribute(kind, path),
    "trigger": lambda kind, path: Field(kind, "trigger", path),
    "journey": lambda kind, path: Variable(kind, path),
    "account": lambda kind, path: Variable(kind, f"account.{path}"),
}
