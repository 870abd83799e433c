"""The repository polices itself: sizes, names, docstrings and words, so that a reader finds every file the same way.

Each rule is one test, and its failure lists every place with the cure.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.tree import ROOT, definitions, files, functions, modules, nodes, place, report, texts

FILE_LINES_MAX = 450
FUNCTION_LINES_MAX = 70
EMPTY_WORDS = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "base", "core"}
# Put together from pieces, so that this file does not break its own rules.
UNFINISHED = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")) + r")\b")
MACHINE_PATH = re.compile(r"(?<![\w.:/*-])/(" + "|".join(("work" + "/", "root" + r"\b", "ho" + r"me/\w", "Us" + r"ers/\w")) + ")")
REGISTRY = re.compile("|".join((r"pypi\." + "org", "pythonhosted" + r"\.", r"registry\." + "npmjs", "art" + "ifactory")))
# One word per thing: the word on the right is the product's.
SYNONYMS = {
    "enrollment": "entry",
    "enrolment": "entry",
    "campaign": "journey",
    "frequency_cap": "budget",
    "frequencycap": "budget",
    "blacklist": "suppression",
    "whitelist": "allow list",
    "dead_end": "exit",
}


def test_files_fit_a_sitting() -> None:
    """No Python file is longer than 450 lines."""
    long = [(path, len(path.read_text().splitlines())) for path, _ in modules()]
    faults = [f"{place(path)} has {lines} lines" for path, lines in long if lines > FILE_LINES_MAX]
    assert [] == faults, report(faults, f"Split along a noun; {FILE_LINES_MAX} lines at most:")


def test_functions_fit_a_screen() -> None:
    """No function is longer than 70 lines."""
    sized = [(path, node, node.end_lineno - node.lineno + 1) for path, module in modules() for node in functions(module) if node.end_lineno]
    faults = [f"{place(path, node.lineno)} {node.name} has {lines} lines" for path, node, lines in sized if lines > FUNCTION_LINES_MAX]
    assert [] == faults, report(faults, f"Take a step out and name it; {FUNCTION_LINES_MAX} lines at most:")


def test_imports_stand_at_the_top() -> None:
    """No function imports anything, so a module's dependencies are read in one place and cycles cannot hide."""
    faults = [
        place(path, node.lineno)
        for path, module in modules()
        for node in nodes(module)
        if isinstance(node, ast.Import | ast.ImportFrom)
        if any(function.lineno <= node.lineno <= (function.end_lineno or 0) for function in functions(module))
    ]
    assert [] == sorted(set(faults)), report(
        sorted(set(faults)), "Move the import to the top; if that makes a cycle, the boundary is wrong:"
    )


def test_names_of_files_say_what_is_inside() -> None:
    """No file or folder has an empty name such as a drawer for odds and ends."""
    paths = {part for path, _ in modules() for part in (path, *path.parents) if part.is_relative_to(ROOT) and part != ROOT}
    faults = [place(path) for path in sorted(paths) if EMPTY_WORDS & set(path.stem.lower().split("_"))]
    assert [] == faults, report(faults, "Name it after the noun it is about:")


def test_names_of_classes_say_what_they_are() -> None:
    """No class is called a manager, a helper or a base."""
    named = [(path, node) for path, module in modules() for node in nodes(module) if isinstance(node, ast.ClassDef)]
    faults = [
        f"{place(path, node.lineno)} {node.name}"
        for path, node in named
        if EMPTY_WORDS & {word.lower() for word in re.findall(r"[A-Z][a-z]+", node.name)}
    ]
    assert [] == faults, report(faults, "Name it after the thing it is:")


def test_modules_say_what_they_are_for() -> None:
    """Every module opens with a docstring."""
    faults = [place(path) for path, module in modules() if not ast.get_docstring(module)]
    assert [] == faults, report(faults, "Open the module with two to five sentences on what it is for:")


def test_public_names_are_documented() -> None:
    """Every public function and class of the product has a docstring."""
    faults = [
        f"{place(path, node.lineno)} {node.name}"
        for path, module in modules("pilotage", "bench", "tools")
        for node in definitions(module)
        if not node.name.startswith("_") and not ast.get_docstring(node)
    ]
    assert [] == faults, report(faults, "Say its meaning, units and errors in a docstring, or make it private:")


def test_tests_state_a_fact() -> None:
    """Every test has a docstring that states, as a sentence, a fact about the product."""
    tests = [
        (path, node)
        for path, module in modules("tests")
        if path.name.startswith("test_")
        for node in functions(module)
        if node.name.startswith("test_")
    ]
    faults = [
        f"{place(path, node.lineno)} {node.name}" for path, node in tests if not (ast.get_docstring(node) or "").endswith((".", "?", "!"))
    ]
    assert [] == faults, report(faults, "State the fact that the test proves, as one sentence with a full stop:")


def test_nothing_is_left_unfinished() -> None:
    """No text carries a note about work still to be done."""
    faults = [place(path, number) for path, number, line in _numbered_lines() if UNFINISHED.search(line)]
    assert [] == faults, report(faults, "Do it, or write an issue:")


def test_skips_and_expected_failures_carry_a_reason() -> None:
    """No test is skipped or expected to fail without saying why."""
    calls = [(path, node) for path, module in modules("tests") for node in nodes(module)]
    faults = [place(path, node.lineno) for path, node in calls if isinstance(node, ast.Attribute | ast.Call) and _is_mute_skip(node)]
    decorated = [
        place(path, mark.lineno)
        for path, module in modules("tests")
        for node in nodes(module)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        for mark in node.decorator_list
        if isinstance(mark, ast.Attribute) and mark.attr in {"skip", "skipif", "xfail"}
    ]
    assert [] == faults + decorated, report(faults + decorated, "Give the reason, and what the reader can do about it:")


def test_no_machine_is_named() -> None:
    """No text names a path of somebody's machine."""
    faults = [place(path, number) for path, number, line in _numbered_lines() if MACHINE_PATH.search(line)]
    assert [] == faults, report(faults, "Write a path relative to the project, or take it as an argument:")


def test_no_package_registry_is_named() -> None:
    """No text but the lock file names a package registry: which one is used is the machine's business."""
    faults = [place(path, number) for path, number, line in _numbered_lines() if REGISTRY.search(line)]
    assert [] == faults, report(faults, "Leave the registry to the installer's own configuration:")


def test_no_error_is_swallowed() -> None:
    """No handler catches everything without a name, or catches every exception and does nothing."""
    handlers = [(path, node) for path, module in modules() for node in nodes(module) if isinstance(node, ast.ExceptHandler)]
    faults = [place(path, node.lineno) for path, node in handlers if node.type is None or (_is_broad(node.type) and _does_nothing(node))]
    assert [] == faults, report(faults, "Name the error you expect, and say what follows from it:")


def test_one_word_per_thing() -> None:
    """No public name of the product uses a second word for a thing that has one already."""
    faults = [
        f"{place(path, node.lineno)} {node.name}: say {word}"
        for path, module in modules("pilotage")
        for node in definitions(module)
        for synonym, word in SYNONYMS.items()
        if synonym in node.name.lower()
    ]
    assert [] == faults, report(faults, "Use the product's own word:")


def test_lines_are_clean() -> None:
    """No text has tabs where spaces are meant, blanks at the end of a line, or a missing last line break."""
    blanks = [
        place(path, number)
        for path, number, line in _numbered_lines()
        if line != line.rstrip() or ("\t" in line and path.suffix in {".py", ".yaml", ".toml"})
    ]
    open_ended = [place(path) for path in files() if path.suffix in {".py", ".md", ".yaml", ".toml"} and not _ends_well(path)]
    assert [] == blanks + open_ended, report(blanks + open_ended, "Remove the blanks or tabs, and end the file with a line break:")


def _numbered_lines() -> Iterator[tuple[Path, int, str]]:
    return ((path, number, line) for path, lines in texts() for number, line in enumerate(lines, 1))


def _ends_well(path: Path) -> bool:
    content = path.read_bytes()
    return not content or content.endswith(b"\n")


def _is_mute_skip(node: ast.Attribute | ast.Call) -> bool:
    """A call such as `pytest.skip()` or `pytest.mark.skipif(condition)` that gives no reason."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    reasons = {keyword.arg for keyword in node.keywords} & {"reason", "msg"}
    if node.func.attr in {"skip", "xfail"}:
        return not reasons and not node.args
    return node.func.attr == "skipif" and not reasons


def _is_broad(expression: ast.expr) -> bool:
    names = {node.id for node in ast.walk(expression) if isinstance(node, ast.Name)}
    return bool(names & {"Exception", "BaseException"})


def _does_nothing(handler: ast.ExceptHandler) -> bool:
    return all(isinstance(statement, ast.Pass | ast.Continue) for statement in handler.body)
