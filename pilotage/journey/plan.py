"""The plan: every released journey, policy, contract and content, compiled to plain data and named by its digest.

A plan holds no Python and no prose: it is what `advance` needs and nothing else, so two workspaces that decide alike
have equal plans. It is made by `compile`, stored as MessagePack, and made executable by `program.load`.
"""

import msgspec
from msgspec import UNSET, UnsetType

from pilotage.audience.model import Audience
from pilotage.consent.policy import Policy
from pilotage.contract.model import Contract
from pilotage.event.cron import Cron
from pilotage.event.digest import digest
from pilotage.predicate.ir import Expr, Feature, Predicate, Type

KEY = "key"
"""The variable that holds an entry's key, where its journey gives entries keys: `journey.key`."""

KERNEL = 1
"""The version of `advance`'s behaviour; a plan names the one it was compiled for."""


class AttributeSpec(msgspec.Struct, frozen=True):
    """One profile attribute: its type, and the event fields that set it, as (event type, field path) pairs."""

    name: str
    type: Type
    sources: tuple[tuple[str, str], ...] = ()
    classification: str = ""


class Content(msgspec.Struct, frozen=True):
    """One message content: its channel and its named templates (e-mail: subject, mjml or html, text; in-app: title,
    body; webhook: body). `variables` are the expressions of what the templates read, by dotted name. `locales` are its templates in
    other languages, `locale` the variable that holds the customer's, `fallback` leads from a language to the one that stands in for it.
    `sender` is whom an e-mail comes from, `rights` are the assets it shows, each with the instant from which it may not be shown.
    `claims` are what it says or offers, `excludes` the claims that must not be made to the same customer. What came after the first
    release is left out of the stored form where it is not used."""

    name: str
    channel: str
    templates: dict[str, str]
    variables: tuple[tuple[str, Expr], ...] = ()
    locale: str | UnsetType = UNSET
    locales: tuple[tuple[str, dict[str, str]], ...] | UnsetType = UNSET
    fallback: tuple[tuple[str, str], ...] | UnsetType = UNSET
    sender: str | UnsetType = UNSET
    rights: tuple[tuple[str, int], ...] | UnsetType = UNSET
    claims: tuple[str, ...] | UnsetType = UNSET
    excludes: tuple[str, ...] | UnsetType = UNSET

    @property
    def digest(self) -> str:
        return digest(self)


class Edge(msgspec.Struct, frozen=True):
    """One way out of a branch: taken when the condition is true."""

    when: Predicate
    goto: str


class Arm(msgspec.Struct, frozen=True):
    """One arm of a split: its name, its share in ten-thousandths, and where it leads."""

    name: str
    share: int
    goto: str


class Assignment(msgspec.Struct, frozen=True):
    """A name and the expression whose value it gets."""

    name: str
    value: Expr


class Step(msgspec.Struct, frozen=True, tag_field="kind"):
    """What every step has: its id, written by the author and stable, and the step that follows (empty: the end)."""

    id: str
    next: str


class Send(Step, frozen=True, tag="send"):
    """A candidate message. `expires_us` is how long after becoming a candidate it may still leave. `on_blocked` is
    taken when a policy refuses it or it expires; `on_failure` when the provider finally fails (then the entry waits for
    the receipt). Empty: the entry ends with that reason. `recipient` is the attribute that holds the address. Of candidates that
    are decided at one instant the one with the highest `priority` (a NUMBER; 0 without one, NULL last) comes first. `on_lost` is
    taken by one that others keep out of its contact slot; without it, it waits for the next. A journey on accounts sends to
    whoever has a `role`: that person's state decides about the candidate."""

    channel: str
    content: str
    purpose: str
    recipient: str
    expires_us: int
    on_blocked: str = ""
    on_failure: str = ""
    priority: Expr | UnsetType = UNSET
    on_lost: str | UnsetType = UNSET
    role: str | UnsetType = UNSET


class Wait(Step, frozen=True, tag="wait"):
    """Rest until something: exactly one of a duration (`for_us`), an event (`until` with an optional `where`), a
    predicate (`when`), or a local time of day (`at_minute`, minutes from midnight in the subject's zone). `timeout_us`
    0 means none; `on_timeout` is where it leads (empty: `next`)."""

    for_us: int = 0
    until: str = ""
    where: Predicate | None = None
    when: Predicate | None = None
    at_minute: int | None = None
    timeout_us: int = 0
    on_timeout: str = ""


class Branch(Step, frozen=True, tag="branch"):
    """Leave by the first edge whose condition is true; `next` otherwise."""

    edges: tuple[Edge, ...]


class Split(Step, frozen=True, tag="split"):
    """Leave by the arm that the hash of (salt, subject) picks; the salt is `journey/step` unless the author names one."""

    arms: tuple[Arm, ...]
    salt: str


class Set(Step, frozen=True, tag="set"):
    """Set profile attributes and entry variables to expressions' values."""

    attributes: tuple[Assignment, ...] = ()
    variables: tuple[Assignment, ...] = ()


class Emit(Step, frozen=True, tag="emit"):
    """Emit a declared event about the same subject, at the same instant; its data are expressions' values."""

    event: str
    data: tuple[Assignment, ...] = ()


class Call(Step, frozen=True, tag="call"):
    """An HTTP call through a webhook endpoint named in the environment. Where `returns` names entry variables (with the
    JSON field and type of each), or `on_failure` is given, the entry waits for the answer, at most `timeout_us`."""

    endpoint: str
    data: tuple[Assignment, ...] = ()
    returns: tuple[tuple[str, str, Type], ...] = ()
    timeout_us: int = 0
    expires_us: int = 0
    on_failure: str = ""
    on_timeout: str = ""


class Enter(Step, frozen=True, tag="journey"):
    """Have the subject enter another journey, whose trigger `data` stand for. With a timeout the entry waits for what comes of
    it: `outcomes` lead from the reasons with which that entry ends to steps, all others go to `next`; `on_failure` is taken
    where the journey is not entered."""

    journey: str
    data: tuple[Assignment, ...] = ()
    timeout_us: int = 0
    outcomes: tuple[tuple[str, str], ...] = ()
    on_failure: str = ""
    on_timeout: str = ""


class Task(Step, frozen=True, tag="task"):
    """Something for a person to do: one of a `team`, or the `person` named. The entry waits for one of the outcomes, each of which
    leads to a step. After each duration of `remind_us` whoever has it is reminded; when `sla_us` has passed it goes over to the team
    `escalate`, if there is one; after `timeout_us` it is withdrawn. An `approval` has the outcomes approved and rejected."""

    title: str
    outcomes: tuple[tuple[str, str], ...]
    sla_us: int
    timeout_us: int
    team: str = ""
    person: str = ""
    data: tuple[Assignment, ...] = ()
    remind_us: tuple[int, ...] = ()
    escalate: str = ""
    on_failure: str = ""
    on_timeout: str = ""
    approval: bool = False


class Option(msgspec.Struct, frozen=True):
    """One action that a step may choose: open while `when` is true, chosen by its `score` or its `weight`, and where it leads."""

    name: str
    goto: str
    when: Predicate | None = None
    score: Expr | None = None
    weight: int = 0


class Decide(Step, frozen=True, tag="decide"):
    """Choose one of a catalogue's actions: the `first` that is open, the one with the highest `score` (of equal ones the first),
    or one with a chance that `weights` give. A share of `explore` ten-thousandths takes any that is open, all with the same
    chance. `next` is for those to whom none is open."""

    catalogue: str
    by: str
    options: tuple[Option, ...]
    explore: int
    salt: str


class Repeat(Step, frozen=True, tag="repeat"):
    """Go through a round of steps, which begins at `body` and leads back here, at most `times` times, and not again once
    `until` is true; then leave by `next`. The ids of the steps of a round begin with this step's and a stroke."""

    body: str
    times: int
    until: Predicate | None = None


class Exit(Step, frozen=True, tag="exit"):
    """End the entry with a reason."""

    reason: str


AnyStep = Send | Wait | Branch | Split | Set | Emit | Call | Enter | Task | Decide | Repeat | Exit


class Schedule(msgspec.Struct, frozen=True):
    """When those in an audience may enter: at each instant of `cron` in a zone (`subject`: the subject's own, `company`: the
    company's, else an IANA name), spread by a hash of the subject over `spread_us`."""

    audience: str
    cron: Cron
    zone: str = "subject"
    spread_us: int = 0


class Entrance(msgspec.Struct, frozen=True):
    """What starts an entry. `reentry` is `never`, `always` or `after`; with `after`, `reentry_us` must have passed since
    the last entry began. A subject is in a journey at most once at a time or, with a `key` (of type string or integer, read
    from the trigger), once for each value of it at a time; then re-entry is judged for each value too. With a `schedule` no event
    starts an entry but the coming of its instants, for those in its audience.

    What came after the first release is left out of the stored form where it is not used, so that journeys keep their digests."""

    event: str
    where: Predicate | None = None
    reentry: str = "never"
    reentry_us: int = 0
    key: Expr | UnsetType = UNSET
    schedule: Schedule | UnsetType = UNSET


class ExitRule(msgspec.Struct, frozen=True):
    """The entry ends as soon as the condition is true."""

    when: Predicate
    reason: str


class Goal(msgspec.Struct, frozen=True):
    """What the journey is for. Reached when the condition is true within `within_us` of entry; the entry then ends,
    unless `stay`. `value` is what reaching it is worth, in millionths of the KPI's unit."""

    when: Predicate
    within_us: int
    kpi: str = ""
    value: Expr | None = None
    stay: bool = False


class InFlight(msgspec.Struct, frozen=True):
    """What becomes of entries of earlier versions once this one takes over: they `exit`, or `migrate`. Those migrate whose version's
    digest begins with `version` (empty: all). `steps` lead from a step of theirs to one of this version, or end the entry (empty); a
    step that is not named leads to the one of its id and kind."""

    policy: str
    version: str = ""
    steps: tuple[tuple[str, str], ...] = ()


class Journey(msgspec.Struct, frozen=True):
    """One journey, without prose and owners. `holdout` is the share kept out, in ten-thousandths. `trigger_fields` are
    the trigger's field paths that steps after entry read, kept in the entry. `variables` types the entry variables. Without
    `in_flight`, entries of earlier versions finish under theirs. `subject` is `account` where it runs on accounts."""

    name: str
    purpose: str
    stage: str
    enter: Entrance
    steps: tuple[AnyStep, ...]
    exits: tuple[ExitRule, ...] = ()
    goal: Goal | None = None
    holdout: int = 0
    trigger_fields: tuple[tuple[str, Type], ...] = ()
    variables: tuple[tuple[str, Type], ...] = ()
    in_flight: InFlight | UnsetType = UNSET
    subject: str | UnsetType = UNSET

    @property
    def digest(self) -> str:
        return digest(self)


class Accounts(msgspec.Struct, frozen=True):
    """What accounts have of their own: the roles that persons may have there, attributes, audiences in topological order, and the
    features that journeys and audiences on accounts read."""

    roles: tuple[str, ...] = ()
    attributes: tuple[AttributeSpec, ...] = ()
    audiences: tuple[Audience, ...] = ()
    features: tuple[Feature, ...] = ()


class Plan(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything `advance` decides by. `zones` is the digest of the time-zone tables it was compiled against, `audiences` are in
    topological order, `accounts` are there where the profile has any. What is left out is as it is without: a plan that was stored
    before there were audiences keeps its name."""

    kernel: int
    contracts: tuple[Contract, ...]
    attributes: tuple[AttributeSpec, ...]
    policy: Policy
    contents: tuple[Content, ...]
    journeys: tuple[Journey, ...]
    features: tuple[Feature, ...]
    zones: str = ""
    audiences: tuple[Audience, ...] = ()
    accounts: Accounts | None = None

    @property
    def digest(self) -> str:
        return digest(self)


_decoder = msgspec.msgpack.Decoder(Plan)


def encode_plan(plan: Plan) -> bytes:
    """The stored form of a plan."""
    return msgspec.msgpack.encode(plan, order="deterministic")


def decode_plan(raw: bytes) -> Plan:
    """The plan of its stored form."""
    return _decoder.decode(raw)
