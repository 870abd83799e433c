"""Kill switches: what they hold back does not leave until they are lifted, or its time is over. Deciding goes on.

They lie in one file of the data folder, written whole before any process is told; so a switch that was confirmed holds after a
crash, too.
"""

from pathlib import Path
from typing import Literal

import msgspec

from pilotage.runner.folder import write_file

FILE = "switches.json"

Scope = Literal["all", "channel", "journey", "step"]


class SwitchesBroken(RuntimeError):
    """The file of kill switches cannot be read. Nothing is handed over without knowing them: restore it, or remove it to lift all."""


class Switch(msgspec.Struct, frozen=True):
    """One kill switch that is set: for everything, a channel, a journey, or one step of a journey (`journey/step`), since when, by
    whom and why."""

    scope: Scope
    name: str = ""
    since_us: int = 0
    by: str = ""
    reason: str = ""

    @property
    def text(self) -> str:
        """What is switched off, in words."""
        return "everything is switched off" if self.scope == "all" else f"{self.scope} {self.name} is switched off"


class Switches(msgspec.Struct, frozen=True):
    """All kill switches that are set."""

    off: tuple[Switch, ...] = ()

    def holding(self, channel: str, journey: str, step: str) -> str:
        """Which of them holds an action back, in words, or nothing."""
        names = {"all": "", "channel": channel, "journey": journey, "step": f"{journey}/{step}"}
        return next((switch.text for switch in self.off if names[switch.scope] == switch.name), "")

    def with_set(self, switch: Switch) -> "Switches":
        """These and one more; one that is set already keeps since when, by whom and why."""
        return self if self.find(switch.scope, switch.name) is not None else Switches((*self.off, switch))

    def without(self, scope: Scope, name: str) -> "Switches":
        """These but for one."""
        return Switches(tuple(switch for switch in self.off if (switch.scope, switch.name) != (scope, name)))

    def find(self, scope: Scope, name: str) -> Switch | None:
        """The switch of a thing, if it is set."""
        return next((switch for switch in self.off if (switch.scope, switch.name) == (scope, name)), None)


def read_switches(data: Path) -> Switches:
    """The switches that are set in a data folder; `SwitchesBroken`."""
    try:
        return msgspec.json.decode((data / FILE).read_bytes(), type=Switches)
    except FileNotFoundError:
        return Switches()
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise SwitchesBroken(f"{data / FILE} cannot be read ({fault}); restore it, or remove it to lift all switches") from fault


def write_switches(data: Path, switches: Switches) -> None:
    """Make these the switches of a data folder, durably, all or nothing."""
    write_file(data / FILE, msgspec.json.format(msgspec.json.encode(switches), indent=2) + b"\n")
