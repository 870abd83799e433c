"""The work that speed is measured on is what RESULTS.md says it is."""

from random import Random

from bench import workload
from pilotage.event.time import parse_instant_us
from pilotage.journey.advance import wake_at
from pilotage.profile.state import encode_state

NOW = parse_instant_us("2026-03-02T12:00:00Z")


def test_the_workspace_has_twenty_journeys_and_no_findings() -> None:
    """The measured plan is compiled as any other, from documents without a fault."""
    assert () == workload.compiled().findings
    assert 20 == len(workload.plan().journeys)


def test_states_have_half_a_kilobyte_to_one_on_average_and_nothing_overdue() -> None:
    """The states that a week of events leads to have 0.5 to 1 KB on average, and all that was due is settled."""
    pasts = workload.histories(workload.program(), NOW, 200)
    mean = sum(len(encode_state(past)) for past in pasts) / len(pasts)
    assert 500 <= mean <= 1_000
    assert [] == [wake_at(past) for past in pasts if 0 < wake_at(past) <= NOW]
    assert 1 <= sum(len(past.entries) for past in pasts) / len(pasts) <= 3


def test_every_event_of_a_batch_is_taken_in() -> None:
    """Batches hold a hundred events, of every type of the mix, and none breaks its contract."""
    bodies = list(workload.batches(range(10_000), NOW, Random(1), "test"))
    admitted = [workload.intake().segment("batch", body, workload.SOURCE, NOW) for body in bodies]
    assert [workload.BATCH_EVENTS] * 100 == [len(each.accepted) for each in admitted]
    assert {kind for _, kind in workload.MIX} == {event.type for each in admitted for event in each.accepted}


def test_subjects_of_one_past_share_no_entry_and_no_message() -> None:
    """Two subjects made from one past differ in their entries' ids and in what they have been promised."""
    past = next(each for each in workload.histories(workload.program(), NOW, 50) if each.entries and each.budget)
    one, other = (workload.subject_like(past, workload.subject_of(b"secret", number), number, 7) for number in (1, 2))
    assert set() == {entry.id for entry in one.entries} & {entry.id for entry in other.entries}
    assert set() == {held.effect for held in one.budget} & {held.effect for held in other.budget}
    assert wake_at(past) + 7 == wake_at(one) if wake_at(past) else wake_at(one) == 0


def test_nearly_all_hot_events_come_from_a_twentieth_of_the_subjects() -> None:
    """The hot load takes at least 95 % of its events from 5 % of the subjects."""
    numbers = workload.hot_numbers(10_000, 1_000, Random(2))
    assert 0.94 <= sum(number < 50 for number in numbers) / len(numbers) <= 0.97
