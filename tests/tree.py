"""The project's own files, for the tests that police them: what is ours, parsed, with places to point at.

It walks folders rather than asking git, so that it also works on an unpacked source archive and sees new files at once.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("pilotage", "tests", "bench", "tools", "docs", "examples", ".ci")
LOOSE = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile", "pyproject.toml", ".gitignore")
TEXT_SUFFIXES = {".py", ".md", ".yaml", ".yml", ".toml", ".sh", ".json", ".sql", ".html", ".txt", ".css", ".ts", ""}
Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@cache
def files() -> tuple[Path, ...]:
    """Every file of the project that a person wrote, sorted."""
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return tuple(sorted(found + [ROOT / name for name in LOOSE]))


def texts() -> Iterator[tuple[Path, list[str]]]:
    """Each text file with its lines."""
    for path in files():
        if path.suffix in TEXT_SUFFIXES:
            yield path, path.read_text(encoding="utf-8").splitlines()


@cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of one Python file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def modules(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    """Each Python file below the named folders (all of ours when none is named), parsed."""
    for path in files():
        if path.suffix == ".py" and (not folders or path.relative_to(ROOT).parts[0] in folders):
            yield path, parsed(path)


@cache
def nodes(module: ast.Module) -> tuple[ast.AST, ...]:
    """Every node of a module, walked once for all rules."""
    return tuple(ast.walk(module))


@cache
def functions(module: ast.Module) -> tuple[Function, ...]:
    """Every function of a module, methods and inner ones too."""
    return tuple(node for node in nodes(module) if isinstance(node, Function))


def definitions(module: ast.Module) -> Iterator[Definition]:
    """The functions and classes at the top of a module."""
    return (node for node in module.body if isinstance(node, Definition))


def place(path: Path, line: int = 1) -> str:
    """`file:line`, as an editor opens it."""
    return f"{path.relative_to(ROOT)}:{line}"


def report(faults: list[str], cure: str) -> str:
    """The message of a failed rule: what to do, then every place."""
    return f"{cure}\n" + "\n".join(f"  {fault}" for fault in faults)
