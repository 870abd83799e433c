"""Audiences as a plan holds them: what names one, and a set of them."""

from pilotage.audience.model import Audience, conjunction, digests_of, set_digest
from pilotage.predicate.ir import Type
from pilotage.predicate.parse import Scope, parse

SCOPE = Scope(attributes={"tier": Type.STRING, "age": Type.INTEGER}, events={"order.placed": {}}, audiences=("a", "b"))


def audience(name: str, text: str, **more: str) -> Audience:
    """An audience of a condition."""
    return Audience(name, parse(text, SCOPE), **more)  # type: ignore[arg-type]


def test_spelling_does_not_change_a_digest() -> None:
    """Two spellings of one condition name the same audience; another rule for existing subjects does not."""
    one, other = audience("a", "tier = 'gold' and age > 18"), audience("a", "18 < age and 'gold' = tier")
    assert digests_of([one]) == digests_of([other])
    assert digests_of([one]) != digests_of([audience("a", one.when.text, existing="exclude")])


def test_a_digest_covers_what_an_audience_is_made_of() -> None:
    """An audience changes with the audiences it reads."""
    outer = audience("b", "in_audience('a')")
    one, other = (digests_of([audience("a", text), outer]) for text in ("age > 18", "age > 21"))
    assert one["b"] != other["b"]
    assert set_digest(one) != set_digest(other)
    assert b"" == set_digest({})


def test_a_conjunction_depends_on_all_its_parts() -> None:
    """Several conditions as one keep what each reads, and the widest window of what both count."""
    parts = [parse(text, SCOPE) for text in ("count('order.placed', '1d') > 1 or tier = 'gold'", "count('order.placed', '9d') < 5")]
    whole = conjunction(parts)
    assert "(count('order.placed', '1d') > 1 or tier = 'gold') and count('order.placed', '9d') < 5" == whole.text
    assert (("tier",), True, ("order.placed",)) == (whole.attributes, whole.timed, whole.events)
    assert [9 * 86_400_000_000] == [feature.window_us for feature in whole.features]
    assert parse(whole.text, SCOPE).expr == whole.expr
