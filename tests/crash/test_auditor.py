"""The auditor finds what it is there to find: a clean history has no breach, and each kind of damage has its own."""

import copy
from collections.abc import Callable

import pytest

from tests.crash.auditor import Evidence, audit, waits

PAYMENT, CART = "service.payment.failed", "growth.recovery.cart"


def decision(journey: str, verb: str, effect: str = "") -> dict[str, object]:
    return {"journey": journey, "verb": verb, "effect": effect}


def clean() -> Evidence:
    """One user who agreed, one failed payment, one cart left alone, all as it should be."""
    found = Evidence()
    found.sent = {
        "m0": ("customer.identified", "user1", {"email": "user1@x"}),
        "m1": ("consent.changed", "user1", {"granted": True}),
        "m2": ("payment.failed", "user1", {"order": "o1"}),
        "m3": ("cart.added", "user1", {"sku": "s1"}),
    }
    paid = [decision(PAYMENT, "entered"), decision(PAYMENT, "sent", "e1"), decision(PAYMENT, "called", "e2"), decision(PAYMENT, "exited")]
    left = [decision(CART, "timed_out"), decision(CART, "sent", "e3"), decision(CART, "exited")]
    found.stories["a"] = [
        {"id": "m0", "type": "customer.identified", "position": 0, "data": {}, "decisions": []},
        {"id": "m1", "type": "consent.changed", "position": 1, "data": {}, "decisions": []},
        {"id": "m2", "type": "payment.failed", "position": 2, "data": {"order": "o1"}, "decisions": paid},
        {"id": "m3", "type": "cart.added", "position": 3, "data": {}, "decisions": [decision(CART, "entered"), decision(CART, "waited")]},
        {"id": "r1", "type": "message.sent", "position": 4, "data": {"effect": "e1"}, "decisions": []},
        {"id": "", "type": "", "position": 9, "data": {}, "decisions": left},
    ]
    found.mails = [("<e1@x>", "user1@x", "payment o1"), ("<e3@x>", "user1@x", "cart s1")]
    found.calls = [("e2", {"order": "o1"})]
    return found


def test_a_clean_history_has_no_breach() -> None:
    """Nothing is found where nothing is wrong, also when service mails and calls were repeated with their keys."""
    evidence = clean()
    assert ([], []) == (audit(evidence), waits(evidence))
    evidence.mails.append(evidence.mails[0])
    evidence.calls.append(evidence.calls[0])
    assert [] == audit(evidence)


def test_what_is_listed_as_unknown_is_not_lost() -> None:
    """A reminder that did not arrive is no breach where its fate is listed as unknown."""
    evidence = clean()
    del evidence.mails[1]
    assert 1 == len(audit(evidence))
    evidence.listed = [{"effect": "e3", "status": "unknown", "reason": ""}]
    assert [] == audit(evidence)


DAMAGE: dict[str, tuple[Callable[[Evidence], object], str]] = {
    "an event lost": (lambda e: e.stories["a"].pop(1), "m1 was applied 0 times"),
    "an event twice": (lambda e: e.stories["a"].append({**e.stories["a"][1], "position": 10}), "m1 was applied 2 times"),
    "a receipt twice": (lambda e: e.stories["a"].append({**e.stories["a"][4], "position": 10}), "receipt message.sent of e1"),
    "positions in disorder": (lambda e: e.stories["a"].reverse(), "do not rise"),
    "a decision lost": (lambda e: e.stories["a"][2]["decisions"].pop(), "payment decisions [1, 1, 1, 0, 0]"),
    "a decision twice": (
        lambda e: e.stories["a"][0]["decisions"].append(decision(PAYMENT, "sent", "e9")),
        "payment decisions [0, 1, 0, 0, 0]",
    ),
    "a wake-up lost": (lambda e: e.stories["a"].pop(), "carts do not add up"),
    "a service mail lost": (lambda e: e.mails.pop(0), "no mail about payment o1"),
    "a service mail anew": (lambda e: e.mails.append(("<e8@x>", "user1@x", "payment o1")), "written about twice"),
    "a reminder lost": (lambda e: e.mails.pop(1), "reminder e3 is lost"),
    "a reminder twice": (lambda e: e.mails.append(e.mails[1]), "reminder e3 arrived 2 times"),
    "a reminder from nowhere": (lambda e: e.mails.append(("<e7@x>", "user1@x", "cart s9")), "was never decided"),
    "a reminder without consent": (lambda e: e.sent.pop("m1"), "without having agreed"),
    "too many reminders": (lambda e: e.mails.extend((f"<f{n}@x>", "user1@x", f"cart t{n}") for n in range(4)), "5 reminders"),
    "a call lost": (lambda e: e.calls.pop(), "call e2 is lost"),
    "a call that says something else": (lambda e: e.calls.append(("e2", {"order": "o2"})), "differ"),
    "an event in quarantine": (lambda e: e.quarantined.append({"id": "m2", "reason": "x"}), "in quarantine"),
}


@pytest.mark.parametrize("kind", sorted(DAMAGE))
def test_each_kind_of_damage_is_found(kind: str) -> None:
    """Whatever is lost, doubled, or sent without right is named."""
    damage, words = DAMAGE[kind]
    evidence = copy.deepcopy(clean())
    damage(evidence)
    assert any(words in breach for breach in audit(evidence)), audit(evidence)
