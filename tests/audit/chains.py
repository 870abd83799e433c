"""Small ledgers for tests: entries, checkpoints every so often, and a head, signed with a key that is always the same."""

from pilotage.audit.checkpoint import EVERY, Checkpoint, make_checkpoint
from pilotage.audit.entry import Entry, chained
from pilotage.audit.keys import BEGUN, PERSON_ADDED, signed_by
from pilotage.audit.signature import Signer, signer_of

INSTALLATION = signer_of(bytes(range(32)))
ADA = signer_of(bytes(range(1, 33)))
BEN = signer_of(bytes(range(2, 34)))


def ledger(length: int, checkpoints: tuple[int, ...] = (), signer: Signer = INSTALLATION) -> list[Entry | Checkpoint]:
    """The records of a ledger of so many entries (three at least), with checkpoints over some of them besides those that must be."""
    records: list[Entry | Checkpoint] = []
    last: Entry | None = None
    before: Checkpoint | None = None
    for number in range(1, length + 1):
        last = chained(last, 1_000 * number, *_act(number, signer))
        records.append(last)
        if number in checkpoints or number % EVERY == 0:
            before = make_checkpoint(signer, number, last.digest, last.at_us, before)
            records.append(before)
    assert last is not None
    return [*records, make_checkpoint(signer, length, last.digest, last.at_us, before, "head")]


def _act(number: int, signer: Signer) -> tuple[str, str, str, dict[str, object]]:
    if number == 1:
        return "system:ledger", BEGUN, "ledger", {"public_key": signer.public_key}
    if number == 2:
        return "root", PERSON_ADDED, "person:ada", {"public_key": ADA.public_key}
    if number % 5 == 0:
        return "ada", "proposal.approved", f"proposal:{number}", {"signed": signed_by(ADA, "approval", {"proposal": number})}
    return "system:runner", "decisions.anchored", f"shard:{number % 8}", {"from": number, "digest": f"{number:064x}"}
