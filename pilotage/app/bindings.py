"""What an environment binds, checked before anything runs: channels with their settings, and endpoints.

The channels that Pilotage brings are known without looking; others are found as installed plugins and built once to learn
which parts their contents have.
"""

from collections.abc import Mapping
from typing import Any

from pilotage.channel.kinds import BUILT_IN, Endpoint
from pilotage.channel.ratelimit import RateLimit
from pilotage.channel.registry import installed
from pilotage.channel.services import ChannelMisconfigured, Services, read_settings
from pilotage.journey.document import Document, Fields
from pilotage.journey.findings import Report, suggestion
from pilotage.journey.names import ChannelParts

RECIPIENTS = {"email": "email"}
"""The profile attribute that holds a channel's address where a send step names none; others address the subject itself."""


def parts_of_channels(
    channels: Mapping[str, Mapping[str, Any]], endpoints: Mapping[str, Mapping[str, Any]], settings: Document, report: Report
) -> dict[str, ChannelParts]:
    """The parts of each bound channel, by the name that documents call it; a binding's `uses` names the channel that is
    installed. Channels that are not installed, or whose settings are not what they need, are reported at their binding."""
    parts: dict[str, ChannelParts] = {}
    for name, bound in channels.items():
        place = _place(settings, "channels", name)
        uses = str(bound.get("uses", name))
        own = {key: value for key, value in bound.items() if key not in ("rate", "uses")}
        try:
            found = _parts(uses, own, endpoints)
            if "rate" in bound:
                read_settings(f"{name}, rate", bound["rate"], RateLimit)
        except ChannelMisconfigured as fault:
            report.add("W007", settings.path, place, str(fault).partition(";")[0], "correct it here")
            found = _known_parts(uses)
        if found is None:
            names = {*BUILT_IN, *installed()}
            report.add("W005", settings.path, place, f"no channel {uses!r} is installed", suggestion(uses, names, "channels"))
        else:
            parts[name] = found
    return parts


def check_endpoints(endpoints: Mapping[str, Mapping[str, Any]], settings: Document, report: Report) -> None:
    """Report endpoints whose settings cannot be read."""
    for name, bound in endpoints.items():
        try:
            read_settings(f"endpoint {name}", bound, Endpoint)
        except ChannelMisconfigured as fault:
            place = _place(settings, "endpoints", name)
            report.add("W007", settings.path, place, str(fault).partition(";")[0].removeprefix("channel "), "correct it here")


def _parts(uses: str, own: Mapping[str, Any], endpoints: Mapping[str, Mapping[str, Any]]) -> ChannelParts | None:
    """The parts of an installed channel, whose settings are read on the way; None if it is not installed."""
    if uses in BUILT_IN:
        kind = Endpoint if uses == "webhook" and own else BUILT_IN[uses].settings
        read_settings(uses, own, kind)
        return _known_parts(uses)
    build = installed().get(uses)
    if build is None:
        return None
    channel = build(own, Services(now_us=lambda: 0, endpoints=endpoints))
    return ChannelParts(channel.parts_required, channel.parts_allowed, RECIPIENTS.get(uses, ""))


def _known_parts(uses: str) -> ChannelParts | None:
    if uses not in BUILT_IN:
        return None
    channel = BUILT_IN[uses]
    return ChannelParts(channel.parts_required, channel.parts_allowed, RECIPIENTS.get(uses, ""))


def _place(settings: Document, key: str, name: str) -> tuple[int, int]:
    """Where a binding is written."""
    bindings = settings.root.map("bindings")
    group: Fields | None = bindings.map(key) if bindings else None
    return group.key(name).place if group else (0, 0)
