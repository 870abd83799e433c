"""Tests of fail-closed consent."""

import pytest

from pilotage.consent.policy import Purpose
from pilotage.consent.purposes import refusal
from pilotage.profile.state import Grant

NEWS = Purpose("news", "marketing", "consent")


def test_missing_means_no() -> None:
    """Where the basis is consent, a subject who never said anything is not contacted."""
    assert refusal(NEWS, "email", {}) == "consent never given"


def test_a_grant_for_another_channel_does_not_help() -> None:
    """Consent is per purpose and channel."""
    assert refusal(NEWS, "sms", {"news|email": Grant(True, 1)}) == "consent never given"


@pytest.mark.parametrize(
    ("own", "general", "expected"),
    [
        (Grant(True, 1), None, ""),
        (Grant(True, 1), Grant(False, 2), "consent revoked"),
        (Grant(False, 1), Grant(True, 2), ""),
        (Grant(True, 2), Grant(False, 1), ""),
        (Grant(True, 2), Grant(False, 2), "consent revoked"),
        (None, Grant(True, 1), ""),
    ],
)
def test_the_latest_word_counts(own: Grant | None, general: Grant | None, expected: str) -> None:
    """Of a word about one channel and a word about all, the later counts; at the same instant, the no."""
    consents = {key: grant for key, grant in (("news|email", own), ("news|*", general)) if grant}
    assert refusal(NEWS, "email", consents) == expected


def test_legitimate_interest_yields_to_an_objection_only() -> None:
    """With legitimate interest silence is not a no, an objection is."""
    purpose = Purpose("tips", "marketing", "legitimate_interest")
    assert refusal(purpose, "email", {}) == ""
    assert refusal(purpose, "email", {"tips|email": Grant(False, 1)}) == "objection recorded"


def test_a_contract_needs_no_consent() -> None:
    """What a contract requires is sent whatever was said about consent."""
    assert refusal(Purpose("bill", "service", "contract"), "email", {"bill|email": Grant(False, 1)}) == ""
