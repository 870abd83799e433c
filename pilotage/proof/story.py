"""A witness as a short story: who the customer is, what happens, and what comes of it that must not be."""

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

from pilotage.contract.builtin import CANDIDATE_OFFERED, CONSENT_CHANGED
from pilotage.event.time import duration_text
from pilotage.event.zone import Zones
from pilotage.journey.outcome import Decision
from pilotage.journey.plan import Plan, Send
from pilotage.journey.values import plain_value
from pilotage.predicate.ir import Type
from pilotage.proof.conflict import ATTRIBUTE, CHANNEL, CLAIMS
from pilotage.proof.consent_paths import PRESUMED, UNASKED
from pilotage.proof.loops import LOOP
from pilotage.proof.outcome import Proof, Scenario, Story, Witness
from pilotage.proof.policy import BARRED, ELSEWHERE, POLICY
from pilotage.proof.pressure import PRESSURE

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_TOLD = {"email": "e-mail", "inbox": "inbox message", "sms": "text message", "push": "push message"}
_UNTOLD = frozenset(("waited", "delivered", "answered"))
"""Decisions that a story leaves out."""
_ACTS = frozenset(("sent", "set", "blocked", "opened", "called"))
"""Decisions that can collide."""


class Teller:
    """Tells witnesses of a plan, on the clock of the customer; `earlier` is the plan that it takes over from, if the story is of that."""

    def __init__(self, plan: Plan, zones: Zones, earlier: Plan | None = None) -> None:
        self.plan, self.zones = plan, zones
        self.types = {attribute.name: attribute.type for attribute in plan.attributes}
        self.of_accounts = {each.name: each.type for each in (plan.accounts.attributes if plan.accounts is not None else ())}
        self.contents = {(j.name, s.id): s.content for j in plan.journeys for s in j.steps if isinstance(s, Send)}
        before = earlier.journeys if earlier is not None else ()
        self.before = {(j.digest[:16], s.id): s.content for j in before for s in j.steps if isinstance(s, Send)}

    def told(self, proof: Proof, decisions: list[Decision], what: str = "") -> Story:
        """The story of a proof's witness, of what the kernel decided; `what` it is about, where the proof's kind does not say."""
        witness = proof.witness
        assert witness is not None, "only a witness can be told"
        zone = self._zone(witness.scenario)
        return Story(self._who(witness.scenario, zone), what or self._what(proof, witness), tuple(self._timeline(witness, decisions, zone)))

    def _zone(self, scenario: Scenario) -> str:
        own = scenario.attributes.get(self.plan.policy.zone_attribute)
        fed = [each.data.get(self.plan.policy.zone_attribute) for each in scenario.events]
        return next((zone for zone in (own, *fed) if isinstance(zone, str) and zone in self.zones), self.plan.policy.zone)

    def _who(self, scenario: Scenario, zone: str) -> str:
        """The customer by what matters about them: a gold-tier customer in Berlin."""
        known = {name: value for name, value in scenario.attributes.items() if "@" not in str(value)}
        tier = known.pop("tier", None)
        known.pop(self.plan.policy.zone_attribute, None)
        place = zone.rpartition("/")[2].replace("_", " ")
        what = f"{tier}-tier customer" if tier else "customer"
        rest = ", ".join(f"{name} {self._shown(name, value)}" for name, value in sorted(known.items()))
        article = "An" if what[0] in "aeiou" else "A"
        return f"{article} {what} in {place}{f' ({rest})' if rest else ''}{self._of_account(scenario)}"

    def _of_account(self, scenario: Scenario) -> str:
        """What matters about the customer's account: of Acme (plan pro), admin there."""
        account = scenario.account
        if account is None:
            return ""
        known = ", ".join(f"{name} {plain_value(self.of_accounts.get(name, Type.STRING), value)}"
                          for name, value in sorted(account.attributes.items()))  # fmt: skip
        roles = f", {' and '.join(account.roles)} there," if account.roles else ""
        return f" of {account.name}{f' ({known})' if known else ''}{roles}"

    def _shown(self, name: str, value: Any) -> str:
        return str(plain_value(self.types.get(name, Type.STRING), value))

    def _what(self, proof: Proof, witness: Witness) -> str:
        moments, gap = witness.collision.moments, duration_text(-(-witness.collision.gap_us // 60_000_000) * 60_000_000)
        within = f"within {gap}" if witness.collision.gap_us else "at one instant"
        if proof.kind == CHANNEL:
            return f"receives two {_TOLD.get(proof.about, f'{proof.about} message')}s {within}"
        if proof.kind == CLAIMS:
            return f"is told of {proof.about} and of what excludes it {within}"
        if proof.kind == ATTRIBUTE:
            return f"has {proof.about} set to two values {within}"
        if proof.kind == PRESSURE:
            return f"is to get {_count(len(moments))} messages {within}"
        if proof.kind == UNASKED:
            return f"has agreed to nothing and is sent '{self.contents[proof.journeys[0], proof.about]}'"
        if proof.kind == PRESUMED:
            return f"has a message blocked and is waited for as if they had it ({proof.about})"
        if proof.kind == LOOP:
            return f"goes round {proof.about} without end"
        if proof.question == POLICY:
            return f"{self._met(proof)}: {proof.reason}"
        return f"comes to {proof.about}"

    def _met(self, proof: Proof) -> str:
        """What somebody comes to that is not for them."""
        step = proof.about.partition(" ")[0]
        content = self.contents.get((proof.journeys[0], step))
        if proof.kind == BARRED:
            return f"comes to '{content}', which is not for them"
        return f"is sent '{content}'" if proof.kind == ELSEWHERE else f"is handed over at {step}"

    def _timeline(self, witness: Witness, decisions: list[Decision], zone: str) -> Iterator[str]:
        scenario, collided = witness.scenario, set(witness.collision.moments)
        last_us = max((at_us for at_us, _, _ in collided), default=scenario.until_us)
        lines = [(each.at_us, 0, f"has had {each.channel} messages of other journeys ({each.purpose})") for each in scenario.received[:1]]
        name = f"{scenario.account.name}: " if scenario.account is not None else ""
        lines += [
            (each.at_us, 1, f"{name if each.account else ''}{_event_text(each.type, each.data)}")
            for each in scenario.events
            if each.type != CONSENT_CHANGED
        ]
        lines += [(scenario.takeover_us, 1, "a new version takes over")] if scenario.takeover_us else []
        marked = _marked(decisions, collided, first=scenario.takeover_us > 0)
        seen = {each.effect for each in decisions if each.verb == "sent"}
        lines += [
            (
                each.at_us,
                2,
                f"{self._decision(each)}{'  ←' if place in marked else ''}",
            )
            for place, each in enumerate(decisions)
            if each.journey
            and (each.verb not in _UNTOLD or (each.at_us, each.journey, each.step) in collided)
            and (each.verb != "cancelled" or each.effect in seen)
        ]
        day = ""
        for at_us, _, text in sorted(lines, key=lambda line: line[:2]):
            if at_us > last_us:
                break
            local = self.zones.local(at_us, zone)
            if local.strftime("%a %-d %b") != day:
                day = local.strftime("%a %-d %b")
                yield day
            yield f"{local:%H:%M}  {text}"

    def _decision(self, decision: Decision) -> str:
        content = self.before.get((decision.version, decision.step)) or self.contents.get((decision.journey, decision.step))
        if decision.verb == "sent":
            return f"{decision.journey} / {decision.step} sends '{content}' by {decision.reason}"
        why = f": {decision.reason}" if decision.reason else ""
        where = f"{decision.journey} / {decision.step}" if decision.step else decision.journey
        return f"{where} {decision.verb}{why}"


def _marked(decisions: Sequence[Decision], collided: Container[tuple[int, str, str]], first: bool) -> frozenset[int]:
    """The decisions that collide: of acts all at the moments that do, in a takeover whatever came `first` at each of them."""
    found: dict[tuple[int, str, str] | int, int] = {}
    for place, each in enumerate(decisions):
        moment = (each.at_us, each.journey, each.step)
        if moment in collided and (first or each.verb in _ACTS):
            found.setdefault(moment if first else place, place)
    return frozenset(found.values())


def _event_text(type: str, data: Mapping[str, Any]) -> str:
    if type == CANDIDATE_OFFERED:
        return f"is offered {data['journey']} / {data['step']} by an account"
    said = " ".join(f"{name}={_plain(value)}" for name, value in data.items())
    return f"{type} {said}".rstrip()


def _plain(value: Any) -> str:
    text = str(value)
    return text.rstrip("0").rstrip(".") if "." in text and text.replace(".", "", 1).isdigit() else text


def _count(number: int) -> str:
    return _NUMBERS[number] if number < len(_NUMBERS) else str(number)
