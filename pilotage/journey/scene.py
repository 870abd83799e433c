"""The scene of one journey: what its steps, and the contents they send, are read against."""

import msgspec

from pilotage.journey.document import Scalar
from pilotage.journey.names import Desk
from pilotage.predicate.ir import Expr, Type
from pilotage.predicate.parse import Scope


class Scene(msgspec.Struct, frozen=True):
    """What the steps of one journey are read against. `scope` is that of steps after entry; it is None where the entry
    event is unknown, and then nothing that reads `trigger` is judged. `reads` gathers, by content, the resolved
    variables of the contents sent; `lost` the names of steps that edges lead to and that do not exist. `steps` leads from the
    ids that may be named to the paths they begin at, `end` is what `end` leads to (empty: the journey's end), `given` what a
    fragment's parameters of type `step` lead to. `purposed` says whether the journey names a purpose,
    `fallback` where steps go that have no edge of their own, by the edge's name."""

    desk: Desk
    journey: str
    purpose: str
    entry: str
    steps: dict[str, str]
    variables: dict[str, Type]
    scope: Scope
    reads: dict[str, dict[str, Expr]]
    lost: list[str]
    purposed: bool = True
    end: str = ""
    given: dict[str, str] = {}
    fallback: dict[str, str] = {}

    @property
    def blind(self) -> bool:
        """Whether the entry event is unknown, so that `trigger` cannot be judged."""
        return not self.entry

    def judged(self, scalar: Scalar | None) -> Scalar | None:
        """The condition or value, or None where it reads a trigger that is not known."""
        return None if scalar is not None and self.blind and "trigger." in scalar.text else scalar
