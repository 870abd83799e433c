"""Audiences within one `advance`: what an event, a change or the passing of time means for who is in them.

A subject that enters or leaves an audience has that recorded as a decision, and told: to its entries at once, and as the
events `audience.entered` and `audience.left` to whatever is entered by, waits for or counts them.
"""

from collections.abc import Iterable

import msgspec

from pilotage.audience.membership import Change, adopt, recompute, unknown
from pilotage.contract.builtin import AUDIENCE_ENTERED, AUDIENCE_LEFT
from pilotage.event.digest import key128
from pilotage.event.envelope import Event
from pilotage.journey.outcome import Decision
from pilotage.journey.schedules import move_schedules
from pilotage.journey.work import NOTHING, Derived, Work

_encode = msgspec.json.Encoder().encode


def adopt_audiences(work: Work) -> None:
    """Ask a subject that was there before about the audiences that are new to it, at the instant being decided. A subject of
    whom nothing is known is asked with its first event (see `move_audiences`)."""
    audiences = work.program.audiences
    if unknown(work.state):
        return
    for change in adopt(audiences, work.state, work.own, work.now):
        _record(work, change, "met already when the audience came")


def move_audiences(work: Work, features: Iterable[str], signals: frozenset[str]) -> frozenset[str]:
    """Ask the audiences that read one of the features, or of the signals; the signals of those that changed."""
    audiences = work.program.audiences
    if work.state.audience_set != audiences.digest:
        touched: set[int] = set(range(len(audiences.all)))
        work.own("audiences")
        work.state.audience_set, work.state.schedule_set = audiences.digest, work.program.schedule_set
    else:
        by_feature, by_signal = audiences.by_feature, audiences.by_signal
        touched = set()
        for key in features:
            touched.update(by_feature.get(key, ()))
        for signal in signals:
            touched.update(by_signal.get(signal, ()))
    return tell_audiences(work, touched) if touched else NOTHING


def tell_audiences(work: Work, touched: Iterable[int]) -> frozenset[str]:
    """Ask the audiences at these places, record what changed, and queue the events; the signals of those that changed."""
    changes = recompute(work.program.audiences, work.state, work.own, work.now, touched)
    if not changes:
        return NOTHING
    work.link("audiences " + ", ".join(change.audience.name for change in changes[:4]))
    for change in changes:
        _record(work, change, change.audience.text)
        if work.program.schedules:
            move_schedules(work, change.audience.name, change.joined)
        _queue_event(work, change)
    return frozenset(change.audience.signal for change in changes)


def _record(work: Work, change: Change, rule: str) -> None:
    verb = "joined" if change.joined else "left"
    each = change.audience
    work.decisions.append(Decision(work.now, "", each.version, b"", "", verb, each.name, rule, change.inputs))


def _queue_event(work: Work, change: Change) -> None:
    """Queue the event of a change if anything takes it. Its id is that of no other: it names what caused the change, and how
    many such events that has led to before."""
    kind, name = AUDIENCE_ENTERED if change.joined else AUDIENCE_LEFT, change.audience.name
    work.turns += 1
    handler = work.program.handlers.get(kind)
    if handler is None or (handler.idle and not (handler.listened and work.state.entries)):
        return
    event_id = key128(work.state.subject, name, work.now, work.cause, work.turns).hex()
    event = Event(event_id, f"audience/{name}", kind, work.now, _encode({"audience": name}), {})
    work.queue(Derived(handler.signals, event, handler.validator.decode(event.data)))
