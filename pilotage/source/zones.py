"""Where the pinned time-zone tables come from: the tzdata package that the lock file pins, never the machine's own."""

from functools import cache
from importlib import resources

from pilotage.event.zone import Zones, pack


@cache
def packaged_zones() -> Zones:
    """The IANA tables of the installed tzdata package, every zone it names."""
    root = resources.files("tzdata")
    names = (root / "zones").read_text(encoding="ascii").split()
    folder = root / "zoneinfo"
    return Zones(pack({name: folder.joinpath(*name.split("/")).read_bytes() for name in names}))
