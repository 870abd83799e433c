"""How the interpreter of a busy process is set: what its garbage collector looks at, and how soon a thread gets its turn."""

import gc
import sys

COLLECT_AFTER = (2_000, 5_000, 1_000)
"""Thresholds of the garbage collector. States, events and decisions hold no cycles, so what it looks for is rare, while a
full look at a million live states takes seconds: new objects are looked at often and few at a time (some 5 ms; 5,000 took up to 20, and
50,000 at a time were measured to stop everything for 140 ms), old ones hardly ever."""

SWITCH_S = 0.0005
"""How soon a disk thread whose write has returned gets the interpreter back, in seconds. With Python's 0.005 a commit of
eight stores waits several times that long for the busy loop: at 5,000 events/s the median acknowledgement took 18 ms, with
this 5 ms, and throughput rose by a fifth."""


def settle() -> None:
    """Everything is loaded that stays: the collector leaves it alone from now on, and looks at little at a time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
    sys.setswitchinterval(SWITCH_S)


def stay() -> None:
    """What has been recovered since the process settled stays too; not looked for garbage first, since a look at a hundred
    thousand states takes half a second and recovering leaves none."""
    gc.freeze()


def unsettle() -> None:
    """What was there when the process settled may go now."""
    gc.unfreeze()
