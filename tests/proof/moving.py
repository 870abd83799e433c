"""Pairs of versions of a journey to draw, the second of which takes over by a map, and a judge of what came of it who knows the rules
from the documents alone."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

from pilotage.experiment.assignment import arm_index, held_out
from pilotage.journey.edges import step_edges
from pilotage.journey.outcome import Decision
from pilotage.journey.plan import AnyStep, Branch, Call, Emit, Journey, Plan, Repeat, Send, Set, Split, Task, Wait
from pilotage.proof.enactment import Enacted
from tests.journey.scenario import PLAIN
from tests.proof.planted import policy
from tests.proof.worlds import SERVICE, plan_of

NAME = "growth.recovery.moving"
CONTENTS = ("text0", "text1", "text2")
TEXTS = tuple(PLAIN.replace("name: plain", f"name: {name}") for name in CONTENTS)
CONDITIONS = ("tier = 'gold'", "country = 'DE'", "spent > 100", "trigger.price > 5", "consent('marketing.cart', 'email')")
EVENTS = ("order.placed", "product.viewed")
WAITS = ("1h", "5h", "1d", "3d")


def documents(*texts: str) -> Plan:
    """A plan of a journey with its contents."""
    return plan_of(policy(), *TEXTS, *texts)


def document(steps: list[dict[str, Any]], **more: Any) -> str:
    """The journey with some steps."""
    owner = {"responsible": "a", "accountable": "b"}
    head = {"schema": 1, "kind": "journey", "name": NAME, "owner": owner, "purpose": SERVICE, "stage": "growth"}
    return json.dumps({**head, "enter": {"on": "cart.added", "reentry": "always"}, "steps": steps, **more})


def versions(rng: random.Random) -> tuple[Plan, Plan]:
    """A version and one that takes it over."""
    names = [f"s{number}" for number in range(rng.randrange(3, 7))]
    others = rng.sample([*names, "t0", "t1", "t2"], rng.randrange(3, 7))
    before = _steps(rng, names)
    after = list(before) if rng.random() < 0.3 else _steps(rng, others)
    if after != before or rng.random() < 0.5:
        after = [{"id": "t9", **_rest(rng)}, *after] if rng.random() < 0.3 else after
    homes = [step.id for step in documents(document(after)).journeys[0].steps if step.id != "end"]
    old = documents(document(before, **_holdout(rng)))
    ways = {step.id: rng.choice([*homes, *homes, "exit"]) for step in old.journeys[0].steps if step.id != "end" and rng.random() < 0.6}
    ways = {} if rng.random() < 0.2 else ways
    migrate = {"migrate": {"from": "any", "steps": ways}} if ways else {"migrate": {}}
    return old, documents(document(after, in_flight=migrate, **_holdout(rng)))


def _holdout(rng: random.Random) -> dict[str, Any]:
    goal = {"goal": {"when": "trigger.type = 'app.opened'", "within": "30d"}}
    return {"holdout": f"{rng.choice((10, 30))}%", **goal} if rng.random() < 0.2 else {}


def _rest(rng: random.Random) -> dict[str, Any]:
    if rng.random() < 0.5:
        return {"wait": {"for": rng.choice(WAITS)}}
    if rng.random() < 0.7:
        return {"wait": {"until": rng.choice(EVENTS), "timeout": rng.choice(WAITS)}}
    return {"wait": {"when": rng.choice(CONDITIONS[:3]), "timeout": rng.choice(WAITS)}}


def _send(rng: random.Random) -> dict[str, Any]:
    return {"send": "email", "content": rng.choice(CONTENTS), "expires": "1d", "on_blocked": "end"}


def _steps(rng: random.Random, names: list[str]) -> list[dict[str, Any]]:
    """Steps of all kinds, each of which leads onward; something is set before it is read."""
    found: list[dict[str, Any]] = []
    for place, name in enumerate(names):
        onward = [*names[place + 1 :], "end"]
        kind = rng.randrange(12)
        if kind < 4:
            step = _rest(rng)
            if "timeout" in step["wait"] and rng.random() < 0.6:
                step["on_timeout"] = rng.choice(onward)
        elif kind < 6:
            step = _send(rng) | ({"on_failure": rng.choice(onward)} if rng.random() < 0.4 else {})
        elif kind == 6:
            step = {"call": "desk", "data": {"n": "trigger.price"}}
            if rng.random() < 0.6:
                step |= {"returns": {"n": {"field": "n", "type": "number"}}, "timeout": "2d", "on_timeout": rng.choice(onward)}
                step |= {"on_failure": rng.choice(onward)}
        elif kind == 7:
            step = {"set": {"variables": {"n": "trigger.price"}}} if rng.random() < 0.6 else {"set": {"attributes": {"mood": "'good'"}}}
        elif kind == 8:
            step = {"task": "Ring", "team": "care", "sla": "1d", "timeout": "2d", "outcomes": {"yes": onward[0], "no": rng.choice(onward)}}
            step |= {"on_timeout": rng.choice(onward)}
        elif kind == 9:
            step = {"split": {"a": {"share": "40%", "goto": onward[0]}, "b": {"share": "60%", "goto": rng.choice(onward)}}, "salt": "one"}
        elif kind == 10:
            step = {"repeat": {"times": rng.randrange(2, 4), "steps": [{"id": "say", **_send(rng)}, {"id": "pause", **_rest(rng)}]}}
        else:
            reads = "journey.n > 5" if any("n" in json.dumps(each.get("set", each.get("returns", {}))) for each in found) else ""
            when = rng.choice([*CONDITIONS, *([reads] * 4 if reads and '"n"' in json.dumps(found) else [])])
            step = {"branch": [{"when": when, "goto": rng.choice(onward)}]}
        found.append({"id": name, **step})
    return found


_OVER = frozenset(("resumed", "timed_out", "completed", "answered"))


class Judge:
    """Knows what must not come about when the second version takes over from the first: from all ways through the documents."""

    def __init__(self, old: Journey, new: Journey) -> None:
        self.old, self.new = old, new
        self.before, self.after = (({step.id: step for step in journey.steps}) for journey in (old, new))
        rule = new.in_flight
        said = dict(rule.steps)  # type: ignore[union-attr]
        self.landing = {
            name: said.get(name, name) for name, step in self.before.items() if name in said or type(self.after.get(name)) is type(step)
        }

    def broken(self, enacted: Enacted, takeover_us: int) -> set[str]:
        """The kinds of guarantees that were broken for some entry."""
        found: set[str] = set()
        crossed = enacted.crossed
        assert crossed is not None
        (state,), (after,) = crossed.before, crossed.after
        for was in state.entries:
            if was.version != self.old.digest[:16]:
                continue
            mine = [each for each in enacted.decisions if each.entry == was.id]
            earlier = [each for each in mine if each.version == was.version]
            later = [each for each in mine if each.version != was.version]
            became = next((each for each in after.entries if each.id == was.id), None)
            if not was.step:
                continue
            if became is not None and became.version == was.version:
                found.add("place")
            goto = "" if "place" in found else self.landing.get(was.step, "")
            found |= self._whole(state.subject, was, later)
            if goto and later:
                found |= self._landed(goto, earlier, state, was)
                if became is not None and became.step == goto and type(self.before[was.step]) is type(self.after[goto]):
                    over = any(each.verb in _OVER and each.at_us == takeover_us for each in later)
                    if not over and not isinstance(self.after[goto], Send) and 0 < was.deadline_us < became.deadline_us:
                        found.add("deadline")
            found |= self._acts(earlier, later)
            found |= self._waits(earlier, later)
            found |= self._reads(earlier, later, was)
        return found

    def _whole(self, subject: bytes, was: Any, later: list[Decision]) -> set[str]:
        moved = any(each.verb == "migrated" for each in later)
        return {"holdout"} if moved and was.phase != 4 and held_out(NAME, subject, self.new.holdout) else set()

    def _landed(self, goto: str, earlier: list[Decision], state: Any, was: Any) -> set[str]:
        """What every way to the step passes, and who is there did not."""
        found: set[str] = set()
        ways = list(_ways(self.new, goto))
        assert ways
        for gate in set.intersection(*({name for name, _ in way} for way in ways)):
            step = self.after[gate]
            labels = {label for way in ways for name, label in way if name == gate}
            if isinstance(step, Branch):
                (edge,) = step.edges
                if "consent(" in edge.when.text:
                    passed = {self.landing.get(each.step) for each in earlier if each.verb in ("branched", "resumed", "completed")}
                    found |= {"gate"} if gate not in passed else set()
                elif len(labels) == 1 and "journey.n" not in edge.when.text:
                    wanted = labels != {"otherwise"}
                    passed_same = any(
                        each.verb == "branched" and (each.rule == edge.when.text) is wanted and self._asks(each.step, edge.when.text)
                        for each in earlier
                    )
                    if _true(edge.when.text, state.attributes, was.trigger) is not wanted and not passed_same:
                        found.add("branch")
            if isinstance(step, Wait) and step.when is not None and labels == {"next"}:
                passed_same = any(step.when.text == each.rule and each.verb in ("resumed", "branched") for each in earlier)
                if not passed_same and not _true(step.when.text, state.attributes, was.trigger):
                    found.add("branch")
            if isinstance(step, Split):
                arm = step.arms[arm_index(step.salt, state.subject, [each.share for each in step.arms])]
                found |= {"arm"} if f"arm {arm.name}" not in labels else set()
        return found

    def _asks(self, name: str, text: str) -> bool:
        step = self.before[name]
        return isinstance(step, Branch) and step.edges[0].when.text == text

    def _acts(self, earlier: list[Decision], later: list[Decision]) -> set[str]:
        found: set[str] = set()
        done = [Counter(key for each in told if (key := _act(each, steps)))
                for told, steps in ((earlier, self.before), (later, self.after))]  # fmt: skip
        for key in done[0].keys() & done[1].keys():
            most = max(_most(self.old, key), _most(self.new, key))
            if done[0][key] + done[1][key] > most:
                found.add("twice" if key[0] == "content" else "again")
        return found

    def _waits(self, earlier: list[Decision], later: list[Decision]) -> set[str]:
        came = {each.reason for each in earlier if each.verb == "resumed"}
        for each in later:
            step = self.after.get(each.step)
            if each.verb in ("waited", "migrated") and isinstance(step, Wait) and step.until in came and step.until:
                passing = any(
                    label == "next" and isinstance(one := self.after[name], Wait) and one.until == step.until
                    for way in _ways(self.new, each.step, 2)
                    for name, label in way
                )
                if not passing:
                    return {"past"}
        return set()

    def _reads(self, earlier: list[Decision], later: list[Decision], was: Any) -> set[str]:
        kinds = dict(self.old.variables)
        known = {name for name in was.variables if dict(self.new.variables).get(name) == kinds.get(name)}
        for each in later:
            step = self.after.get(each.step)
            if "price" not in dict(self.old.trigger_fields) and _reads_price(step, each.verb):
                return {"unset"}
            if each.verb == "branched" and isinstance(step, Branch) and "journey.n" in step.edges[0].when.text and "n" not in known:
                ways = list(_ways(self.new, each.step))
                if all(any(_sets(self.after[name], label) for name, label in way) for way in ways):
                    return {"unset"}
            if each.verb in ("set", "answered") and step is not None and _sets(step, "next"):
                known.add("n")
        return set()


def _reads_price(step: AnyStep | None, verb: str) -> bool:
    if isinstance(step, Branch):
        return verb == "branched" and "trigger.price" in step.edges[0].when.text
    return (isinstance(step, Call) and verb == "called") or (isinstance(step, Set) and verb == "set" and bool(step.variables))


def _sets(step: AnyStep, label: str) -> bool:
    if isinstance(step, Set):
        return any(each.name == "n" for each in step.variables)
    return isinstance(step, Call) and bool(step.returns) and label == "next"


def _act(decision: Decision, steps: dict[str, AnyStep]) -> tuple[str, str] | None:
    step = steps.get(decision.step)
    if decision.verb == "sent" and isinstance(step, Send):
        return "content", step.content
    if decision.verb == "called" and isinstance(step, Call):
        return "call", step.endpoint
    if decision.verb == "opened" and isinstance(step, Task):
        return "task", step.title
    return ("emit", step.event) if decision.verb == "emitted" and isinstance(step, Emit) else None


def _does(step: AnyStep) -> tuple[str, str] | None:
    if isinstance(step, Send):
        return "content", step.content
    if isinstance(step, Call):
        return "call", step.endpoint
    return ("task", step.title) if isinstance(step, Task) else None


def _most(journey: Journey, key: tuple[str, str]) -> int:
    """How often a version does something at most on one way: in a repeat as often as it has rounds."""
    steps, most = {step.id: step for step in journey.steps}, 0
    for way in _ways(journey, "", 2):
        names = {name for name, _ in way}
        count = 0
        for name in names:
            if _does(steps[name]) == key:
                around = [step.times for step in steps.values() if isinstance(step, Repeat) and name.startswith(f"{step.id}/")]
                count += around[0] if around else 1
        most = max(most, count)
    return most


def _ways(journey: Journey, goal: str, visits: int = 1) -> Iterator[tuple[tuple[str, str], ...]]:
    """Every way from the beginning to a step (the end, without one), as the steps left and by which edge."""
    steps = {step.id: step for step in journey.steps}
    ahead: list[tuple[str, tuple[tuple[str, str], ...]]] = [(journey.steps[0].id, ())]
    while ahead:
        name, way = ahead.pop()
        if name == goal or (not goal and name not in steps):
            yield way
            if visits == 1 or not goal:
                continue
        if name in steps and sum(passed == name for passed, _ in way) < visits:
            out = step_edges(steps[name])
            ahead += [(edge.goto, (*way, (name, edge.label))) for edge in out]
            if not out and not goal:
                yield way


def _true(text: str, attributes: dict[str, Any], trigger: dict[str, Any]) -> bool:
    """Whether a condition is true of somebody."""
    if text == "tier = 'gold'":
        return attributes.get("tier") == "gold"
    if text == "country = 'DE'":
        return attributes.get("country") == "DE"
    if text == "spent > 100":
        return (attributes.get("spent") or 0) > 100_000_000
    assert text == "trigger.price > 5", text
    return (trigger.get("price") or 0) > 5_000_000
