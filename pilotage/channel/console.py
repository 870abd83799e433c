"""The console channel: prints messages to a stream, for a first look and for development."""

import sys
from collections.abc import Mapping
from typing import Any, TextIO

from pilotage.channel.channel import Channel, Fate, Message, Receipt
from pilotage.channel.kinds import CONSOLE
from pilotage.channel.services import ChannelMisconfigured, Services


def build(settings: Mapping[str, Any], services: Services) -> Channel:
    """The channel of an environment; it has no settings."""
    if settings:
        raise ChannelMisconfigured("console", f"it has no setting {sorted(settings)[0]!r}")
    return Console()


class Console:
    """Prints each message as a few lines. It reaches nobody outside the process."""

    name = "console"
    idempotent = False
    parts_required = CONSOLE.parts_required
    parts_allowed = CONSOLE.parts_allowed

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    async def send(self, message: Message) -> Receipt:
        """Print; control characters of values are shown, not obeyed."""
        stream = self._stream or sys.stdout
        lines = [f"── {message.journey} / {message.step} → {message.recipient or 'nobody named'}  [{message.idempotency_key[:8]}]"]
        lines += [f"   {name}: {line}" for name, part in message.parts.items() for line in part.splitlines()]
        stream.write("".join(_visible(line) + "\n" for line in lines))
        stream.flush()
        return Receipt(Fate.SENT, provider_id=message.idempotency_key)

    async def close(self) -> None:
        """The stream belongs to whoever gave it."""


def _visible(line: str) -> str:
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in line)
