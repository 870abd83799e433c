"""Whom events are about: ids, links, and the order of identifiers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.event.envelope import Event
from pilotage.profile.identity import Resolution, Unidentified, normalised, resolve, subject_id

SECRET = b"a secret of the environment"


def event(event_type: str = "product.viewed", **identifiers: str) -> Event:
    """An event with these identifiers."""
    return Event("e1", "web", event_type, 0, b"{}", identifiers)


def nothing(_: bytes) -> None:
    """A link table without links."""


def test_a_user_id_decides_alone() -> None:
    """An event with a user id belongs to that user's subject, whatever else it carries."""
    expected = Resolution(subject_id(SECRET, "user_id", "u1"))
    assert expected == resolve(SECRET, event(user_id="u1", anonymous_id="a1", email="x@example.com"), nothing)


def test_an_anonymous_id_is_its_own_subject_until_linked() -> None:
    """An anonymous id is a subject of its own, and once linked the subject it is linked to."""
    key = subject_id(SECRET, "anonymous_id", "a1")
    assert Resolution(key) == resolve(SECRET, event(anonymous_id="a1"), nothing)
    assert Resolution(b"the user", own=key) == resolve(SECRET, event(anonymous_id="a1"), {key: b"the user"}.get)


@pytest.mark.parametrize("event_type", ["customer.identified", "customer.aliased"])
def test_identify_and_alias_link_the_anonymous_id(event_type: str) -> None:
    """Identify and alias events link the anonymous or previous id they carry to the user; other events link nothing."""
    user, key = subject_id(SECRET, "user_id", "u1"), subject_id(SECRET, "anonymous_id", "a1")
    assert Resolution(user, ((key, user),)) == resolve(SECRET, event(event_type, user_id="u1", anonymous_id="a1"), nothing)
    assert Resolution(user, ((key, user),)) == resolve(SECRET, event(event_type, user_id="u1", previous_id="a1"), nothing)
    assert Resolution(user, ((key, user),)) == resolve(
        SECRET, event(event_type, user_id="u1", anonymous_id="a1", previous_id="a1"), nothing
    )


def test_the_first_link_wins() -> None:
    """An anonymous id that is linked already is never linked again, not even to somebody else."""
    links = {subject_id(SECRET, "anonymous_id", "a1"): b"somebody else"}
    assert () == resolve(SECRET, event("customer.identified", user_id="u1", anonymous_id="a1"), links.get).links


def test_other_identifiers_stand_in() -> None:
    """Without a user or anonymous id, the e-mail address decides, then the phone number, then others by name."""
    everything = {"phone": "+49 30 123", "email": "Ann@Example.COM", "crm_id": "7", "loyalty": "9"}
    for kind, value in (("email", "ann@example.com"), ("phone", "+4930123"), ("crm_id", "7"), ("loyalty", "9")):
        assert subject_id(SECRET, kind, value) == resolve(SECRET, event(**everything), nothing).subject
        del everything[kind]


@pytest.mark.parametrize("identifiers", [{}, {"user_id": ""}, {"anonymous_id": "", "email": " "}, {"previous_id": "a1"}])
def test_nobody_is_refused(identifiers: dict[str, str]) -> None:
    """An event that names nobody is refused with a reason and a cure."""
    with pytest.raises(Unidentified) as caught:
        resolve(SECRET, event(**identifiers), nothing)
    assert "no identifier" in caught.value.reason
    assert "user id" in caught.value.cure


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("email", " Ann.Lee@Straße.Example ", "ann.lee@straße.example"),
        ("phone", "+49 (30) 12-34.56", "+4930123456"),
        ("user_id", " U1 ", " U1 "),
    ],
)
def test_identifiers_are_compared_in_one_form(kind: str, value: str, expected: str) -> None:
    """E-mail addresses and phone numbers are normalised, other identifiers are taken as they are."""
    assert expected == normalised(kind, value)


@given(st.tuples(st.text(), st.text()), st.tuples(st.text(), st.text()))
def test_ids_tell_identifiers_apart(one: tuple[str, str], other: tuple[str, str]) -> None:
    """Two identifiers have the same 16-byte id only if kind and value are the same."""
    assert (one == other) == (subject_id(SECRET, *one) == subject_id(SECRET, *other))
    assert 16 == len(subject_id(SECRET, *one))


def test_ids_depend_on_the_secret() -> None:
    """The same identifier has another id under another secret, also one longer than the hash's key; an empty secret is refused."""
    assert subject_id(SECRET, "user_id", "u1") != subject_id(b"other", "user_id", "u1")
    assert subject_id(b"x" * 100, "user_id", "u1") != subject_id(b"x" * 101, "user_id", "u1")
    with pytest.raises(ValueError, match="secret is empty"):
        subject_id(b"", "user_id", "u1")


def test_ids_never_change() -> None:
    """The id of an identifier is the same in every release: states and logs are kept under it."""
    assert "a733c45f7ad542eb4d59bf35a95db08f" == subject_id(b"secret", "user_id", "u1").hex()
