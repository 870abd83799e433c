"""The files of coupon pools: their codes, and whether they can be issued as they stand."""

from collections.abc import Iterable
from pathlib import Path

from pilotage.journey.document import Document
from pilotage.journey.findings import Report

CODE_CHARACTERS_MAX = 64


def codes_of(folder: Path, document: Document) -> list[str]:
    """The codes of a pool's file, in its order; none where it cannot be read, which `check_pools` reports."""
    path = (folder / document.root.text("file")).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        return []
    return [line.strip() for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]


def check_pools(folder: Path, documents: Iterable[Document], report: Report) -> None:
    """Report pools whose file is not there or holds no codes, and codes that stand twice, in one pool or in two."""
    seen: dict[str, str] = {}
    for document in documents:
        written = document.root.scalar("file") if document.kind == "coupons" else None
        if written is None:
            continue
        codes = codes_of(folder, document)
        if not codes:
            cure = "write the path of a file of the workspace with a code on each line, such as coupons/spring.txt"
            report.add("Q002", document.path, written.place, f"the file {written.text} holds no codes", cure)
        for number, code in enumerate(codes, 1):
            if len(code) > CODE_CHARACTERS_MAX or not code.isprintable() or " " in code:
                cure = f"write codes without blanks of at most {CODE_CHARACTERS_MAX} characters, one on each line"
                report.add("Q002", document.path, written.place, f"code {number} of {written.text} is none", cure)
                break
            if code in seen:
                message = f"code {number} of {written.text} stands in {seen[code]} already"
                report.add("Q003", document.path, written.place, message, "let each code stand once: it can be issued once")
                break
            seen[code] = written.text
