"""A witness as a test in its journey's document, so that what was found once is kept.

The test is written as a person would write it, tried in the workspace, and kept only if it passes there: if what was found comes about
in the machinery of document tests too.
"""

from pathlib import Path
from typing import Any

import msgspec

from pilotage.app.workspace import Workspace
from pilotage.contract.builtin import CANDIDATE_OFFERED
from pilotage.event.time import instant_text
from pilotage.event.zone import Zones
from pilotage.experiment.assignment import arm_index
from pilotage.journey.document import Document, Fields, Items, read_document
from pilotage.journey.findings import Report
from pilotage.journey.plan import Plan, Split, Task
from pilotage.journey.values import plain_value
from pilotage.predicate.ir import Type
from pilotage.proof.conflict import ATTRIBUTE
from pilotage.proof.enactment import subject_of
from pilotage.proof.outcome import Fate, Proof, Scenario
from pilotage.proof.policy import BARRED, HANDED
from pilotage.simulate.document_tests import run_tests

_encode = msgspec.json.Encoder(decimal_format="number").encode


def save_witness(workspace: Workspace, plan: Plan, zones: Zones, proof: Proof) -> str:
    """Write a witness into the document of its last journey; what was done, or why it was not, in a line."""
    assert proof.witness is not None, "only a witness can be saved"
    scenario, name = proof.witness.scenario, proof.journeys[-1]
    what = f"{proof.kind} {proof.about} of {', '.join(proof.journeys)}"
    reason = _unsayable(scenario, name)
    if reason:
        return f"not saved: {what}: a test cannot say that {reason}"
    document = next(each for each in workspace.documents if each.kind == "journey" and each.name == name)
    source = _with_test(document, _encode(_test(plan, proof, scenario, name)).decode())
    if source is None:
        return f"not saved: {what}: the tests of {document.path} are not written as a list, a line for each"
    report = Report()
    written = read_document(source.encode(), document.path, report)
    results = run_tests([written], plan, zones, report) if written is not None else ()
    if report.failed or not results or not results[0].results or not results[0].results[-1].passed:
        return f"not saved: {what}: it does not come about as a test of {name} alone"
    (Path(workspace.folder) / document.path).write_text(source, encoding="utf-8")
    return f"saved {what} as a test in {document.path}"


def _unsayable(scenario: Scenario, name: str) -> str:
    """What a test has no words for; empty where it can say all."""
    if scenario.received:
        return "other messages were received before"
    if any(each.type == CANDIDATE_OFFERED for each in scenario.events):
        return "an account offers a message"
    if any(not step.startswith(f"{name}/") for step in scenario.fates):
        return "something becomes of what another journey hands over"
    return ""


def _test(plan: Plan, proof: Proof, scenario: Scenario, name: str) -> dict[str, Any]:
    """The test as plain data."""
    assert proof.witness is not None, "only a witness can be saved"
    types = {attribute.name: attribute.type for attribute in plan.attributes}
    given: dict[str, Any] = {}
    if scenario.attributes:
        given["attributes"] = {key: plain_value(types.get(key, Type.STRING), value) for key, value in sorted(scenario.attributes.items())}
    consents: dict[str, list[str]] = {}
    for pair in scenario.consents:
        purpose, channel = pair.split("|")
        consents.setdefault(purpose, []).append(channel)
    arms = _arms(plan, scenario, name)
    given |= {key: value for key, value in (("consents", consents), ("arms", arms)) if value}
    steps = [step for _, journey, step in proof.witness.collision.moments if journey == name and step]
    others = [each for each in proof.journeys if each != name]
    expect = {"decisions": [f"{_verb(plan, proof, step)} {step}" for step in steps]} if steps else {"enters": True}
    events = [{"type": each.type, "at": instant_text(each.at_us), "data": each.data} for each in scenario.events]
    fates = {step.partition("/")[2]: _fate(fate) for step, fate in scenario.fates.items()}
    last_us = max(at_us for at_us, _, _ in proof.witness.collision.moments)
    return {
        "name": " ".join((proof.kind, proof.about, *(["with", ", ".join(others)] if others else []))),
        **({"given": given} if given else {}),
        **({"beside": others} if others else {}),
        "start": instant_text(scenario.start_us),
        "events": events,
        **({"fates": fates} if fates else {}),
        "until": f"{-(-(last_us - scenario.start_us) // 1_000_000) + 1}s",
        "expect": expect,
    }


def _verb(plan: Plan, proof: Proof, step: str) -> str:
    """What was decided at a step that a witness is about."""
    if proof.kind == HANDED:
        named = next(each for each in plan.journeys if each.name == proof.journeys[-1])
        return "opened" if any(isinstance(each, Task) and each.id == step for each in named.steps) else "called"
    return {ATTRIBUTE: "set", BARRED: "blocked"}.get(proof.kind, "sent")


def _fate(fate: Fate) -> Any:
    return {"fate": fate.fate, "outcome": fate.outcome} if fate.outcome else fate.fate


def _arms(plan: Plan, scenario: Scenario, name: str) -> dict[str, str]:
    journey = next(each for each in plan.journeys if each.name == name)
    return {
        step.id: step.arms[arm_index(step.salt, subject_of(scenario.subject), [arm.share for arm in step.arms])].name
        for step in journey.steps
        if isinstance(step, Split)
    }


def _with_test(document: Document, test: str) -> str | None:
    """The document's text with one more test; None where its tests are not written line by line."""
    source = document.source if document.source.endswith("\n") else document.source + "\n"
    tests = document.root.get("tests")
    if tests is None:
        return f"{source}tests:\n  - {test}\n"
    if not isinstance(tests, Items) or not tests.items or tests.line == document.root.key("tests").line:
        return None
    lines = source.splitlines(keepends=True)
    after = [key.line for key, _ in document.root.fields if key.line > document.root.key("tests").line]
    place = min(after, default=len(lines) + 1) - 1
    while place and not lines[place - 1].strip():
        place -= 1
    first = tests.items[0]
    column = first.column if isinstance(first, Fields) else 1
    return "".join((*lines[:place], f"{' ' * max(column - 3, 0)}- {test}\n", *lines[place:]))
