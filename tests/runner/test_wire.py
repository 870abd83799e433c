"""What travels between the front and its workers comes out as it went in."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from pilotage.runner.arrival import Result
from pilotage.runner.wire import Applied, Frame, KernelRefused, results, verdicts

faults = st.none() | st.builds(KernelRefused, st.text(min_size=1), st.text(), st.text())
found = st.builds(Result, st.integers(0, 2**62), st.booleans(), faults)


def told(result: Result) -> tuple[Any, ...]:
    """A result with its refusal in parts, since errors compare by identity."""
    error: Any = result.error
    return result.position, result.duplicate, error and (str(error), error.path, error.cure)


@given(st.dictionaries(st.integers(0, 7), st.lists(found)))
def test_results_travel_whole(answers: dict[int, list[Result]]) -> None:
    """Positions, duplicates and refusals of every shard arrive as they were, each in its place."""
    frame = msgspec.msgpack.encode(Frame(1, Applied(verdicts(answers))))
    body = msgspec.msgpack.decode(frame, type=Frame).body
    assert isinstance(body, Applied)
    assert {number: list(map(told, each)) for number, each in answers.items()} == {
        number: list(map(told, each)) for number, each in results(body.answers).items()
    }
