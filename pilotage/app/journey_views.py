"""What the API answers and the command line shows about journeys as a whole: counts by step, and whether they run."""

import msgspec


class ControlView(msgspec.Struct, frozen=True):
    """What holds for a journey: it is `running`, `paused` or `stopped`, since when, by whom and why, and on which terms."""

    state: str
    since: str = ""
    by: str = ""
    reason: str = ""
    terms: dict[str, str] = {}


class Controlled(msgspec.Struct, frozen=True):
    """What became of a control, whether anything `changed`, and how many people rested on each step before and after it."""

    journey: str
    changed: bool
    control: ControlView
    before: dict[str, int]
    after: dict[str, int]


class StepCount(msgspec.Struct, frozen=True):
    """One step since this process started, by what was decided there; `waiting` entries rest there now."""

    step: str
    waiting: int
    verbs: dict[str, int]


class JourneyCount(msgspec.Struct, frozen=True):
    """One journey of the plan in force, counted; `control` says whether it runs."""

    journey: str
    version: str
    purpose: str
    stage: str
    waiting: int
    verbs: dict[str, int]
    steps: list[StepCount]
    control: ControlView
