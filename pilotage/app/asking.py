"""What can be asked of a plan, and what answers consist of: known to whoever asks, without what proves.

The solver is loaded by who answers alone; a running system that is asked has a process of its own for that.
"""

import msgspec

from pilotage.proof.outcome import Bounds, Change, Proof, Story

QUESTIONS = ("conflict", "consent", "reach", "subsumption", "policy", "migration")
"""The kinds of questions that can be asked of a plan."""
PROVER = 2
"""The version of what proves: what is remembered of another is not used."""


class Question(msgspec.Struct, frozen=True):
    """What is asked for: what concerns one journey, or all, and messages of some classes, or all, within bounds. `workers` is how many
    processes may share the work."""

    journey: str = ""
    bounds: Bounds = Bounds()
    workers: int = 2
    classes: tuple[str, ...] = ()


class Answers(msgspec.Struct, frozen=True):
    """What came of questions about the plan of a digest, within bounds named by theirs: the proofs that took more than a look, how many
    pairs a look settled, and of the witnesses that are told the stories, the smallest changes (None: none is known), and what became of
    saving them."""

    plan: str
    bounds: str
    proofs: tuple[Proof, ...]
    plain: int
    stories: tuple[Story, ...]
    changes: tuple[Change | None, ...]
    saved: tuple[str, ...] = ()
