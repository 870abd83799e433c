"""The data folder: made once, owned by one process, refused when it is newer, damaged or another environment's."""

import stat
from pathlib import Path

import msgspec
import pytest

from pilotage.consent.policy import Policy
from pilotage.journey.plan import KERNEL, Plan
from pilotage.runner.folder import (
    FORMAT,
    FolderBroken,
    FolderBusy,
    FolderMissing,
    FolderNewer,
    OtherEnvironment,
    open_folder,
    read_environment,
    read_plans,
    read_zones,
)
from pilotage.source.zones import packaged_zones


def a_plan(zones: str = "") -> Plan:
    """The smallest plan."""
    return Plan(KERNEL, (), (), Policy(), (), (), (), zones)


def test_a_folder_keeps_its_secret_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    """The secret is made once, with 32 bytes, readable by its owner only."""
    first = open_folder(tmp_path / "data", "shop")
    first.close()
    second = open_folder(tmp_path / "data", "shop")
    assert first.secret == second.secret
    assert 32 == len(second.secret)
    assert 0o600 == stat.S_IMODE((tmp_path / "data" / "secret.key").stat().st_mode)
    second.close()


def test_a_second_owner_is_refused(tmp_path: Path) -> None:
    """While one process holds the folder, opening it again says so."""
    first = open_folder(tmp_path, "shop")
    with pytest.raises(FolderBusy):
        open_folder(tmp_path, "shop")
    first.close()
    open_folder(tmp_path, "shop").close()


@pytest.mark.parametrize("change", [{"format": FORMAT + 1}, {"kernels": [KERNEL, KERNEL + 1]}])
def test_a_newer_folder_is_refused_and_left_as_it_is(tmp_path: Path, change: dict[str, object]) -> None:
    """A format or kernel this release does not have is named in the error, and nothing is written."""
    open_folder(tmp_path, "shop").close()
    path = tmp_path / "environment.json"
    path.write_bytes(msgspec.json.encode({**msgspec.json.decode(path.read_bytes()), **change}))
    before = path.read_bytes()
    with pytest.raises(FolderNewer):
        open_folder(tmp_path, "shop")
    assert before == path.read_bytes()


def test_another_environment_is_refused(tmp_path: Path) -> None:
    """A sandbox does not run on production's folder, nor one company's environment on another's."""
    open_folder(tmp_path, "shop").close()
    with pytest.raises(OtherEnvironment, match="production"):
        open_folder(tmp_path, "shop", production=True)
    with pytest.raises(OtherEnvironment, match="other"):
        open_folder(tmp_path, "other")


def test_a_missing_folder_or_secret_is_never_made_up(tmp_path: Path) -> None:
    """Reading where nothing is fails, and a folder without its secret is broken, not given a new one."""
    with pytest.raises(FolderMissing):
        open_folder(tmp_path / "none", "shop", create=False)
    open_folder(tmp_path, "shop").close()
    (tmp_path / "secret.key").unlink()
    with pytest.raises(FolderBroken, match="backup"):
        open_folder(tmp_path, "shop")


def test_every_plan_ever_active_is_kept_the_newest_last(tmp_path: Path) -> None:
    """Plans come back in the order they came into force; one that comes into force again is there again, under a name of its own."""
    zones = packaged_zones()
    folder = open_folder(tmp_path, "shop")
    one, two = a_plan(), a_plan(zones.digest)
    for plan in (one, two, two, one):
        folder.activate(plan, zones)
    assert (one, two, one) == folder.plans()
    folder.close()
    assert (one.digest, two.digest, f"{one.digest}~2") == read_environment(tmp_path).plans
    assert zones.digest == read_zones(tmp_path, zones.digest).digest


def test_a_damaged_plan_is_noticed(tmp_path: Path) -> None:
    """A stored plan whose bytes changed is refused by its digest."""
    folder = open_folder(tmp_path, "shop")
    plan = a_plan()
    folder.activate(plan, packaged_zones())
    stored = tmp_path / "plans" / plan.digest
    stored.write_bytes(msgspec.msgpack.encode(a_plan("changed")))
    with pytest.raises(FolderBroken):
        read_plans(tmp_path, [plan.digest])
    folder.close()
