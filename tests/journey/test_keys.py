"""Keyed entries: one for each value of the key, each with its own way, its own messages and its own re-entry."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from pilotage.journey.entry import ENTRIES_MAX
from pilotage.journey.plan import Entrance
from pilotage.profile.state import State, decode_state, encode_state
from tests.journey.sample import changed, compiled, texts
from tests.journey.scenario import DAY, HOUR, MINUTE, Subject
from tests.journey.test_advance import journey

J = "journeys/cart.yaml"
REST = "{id: rest, wait: {for: 2d}}"


def keyed(steps: str = REST, reentry: str = "never", extra: str = "", key: str = "trigger.order") -> str:
    """A journey with one entry for each order."""
    return journey(steps, f"{{on: order.placed, key: {key}, reentry: {reentry}}}", extra)


def keys(subject: Subject) -> list[object]:
    """The keys of the entries under way."""
    return sorted(str(entry.variables["key"]) for entry in subject.state.entries)


def test_there_is_one_entry_for_each_key() -> None:
    """Orders start entries beside each other, each once, and each entry has an id of its own."""
    s = Subject(keyed()).event("order.placed", order="a").event("order.placed", HOUR, order="b").event("order.placed", order="a")
    assert (["a", "b"], ["already in the journey with this key"]) == (keys(s), s.refusals)
    assert 2 == len({entry.id for entry in s.state.entries})


def test_an_event_without_a_key_starts_nothing() -> None:
    """Where the key is NULL nobody enters, and that is recorded."""
    s = Subject(keyed()).event("order.placed", total=1)
    assert ([], ["the event has no key"]) == (s.state.entries, s.refusals)


def test_reentry_is_judged_for_each_key() -> None:
    """Never, after a time, and always hold for one key and leave the others alone."""
    never = (
        Subject(keyed()).event("order.placed", order="a").wake(2 * DAY).event("order.placed", order="a").event("order.placed", order="b")
    )
    assert (["b"], ["was in the journey before"]) == (keys(never), never.refusals)
    after = Subject(keyed(reentry="{after: 5d}")).event("order.placed", order="a").event("order.placed", 3 * DAY, order="a")
    assert (["entered too recently"], []) == (after.refusals, keys(after))
    assert ["a"] == keys(after.event("order.placed", 2 * DAY, order="a"))
    always = Subject(keyed(reentry="always")).event("order.placed", order="a").event("order.placed", 2 * DAY, order="a")
    assert (["a"], {}) == (keys(always), always.state.keyed)


def test_passages_that_no_rule_asks_about_are_forgotten() -> None:
    """With `after` the state keeps only the keys entered within that time."""
    s = Subject(keyed(reentry="{after: 5d}"))
    for number in range(20):
        s.event("order.placed", DAY, order=f"o{number}")
    assert 5 == len(s.state.keyed)


def test_goals_and_exits_compare_the_key_with_the_trigger() -> None:
    """What another order's event says ends that order's entry and no other."""
    extra = "goal: {when: \"trigger.type = 'cart.added' and trigger.product = journey.key\", within: 30d}\n"
    extra += "exit: [{when: \"trigger.type = 'product.viewed' and trigger.product = journey.key\", reason: seen}]"
    s = Subject(keyed(extra=extra)).event("order.placed", order="a").event("order.placed", order="b").event("order.placed", order="c")
    assert ["a", "c"] == keys(s.event("cart.added", product="b"))
    assert ["c"] == keys(s.event("product.viewed", product="a"))
    assert ("seen", 1) == (s.last("exited").reason, s.verbs.count("goal rest"))


def test_ending_one_entry_cancels_only_its_own_messages() -> None:
    """A message of another order stays on its way when an entry ends by its goal."""
    steps = "{id: m, send: email, content: plain, purpose: service.payment, on_blocked: end}\n" + REST
    goal = "goal: {when: \"trigger.type = 'cart.added' and trigger.product = journey.key\", within: 30d}"
    s = Subject(keyed(steps, extra=goal)).sign_up().event("order.placed", order="a").event("order.placed", order="b")
    s.event("cart.added", product="b")
    assert [s.actions[1].effect] == s.cancelled


def test_a_key_may_be_an_integer() -> None:
    """An integer tells entries apart as a text does, and conditions read it as an integer."""
    extra = "exit: [{when: \"trigger.type = 'order.placed' and trigger.items > journey.key\", reason: more}]"
    s = Subject(keyed(key="trigger.items", extra=extra)).event("order.placed", items=3).event("order.placed", MINUTE, items=5)
    assert ["5"] == keys(s)


def test_entries_of_one_subject_are_bounded() -> None:
    """A source gone wild cannot make a subject without bound: a thousand entries are enough."""
    s = Subject(keyed())
    for number in range(ENTRIES_MAX + 1):
        s.event("order.placed", order=str(number))
    assert (ENTRIES_MAX, [f"{ENTRIES_MAX} entries are under way"]) == (len(s.state.entries), s.refusals)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 30)), max_size=25), st.sampled_from(["never", "always", "{after: 3d}"]))
def test_keys_never_meddle_with_each_other(orders: list[tuple[str, int]], reentry: str) -> None:
    """What becomes of one order's entries is the same whether or not there are other orders."""
    whole, alone = Subject(keyed(reentry=reentry)), Subject(keyed(reentry=reentry))
    kept = set()
    for order, hours in orders:
        whole.event("order.placed", hours * HOUR, order=order)
        alone.count += 1
        alone.now += hours * HOUR
        if order == "a":
            alone.count -= 1
            alone.event("order.placed", order=order)
        kept |= {entry.id for entry in whole.state.entries if entry.variables["key"] == "a"}
    alone.wake()
    whole.wake()
    mine = [(each.at_us, each.verb, each.entry) for each in whole.decisions if each.entry in kept]
    assert mine == [(each.at_us, each.verb, each.entry) for each in alone.decisions if each.entry]


def test_journeys_without_keys_keep_their_digests_and_states_their_bytes() -> None:
    """A journey without a key is stored as before there were keys, and a state stored before then is read."""
    assert "key" not in msgspec.to_builtins(Entrance("cart.added"))
    stored = msgspec.msgpack.decode(encode_state(State(b"\x01" * 16)))
    assert State(b"\x01" * 16) == decode_state(msgspec.msgpack.encode(stored[:12]))


MISTAKES = [
    (
        "enter: {on: cart.added,",
        "enter: {on: cart.added, key: «trigger.price,",
        "error E002 the key is of type number, neither a string nor",
    ),
    ("enter: {on: cart.added,", "enter: {on: cart.added, key: «trigger.ksu,", "error E001 cart.added has no field ksu;"),
]


def test_mistakes_in_keys_are_found() -> None:
    """A key that cannot tell entries apart is refused, and so is a step that would set it."""
    for old, new, beginning in MISTAKES:
        files = changed(J, old, new)
        at = files[J].split("\n")[6].index("«") + 1
        files[J] = files[J].replace("«", "")
        assert any(found.startswith(f"{J}:7:{at}: {beginning}") for found in texts(compiled(files)[1]))
    files = changed(J, "enter: {on: cart.added,", "enter: {on: cart.added, key: trigger.sku,")
    files[J] = files[J].replace('variables: {n: "coalesce(journey.n, 0) + 1"}', "variables: {key: tier}")
    found = texts(compiled(files)[1])
    assert ["journeys/cart.yaml:18:60: error J029 'key' is the entry's key; give the variable another name"] == found
