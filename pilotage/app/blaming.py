"""Who asked for a rule: the releases of an environment with their plans, and each rule's release as a view."""

import msgspec

from pilotage.app.bundling import kept_plan
from pilotage.app.reviewing import ReviewDesk, environment_of, ledger_at
from pilotage.event.time import instant_text
from pilotage.review.blame import Blamed, Released, blame
from pilotage.review.register import register_of


class BlameView(msgspec.Struct, frozen=True):
    """One rule, and the release that made it what it is: who asked for it, why, what was expected, who approved."""

    kind: str
    name: str
    how: str
    says: list[str]
    release: str
    sequence: int
    at: str
    proposal: str
    author: str
    intent: str
    hypothesis: str
    effect: str
    evidence: str
    approved_by: list[str]


def blamed(desk: ReviewDesk, journey: str, step: str = "") -> list[BlameView]:
    """Every rule of a journey, or of one of its steps, in order; none where the newest release has no such thing."""
    environment = environment_of(desk)
    with ledger_at(desk) as ledger:
        register = register_of(ledger)
    history = [
        Released(release, kept_plan(desk.data, release.bundle), register.cases[release.proposal])
        for release in register.releases
        if release.environment == environment
    ]
    return [_view(each) for each in blame(history, journey, step)]


def _view(rule: Blamed) -> BlameView:
    release, proposal = rule.released.release, rule.released.case.proposal
    return BlameView(
        kind=rule.kind,
        name=rule.name,
        how=rule.how,
        says=list(rule.says),
        release=release.digest,
        sequence=release.sequence,
        at=instant_text(release.minted_at_us),
        proposal=proposal.id,
        author=proposal.author,
        intent=proposal.reasons.intent,
        hypothesis=proposal.reasons.hypothesis,
        effect=proposal.reasons.effect,
        evidence=release.evidence,
        approved_by=[f"{vote.person} as {vote.role}" for vote in release.approvals],
    )
