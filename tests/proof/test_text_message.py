"""How long a text message is, as networks count it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.proof.text_message import GSM_BASIC, GSM_EXTENDED, length_of

GSM = st.text(st.sampled_from(sorted(GSM_BASIC | GSM_EXTENDED)), max_size=400)


@pytest.mark.parametrize(
    ("text", "characters", "segments"),
    [
        ("", 0, 1),
        ("a" * 160, 160, 1),
        ("a" * 161, 161, 2),
        ("a" * 306, 306, 2),
        ("a" * 307, 307, 3),
        ("€" * 80, 160, 1),
        ("€" * 81, 162, 2),
        ("“" + "a" * 69, 70, 1),
        ("“" + "a" * 70, 71, 2),
        ("“" + "a" * 133, 134, 2),
        ("“" + "a" * 134, 135, 3),
        ("🙂" * 35, 70, 1),
        ("🙂" * 36, 72, 2),
    ],
)
def test_segments_are_counted_as_networks_do(text: str, characters: int, segments: int) -> None:
    """160 and 153 characters of the GSM alphabet, 70 and 67 of others; those of the extension and beyond the plane count twice."""
    found = length_of(text)
    assert (characters, segments) == (found.characters, found.segments)


def test_the_alphabet_has_its_size() -> None:
    """The default alphabet has 127 characters beside the escape, the extension ten."""
    assert (127, 10) == (len(GSM_BASIC), len(GSM_EXTENDED))


@given(GSM, st.sampled_from(sorted(GSM_BASIC)))
def test_a_longer_text_has_no_fewer_segments(text: str, more: str) -> None:
    """One character more never makes a message shorter, and a character that is foreign never cheaper."""
    assert length_of(text).segments <= length_of(text + more).segments
    assert length_of(text + more).segments <= length_of(text + "“").segments
    assert () == length_of(text).foreign
    assert ("“",) == length_of(text + "“").foreign
