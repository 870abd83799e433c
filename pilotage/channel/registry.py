"""Finding channels: each is an entry point of the group `pilotage.channels` that leads to a `build` function.

A package that brings a channel names it in its own metadata and is found as soon as it is installed. `build(settings,
services)` gets the channel's settings from the environment's bindings and what the runner offers.
"""

import difflib
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from pkgutil import resolve_name
from typing import Any

from pilotage.channel.channel import Channel
from pilotage.channel.kinds import BUILT_IN
from pilotage.channel.ratelimit import RateLimit
from pilotage.channel.services import Services, read_settings

GROUP = "pilotage.channels"
Build = Callable[[Mapping[str, Any], Services], Channel]


class UnknownChannel(LookupError):
    """No installed package brings a channel of this name. Correct the name or install the package."""

    def __init__(self, name: str, known: list[str]) -> None:
        close = difflib.get_close_matches(name, known, 1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        super().__init__(f"unknown channel {name!r}{hint} Installed are: {', '.join(known) or 'none'}")
        self.name = name
        self.known = known


def installed() -> dict[str, Build]:
    """Every installed channel's `build` by name. Nothing is built yet."""
    return {point.name: point.load() for point in entry_points(group=GROUP)}


def installed_names() -> list[str]:
    """The names of the installed channels, sorted, without importing them."""
    return sorted(point.name for point in entry_points(group=GROUP))


def build_of(name: str) -> Build | None:
    """The `build` of a channel that Pilotage brings, found without looking at what is installed; None for any other name. Only
    the module of this one is loaded, with what it sends by."""
    kind = BUILT_IN.get(name)
    build: Build | None = resolve_name(kind.build) if kind is not None else None
    return build


def build_channels(bindings: Mapping[str, Mapping[str, Any]], services: Services) -> dict[str, Channel]:
    """The environment's channels by name, built from its bindings.

    A binding is `{channel-name: settings}`; its `rate` (see `rate_limits`) is not the channel's and is left out, its
    `uses` names the installed channel where the binding's own name is another. `UnknownChannel` or
    `ChannelMisconfigured` when one cannot be built."""
    points = {point.name: point for point in entry_points(group=GROUP)}
    channels: dict[str, Channel] = {}
    for name, settings in bindings.items():
        installed_name = str(settings.get("uses", name))
        if installed_name not in points:
            raise UnknownChannel(installed_name, sorted(points))
        build: Build = points[installed_name].load()
        channels[name] = build({key: value for key, value in settings.items() if key not in ("rate", "uses")}, services)
    return channels


def rate_limits(bindings: Mapping[str, Mapping[str, Any]], workers: int = 1) -> dict[str, RateLimit]:
    """The rate limits of the bindings that have a `rate: {per_s, burst, concurrency}`, each worker's share of them."""
    limits = {name: read_settings(name, settings["rate"], RateLimit) for name, settings in bindings.items() if "rate" in settings}
    return {name: _share(limit, workers) for name, limit in limits.items()}


def _share(limit: RateLimit, workers: int) -> RateLimit:
    burst = max(1, limit.burst // workers) if limit.burst else 0
    return RateLimit(per_s=limit.per_s / workers, burst=burst, concurrency=max(1, limit.concurrency // workers))
