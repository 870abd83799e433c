"""The part of the API that is about kill switches: which are set, setting and lifting them."""

from typing import Annotated, cast

from litestar import get, post
from litestar.params import Body
from msgspec import Meta, Struct

from pilotage.app import views
from pilotage.app.desk import At, records_of
from pilotage.app.problems import documented
from pilotage.app.switching import change_switch
from pilotage.runner.switches import Scope, Switch, read_switches

_USUAL = documented(400, 401, 429, 503)


class SwitchChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What to switch `off`, or `on` again: everything, a channel, a journey, or a step as `journey/step`; by whom and why."""

    scope: Annotated[str, Meta(pattern="^(all|channel|journey|step)$")]
    to: Annotated[str, Meta(pattern="^(off|on)$")]
    by: Annotated[str, Meta(min_length=1, max_length=255)]
    reason: Annotated[str, Meta(max_length=1000)] = ""
    name: Annotated[str, Meta(max_length=255)] = ""


@get("/switches", responses=_USUAL, summary="Kill switches that are set")
async def list_switches(desk: At) -> views.SwitchesView:
    """What is held back, since when, by whom and why."""
    return views.switches_view(read_switches(desk.folder.path))


@post("/switches/change", responses=_USUAL | documented(404, 413, 415), status_code=200, summary="Set or lift a kill switch")
async def change_switches(desk: At, data: Annotated[SwitchChange, Body()]) -> views.SwitchesView:
    """What is switched off does not leave until it is switched on, or its time is over; deciding goes on. Repeating changes nothing."""
    records = records_of(desk)
    switch = Switch(cast(Scope, data.scope), data.name, desk.clock.now_us(), data.by, data.reason)
    changed = await change_switch(desk.folder.path, desk.ledger, records.program.plan, switch, data.to == "off", records.switch)
    return views.switches_view(changed)


SWITCHES = (list_switches, change_switches)
"""The handlers, for the API's guarded part."""
