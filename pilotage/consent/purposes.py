"""Whether a purpose may be served on a channel: consent fails closed, by the purpose's legal basis."""

from pilotage.consent.policy import Purpose
from pilotage.profile.state import Grant

CONSENT_EVENT = "consent.changed"
"""The built-in event type that grants or revokes a purpose on a channel; `*` as channel means all of them."""

ANY_CHANNEL = "*"


def consent_key(purpose: str, channel: str) -> str:
    """The key of a grant in a subject's state."""
    return f"{purpose}|{channel}"


def latest_grant(consents: dict[str, Grant], purpose: str, channel: str) -> Grant | None:
    """What the subject last said about this purpose on this channel, by itself or for all channels."""
    own = consents.get(consent_key(purpose, channel))
    general = consents.get(consent_key(purpose, ANY_CHANNEL))
    if own is None or general is None:
        return own or general
    if own.at_us == general.at_us:
        return general if own.granted else own  # said at the same instant: the no counts
    return own if own.at_us > general.at_us else general


def refusal(purpose: Purpose, channel: str, consents: dict[str, Grant]) -> str:
    """Why the purpose may not be served on the channel, or empty text when it may.

    With basis `consent` a missing grant means no. With `legitimate_interest` only a recorded objection means no. Other
    bases (contract, legal obligation, vital interest) do not depend on what the subject said.
    """
    grant = latest_grant(consents, purpose.name, channel)
    if purpose.basis == "consent":
        if grant is None:
            return "consent never given"
        return "" if grant.granted else "consent revoked"
    if purpose.basis == "legitimate_interest" and grant is not None and not grant.granted:
        return "objection recorded"
    return ""
