"""The auditor: knows the rules of the crash tests' shop and nothing of the product, whose code it does not import.

It is given what was sent and acknowledged, what the mail server and the desk took, and what the API tells as JSON. It
returns every breach of the rules in words; an empty list is a clean bill.
"""

from collections import Counter, defaultdict
from typing import Any

from tests.crash.world import Running, World, until

QUIET_S = 120.0
"""How long what is under way may take to end."""


class Evidence:
    """Everything there is to judge by."""

    def __init__(self) -> None:
        self.sent: dict[str, tuple[str, str, dict[str, Any]]] = {}
        """What was sent, by message id: event name, user, properties."""
        self.refused: set[str] = set()
        """The message ids that the sender was told had not been taken."""
        self.mails: list[tuple[str, str, str]] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.stories: dict[str, list[dict[str, Any]]] = {}
        self.listed: list[dict[str, Any]] = []
        self.quarantined: list[dict[str, Any]] = []

    def settle(self, world: World) -> "Evidence":
        """Wait until nothing is under way any more, then read everything once more, in peace."""
        until(lambda: not waits(self.gather(world)), QUIET_S, "nothing under way")
        return self.gather(world)

    def gather(self, world: World) -> "Evidence":
        """Read the API, the mailbox and the desk's book, one after the other."""
        running = world.running
        self.stories.clear()
        after = ""
        while True:
            page = running.get("/api/v1/subjects?limit=1000" + (f"&after={after}" if after else ""))
            for subject in page["subjects"]:
                self.stories[subject] = _story(running, subject)
            after = page["after"]
            if not after:
                break
        self.listed = running.get("/api/v1/actions?limit=1000")["actions"]
        self.quarantined = running.get("/api/v1/quarantine?limit=1000")["rows"]
        self.mails, self.calls = list(world.mailbox.mails), list(world.desk.calls)
        return self

    @property
    def unknown(self) -> set[str]:
        """The effect keys that are listed as of unknown fate."""
        return {action["effect"] for action in self.listed if action["status"] == "unknown"}


def _story(running: Running, subject: str) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []
    before = 0
    while True:
        page = running.get(f"/api/v1/subjects/{subject}/timeline?limit=1000" + (f"&before={before}" if before else ""))
        told += page["happenings"]
        before = page["before"]
        if not before:
            return told[::-1]


def audit(evidence: Evidence) -> list[str]:
    """Every breach, in words."""
    return [*_applied(evidence), *_decided(evidence), *_service(evidence), *_marketing(evidence), *_calls(evidence)]


def waits(evidence: Evidence) -> list[str]:
    """What is still under way: actions listed as pending or claimed, and carts that wait."""
    busy = [f"{action['status']} {action['effect']}" for action in evidence.listed if action["status"] in ("pending", "claimed")]
    for story in evidence.stories.values():
        verbs = Counter(decision["verb"] for _, decision in _decisions(story) if decision["journey"] == "growth.recovery.cart")
        if verbs["entered"] != verbs["exited"]:
            busy.append("a cart waits")
    return busy


def _decisions(story: list[dict[str, Any]]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return [(happening, decision) for happening in story for decision in happening["decisions"]]


def _applied(evidence: Evidence) -> list[str]:
    """Every acknowledged event was applied exactly once; one that was not acknowledged at most once; none of another."""
    times = Counter(h["id"] for story in evidence.stories.values() for h in story if h["type"] and h["id"] in evidence.sent)
    breaches = [
        f"acknowledged event {name} was applied {times[name]} times"
        for name in evidence.sent
        if name not in evidence.refused and times[name] != 1
    ]
    breaches += [f"event {name} was applied {times[name]} times" for name in evidence.refused if times[name] > 1]
    breaches += [f"event {row['id']} is in quarantine: {row['reason']}" for row in evidence.quarantined]
    for story in evidence.stories.values():
        positions = [happening["position"] for happening in story]
        if positions != sorted(set(positions)):
            breaches.append("a story's positions do not rise")
        receipts = Counter((h["type"], h["data"]["effect"]) for h in story if h["type"].startswith("message."))
        breaches += [f"receipt {kind} of {effect} was applied {count} times" for (kind, effect), count in receipts.items() if count > 1]
    return breaches


def _decided(evidence: Evidence) -> list[str]:
    """Each failed payment led to one mail and one call, at once; each cart that was let in ended once.

    A client that is told to wait may send its events in another order: whose address is not known yet gets no mail."""
    breaches = []
    for story in evidence.stories.values():
        carts, known = Counter[str](), False
        for happening in story:
            verbs = Counter((d["journey"], d["verb"]) for d in happening["decisions"])
            payment = [verbs["service.payment.failed", verb] for verb in ("entered", "sent", "called", "blocked", "exited")]
            expected = _expected(happening["type"], known)
            known = known or happening["type"] == "customer.identified"
            if payment != expected:
                breaches.append(f"{happening['type']} {happening['id']}: payment decisions {payment}, expected {expected}")
            carts.update(d["verb"] for d in happening["decisions"] if d["journey"] == "growth.recovery.cart")
        if carts["entered"] != carts["exited"] or carts["entered"] != carts["timed_out"] + carts["resumed"]:
            breaches.append(f"carts do not add up: {dict(carts)}")
        if carts["timed_out"] != carts["sent"] + carts["blocked"]:
            breaches.append(f"reminders do not add up: {dict(carts)}")
    return breaches


def _expected(kind: str, known: bool) -> list[int]:
    """How often a happening should have led to entering, mail, call, a block and the end of the payment journey."""
    if kind != "payment.failed":
        return [0, 0, 0, 0, 0]
    return [1, 1, 1, 0, 1] if known else [1, 0, 0, 1, 1]


def _promised(evidence: Evidence, journey: str, verb: str) -> set[str]:
    return {
        d["effect"] for story in evidence.stories.values() for _, d in _decisions(story) if (d["journey"], d["verb"]) == (journey, verb)
    }


def _traces(evidence: Evidence, effect: str) -> list[str]:
    """What the product says about an effect."""
    listed = [f"listed {action['status']} {action['reason']}" for action in evidence.listed if action["effect"] == effect]
    told = (h for story in evidence.stories.values() for h in story)
    return listed + [f"{h['type']} {h['data'].get('reason', '')}".strip() for h in told if h["data"].get("effect") == effect]


def _service(evidence: Evidence) -> list[str]:
    """Each failed payment's mail arrived; a repeat bears the same Message-ID."""
    ids: dict[str, set[str]] = defaultdict(set)
    for message_id, _, subject in evidence.mails:
        if subject.startswith("payment "):
            ids[subject.removeprefix("payment ")].add(message_id)
    promised = _promised(evidence, "service.payment.failed", "sent")
    told = (h for story in evidence.stories.values() for h in story if h["type"] == "payment.failed")
    orders = {h["data"]["order"] for h in told if any(d["effect"] in promised for d in h["decisions"])}
    breaches = [f"no mail about payment {order}" for order in orders - ids.keys()]
    breaches += [f"a mail about payment {order}, which never failed" for order in ids.keys() - orders]
    return breaches + [f"payment {order} was written about twice: {found}" for order, found in ids.items() if len(found) > 1]


def _marketing(evidence: Evidence) -> list[str]:
    """No reminder twice; each promised one arrived or is listed as unknown; four in two days at most, and only with consent."""
    arrived = [(message_id, to, subject) for message_id, to, subject in evidence.mails if subject.startswith("cart ")]
    by_id = Counter(message_id.strip("<>").split("@")[0] for message_id, _, _ in arrived)
    breaches = [f"reminder {effect} arrived {count} times" for effect, count in by_id.items() if count > 1]
    breaches += [f"two reminders say {subject!r}" for subject, count in Counter(s for _, _, s in arrived).items() if count > 1]
    promised = _promised(evidence, "growth.recovery.cart", "sent")
    breaches += [f"reminder {effect} is lost: {_traces(evidence, effect)}" for effect in promised - by_id.keys() - evidence.unknown]
    breaches += [f"reminder {effect} was never decided" for effect in by_id.keys() - promised]
    granted = {user for name, user, data in evidence.sent.values() if name == "consent.changed" and data["granted"]}
    for to, count in Counter(to for _, to, _ in arrived).items():
        if count > 4:
            breaches.append(f"{to} got {count} reminders, four in two days are allowed")
        if to.split("@")[0] not in granted:
            breaches.append(f"{to} got a reminder without having agreed")
    return breaches


def _calls(evidence: Evidence) -> list[str]:
    """Each failed payment's call arrived or is listed as unknown; a repeat bears the same key and says the same."""
    bodies: dict[str, set[str]] = defaultdict(set)
    for key, body in evidence.calls:
        bodies[key].add(repr(sorted(body.items())))
    breaches = [f"calls with key {key} differ: {found}" for key, found in bodies.items() if len(found) > 1]
    promised = _promised(evidence, "service.payment.failed", "called")
    breaches += [f"call {effect} is lost: {_traces(evidence, effect)}" for effect in promised - bodies.keys() - evidence.unknown]
    return breaches + [f"call {key} was never decided" for key in bodies.keys() - promised]
