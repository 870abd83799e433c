"""Pausing, resuming and stopping journeys: what is asked is checked, noted in the data folder, then every process is told."""

from collections.abc import Awaitable, Callable, Iterable

import msgspec

from pilotage.app import journey_views as about_journeys
from pilotage.app import views
from pilotage.app.acts import actor_of
from pilotage.predicate.scope import suggestion
from pilotage.runner.controls import Control, standing
from pilotage.runner.folder import DataFolder

SAYS = {"pause": "paused", "stop": "stopped"}


class JourneyUnknown(LookupError):
    """There is no journey of this name in any plan of the data folder."""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(f"there is no journey {name!r}; {suggestion(name, known, 'journeys')}")


class ControlRefused(ValueError):
    """The control contradicts what holds. Resume the journey first, or wait until the plan that is being released is in force."""


async def steer(folder: DataFolder, control: Control, tell: Callable[[str], Awaitable[object]]) -> bool:
    """Note a control and tell every process the name under which the plan is in force with it; whether anything changes.

    Repeating what holds changes nothing. The ledger's entry comes first (the folder tells its witness), then the note: a crash before
    all are told leaves it to hold for all from the next start on, as of the same instant."""
    check(folder, control)
    control = msgspec.structs.replace(control, by=actor_of(control.by))
    controls = folder.environment.controls
    present = standing(controls).get(control.journey)
    if present is None if control.kind == "resume" else present is not None and _same(present, control):
        return False
    at_us = max(control.effective_us, controls[-1].effective_us + 1 if controls else 0)
    await tell(folder.steer(msgspec.structs.replace(control, effective_us=at_us)))
    return True


def check(folder: DataFolder, control: Control) -> None:
    """Raise `JourneyUnknown` or `ControlRefused` where a control makes no sense."""
    known = sorted({journey.name for plan in folder.plans() for journey in plan.journeys})
    if control.journey not in known:
        raise JourneyUnknown(control.journey, known)
    if folder.environment.recording is not None:
        cure = "try again when it is in force; until then 'pilotage switch off journey' holds back what leaves"
        raise ControlRefused(f"the past of new conditions is being filled in for the next plan; {cure}")
    present = standing(folder.environment.controls).get(control.journey)
    if control.kind == "resume" or present is None or _same(present, control) or (present.kind, control.kind) == ("pause", "stop"):
        return
    raise ControlRefused(f"{control.journey} is {SAYS[present.kind]} {_terms(present)}; resume it first")


def with_states(counts: Iterable[about_journeys.JourneyCount], controls: Iterable[Control]) -> list[about_journeys.JourneyCount]:
    """Journeys with what holds for them now."""
    found = standing(controls)
    return [msgspec.structs.replace(count, control=control_view(found.get(count.journey))) for count in counts]


def control_view(control: Control | None) -> about_journeys.ControlView:
    """What holds for a journey, for people."""
    if control is None:
        return about_journeys.ControlView("running")
    terms = {"deadlines": control.deadlines, "entries": control.entries} if control.kind == "pause" else {"under_way": control.under_way}
    return about_journeys.ControlView(SAYS[control.kind], views.instant(control.effective_us), control.by, control.reason, terms)


def _same(one: Control, other: Control) -> bool:
    return (one.kind, _terms(one)) == (other.kind, _terms(other))


def _terms(control: Control) -> str:
    if control.kind == "pause":
        return f"(deadlines {control.deadlines}, entries {control.entries})"
    return f"(under way {control.under_way})"
