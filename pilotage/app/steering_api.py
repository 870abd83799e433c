"""The part of the API that pauses, resumes and stops journeys."""

from typing import Annotated, cast

from litestar import post
from litestar.params import Body
from msgspec import Meta, Struct

from pilotage.app import journey_views as about_journeys
from pilotage.app.desk import At, records_of
from pilotage.app.problems import documented
from pilotage.app.steering import control_view, steer
from pilotage.runner.controls import Control, Kind, standing


class JourneyControl(Struct, frozen=True, forbid_unknown_fields=True):
    """What to do with a journey: `pause`, `resume` or `stop` it; by whom and why. `deadlines` (`shift`, `expire`) and `entries`
    (`queue`, `refuse`) are a pause's, `under_way` (`finish`, `exit`) is a stop's."""

    journey: Annotated[str, Meta(min_length=1, max_length=255)]
    to: Annotated[str, Meta(pattern="^(pause|resume|stop)$")]
    by: Annotated[str, Meta(min_length=1, max_length=255)]
    reason: Annotated[str, Meta(max_length=1000)] = ""
    deadlines: Annotated[str, Meta(pattern="^(shift|expire)$")] = "shift"
    entries: Annotated[str, Meta(pattern="^(queue|refuse)$")] = "queue"
    under_way: Annotated[str, Meta(pattern="^(finish|exit)$")] = "finish"


@post("/journeys/control", responses=documented(400, 401, 404, 409, 413, 415, 429, 503), status_code=200, summary="Pause, resume or stop")
async def control_journey(desk: At, data: Annotated[JourneyControl, Body()]) -> about_journeys.Controlled:
    """Holds in every process when answered, from one instant on. Who rests where is counted before and after. Repeating changes
    nothing; what contradicts what holds is refused."""
    records = records_of(desk)
    kind = cast(Kind, data.to)
    wanted = Control(data.journey, kind, desk.clock.now_us(), data.by, data.reason, data.deadlines, data.entries, data.under_way)
    before = await records.waiting(data.journey)
    changed = await steer(desk.folder, wanted, desk.come_into_force)
    held = standing(desk.folder.environment.controls).get(data.journey)
    return about_journeys.Controlled(data.journey, changed, control_view(held), before, await records.waiting(data.journey))


STEERING = (control_journey,)
"""The handlers, for the API's guarded part."""
