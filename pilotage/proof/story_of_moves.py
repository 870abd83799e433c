"""What a takeover does to somebody that it must not, as the sentence that a story begins with."""

from collections.abc import Callable

from pilotage.proof.moves import AGAIN, ARM, BRANCH, BUDGET, DEADLINE, GATE, HOLDOUT, PAST, PLACE, TWICE, UNSET_VALUE, Doubt

_SAID: dict[str, Callable[[Doubt], str]] = {
    PLACE: lambda doubt: f"rests on '{doubt.step}', which has no place in the new version",
    GATE: lambda doubt: f"is led from '{doubt.step}' to '{doubt.goto}' without having passed '{doubt.detail}'",
    BRANCH: lambda doubt: f"is led from '{doubt.step}' to '{doubt.goto}', though every other way there asks that {doubt.detail}",
    ARM: lambda doubt: f"is led from '{doubt.step}' to '{doubt.goto}', which is for another arm of the split {doubt.detail}",
    HOLDOUT: lambda doubt: "goes on under a version that holds them out",
    DEADLINE: lambda doubt: f"begins to wait anew at '{doubt.goto}', beyond what was left of '{doubt.step}'",
    TWICE: lambda doubt: f"is sent '{doubt.detail.partition(' ')[2]}' more often than by either version alone",
    AGAIN: lambda doubt: f"has the {doubt.detail} set off once more, at '{doubt.at}'",
    PAST: lambda doubt: f"is to wait at '{doubt.at}' for {doubt.detail}, which has come already",
    UNSET_VALUE: lambda doubt: f"comes to '{doubt.at}', which reads the {doubt.detail} that nothing has set for them",
    BUDGET: lambda doubt: f"gets a message more than there is room for: {doubt.detail}",
}


def what_moves(doubt: Doubt) -> str:
    """What happens to somebody for whom a doubt has come true."""
    return _SAID[doubt.kind](doubt)
