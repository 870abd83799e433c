"""Answers of `prove` as lines: what belongs together stands together, and nothing is left out."""

from hypothesis import given
from hypothesis import strategies as st

from pilotage.app.proved_text import counts, listed, various
from pilotage.proof.outcome import Proof, Verdict


def pair(one: str, other: str, about: str = "email", verdict: Verdict = Verdict.WITNESS, reason: str = "") -> Proof:
    return Proof("conflict", "channel", (one, other), verdict, about, reason)


def test_what_stands_alone_is_one_line() -> None:
    """An answer that shares its question and reason with no other is a line; what is proved is none."""
    proofs = [pair("a", "b"), pair("c", "d", verdict=Verdict.PROVED), Proof("reach", "step", ("a",), Verdict.NEVER, "s", "nobody meets it")]
    assert ["witness  conflict channel  a, b  email", "never    reach step  a  s: nobody meets it"] == list(listed(proofs))


def test_pairs_stand_under_the_journey_that_most_have_in_common() -> None:
    """Pairs with one question stand together, by the journey in most of them; those for another reason stand by themselves."""
    proofs = [pair("a", "c"), pair("b", "c"), pair("c", "d"), pair("a", "d"), pair("a", "e", "sms")]
    proofs += [pair("e", name, verdict=Verdict.UNKNOWN, reason="accounts") for name in "ab"]
    assert [
        "witness  conflict channel  email, 4 pairs",
        "         c with a, b, d",
        "         a with d",
        "witness  conflict channel  a, e  sms",
        "unknown  conflict channel  email, 2 pairs: accounts",
        "         e with a, b",
    ] == list(listed(proofs))


def test_answers_about_single_journeys_stand_by_journey() -> None:
    """Answers with one reason about steps of journeys stand under these."""
    proofs = [Proof("reach", "step", (name,), Verdict.UNKNOWN, step, "nobody was found") for name, step in ("as", "at", "bu")]
    assert ["unknown  reach step  3 answers: nobody was found", "         a s, t", "         b u"] == list(listed(proofs))


def test_lines_are_wrapped_for_a_screen() -> None:
    """On a screen of some width long lines go on below their beginning."""
    proofs = [pair("a", f"journey.number.{number:02}") for number in range(9)]
    lines = list(listed(proofs, 60))
    assert max(map(len, lines)) <= 60
    assert all(line.startswith("           journey") for line in lines[2:])


names = st.sampled_from("abcdef")
pairs = st.builds(pair, names, names, st.sampled_from(("email", "sms")), st.sampled_from(tuple(Verdict)), st.sampled_from(("", "why")))


@given(st.lists(pairs, max_size=30, unique=True))
def test_no_answer_is_lost(proofs: list[Proof]) -> None:
    """Every answer that is not proved is named once, and every witness has its place in the order of telling."""
    told = sum(line.count(",") + 1 if " with " in line else "  conflict channel  " in line and ", " in line and "pairs" not in line
               for line in listed(proofs))  # fmt: skip
    assert len([proof for proof in proofs if proof.verdict is not Verdict.PROVED]) == told
    assert sorted(proofs, key=repr) == sorted(various(proofs), key=repr)


def test_stories_of_different_questions_come_first() -> None:
    """Of many witnesses the first of each question and thing is told before the second of any."""
    proofs = [pair("a", "b"), pair("a", "c"), pair("a", "d", "sms"), Proof("consent", "unasked", ("a",), Verdict.WITNESS, "s")]
    assert [proofs[0], proofs[2], proofs[3], proofs[1]] == various(proofs)


def test_numbers_of_verdicts_are_told() -> None:
    """What a look settled counts as proved; that something is for nobody is told only where it is."""
    assert "3 proved, 1 with a witness, 0 unknown" == counts([pair("a", "b")], 3)
    assert "0 proved, 1 for nobody, 0 with a witness, 0 unknown" == counts([pair("a", "b", verdict=Verdict.NEVER)], 0)
