"""Exports: a ledger as one file holds wherever it is verified, and whatever is done to the file is found."""

import msgspec
import pytest

from pilotage.audit.export import ExportNewer, NotAnExport, export_lines, verify_export
from pilotage.audit.signature import new_signer
from tests.audit.chains import BEN, INSTALLATION, ledger


def exported(length: int = 12) -> list[bytes]:
    """The lines of an export of a small ledger."""
    return list(export_lines(ledger(length, (10,)), INSTALLATION.public_key))


def test_an_export_holds_as_the_ledger_does() -> None:
    """What is exported verifies with the key from elsewhere, and counts the same entries and checkpoints."""
    verdict = verify_export(exported(), INSTALLATION.public_key)
    assert (12, 1, ()) == (verdict.entries, verdict.checkpoints, verdict.faults)
    assert "another" in verify_export(exported(), new_signer().public_key).faults[0].message


@pytest.mark.parametrize("at", range(1, 16))
def test_a_line_that_is_gone_stands_twice_or_is_no_line_is_found(at: int) -> None:
    """Whichever line is removed, repeated where it matters, or made unreadable, the export does not hold any more."""
    lines = exported()
    assert 16 == len(lines)
    assert not verify_export([*lines[:at], *lines[at + 1 :]], INSTALLATION.public_key).holds
    assert not verify_export([*lines[:at], lines[at][:-1], *lines[at + 1 :]], INSTALLATION.public_key).holds
    assert not verify_export([*lines[:at], b"{}", *lines[at + 1 :]], INSTALLATION.public_key).holds
    assert not verify_export(lines[:at], INSTALLATION.public_key).holds


def test_a_swapped_key_of_a_person_is_found() -> None:
    """The people's keys in an export must be those that its entries gave."""
    lines = exported()
    lines[-2] = msgspec.json.encode({"people": {"ada": BEN.public_key}})
    assert ["the people's keys in the export are not those of its entries"] == [fault.message for fault in verify_export(lines).faults]


def test_what_is_no_export_is_told() -> None:
    """Another file, an empty one, and an export of a newer release are refused as such."""
    for lines in ([], [b"hello"], [b'{"entry": null}'], exported()[1:]):
        with pytest.raises(NotAnExport, match="pilotage audit export"):
            verify_export(lines)
    with pytest.raises(ExportNewer, match="newer release"):
        verify_export([exported()[0].replace(b'"version":1', b'"version":2')])
