"""The gate every event passes on its way in: contract, time, size, and what happens to types nobody declared.

Whatever does not pass is quarantined whole, with the reason and the path of the fault. Nothing here does input or output:
bytes come in with the time they were received, events and refusals go out.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import msgspec

from pilotage.contract.builtin import FEATURES_FILLED, HANDED_ONLY, builtin_contracts
from pilotage.contract.model import Contract
from pilotage.contract.validate import DECODE_ERRORS, Validator, broken, validator
from pilotage.event.envelope import Event
from pilotage.event.time import DAY_US, MINUTE_US, duration_text, instant_text
from pilotage.source import cloudevents, segment
from pilotage.source.body import BodyMalformed, check_text
from pilotage.source.quarantine import CLOUDEVENT, EVENT, ROW, SEGMENT, Quarantined, decode_event, encode_event, minted_id

_YEAR_1_US = -62_135_596_800_000_000
_YEAR_10000_US = 253_402_300_800_000_000


class IntakePolicy(msgspec.Struct, frozen=True):
    """What intake does beyond contracts.

    `undeclared` is for event types without a contract: keep them in quarantine, accept them unchecked, or drop them. An event
    up to `future_tolerance_us` ahead of the time it was received is taken as happening then, beyond that it is quarantined,
    as is one that is more than `ancient_us` old. Sizes are in bytes of JSON as sent, after decompression.
    """

    undeclared: Literal["quarantine", "accept", "drop"] = "quarantine"
    future_tolerance_us: int = 5 * MINUTE_US
    ancient_us: int = 3653 * DAY_US
    event_bytes_max: int = 32 * 1024
    batch_bytes_max: int = 500 * 1024


class Admitted(msgspec.Struct, frozen=True):
    """What came of a request: events taken in, events refused, and how many were dropped by policy, in the order sent."""

    accepted: list[Event]
    refused: list[Quarantined]
    dropped: int = 0


class _Refusal(Exception):
    """Why an event does not pass; becomes a `Quarantined` where its raw bytes are known."""

    def __init__(self, stage: str, path: str, reason: str, cure: str) -> None:
        super().__init__(reason)
        self.stage = stage
        self.path = path
        self.reason = reason
        self.cure = cure


class _Dropped(Exception):
    """The event's type is undeclared and policy drops those."""


class Intake:
    """Contracts and policy, compiled. Immutable: a change of contracts makes a new one."""

    def __init__(
        self, contracts: Iterable[Contract] = (), segment_names: dict[str, str] | None = None, policy: IntakePolicy | None = None
    ) -> None:
        self.policy = policy or IntakePolicy()
        self.segment_names = dict(segment_names or {})
        in_force = builtin_contracts({contract.event: contract for contract in contracts})
        self.validators: dict[str, Validator] = {event: validator(contract) for event, contract in in_force.items()}
        self._inside = HANDED_ONLY if HANDED_ONLY <= in_force.keys() else frozenset[str]()
        self._checks: dict[str, Callable[[bytes], Any]] = {
            event: each.decode_valid for event, each in self.validators.items() if event not in self._inside
        }

    def segment(self, kind: str, body: bytes, source: str, received_us: int, traceparent: str = "") -> Admitted:
        """Take in a body of the Segment endpoint `kind`; `BodyMalformed` or `BodyBroken` if it is wrong as a whole."""
        check_text(body)
        messages: Sequence[segment.Message | segment.MessageRefused]
        sent_us: int | None = None
        if kind == "batch":
            messages, sent_us = segment.read_batch(body)
        else:
            messages = [segment.read_single(body, kind)]
        raws = _Raws(kind, body)
        large = segment.may_hold_larger(self.policy.event_bytes_max, len(body), messages)
        admitted = Admitted([], [])
        dropped = 0
        for index, message in enumerate(messages):
            at_us: int | None = None
            event: Event | None = None
            try:
                if large:
                    self._check_size(len(raws[index]))
                if isinstance(message, segment.MessageRefused):
                    raise message
                at_us = segment.occurred_us(message, sent_us, received_us)
                event = segment.to_event(message, source, self.segment_names, at_us, traceparent)
                admitted.accepted.append(self._pass(event, received_us))
            except _Dropped:
                dropped += 1
            except (_Refusal, segment.MessageRefused) as refusal:
                admitted.refused.append(_segment_refused(refusal, kind, raws[index], event, source, received_us, at_us))
        return msgspec.structs.replace(admitted, dropped=dropped) if dropped else admitted

    def cloudevents(self, raws: Iterable[bytes], received_us: int) -> Admitted:
        """Take in CloudEvents in their structured JSON form (see `cloudevents.structured` for the HTTP binary mode)."""
        admitted = Admitted([], [])
        dropped = 0
        for raw in raws:
            event: Event | None = None
            try:
                self._check_size(len(raw))
                event = cloudevents.to_event(raw, received_us)
                admitted.accepted.append(self._pass(event, received_us))
            except _Dropped:
                dropped += 1
            except (_Refusal, cloudevents.CloudEventRefused) as refusal:
                admitted.refused.append(_cloudevent_refused(refusal, raw, event, received_us))
        return msgspec.structs.replace(admitted, dropped=dropped) if dropped else admitted

    def event(self, event: Event, received_us: int, raw: bytes = b"", raw_format: str = EVENT) -> Event | Quarantined | None:
        """Pass an event that was read already; None if policy drops it. `raw` is what it was read from, for quarantine."""
        try:
            self._check_size(len(raw or event.data))
            return self._pass(event, received_us)
        except _Dropped:
            return None
        except _Refusal as refusal:
            kept = raw or encode_event(event) if _is_json(event.data) else event.data
            return _refused(refusal, refusal.stage, kept, raw_format, event, event.source, received_us)

    def resubmit(self, items: Iterable[Quarantined]) -> Admitted:
        """Read quarantined events again: those that pass now, and those that still do not, each kind in the order given."""
        admitted = Admitted([], [])
        for item in items:
            found = self.reread(item)
            if isinstance(found, Event):
                admitted.accepted.append(found)
            else:
                admitted.refused.append(found)
        return admitted

    def reread(self, item: Quarantined) -> Event | Quarantined:
        """Read a quarantined event again with the contracts, names and policy of now: the event, or why it is still refused.

        The time it was received, and its correction for clock skew, stay what they were. A row of a file cannot be read
        without its mapping: import the file again, what was taken in already is recognised."""
        if item.format == ROW:
            return item
        event: Event | None = None
        try:
            self._check_size(len(item.raw))
            event = self._read_again(item)
            return self._pass(event, item.received_us)
        except _Dropped:
            reason, cure = "policy drops undeclared types", "declare the type, or discard the event"
            return msgspec.structs.replace(item, stage="undeclared", path="$", reason=reason, cure=cure)
        except (_Refusal, segment.MessageRefused, cloudevents.CloudEventRefused) as refusal:
            stage = refusal.stage if isinstance(refusal, _Refusal) else "parse"
            known = {"type": event.type} if event else {}
            return msgspec.structs.replace(item, stage=stage, path=refusal.path, reason=refusal.reason, cure=refusal.cure, **known)
        except DECODE_ERRORS as error:
            fault = broken(item.type, error)
            return msgspec.structs.replace(item, stage="parse", path=fault.path, reason=fault.reason, cure=fault.cure)

    def _read_again(self, item: Quarantined) -> Event:
        if item.format == EVENT:
            return decode_event(item.raw)
        if item.format == CLOUDEVENT:
            return cloudevents.to_event(item.raw, item.received_us)
        kind = item.format.removeprefix(SEGMENT)
        message = segment.read_message(item.raw, "" if kind == "batch" else kind)
        at_us = item.occurred_us if item.occurred_us is not None else segment.occurred_us(message, None, item.received_us)
        return segment.to_event(message, item.source, self.segment_names, at_us)

    def _check_size(self, size: int) -> None:
        limit = self.policy.event_bytes_max
        if size > limit:
            reason = f"the event has {size} bytes, more than {limit}"
            raise _Refusal("parse", "$", reason, "send less with it, or raise the limit in the intake policy")

    def _pass(self, event: Event, received_us: int) -> Event:
        """The event if it keeps its contract and its time is plausible, moved back to `received_us` if slightly ahead."""
        check = self._checks.get(event.type)
        if check is None:
            self._undeclared(event)
        else:
            try:
                check(event.data)
            except DECODE_ERRORS as error:
                fault = broken(event.type, error)
                raise _Refusal("contract", fault.path, fault.reason, fault.cure) from error
        if received_us - self.policy.ancient_us <= event.occurred_us <= received_us:
            return event
        return self._at_plausible_time(event, received_us)

    def _undeclared(self, event: Event) -> None:
        if event.type == FEATURES_FILLED or event.type in self._inside:
            raise _Refusal("undeclared", "$", f"{event.type} is made by the system itself", "send an event type of your own")
        if self.policy.undeclared == "drop":
            raise _Dropped
        if self.policy.undeclared == "quarantine":
            cure = "declare it in contracts/*.odcs.yaml, or change the intake policy"
            raise _Refusal("undeclared", "$", f"no contract declares {event.type!r}", cure)
        if not _is_json(event.data):
            raise _Refusal("parse", "$", "the data are not a JSON object", "send one JSON object in UTF-8")

    def _at_plausible_time(self, event: Event, received_us: int) -> Event:
        ahead_us = event.occurred_us - received_us
        if ahead_us < 0:
            limit = duration_text(self.policy.ancient_us)
            reason = f"it happened at {_instant(event.occurred_us)}, more than {limit} before it was received"
            raise _Refusal("time", "$.timestamp", reason, "correct the time, or import old events as history")
        if ahead_us > self.policy.future_tolerance_us:
            limit = duration_text(self.policy.future_tolerance_us)
            reason = f"it happened at {_instant(event.occurred_us)}, more than {limit} after it was received"
            raise _Refusal("time", "$.timestamp", reason, "set the sender's clock, or send the time of sending (sentAt) too")
        return msgspec.structs.replace(event, occurred_us=received_us)


class _Raws:
    """The raw messages of a Segment body by index, cut out only when one is asked for."""

    def __init__(self, kind: str, body: bytes) -> None:
        self._kind = kind
        self._body = body
        self._cut: list[bytes] = []

    def __getitem__(self, index: int) -> bytes:
        if self._kind != "batch":
            return self._body
        if not self._cut:
            self._cut = segment.read_raw_batch(self._body)[0]
        return self._cut[index]


def _segment_refused(
    refusal: Any,
    kind: str,
    raw: bytes,
    event: Event | None,
    source: str,
    received_us: int,
    at_us: int | None,
) -> Quarantined:
    stage = refusal.stage if isinstance(refusal, _Refusal) else "parse"
    if event is None:
        known, named = segment.name_of(raw)
        event = Event(known or minted_id(source, raw), source, f"segment.{named or kind}", received_us, b"", {})
    return _refused(refusal, stage, raw, SEGMENT + kind, event, source, received_us, at_us)


def _cloudevent_refused(refusal: Any, raw: bytes, event: Event | None, received_us: int) -> Quarantined:
    stage = refusal.stage if isinstance(refusal, _Refusal) else "parse"
    return _refused(refusal, stage, raw, CLOUDEVENT, event, "", received_us)


def _refused(
    refusal: Any, stage: str, raw: bytes, raw_format: str, event: Event | None, source: str, received_us: int, at_us: int | None = None
) -> Quarantined:
    known_us = at_us if at_us is not None else event.occurred_us if event else None
    return Quarantined(
        id=event.id if event else minted_id(source, raw),
        source=event.source if event else source,
        type=event.type if event else "",
        received_us=received_us,
        reason=refusal.reason,
        path="$.time" if stage == "time" and raw_format == CLOUDEVENT else refusal.path,
        cure=refusal.cure,
        raw=raw,
        stage=stage,
        format=raw_format,
        occurred_us=known_us if known_us is not None and _YEAR_1_US <= known_us < _YEAR_10000_US else None,
    )


def _is_json(data: bytes) -> bool:
    try:
        check_text(data)
        msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    except (*DECODE_ERRORS, BodyMalformed):
        return False
    return True


def _instant(us: int) -> str:
    """An instant for a message; one that no calendar holds is given in microseconds."""
    try:
        return instant_text(us)
    except OverflowError:
        return f"{us} µs"
