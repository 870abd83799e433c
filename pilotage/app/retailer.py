"""The demo's retailer, driven over HTTP: its twelve systems send events, its customers respond to what reached them, its staff
does the tasks.

Events go to the intake as the systems of a real company would send them. Opens, clicks and unsubscriptions of mails go
through the signed links in the mails that the mail room holds. What was posted is counted, so that everything can be
accounted for in the end.
"""

import secrets
from collections import Counter, deque
from collections.abc import Iterable
from typing import Any

import httpx
import msgspec

from pilotage.app.ledger import Ledger
from pilotage.app.mailroom import Mailroom
from pilotage.app.staff import Staff
from pilotage.app.system import System
from pilotage.event.time import instant_text
from pilotage.journey.outcome import Action
from pilotage.profile.identity import account_subject, subject_id
from pilotage.runner.arrival import Sealed
from pilotage.simulate.companies import companies_of
from pilotage.simulate.draws import Draws
from pilotage.simulate.sources import SYSTEMS, RawEvent
from pilotage.simulate.world import World

BATCH_EVENTS = 200
BROWSER = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"}
SOURCES = (*SYSTEMS, "mailbox")
DECISIONS_KEPT = 200

Consents = dict[tuple[str, str, str], bool]
"""What was said last, by customer, purpose and channel, as posted."""


class Handed(msgspec.Struct, frozen=True):
    """A message that was handed over: to which customer, of which decision, and whether he had agreed by then."""

    customer: str
    action: Action
    at_us: int
    consent: bool


class Latest(msgspec.Struct, frozen=True):
    """A decision as it was committed."""

    at_us: int
    subject: bytes
    journey: str
    step: str
    verb: str
    reason: str


def write_keys() -> dict[str, str]:
    """A fresh write key for every source."""
    return {source: f"demo-{secrets.token_urlsafe(12)}" for source in SOURCES}


class Retailer:
    """Sends what the world says and reports what was handed over. `outstanding` are actions without a receipt yet."""

    def __init__(self, world: World, draws: Draws, customers: int, system: System, mailroom: Mailroom, keys: dict[str, str]) -> None:
        self.world = world
        self.posted = self.accepted = self.duplicates = self.quarantined = self.broken = 0
        self.hits: Counter[str] = Counter()
        self.handed: list[Handed] = []
        self.outstanding: dict[bytes, Action] = {}
        self.decided: Counter[bytes] = Counter()
        self.fates: Counter[str] = Counter()
        self.verbs: Counter[tuple[str, str]] = Counter()
        self.latest: deque[Latest] = deque(maxlen=DECISIONS_KEPT)
        self.consents: Consents = {}
        self.people = {subject_id(system.folder.secret, "user_id", f"c{number:06d}"): f"c{number:06d}" for number in range(customers)}
        self._system = system
        self._mailroom = mailroom
        self._client = httpx.AsyncClient(base_url=system.url, timeout=60, trust_env=False)
        self._keys = keys
        self._receipts: list[tuple[bytes, str, int]] = []
        self._leaving: dict[tuple[str, str, int], str] = {}
        self._of_companies: list[RawEvent] = []
        assert system.station is not None
        system.station.engine.listen(self._committed)
        companies = {account_subject(system.folder.secret, name): name for name in companies_of(customers)}
        self.ledger = Ledger(companies, system)
        self.staff = Staff(draws, {**self.people, **companies}, system, self._client)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def live_until(self, now_us: int) -> None:
        """Let the world live up to an instant: its systems and customers say what they then say, its staff does what it gets to."""
        waiting: dict[str, list[RawEvent]] = {}
        for raw in self.world.events(now_us):
            if "account_id" in raw.identifiers:
                self._of_companies.append(raw)
            elif not await self._visited(raw):
                waiting.setdefault(raw.source, []).append(raw)
        for source, raws in waiting.items():
            for first in range(0, len(raws), BATCH_EVENTS):
                await self._post(source, raws[first : first + BATCH_EVENTS])
        await self._post_companies()
        await self.staff.work_until(now_us)

    def report(self) -> None:
        """Tell the world what was handed over since the last time."""
        receipts, self._receipts = self._receipts, []
        for effect, type, at_us in receipts:
            action = self.outstanding.pop(effect, None)
            customer = self.people.get(action.subject) if action is not None else None
            self.fates[type] += 1
            if action is None or customer is None or type != "message.sent":
                continue
            agreed = self.consents.get((customer, action.purpose, action.target), False)
            self.handed.append(Handed(customer, action, at_us, agreed))
            reaction = self.world.message(customer, effect.hex(), action.target, action.journey, action.step, at_us, action.purpose)
            if reaction.unsubscribed_us and action.target == "email":
                self._leaving[customer, action.purpose, reaction.unsubscribed_us] = effect.hex()

    async def _post(self, source: str, raws: list[RawEvent]) -> None:
        await self._send("/v1/batch", source, raws, {"batch": [_message(raw) for raw in raws]}, "application/json")

    async def _post_companies(self) -> None:
        """What is about companies and nobody in particular comes as CloudEvents, which can name an account alone."""
        raws, self._of_companies = self._of_companies, []
        if raws:
            await self._send("/events", raws[0].source, raws, [_cloud_event(raw) for raw in raws], "application/cloudevents-batch+json")

    async def _send(self, path: str, source: str, raws: list[RawEvent], said: Any, kind: str) -> None:
        body, headers = msgspec.json.encode(said), {"content-type": kind}
        while True:
            answer = await self._client.post(path, content=body, headers=headers, auth=(self._keys[source], ""))
            if answer.status_code not in (429, 503):
                break
        whole = {"accepted": len(raws), "duplicates": 0, "quarantined": 0}  # CloudEvents that are all taken are answered without a word
        told = answer.json() if answer.content else whole
        if answer.status_code not in (200, 202, 204, 422):
            raise RuntimeError(f"the intake answered {answer.status_code}: {told.get('detail')}")
        self.posted += len(raws)
        self.accepted += told["accepted"]
        self.duplicates += told["duplicates"]
        self.quarantined += told["quarantined"]
        for raw in raws:
            self.broken += raw.fault == "broken"
            if raw.type == "consent.changed":
                self.consents[raw.identifiers["user_id"], raw.data["purpose"], raw.data["channel"]] = raw.data["granted"]

    async def _visited(self, raw: RawEvent) -> bool:
        """Whether this was a visit of a link in a mail, and has been made."""
        if raw.type == "consent.changed":
            name = (raw.identifiers.get("user_id", ""), raw.data["purpose"], raw.occurred_us)
            mail = self._mailroom.mails.get(self._leaving.get(name, ""))
            if mail is None or not mail.unsubscribe:
                return False
            await self._visit("unsubscribed", "POST", mail.unsubscribe, 200)
            self.consents[name[0], name[1], raw.data["channel"]] = False
            return True
        if raw.type not in ("message.opened", "message.clicked"):
            return False
        mail = self._mailroom.mails.get(str(raw.data["effect"]))
        address = (mail.pixel if raw.type == "message.opened" else mail.click) if mail is not None else ""
        if not address:
            return False
        await self._visit(raw.type.partition(".")[2], "GET", address, 200 if raw.type == "message.opened" else 302)
        return True

    async def _visit(self, what: str, method: str, address: str, expected: int) -> None:
        answer = await self._client.request(method, address, headers=BROWSER, follow_redirects=False)
        if answer.status_code != expected:
            raise RuntimeError(f"the link server answered {answer.status_code} to a customer who {what}")
        self.hits[what] += 1

    def _committed(self, number: int, sealed: Sealed) -> None:
        """Learn from what became durable."""
        for action in sealed.actions:
            self.outstanding[action.effect] = action
        for _, effect in sealed.cancelled:
            self.outstanding.pop(effect, None)
        for record, decisions in zip(sealed.segment.records, sealed.segment.decisions, strict=True):
            event = record.event
            if event is not None and event.source == "pilotage" and event.type.startswith(("message.", "call.", "task.")):
                effect = bytes.fromhex(msgspec.json.decode(event.data)["effect"])
                self._receipts.append((effect, event.type, record.received_us))
            for decision in decisions:
                self.verbs[decision.journey, decision.verb] += 1
                if decision.effect and decision.verb in ("sent", "called"):
                    self.decided[decision.effect] += 1
                if decision.verb != "waited":
                    self.latest.append(
                        Latest(decision.at_us, record.subject, decision.journey, decision.step, decision.verb, decision.reason)
                    )


def _message(raw: RawEvent) -> dict[str, Any]:
    """An event as its system sends it, in the Segment format."""
    identifiers = {"user_id": "userId", "anonymous_id": "anonymousId"}
    named = {identifiers[kind]: value for kind, value in raw.identifiers.items()}
    message = {"messageId": raw.id, "timestamp": instant_text(raw.occurred_us), **named}
    if raw.type == "customer.identified":
        return {"type": "identify", "traits": raw.data, **message}
    return {"type": "track", "event": raw.type, "properties": raw.data, **message}


def _cloud_event(raw: RawEvent) -> dict[str, Any]:
    """An event about a company, as a CloudEvent."""
    named = {"specversion": "1.0", "id": raw.id, "source": raw.source, "type": raw.type, "time": instant_text(raw.occurred_us)}
    return {**named, "accountid": raw.identifiers["account_id"], "datacontenttype": "application/json", "data": raw.data}


def summed(verbs: Iterable[tuple[tuple[str, str], int]], journey: str) -> dict[str, int]:
    """One journey's counts by verb."""
    return {verb: count for (name, verb), count in verbs if name == journey}
