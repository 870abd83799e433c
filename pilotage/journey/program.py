"""A plan made executable: conditions compiled to Python, and for each event type exactly what listens to it.

`load` turns plans into a `Program`. Its look-ups are by event type and by journey version, so an event costs what
listens to it and nothing for the journeys that do not. Journeys of earlier plans are kept for the entries still in them.
"""

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from operator import attrgetter
from typing import Any

from msgspec import UNSET

from pilotage.audience.model import SET_BYTES
from pilotage.audience.program import Audiences, compile_audiences
from pilotage.consent.purposes import CONSENT_EVENT
from pilotage.contract.builtin import (
    AUDIENCE_ENTERED,
    AUDIENCE_LEFT,
    HANDED_ONLY,
    JOURNEY_REQUESTED,
    MADE_INSIDE,
)
from pilotage.contract.validate import Validator, attribute_name, validator
from pilotage.decision.rules import ContactRules, conditions_of
from pilotage.event.digest import digest, key128
from pilotage.event.zone import Zones
from pilotage.journey.compiled import Compiled, Condition, Function, signals_of
from pilotage.journey.graph import repeated
from pilotage.journey.pause import NO_CONTROLS, Controls
from pilotage.journey.plan import KERNEL, AnyStep, Branch, Call, Content, Decide, Emit, Enter, Journey, Plan, Repeat, Send, Set, Task, Wait
from pilotage.journey.subjects import KEPT_TO_THEMSELVES, MEMBERSHIP, RECEIPTS, Part, part_of_accounts, part_of_persons
from pilotage.journey.takeover import Takeover, takeover
from pilotage.predicate.ir import Call as CallExpr
from pilotage.predicate.ir import Expr, Feature, Field, Literal, Predicate, Type
from pilotage.profile.features import widest
from pilotage.profile.state import State

_AS_DECODED = frozenset((Type.STRING, Type.INTEGER, Type.BOOLEAN))
"""The types whose values a decoder gives in kernel form."""

TIME = "now"
"""Stands among a timed condition's signals for the passing of time, so that one that reads nothing else has a signal."""


class KernelUnknown(ValueError):
    """The plan was compiled for a kernel this release does not have. Use a release of Pilotage that declares it."""


class ZonesDiffer(ValueError):
    """The zone tables at hand are not those the plan was compiled against. Load the tables the plan names."""


class StepProgram:
    """One step with its compiled conditions and expressions, in the order the plan lists them. `timed` says whether a
    wait's condition can become true by time alone, `priority` which of several messages goes first."""

    __slots__ = ("conditions", "names", "priority", "step", "timed", "values")

    def __init__(
        self,
        step: AnyStep,
        conditions: tuple[Condition, ...],
        names: tuple[str, ...],
        values: tuple[Function, ...],
        priority: Function | None = None,
    ) -> None:
        self.step = step
        self.conditions = conditions
        self.names = names
        self.values = values
        self.priority = priority
        self.timed = isinstance(step, Wait) and step.when is not None and conditions[-1].flip is not None


class JourneyProgram:
    """One version of a journey, ready to run. `watch` are the signals its exits and goal listen to; `timed` says
    whether time alone can change one of these. `flips` are the signals of all conditions that time alone can change, empty
    if there are none. `unmet` is the reason why an event does not start an entry whose condition is not true. `audience` is
    the only audience whose events can start one; empty where the condition does not fix it. `key` reads what tells entries apart.
    `repeated` are the steps that an entry may come to more than once, of a version that entries migrate to. `offered` says that it is
    only what persons know of a journey on accounts: the messages that they are offered."""

    __slots__ = (
        "audience",
        "content",
        "content_names",
        "exits",
        "first",
        "flips",
        "goal",
        "goal_value",
        "journey",
        "kept",
        "key",
        "listens",
        "name",
        "offered",
        "repeated",
        "standing",
        "steps",
        "timed",
        "unmet",
        "version",
        "watch",
        "where",
    )

    def __init__(self, journey: Journey, compiled: Compiled, contents: dict[str, Content], version: str, offered: bool) -> None:
        self.journey = journey
        self.name = journey.name
        self.version = version
        self.offered = offered
        self.content = {step.id: contents[step.content] for step in journey.steps if isinstance(step, Send)}
        self.first = journey.steps[0].id if journey.steps else ""
        self.content_names = {step: f"{content.name}@{content.digest}" for step, content in self.content.items()}
        self.where = compiled.optional(f"{self.version}/where")
        self.key = compiled.optional_value(f"{self.version}/key")
        self.exits = tuple((compiled.condition(f"{self.version}/exit{i}"), rule.reason) for i, rule in enumerate(journey.exits))
        self.goal = compiled.optional(f"{self.version}/goal")
        self.goal_value = compiled.optional_value(f"{self.version}/value")
        self.kept = tuple((path, compiled.value(f"{self.version}/kept/{path}")) for path, _ in journey.trigger_fields)
        self.steps = {step.id: _step_program(step, contents, compiled, f"{self.version}/{step.id}") for step in journey.steps}
        standing = self.standing = tuple(condition for condition, _ in self.exits) + ((self.goal,) if self.goal else ())
        self.watch = frozenset().union(*(condition.signals for condition in standing))
        self.listens = self.watch.union(*(_waited_for(step.step) for step in self.steps.values()))
        self.timed = any(condition.flip for condition in standing)
        waited = [step.conditions[-1] for step in self.steps.values() if step.timed]
        self.flips = frozenset().union(*(condition.signals | {TIME} for condition in (*standing, *waited) if condition.flip))
        self.repeated = repeated(journey.steps) if journey.in_flight is not UNSET else frozenset()
        self.unmet = f"{self.where.text} is not true" if self.where else ""
        where = journey.enter.where
        self.audience = fixed_audience(where.expr) if where and journey.enter.event in (AUDIENCE_ENTERED, AUDIENCE_LEFT) else ""

    def passage(self, key: object) -> str:
        """What a subject can be in once at a time: the journey or, where its entries have keys, the journey with a key."""
        return self.name if self.key is None else f"{self.name}\0{key}"


class Handler:
    """What one event type means to a program: how its data are read, and who listens. `attributes` are the names of those it
    feeds, each with its signal and what reads its value from a decoded event; `features` come with filter and worth. Events of
    the system's `own` come from within only; one that `requests` names the journey to enter; one that `relates` is about a person
    and an account; one that is `handed` over is brought to the person's accounts."""

    __slots__ = (
        "attributes", "consent", "entrances", "features", "handed", "idle", "listened", "own", "receipt", "relates", "requests", "signals",
        "validator",
    )  # fmt: skip

    def __init__(self, event: str, validate: Validator) -> None:
        self.validator = validate
        self.signals = frozenset((event,))
        self.receipt = event in RECEIPTS
        self.consent = event == CONSENT_EVENT
        self.own = event in MADE_INSIDE
        self.requests = event == JOURNEY_REQUESTED
        self.relates = False
        self.handed = False
        self.features: list[tuple[Feature, Function | None, Function | None]] = []
        self.attributes: list[tuple[str, str, Callable[[Any], Any]]] = []
        self.entrances: list[JourneyProgram] = []
        self.listened = False
        self.idle = False

    def settle(self, listened: frozenset[str]) -> None:
        """All that the type means is known: note whether anybody listens, among `listened`, and whether an event of it can
        change nothing for a subject without entries."""
        self.listened = not listened.isdisjoint((*self.signals, *(signal for _, signal, _ in self.attributes)))
        self.idle = not (self.features or self.attributes or self.entrances or self.receipt or self.requests or self.consent)

    @property
    def wanted(self) -> bool:
        """Whether anything takes such an event."""
        return self.listened or not self.idle


class Program:
    """Executable plans. Read only after `load`; one per process. `passages` are the signals of the journeys whose entries and
    exits something reads, `journeys` all versions there are, `entered` those of the plan in force by name,
    `schedules` the scheduled ones by audience (their set has a name too); `zone_signal` says that a subject's zone has changed,
    `arbitrates` whether messages are decided in order of priority. `takeovers` say what becomes of entries of earlier versions, by
    version, where they do not finish under theirs (`takeover_set` names them all). `part` is the part of the plan that it executes,
    that of persons; `accounts` is the program of accounts (None: there are none), and `on_accounts` says that it is one. `controls`
    are the pauses and stops of journeys, `steered` says whether there are any."""

    __slots__ = (
        "accounts", "arbitrates", "audiences", "channels", "contents", "controls", "digest", "entered", "environment", "flips", "handlers",
        "journeys", "on_accounts", "part", "passages", "plan", "rules", "schedule_set", "schedules", "steered", "takeover_set", "takeovers",
        "zone_signal",
    )  # fmt: skip

    def __init__(self, plan: Plan, part: Part, environment: str, rules: ContactRules, audiences: Audiences) -> None:
        self.plan = plan
        self.part = part.plan
        self.accounts: Program | None = None
        self.on_accounts = False
        self.digest = plan.digest
        self.environment = environment
        self.rules = rules
        self.audiences = audiences
        self.passages: frozenset[str] = frozenset()
        self.journeys: dict[str, JourneyProgram] = {}
        self.entered: dict[str, JourneyProgram] = {}
        self.schedules: dict[str, tuple[JourneyProgram, ...]] = {}
        self.schedule_set = b""
        self.takeovers: dict[str, Takeover] = {}
        self.takeover_set = b""
        self.arbitrates = bool(rules.slots or rules.policy.order)
        self.controls: Controls = NO_CONTROLS
        self.steered = False
        self.zone_signal = f"@{plan.policy.zone_attribute}"
        self.handlers: dict[str, Handler] = {}
        self.contents: dict[str, Content] = {}
        self.flips: frozenset[str] = frozenset()
        journeys = (*part.plan.journeys, *(journey for _, journey in part.offered))
        self.channels = frozenset(step.channel for journey in journeys for step in journey.steps if isinstance(step, Send))

    def of(self, state: State) -> "Program":
        """The program of a subject: that of accounts for an account, else this."""
        return self.accounts if self.accounts is not None and state.ties is not None and state.ties.account else self

    def named(self, journey: str) -> "Program | None":
        """The program in which a journey of the plan in force is entered; None where there is no such journey."""
        return next((each for each in (self, self.accounts) if each is not None and journey in each.entered), None)


def load(plan: Plan, zones: Zones, environment: str, earlier: Sequence[Plan] = ()) -> Program:
    """Make a plan executable, with the journeys of `earlier` plans for the entries still in them.

    `environment` salts effect keys. Raises `KernelUnknown` and `ZonesDiffer`.
    """
    if plan.kernel != KERNEL:
        raise KernelUnknown(f"the plan is for kernel {plan.kernel}, this release has kernel {KERNEL}")
    if plan.zones and plan.zones != zones.digest:
        raise ZonesDiffer(f"the plan names zone tables {plan.zones[:12]}, these are {zones.digest[:12]}")
    plans = (plan, *earlier)
    program = _load(plan, [part_of_persons(each) for each in plans], zones, environment)
    if any(each.accounts is not None for each in plans):
        program.accounts = _load(plan, [part_of_accounts(each) for each in plans], zones, environment)
        program.accounts.on_accounts = True
        _hand_over(program, program.accounts)
    return program


def _hand_over(program: Program, accounts: Program) -> None:
    """Find the events of persons that accounts take: only those are handed over."""
    for event in (*MEMBERSHIP, *HANDED_ONLY):
        for each in (program, accounts):
            each.handlers[event].relates, each.handlers[event].idle = True, False
    for event, handler in program.handlers.items():
        if event not in KEPT_TO_THEMSELVES and accounts.handlers[event].wanted:
            handler.handed, handler.idle = True, False


def _load(plan: Plan, parts: Sequence[Part], zones: Zones, environment: str) -> Program:
    """Make the parts of a plan and of those before it executable that are for one kind of subjects."""
    part, *earlier = (each.plan for each in parts)
    plans = (part, *earlier)
    compiled = _compile(parts, zones)
    tests = {name: compiled.value(name) for name, _ in conditions_of(part.policy)}
    audiences = compile_audiences(part.audiences, _features(plans), zones)
    audiences.remember(each.audiences for each in earlier)
    program = Program(plan, parts[0], environment, ContactRules(part.policy, tests, zones), audiences)
    for each in parts:
        contents = {content.name: content for content in each.plan.contents}
        program.contents.update({f"{content.name}@{content.digest}": content for content in each.plan.contents})
        for version, journey, offered in _versions(each):
            if version not in program.journeys:
                program.journeys[version] = JourneyProgram(journey, compiled, contents, version, offered)
    program.entered = {journey.name: program.journeys[journey.digest[:16]] for journey in part.journeys}
    _schedules(program)
    _take_overs(program)
    program.arbitrates |= any(step.priority for journey in program.journeys.values() for step in journey.steps.values())
    program.flips = frozenset().union(*(journey.flips for journey in program.journeys.values()))
    _handlers(program, plans, compiled)
    return program


def controlled(program: Program, controls: Controls) -> Program:
    """The same program under some pauses and stops; what is compiled is shared."""
    new = copy(program)
    new.accounts = controlled(program.accounts, controls) if program.accounts is not None else None
    new.controls = controls
    new.steered = bool(controls.pauses or controls.stops)
    return new


def _versions(part: Part) -> Iterator[tuple[str, Journey, bool]]:
    """The journeys of a part by version, and whether each is there only for the messages that are offered."""
    yield from ((journey.digest[:16], journey, False) for journey in part.plan.journeys)
    yield from ((version, journey, True) for version, journey in part.offered)


def _schedules(program: Program) -> None:
    """Find the scheduled journeys of the plan in force by audience, and name their set."""
    named: list[str] = []
    for journey in sorted(program.entered.values(), key=lambda each: each.name):
        schedule = journey.journey.enter.schedule
        if schedule is not UNSET:
            program.schedules[schedule.audience] = (*program.schedules.get(schedule.audience, ()), journey)
            named += (journey.name, digest(schedule))
    program.schedule_set = key128(*named)[:SET_BYTES] if named else b""


def _take_overs(program: Program) -> None:
    """Find out which entries of earlier versions do not finish under theirs."""
    for version, journey in sorted(program.journeys.items()):
        now = program.entered.get(journey.name)
        found = takeover(journey.journey, now.journey) if now is not None and now is not journey and not journey.offered else None
        if found is not None:
            program.takeovers[version] = found
    pairs = [text for version, found in program.takeovers.items() for text in (version, found.new.digest)]
    program.takeover_set = key128(*pairs) if pairs else b""


def _handlers(program: Program, plans: Sequence[Plan], compiled: Compiled) -> None:
    for each in reversed(plans):
        for contract in each.contracts:
            program.handlers[contract.event] = Handler(contract.event, validator(contract))
    handlers = program.handlers
    for feature in _features(plans):
        if feature.event in handlers:
            where, value = compiled.optional_value(f"feature/{feature.key}"), compiled.optional_value(f"worth/{feature.key}")
            handlers[feature.event].features.append((feature, where, value))
    for attribute in program.part.attributes:
        for event, path in attribute.sources:
            if event in handlers:
                read = compiled.value(f"attribute/{attribute.name}/{event}/{path}")
                reader = _reader(handlers[event], attribute.type, path, read)
                handlers[event].attributes.append((attribute.name, f"@{attribute.name}", reader))
    for journey in program.part.journeys:
        if journey.enter.event in handlers and journey.enter.schedule is UNSET:
            handlers[journey.enter.event].entrances.append(program.journeys[journey.digest[:16]])
    listened = frozenset().union(*(journey.listens for journey in program.journeys.values()))
    program.passages = frozenset(signal for signal in (*listened, *program.audiences.by_signal) if signal.startswith("~"))
    for handler in handlers.values():
        handler.settle(listened)


def fixed_audience(expr: Expr) -> str:
    """The audience that `trigger.audience = '…'` among a condition's conjuncts leaves; empty where there is none."""
    if not isinstance(expr, CallExpr):
        return ""
    if expr.name == "and":
        return next((found for found in map(fixed_audience, expr.args) if found), "")
    names = [str(arg.value) for arg in expr.args if isinstance(arg, Literal) and isinstance(arg.value, str)]
    fields = [arg for arg in expr.args if isinstance(arg, Field) and arg.of == "trigger" and arg.path == "audience"]
    return names[0] if expr.name == "eq" and names and fields else ""


def _features(plans: Sequence[Plan]) -> tuple[Feature, ...]:
    return widest(feature for plan in plans for feature in plan.features)


def _waited_for(step: AnyStep) -> frozenset[str]:
    """The signals that can end a wait."""
    if not isinstance(step, Wait):
        return frozenset()
    until = frozenset((step.until,)) if step.until else frozenset()
    return until if step.when is None else until | signals_of(step.when)


def _reader(handler: Handler, kind: Type, path: str, function: Function) -> Callable[[Any], Any]:
    """Reads an attribute's value from a decoded event: straight from the field where that holds it in kernel form already."""
    name = attribute_name(path)
    if kind in _AS_DECODED and path != "type" and name in handler.validator.struct.__struct_fields__:
        return attrgetter(name)
    return lambda payload: function(None, payload, {}, 0, handler.validator.event)


def _step_program(step: AnyStep, contents: dict[str, Content], compiled: Compiled, name: str) -> StepProgram:
    expressions = _expressions(step, contents)
    return StepProgram(
        step,
        tuple(compiled.condition(f"{name}/{i}") for i in range(len(_predicates(step)))),
        tuple(label for label, _ in expressions),
        tuple(compiled.value(f"{name}={i}") for i in range(len(expressions))),
        compiled.optional_value(f"{name}!priority"),
    )


def _predicates(step: AnyStep) -> tuple[Predicate, ...]:
    if isinstance(step, Branch):
        return tuple(edge.when for edge in step.edges)
    if isinstance(step, Wait):
        return tuple(predicate for predicate in (step.where, step.when) if predicate is not None)
    if isinstance(step, Decide):
        return tuple(option.when for option in step.options if option.when is not None)
    if isinstance(step, Repeat) and step.until is not None:
        return (step.until,)
    return ()


def _expressions(step: AnyStep, contents: dict[str, Content]) -> tuple[tuple[str, Expr], ...]:
    if isinstance(step, Send):
        return contents[step.content].variables
    if isinstance(step, Decide):
        return tuple((option.name, option.score) for option in step.options if option.score is not None)
    if isinstance(step, Set):
        return tuple((a.name, a.value) for a in (*step.attributes, *step.variables))
    if isinstance(step, Emit | Call | Enter | Task):
        return tuple((a.name, a.value) for a in step.data)
    return ()


def _compile(parts: Sequence[Part], zones: Zones) -> Compiled:
    compiled = Compiled()
    plans = [part.plan for part in parts]
    features = _features(plans)
    for name, when in conditions_of(plans[0].policy):
        compiled.add_value(name, when.expr, "kept")
    for feature in features:
        if feature.where is not None:
            compiled.add_value(f"feature/{feature.key}", feature.where, "payload")
        if feature.value is not None:
            compiled.add_value(f"worth/{feature.key}", feature.value, "payload")
    for attribute in plans[0].attributes:
        for event, path in attribute.sources:
            compiled.add_value(f"attribute/{attribute.name}/{event}/{path}", Field(attribute.type, "trigger", path), "payload")
    for part in parts:
        contents = {content.name: content for content in part.plan.contents}
        for version, journey, _ in _versions(part):
            _collect(version, journey, contents, compiled)
    compiled.compile(features, zones)
    return compiled


def _collect(version: str, journey: Journey, contents: dict[str, Content], compiled: Compiled) -> None:
    if journey.enter.where is not None:
        compiled.add_condition(f"{version}/where", journey.enter.where, "payload")
    if journey.enter.key is not UNSET:
        compiled.add_value(f"{version}/key", journey.enter.key, "payload")
    for i, rule in enumerate(journey.exits):
        compiled.add_condition(f"{version}/exit{i}", rule.when, "payload")
    if journey.goal is not None:
        compiled.add_condition(f"{version}/goal", journey.goal.when, "payload")
        if journey.goal.value is not None:
            compiled.add_value(f"{version}/value", journey.goal.value, "payload")
    for path, kind in journey.trigger_fields:
        compiled.add_value(f"{version}/kept/{path}", Field(kind, "trigger", path), "payload")
    for step in journey.steps:
        name = f"{version}/{step.id}"
        for i, predicate in enumerate(_predicates(step)):
            awaits = isinstance(step, Wait) and predicate is step.where
            compiled.add_condition(f"{name}/{i}", predicate, "payload" if awaits else "kept")
        for i, (_, expr) in enumerate(_expressions(step, contents)):
            compiled.add_value(f"{name}={i}", expr, "kept")
        if isinstance(step, Send) and step.priority is not UNSET:
            compiled.add_value(f"{name}!priority", step.priority, "kept")
