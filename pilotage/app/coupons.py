"""Coupon pools: their files read and checked, and the command that says how many codes are left."""

from collections.abc import Iterable
from pathlib import Path

import msgspec
from cyclopts import App

from pilotage.app.acts import POOL_FILLED, RUNNER
from pilotage.app.exits import NEGATIVE, NO_INPUT, OK, Trouble
from pilotage.app.options import DATA, AsJson, Data
from pilotage.app.terminal import console, print_json, table
from pilotage.audit.canonical import digest_of
from pilotage.journey.document import Document
from pilotage.journey.findings import Report
from pilotage.journey.scalars import count_or
from pilotage.review.ledger import Ledger
from pilotage.runner.coupons import CouponBook

CODE_CHARACTERS_MAX = 64
ALARM = 100
"""How many codes must be left, where a pool does not say."""

coupons = App(name="coupons", help="Coupon pools: how many codes were issued, and how many are left.")


class Filled(msgspec.Struct, frozen=True):
    """How many codes a pool's file held when the pool was filled last, and their digest."""

    pool: str
    codes: int
    digest: str


@coupons.command(name="list")
def coupons_list(*, data: Data = DATA, json: AsJson = False) -> int:
    """List the pools of a data folder, running or at rest. Exits 1 if one has fewer codes left than its alarm says.

    Example: pilotage coupons list --data shop/data

    """
    if not (data / "environment.json").exists():
        raise Trouble(f"there is no data folder at {data}", NO_INPUT, "name it with --data, or make one with 'pilotage run'")
    pools = CouponBook(data).pools()
    code = NEGATIVE if any(pool.low for pool in pools) else OK
    if json:
        print_json({"pools": pools})
        return code
    rows = table("pool", "codes", "issued", "left", "alarm")
    for pool in pools:
        rows.add_row(pool.pool, str(pool.codes), str(pool.issued), f"{pool.left}{' (low)' if pool.low else ''}", f"below {pool.alarm}")
    console().print(rows)
    return code


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


def fill_pools(folder: Path, documents: Iterable[Document], data: Path, ledger: Ledger) -> None:
    """Bring the book of a data folder up to date with the workspace's files. A pool whose file is another than last time enters the
    ledger first."""
    book = CouponBook(data)
    for document in documents:
        if document.kind == "coupons":
            codes = codes_of(folder, document)
            _note_filled(ledger, Filled(document.name, len(codes), digest_of(codes)))
            book.fill(document.name, codes, count_or(document.root.scalar("alarm"), ALARM))


def _note_filled(ledger: Ledger, filled: Filled) -> None:
    with ledger.transaction() as transaction:
        if transaction.get(POOL_FILLED, filled.pool, Filled) != filled:
            transaction.append(RUNNER, POOL_FILLED, f"coupons:{filled.pool}", {"codes": filled.codes, "digest": filled.digest})
            transaction.put(POOL_FILLED, filled.pool, filled)
