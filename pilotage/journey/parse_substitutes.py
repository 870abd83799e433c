"""Substitutes: what a step sends on another channel when its message is blocked or loses its slot.

Each becomes a step of its own, with the path `remind/inbox`, that is decided as any message: what blocked the first, such as an open
complaint, may block it too. The edges of the step lead on from the last of them.
"""

import msgspec

from pilotage.journey.document import Fields
from pilotage.journey.parse_steps import parse_message
from pilotage.journey.plan import Send
from pilotage.journey.scene import Scene


def with_substitutes(scene: Scene, fields: Fields, step: Send) -> list[Send]:
    """The step, then its substitutes, each leading to the next where it is blocked or loses its slot."""
    written = [item for item in fields.list("instead") if isinstance(item, Fields)]
    steps = [step]
    for item in written:
        channel, content, recipient = parse_message(scene, item, step.purpose)
        path = f"{step.id}/{channel or item.text('send')}"
        if any(each.id == path for each in steps) or channel == step.channel:
            cure = "name each channel once, in the order in which they are tried"
            scene.desk.wrong("J041", item.key("send"), f"step '{step.id}' sends on {item.text('send')!r} already", cure)
            continue
        steps.append(msgspec.structs.replace(step, id=path, channel=channel, content=content, recipient=recipient))
    for place, following in enumerate(steps[1:]):
        steps[place] = msgspec.structs.replace(steps[place], on_blocked=following.id, on_lost=following.id)
    return steps
