"""What becomes of the entries of one version of a journey when another takes over: read off the two versions, once."""

from collections import defaultdict
from collections.abc import Container, Sequence

import msgspec
from msgspec import UNSET

from pilotage.journey.plan import InFlight, Journey, Repeat, Send
from pilotage.predicate.ir import Type


class Takeover(msgspec.Struct, frozen=True):
    """A version whose entries do not finish under it. `landing` leads from its steps to steps of the new version, or to the end
    of the entry (empty); steps that are not in it keep their entries until these move on. `sources` are the ways back between
    steps of one kind, `sends` its messages with their contents, `variables` and `fields` what entries keep: names of one type in
    both versions. `version` names the new one. `paths` are the paths that effect keys of its steps are made with, where they are not the
    steps' own ids, for entries that have acted under no other version, and where only one step leads to each; `several` are the steps to
    which more than one does; `repeats` are the new version's steps that repeat others."""

    policy: str
    old: Journey
    new: Journey
    landing: dict[str, str]
    sources: dict[str, tuple[str, ...]]
    sends: tuple[tuple[str, str], ...]
    variables: frozenset[str]
    fields: frozenset[str]
    version: str
    steps: frozenset[str]
    paths: dict[str, str]
    several: frozenset[str]
    repeats: tuple[str, ...]


def takeover(old: Journey, new: Journey) -> Takeover | None:
    """How one version takes over the entries of another; None where they finish."""
    rule = new.in_flight
    if rule is UNSET or not takes(rule, old, new):
        return None
    landing, kinds = landings(rule, old, new), {step.id: type(step) for step in new.steps}
    sources: dict[str, list[str]] = defaultdict(list)
    for step in old.steps:
        goto = landing.get(step.id, "")
        if kinds.get(goto) is type(step):
            sources[goto].append(step.id)
    version, steps = new.digest[:16], frozenset(step.id for step in old.steps)
    ways = {step.id: tuple(sources[step.id]) for step in new.steps}
    paths = {step: path_of(step, found, steps, version) for step, found in ways.items()}
    return Takeover(
        rule.policy,
        old,
        new,
        landing,
        ways,
        tuple((step.id, step.content) for step in old.steps if isinstance(step, Send)),
        _common(old.variables, new.variables),
        _common(old.trigger_fields, new.trigger_fields),
        version,
        steps,
        {step: path for step, path in paths.items() if path != step},
        frozenset(step for step, found in ways.items() if len(found) > 1),
        tuple(step.id for step in new.steps if isinstance(step, Repeat)),
    )


def path_of(step: str, paths: Sequence[str], used: Container[str], version: str) -> str:
    """The path with which a step makes effect keys: that of a step that led there, or one that nobody has used."""
    return paths[0] if paths else f"{step}@{version}" if step in used else step


def takes(rule: InFlight, old: Journey, new: Journey) -> bool:
    """Whether a policy speaks of the entries of a version. Those that are told apart otherwise than by now cannot migrate."""
    return rule.policy == "exit" or (old.digest.startswith(rule.version) and key_type(old) == key_type(new))


def landings(rule: InFlight, old: Journey, new: Journey) -> dict[str, str]:
    """Where each step of a version leads: as the policy says, or to the step of the same id and kind."""
    kinds = {step.id: type(step) for step in new.steps}
    said = dict(rule.steps)
    return {step.id: said.get(step.id, step.id) for step in old.steps if step.id in said or kinds.get(step.id) is type(step)}


def key_type(journey: Journey) -> Type | None:
    """The type of what tells a journey's entries apart; None where a subject has one at a time."""
    return None if journey.enter.key is UNSET else journey.enter.key.type


def _common(old: tuple[tuple[str, Type], ...], new: tuple[tuple[str, Type], ...]) -> frozenset[str]:
    return frozenset(name for name, _ in set(old) & set(new))
