"""Words: those of the language itself, and how errors say what a value is and what to write where two types do not go together."""

from pilotage.predicate.ir import Expr, Literal, Type

WORDS = (
    "AND",
    "BETWEEN",
    "CASE",
    "ELSE",
    "END",
    "ESCAPE",
    "FALSE",
    "ILIKE",
    "IN",
    "INTERVAL",
    "IS",
    "LIKE",
    "NOT",
    "NULL",
    "OR",
    "THEN",
    "TRUE",
    "WHEN",
)
"""The words of the language, which are no names unless quoted."""

NUMERIC = (Type.INTEGER, Type.NUMBER)
"""The types of numbers, which go together: an INTEGER beside a NUMBER is converted."""


def article(kind: Type) -> str:
    """The type with its article: `an integer`, `a string`."""
    if kind == Type.NULL:
        return "NULL"
    return f"an {kind}" if kind in (Type.INTEGER, Type.INTERVAL) else f"a {kind}"


def mismatch_cure(first: Expr, other: Expr, other_text: str) -> str:
    """What to write where `other`, written as `other_text`, does not go together with `first`."""
    if first.type == Type.STRING and isinstance(other, Literal):
        return f"write it as a string: '{other_text}'"
    if isinstance(other, Literal) and other.type == Type.STRING and first.type in (*NUMERIC, Type.BOOLEAN):
        return f"write it without quotes: {other.value}"
    if {first.type, other.type} == {Type.DATE, Type.TIMESTAMP}:
        return "compare dates with dates and timestamps with timestamps"
    return f"use {article(first.type)} on both sides"
