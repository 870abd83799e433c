"""The one door to the solver: terms, what they mean together, and checks that end in time.

Everything here is about formulas as such; what a condition means is said in `translate`. Each problem has a solver context of
its own, so that an answer depends on the question alone and never on what was asked before.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol, runtime_checkable

import msgspec
import z3


@runtime_checkable
class Term(Protocol):
    """A formula, a whole number or a text of the solver. `/` is the quotient below for a positive divisor, `%` what it leaves."""

    def __add__(self, other: "Term | int") -> "Term": ...
    def __radd__(self, other: int) -> "Term": ...
    def __sub__(self, other: "Term | int") -> "Term": ...
    def __rsub__(self, other: int) -> "Term": ...
    def __mul__(self, other: "Term | int") -> "Term": ...
    def __rmul__(self, other: int) -> "Term": ...
    def __truediv__(self, other: "Term | int") -> "Term": ...
    def __mod__(self, other: "Term | int") -> "Term": ...
    def __neg__(self) -> "Term": ...
    def __lt__(self, other: "Term | int") -> "Term": ...
    def __le__(self, other: "Term | int") -> "Term": ...
    def __gt__(self, other: "Term | int") -> "Term": ...
    def __ge__(self, other: "Term | int") -> "Term": ...


class Limits(msgspec.Struct, frozen=True):
    """What one check may use: units of the solver's own work (the same on every machine), and milliseconds, the last resort."""

    work: int = 4_000_000
    timeout_ms: int = 5_000


class Outcome(StrEnum):
    """What a check came to: no assignment exists, one was found, or the limits ran out."""

    NONE = "none"
    FOUND = "found"
    UNDECIDED = "undecided"


_SIMPLIFIED_AGAIN = 2
"""One pass of the simplifier can leave the comparison of two constants, such as of a text with the empty one."""


class Logic:
    """The vocabulary of one problem. Constants fold as terms are built, so formulas stay small."""

    def __init__(self) -> None:
        self.context = z3.Context()
        self.true: Term = z3.BoolVal(True, self.context)
        self.false: Term = z3.BoolVal(False, self.context)

    def truth(self, value: bool) -> Term:
        """A constant truth."""
        return self.true if value else self.false

    def integer(self, value: int) -> Term:
        """A constant whole number."""
        return z3.IntVal(value, self.context)  # type: ignore[no-any-return]

    def text(self, value: str) -> Term:
        """A constant text."""
        return z3.StringVal(_escaped(value), self.context)  # type: ignore[no-any-return]

    def truth_symbol(self, name: str) -> Term:
        """An unknown truth."""
        return z3.Bool(name, self.context)  # type: ignore[no-any-return]

    def integer_symbol(self, name: str) -> Term:
        """An unknown whole number."""
        return z3.Int(name, self.context)  # type: ignore[no-any-return]

    def text_symbol(self, name: str) -> Term:
        """An unknown text."""
        return z3.String(name, self.context)  # type: ignore[no-any-return]

    def negated(self, part: Term) -> Term:
        """Not so."""
        if part is self.true:
            return self.false
        return self.true if part is self.false else z3.Not(part)

    def all_of(self, *parts: Term) -> Term:
        """All of them; of none, true."""
        kept = [part for part in parts if part is not self.true]
        if any(part is self.false for part in kept):
            return self.false
        if len(kept) < 2:
            return kept[0] if kept else self.true
        return z3.And(*kept)  # type: ignore[no-any-return]

    def any_of(self, *parts: Term) -> Term:
        """One of them at least; of none, false."""
        kept = [part for part in parts if part is not self.false]
        if any(part is self.true for part in kept):
            return self.true
        if len(kept) < 2:
            return kept[0] if kept else self.false
        return z3.Or(*kept)  # type: ignore[no-any-return]

    def follows(self, given: Term, then: Term) -> Term:
        """If the one, then the other."""
        return self.any_of(self.negated(given), then)

    def choose(self, given: Term, one: Term, other: Term) -> Term:
        """The one where it is so, else the other."""
        if given is self.true or one is other:
            return one
        return other if given is self.false else z3.If(given, one, other)

    def same(self, one: Term, other: Term | int) -> Term:
        """Whether two terms of one sort are equal."""
        return self.true if one is other else one == other  # type: ignore[return-value]

    def joined(self, one: Term, other: Term) -> Term:
        """One text behind the other."""
        return z3.Concat(one, other)  # type: ignore[no-any-return]

    def length(self, text: Term) -> Term:
        """How many characters a text has."""
        return z3.Length(text)  # type: ignore[no-any-return]

    def cut(self, text: Term, start: Term, length: Term) -> Term:
        """So many characters from a place on, the first being 0; empty where the place is not in the text."""
        return z3.SubString(text, start, length)  # type: ignore[no-any-return]

    def place(self, text: Term, part: Term) -> Term:
        """Where a part begins, the first place being 0; −1 if it is not there."""
        return z3.IndexOf(text, part, self.integer(0))  # type: ignore[no-any-return]

    def begins(self, text: Term, part: Term) -> Term:
        """Whether a text begins with a part."""
        return z3.PrefixOf(part, text)  # type: ignore[no-any-return]

    def ends(self, text: Term, part: Term) -> Term:
        """Whether a text ends with a part."""
        return z3.SuffixOf(part, text)  # type: ignore[no-any-return]

    def contains(self, text: Term, part: Term) -> Term:
        """Whether a text has a part."""
        return z3.Contains(text, part)  # type: ignore[no-any-return]

    def digits(self, value: Term) -> Term:
        """The decimal text of a number that is not negative."""
        return z3.IntToStr(value)  # type: ignore[no-any-return]

    def matches(self, text: Term, segments: Sequence[Sequence[str | None]]) -> Term:
        """Whether a text is these segments with any text between two of them; None in a segment is any one character."""
        sort = z3.ReSort(z3.StringSort(self.context))
        pieces = []
        for at, segment in enumerate(segments):
            pieces += [z3.Full(sort)] if at else []
            pieces += [z3.AllChar(sort) if character is None else z3.Re(self.text(character)) for character in segment]
        if not pieces:
            return self.same(text, self.text(""))
        return z3.InRe(text, pieces[0] if len(pieces) == 1 else z3.Concat(*pieces))  # type: ignore[no-any-return]

    def valued(self, term: Term, symbols: Sequence[tuple[Term, Term]]) -> bool | int | str | None:
        """What a term comes to where symbols have these constants as values; None if that does not settle it."""
        found = z3.simplify(z3.substitute(term, *symbols) if symbols else term)
        for _ in range(_SIMPLIFIED_AGAIN):
            if plain(found) is None:
                found = z3.simplify(found)
        return plain(found)

    def session(self, limits: Limits) -> "Session":
        """A place to assert and check."""
        return Session(self, limits)


class Session:
    """Formulas held together. `model` is the assignment that the last check found."""

    def __init__(self, logic: Logic, limits: Limits) -> None:
        self.logic = logic
        self._solver = z3.Solver(ctx=logic.context)
        self.limit(limits)
        self.model: Model | None = None

    def limit(self, limits: Limits) -> None:
        """What each check from here on may use."""
        self._solver.set("rlimit", limits.work)
        self._solver.set("timeout", limits.timeout_ms)

    def hold(self, *parts: Term) -> None:
        """Assert formulas, for good or until the next `drop`."""
        self._solver.add(*(part for part in parts if part is not self.logic.true))

    def mark(self) -> None:
        """What is held from here on can be dropped."""
        self._solver.push()

    def drop(self) -> None:
        """Forget what was held since the last `mark`."""
        self._solver.pop()

    def check(self, *given: Term) -> Outcome:
        """Whether all that is held can be so at once, with these formulas besides."""
        if any(part is self.logic.false for part in given):
            return Outcome.NONE
        found = self._solver.check(*(part for part in given if part is not self.logic.true))
        if found == z3.sat:
            self.model = Model(self._solver.model())
            return Outcome.FOUND
        return Outcome.NONE if found == z3.unsat else Outcome.UNDECIDED

    def ran_out(self) -> str:
        """Why the last check was undecided, in the solver's words."""
        reason = str(self._solver.reason_unknown())
        return {"max. resource limit exceeded": "its work limit", "timeout": "its time limit", "canceled": "its work limit"}.get(
            reason, f"what the solver can reason about ({reason})"
        )

    def spent(self) -> int:
        """The solver's work on this problem so far, in the units of `Limits.work`."""
        found = self._solver.statistics()
        keys: list[str] = found.keys()
        return int(found.get_key_value("rlimit count")) if "rlimit count" in keys else 0

    def core(self, *given: Term) -> list[int]:
        """Which of the formulas (by place) cannot be so together with what is held; each of them is needed. Empty if they can,
        or if it is not known."""
        if self.check(*given) is not Outcome.NONE:
            return []
        left = list(range(len(given)))
        for at in range(len(given)):
            fewer = [place for place in left if place != at]
            if self.check(*(given[place] for place in fewer)) is Outcome.NONE:
                left = fewer
        return left


class Model:
    """One assignment."""

    def __init__(self, model: z3.ModelRef) -> None:
        self._model = model

    def value(self, term: Term) -> bool | int | str:
        """What a term comes to."""
        found = plain(self._model.eval(term, model_completion=True))
        assert found is not None
        return found


def plain(term: Term) -> bool | int | str | None:
    """The Python value of a constant term; None of any other."""
    if z3.is_true(term):
        return True
    if z3.is_false(term):
        return False
    if z3.is_int_value(term):
        return int(term.as_long())  # type: ignore[attr-defined]
    if z3.is_string_value(term):
        return _unescaped(term.as_string())  # type: ignore[attr-defined]
    return None


def _escaped(value: str) -> str:
    r"""A text as the solver reads it: everything but plain ASCII as `\u{…}`, so that no character means something else."""
    return "".join(c if " " <= c <= "~" and c != "\\" else f"\\u{{{ord(c):x}}}" for c in value)


def _unescaped(shown: str) -> str:
    pieces = shown.split("\\u{")
    return pieces[0] + "".join(chr(int(piece.partition("}")[0], 16)) + piece.partition("}")[2] for piece in pieces[1:])
