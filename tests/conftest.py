"""Options and fixtures that every test may use: how many seeds and cases to try, and where the real data lies.

By default a run is modest and repeats exactly; `make evidence` and the options below try far more.
"""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

MODEST_SEEDS = 2
MODEST_CASES = 50
MODEST_KILLS = 5
ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare `--seeds`, `--cases`, `--kills`, `--whole` and `--data`."""
    group = parser.getgroup("pilotage")
    group.addoption("--seeds", type=int, default=None, metavar="N", help="run each seeded simulation with seeds 0 to N-1")
    group.addoption(
        "--cases", type=int, default=None, metavar="N", help="try N fresh examples in each property instead of the same modest few"
    )
    group.addoption("--kills", type=int, default=MODEST_KILLS, metavar="N", help="kill the process N times in each crash test")
    group.addoption("--whole", action="store_true", help="compare over the whole of the real data sets, not over a sample of them")
    group.addoption(
        "--data", type=Path, default=None, metavar="FOLDER", help="folder of the real data sets (else PILOTAGE_DATA, else ../shared/data)"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Choose the hypothesis profile: the same few examples in every run, or as many fresh ones as asked for."""
    cases = config.getoption("--cases")
    calm = [HealthCheck.too_slow]
    settings.register_profile("modest", max_examples=MODEST_CASES, derandomize=True, deadline=None, suppress_health_check=calm)
    settings.register_profile("evidence", max_examples=cases or MODEST_CASES, print_blob=True, deadline=None, suppress_health_check=calm)
    settings.load_profile("evidence" if cases else "modest")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test with an argument `seed` runs once per seed, and names the seed when it fails."""
    if "seed" in metafunc.fixturenames:
        heavy = metafunc.definition.get_closest_marker("heavy") is not None
        metafunc.parametrize("seed", range(metafunc.config.getoption("--seeds") or (1 if heavy else MODEST_SEEDS)))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole pages of the documentation take longest: they come first, so that no worker ends with one while the other rests."""
    items.sort(key=lambda item: item.path.name != "test_docs.py")


@pytest.fixture(scope="session")
def data_folder(pytestconfig: pytest.Config) -> Path:
    """The folder of the real data sets (`ecom.csv.gz` and others); tests that need it are skipped where there is none."""
    named = pytestconfig.getoption("--data") or os.environ.get("PILOTAGE_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if named and not folder.is_dir():
        pytest.fail(f"the data folder {folder} named by --data or PILOTAGE_DATA does not exist")
    if not folder.is_dir():
        pytest.skip(f"the real data sets are not here: no folder {folder}; name it with --data or PILOTAGE_DATA")
    return folder
