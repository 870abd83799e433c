"""The event types that Pilotage itself emits or gives a meaning to, as contracts.

A workspace need not declare them. It may declare its own contract of the same name where its data are richer
(`customer.identified`, whose fields are the company's traits, and the page and screen views of the Segment spec are open
here for that reason); the workspace's declaration then takes the place of the one below.
"""

from pilotage.contract.model import Contract, FieldSpec

CONSENT_CHANGED = "consent.changed"
LIST_CHANGED = "list.changed"
AUDIENCE_ENTERED = "audience.entered"
AUDIENCE_LEFT = "audience.left"
TASK_CLAIMED = "task.claimed"
TASK_COMPLETED = "task.completed"
SCHEDULE_REACHED = "schedule.reached"
JOURNEY_REQUESTED = "journey.requested"
JOURNEY_ENDED = "journey.ended"
CUSTOMER_IDENTIFIED = "customer.identified"
CUSTOMER_GROUPED = "customer.grouped"
CUSTOMER_ALIASED = "customer.aliased"
ACCOUNT_JOINED = "account.joined"
ACCOUNT_LEFT = "account.left"
"""What a person is told of an account it belongs to from now on, with a role or without, or not any more."""
MEMBER_JOINED = "member.joined"
MEMBER_LEFT = "member.left"
"""What the account is told of that."""
CANDIDATE_OFFERED = "candidate.offered"
CANDIDATE_WITHDRAWN = "candidate.withdrawn"
CANDIDATE_ANSWERED = "candidate.answered"
"""What an account asks of a person to whom a message is to go, and what comes back."""
HANDED_ONLY = frozenset((MEMBER_JOINED, MEMBER_LEFT, CANDIDATE_OFFERED, CANDIDATE_WITHDRAWN, CANDIDATE_ANSWERED))
"""The event types that one subject hands over to another and nobody else can send."""
MADE_INSIDE = frozenset((AUDIENCE_ENTERED, AUDIENCE_LEFT, JOURNEY_ENDED, SCHEDULE_REACHED))
"""The event types that only deciding itself makes: no record of the log is one."""
FEATURES_FILLED = "features.filled"
"""What the system tells a subject of its own past when a release asks for features that were not kept before. It has no
contract, and nobody else can send it."""
PAGE_VIEWED = "page.viewed"
SCREEN_VIEWED = "screen.viewed"
MESSAGE_FATES = ("sent", "failed", "refused", "expired", "unknown", "delivered", "opened", "clicked", "bounced", "complained")
"""What can become of a message; each is an event type `message.<fate>`."""

_EFFECT = FieldSpec(name="effect", kind="string", required=True, pattern="^[0-9a-f]+$")
_REASON = FieldSpec(name="reason", kind="string")
_PERSON = FieldSpec(name="person", kind="string", required=True, pattern="^[0-9a-f]{32}$")


def _text(name: str, required: bool = False, classification: str = "") -> FieldSpec:
    return FieldSpec(name=name, kind="string", required=required, length_min=1 if required else None, classification=classification)


def _contract(event: str, *fields: FieldSpec, is_open: bool = False) -> Contract:
    return Contract(event=event, version="1.0.0", fields=fields, open=is_open)


def _message(fate: str) -> Contract:
    automated = FieldSpec(name="automated", kind="boolean")
    fields = (_EFFECT, _text("channel"), _text("purpose"), _text("journey"), _REASON, _text("provider_id"), _text("url"), automated)
    return _contract(f"message.{fate}", *fields)


BUILTIN: dict[str, Contract] = {
    contract.event: contract
    for contract in (
        _contract(
            CONSENT_CHANGED,
            _text("purpose", required=True),
            _text("channel", required=True),
            FieldSpec(name="granted", kind="boolean", required=True),
            _text("basis"),
            _text("source"),
        ),
        _contract(
            LIST_CHANGED,
            _text("list", required=True),
            FieldSpec(name="listed", kind="boolean", required=True),
            _text("basis"),
        ),
        _contract(AUDIENCE_ENTERED, _text("audience", required=True)),
        _contract(AUDIENCE_LEFT, _text("audience", required=True)),
        _contract(CUSTOMER_IDENTIFIED, is_open=True),
        _contract(CUSTOMER_GROUPED, _text("group_id", required=True), is_open=True),
        _contract(CUSTOMER_ALIASED, _text("previous_id", required=True, classification="personal"), is_open=True),
        _contract(PAGE_VIEWED, _text("name"), _text("category"), _text("url"), _text("path"), is_open=True),
        _contract(SCREEN_VIEWED, _text("name"), _text("category"), is_open=True),
        *map(_message, MESSAGE_FATES),
        _contract(SCHEDULE_REACHED, _text("journey"), FieldSpec("at", "timestamp")),
        _contract(JOURNEY_REQUESTED, _text("journey", required=True), _text("data"), FieldSpec("effect", "string", pattern="^[0-9a-f]+$")),
        _contract(JOURNEY_ENDED, _EFFECT, _text("journey", required=True), _REASON, FieldSpec("entered", "boolean", required=True)),
        _contract("task.opened", _EFFECT),
        _contract("task.failed", _EFFECT, _REASON),
        _contract(TASK_CLAIMED, _EFFECT, _text("person", required=True)),
        _contract(TASK_COMPLETED, _EFFECT, _text("outcome", required=True), _text("person"), _text("note")),
        _contract("call.answered", _EFFECT, _text("body")),
        _contract("call.failed", _EFFECT, _REASON),
    )
}
"""Every built-in contract by its event type."""


def account_contracts(roles: tuple[str, ...]) -> dict[str, Contract]:
    """The contracts of the event types between persons and accounts, where persons may have these roles. They are there only where
    there are accounts, so that a plan without keeps its name. A `group` call of the Segment spec may name a role beside its traits."""
    role = FieldSpec("role", "string", enum=roles) if roles else _text("role")
    outcome = FieldSpec("outcome", "string", required=True)
    contracts = (
        _contract(ACCOUNT_JOINED, _text("account", required=True), role),
        _contract(ACCOUNT_LEFT, _text("account", required=True), role),
        _contract(CUSTOMER_GROUPED, _text("group_id", required=True), role, is_open=True),
        _contract(MEMBER_JOINED, _PERSON, role),
        _contract(MEMBER_LEFT, _PERSON, role),
        _contract(
            CANDIDATE_OFFERED, _EFFECT, *(_text(name, required=True) for name in ("account", "journey", "version", "step")), _text("given"),
            FieldSpec("expires", "integer", required=True),
        ),
        _contract(CANDIDATE_WITHDRAWN, _EFFECT, _REASON),
        _contract(CANDIDATE_ANSWERED, _EFFECT, outcome, _REASON),
    )  # fmt: skip
    return {contract.event: contract for contract in contracts}


def builtin_contracts(declared: dict[str, Contract], roles: tuple[str, ...] | None = None) -> dict[str, Contract]:
    """The contracts in force: the workspace's own over the built-in ones. `roles` are those that persons may have in accounts
    (None: there are no accounts)."""
    return {**BUILTIN, **(account_contracts(roles) if roles is not None else {}), **declared}
