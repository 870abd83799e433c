"""What two hundred further journeys cost an event that none of them listens to.

Events go through intake, identity and the kernel over states in memory, under the plan of twenty journeys and under a plan
with two hundred more, in turns of a thousand events; the median of the turns' ratios counts, so that whatever else the
machine does strikes both alike.
"""

import gc
import time
from pathlib import Path
from random import Random
from statistics import median

from msgspec.structs import replace

from bench import workload
from bench.pipeline import bodies_of
from pilotage.app.workspace import Workspace, compile_workspace, load
from pilotage.contract.odcs import read_odcs
from pilotage.journey.advance import advance
from pilotage.journey.document import read_document
from pilotage.journey.findings import Report
from pilotage.journey.plan import Plan
from pilotage.profile.identity import resolve
from pilotage.source.intake import Intake
from pilotage.source.zones import packaged_zones

FURTHER = 200
TYPES = 10
TURN = 10
"""How many batches each plan takes in one turn."""

_CONTRACT = """\
apiVersion: v3.0.2
kind: DataContract
id: further
name: Events that the shop's customers do not send
version: 1.0.0
status: active
schema:
"""
_JOURNEY = """\
schema: 1
kind: journey
name: adoption.further.journey_{number}
owner: {{responsible: lifecycle-team, accountable: head-of-crm}}
purpose: marketing.loyalty
stage: adoption
enter: {{on: further.event_{type}, where: "trigger.amount > {number}", reentry: {{after: 30d}}}}
exit: [{{when: "count('further.event_{other}', '7d') > 3", reason: enough}}]
goal: {{when: "trigger.type = 'further.event_{other}'", within: 30d, kpi: further}}
steps:
  - {{id: wait, wait: {{until: further.event_{other}, timeout: 2d}}, next: done, on_timeout: offer}}
  - {{id: offer, send: email, content: offer, recipient: email, expires: 2d, on_blocked: end, on_failure: end}}
  - {{id: done, exit: done}}
"""


def further_plan() -> Plan:
    """The plan of the workspace and two hundred journeys more."""
    report = Report()
    text = _CONTRACT + "".join(
        f"  - name: further.event_{n}\n    properties: [{{name: amount, logicalType: number, required: true}}]\n" for n in range(TYPES)
    )
    journeys = [_JOURNEY.format(number=n, type=n % TYPES, other=(n + 3) % TYPES) for n in range(FURTHER)]
    documents = [read_document(journey.encode(), f"journeys/further-{n}.yaml", report) for n, journey in enumerate(journeys)]
    workspace: Workspace = load(workload.WORKSPACE, {})
    whole = replace(
        workspace,
        documents=(*workspace.documents, *(document for document in documents if document is not None)),
        contract_files=(*workspace.contract_files, read_odcs(text, "contracts/further.odcs.yaml")),
    )
    compiled = compile_workspace(whole, packaged_zones())
    if compiled.plan is None:
        raise ValueError("\n".join(finding.text for finding in (*report.findings, *compiled.findings)))
    return compiled.plan


def cost(folder: Path, events: int) -> float:
    """How much more CPU an event takes with the further journeys, in per cent of what it takes without."""
    further = further_plan()
    plans = (workload.plan(), further)
    programs = [workload.program(plan) for plan in plans]
    intakes = [workload.intake(), Intake(further.contracts, workload.compiled().segment_names)]
    now_us = time.time_ns() // 1_000
    pasts = workload.histories(programs[0], now_us, 1_000)
    secret = b"idle journeys cost next to nothing"
    bodies = bodies_of([Random(31).randrange(20_000) for _ in range(events)], "idle")
    states = [{workload.subject_of(secret, n): workload.subject_like(pasts[n % 1_000], b"", n, 0) for n in range(20_000)} for _ in plans]
    links = {workload.link_of(secret, n): workload.subject_of(secret, n) for n in range(20_000)}
    ratios = []
    gc.collect()
    gc.disable()
    for first in range(0, len(bodies), TURN):
        spent = [0.0, 0.0]
        for which in (0, 1) if first // TURN % 2 else (1, 0):
            begun = time.process_time()
            program, mine = programs[which], states[which]
            for body in bodies[first : first + TURN]:
                for event in intakes[which].segment("batch", body, workload.SOURCE, now_us).accepted:
                    subject = resolve(secret, event, links.get).subject
                    mine[subject] = advance(program, mine[subject], event, now_us).state
            spent[which] = time.process_time() - begun
        ratios.append(spent[1] / spent[0])
    return (median(ratios) - 1) * 100
