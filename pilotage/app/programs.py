"""The plans of a data folder as they run: each loaded once, with what was controlled while it was in force."""

from pathlib import Path

from pilotage.journey.program import Program, controlled
from pilotage.journey.program import load as load_program
from pilotage.runner.controls import controls_of
from pilotage.runner.folder import AGAIN, read_environment, read_plans, read_zones


class Programs:
    """The executable programs of a data folder's plans, each loaded once. `PlanUnknown` for a digest it never had."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loaded: dict[str, Program] = {}
        self._compiled: dict[tuple[str, ...], Program] = {}

    def __call__(self, name: str) -> Program:
        """The program of a plan as it came into force under a name, with the journeys of the plans before it for the entries still
        in them. Later ones are left out: what a record led to must not depend on what came afterwards."""
        found = self._loaded.get(name)
        if found is None:
            environment = read_environment(self._folder)
            if name not in environment.plans:
                raise PlanUnknown(f"the data folder has no plan {name[:16]}; it was mixed from two, restore it from a backup")
            names = environment.plans[: environment.plans.index(name) + 1]
            held = [control for control in environment.controls if control.plan in names]
            found = self._program(environment.name, tuple(dict.fromkeys(name.partition(AGAIN)[0] for name in reversed(names))))
            found = self._loaded[name] = controlled(found, controls_of(held)) if held else found
        return found

    def _program(self, environment: str, newest_first: tuple[str, ...]) -> Program:
        """The newest of some plans with the journeys of the others, compiled once whatever controls there are."""
        found = self._compiled.get(newest_first)
        if found is None:
            plan, *earlier = read_plans(self._folder, newest_first)
            found = self._compiled[newest_first] = load_program(plan, read_zones(self._folder, plan.zones), environment, earlier)
        return found


class PlanUnknown(LookupError):
    """The data folder names no such plan. It was mixed from two folders; restore it from a backup."""
