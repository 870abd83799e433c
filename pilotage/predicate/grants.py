"""What a subject said about a purpose on a channel, read as everywhere in the product: the later word counts."""

from collections.abc import Mapping
from typing import Protocol

ANY_CHANNEL = "*"
"""The channel of a word about all channels."""


class Word(Protocol):
    """What the subject said, and when."""

    granted: bool
    at_us: int


def granted(consents: Mapping[str, Word], own: str, general: str) -> bool:
    """Whether the later of the word about the channel (key `own`) and the word about all channels (key `general`) is a
    grant; at the same instant the no counts, and no word at all means no."""
    said, of_all = consents.get(own), consents.get(general)
    if said is None or of_all is None:
        word = said or of_all
        return word is not None and word.granted
    if said.at_us == of_all.at_us:
        return said.granted and of_all.granted
    return said.granted if said.at_us > of_all.at_us else of_all.granted
