"""Conflicts among five hundred live journeys: generated from the library's templates with varied parameters, proved from nothing, and once
more after one of them has changed."""

import json
import resource
import time
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import yaml

from bench.figure import Figure
from pilotage.app.asking import Question
from pilotage.app.library import library
from pilotage.app.proving import Remembered, conflicts_of
from pilotage.app.workspace import Workspace, compile_workspace, load
from pilotage.event.zone import Zones
from pilotage.journey.document import Document, read_document
from pilotage.journey.findings import Report
from pilotage.journey.plan import Plan
from pilotage.journey.template import Template, instantiated
from pilotage.proof.outcome import Verdict
from pilotage.source.zones import packaged_zones

JOURNEYS = 500
MARKETS = ("DE", "FR", "US", "GB", "IT", "ES", "PL", "NL", "BE", "AT", "CH", "SE", "DK", "NO", "FI", "IE", "PT", "CZ", "HU", "GR")
EVERYWHERE = 0.04
"""The share of journeys that are for customers of all markets."""
TIERS = ("", "", "", "tier = 'gold'", "tier in ('silver', 'gold')", "tier is null or tier = 'none'")
SPANS = {"duration": ("1h", "4h", "1d", "2d", "3d", "7d", "14d"), "time": ("09:00", "10:30", "12:15", "17:00", "18:30")}
SHOP = Path(__file__).parent.parent / "pilotage" / "simulate" / "demo"


def documents(count: int, shop: Workspace, zones: Zones, seed: int = 7) -> list[Document]:
    """So many journeys with their contents and audiences, for one market each or for all; the same for every seed."""
    random = Random(seed)
    contracts = {contract.event: contract for contract in compile_workspace(shop, zones).contracts}
    templates = [each for each in library() if "subject: account" not in each.journey]
    found: dict[str, str] = {}
    for number in range(count):
        template = templates[number % len(templates)]
        name = f"{template.name}_{number}"
        made = instantiated(template, name, shop.company, _settings(template, random), contracts)
        path, text = next(iter(made.items()))
        found |= {**made, path: json.dumps(_for_market(yaml.safe_load(text), random))}
    report = Report()
    read = [read_document(text.encode(), path, report) for path, text in found.items()]
    return [document for document in read if document is not None]


def _settings(template: Template, random: Random) -> dict[str, str]:
    """Other values for some of a template's durations and times."""
    chosen = {}
    for each in template.parameters:
        if each.type in SPANS and random.random() < 0.4 and each.name not in ("rest", "year", "sla"):
            chosen[each.name] = random.choice(SPANS[each.type])
    return chosen


def _for_market(journey: dict[str, Any], random: Random) -> dict[str, Any]:
    """The journey for customers of one market and perhaps some tiers; its tests are left out."""
    journey.pop("tests", None)
    market = "" if random.random() < EVERYWHERE else f"country = '{random.choice(MARKETS)}'"
    said = [part for part in (market, random.choice(TIERS)) if part]
    enter = journey["enter"]
    if True in enter:  # what YAML 1.1 makes of the key `on`
        enter["on"] = enter.pop(True)
    if "where" in enter:
        said.append(str(enter["where"]))
    if said and "schedule" not in enter:
        enter["where"] = " and ".join(f"({part})" for part in said)
    elif said:
        first = journey["steps"][0]["id"]
        journey["steps"].insert(
            0, {"id": "market", "branch": [{"when": " and ".join(f"({part})" for part in said), "goto": first}], "next": "end"}
        )
    return journey


def plan_of(count: int, seed: int = 7) -> tuple[Plan, Zones]:
    """The plan of so many live journeys among the demo's events, profile and policies."""
    zones = packaged_zones()
    demo = load(SHOP, {})
    shop = msgspec.structs.replace(demo, documents=tuple(each for each in demo.documents if each.kind in ("profile", "policy")))
    whole = msgspec.structs.replace(shop, documents=(*shop.documents, *documents(count, shop, zones, seed)))
    compiled = compile_workspace(whole, zones)
    assert compiled.plan is not None, [finding.text for finding in compiled.findings if finding.severity == "error"][:5]
    return compiled.plan, zones


def figures(count: int = JOURNEYS) -> list[Figure]:
    """The two times, and the share that stays unknown."""
    plan, zones = plan_of(count)
    begun_s = time.perf_counter()
    proofs, remembered = conflicts_of(plan, zones, Question())
    whole_s = time.perf_counter() - begun_s
    stored = Remembered.decoded(remembered.encoded())
    changed = msgspec.structs.replace(plan, journeys=(_changed(plan.journeys[0]), *plan.journeys[1:]))
    begun_s = time.perf_counter()
    again, _ = conflicts_of(changed, zones, Question(journey=plan.journeys[0].name), stored)
    again_s = time.perf_counter() - begun_s
    pairs = count * (count - 1) // 2
    counts = {verdict: sum(proof.verdict is verdict for proof in proofs) for verdict in Verdict}
    unknown = {proof.journeys for proof in proofs if proof.verdict is Verdict.UNKNOWN}
    spent = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime + time.process_time()
    told = f"{pairs:,} pairs, {spent:.0f} CPU s in two processes; " + ", ".join(
        f"{number:,} {verdict}" for verdict, number in counts.items()
    )
    return [
        Figure("conflicts of all live journeys", whole_s, "s", 30, at_most=True, bound=told),
        Figure("conflicts of one that has changed", again_s, "s", 1, at_most=True, bound=f"{len(again):,} questions, the rest remembered"),
        Figure("pairs that stay unknown", 100 * len(unknown) / pairs, "%", 1, at_most=True, bound="at the default budget"),
    ]


def _changed(journey: Any) -> Any:
    return msgspec.structs.replace(journey, holdout=journey.holdout + 100)
