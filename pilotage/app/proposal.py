"""A proposal in the demo: a second team's journey that is sound alone and in conflict with a live one, found, told and resolved."""

from pathlib import Path

import msgspec

from pilotage.app.asking import Question
from pilotage.app.proving import CONFLICT, Shown, evidence_of, shown
from pilotage.app.terminal import console
from pilotage.app.workspace import compile_workspace, load
from pilotage.journey.document import read_document
from pilotage.journey.findings import Report
from pilotage.proof.change import smallest
from pilotage.proof.conflict import CHANNEL
from pilotage.proof.outcome import Change
from pilotage.source.zones import packaged_zones

PROPOSED, LIVE = "growth.offers.gold_cart", "growth.offers.cart_recovery"
DOCUMENT = f"""\
schema: 1
kind: journey
name: {PROPOSED}
owner: {{responsible: loyalty-team, accountable: head-of-crm}}
purpose: marketing.offers
stage: growth
enter: {{on: cart.added, where: "tier = 'gold' and trigger.price >= 40", reentry: {{after: 7d}}}}
steps:
  - {{id: pause, wait: {{for: 90m}}}}
  - {{id: favour, send: email, content: cart-favour, recipient: email, expires: 1d, on_blocked: end}}
"""


class Refuted(msgspec.Struct, frozen=True):
    """What became of the proposal: the witness against it, and the change after which the conflict is proved to be none."""

    shown: Shown
    change: Change


def refuted(folder: Path) -> Refuted:
    """Prove the proposal among the journeys of a workspace; an assertion if it is no conflict there, or nothing removes it."""
    zones, asked = packaged_zones(), Question(PROPOSED, workers=1)
    workspace = load(folder, {})
    document = read_document(DOCUMENT.encode(), "journeys/gold_cart.yaml", Report())
    assert document is not None, "the proposal is a document"
    compiled = compile_workspace(msgspec.structs.replace(workspace, documents=(*workspace.documents, document)), zones)
    assert compiled.plan is not None, [finding.text for finding in compiled.findings]
    evidence, _ = evidence_of(compiled.plan, zones, asked, (CONFLICT,))
    against = next(proof for proof in evidence.witnesses if proof.kind == CHANNEL and set(proof.journeys) == {PROPOSED, LIVE})
    change = smallest(compiled.plan, zones, asked.bounds, against)
    assert change is not None, "a budget for both removes it"
    return Refuted(shown(compiled.plan, zones, asked.bounds, against), change)


def tell_proposal(folder: Path) -> None:
    """Print what became of the proposal."""
    found, out = refuted(folder), console()
    out.print(f"proposed: {PROPOSED}, for gold customers who leave a cart; checked against all live journeys", markup=False)
    out.print(found.shown.story.text, markup=False, soft_wrap=True)
    out.print(f"  To remove it: {found.change.text}.\n  Proved: {found.change.reason}.\n", markup=False, soft_wrap=True)
