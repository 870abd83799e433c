"""Questions about conditions, each answered by a proof, by a customer, or by what ran out.

A proof is the solver's: within the facts that hold of every customer and every past (`translate`, `windows`, `openings`), the
opposite cannot be. A customer is ours: made of an assignment, and shown only where the Python back end agrees. A condition that is
NULL is not true; one that is not calculated to its end, because a number or text does not fit, is neither.
"""

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from pilotage.event.time import DAY_US, HOUR_US, MINUTE_US
from pilotage.event.zone import Zones
from pilotage.predicate.clock import PARTS
from pilotage.predicate.ir import Attribute, Call, Expr, Field, Literal, Now, Predicate, Type, Variable
from pilotage.predicate.solver.customers import corrections, customer
from pilotage.predicate.solver.evaluate import value_of
from pilotage.predicate.solver.histories import Remembering
from pilotage.predicate.solver.logic import Limits, Logic, Model, Outcome, Session, Term
from pilotage.predicate.solver.problem import Problem, World, looks_inside
from pilotage.predicate.solver.symbols import OFFSET, Symbol, Truth
from pilotage.predicate.solver.witness import EVENTS_MAX, FAILED, Inquiry, Witness

NOW_US = 1_768_471_200_000_000
"""The instant that is tried first for a witness: 2026-01-15T10:00:00Z."""

ROUNDS_MAX = 12
"""How many customers are looked at before it is said that none was found."""

WISHES_MAX = 60
"""How many checks are spent on making a customer plain."""

WISH = Limits(work=40_000, timeout_ms=1_000)
"""What each of these may use."""

MIDDLE = {"month": 6, "day": 15}
"""The day that is tried first for a date: with it, only the year is left to find."""

UNDECIDED_MAX = 6
"""How many of them may be undecided before it is enough."""

Claim = Callable[[Logic, Sequence[Truth]], Term]
"""What is looked for, of the truths of conditions."""


class Verdict(StrEnum):
    """How an answer is known."""

    PROVED = "proved"
    WITNESS = "witness"
    UNKNOWN = "unknown"


class Answer(msgspec.Struct, frozen=True):
    """The answer to a question: whether it holds (None: unknown), the customer who shows it, or why it is not known."""

    verdict: Verdict
    holds: bool | None
    witness: Witness | None = None
    reason: str = ""


def satisfiable(predicate: Predicate, world: World = World()) -> Answer:
    """Whether the condition can be true: a witness, or a proof that it never is."""
    return _asked([predicate], _true, lambda values: values[0] is True, world, found=True)


def always_false(predicate: Predicate, world: World = World()) -> Answer:
    """Whether the condition is never true (false or NULL for everybody): a proof, or somebody for whom it is true."""
    return _asked([predicate], _true, lambda values: values[0] is True, world, found=False)


def always_true(predicate: Predicate, world: World = World()) -> Answer:
    """Whether the condition is true for everybody: a proof, or somebody for whom it is false or NULL."""
    return _asked([predicate], _not_true, lambda values: values[0] in (False, None), world, found=False)


def implies(one: Predicate, other: Predicate, world: World = World(), *, plain: bool = True) -> Answer:
    """Whether the second condition is true wherever the first is: a proof, or somebody for whom only the first is (without `plain`
    whoever is found first)."""
    return _asked(
        [one, other], _only_first, lambda values: values[0] is True and values[1] in (False, None), world, found=False, plain=plain
    )


def disjoint(one: Predicate, other: Predicate, world: World = World(), *, plain: bool = True) -> Answer:
    """Whether the conditions are never both true: a proof, or somebody for whom both are (without `plain` whoever is found first)."""
    return _asked([one, other], _both, lambda values: values[0] is True and values[1] is True, world, found=False, plain=plain)


def equivalent(one: Predicate, other: Predicate, world: World = World()) -> Answer:
    """Whether the conditions are true for the same customers: a proof, or somebody for whom one is and the other is not."""
    first = implies(one, other, world)
    return first if first.verdict is not Verdict.PROVED else implies(other, one, world)


def _true(logic: Logic, truths: Sequence[Truth]) -> Term:
    return truths[0].true


def _not_true(logic: Logic, truths: Sequence[Truth]) -> Term:
    return logic.negated(truths[0].true)


def _both(logic: Logic, truths: Sequence[Truth]) -> Term:
    return logic.all_of(truths[0].true, truths[1].true)


def _only_first(logic: Logic, truths: Sequence[Truth]) -> Term:
    return logic.all_of(truths[0].true, logic.negated(truths[1].true))


def _asked(
    predicates: Sequence[Predicate], claim: Claim, shows: Callable[[list[Any]], bool], world: World, *, found: bool, plain: bool = True
) -> Answer:
    """Look for a customer: `found` is what the question's answer is if there is one. Texts are first told apart only, which is
    fast, and looked into where that does not settle it."""
    reason = ""
    for exact in (False, True) if looks_inside(predicates, world) else (False,):
        proof = Problem(predicates, world, exact=exact, remembered=False)
        outcome = proof.session.check(claim(proof.logic, proof.truths))
        if outcome is Outcome.NONE:
            return Answer(Verdict.PROVED, not found)
        reason = f"the proof needs more than {proof.session.ran_out()}; " if outcome is Outcome.UNDECIDED else ""
        search = _Search(predicates, claim, shows, world, exact)
        witness = search.customer(plain)
        if witness is not None:
            return Answer(Verdict.WITNESS, found, witness)
        reason += search.reason
    return Answer(Verdict.UNKNOWN, None, reason=reason)


class _Search:
    """Looks for a customer who shows something. `reason` says why none was found."""

    def __init__(
        self, predicates: Sequence[Predicate], claim: Claim, shows: Callable[[list[Any]], bool], world: World, exact: bool
    ) -> None:
        self.predicates, self.shows, self.world = predicates, shows, world
        self.problem = Problem(predicates, world, exact=exact, remembered=True)
        assert isinstance(self.problem.translator, Remembering)
        self.translator: Remembering = self.problem.translator
        self.session: Session = self.problem.session
        self.session.hold(claim(self.problem.logic, self.problem.truths))
        features = self.problem.features.values()
        self.asked = Inquiry({str(at): predicate.expr for at, predicate in enumerate(predicates)}, features, world.zones)
        self.defined = Inquiry({name: predicate.expr for name, predicate in world.audiences.items()}, features, world.zones)
        self.reason = ""

    def customer(self, plain: bool) -> Witness | None:
        """Somebody who shows it, confirmed in Python; None if nobody was found. With `plain` nothing odd is left about them that
        need not be."""
        for _ in range(ROUNDS_MAX):
            self.session.mark()
            found = self.session.check()
            if found is not Outcome.FOUND:
                self.reason = self._nobody(found)
                return None
            model = self._plainest(plain)
            witness = customer(self.translator, model)
            self.session.drop()
            if sum(each.times for each in witness.happened) > EVENTS_MAX:
                self.reason = f"it takes more than {EVENTS_MAX} events"
                return None
            if self._confirmed(witness):
                return placed(witness, self.defined)
            told = list(corrections(self.translator, model, witness, self._actual(witness), self.world.zones))
            if all(term is self.problem.logic.true for term in told):
                break
            self.session.hold(*told)
        self.reason = "customers were found in logic, but Python did not confirm them: " + self._open()
        return None

    def _plainest(self, plain: bool) -> Model:
        """The assignment found, or one that keeps more of what is wished."""
        self.session.limit(WISH)
        wishes(self.session, self._wishes()[: None if plain else 3])
        self.session.limit(self.world.limits)
        assert self.session.model is not None
        return self.session.model

    def _nobody(self, outcome: Outcome) -> str:
        if outcome is Outcome.UNDECIDED:
            return f"looking for a customer takes more than {self.session.ran_out()}"
        bursts = max((len(past) for past in self.translator.past.values()), default=0)
        return f"nobody with at most {bursts} instants of each event shows it" if bursts else "nobody shows it: " + self._open()

    def _open(self) -> str:
        """What logic does not look into here."""
        names = sorted({expr.name for expr in self.translator.opened if isinstance(expr, Call)})
        return f"logic does not look into {', '.join(names)}" if names else "a number or text does not fit on the way"

    def _confirmed(self, witness: Witness) -> bool:
        found = self.asked(placed(witness, self.defined))
        values = [found[str(at)] for at in range(len(self.predicates))]
        return all(value is not FAILED for value in values) and self.shows(values)

    def _actual(self, witness: Witness) -> dict[Expr, Any]:
        """What the open calls come to about a customer, in Python."""
        about = self.asked.subject(witness)
        found: dict[Expr, Any] = {}
        for expr in self.translator.symbols.known:
            if isinstance(expr, Call):
                try:
                    found[expr] = value_of(expr, self.world.zones)(*about)
                except ArithmeticError:
                    continue
        return found

    def _wishes(self) -> list[list[Term]]:
        """What makes a customer plain, the most wanted first: it is today, by the zone's own clock; dates are in mid June; nothing
        overflows, texts are known ones, little has happened, little is known, numbers are small."""
        logic, translator = self.problem.logic, self.translator
        symbols = [symbol for symbol in translator.symbols.known.values() if not isinstance(symbol.expr, Call)]
        bursts = [burst for past in translator.past.values() for burst in past]
        fields = [symbol for burst in bursts for symbol in burst.translator.symbols.known.values() if not isinstance(symbol.expr, Call)]
        today = [logic.same(translator.now, NOW_US), *self._clocks()]
        calls = [(symbol.expr, symbol.value) for symbol in translator.symbols.known.values() if isinstance(symbol.expr, Call)]
        dates = [logic.same(value, MIDDLE[call.name]) for call, value in calls if call.name in MIDDLE and _read(call.args[0])]
        sound = [logic.all_of(*translator.bounds), *self._grounded()]
        little = [
            *(logic.same(burst.times, 0) for burst in bursts),
            *(burst.times <= 1 for burst in bursts),
            *(symbol.null for symbol in symbols if _read(symbol.expr)),
            *(symbol.null for symbol in fields),
            *(logic.negated(symbol.value) for symbol in symbols if symbol.expr.type == Type.BOOLEAN),
            *(wish for symbol in (*symbols, *fields) for wish in _small(symbol)),
            *(logic.same(burst.age % unit, 0) for burst in bursts for unit in (MINUTE_US, HOUR_US, DAY_US)),
        ]
        return [today, dates, sound, little]

    def _grounded(self) -> Iterable[Term]:
        """The arguments of open calls are texts of which it is known what the calls come to."""
        logic, texts = self.problem.logic, self.problem.texts
        known = [texts.constant(text) for text in dict.fromkeys(self.problem.samples) if texts.speaks(text)]
        of_events = [burst.translator for past in self.translator.past.values() for burst in past]
        for translator in (self.translator, *of_events):
            for call, args in translator.opened.items():
                if isinstance(call, Call) and call.args[0].type == Type.STRING and not isinstance(call.args[0], Literal):
                    yield logic.any_of(args[0].null, *(logic.same(args[0].value, text) for text in known))

    def _clocks(self) -> Iterable[Term]:
        """The zone's clock is as far from UTC as on the first day tried, and its date is that day's."""
        zones, logic = self.world.zones, self.problem.logic
        for expr, symbol in self.translator.symbols.known.items():
            if zones is None or not isinstance(expr, Call):
                continue
            if expr.name == OFFSET:
                yield logic.same(symbol.value, _wall(zones, expr.args[1]) - NOW_US)
            elif expr.name in MIDDLE | {"year": 0} and isinstance(date := expr.args[0], Call) and date.args[:1] == (Now(),):
                yield logic.same(symbol.value, PARTS[expr.name](_wall(zones, date.args[1]) // DAY_US))


def _wall(zones: Zones, zone: Expr) -> int:
    """The wall time of the first day tried, in a zone or its default."""
    return zones.wall_us(NOW_US, str(getattr(zone, "default", "UTC")))


def placed(witness: Witness, definitions: Inquiry) -> Witness:
    """The customer, in the audiences whose definitions are true of them, and no others of those that have one."""
    for _ in range(len(definitions.names)):  # one may rest on another
        held = definitions(witness)
        inside = tuple(sorted({*(n for n in witness.audiences if n not in held), *(n for n in held if held[n] is True)}))
        if inside == witness.audiences:
            break
        witness = msgspec.structs.replace(witness, audiences=inside)
    return witness


def wishes(session: Session, wanted: list[list[Term]]) -> None:
    """Hold as many of the wishes as go together, the first ones first; the session's model is then one that keeps them.

    Those of a group are held at once where they can be, and halved where they cannot."""
    pending, lost = wanted[::-1], 0
    for _ in range(WISHES_MAX):
        if not pending or lost > UNDECIDED_MAX:
            break
        some = pending.pop()
        outcome = session.check(*some)
        lost += outcome is Outcome.UNDECIDED
        if outcome is Outcome.FOUND:
            session.hold(*some)
        elif len(some) > 1:
            half = len(some) // 2
            pending += [some[half:], some[:half]]


def _read(expr: Expr) -> bool:
    """Whether an expression is something that is read and can be NULL."""
    return isinstance(expr, Attribute | Field | Variable) and not (isinstance(expr, Field) and expr.path == "type")


def _small(symbol: Symbol) -> Iterable[Term]:
    match symbol.expr.type:
        case Type.INTEGER:
            yield from (symbol.value >= 0, symbol.value <= 100)
        case Type.NUMBER:
            yield from (symbol.value >= 0, symbol.value <= 1_000_000_000, (symbol.value % 10_000) <= 0)
        case Type.TIMESTAMP:
            yield from (symbol.value <= NOW_US, symbol.value >= 0)
        case Type.DATE:
            yield from (symbol.value <= NOW_US // DAY_US, symbol.value >= 0)
