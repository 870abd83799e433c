"""The data folder: one folder is one environment of one company, and everything the system keeps is in it.

`environment.json` says which format the folder has, what the environment is called and which plans were ever active;
`secret.key` holds the secret that subject ids and links are made with; `front/` and `shards/0` to `shards/7` are stores;
`plans/` and `zones/` hold plans and zone tables by digest. A folder of a newer format is refused, never guessed at.
"""

import fcntl
import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from pilotage.event.zone import Zones
from pilotage.journey.plan import KERNEL, Plan, decode_plan, encode_plan
from pilotage.runner.controls import Control

FORMAT = 1
"""The format of the folders this release makes and the newest it opens."""

AGAIN = "~"
"""What follows the digest of a plan that comes into force again, before how many times that makes."""

Witness = Callable[[str, str, str, dict[str, Any]], object]
"""What is told of an act before it is done: by whom, what, to what, and more; it raises where the act must not be."""

SHARDS = 8
SECRET_BYTES = 32


_DONE = {"pause": "paused", "resume": "resumed", "stop": "stopped"}


class FolderMissing(FileNotFoundError):
    """There is no data folder there. Make one by starting Pilotage with this folder once, or name another."""


class FolderNewer(RuntimeError):
    """The folder was written by a newer release. Start that release or a newer one; nothing was changed."""


class FolderBroken(RuntimeError):
    """A file of the data folder is missing or damaged. Restore the folder from a backup."""


class FolderBusy(RuntimeError):
    """Another process runs on the data folder. Stop it, or name another folder."""


class OtherEnvironment(RuntimeError):
    """The folder belongs to another environment than the workspace names. Use one folder for each environment."""


class Recording(msgspec.Struct, frozen=True):
    """What keeps a plan from being in force yet: features whose past is being filled in. `plan` is the digest of the plan that
    records them meanwhile, the newest active one; `known` says how far back each was kept before (None: not at all)."""

    plan: str
    known: dict[str, int | None]


class Environment(msgspec.Struct, frozen=True):
    """What `environment.json` says. `plans` are the digests of all plans ever active, the newest last, each as often as it came
    into force (the second time as `digest~2`, since others are remembered then); entries in flight finish under the one they began
    with. `kernels` are the kernel versions those plans name. `recording` is there while
    the past of features is being filled in. `controls` are all pauses, resumptions and stops, each of which gave the plan in force a
    new name."""

    format: int
    name: str
    production: bool
    shards: int = SHARDS
    kernels: tuple[int, ...] = (KERNEL,)
    plans: tuple[str, ...] = ()
    recording: Recording | None = None
    controls: tuple[Control, ...] = ()


class DataFolder:
    """An open data folder. The process that holds it is its only owner until `close`, or its end. `witness` is told of each plan and
    each control before it is written."""

    def __init__(self, path: Path, environment: Environment, secret: bytes, lock: int) -> None:
        self.path = path
        self.environment = environment
        self.secret = secret
        self.witness: Witness = _unseen
        self._lock = lock

    @property
    def front(self) -> Path:
        """Where the front's own store lies."""
        return self.path / "front"

    def shard(self, number: int) -> Path:
        """Where a shard's store lies."""
        return self.path / "shards" / str(number)

    def activate(self, plan: Plan, zones: Zones, known: dict[str, int | None] | None = None) -> None:
        """Store a plan with its zone tables and make it the newest active one, in one step with what it records, if it is there
        to record (`Recording.known`)."""
        write_file(self.path / "plans" / plan.digest, encode_plan(plan))
        write_file(self.path / "zones" / zones.digest, zones.packed)
        plans = _with_newest(self.environment.plans, plan.digest)
        kernels = tuple(sorted({*self.environment.kernels, plan.kernel}))
        recording = None if known is None else Recording(plans[-1], known)
        if (plans, recording) != (self.environment.plans, self.environment.recording):
            told = {"name": plans[-1], "before": self.environment.plans[-1] if self.environment.plans else "", "kernel": plan.kernel}
            self.witness("system:runner", "plan.effective" if known is None else "plan.recording", f"plan:{plan.digest}", told)
            self.environment = msgspec.structs.replace(self.environment, plans=plans, kernels=kernels, recording=recording)
            _write_environment(self.path, self.environment)

    def steer(self, control: Control) -> str:
        """Note a control durably, in one step with a new name for the plan in force; that name."""
        name = _again(self.environment.plans, self.environment.plans[-1].partition(AGAIN)[0])
        plans, controls = (*self.environment.plans, name), (*self.environment.controls, msgspec.structs.replace(control, plan=name))
        self.witness(control.by, f"journey.{_DONE[control.kind]}", f"journey:{control.journey}", msgspec.to_builtins(controls[-1]))
        self.environment = msgspec.structs.replace(self.environment, plans=plans, controls=controls)
        _write_environment(self.path, self.environment)
        return name

    def plans(self) -> tuple[Plan, ...]:
        """All plans ever active, the newest last; `FolderBroken` if one is missing."""
        return read_plans(self.path, self.environment.plans)

    def close(self) -> None:
        """Let another process have the folder."""
        os.close(self._lock)


def open_folder(path: Path, name: str, *, production: bool = False, create: bool = True) -> DataFolder:
    """Open a data folder, or make it where there is none. Raises what the errors above describe."""
    if not (path / "environment.json").exists():
        if not create:
            raise FolderMissing(f"{path} is no data folder; start Pilotage with it once, or name another")
        _make(path, Environment(format=FORMAT, name=name, production=production))
    environment = read_environment(path)
    if (environment.name, environment.production) != (name, production):
        raise OtherEnvironment(
            f"{path} belongs to {_described(environment.name, environment.production)}, "
            f"not to {_described(name, production)}; use one folder for each environment"
        )
    lock = _lock(path)
    return DataFolder(path, environment, read_secret(path), lock)


def read_environment(path: Path) -> Environment:
    """What a folder says about itself; readable without owning it."""
    try:
        raw = (path / "environment.json").read_bytes()
        version = msgspec.json.decode(raw).get("format", 0)
        if version > FORMAT:
            raise FolderNewer(f"{path} has format {version}, this release reads up to {FORMAT}; start a newer release")
        environment = msgspec.json.decode(raw, type=Environment)
    except FileNotFoundError as fault:
        raise FolderMissing(f"{path} is no data folder") from fault
    except (msgspec.DecodeError, UnicodeDecodeError, AttributeError, TypeError) as fault:
        raise FolderBroken(f"{path / 'environment.json'} cannot be read ({fault}); restore the folder from a backup") from fault
    if max(environment.kernels) > KERNEL:
        raise FolderNewer(f"{path} needs kernel {max(environment.kernels)}, this release has {KERNEL}; start a newer release")
    if environment.shards != SHARDS:
        raise FolderBroken(f"{path} says it has {environment.shards} shards, every folder has {SHARDS}; restore it from a backup")
    return environment


def read_secret(path: Path) -> bytes:
    """The environment's secret; without it no subject can be found again, so a missing one is never made anew."""
    try:
        secret = (path / "secret.key").read_bytes()
    except FileNotFoundError as fault:
        raise FolderBroken(f"{path / 'secret.key'} is missing; restore it from a backup") from fault
    if len(secret) != SECRET_BYTES:
        raise FolderBroken(f"{path / 'secret.key'} must hold {SECRET_BYTES} bytes, not {len(secret)}; restore it from a backup")
    return secret


def _unseen(actor: str, act: str, subject: str, data: dict[str, Any]) -> None:
    """Nobody is told."""


def _with_newest(plans: tuple[str, ...], digest: str) -> tuple[str, ...]:
    """The names of the plans that were active, with one that comes into force now."""
    if plans and plans[-1].partition(AGAIN)[0] == digest:
        return plans
    return (*plans, _again(plans, digest))


def _again(plans: tuple[str, ...], digest: str) -> str:
    """The name of a plan that comes into force once more."""
    times = sum(name.partition(AGAIN)[0] == digest for name in plans)
    return f"{digest}{AGAIN}{times + 1}" if times else digest


def read_plans(path: Path, names: Sequence[str]) -> tuple[Plan, ...]:
    """Stored plans by the names that `Environment.plans` has for them."""
    plans = []
    for name in names:
        digest = name.partition(AGAIN)[0]
        try:
            plan = decode_plan((path / "plans" / digest).read_bytes())
        except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError) as fault:
            raise FolderBroken(f"plan {digest[:16]} of {path} cannot be read ({fault}); restore the folder from a backup") from fault
        if plan.digest != digest:
            raise FolderBroken(f"plan {digest[:16]} of {path} is not what its name says; restore the folder from a backup")
        plans.append(plan)
    return tuple(plans)


def read_zones(path: Path, digest: str) -> Zones:
    """Stored zone tables by their digest."""
    try:
        zones = Zones((path / "zones" / digest).read_bytes())
    except FileNotFoundError as fault:
        raise FolderBroken(f"zone tables {digest[:16]} of {path} are missing; restore the folder from a backup") from fault
    if zones.digest != digest:
        raise FolderBroken(f"zone tables {digest[:16]} of {path} are not what their name says; restore the folder from a backup")
    return zones


def _described(name: str, production: bool) -> str:
    return f"the {'production' if production else 'non-production'} environment {name!r}"


def _make(path: Path, environment: Environment) -> None:
    """Make a folder; `environment.json` is written last, so a folder half made is made again."""
    for part in ("front", "plans", "zones", *(f"shards/{number}" for number in range(SHARDS))):
        (path / part).mkdir(parents=True, exist_ok=True)
    key = path / "secret.key"
    if not key.exists() or len(key.read_bytes()) != SECRET_BYTES:
        write_file(key, secrets.token_bytes(SECRET_BYTES), mode=0o600)
    _write_environment(path, environment)


def _write_environment(path: Path, environment: Environment) -> None:
    write_file(path / "environment.json", msgspec.json.format(msgspec.json.encode(environment), indent=2) + b"\n")


def write_file(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write a file whole or not at all: to a neighbour first, synced, then moved into its place."""
    neighbour = path.with_name(path.name + ".new")
    handle = os.open(neighbour, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    neighbour.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _lock(path: Path) -> int:
    handle = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as fault:
        os.close(handle)
        raise FolderBusy(f"another process runs on {path}; stop it, or name another folder") from fault
    return handle
