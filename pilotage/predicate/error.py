"""What can go wrong with a condition: a text that does not say what its author means, or a number too large to hold.

Both errors carry their data. A `PredicateError` knows where in the text it is, so that a document, an editor or a terminal
can point at it.
"""


class PredicateError(ValueError):
    """The text is not a condition in its scope.

    `message` says what is wrong and `cure` what to write instead. `line` and `column` count from 1 within the text, `end`
    is the column just after the fault on the same line. `str()` shows the line with the fault underlined.
    """

    def __init__(self, text: str, message: str, cure: str, start: int, end: int) -> None:
        start = min(start, len(text))
        line_start = text.rfind("\n", 0, start) + 1
        line_end = text.find("\n", start)
        line_end = len(text) if line_end < 0 else line_end
        self.text = text
        self.message = message
        self.cure = cure
        self.line = text.count("\n", 0, start) + 1
        self.column = start - line_start + 1
        self.end = max(self.column + 1, min(end, line_end) - line_start + 1)
        self._shown = text[line_start:line_end]
        super().__init__(text, message, cure, start, end)

    def __str__(self) -> str:
        before, window = _cut(self._shown, self.column - 1)
        caret = " " * before + "^" * max(1, min(self.end - self.column, len(window) - before))
        return f"line {self.line}, column {self.column}: {self.message}\n  {window}\n  {caret}\n{self.cure}"


def _cut(line: str, at: int) -> tuple[int, str]:
    """A stretch of at most 120 characters of the line around a position, and where the position is in it."""
    first = max(0, at - 60) if len(line) > 120 else 0
    return at - first, line[first : first + 120].replace("\t", " ")


class NumberOverflow(ArithmeticError):
    """A computed number leaves int64 (a NUMBER is an int64 of millionths: up to about ±9.2 · 10¹²). The event that led to
    it goes to quarantine; correct the value at its source, or the arithmetic of the condition."""

    def __init__(self, value: int) -> None:
        super().__init__(f"{value} does not fit in 64 bits; correct the value at its source, or the condition's arithmetic")
        self.value = value


class TextOverflow(ArithmeticError):
    """A condition makes a text of more than 65,536 characters. The event that led to it goes to quarantine; shorten the value
    at its source, or what the condition replaces it with."""

    def __init__(self, length: int) -> None:
        super().__init__(f"a text of {length} characters is too long; shorten the value at its source, or the condition's texts")
        self.length = length
