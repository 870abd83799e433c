"""What import-linter's contracts in `pyproject.toml` cannot say: what the kernel loads, and who knows an outside engine."""

import ast
import subprocess
import sys
from collections import defaultdict

import pytest

from tests.tree import ROOT, modules, nodes

# The kernel runs inside other engines' workers, which install it with as little as possible beside it.
KERNEL = (
    "pilotage.event.envelope",
    "pilotage.event.digest",
    "pilotage.predicate.ir",
    "pilotage.predicate.python",
    "pilotage.contract.model",
    "pilotage.contract.validate",
    "pilotage.profile.state",
    "pilotage.consent.policy",
    "pilotage.decision.eligibility",
    "pilotage.journey.plan",
    "pilotage.journey.outcome",
    "pilotage.journey.program",
    "pilotage.journey.advance",
)
# msgspec itself loads typing_extensions where it happens to be installed.
KERNEL_MAY_LOAD = {"pilotage", "msgspec", "typing_extensions", "tzdata"}
WHAT_RUNS = "structlog duckdb nanoarrow opentelemetry rocksdict litestar uvicorn prometheus_client aiosmtplib"
# What the module of a command must not load: what sends, unless a workspace binds it, and the solver, unless it proves, ...
SPARED = {
    "running": "z3 httpx aiosmtplib",
    "replaying": "z3 httpx aiosmtplib litestar uvicorn",
    "checking": f"httpx {WHAT_RUNS}",
    "commands_prove": f"httpx {WHAT_RUNS}",
    "commands_propose": f"z3 httpx {WHAT_RUNS}",
    # ... and what reads conditions or opens a folder, unless they are asked for that.
    "commands_records": f"z3 httpx sqlglot liquid {WHAT_RUNS}",
    "commands_review": f"z3 httpx sqlglot liquid {WHAT_RUNS}",
    "commands_audit": f"z3 httpx sqlglot liquid {WHAT_RUNS}",
    "commands_switch": f"z3 sqlglot liquid {WHAT_RUNS}",
    "commands_workspace": f"z3 httpx sqlglot liquid yaml cryptography {WHAT_RUNS}",
}
ONE_FILE_ENGINES = ("aiosmtplib", "css_inline", "duckdb", "liquid", "mrml", "nanoarrow", "rocksdict", "pyspark", "z3")
LOADING_S = 200
"""Loading takes a second; it is a machine that many share which needs a limit this far away."""
LOADED = """
import sys, importlib
before = set(sys.modules)
importlib.import_module(sys.argv[1])
tops = {name.partition(".")[0] for name in set(sys.modules) - before}
print(*sorted(name for name in tops if name not in sys.stdlib_module_names and not name.startswith("_")))
"""


@pytest.mark.parametrize("module", KERNEL)
def test_the_kernel_loads_msgspec_alone(module: str) -> None:
    """Importing a module of the kernel loads nothing from outside the standard library but msgspec."""
    run = subprocess.run([sys.executable, "-c", LOADED, module], cwd=ROOT, capture_output=True, text=True, timeout=LOADING_S, check=False)
    assert "" == run.stderr
    assert set() == set(run.stdout.split()) - KERNEL_MAY_LOAD


@pytest.mark.parametrize(("module", "libraries"), SPARED.items())
def test_a_command_loads_what_it_needs(module: str, libraries: str) -> None:
    """The module of a command does not load the libraries of others: a process starts as fast as its question is small."""
    run = subprocess.run(
        [sys.executable, "-c", LOADED, f"pilotage.app.{module}"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert "" == run.stderr
    loaded = set(run.stdout.split())
    assert {"pilotage", "msgspec"} <= loaded
    assert set() == loaded & set(libraries.split())


@pytest.mark.parametrize("engine", ONE_FILE_ENGINES)
def test_an_outside_engine_is_known_to_one_file_of_a_folder(engine: str) -> None:
    """At most one file of each folder imports an outside engine, so replacing it touches one file."""
    importers = defaultdict(list)
    for path, module in modules("pilotage"):
        if engine in _imported(module):
            importers[path.parent.name].append(path.name)
    assert {} == {folder: names for folder, names in importers.items() if len(names) > 1}


def test_every_folder_has_its_place_in_the_layers() -> None:
    """Every folder of the package that holds code is a regular package, so that import-linter sees it."""
    folders = {path.parent for path, _ in modules("pilotage")}
    assert [] == sorted(str(folder.relative_to(ROOT)) for folder in folders if not (folder / "__init__.py").is_file())


def _imported(module: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in nodes(module):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names
