"""The part of the API that has a customer enter a journey: a request with what stands for the journey's trigger.

A request is an event like any other: on disk before it is answered, told once whoever repeats it, and taken by the journey's own
rules. Whether the customer entered, and if not why, is in their story.
"""

from typing import Annotated, Any

import msgspec
from litestar import post
from litestar.params import Body, Parameter
from msgspec import Meta, Struct

from pilotage.app.desk import At, front_of, records_of
from pilotage.app.problems import BadAsk, documented
from pilotage.contract.builtin import JOURNEY_REQUESTED
from pilotage.contract.validate import ContractBroken
from pilotage.event.digest import key128
from pilotage.event.envelope import Event
from pilotage.journey.program import Program
from pilotage.predicate.scope import suggestion

_NAME = Parameter(max_length=255, description="The journey's name.")
Text = Annotated[str, Meta(min_length=1, max_length=1024)]


class EntryRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Who shall enter, by identifiers such as `{"user_id": "42"}`, and `data` of the event type that the journey is entered on. `id`
    names the request: one sent again changes nothing."""

    id: Annotated[str, Meta(min_length=1, max_length=255)]
    identifiers: Annotated[dict[Text, Text], Meta(min_length=1, max_length=10)]
    data: dict[str, Any] = {}


class Requested(Struct, frozen=True):
    """The request is on disk; `repeated` says whether it had been before."""

    journey: str
    event: str
    repeated: bool


@post(
    "/journeys/{name:str}/entries",
    responses=documented(400, 401, 404, 409, 413, 415, 429, 503),
    status_code=202,
    summary="Have a customer enter a journey",
)
async def request_entry(desk: At, name: Annotated[str, _NAME], data: Annotated[EntryRequest, Body()]) -> Requested:
    """The journey's own condition, key and re-entry rule hold. The answer comes when the request is on disk."""
    kind, event = request_event(records_of(desk).program, name, data, desk.clock.now_us())
    done = await front_of(desk).submit([event], [])
    if done.quarantined:
        raise BadAsk(409, "The request was put into quarantine, which says why; GET /api/v1/quarantine lists it.")
    return Requested(name, kind, bool(done.duplicates))


def request_event(program: Program, name: str, asked: EntryRequest, now_us: int) -> tuple[str, Event]:
    """The event type that a journey is entered on, and the event of a request; `BadAsk` where the plan in force has no such
    journey, or the data are not those of its trigger."""
    own = program.named(name)
    if own is None or JOURNEY_REQUESTED not in program.handlers:
        known = sorted(journey.name for journey in program.plan.journeys)
        raise BadAsk(404, f"There is no journey {name!r}; {suggestion(name, known, 'journeys')}.")
    kind = own.entered[name].journey.enter.event
    raw = msgspec.json.encode(asked.data)
    try:
        program.handlers[kind].validator.decode(raw)
    except ContractBroken as broken:
        raise BadAsk(400, f"The data are not those of {kind}: {broken.path}: {broken.reason}; {broken.cure}.") from broken
    said = msgspec.json.encode({"journey": name, "data": raw.decode()})
    event_id = key128(name, asked.id).hex()
    return kind, Event(event_id, "api/entries", JOURNEY_REQUESTED, now_us, said, dict(asked.identifiers))
