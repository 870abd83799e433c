"""From stored records to readable views: a subject's state, his story, his messages and what became of them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from pilotage.app import views
from pilotage.app.views import instant
from pilotage.contract.builtin import FEATURES_FILLED
from pilotage.event.envelope import Event
from pilotage.journey.accounts import holders_of
from pilotage.journey.backfill import events_told
from pilotage.journey.outcome import Decision
from pilotage.journey.program import Program
from pilotage.predicate.literals import readable
from pilotage.profile.state import State
from pilotage.runner.arrival import Told
from pilotage.runner.outbox import ActionRow, Status

PERSONAL = ("personal", "sensitive")
"""The classifications of attributes that are personal data."""

Released = Callable[[str, int], str]
"""The release in force under the name of a plan at an instant, in words; empty where none was."""

_LEAVING = ("sent", "called")


def subject_view(program: Program, state: State, position: int) -> views.SubjectView:
    """A subject's state with readable values."""
    specs = {spec.name: spec for spec in program.of(state).part.attributes}
    attributes = {name: readable(specs[name].type, value) if name in specs else value for name, value in sorted(state.attributes.items())}
    return views.SubjectView(
        subject=state.subject.hex(),
        position=position,
        zone=program.rules.zone_of(state),
        attributes=attributes,
        personal=[name for name in attributes if name in specs and specs[name].classification in PERSONAL],
        consents=[_consent(key, state) for key in sorted(state.consents)],
        entries=[
            views.EntryView(
                entry=entry.id.hex(),
                journey=entry.journey,
                version=entry.version,
                step=entry.step,
                entered=instant(entry.entered_us),
                since=instant(entry.since_us),
                due=instant(entry.due_us),
                variables=plain(entry.variables),
            )
            for entry in state.entries
        ],
        visits=[
            views.VisitView(journey, visit.times, instant(visit.entered_us), instant(visit.left_us))
            for journey, visit in sorted(state.visits.items())
        ],
        budget=[
            views.ReservationView(each.effect.hex(), each.channel, each.purpose, each.journey, instant(each.at_us), each.pending)
            for each in state.budget
        ],
        audiences={name: instant(at_us) for name, at_us in sorted(state.audiences.items())},
        account=state.ties.account if state.ties is not None else "",
        accounts=dict(sorted(state.ties.accounts.items())) if state.ties is not None else {},
        roles={role: holders_of(state, role) for role in sorted(state.ties.roles)} if state.ties is not None else {},
    )


def _consent(key: str, state: State) -> views.ConsentView:
    purpose, _, channel = key.partition("|")
    grant = state.consents[key]
    return views.ConsentView(purpose, channel, grant.granted, instant(grant.at_us), grant.basis)


def action_view(row: ActionRow) -> views.ActionView:
    """A listed action, without the customer's address and values."""
    action = row.action
    return views.ActionView(
        subject=action.subject.hex(),
        effect=action.effect.hex(),
        kind=action.kind,
        target=action.target,
        purpose=action.purpose,
        journey=action.journey,
        step=action.step,
        status=row.status.value,
        attempts=row.attempts,
        next=instant(row.next_us),
        expires=instant(action.expires_us),
        reason=row.reason,
        held=row.held,
        late=row.late,
    )


def timeline(
    program: Program, state: State, told: Sequence[Told], rows: Sequence[ActionRow], limit: int, released: Released
) -> views.Timeline:
    """A part of a story, newest first as `told` is; `rows` are the subject's listed actions, `released` names releases."""
    happenings = [_happening(each, released) for each in told]
    return views.Timeline(
        subject=state.subject.hex(),
        zone=program.rules.zone_of(state),
        happenings=happenings,
        messages=_messages(told, rows),
        before=told[-1].position if len(told) == limit and told[-1].record.previous else 0,
    )


def _happening(told: Told, released: Released) -> views.HappeningView:
    event = told.record.event
    return views.HappeningView(
        position=told.position,
        received=instant(told.record.received_us),
        type=event.type if event else "",
        source=event.source if event else "",
        id=event.id if event else "",
        occurred=instant(event.occurred_us) if event else "",
        data=_data(event) if event else {},
        decisions=[decision_view(decision) for decision in told.decisions],
        plan=told.plan,
        release=released(told.plan, told.record.received_us),
    )


def decision_view(decision: Decision) -> views.DecisionView:
    """A decision with readable values."""
    return views.DecisionView(
        at=instant(decision.at_us),
        journey=decision.journey,
        version=decision.version,
        entry=decision.entry.hex(),
        step=decision.step,
        verb=decision.verb,
        reason=decision.reason,
        rule=decision.rule,
        inputs=plain(decision.inputs),
        lost=list(decision.lost),
        effect=decision.effect.hex(),
    )


def _messages(told: Sequence[Told], rows: Sequence[ActionRow]) -> list[views.MessageView]:
    """Every message and call decided in a part of a story, newest first, with the fates told in it."""
    fates: dict[str, list[views.FateView]] = {}
    decided: dict[str, Decision] = {}
    for each in told:
        event = each.record.event
        if event is not None and event.type.startswith(("message.", "call.")):
            data = _data(event)
            fate = views.FateView(instant(each.record.received_us), event.type.partition(".")[2], str(data.get("reason", "")))
            fates.setdefault(str(data.get("effect", "")), []).append(fate)
        for decision in each.decisions:
            if decision.effect and decision.verb in _LEAVING:
                decided.setdefault(decision.effect.hex(), decision)
    standing = {row.action.effect.hex(): row for row in rows}
    return [_message(effect, decision, fates.get(effect, [])[::-1], standing.get(effect)) for effect, decision in decided.items()]


def _message(effect: str, decision: Decision, fates: list[views.FateView], row: ActionRow | None) -> views.MessageView:
    fate = fates[-1].fate if fates else _standing(row)
    return views.MessageView(effect, decision.reason, decision.journey, decision.step, instant(decision.at_us), fate, fates)


def _standing(row: ActionRow | None) -> str:
    if row is None:
        return "cancelled"  # neither a receipt nor a row: it was called off before it left
    return "waiting" if row.status is Status.PENDING else row.status.value


def _data(event: Event) -> dict[str, Any]:
    if event.type == FEATURES_FILLED:
        return dict(events_told(event))
    try:
        return msgspec.json.decode(event.data, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as JSON can carry them; an instant named `…_us` becomes RFC 3339 text under its name without the unit."""
    return {name.removesuffix("_us"): instant(value) if name.endswith("_us") else _json(value) for name, value in values.items()}


def _json(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value
