"""Conditions that cannot mean what they say: never or always true, or with a part that changes nothing.

Only what is proved is said. A part is looked at where it stands: behind `and` it matters only where the other parts are true,
behind `or` only where they are not, so one rule finds what contradicts, what repeats and what is covered by something else.
"""

from collections.abc import Iterator, Sequence
from typing import Literal

from pilotage.predicate.clauses import Clause, Doubt, clauses
from pilotage.predicate.ir import Call, Expr, Predicate
from pilotage.predicate.ir import Literal as Constant
from pilotage.predicate.scope import Scope
from pilotage.predicate.solver.logic import Limits, Outcome, Term
from pilotage.predicate.solver.problem import Problem, World, looks_inside

CLAUSES_MAX = 64
"""In a condition of more parts, only the whole is looked at."""

EXAMINED = Limits(work=100_000, timeout_ms=1_000)
"""What one check of an examination may use: a plain condition takes some hundreds, a fifth of a second this much."""

WORK_MAX = 4_000_000
"""The solver's work that the conditions of one workspace may take together: seconds, where thousands of plain ones fit."""


class Examiner:
    """Examines conditions one after another within one budget of the solver's work; equal ones once. Where the budget has run
    out, the first condition that is not examined says so, and the others are let pass."""

    def __init__(self, world: World = World(limits=EXAMINED), work: int = WORK_MAX) -> None:
        self.world, self.left = world, work
        self._known: dict[tuple[str, Expr], tuple[Doubt, ...]] = {}

    def __call__(self, predicate: Predicate, scope: Scope) -> tuple[Doubt, ...]:
        """What is doubtful about a condition."""
        key = (predicate.text, predicate.expr)
        if key not in self._known:
            self._known[key] = self._examined(predicate, scope)
        return self._known[key]

    def _examined(self, predicate: Predicate, scope: Scope) -> tuple[Doubt, ...]:
        if self.left > 0:
            found, spent = _examination(predicate, scope, self.world)
            self.left -= spent
            return found
        if any(doubt.kind == "unexamined" for doubts in self._known.values() for doubt in doubts):
            return ()
        message = "this condition and those behind it were not examined: those before took all the work that one check may take"
        return (Doubt("unexamined", 1, 1, 2, message, "simplify the conditions that compare most, or check fewer documents at once"),)


def contradictions(predicate: Predicate, scope: Scope, world: World = World(limits=EXAMINED)) -> tuple[Doubt, ...]:
    """What is doubtful about a condition, in the order of its text; empty where nothing is, or nothing could be proved within the
    world's limits. A condition that is nothing but `true` or `false` is meant so. `scope` is the one it was parsed in."""
    return _examination(predicate, scope, world)[0]


def _examination(predicate: Predicate, scope: Scope, world: World) -> tuple[tuple[Doubt, ...], int]:
    """What is doubtful, and the work it took to say so."""
    found: list[Doubt] = []
    spent = 0
    if isinstance(predicate.expr, Constant):
        return (), spent
    clause = clauses(predicate.text, scope)
    for exact in (False, True) if looks_inside([predicate], world) else (False,):
        examined = _Examined(predicate, world, exact)
        found = examined.doubts(clause)
        spent += examined.session.spent()
        if any(doubt.kind != "idle" for doubt in found):
            break
    return tuple(sorted(found, key=lambda doubt: (doubt.line, doubt.column))), spent


class _Examined:
    """One condition as a problem."""

    def __init__(self, predicate: Predicate, world: World, exact: bool) -> None:
        self.text = predicate.text
        self.problem = Problem([predicate], world, exact=exact, remembered=False)
        self.logic, self.session = self.problem.logic, self.problem.session

    def doubts(self, clause: Clause) -> list[Doubt]:
        true = self.true(clause)
        if self.impossible(true):
            return [self.never(clause)]
        if self.impossible(self.logic.negated(true)):
            cure = "write true if that is meant, else correct it"
            return [self.doubt("always", clause, "this condition is always true", cure)]
        return list(self.parts(clause, [])) if _size(clause) <= CLAUSES_MAX else []

    def true(self, clause: Clause) -> Term:
        return self.problem.translator.truth(clause.expr).true

    def impossible(self, *given: Term) -> bool:
        return self.session.check(*given) is Outcome.NONE

    def never(self, clause: Clause) -> Doubt:
        """What makes a condition never true: the fewest of its parts that exclude each other, or one that is never true."""
        while clause.joined == "and":
            parts = [clause.parts[at] for at in self.session.core(*map(self.true, clause.parts))]
            if len(parts) > 1:
                *others, last = (part.text(self.text) for part in parts)
                message = f"this condition is never true: {', '.join(others)} and {last} exclude each other"
                return self.doubt("never", parts[-1], message, "correct one of them, or remove the condition")
            if not parts:
                break
            clause = parts[0]
        message = f"this condition is never true, because {clause.text(self.text)} never is"
        return self.doubt("never", clause, message, "correct it, or remove the condition")

    def parts(self, clause: Clause, given: Sequence[Term]) -> Iterator[Doubt]:
        """What parts change nothing where they stand, `given` what is so wherever the whole matters. Of two that make each other
        idle, the later one is."""
        left = list(clause.parts)
        for part in reversed(clause.parts):
            others = [self.true(other) for other in left if other is not part]
            around = [*given, *(others if clause.joined == "and" else map(self.logic.negated, others))]
            doubt = self.idle(clause, part, given, around)
            if doubt is not None:
                left.remove(part)
                yield doubt
            else:
                yield from self.parts(part, around)

    def idle(self, clause: Clause, part: Clause, given: Sequence[Term], around: Sequence[Term]) -> Doubt | None:
        true = self.true(part)
        written = part.text(self.text)
        if clause.joined == "or":
            if self.impossible(*given, true):
                return self.doubt("idle", part, f"this part is never true here: {written}", "remove it, or correct it")
            if self.impossible(*around, true):
                return self.doubt("idle", part, f"this part changes nothing: where {written} is true, another part is", "remove it")
            return None
        untrue = self.logic.negated(true)
        if self.impossible(*given, untrue):
            return self.doubt("idle", part, f"this part is always true here: {written}", "remove it, or correct it")
        # That something is known is often said for the reader, beside what it follows from.
        if not _says_known(part) and self.impossible(*around, untrue):
            return self.doubt("idle", part, f"this part changes nothing: {written} is true wherever the other parts are", "remove it")
        return None

    def doubt(self, kind: Literal["never", "always", "idle"], clause: Clause, message: str, cure: str) -> Doubt:
        before = self.text.rfind("\n", 0, clause.start) + 1
        line_end = self.text.find("\n", clause.start)
        end = min(clause.end, line_end if line_end >= 0 else len(self.text))
        return Doubt(kind, self.text.count("\n", 0, clause.start) + 1, clause.start - before + 1, end - before + 1, message, cure)


def _size(clause: Clause) -> int:
    return 1 + sum(map(_size, clause.parts))


def _says_known(clause: Clause) -> bool:
    """Whether a part is `… is not null`."""
    negated = clause.expr.args[0] if isinstance(clause.expr, Call) and clause.expr.name == "not" else None
    return isinstance(negated, Call) and negated.name == "is_null"
