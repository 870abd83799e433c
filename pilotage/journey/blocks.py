"""Blocks: a journey's steps as they lie, with the steps of fragments and repeats inside them.

A block is a list of steps whose ids mean something among themselves: a journey's, a fragment's, a repeat's. In the plan all
of them stand in one list, each under its path: the step `ask` of the fragment used by the step `greet` is `greet/ask`.
"""

import msgspec

from pilotage.journey.document import Fields
from pilotage.journey.names import Desk, Fragment
from pilotage.journey.parse_fragment import filled_steps, fragment_named

STEPS_MAX = 1_000
"""How many steps a journey may have with all its fragments."""


class Item(msgspec.Struct, frozen=True):
    """One step as written, its kind (the key that tells it, empty where that is not clear), and the block that it holds."""

    fields: Fields
    name: str
    kind: str
    inner: "Block | None" = None


class Block(msgspec.Struct, frozen=True):
    """Steps among themselves: the desk of the document they are written in, and the path before their ids, empty or ending in
    a stroke. `edges` are a fragment's parameters of type `step`."""

    desk: Desk
    path: str
    items: tuple[Item, ...]
    edges: tuple[str, ...] = ()


def first(block: Block) -> str:
    """The path of the step that a block begins with."""
    return begins(block, block.items[0]) if block.items else ""


def begins(block: Block, item: Item) -> str:
    """The path of the step that an item begins with: a fragment is where its own first step is."""
    if item.kind == "fragment" and item.inner is not None and item.inner.items:
        return first(item.inner)
    return block.path + item.name


def written(block: Block) -> list[tuple[Desk, Fields]]:
    """All steps of a block and of what it holds, in order, each with the desk of its document."""
    found: list[tuple[Desk, Fields]] = []
    for item in block.items:
        found.append((block.desk, item.fields))
        if item.inner is not None:
            found += written(item.inner)
    return found


def lay_out(desk: Desk, steps: tuple[Fields, ...]) -> Block:
    """The block of a journey's steps; fragments that cannot be used are reported and hold nothing."""
    return _Layer(desk).block(desk, steps, "", ())


class _Layer:
    """Lays one journey out, and counts its steps: fragments that hold fragments multiply."""

    def __init__(self, desk: Desk) -> None:
        self.journey = desk
        self.steps = 0

    def block(self, desk: Desk, steps: tuple[Fields, ...], path: str, within: tuple[Fragment, ...]) -> Block:
        self.steps += len(steps)
        return Block(desk, path, tuple(self.item(desk, step, path, within) for step in steps))

    def item(self, desk: Desk, step: Fields, path: str, within: tuple[Fragment, ...]) -> Item:
        name = step.text("id")
        kinds = [key for key in ("fragment", "repeat") if step.get(key) is not None]
        if len(kinds) != 1:
            return Item(step, name, "")
        inner = f"{path}{name}/"
        if kinds[0] == "fragment":
            return Item(step, name, "fragment", self.fragment(desk, step, inner, within))
        repeat = step.map("repeat")
        rounds = tuple(each for each in repeat.list("steps") if isinstance(each, Fields)) if repeat else ()
        return Item(step, name, "repeat", self.block(desk, rounds, inner, within))

    def fragment(self, desk: Desk, step: Fields, path: str, within: tuple[Fragment, ...]) -> Block | None:
        found = fragment_named(desk, step)
        if found is None:
            return None
        if any(each is found for each in within):
            chain = " → ".join((*(each.name for each in within), found.name))
            cure = "let one of them not use the next; a 'repeat' goes through steps several times"
            desk.wrong("F003", step.key("fragment"), f"the fragment {found.name!r} contains itself: {chain}", cure)
            return None
        if self.steps + len(found.steps) > STEPS_MAX:
            message = f"with its fragments the journey has more than {STEPS_MAX} steps"
            self.journey.wrong("F009", self.journey.document.root.key("steps"), message, "use fewer fragments, or split the journey")
            return None
        steps = filled_steps(desk, step, found)
        if steps is None:
            return None
        edges = tuple(each.name for each in found.parameters.values() if each.type == "step")
        return msgspec.structs.replace(self.block(desk.at(found.document), steps, path, (*within, found)), edges=edges)
