"""What two hundred further journeys cost an event that none of them listens to."""

from msgspec.structs import replace

from bench import workload
from bench.turns import compared
from pilotage.app.workspace import Workspace, compile_workspace, load
from pilotage.contract.odcs import read_odcs
from pilotage.journey.document import read_document
from pilotage.journey.findings import Report
from pilotage.journey.plan import Plan
from pilotage.source.zones import packaged_zones

FURTHER = 200
TYPES = 10

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


def cost(events: int) -> float:
    """How much more CPU an event takes with the further journeys, in per cent of what it takes without."""
    return (compared(workload.plan(), further_plan(), events, 0).ratio - 1) * 100
