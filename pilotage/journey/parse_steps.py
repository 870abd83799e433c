"""Steps: from the fields of a step in a document to the typed step of a plan.

Each kind of step has one function, which resolves the names it mentions, types its conditions and reports what does not
fit. A step leads to the one written after it unless it says otherwise; `end` means the journey's end.
"""

from collections.abc import Callable, Iterable

from msgspec import UNSET, UnsetType

from pilotage.contract.model import FieldSpec
from pilotage.event.time import DAY_US, SECOND_US
from pilotage.journey.assignments import assign, kept, pairs
from pilotage.journey.document import Fields, Scalar
from pilotage.journey.findings import suggestion
from pilotage.journey.names import SCALAR_TYPES, ContentDraft, converted
from pilotage.journey.parse_content import read_content
from pilotage.journey.parse_decide import parse_decide
from pilotage.journey.parse_task import parse_approve, parse_task
from pilotage.journey.plan import AnyStep, Arm, Assignment, Branch, Call, Edge, Emit, Enter, Exit, Repeat, Send, Set, Split, Wait
from pilotage.journey.scalars import END, count_or, duration_or, minute_or, share_or
from pilotage.journey.scene import Scene
from pilotage.journey.step_forms import STEP
from pilotage.journey.targets import edge, led_to, target
from pilotage.predicate.ir import Expr, Literal, Type

COUPON_VARIABLE = "coupon"
"""The entry variable that holds a code where the step names none."""
SEND_EXPIRES_US = 3 * DAY_US
CALL_EXPIRES_US = DAY_US
CALL_TIMEOUT_US = 30 * SECOND_US
WAIT_FORMS = ("for", "until", "when", "at")
SYSTEM_EVENTS = (
    "message.", "call.", "task.", "pilotage.", "audience.", "list.", "journey.", "schedule.", "consent.changed", "customer.aliased",
)  # fmt: skip
"""How the types of events begin that only the system itself, or a source, may bring."""


def parse_step(scene: Scene, step: Fields, path: str, following: str) -> AnyStep | None:
    """The typed step of a path, which leads to the path that follows unless it says otherwise; None where its kind is not clear
    or an essential part is missing (which is then reported)."""
    forms = STEP.form_of(step)
    if len(forms) != 1 or not step.text("id"):
        return None
    kind = forms[0].keys[0].name
    onward = target(scene, step, "next", following)
    return _PARSERS[kind](scene, step, path, onward)


def _send(scene: Scene, step: Fields, name: str, onward: str) -> Send | None:
    desk, names = scene.desk, scene.desk.names
    if step.scalar("purpose") is None and not scene.purposed:
        desk.wrong("J020", step, f"step '{name}' has no purpose, nor has the journey", "add 'purpose' to the journey or the step")
    purpose = desk.known("J005", step.scalar("purpose"), names.purposes, "purpose", "purposes") or scene.purpose
    channel, content, recipient = parse_message(scene, step, purpose)
    blocked = edge(scene, step, name, "on_blocked")
    if not blocked:
        message = f"step '{name}' does not say what happens when a policy blocks it"
        desk.wrong("J021", step, message, "add 'on_blocked' with a step, or 'on_blocked: end'")
    return Send(
        id=name,
        next=onward,
        channel=channel,
        content=content,
        purpose=purpose,
        recipient=recipient,
        expires_us=duration_or(step.scalar("expires"), SEND_EXPIRES_US),
        on_blocked="" if blocked == END else blocked,
        on_failure=edge(scene, step, name, "on_failure"),
        priority=_priority(scene, step.scalar("priority")),
        on_lost=UNSET if step.get("on_lost") is None else target(scene, step, "on_lost", ""),
        role=_role(scene, step, name),
    )


def parse_message(scene: Scene, fields: Fields, purpose: str) -> tuple[str, str, str]:
    """The channel, the content and the attribute that holds the address, of what is sent by a step or in its place."""
    desk, names = scene.desk, scene.desk.names
    channel = desk.known("J016", fields.scalar("send"), names.channels, "channel", "channels")
    content = desk.known("J017", fields.scalar("content"), names.contents, "content", "contents")
    draft = names.contents.get(content)
    if draft is not None and channel and draft.channel != channel:
        message = f"content {content!r} is written for channel {draft.channel!r}, not {channel!r}"
        desk.wrong("J018", fields.key("content"), message, "send it on its own channel, or write a content for this one")
    if draft is not None:
        read_content(scene, content)
        _check_brand(scene, fields, draft, purpose)
    return channel, content, _recipient(scene, fields, channel)


def _check_brand(scene: Scene, fields: Fields, draft: ContentDraft, purpose: str) -> None:
    """Report a brand's content that is sent under the consent given to another."""
    brand = scene.desk.names.brands.get(draft.brand)
    if brand is not None and purpose and purpose not in brand.purposes:
        message = f"content {draft.name!r} is the brand {draft.brand!r}'s, which has no purpose {purpose!r}"
        cure = f"send it for a purpose of its own ({', '.join(sorted(brand.purposes))}), or write a content for this one"
        scene.desk.wrong("C013", fields.key("content"), message, cure)


def _role(scene: Scene, step: Fields, name: str) -> str | UnsetType:
    """The role of whom a journey on accounts sends a message to."""
    desk, written = scene.desk, step.map("to")
    roles = desk.names.roles
    if roles is None:
        if step.get("to") is not None:
            message = f"step '{name}' sends to a role, but the journey does not run on accounts"
            desk.wrong("J038", step.key("to"), message, "remove 'to', or write 'subject: account' in the journey")
        return UNSET
    if step.get("to") is None:
        cure = f"add 'to: {{role: …}}'; {suggestion('', roles, 'roles')}"
        desk.wrong("J038", step.key("send"), f"step '{name}' does not say who at the account gets the message", cure)
    role = desk.known("J039", written.scalar("role"), roles, "role", "roles") if written is not None else ""
    return role or UNSET


def _priority(scene: Scene, scalar: Scalar | None) -> Expr | UnsetType:
    desk = scene.desk
    read = desk.expression(scene.judged(scalar), scene.scope)
    if scalar is None or read is None:
        return UNSET
    value = converted(read.expr, Type.NUMBER)
    if desk.names.roles is not None and (read.attributes or read.features or read.audiences or read.journeys):
        cure = "read trigger.… and journey.… only, or write a number"
        desk.wrong("J040", scalar, "among a person's messages nothing is ranked by what its account knows", cure)
    if value is None:
        desk.wrong("E002", scalar, f"the priority is of type {read.expr.type}, not a number", "write a number, such as trigger.price * 0.1")
        return UNSET
    return value


def _recipient(scene: Scene, step: Fields, channel: str) -> str:
    desk, names = scene.desk, scene.desk.names
    attributes = names.attributes if names.roles is None else names.members
    written = step.scalar("recipient")
    parts = desk.names.channels.get(channel)
    usual = parts.recipient if parts else ""
    if written is None and usual and usual not in attributes:
        message = f"channel {channel!r} needs the attribute {usual!r}, which the profile does not declare"
        desk.wrong("J019", step.key("send"), message, f"declare {usual!r} in profile.yaml, or name another with 'recipient'")
    recipient = desk.known("J019", written, attributes, "attribute", "attributes") if written else usual
    if attributes.get(recipient, Type.STRING) is not Type.STRING:
        node = written or step.key("send")
        desk.wrong("J025", node, f"attribute {recipient!r} is of type {attributes[recipient]}", "name an attribute of type string")
    return recipient


def _wait(scene: Scene, step: Fields, name: str, onward: str) -> Wait | None:
    desk, wait = scene.desk, step.map("wait")
    if wait is None:
        return None
    _check_wait_form(scene, step, wait, name)
    until = desk.known("J004", wait.scalar("until"), desk.names.events, "event type", "event types")
    awaited = desk.scope(trigger=(until,), variables=scene.variables)
    at = wait.scalar("at")
    timed_out = edge(scene, step, name, "on_timeout") if wait.get("timeout") is not None else ""
    if timed_out == END and not onward:
        timed_out = ""
    return Wait(
        id=name,
        next=onward,
        for_us=duration_or(wait.scalar("for"), 0),
        until=until,
        where=desk.condition(wait.scalar("where"), awaited) if until else None,
        when=desk.condition(scene.judged(wait.scalar("when")), scene.scope),
        at_minute=minute_or(at, 0) if at else None,
        timeout_us=duration_or(wait.scalar("timeout"), 0),
        on_timeout=timed_out,
    )


def _check_wait_form(scene: Scene, step: Fields, wait: Fields, name: str) -> None:
    desk = scene.desk
    forms = [form for form in WAIT_FORMS if form in wait.names()]
    if len(forms) != 1:
        has = f"has {' and '.join(repr(form) for form in forms)}" if forms else "does not say what it waits for"
        desk.wrong("J009", wait, f"the wait of step '{name}' {has}", "write exactly one of 'for', 'until', 'when', 'at'")
        return
    form = forms[0]
    if form in ("until", "when") and wait.get("timeout") is None:
        desk.wrong("J010", wait, f"the wait of step '{name}' could last for ever", "add 'timeout', such as timeout: 3d")
    if wait.get("where") is not None and form != "until":
        desk.wrong("J011", wait.key("where"), f"'where' has no meaning beside '{form}'", "use 'where' with 'until'")
    timed = form == "at" and wait.get("timeout") is not None
    for key, fields in (("timeout", wait), ("on_timeout", step)):
        if fields.get(key) is not None and not timed and form in ("for", "at"):
            desk.wrong("J011", fields.key(key), f"'{key}' has no meaning beside '{form}'", "remove it; such a wait ends by itself")


def _branch(scene: Scene, step: Fields, name: str, onward: str) -> Branch:
    edges = []
    for item in step.list("branch"):
        if isinstance(item, Fields):
            when = scene.desk.condition(scene.judged(item.scalar("when")), scene.scope)
            goto = target(scene, item, "goto", "")
            if when is not None:
                edges.append(Edge(when, goto))
    return Branch(id=name, next=onward, edges=tuple(edges))


def _split(scene: Scene, step: Fields, name: str, onward: str) -> Split | None:
    arms, split = [], step.map("split")
    if split is None:
        return None
    for key, value in split.fields:
        if isinstance(value, Fields):
            share, goto = share_or(value.scalar("share"), 0), value.scalar("goto") or key
        elif isinstance(value, Scalar):
            share, goto = share_or(value, 0), key
        else:
            continue
        arms.append(Arm(key.text, share, led_to(scene, goto)))
    total = sum(arm.share for arm in arms)
    if arms and total != 10_000:
        cure = "make the shares add up to 100%"
        scene.desk.wrong("J015", split, f"the shares of step '{name}' add up to {total / 100:g}%", cure)
    return Split(id=name, next="", arms=tuple(arms), salt=step.text("salt", f"{scene.journey}/{name}"))


def _set(scene: Scene, step: Fields, name: str, onward: str) -> Set | None:
    written = step.map("set")
    if written is None:
        return None
    if not written.fields:
        scene.desk.wrong("D020", written, f"step '{name}' sets nothing", "write 'attributes' or 'variables'")
    attributes = []
    for key, value in pairs(written.map("attributes")):
        known = scene.desk.known("J019", key, scene.desk.names.attributes, "attribute", "attributes")
        attributes.append(assign(scene, key.text, value, scene.desk.names.attributes.get(known)))
    variables = [assign(scene, key.text, value, scene.variables.get(key.text)) for key, value in pairs(written.map("variables"))]
    return Set(id=name, next=onward, attributes=kept(attributes), variables=kept(variables))


def _emit(scene: Scene, step: Fields, name: str, onward: str) -> Emit | None:
    desk, emit = scene.desk, step.map("emit")
    if emit is None:
        return None
    event = desk.known("J004", emit.scalar("event"), desk.names.events, "event type", "event types")
    if event.startswith(SYSTEM_EVENTS):
        desk.wrong("J026", emit.key("event"), f"a journey may not emit {event!r}", "declare an event type of your own and emit that")
        event = ""
    return Emit(id=name, next=onward, event=event, data=_event_data(scene, event, emit))


def _event_data(scene: Scene, event: str, around: Fields) -> tuple[Assignment, ...]:
    """The data written in a map for an event of a type (empty: unknown), held to its contract."""
    desk, data = scene.desk, around.map("data")
    if not event:
        return kept(assign(scene, key.text, value, None) for key, value in pairs(data))
    contract = desk.names.contracts[event]
    specs = dict(_leaves(contract.fields, "", True))
    for path, (field, needed) in specs.items():
        if needed and (data is None or data.get(path) is None):
            desk.wrong("J023", data or around, f"{event!r} needs the field '{path}'", f"add '{path}' under 'data', of type {field.kind}")
    assignments = []
    for key, value in pairs(data):
        if key.text not in specs and not contract.open:
            desk.wrong("J023", key, f"{event!r} has no field '{key.text}'", suggestion(key.text, specs, "fields"))
            continue
        spec = specs[key.text][0] if key.text in specs else None
        assignments.append(_field(scene, event, key, value, spec))
    return kept(assignments)


def _field(scene: Scene, event: str, key: Scalar, value: Scalar, spec: FieldSpec | None) -> Assignment | None:
    if spec is not None and spec.kind not in SCALAR_TYPES:
        scene.desk.wrong("J023", key, f"the field '{key.text}' of {event!r} is an {spec.kind}", "write its own fields, as dotted paths")
        return None
    wanted = SCALAR_TYPES[spec.kind] if spec else None
    assignment = assign(scene, key.text, value, wanted, "J023")
    literal = assignment.value if assignment else None
    if spec is not None and spec.enum and isinstance(literal, Literal) and literal.value not in (*spec.enum, None):
        cure = suggestion(str(literal.value), spec.enum, "values")
        scene.desk.wrong("J023", value, f"'{key.text}' of {event!r} cannot be {literal.value!r}", cure)
    if spec is not None and spec.required and isinstance(literal, Literal) and literal.value is None:
        scene.desk.wrong("J023", value, f"'{key.text}' of {event!r} must not be null", f"write a value of type {spec.kind}")
    return assignment


def _leaves(fields: Iterable[FieldSpec], prefix: str, needed: bool) -> Iterable[tuple[str, tuple[FieldSpec, bool]]]:
    """Every field by its dotted path, and whether data without it break the contract; of a required object, its parts."""
    for field in fields:
        required = needed and field.required
        yield prefix + field.name, (field, required and field.kind != "object")
        yield from _leaves(field.fields, f"{prefix}{field.name}.", required)


def _call(scene: Scene, step: Fields, name: str, onward: str) -> Call:
    desk = scene.desk
    returns, written = [], step.map("returns")
    failed = edge(scene, step, name, "on_failure")
    waits = bool(failed) or any(step.get(key) is not None for key in ("returns", "on_timeout"))
    for key, value in written.fields if written else ():
        if isinstance(value, Fields) and value.text("type") in SCALAR_TYPES:
            returns.append((key.text, value.text("field"), SCALAR_TYPES[value.text("type")]))
    return Call(
        id=name,
        next=onward,
        endpoint=desk.known("J022", step.scalar("call"), desk.names.endpoints, "endpoint", "endpoints"),
        data=kept(assign(scene, key.text, value, None) for key, value in pairs(step.map("data"))),
        returns=tuple(returns),
        timeout_us=duration_or(step.scalar("timeout"), CALL_TIMEOUT_US if waits else 0),
        expires_us=duration_or(step.scalar("expires"), CALL_EXPIRES_US),
        on_failure=failed,
        on_timeout=edge(scene, step, name, "on_timeout") if waits else "",
    )


def _coupon(scene: Scene, step: Fields, name: str, onward: str) -> Call:
    """A coupon is the answer to a call that the system itself takes, so that it comes as an event and is the same for ever."""
    desk = scene.desk
    pool = desk.known("Q001", step.scalar("coupon"), desk.names.pools, "coupon pool", "coupon pools")
    return Call(
        id=name,
        next=onward,
        endpoint=f"coupons/{pool}",
        returns=((step.text("as", COUPON_VARIABLE), "code", Type.STRING),),
        timeout_us=duration_or(step.scalar("timeout"), CALL_EXPIRES_US),
        expires_us=duration_or(step.scalar("timeout"), CALL_EXPIRES_US),
        on_failure=edge(scene, step, name, "on_failure"),
        on_timeout=edge(scene, step, name, "on_timeout"),
    )


def _enter(scene: Scene, step: Fields, name: str, onward: str) -> Enter:
    desk, outcomes = scene.desk, step.map("outcomes")
    journey = desk.known("J030", step.scalar("journey"), desk.names.entrances, "journey", "journeys")
    for key in ("outcomes", "on_failure", "on_timeout"):
        if step.get(key) is not None and step.get("timeout") is None:
            desk.wrong("J010", step.key(key), f"step '{name}' could wait for ever for what '{key}' needs", "add 'timeout'")
    return Enter(
        id=name,
        next=onward,
        journey=journey,
        data=_event_data(scene, desk.names.entrances.get(journey, ""), step),
        timeout_us=duration_or(step.scalar("timeout"), 0),
        outcomes=tuple(sorted((key.text, led_to(scene, value)) for key, value in pairs(outcomes))),
        on_failure=edge(scene, step, name, "on_failure") if step.get("timeout") is not None else "",
        on_timeout=edge(scene, step, name, "on_timeout") if step.get("timeout") is not None else "",
    )


def _repeat(scene: Scene, step: Fields, name: str, onward: str) -> Repeat | None:
    written = step.map("repeat")
    if written is None:
        return None
    until = scene.desk.condition(scene.judged(written.scalar("until")), scene.scope)
    return Repeat(id=name, next=onward, body="", times=count_or(written.scalar("times"), 1), until=until)


def _exit(scene: Scene, step: Fields, name: str, onward: str) -> Exit:
    return Exit(id=name, next="", reason=step.text("exit"))


_PARSERS: dict[str, Callable[[Scene, Fields, str, str], AnyStep | None]] = {
    "send": _send,
    "wait": _wait,
    "branch": _branch,
    "split": _split,
    "set": _set,
    "emit": _emit,
    "call": _call,
    "coupon": _coupon,
    "journey": _enter,
    "task": parse_task,
    "approve": parse_approve,
    "decide": parse_decide,
    "repeat": _repeat,
    "exit": _exit,
}
