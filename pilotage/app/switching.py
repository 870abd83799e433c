"""Setting and lifting kill switches: names are checked against the plan, the file is written, then every process is told."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import get_args

from pilotage.app.acts import SWITCH_LIFTED, SWITCH_SET, noted
from pilotage.journey.plan import Plan, Send
from pilotage.predicate.scope import suggestion
from pilotage.review.ledger import Ledger
from pilotage.runner.switches import Scope, Switch, Switches, read_switches, write_switches

SCOPES: tuple[str, ...] = get_args(Scope)


class SwitchUnknown(LookupError):
    """There is no channel, journey or step of this name in the plan in force, and no switch for it is set."""

    def __init__(self, scope: str, name: str, known: list[str]) -> None:
        super().__init__(f"there is no {scope} {name!r} in the plan in force; {suggestion(name, known, f'{scope}s')}")


async def change_switch(
    data: Path, ledger: Ledger, plan: Plan, switch: Switch, off: bool, tell: Callable[[Switches], Awaitable[object]]
) -> Switches:
    """Set a switch, or lift it; what is set then. Setting one that is set, or lifting one that is not, changes nothing.

    The ledger's entry comes first, then the file: a crash before all are told leaves the switch set, or lifted, for all from the
    next start on."""
    present = read_switches(data)
    if present.find(switch.scope, switch.name) is None:
        _check_name(plan, switch)
    if _changed(present, switch, off) == present:
        await tell(present)
        return present
    subject = f"{switch.scope}:{switch.name}" if switch.name else switch.scope
    async with noted(ledger, switch.by, SWITCH_SET if off else SWITCH_LIFTED, subject, {"reason": switch.reason}):
        changed = _changed(read_switches(data), switch, off)  # somebody else may have changed another while this was noted
        write_switches(data, changed)
        await tell(changed)
    return changed


def _changed(present: Switches, switch: Switch, off: bool) -> Switches:
    return present.with_set(switch) if off else present.without(switch.scope, switch.name)


def _check_name(plan: Plan, switch: Switch) -> None:
    known = {
        "all": [""],
        "channel": sorted({step.channel for journey in plan.journeys for step in journey.steps if isinstance(step, Send)} | {"webhook"}),
        "journey": [journey.name for journey in plan.journeys],
        "step": [f"{journey.name}/{step.id}" for journey in plan.journeys for step in journey.steps],
    }[switch.scope]
    if switch.name not in known:
        raise SwitchUnknown(switch.scope, switch.name, known)
