"""What is known of a function: how it is written, what it takes and gives, what it means. The functions themselves are in `table`."""

import msgspec

from pilotage.predicate.ir import Type


class Overload(msgspec.Struct, frozen=True):
    """One way to call a function: the types it takes, the type of the result, and the operator it becomes. The last
    `optional` of the types may be left out. With `zoned` the subject's zone is added as the last argument."""

    takes: tuple[Type, ...]
    result: Type
    operator: str
    optional: int = 0
    zoned: bool = False


class Function(msgspec.Struct, frozen=True):
    """One function: how it is written, what the value is, and an example that is true to the reference's scope."""

    name: str
    group: str
    signatures: tuple[str, ...]
    result: str
    meaning: str
    example: str
    overloads: tuple[Overload, ...] = ()

    @property
    def signature(self) -> str:
        """The ways to write it, in words."""
        *others, last = self.signatures
        return f"{', '.join(others)} or {last}" if others else last


GROUPS = {
    "events": "What the customer did",
    "customer": "Where the customer stands",
    "time": "Dates and times",
    "text": "Text",
    "numbers": "Numbers",
    "lists": "Lists and maps",
    "choice": "Choosing",
}
"""The parts of the reference, in order."""
