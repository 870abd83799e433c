"""The fallback: where steps go that have no edge of their own, and never a step to itself."""

import msgspec

from pilotage.journey.plan import Call, Enter, Send, Wait
from tests.journey.sample import changed, compiled, journey_of, texts

J = "journeys/cart.yaml"
FALLBACK = "holdout: 5%\nfallback: {on_blocked: mark, on_failure: bought, on_timeout: bought}"
EDGES = "on_blocked: end, on_failure: end"


def with_fallback(old: str = "", new: str = "") -> dict[str, str]:
    """The sample with a fallback, and one more text replaced."""
    files = changed(J, "holdout: 5%", FALLBACK)
    return {**files, J: files[J].replace(old, new)} if old else files


def edges(files: dict[str, str], name: str) -> tuple[str, ...]:
    """The edges of a step, beside `next`."""
    step = next(step for step in journey_of(files).steps if step.id == name)
    assert isinstance(step, Send | Call | Wait | Enter)
    return tuple(value for key, value in msgspec.structs.asdict(step).items() if key.startswith("on_") and value is not msgspec.UNSET)


def test_what_is_not_written_is_inherited() -> None:
    """A step's own edge counts before the fallback's; what has neither may not be blocked, fail or wait for ever unnoticed."""
    assert ("", "end") == edges(with_fallback(), "remind")
    assert ("mark", "bought") == edges(with_fallback(f", {EDGES}", ""), "remind")
    assert ("bought", "end") == edges(with_fallback(), "ask")
    assert (("remind",), ("bought",), ("",)) == tuple(edges(with_fallback(), name) for name in ("hour", "watch", "day"))


def test_without_a_word_a_missing_edge_is_still_reported() -> None:
    """A message that neither its step nor a fallback speaks for is warned of; one that inherits is not."""
    bare = {"J021"}
    assert bare == {finding.rule for finding in compiled(changed(J, f", {EDGES}", ""))[1]}
    assert set() == {finding.rule for finding in compiled(with_fallback(f", {EDGES}", ""))[1]}


def test_the_fallback_leads_no_step_to_itself() -> None:
    """The step that the fallback leads to has no such edge, so that it cannot go round in circles."""
    files = with_fallback("on_blocked: mark, on_failure: bought", "on_blocked: remind, on_failure: remind")
    files[J] = files[J].replace(f", {EDGES}", "")
    assert ("", "") == edges(files, "remind")
    assert ["J021"] == [finding.rule for finding in compiled(files)[1]]


def test_steps_of_fragments_and_repeats_inherit() -> None:
    """The fallback is the journey's, and holds for all that stands in it."""
    fragment = 'schema: 1\nkind: fragment\nname: f\nversion: "1"\nsteps: [{id: s, send: email, content: reminder}]\n'
    inner = '[{id: f, fragment: f, version: "1"}, {id: w, wait: {until: order.placed, timeout: 1d}}]'
    files = with_fallback("{id: day, wait: {for: 23h}}", f"{{id: day, repeat: {{times: 2, steps: {inner}}}}}")
    files["fragments/f.yaml"] = fragment
    assert (("mark", "bought"), ("bought",)) == (edges(files, "day/f/s"), edges(files, "day/w"))


def test_a_fallback_to_nowhere_is_refused() -> None:
    """An unknown step is found in the fallback, with what was meant."""
    found = texts(compiled(with_fallback("on_timeout: bought}", "on_timeout: bougth}"))[1])
    assert f"{J}:11:62: error J012 unknown step 'bougth'; did you mean 'bought'?" == found[0].partition(" Steps")[0]
