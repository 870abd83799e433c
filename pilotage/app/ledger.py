"""The demo's ledger of accounts: what members did, and what their companies were told of it, counted from what became durable.

The two must be the same: everything that somebody did for a company since joining it, told to that company once.
"""

from collections import Counter
from collections.abc import Mapping

import msgspec

from pilotage.app.system import System
from pilotage.contract.builtin import ACCOUNT_JOINED
from pilotage.runner.arrival import Sealed

WATCHED = "seat.used"
"""The event type that is counted."""


class Ledger:
    """Counts by company. `done` is what members did, `told` what came to their companies."""

    def __init__(self, companies: Mapping[bytes, str], system: System) -> None:
        self.done: Counter[str] = Counter()
        self.told: Counter[str] = Counter()
        self._companies = companies
        self._company_of: dict[bytes, str] = {}
        assert system.station is not None
        system.station.engine.listen(self._committed)

    def faults(self) -> list[str]:
        """Where the two differ, in words; a company that nobody did anything for is none."""
        names = sorted({*self.done, *self.told})
        faults = [f"members of {name} did {self.done[name]} things, it was told of {self.told[name]}" for name in names]
        return [fault for fault, name in zip(faults, names, strict=True) if self.done[name] != self.told[name]]

    def _committed(self, number: int, sealed: Sealed) -> None:
        for record in sealed.segment.records:
            event = record.event
            if event is None or event.type not in (ACCOUNT_JOINED, WATCHED):
                continue
            if record.subject in self._companies:
                self.told[self._companies[record.subject]] += 1
            elif event.type == ACCOUNT_JOINED:
                self._company_of[record.subject] = msgspec.json.decode(event.data)["account"]
            elif record.subject in self._company_of:
                self.done[self._company_of[record.subject]] += 1
