"""Targets: the paths of the steps that a step leads to, written, given by a fragment's user, or inherited from the fallback."""

from pilotage.journey.document import Fields, Scalar
from pilotage.journey.scalars import END
from pilotage.journey.scene import Scene
from pilotage.journey.shape import STANDS_FOR


def target(scene: Scene, fields: Fields, key: str, default: str) -> str:
    """The path of the step a key leads to: empty for the journey's end; a finding where there is no such step."""
    scalar = fields.scalar(key)
    return default if scalar is None else led_to(scene, scalar)


def led_to(scene: Scene, scalar: Scalar) -> str:
    """The path of the step that a scalar names: empty for the journey's end; a finding where there is no such step."""
    if scalar.text == END:
        return scene.end
    parameter = STANDS_FOR.fullmatch(scalar.text)
    return scene.given[parameter[1]] if parameter and parameter[1] in scene.given else _step_named(scene, scalar)


def _step_named(scene: Scene, scalar: Scalar) -> str:
    found = scene.desk.known("J012", scalar, scene.steps, "step", "steps")
    if not found:
        scene.lost.append(scalar.text)
    return scene.steps.get(found, "")


def explicit_target(scene: Scene, fields: Fields, key: str) -> str:
    """The step a key leads to, where empty means that the key is not written: the end is then the exit step `end`."""
    return target(scene, fields, key, "") or END if fields.scalar(key) is not None else ""


def fallbacks(scene: Scene) -> dict[str, str]:
    """Where the steps of a journey go that have no edge of their own; the scene is that of the journey's own steps."""
    written = scene.desk.document.root.map("fallback") or Fields(0, 0, ())
    return {key: explicit_target(scene, written, key) for key in written.names()}


def edge(scene: Scene, step: Fields, path: str, key: str) -> str:
    """The step that an edge leads to: written, or by the journey's fallback, which leads no step to itself; empty: nowhere."""
    if step.get(key) is not None:
        return explicit_target(scene, step, key)
    inherited = scene.fallback.get(key, "")
    return "" if inherited == path else inherited
