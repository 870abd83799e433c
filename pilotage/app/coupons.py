"""Coupon pools: the book of codes kept up to date with their files, and the command that says how many are left."""

from collections.abc import Iterable
from pathlib import Path

import msgspec
from cyclopts import App

from pilotage.app.acts import POOL_FILLED, RUNNER
from pilotage.app.exits import NEGATIVE, NO_INPUT, OK, Trouble
from pilotage.app.options import DATA, AsJson, Data
from pilotage.app.pools import codes_of
from pilotage.app.terminal import console, print_json, table
from pilotage.audit.canonical import digest_of
from pilotage.journey.document import Document
from pilotage.journey.scalars import count_or
from pilotage.review.ledger import Ledger
from pilotage.runner.coupons import CouponBook

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
