"""Reading the documentation as a reader follows it: the commands of a page, what they should print, and its links.

In README.md and docs/, a block fenced as `console` is typed line by line: a line that begins with `$ ` is a command, and the
lines below it are what it prints, where `…` stands for any text (alone on a line: for any number of lines). A block fenced
as `python` is run as a program that continues the page's earlier ones. All blocks of a page run in order in one fresh folder.
A word `shown` after the language (`console shown`) keeps a block from being run; `text`, `sh`, `yaml` and others never are.
"""

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,})(?P<info>[^`]*)$")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)\)")
RUN = ("console", "python")
COMMAND_TIMEOUT_S = 180


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, the words after it, its text, and the line it begins on."""

    language: str
    words: tuple[str, ...]
    text: str
    line: int

    @property
    def runs(self) -> bool:
        """Whether a reader is meant to run it."""
        return self.language in RUN and "shown" not in self.words


@dataclass(frozen=True)
class Command:
    """One command of a console block, the lines it should print, and the line of the page it stands on."""

    text: str
    expected: tuple[str, ...]
    line: int


class PageBroken(AssertionError):
    """A page shows what does not happen. Correct the page, or the product, at the place named."""


def blocks(text: str) -> Iterator[Block]:
    """The fenced blocks of a Markdown page, in order."""
    opening: re.Match[str] | None = None
    start, content = 0, list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        fence = FENCE.match(line)
        if opening is None:
            if fence:
                opening, start, content = fence, number, []
        elif fence and not fence["info"].strip() and len(fence["ticks"]) >= len(opening["ticks"]):
            language, *words = opening["info"].split() or [""]
            yield Block(language, tuple(words), "\n".join(content), start)
            opening = None
        else:
            content.append(line.removeprefix(opening["indent"]))


def commands(block: Block) -> Iterator[Command]:
    """The commands of a console block with the output shown below each; a trailing backslash continues a command."""
    command, line, expected = "", 0, list[str]()
    for number, text in enumerate(block.text.splitlines(), block.line + 1):
        if text.startswith("$ "):
            if command:
                yield Command(command, tuple(expected), line)
            command, line, expected = text[2:], number, []
        elif command.endswith("\\"):
            command = f"{command}\n{text}"
        else:
            expected.append(text)
    if command:
        yield Command(command, tuple(expected), line)


def matches(expected: tuple[str, ...], printed: str) -> bool:
    """Whether a command printed what the page shows; nothing shown accepts anything."""
    if not any(line.strip() for line in expected):
        return True
    lines = [r"(?:.*\n)*" if line.strip() == "…" else re.escape(line.rstrip()).replace("…", ".*") + r"\s*\n" for line in expected]
    return re.fullmatch("".join(lines).rstrip() + r"\s*", printed.rstrip() + "\n") is not None


def run_page(path: Path, folder: Path, python: str, environment: Mapping[str, str]) -> int:
    """Run all blocks of a page in `folder`; the number of things run. `PageBroken` names the first that is not as shown."""
    place, count, program = folder, 0, ""
    for block in blocks(path.read_text(encoding="utf-8")):
        if block.runs and block.language == "python":
            program += f"{block.text}\n"
            _run([python, "-c", program], place, environment, f"{path.name}:{block.line}")
            count += 1
        elif block.runs:
            for command in commands(block):
                place = _type(command, place, environment, path)
                count += 1
    return count


def relative_links(text: str) -> Iterator[str]:
    """The targets of a page's links that lead to other files or places of this project."""
    prose = re.sub(r"`[^`\n]*`", "", _without_blocks(text))
    for link in LINK.finditer(prose):
        if "://" not in link["target"] and not link["target"].startswith("mailto:"):
            yield link["target"]


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as code hosts make them."""
    headings = re.findall(r"^#{1,6} +(.+?) *$", _without_blocks(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _without_blocks(text: str) -> str:
    return re.sub(r"^ *(`{3,})[^`\n]*\n.*?^ *\1`* *$", "", text, flags=re.MULTILINE | re.DOTALL)


def _type(command: Command, folder: Path, environment: Mapping[str, str], page: Path) -> Path:
    """Run one command; the folder a reader stands in afterwards."""
    place = f"{page.name}:{command.line}"
    if command.text.startswith("cd "):
        inside = (folder / command.text[3:].strip()).resolve()
        if not inside.is_dir():
            raise PageBroken(f"{place}: `{command.text}`: there is no such folder")
        return inside
    printed = _run(["bash", "-eu", "-o", "pipefail", "-c", command.text], folder, environment, place)
    if not matches(command.expected, printed):
        shown = "\n".join(command.expected)
        raise PageBroken(f"{place}: `{command.text}` does not print what the page shows.\nThe page shows:\n{shown}\nIt prints:\n{printed}")
    return folder


def _run(arguments: list[str], folder: Path, environment: Mapping[str, str], place: str) -> str:
    run = subprocess.run(
        arguments,
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=COMMAND_TIMEOUT_S,
        check=False,
    )
    if run.returncode != 0:
        raise PageBroken(f"{place}: `{arguments[-1].strip()}` ends with status {run.returncode} and prints:\n{run.stdout}")
    return run.stdout
