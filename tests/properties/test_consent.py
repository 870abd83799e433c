"""Consent: no message is decided or handed over without a grant that holds at that very instant."""

from typing import Any

from hypothesis import given

from pilotage.journey.outcome import Outcome
from pilotage.journey.program import Program
from tests.properties.plans import MARKETING, programs
from tests.properties.play import Play, Sent, scripts


def granted(said: dict[tuple[str, str], tuple[int, bool]], channel: str) -> bool:
    """Whether marketing may be sent: the last word counts, for the channel or for all; at the same instant, the no."""
    words = [said[key] for key in ((MARKETING, channel), (MARKETING, "*")) if key in said]
    latest = max((at_us for at_us, _ in words), default=0)
    return bool(words) and all(yes for at_us, yes in words if at_us == latest)


class Watched(Play):
    """A play that judges each decision to send, and each hand-over, by what the subject had said."""

    def __init__(self, program: Program) -> None:
        self.before: dict[tuple[str, str], tuple[int, bool]] = {}
        self.decided = 0
        super().__init__(program)

    def consent(self, purpose: str, channel: str, granted: bool) -> None:
        self.before = dict(self.said)
        super().consent(purpose, channel, granted)
        self.before = dict(self.said)

    def on_advanced(self, outcome: Outcome) -> None:
        """What came due before a word was said was decided by the words before it."""
        at_us = {decision.effect: decision.at_us for decision in outcome.decisions if decision.verb == "sent"}
        for action in outcome.actions:
            if action.kind == "send" and action.purpose == MARKETING:
                self.decided += 1
                by_then = granted(self.before, action.target)
                assert by_then or (at_us[action.effect] == self.now and granted(self.said, action.target))

    def on_left(self, sent: Sent) -> None:
        if sent.action.purpose == MARKETING:
            assert granted(self.said, sent.action.target), "handed over without a grant"


@given(programs(), scripts, scripts)
def test_consent_is_never_bypassed(drawn: tuple[Program, Any], script: list[Any], more: list[Any]) -> None:
    """Whatever is granted and revoked in between, nothing of a purpose that needs consent is sent without it."""
    Watched(drawn[0]).run([*script, *more])


@given(programs(), scripts)
def test_silence_is_no_consent(drawn: tuple[Program, Any], script: list[Any]) -> None:
    """A subject who never said yes gets no marketing at all."""
    played = Watched(drawn[0]).run([step for step in script if step[0] != "consent"])
    assert [sent for sent in played.book if sent.action.purpose == MARKETING] == []


@given(programs(), scripts)
def test_a_revocation_cancels_what_has_not_left(drawn: tuple[Program, Any], script: list[Any]) -> None:
    """After a no, every marketing message that was promised and has not been accounted for is cancelled."""
    played = Watched(drawn[0]).run([("consent", 0, (MARKETING, "email", True)), *script])
    waiting = {sent.action.effect for sent in played.book if sent.action.purpose == MARKETING and not sent.fate}
    played.now += 1
    played.consent(MARKETING, "*", False)
    assert waiting <= set(played.cancelled)
