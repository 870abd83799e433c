"""The audiences of a plan made executable: compiled, and found by what can change them, never looped over.

An event touches the audiences that read what it changed: a feature, an attribute, a consent, a journey's passages, another
audience. All other audiences cost it nothing, however many there are.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pilotage.audience.model import Audience, digests_of, set_digest
from pilotage.event.zone import Zones
from pilotage.predicate.grants import ANY_CHANNEL
from pilotage.predicate.inputs import compile_inputs
from pilotage.predicate.ir import Feature, Predicate
from pilotage.predicate.next_flip import compile_flips
from pilotage.predicate.python import compile_functions

Function = Callable[..., Any]


def audience_signal(name: str) -> str:
    """The signal that says that the subject has entered or left an audience."""
    return f"#{name}"


def journey_signal(name: str) -> str:
    """The signal that says that the subject has entered or left a journey."""
    return f"~{name}"


def standing_signals(predicate: Predicate) -> frozenset[str]:
    """The signals, beside events, of what a condition reads: `@attribute`, `!purpose|channel`, `#audience`, `~journey`. A word
    about all channels of a purpose concerns each."""
    return frozenset(
        (
            *(f"@{name}" for name in predicate.attributes),
            *(f"!{pair}" for pair in predicate.purposes),
            *(f"!{pair.rpartition('|')[0]}|{ANY_CHANNEL}" for pair in predicate.purposes),
            *(audience_signal(name) for name in predicate.audiences),
            *(journey_signal(name) for name in predicate.journeys),
        )
    )


class AudienceProgram:
    """One audience, ready to be asked. `index` is its place in topological order, `dependents` are the places of those that
    read it, `flip` (None: time alone changes nothing) gives the next instant at which time alone can move a subject."""

    __slots__ = ("dependents", "digest", "excludes", "flip", "index", "inputs", "name", "signal", "text", "truth", "version")

    def __init__(self, audience: Audience, index: int, digest: str, functions: tuple[Function, Function, Function]) -> None:
        self.name = audience.name
        self.index = index
        self.digest = digest
        self.version = digest[:16]
        self.signal = audience_signal(audience.name)
        self.text = audience.when.text
        self.excludes = audience.existing == "exclude"
        self.truth, self.inputs, flip = functions
        self.flip: Function | None = flip if audience.when.timed else None
        self.dependents: tuple[int, ...] = ()


class Audiences:
    """All audiences of a plan. `digest` is the set's name, `by_feature` and `by_signal` lead to the places of the audiences
    that read a feature, or a signal of `standing_signals`. Read only once it is made."""

    __slots__ = ("all", "by_feature", "by_name", "by_signal", "digest", "earlier")

    def __init__(self, audiences: Sequence[Audience], compiled: Mapping[str, tuple[Function, Function, Function]]) -> None:
        """`audiences` in topological order, and the truth, inputs and flip of each by name."""
        digests = digests_of(audiences)
        self.digest = set_digest(digests)
        self.all = tuple(AudienceProgram(each, at, digests[each.name], compiled[each.name]) for at, each in enumerate(audiences))
        self.by_name = {each.name: each for each in self.all}
        self.by_feature: dict[str, tuple[int, ...]] = {}
        self.by_signal: dict[str, tuple[int, ...]] = {}
        self.earlier: dict[bytes, dict[str, str]] = {}
        for at, each in enumerate(audiences):
            for feature in each.when.features:
                known = self.by_feature.get(feature.key, ())
                self.by_feature[feature.key] = known if at in known else (*known, at)
            for signal in standing_signals(each.when):
                self.by_signal[signal] = (*self.by_signal.get(signal, ()), at)
        for program in self.all:
            program.dependents = self.by_signal.get(program.signal, ())

    def remember(self, audiences: Iterable[Sequence[Audience]]) -> None:
        """Know the sets of earlier plans, so that a subject asked under one of them is asked only about what is new."""
        for each in audiences:
            digests = digests_of(each)
            self.earlier[set_digest(digests)] = digests

    def __bool__(self) -> bool:
        """Whether there is any audience."""
        return bool(self.all)


def compile_audiences(audiences: Sequence[Audience], features: Sequence[Feature], zones: Zones) -> Audiences:
    """The audiences of a plan, given in topological order, as a program. `features` are the plan's, by which inputs show their
    filters."""
    expressions = {each.name: each.when.expr for each in audiences}
    truths = compile_functions(expressions, conditions=True, zones=zones)
    inputs = compile_inputs(expressions, features, zones=zones)
    flips = compile_flips(expressions, zones=zones)
    return Audiences(audiences, {name: (truths[name], inputs[name], flips[name]) for name in expressions})
