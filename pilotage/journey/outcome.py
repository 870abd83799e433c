"""What `advance` returns: actions for the outside, decisions with their reasons, and the one next wake-up."""

from typing import Any

import msgspec

from pilotage.event.envelope import Event
from pilotage.profile.state import State


class Action(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Something that must happen outside, once.

    `effect` is the effect key: a hash of environment, entry id, origin step and occurrence, never rewritten. `kind` is
    `send`, `call` or `task`. `target` is the channel of a send, the endpoint of a call, the team or person of a task.
    `content` is a content's name and digest joined by `@` (empty for others). `variables` are resolved values, ready for
    rendering: NUMBERs as decimal text, instants as RFC 3339. `recipient` is the address. Times are microseconds UTC.
    """

    effect: bytes
    kind: str
    target: str
    content: str
    purpose: str
    recipient: str
    variables: dict[str, Any]
    not_before_us: int
    expires_us: int
    subject: bytes
    entry: bytes
    journey: str
    version: str
    step: str


class Decision(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One thing decided about one entry or candidate, and why.

    `verb` is what was decided: entered, refused, held_out, sent, blocked, deferred, waited, resumed, timed_out, branched,
    decided, assigned, repeated, set, emitted, called, requested, answered, failed, delivered, goal, exited, cancelled,
    consented; migrated to another version (`inputs` say from which version and step), passed (a message sent under an earlier
    one), offered to somebody at an account; of tasks opened, claimed, reminded, escalated, completed, ignored; joined and left speak of
    an audience, named by `reason`, its version being `version`, and of no journey.
    `rule` names what decided (a policy, an edge, a step's own rule). `inputs` are the values it looked at. `lost` are
    the alternatives that lost, each with its reason. `effect` links it to an action.
    """

    at_us: int
    journey: str
    version: str
    entry: bytes
    step: str
    verb: str
    reason: str = ""
    rule: str = ""
    inputs: dict[str, Any] = {}
    lost: tuple[str, ...] = ()
    effect: bytes = b""


class Handed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An event for another subject: for the account of a name or, where there is none, for the person `subject`."""

    event: Event
    account: str = ""
    subject: bytes = b""


class Outcome(msgspec.Struct, array_like=True, gc=False):
    """The result of one `advance`. `state` is a new state, or the very one given when nothing changed. `wake_at_us` is 0
    when nothing waits for time. `cancelled` are the effect keys of actions that must not leave any more (a revocation,
    an ended entry). `handed` are events for other subjects (None: none)."""

    state: State
    actions: list[Action]
    decisions: list[Decision]
    wake_at_us: int
    cancelled: list[bytes]
    handed: list[Handed] | None = None
