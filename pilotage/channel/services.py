"""What a channel is built from: its settings, read strictly, and what the runner offers to it."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

Put = Callable[[Sequence[tuple[bytes, bytes]]], Awaitable[None]]
"""Stores rows of the `inbox` table; returns when they are durable."""
Scan = Callable[[bytes, bytes], Iterator[tuple[bytes, bytes]]]
"""The rows of the `inbox` table with start ≤ key < stop, newest first (the scan runs backwards)."""
Settings = TypeVar("Settings")


class Services(msgspec.Struct, frozen=True):
    """What the runner offers to channels: the clock, the environment's endpoints by name (each a mapping as written in
    the bindings), and the inbox table."""

    now_us: Callable[[], int]
    endpoints: Mapping[str, Mapping[str, Any]] = {}
    inbox_put: Put | None = None
    inbox_scan: Scan | None = None


class ChannelMisconfigured(ValueError):
    """A channel's settings are not what it needs; the message names the setting. Correct it under `bindings` in
    pilotage.yaml."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"channel {name!r}: {reason}; correct it under bindings in pilotage.yaml")
        self.name = name


def read_settings(name: str, settings: Mapping[str, Any], kind: type[Settings]) -> Settings:
    """A channel's settings as its own Struct; texts from the environment are read as the numbers they stand for.
    `ChannelMisconfigured` says which one is wrong."""
    try:
        return msgspec.convert(dict(settings), kind, strict=False)
    except msgspec.ValidationError as fault:
        raise ChannelMisconfigured(name, str(fault)) from fault
