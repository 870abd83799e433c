"""What rules say of a takeover: for each step that an entry can rest on, which guarantees it keeps wherever the map leads it.

Each rule is a small theorem about `journey.migrate`. What a rule does not settle is a doubt: the step, where it leads, and what would
have to come about. Somebody is then looked for (`moved`).
"""

from collections.abc import Iterator, Mapping
from functools import cached_property

import msgspec
from msgspec import UNSET

from pilotage.decision.rules import ContactRules, counts
from pilotage.event.time import duration_text
from pilotage.journey.crossing import gates_before
from pilotage.journey.edges import awaits
from pilotage.journey.graph import repeated
from pilotage.journey.migrate import goes_on
from pilotage.journey.plan import AnyStep, Branch, Call, Content, Decide, Enter, Journey, Repeat, Send, Task, Wait
from pilotage.journey.takeover import Takeover
from pilotage.predicate.flips import walk
from pilotage.predicate.ir import Attribute, Consent, Expr, Field, Literal, Predicate
from pilotage.predicate.ir import Call as CallExpr
from pilotage.predicate.text import expression_text
from pilotage.proof.acts import Setting
from pilotage.proof.domains import conjuncts
from pilotage.proof.reads import FIELD, needs_of
from pilotage.proof.rounds import no_more
from pilotage.proof.routes import ATTRIBUTE, CONTENT, EVENT, NONE, VARIABLE, WHOLE, Fact, Facts, Routes, act_of
from pilotage.proof.separation import Reason, nobody

PLACE, GATE, BRANCH, ARM, HOLDOUT = "place", "gate", "branch", "arm", "holdout"
DEADLINE, TWICE, AGAIN, PAST, UNSET_VALUE, BUDGET = "deadline", "twice", "again", "past", "unset", "budget"
KINDS = (PLACE, GATE, BRANCH, ARM, HOLDOUT, DEADLINE, TWICE, AGAIN, PAST, UNSET_VALUE, BUDGET)

Asked = tuple[Expr, bool]


class Doubt(msgspec.Struct, frozen=True):
    """What no rule excludes: what those who rest on a step may meet once they are led to another (empty: they leave), in the step `at`
    of the new version, over `detail` (a gate, a variable, a content, a condition)."""

    kind: str
    step: str
    goto: str
    at: str = ""
    detail: str = ""

    @property
    def about(self) -> str:
        """In a line: from where to where, and over what."""
        where = self.step if self.kind == PLACE else f"{self.step} → {self.goto}" if self.step else ""
        onward = f" … {self.at}" if self.at and self.at != self.goto else ""
        return ": ".join(part for part in (f"{where}{onward}", self.detail) if part)


class Answer(msgspec.Struct, frozen=True):
    """What a rule says of one kind of guarantee and step: why it is kept, or what is in doubt."""

    kind: str
    kept: Reason | None = None
    doubt: Doubt | None = None


class Move(msgspec.Struct, dict=True):
    """One version of a journey taking over another: their routes, the takeover, and what the plans around them say."""

    old: Routes
    new: Routes
    takeover: Takeover
    settings: tuple[Setting, Setting]
    rules: tuple[ContactRules, ContactRules]
    contents: Mapping[str, Content]

    @property
    def name(self) -> str:
        """The journey's name."""
        return self.takeover.new.name

    @cached_property
    def gates(self) -> tuple[dict[str, frozenset[str]], dict[str, frozenset[str]]]:
        """The gates before each step of the old and of the new version."""
        return gates_before(self.takeover.old), gates_before(self.takeover.new)

    @cached_property
    def cyclic(self) -> frozenset[str]:
        """The steps of the new version that may send again what was sent."""
        return repeated(self.takeover.new.steps)

    @cached_property
    def resting(self) -> tuple[str, ...]:
        """The steps of the old version that an entry can rest on."""
        return tuple(name for name, step in self.old.steps.items() if name in self.old.may and self._rests(step))

    def _rests(self, step: AnyStep) -> bool:
        if isinstance(step, Send):
            longest = max((way.most_us for way in self.old.passages.ways[step.id]), default=0)
            return bool(step.on_failure or step.role is not UNSET or longest)
        return (
            isinstance(step, Wait | Task) or (isinstance(step, Call) and awaits(step)) or (isinstance(step, Enter) and step.timeout_us > 0)
        )

    def goes_on(self, step: str, goto: str) -> bool:
        """Whether who rests on a step goes on resting on the one it leads to."""
        return goes_on(self.old.steps[step], self.new.steps[goto])

    def has_set_off(self, step: str) -> Facts:
        """What may have been set off by those who rest on a step."""
        return self.old.may[step] | act_of(self.old.steps[step])

    def carried(self, step: str) -> Facts:
        """What everybody who rests on a step has been given, as far as the new version knows it."""
        known = {fact for fact in self.old.must[step] if fact.sort != VARIABLE or fact.name in self.takeover.variables}
        return frozenset(known | {Fact(FIELD, path) for path in self.takeover.fields})


def answers(move: Move, step: str) -> Iterator[Answer]:
    """What rules say of those who rest on a step."""
    if step not in move.takeover.landing:
        yield Answer(PLACE, doubt=Doubt(PLACE, step, ""))
        return
    yield Answer(PLACE, Reason("each step leads to one that exists"))
    goto = move.takeover.landing[step]
    if goto:
        for rule in (_gates, _branches, _arms, _deadline, _contents, _again, _past, _unset):
            yield from rule(move, step, goto)


def _gates(move: Move, step: str, goto: str) -> Iterator[Answer]:
    """Approvals and looks at consents, as they are counted when a plan takes over."""
    before, after = move.gates
    passed = {move.takeover.landing[gate] for gate in before[step] if gate in move.takeover.landing}
    skipped = sorted(after[goto] - passed)
    yield from (Answer(GATE, doubt=Doubt(GATE, step, goto, detail=gate)) for gate in skipped)
    if not skipped:
        yield Answer(GATE, Reason("every approval and look at a consent before a step was passed"))


def _branches(move: Move, step: str, goto: str) -> Iterator[Answer]:
    """What every way of the new version asks before a step is true of whoever is led there."""
    said = [part for whole, holds, at in move.old.passages.said[step] for part in conjuncts(whole, holds)]
    known = frozenset(part for part in said if _steady(move, part[0]))
    for whole, holds, at in sorted(move.new.passages.said[goto], key=repr):
        if not at or any(isinstance(part, Consent) for part in walk(whole)) or asked_at(move.takeover.new, whole) is None:
            continue
        reason = _implied(move, known, said, (whole, holds))
        if reason is None:
            yield Answer(BRANCH, doubt=Doubt(BRANCH, step, goto, detail=spoken((whole, holds))))
        else:
            yield Answer(BRANCH, reason)
    yield Answer(BRANCH, Reason("what every way to a step asks was true on the ways before"))


def _implied(move: Move, known: frozenset[Asked], said: list[Asked], asked: Asked) -> Reason | None:
    parts = list(conjuncts(_as_kept(move, asked[0]), asked[1]))
    if all(part in said for part in parts):
        return Reason("the same was asked before")
    needed = [part for part in parts if part not in said]
    if all(_steady(move, expr) and nobody(known | {(expr, not holds)}) for expr, holds in needed):
        read = {part.name for expr, _ in (*known, *needed) for part in walk(expr) if isinstance(part, Attribute)}
        changing = move.settings[1].changing | move.settings[0].changing
        return Reason("what every way to a step asks was true on the ways before", tuple(sorted(read & changing)))
    return None


def _steady(move: Move, expr: Expr) -> bool:
    """Whether a condition reads only what stays as it is: attributes that no journey sets, and what is kept of the trigger."""
    if isinstance(expr, Attribute):
        return all(expr.name in setting.steady for setting in move.settings)
    if isinstance(expr, Field):
        return expr.of == "trigger" and expr.path in move.takeover.fields
    if isinstance(expr, CallExpr):
        return all(_steady(move, arg) for arg in expr.args)
    return isinstance(expr, Literal)


def _as_kept(move: Move, expr: Expr) -> Expr:
    """A condition with NULL for the fields of the trigger that an entry of the old version does not bring along."""
    if isinstance(expr, Field) and expr.of == "trigger" and expr.path not in move.takeover.fields and expr.path != "type":
        return Literal(expr.type, None)
    if isinstance(expr, CallExpr):
        return CallExpr(expr.type, expr.name, tuple(_as_kept(move, arg) for arg in expr.args))
    return expr


def spoken(asked: Asked) -> str:
    """A condition that must be true, or not true, as text."""
    return expression_text(asked[0]) if asked[1] else f"not ({expression_text(asked[0])})"


def asked_at(journey: Journey, expr: Expr) -> tuple[str, int] | None:
    """The step that asks a condition, and the condition's place among those it is compiled with; None where none does."""
    for step in journey.steps:
        for number, when in enumerate(_asking(step)):
            if when.expr == expr:
                return step.id, number
    return None


def _asking(step: AnyStep) -> tuple[Predicate, ...]:
    if isinstance(step, Branch):
        return tuple(edge.when for edge in step.edges)
    if isinstance(step, Decide):
        return tuple(option.when for option in step.options if option.when is not None)
    if isinstance(step, Wait):
        return tuple(when for when in (step.where, step.when) if when is not None)
    return (step.until,) if isinstance(step, Repeat) and step.until is not None else ()


def _arms(move: Move, step: str, goto: str) -> Iterator[Answer]:
    """Nobody comes to a step that is for another arm than the one their hash gives them."""
    before = move.old.arms_before(step)
    for salt, shares in sorted(move.new.arms_before(goto).items()):
        if before.get(salt, frozenset(range(WHOLE))) <= shares:
            yield Answer(ARM, Reason("whoever comes to an arm's step is in that arm"))
        else:
            yield Answer(ARM, doubt=Doubt(ARM, step, goto, detail=salt))
    yield Answer(ARM, Reason("whoever comes to an arm's step is in that arm"))


def _deadline(move: Move, step: str, goto: str) -> Iterator[Answer]:
    """Who rests until an instant on a step that becomes one of its kind rests until then at most."""
    before, after = move.old.steps[step], move.new.steps[goto]
    if type(before) is not type(after) or isinstance(before, Send):
        yield Answer(DEADLINE, Reason("a step of another kind begins there, as it is written"))
    elif goes_on(before, after):
        yield Answer(DEADLINE, Reason("who waited goes on waiting until the same instant"))
    else:
        yield Answer(DEADLINE, doubt=Doubt(DEADLINE, step, goto))


def _contents(move: Move, step: str, goto: str) -> Iterator[Answer]:
    """What was sent is passed, unless its step lies on a cycle of the new version; then rounds are counted."""
    yield from _acts(move, step, TWICE, [goto], move.cyclic)
    yield Answer(TWICE, Reason("what was sent under the version before is passed"))


def _again(move: Move, step: str, goto: str) -> Iterator[Answer]:
    """A call, task, event or entry of another journey is not set off more often than by one version alone."""
    kept = move.goes_on(step, goto)
    starts = [way.goto for way in move.new.passages.ways[goto]] if kept else [goto]
    yield from _acts(move, step, AGAIN, starts, frozenset(move.new.steps))
    yield Answer(AGAIN, Reason("no call, task or event that was set off lies ahead"))


def _acts(move: Move, step: str, kind: str, starts: list[str], again: frozenset[str]) -> Iterator[Answer]:
    ahead = move.new.reached(starts) & again
    for fact in sorted(move.has_set_off(step)):
        if fact.sort in (EVENT, VARIABLE, ATTRIBUTE) or (fact.sort == CONTENT) is not (kind == TWICE):
            continue
        doing = [name for name in move.new.doing(fact) if name in ahead]
        reason = no_more(move.old, move.new, move.takeover.landing, step, fact, starts, again) if doing else ""
        if reason:
            yield Answer(kind, Reason(reason))
        elif doing:
            yield Answer(kind, doubt=Doubt(kind, step, move.takeover.landing[step], doing[0], f"{fact.sort} {fact.name}"))


def _past(move: Move, step: str, goto: str) -> Iterator[Answer]:
    """Nobody waits for an event that has come already, where the new version alone would have nobody do so."""
    for name in sorted(move.new.reached((goto,))):
        wait = move.new.steps[name]
        if not isinstance(wait, Wait) or not wait.until:
            continue
        fact = Fact(EVENT, wait.until)
        if fact in move.old.may[step] and fact not in move.new.may.get(name, NONE):
            yield Answer(PAST, doubt=Doubt(PAST, step, goto, name, wait.until))
    yield Answer(PAST, Reason("no wait ahead is for an event that has come"))


def _unset(move: Move, step: str, goto: str) -> Iterator[Answer]:
    """What a step ahead reads was set on every way, as far as the new version alone sees to it."""
    known = move.new.must_from(goto, move.carried(step))
    always = frozenset(Fact(FIELD, path) for path, _ in move.takeover.new.trigger_fields)
    for name in sorted(known):
        if (
            name == goto
            and not isinstance(move.new.steps[name], Wait)
            and move.goes_on(step, goto)
            and not _decided_again(move, step, goto)
        ):
            continue
        promised = move.new.must.get(name, NONE) | always
        for fact in sorted(needs_of(move.new.steps[name], move.contents)):
            if fact in promised and fact not in known[name]:
                yield Answer(UNSET_VALUE, doubt=Doubt(UNSET_VALUE, step, goto, name, f"{fact.sort} {fact.name}"))
    yield Answer(UNSET_VALUE, Reason("what is read ahead was set on every way"))


def _decided_again(move: Move, step: str, goto: str) -> bool:
    """Whether a message that has not left yet is decided under the new version."""
    return isinstance(move.new.steps[goto], Send) and any(way.most_us for way in move.old.passages.ways[step])


def whole(move: Move) -> Iterator[Answer]:
    """What rules say of everybody under way: the holdout, and places in the budgets."""
    old, new = move.takeover.old, move.takeover.new
    if not any(move.takeover.landing.get(step) for step in move.resting):
        yield Answer(HOLDOUT, Reason("nobody goes on under the new version"))
    elif new.holdout > old.holdout:
        yield Answer(HOLDOUT, doubt=Doubt(HOLDOUT, "", "", detail=f"holdout {new.holdout / 100:g} %"))
    else:
        yield Answer(HOLDOUT, Reason("nobody whom the new version would hold out is under way"))
    before, after = move.rules
    purposes = {purpose.name: purpose for purpose in after.policy.purposes}
    sends = [step for step in new.steps if isinstance(step, Send)]
    for budget in after.policy.budgets:
        counted = any(counts(budget, step.channel, purposes[step.purpose], new.name) for step in sends)
        if counted and budget.window_us > before.window_us:
            yield Answer(BUDGET, doubt=Doubt(BUDGET, "", "", detail=f"{budget.name} looks back {duration_text(budget.window_us)}"))
    yield Answer(BUDGET, Reason("places in the budgets are the customer's and stay as they are"))
