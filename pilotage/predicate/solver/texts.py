"""Two ways to reason about texts: as marks on a line, which is fast, or as sequences of characters, which is exact.

Where texts are only compared, all that matters is which of the condition's constants they are, or between which two they stand:
each constant is a number, in order, with room for others between. What looks inside a text then stays open, which proves less but
nothing wrong. As sequences, joining, cutting, searching and patterns mean what they do in the product. Its characters end where
the solver's do, at U+2FFFF: a constant with one of the last planes is left open too (`readable`).
"""

from bisect import bisect_right
from collections.abc import Iterable

from pilotage.predicate.arithmetic import like_segments
from pilotage.predicate.ir import Call, Literal
from pilotage.predicate.solver.logic import Logic, Term
from pilotage.predicate.solver.numbers import larger, smaller
from pilotage.predicate.texts import PLACE_MAX, lower

_ROOM = 64
_CHARACTER_MAX = 0x1FFFF


def readable(text: str) -> bool:
    """Whether the solver's characters are enough for a text, with as many again beyond it for texts that stand above."""
    return all(ord(character) <= _CHARACTER_MAX and not 0xD800 <= ord(character) < 0xE000 for character in text)


class Marks:
    """Texts as numbers in order. `known` are the texts that have a number of their own; the empty text always has, the first."""

    exact = False

    def __init__(self, logic: Logic, known: Iterable[str]) -> None:
        self._logic = logic
        self.known = sorted({"", *known})
        self._places = {text: (at + 1) * _ROOM for at, text in enumerate(self.known)}

    def symbol(self, name: str) -> Term:
        """An unknown text."""
        return self._logic.integer_symbol(name)

    def constant(self, text: str) -> Term:
        """A text that is known."""
        return self._logic.integer(self._places[text])

    def speaks(self, text: str) -> bool:
        """Whether a text has a constant."""
        return text in self._places

    def possible(self, symbol: Term) -> Term:
        """What holds for any text: none is before the empty one."""
        return symbol >= _ROOM

    def applied(self, call: Call, args: list[Term]) -> Term | None:
        """Nothing that looks inside a text is known here."""
        return None

    def text(self, value: bool | int | str) -> str:
        """The text that an assignment means: a known one, or one that stands there in order and is most likely another."""
        place, beyond = divmod(int(value), _ROOM)
        before = self.known[min(place, len(self.known)) - 1]
        return before if not beyond and place <= len(self.known) else self._between(before, beyond)

    def _between(self, before: str, beyond: int) -> str:
        after = next(iter(self.known[bisect_right(self.known, before) :]), None)
        candidates = (f"{before}{middle}{beyond}" for middle in ("other ", " ", "!", "\x00"))
        return next((text for text in candidates if after is None or text < after), f"{before}\x00{beyond}")


class Sequences:
    """Texts as the solver's own sequences of characters."""

    exact = True

    def __init__(self, logic: Logic) -> None:
        self._logic = logic

    def symbol(self, name: str) -> Term:
        """An unknown text."""
        return self._logic.text_symbol(name)

    def constant(self, text: str) -> Term:
        """A known text."""
        return self._logic.text(text)

    def speaks(self, text: str) -> bool:
        """Whether a text has a constant."""
        return readable(text)

    def possible(self, symbol: Term) -> Term:
        """What holds for any text: nothing."""
        return self._logic.true

    def text(self, value: bool | int | str) -> str:
        """The text of an assignment."""
        return str(value)

    def applied(self, call: Call, args: list[Term]) -> Term | None:
        """What a call comes to, for arguments that are not NULL; None where it stays open."""
        logic = self._logic
        match call.name:
            case "concat":
                return logic.joined(*args)
            case "length":
                return logic.length(args[0])
            case "starts_with":
                return logic.begins(*args)
            case "ends_with":
                return logic.ends(*args)
            case "contains":
                return logic.contains(*args)
            case "position":
                return logic.place(*args) + 1
            case "left":
                return logic.cut(args[0], logic.integer(0), larger(logic, args[1], logic.integer(0)))
            case "right":
                return self._right(*args)
            case "substring":
                return self._substring(*args)
            case "like":
                return self._like(call, args[0])
            case "text_of_boolean":
                return logic.choose(args[0], logic.text("true"), logic.text("false"))
            case "text_of_integer":
                negative = logic.joined(logic.text("-"), logic.digits(-args[0]))
                return logic.choose(args[0] < 0, negative, logic.digits(args[0]))
        return None

    def _right(self, text: Term, length: Term) -> Term:
        logic = self._logic
        kept = larger(logic, smaller(logic, length, logic.length(text)), logic.integer(0))
        return logic.cut(text, logic.length(text) - kept, kept)

    def _substring(self, text: Term, start: Term, length: Term | None = None) -> Term:
        logic = self._logic
        least, most, first = logic.integer(-PLACE_MAX), logic.integer(PLACE_MAX), logic.integer(1)
        start = larger(logic, least, smaller(logic, most, start))
        length = most if length is None else larger(logic, least, smaller(logic, most, length))
        begun = larger(logic, start, first)
        return logic.cut(text, begun - 1, larger(logic, start + length, begun) - begun)

    def _like(self, call: Call, text: Term) -> Term:
        return self._logic.matches(text, like_segments(*constants_of(call)))


Texts = Marks | Sequences


def constants_of(call: Call) -> list[str]:
    """The pattern of `like` or `ilike` and its escape character, as they are compared."""
    constants = [str(arg.value) for arg in call.args[1:] if isinstance(arg, Literal)]
    return [lower(constant) for constant in constants] if call.name == "ilike" else constants
