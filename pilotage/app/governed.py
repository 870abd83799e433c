"""The demo's governed change: somebody proposes a change of a journey with a fault, the gates refuse it, it is corrected, two others
approve it, and it is released while everything runs.

The people, keys, signatures, evidence and the ledger are real: what is done here can be looked at with `pilotage review list`,
`pilotage blame` and `pilotage audit verify` afterwards.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec

from pilotage.app.auditing import verdict_of_data
from pilotage.app.keyring import KEYS, PASSPHRASE, open_key
from pilotage.app.persons import change_key
from pilotage.app.proposing import Ordered, make_proposal, make_release
from pilotage.app.reviewing import ReviewDesk, Told, ledger_at, vote
from pilotage.app.system import System
from pilotage.audit.signature import Signer
from pilotage.review.proposal import Reasons
from pilotage.runner.arrival import Sealed

JOURNEY, STEP = "growth.offers.cart_recovery", "think_over"
DOCUMENT = "journeys/cart.yaml"
SECRET = "a passphrase of the demo's own"
SIGNERS = ("mia", "tom", "noor", "ivo")
"""The people of the demo who get a key."""
REASONS = Reasons(
    intent="give people half an hour more before a cart is remembered",
    hypothesis="many who left a cart come back within ninety minutes by themselves",
    effect="a fifth fewer cart mails with as many recovered orders, by first-mail count and the goal of the journey",
    rollback="propose the document as it was",
)
_WAIT = "{id: hour, wait: {until: order.placed, timeout: 1h}, next: at_once, on_timeout: remind}"
_EDITS = (
    ("steps: [hour, remind", f"steps: [hour, {STEP}, remind"),
    ("2026-03-02T11:00", "2026-03-02T11:30"),
    ("cart-last-reminder, at: 2026-03-03T10:00", "cart-last-reminder, at: 2026-03-03T10:30"),
    ("cart given up, at: 2026-03-08T10:00", "cart given up, at: 2026-03-08T10:30"),
)
"""What the documents' own tests say of the change."""
BEGINS, PAUSES = 0.3, 0.01
"""When the first act is due and how long lies between acts, in parts of the demo's days."""


class Change:
    """The story's state. `told` are its lines so far; `proposal` is the one that was released, `release` its number."""

    def __init__(self, system: System, begin_us: int, length_us: int) -> None:
        self.system = system
        self.desk = ReviewDesk(system.options.workspace, system.folder.path, system.clock.now_us)
        self.told: list[str] = []
        self.proposal = ""
        self.release = 0
        self.refusals: tuple[str, ...] = ()
        self.decided: Counter[str] = Counter()
        self.witness = b""
        acts = (self._propose_wrongly, self._correct, self._approve_first, self._approve_second, self._release)
        self._due = [(begin_us + int(length_us * (BEGINS + PAUSES * number)), act) for number, act in enumerate(acts)]
        self._keys = {KEYS: str(system.folder.path.parent / "keys"), PASSPHRASE: SECRET}
        self._signers: dict[str, Signer] = {}
        assert system.station is not None
        system.station.engine.listen(self._committed)

    @property
    def next_us(self) -> int:
        """When the next act is due; 0 if none is."""
        return self._due[0][0] if self._due else 0

    async def live_until(self, now_us: int) -> None:
        """Do what is due by an instant."""
        while self._due and self._due[0][0] <= now_us:
            _, act = self._due.pop(0)
            await asyncio.to_thread(act)
            if not self._due:
                taken = await self.system.take_over()
                self.release = taken.sequence
                self.told.append(f"release {taken.sequence} is in force: whoever leaves a cart from now on has half an hour more")

    async def faults(self) -> list[str]:
        """What of the story did not come out as it should, in words."""
        if self._due:
            return ["the change was not released"]
        assert self.system.records is not None
        found = [] if self.refusals else ["the change with a fault was not refused"]
        if not self.decided[STEP]:
            found.append(f"nobody came to {JOURNEY} / {STEP} after the release")
        else:
            story = await self.system.records.timeline(self.witness, 0, 100)
            named = {each.release for each in story.happenings if any(decision.step == STEP for decision in each.decisions)}
            if named != {f"{self.release} by proposal {self.proposal}"}:
                found.append(f"decisions after the release name {sorted(named)}")
        verdict = await asyncio.to_thread(self._verified)
        return [*found, *verdict]

    def _verified(self) -> list[str]:
        return [f"the ledger does not hold: {fault.message}" for fault in verdict_of_data(self.system.folder.path).faults]

    def _propose_wrongly(self) -> None:
        with ledger_at(self.desk) as ledger:
            for person in SIGNERS:
                change_key(self.desk.workspace, ledger, person, "ivo", self._keys)
        self._edit(lambda text: text.replace(_WAIT, _changed("think_ovr")))
        refused = self._propose()
        self.refusals = refused.case.proposal.evidence.refusals
        self.told.append(f"mia proposes to {REASONS.intent}; refused: {self.refusals[0] if self.refusals else 'nothing'}")

    def _correct(self) -> None:
        def corrected(text: str) -> str:
            text = text.replace("think_ovr}", f"{STEP}}}")
            for old, new in _EDITS:
                text = text.replace(old, new)
            return text

        self._edit(corrected)
        made = self._propose()
        proposal = made.case.proposal
        self.proposal = proposal.id
        needed = ", ".join(f"{number} {role}" for role, number in proposal.evidence.required.items())
        self.told.append(f"mia corrects it: proposal {proposal.id}, tier {proposal.evidence.risk.tier}, needs {needed}")

    def _approve_first(self) -> None:
        self._approve("tom")

    def _approve_second(self) -> None:
        self._approve("noor")

    def _approve(self, person: str) -> None:
        told = vote(self.desk, self.proposal, person, self._signer(person), "approve", "reviewer")
        self.told.append(f"{person} approves: it is {told.state}")

    def _release(self) -> None:
        made = make_release(self.desk, "ivo", self._signer("ivo"), Ordered(self.proposal))
        self.told.append(f"ivo releases it: release {made.sequence}, {made.digest[:16]}")

    def _propose(self) -> Told:
        return make_proposal(self.desk, "mia", self._signer("mia"), REASONS, Counter())

    def _signer(self, person: str) -> Signer:
        if person not in self._signers:
            self._signers[person] = open_key(person, self._keys)
        return self._signers[person]

    def _edit(self, change: Callable[[str], str]) -> None:
        path: Path = self.desk.workspace / DOCUMENT
        path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")

    def _committed(self, number: int, sealed: Sealed) -> None:
        for record, decisions in zip(sealed.segment.records, sealed.segment.decisions, strict=True):
            for decision in decisions:
                if decision.step == STEP and decision.journey == JOURNEY:
                    self.decided[STEP] += 1
                    self.witness = self.witness or record.subject


def _changed(step: str) -> str:
    """The wait and the one after it, to which a step of a name leads."""
    first = _WAIT.replace("on_timeout: remind}", f"on_timeout: {step}}}")
    return f"{first}\n  - {{id: {STEP}, wait: {{for: 30m}}, next: remind}}"


class Governed(msgspec.Struct, frozen=True):
    """What came of the story: the proposal, the release, and how many decisions its new step led to."""

    proposal: str
    release: int
    decisions: int


def governed(change: Change) -> Governed:
    """What came of the story."""
    return Governed(change.proposal, change.release, change.decided[STEP])
