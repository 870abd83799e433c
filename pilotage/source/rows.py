"""Rows of files: CSV and text in columns, JSON Lines, both plain or gzipped, and Parquet.

A row comes with its number, counted from 1 without the header, and is either its values by column or the reason why it
cannot be read; a bad row never hides the ones after it.
"""

import csv
import gzip
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

import duckdb
import msgspec

from pilotage.contract.validate import DECODE_ERRORS

_FETCHED_ROWS = 10_000

_decode_row = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode


class FileBroken(ValueError):
    """The file cannot be read as what it should be: not there, another format, or no header. Check the path and the
    mapping's `file:`."""


class Row(msgspec.Struct, frozen=True):
    """One row: `values` by column, or `fault` and what was read as `values[""]`."""

    number: int
    values: dict[str, Any]
    fault: str = ""


def format_of(path: Path) -> str:
    """The format that a file's name tells: csv (also .tsv and .txt), jsonl (also .ndjson) or parquet."""
    suffixes = [suffix for suffix in path.suffixes if suffix != ".gz"]
    known = {".csv": "csv", ".tsv": "csv", ".txt": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
    found = known.get(suffixes[-1].lower()) if suffixes else None
    if found is None:
        raise FileBroken(f"{path.name}: the name tells no format; add `file: {{format: csv}}` (or jsonl, parquet) to the mapping")
    return found


def read_rows(path: Path, file_format: str, delimiter: str) -> Iterator[Row]:
    """The rows of a file in their order; `FileBroken` if it cannot be read at all."""
    try:
        if file_format == "parquet":
            yield from _parquet(path)
            return
        with _open(path) as file:
            yield from _jsonl(file) if file_format == "jsonl" else _columns(file, delimiter)
    except (OSError, EOFError, csv.Error, duckdb.Error) as error:
        raise FileBroken(f"{path.name}: {error}; check the path and the mapping's `file:`") from error


def _open(path: Path) -> TextIO:
    """The file as text; bytes that are not UTF-8 become surrogates, so that only their rows are refused."""
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    if zipped:
        return gzip.open(path, "rt", encoding="utf-8-sig", errors="surrogateescape", newline="")
    return path.open("r", encoding="utf-8-sig", errors="surrogateescape", newline="")


def _columns(file: TextIO, delimiter: str) -> Iterator[Row]:
    """Rows of separated columns under a header line."""
    lines: Iterator[list[str]] = (line.split() for line in file) if delimiter == "whitespace" else csv.reader(file, delimiter=delimiter)
    header = next(lines, None)
    if not header:
        raise FileBroken("the file has no header line; its first line must name the columns")
    number = 0
    for cells in lines:
        if not cells:
            continue
        number += 1
        values = dict(zip(header, cells, strict=False))
        if len(cells) != len(header):
            yield Row(number, {"": cells}, f"the row has {len(cells)} columns, the header {len(header)}")
        elif not all(map(_is_text, cells)):
            yield Row(number, {"": cells}, "the row is not UTF-8")
        else:
            yield Row(number, values)


def _jsonl(file: TextIO) -> Iterator[Row]:
    """One JSON object a line."""
    number = 0
    for line in file:
        if not line.strip():
            continue
        number += 1
        try:
            yield Row(number, _decode_row(line))
        except (*DECODE_ERRORS, UnicodeError) as error:
            yield Row(number, {"": line.rstrip("\n")}, f"the line is no JSON object: {error}")


def _parquet(path: Path) -> Iterator[Row]:
    with duckdb.connect(":memory:") as connection:
        found = connection.execute("select * from read_parquet(?)", [str(path)])
        names = [column[0] for column in found.description or ()]
        number = 0
        while rows := found.fetchmany(_FETCHED_ROWS):
            for cells in rows:
                number += 1
                yield Row(number, dict(zip(names, cells, strict=True)))


def _is_text(cell: str) -> bool:
    return cell.isascii() or not any("\udc80" <= character <= "\udcff" for character in cell)
