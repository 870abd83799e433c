"""From blocks to the steps of a plan: one flat list, each step under its path, every edge a path.

What leads past a block's last step, or to its `end`, leads on to what follows the block: after a fragment the step behind it,
after a repeat's round the repeat itself.
"""

import msgspec

from pilotage.journey.blocks import Block, Item, begins, first
from pilotage.journey.document import Fields, Node
from pilotage.journey.graph import restless, timeless_cycles, unreachable, ways_out
from pilotage.journey.names import Desk
from pilotage.journey.parse_steps import parse_step
from pilotage.journey.parse_substitutes import with_substitutes
from pilotage.journey.plan import AnyStep, Exit, Repeat, Send
from pilotage.journey.scalars import END
from pilotage.journey.scene import Scene
from pilotage.journey.targets import fallbacks, target

Place = tuple[Desk, Node]


def parse_block(scene: Scene, block: Block) -> tuple[AnyStep, ...]:
    """The typed steps of a journey in the order written, then the exit `end` where an edge needs the end to be a step."""
    places: dict[str, Place] = {}
    fallback = fallbacks(msgspec.structs.replace(scene, steps=_ids(block)))
    steps = _steps(msgspec.structs.replace(scene, fallback=fallback), block, places)
    if any(END in ways_out(step) for step in steps):
        steps.append(Exit(id=END, next="", reason=END))
    if not scene.lost:
        _check_ways(steps, places)
    return tuple(steps)


def _steps(scene: Scene, block: Block, places: dict[str, Place]) -> list[AnyStep]:
    scene = msgspec.structs.replace(scene, steps={**scene.steps, **_ids(block)})
    steps: list[AnyStep] = []
    following = [begins(block, item) for item in block.items[1:]] + [scene.end]
    for item, onward in zip(block.items, following, strict=False):
        sound = _note(scene, block, item, places)
        if item.kind == "fragment":
            steps += _inlined(scene, item, onward, places)
            continue
        parsed = parse_step(scene, item.fields, block.path + item.name, onward)
        if parsed is None or not sound:
            scene.lost.append(item.name)
        if parsed is None:
            continue
        if isinstance(parsed, Repeat) and item.inner is not None:
            parsed = msgspec.structs.replace(parsed, body=first(item.inner))
        steps += with_substitutes(scene, item.fields, parsed) if isinstance(parsed, Send) else [parsed]
        places.update({each.id: (scene.desk, item.fields.key("id")) for each in steps if each.id not in places})
        if item.inner is not None:
            steps += _steps(msgspec.structs.replace(scene, end=block.path + item.name), item.inner, places)
    return steps


def _ids(block: Block) -> dict[str, str]:
    """From the ids of a block's steps to the paths they begin at."""
    return {item.name: begins(block, item) for item in reversed(block.items) if item.name}


def _note(scene: Scene, block: Block, item: Item, places: dict[str, Place]) -> bool:
    """Note where a step is written; False, with a finding, where its id cannot be used."""
    node, path = item.fields.key("id"), block.path + item.name
    if item.name == END:
        block.desk.wrong("J008", node, "'end' is the journey's end and cannot be a step's id", "give the step another id")
    elif path in places:
        message = f"the step id {item.name!r} is used on line {places[path][1].line} already"
        block.desk.wrong("J007", node, message, "give each step an id of its own")
    fresh = bool(item.name) and item.name != END and path not in places
    places.setdefault(path, (block.desk, node))
    return fresh


def _inlined(scene: Scene, item: Item, following: str, places: dict[str, Place]) -> list[AnyStep]:
    """The steps of a fragment in the place of the step that uses it. Only its parameters reach out of it."""
    onward = target(scene, item.fields, "next", following)
    if item.inner is None:
        scene.lost.append(item.name)
        return []
    given = item.fields.map("with") or Fields(0, 0, ())
    edges = {name: target(scene, given, name, onward) for name in item.inner.edges}
    inner = msgspec.structs.replace(scene, desk=item.inner.desk, steps={}, end=onward, given=edges)
    return _steps(inner, item.inner, places)


def _check_ways(steps: list[AnyStep], places: dict[str, Place]) -> None:
    """Report steps that cannot be reached and cycles that let no time pass."""
    for path in unreachable(steps):
        if path in places:
            desk, node = places[path]
            desk.wrong("J013", node, f"no way leads to step '{path}'", "lead another step to it, or remove it")
    for cycle in timeless_cycles(steps):
        desk, node = places[cycle[0]]
        way = " → ".join((*cycle, cycle[0]))
        desk.wrong("J014", node, f"the cycle {way} passes no wait that takes time", "add a wait 'for', 'until' or 'at'")
    for path, count in restless(steps):
        desk, node = places[path]
        message = f"the repeat '{path}' may take {count} steps at one instant"
        desk.wrong("J028", node, message, "add a wait 'for', 'until' or 'at' to its steps, or lower 'times'")
