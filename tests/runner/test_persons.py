"""The persons met lately: subject and shard in one look, in bounded memory."""

from hypothesis import given
from hypothesis import strategies as st

from pilotage.profile.identity import REMEMBERED, subject_id
from pilotage.runner.persons import Persons
from pilotage.runner.ticket import shard_of

SECRET = b"a secret of the tests"


@given(st.lists(st.text(min_size=1)))
def test_a_user_id_leads_to_its_subject_and_shard(users: list[str]) -> None:
    """Asked first or again, a user id leads to the subject that its identifier has, and to the shard that owns it."""
    persons = Persons(SECRET)
    for user in users + users:
        subject = subject_id(SECRET, "user_id", user)
        assert (subject, shard_of(subject)) == persons[user]


def test_the_oldest_are_forgotten() -> None:
    """However many persons come by, only so many are remembered, the latest among them; who was forgotten is found anew."""
    persons = Persons(SECRET)
    first = persons["u0"]
    for number in range(REMEMBERED + 1):
        persons[f"u{number}"]
    assert len(persons) <= REMEMBERED
    assert f"u{REMEMBERED}" in persons
    assert "u0" not in persons
    assert first == persons["u0"]
