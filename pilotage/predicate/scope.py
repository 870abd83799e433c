"""What a condition may name, and where the names come from: the profile, declared events, journey variables, purposes.

Look-ups answer with a type, or with what is wrong and what to write instead; the position is added by who asks.
"""

from collections.abc import Iterable
from difflib import get_close_matches

import msgspec

from pilotage.predicate.ir import Type


class Scope(msgspec.Struct, frozen=True):
    """The names a condition may use.

    `attributes` types the profile's attributes. `events` types the fields of every declared event by dotted path.
    `trigger` are the types the event at hand can have; with several, a field of `trigger` must exist in all of them with
    one type. `any_trigger` says that the event at hand can be any declared event (goals, exits): a field then has the type
    it has in every event that declares it, or in the events a conjunct such as `trigger.type = 'order.placed'` leaves, and
    is NULL for events without it. With neither there is no event at hand. `variables` types the entry's variables.
    `purposes` are the declared purposes, each with the channels consent can be given on (empty: any). `audiences` are the
    names of audiences, `journeys` the stage of each journey by its name. `zone` is the IANA zone of subjects without one of
    their own, `zone_attribute` the attribute that holds a subject's own (empty, or not declared: none does). `account` says that the
    subject is an account, which gives no consents.
    """

    attributes: dict[str, Type] = {}
    events: dict[str, dict[str, Type]] = {}
    trigger: tuple[str, ...] = ()
    any_trigger: bool = False
    variables: dict[str, Type] = {}
    purposes: dict[str, tuple[str, ...]] = {}
    audiences: tuple[str, ...] = ()
    journeys: dict[str, str] = {}
    zone: str = "UTC"
    zone_attribute: str = ""
    account: bool = False


class Unresolved(LookupError):
    """A name that its scope does not have: `message` says which, `cure` what to write."""

    def __init__(self, message: str, cure: str) -> None:
        super().__init__(message)
        self.message = message
        self.cure = cure


def suggestion(name: str, known: Iterable[str], what: str) -> str:
    """The cure for an unknown name: the nearest known one, or the list of them where it is short."""
    names = sorted(known)
    lowered = {candidate.lower(): candidate for candidate in reversed(names)}
    near = get_close_matches(name.lower(), lowered, n=1, cutoff=0.6)
    if near:
        return f"did you mean {lowered[near[0]]}?"
    if not names:
        return f"there are no {what} here"
    listed = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
    return f"there are these {what}: {listed}"


def attribute(scope: Scope, name: str) -> Type:
    """The type of a profile attribute."""
    found = scope.attributes.get(name)
    if found is not None:
        return found
    message = f"there is no attribute {name}"
    alike = sorted(known for known in scope.attributes if known.lower() == name.lower())
    if len(alike) > 1:
        raise Unresolved(f"{name} is ambiguous", f"names are written exactly: write {' or '.join(alike)}")
    if any(name in scope.events.get(event, {}) for event in scope.trigger):
        raise Unresolved(message, f"the event at hand has this field: write trigger.{name}")
    if name in scope.variables:
        raise Unresolved(message, f"the journey has this variable: write journey.{name}")
    raise Unresolved(message, suggestion(name, scope.attributes, "attributes"))


def variable(scope: Scope, name: str) -> Type:
    """The type of a variable of the journey entry."""
    found = scope.variables.get(name)
    if found is None:
        raise Unresolved(f"the journey has no variable {name}", suggestion(name, scope.variables, "variables"))
    return found


def event_fields(scope: Scope, event: str) -> dict[str, Type]:
    """The fields of a declared event type."""
    found = scope.events.get(event)
    if found is None:
        raise Unresolved(f"there is no event type {event}", suggestion(event, scope.events, "event types"))
    return found


def event_field(scope: Scope, event: str, path: str) -> Type:
    """The type of a field of one event type; `type` is the event's type itself."""
    if path == "type":
        return Type.STRING
    fields = event_fields(scope, event)
    if path not in fields:
        raise Unresolved(f"{event} has no field {path}", suggestion(path, fields, "fields"))
    return fields[path]


def trigger_field(scope: Scope, path: str, narrowed: tuple[str, ...] | None) -> Type:
    """The type of a field of the event at hand, where `narrowed` are the types a condition leaves for it (None: all)."""
    if not scope.trigger and not scope.any_trigger:
        raise Unresolved("there is no event at hand here", "use attributes, or count and performed over past events")
    if path == "type":
        return Type.STRING
    events = narrowed if narrowed is not None else scope.trigger
    if events:
        return _one_type(path, {event: event_field(scope, event, path) for event in events})
    having = {event: fields[path] for event, fields in scope.events.items() if path in fields}
    if not having:
        known = {field for fields in scope.events.values() for field in fields}
        raise Unresolved(f"no event has a field {path}", suggestion(path, known, "fields"))
    return _one_type(path, having)


def _one_type(path: str, types: dict[str, Type]) -> Type:
    distinct = set(types.values())
    if len(distinct) == 1:
        return distinct.pop()
    if distinct == {Type.INTEGER, Type.NUMBER}:
        return Type.NUMBER
    listed = ", ".join(f"{kind} in {event}" for event, kind in sorted(types.items())[:4])
    raise Unresolved(f"trigger.{path} has several types: {listed}", f"say which event is meant: trigger.type = '{min(types)}' and …")


def consent_pair(scope: Scope, purpose: str, channel: str) -> None:
    """Raises `Unresolved` where the purpose is not declared or consent to it cannot be given on the channel."""
    if scope.account:
        cure = "leave it out: the person that a message goes to is asked for consent"
        raise Unresolved("an account gives no consents, its members do", cure)
    channels = scope.purposes.get(purpose)
    if channels is None:
        raise Unresolved(f"there is no purpose {purpose}", suggestion(purpose, scope.purposes, "purposes"))
    if channels and channel not in channels:
        raise Unresolved(f"purpose {purpose} has no channel {channel}", suggestion(channel, channels, "channels"))


def declared(name: str, known: Iterable[str], what: str) -> None:
    """Raises `Unresolved` where the name is none of those known; `what` is what they are, in the singular."""
    known = tuple(known)
    if name not in known:
        raise Unresolved(f"there is no {what} {name}", suggestion(name, known, f"{what}s"))
