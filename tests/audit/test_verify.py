"""The verifier: a ledger as it was made holds; whatever is done to it afterwards is found, and the first bad entry named."""

from collections.abc import Callable

import msgspec
import pytest

from pilotage.audit.checkpoint import Checkpoint, make_checkpoint
from pilotage.audit.entry import Entry, chained, digest_of_entry
from pilotage.audit.keys import signed_by
from pilotage.audit.signature import new_signer
from pilotage.audit.verify import FAULTS_MAX, Verdict, verify
from tests.audit.chains import ADA, BEN, INSTALLATION, ledger

Records = list[Entry | Checkpoint]
MARKS = (10, 20)


def judged(change: Callable[[Records], object], length: int = 30) -> Verdict:
    """The verdict on a ledger, with checkpoints over its tenth and twentieth entry, after a change to its records."""
    records = ledger(length, MARKS)
    changed = change(records)
    return verify(changed if isinstance(changed, list) else records, INSTALLATION.public_key)


def edited(number: int, **fields: object) -> Callable[[Records], None]:
    """A change to the fields of the entry of a number."""

    def edit(records: Records) -> None:
        at = next(at for at, each in enumerate(records) if isinstance(each, Entry) and each.sequence == number)
        records[at] = msgspec.structs.replace(records[at], **fields)

    return edit


def test_a_ledger_as_it_was_made_holds() -> None:
    """Entries, checkpoints and head as they were made have no fault, with the key from elsewhere or from the ledger itself."""
    assert (30, 2, ()) == (judged(list).entries, judged(list).checkpoints, judged(list).faults)
    assert verify(ledger(30, MARKS)).holds
    assert INSTALLATION.public_key == verify(ledger(3)).public_key


@pytest.mark.parametrize("number", [1, 2, 10, 15, 30])
def test_a_changed_entry_is_named(number: int) -> None:
    """An entry whose content was changed is the first bad one, wherever it stands."""
    first = judged(edited(number, at_us=7)).faults[0]
    assert (number, number) == (first.first, first.last)
    assert f"entry {number} was changed" in first.message


@pytest.mark.parametrize("number", [3, 10, 15, 29, 30])
def test_a_changed_entry_with_a_digest_to_fit_is_named(number: int) -> None:
    """Who changes an entry and its digest too breaks the chain to the next, or the signature of a checkpoint or the head over it."""

    def forge(records: Records) -> None:
        entry = next(each for each in records if isinstance(each, Entry) and each.sequence == number)
        forged = msgspec.structs.replace(entry, subject="shard:9")
        edited(number, subject="shard:9", digest=digest_of_entry(forged))(records)

    first = judged(forge).faults[0]
    assert first.first <= number <= first.last


def test_a_rewritten_end_is_found_by_the_signatures() -> None:
    """Who rewrites an entry and every one after it cannot sign the next checkpoint; the fault names the span since the last good one."""

    def rewrite(records: Records) -> Records:
        last: Entry | None = None
        made: Records = []
        for each in records:
            if isinstance(each, Entry):
                last = chained(last, each.at_us, each.actor, each.act, "shard:9" if each.sequence == 13 else each.subject, each.data)
                made.append(last)
            else:
                made.append(each)
        return made

    first = judged(rewrite).faults[0]
    assert (11, 20) == (first.first, first.last)


@pytest.mark.parametrize("number", [1, 2, 10, 15, 29])
def test_a_removed_entry_is_named(number: int) -> None:
    """An entry that is not there any more is named as missing."""
    verdict = judged(lambda records: [each for each in records if not (isinstance(each, Entry) and each.sequence == number)])
    assert (number, number) == (verdict.faults[0].first, verdict.faults[0].last)
    assert ("the checkpoint is over 10 entries" if number == 10 else "missing") in verdict.faults[0].message


def test_entries_put_in_or_moved_are_named() -> None:
    """An entry that stands twice, or two that changed places, are found at the first that is out of place."""
    twice = judged(lambda records: [*records[:5], records[2], *records[5:]]).faults[0]
    moved = judged(lambda records: [*records[:5], records[6], records[5], *records[7:]]).faults[0]
    assert (3, "put in, or moved" in twice.message) == (twice.first, True)
    assert 6 == moved.first


@pytest.mark.parametrize("kept", [0, 1, 9, 10, 20, 29])
def test_an_end_cut_off_is_found(kept: int) -> None:
    """Entries cut off the end are missed by the head, even where the cut is right behind a checkpoint."""
    cut = judged(lambda records: [each for each in records if each.sequence <= kept or getattr(each, "standing", "") == "head"])
    assert kept + 1 == cut.faults[0].first
    beheaded = judged(lambda records: [each for each in records[:-1] if each.sequence <= kept])
    assert beheaded.holds is (kept == 0)


def test_a_checkpoint_does_not_stand_in_for_the_head() -> None:
    """An old checkpoint cannot be passed off as the head of a shorter ledger: it is signed for another purpose."""
    verdict = judged(lambda records: [*records[:11], msgspec.structs.replace(records[10], standing="head")])
    assert not verdict.holds


def test_checkpoints_are_chained() -> None:
    """A checkpoint that is taken out, altered or signed by somebody else is found."""
    assert not judged(lambda records: [each for each in records if getattr(each, "sequence", 0) != 10 or isinstance(each, Entry)]).holds
    assert not judged(lambda records: [*records[:10], msgspec.structs.replace(records[10], at_us=1), *records[11:]]).holds
    digest = records_digest(10)
    foreign = make_checkpoint(new_signer(), 10, digest, 10_000, None)
    assert "another key" in judged(lambda records: [*records[:10], foreign, *records[11:]]).faults[0].message


def records_digest(number: int) -> str:
    """The digest of the entry of a number."""
    return next(each.digest for each in ledger(30, MARKS) if isinstance(each, Entry) and each.sequence == number)


def test_another_installation_is_told_apart() -> None:
    """A ledger made anew with another key holds for itself alone: against the installation's key every signature fails."""
    forged = ledger(30, MARKS, new_signer())
    assert verify(forged).holds
    assert 1 == verify(forged, INSTALLATION.public_key).faults[0].first


def test_signed_acts_are_verified_with_the_key_the_ledger_gave() -> None:
    """What a person signed must be signed with the key that an earlier entry gave them."""
    for signer, actor, says in ((BEN, "ada", "another key"), (ADA, "ben", "gave no key")):
        good = ledger(3)[:3]
        last = good[-1]
        assert isinstance(last, Entry)
        added = chained(last, 9_000, actor, "proposal.approved", "proposal:1", {"signed": signed_by(signer, "approval", 1)})
        head = make_checkpoint(INSTALLATION, 4, added.digest, 9_000, None, "head")
        assert [4] == [fault.last for fault in verify([*good, added, head]).faults if says in fault.message]


def test_what_somebody_kept_must_be_in_the_ledger() -> None:
    """A checkpoint or head that was kept elsewhere finds a ledger that was set back or rewritten, even by who has the key."""
    kept = ledger(30, MARKS)[-1]
    assert isinstance(kept, Checkpoint)
    assert verify(ledger(40, MARKS), known=[kept]).holds
    assert "ends before entry 30" in verify(ledger(20, MARKS), known=[kept]).faults[0].message
    assert "another than when" in verify(ledger(30, MARKS[:1], new_signer()), known=[kept]).faults[0].message


def test_faults_are_listed_up_to_a_bound() -> None:
    """A ledger of rubbish does not make an endless list."""
    rubbish = [msgspec.structs.replace(each, at_us=1) for each in ledger(300)]
    assert FAULTS_MAX == len(verify(rubbish).faults)
