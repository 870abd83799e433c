"""Releases: nothing becomes one without what policy asks for, a crash leaves a whole one or none, and no byte of one can be changed."""

import os
import random
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pilotage.audit.entry import Entry
from pilotage.audit.keys import PERSON_ADDED
from pilotage.audit.signature import new_signer, signer_of
from pilotage.audit.verify import verify
from pilotage.event.time import DAY_US
from pilotage.review import ledger as ledgers
from pilotage.review.ledger import Ledger, Transaction
from pilotage.review.minting import mint
from pilotage.review.policy import USUAL
from pilotage.review.proposal import Proposal
from pilotage.review.register import Refusal
from pilotage.review.release import Order, Release, ReleaseRefused, check_release, decode_release, encode_release, ordered, sealed
from tests.review.office import Office

INSTALLATION = signer_of(bytes(32))


@pytest.fixture
def office(tmp_path: Path) -> Office:
    """A fresh office."""
    return Office(tmp_path / "control")


def approved(office: Office, author: str = "ada") -> Proposal:
    """A proposal with the approvals that its tier needs."""
    proposal = office.propose(author)
    office.approve(proposal, ben="reviewer", cleo="reviewer")
    return proposal


def refused(office: Office, act: Callable[[], object], reason: str) -> None:
    """An act is refused with a reason; the ledger has not grown, and no file was written."""
    before, stored = office.entries, list(office.stored)
    with pytest.raises(Refusal, match=reason):
        act()
    assert (before, stored) == (office.entries, office.stored)


def test_a_release_says_everything(office: Office) -> None:
    """A release names bundle, evidence, proposal, approvals, policy and who ordered it, is signed by the installation, and is
    read back from its file as it was."""
    proposal = approved(office)
    release = office.release(proposal)
    assert (1, "production", "regular", proposal.bundle, proposal.id) == (
        release.sequence,
        release.environment,
        release.kind,
        release.bundle,
        release.proposal,
    )
    assert [("ben", "reviewer"), ("cleo", "reviewer")] == [(vote.person, vote.role) for vote in release.approvals]
    assert (USUAL.digest, "olga", 0) == (release.policy, release.order.person, release.review_by_us)
    check_release(release, INSTALLATION.public_key, "production")
    assert release == decode_release(encode_release(release), "it")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda office: office.edit(), r"stale: journeys/cart\.yaml was changed"),
        (lambda office: office.edit("journeys/other.yaml"), r"stale: journeys/other\.yaml was added"),
        (lambda office: office.files.pop("policies/contact.yaml"), r"stale: policies/contact\.yaml was removed"),
        (lambda office: setattr(office, "waivers", "2" * 64), "stale: the waivers were changed"),
        (
            lambda office: setattr(office, "blocking", ("x.yaml: error J021; the waiver of ben ended",)),
            "gates fail now: .*the waiver of ben ended",
        ),
        (lambda office: setattr(office, "policy", msgspec.structs.replace(USUAL, many=5)), "stale: the review policy was changed"),
        (lambda office: office.new_key("ben"), "key of ben is not the one the approval was signed with"),
        (lambda office: office.leave("olga"), "olga left on"),
    ],
    ids=["edited", "added", "removed", "waivers", "expired waiver", "policy", "key", "left"],
)
def test_what_changed_after_the_approval_refuses_the_release(office: Office, spoil: Callable[[Office], object], reason: str) -> None:
    """Whatever was looked at and is not so any more keeps an approved proposal from being released, and is named."""
    proposal = approved(office)
    spoil(office)
    refused(office, lambda: office.release(proposal), reason)


def test_too_few_approvals_refuse_the_release(office: Office) -> None:
    """Without all approvals there is no release, and it is said which are missing."""
    proposal = office.propose(tier="high")
    office.approve(proposal, ben="reviewer", dan="council")
    refused(office, lambda: office.release(proposal), "lacks 1 more approval in the role council and 1 more approval in the role privacy")


def test_an_order_is_signed_for_one_release(office: Office) -> None:
    """An order with another's signature, for another kind or another number is refused; one cannot be used twice."""
    proposal = approved(office)
    order = office.order(proposal, "olga")
    refused(office, lambda: office.mint(msgspec.structs.replace(order, signature="0" * 128)), "signature is not that of olga")
    refused(office, lambda: office.mint(msgspec.structs.replace(order, reason="other")), "signature is not that of olga")
    refused(office, lambda: office.mint(msgspec.structs.replace(order, person="dan")), "not signed with the key of dan")
    signer = office.signers["olga"]
    refused(
        office, lambda: office.mint(ordered(msgspec.structs.replace(order, sequence=7), signer)), "release 7 of production is not the next"
    )
    office.mint(order)
    refused(office, lambda: office.mint(order), "is not the next one")
    refused(office, lambda: office.release(proposal), "was released already")


def test_a_crash_leaves_no_half_release(office: Office) -> None:
    """Wherever minting is cut short, before, in or after the writing of the file, there is no release, and it can be made again."""
    proposal = approved(office)
    order, present = office.order(proposal, "olga"), office.present()
    written: list[Release] = []

    def crash_before(release: Release) -> None:
        raise KeyboardInterrupt

    def crash_after(release: Release) -> None:
        written.append(release)
        raise KeyboardInterrupt

    before = office.entries
    for store in (crash_before, crash_after):
        with pytest.raises(KeyboardInterrupt):
            mint(office.ledger, office.ledger.signer, present, order, store, office.now_us)
        assert ((), before) == (office.register.releases, office.entries)
    release = office.mint(order)
    assert [release] == list(office.register.releases)
    assert written[0].digest == release.digest


@pytest.mark.parametrize("moment", ["before the file", "after the file", "after the entry"])
def test_a_kill_leaves_no_half_release(office: Office, tmp_path: Path, moment: str) -> None:
    """A process that is killed before or after it wrote the file, or with the entry made and not committed, leaves no release and a
    ledger that holds; the release can be made again."""
    proposal = approved(office)
    order = office.order(proposal, "olga")
    office.ledger.close()
    file = tmp_path / "release.json"

    def kill() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def store(release: Release) -> None:
        if moment == "before the file":
            kill()
        file.write_bytes(encode_release(release))
        if moment == "after the file":
            kill()

    class Killed(Transaction):
        """A transaction that ends its process as soon as it has made an entry."""

        def append(self, actor: str, act: str, subject: str, data: dict[str, Any]) -> Entry:
            """Make the entry, and no more."""
            super().append(actor, act, subject, data)
            kill()
            raise AssertionError

    child = os.fork()
    if not child:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ledgers, "Transaction", Killed)
            ledger = Ledger(tmp_path / "control", INSTALLATION, lambda: office.now_us)
            mint(ledger, INSTALLATION, office.present_by(ledger), order, store, office.now_us)
        os._exit(0)
    assert (-signal.SIGKILL) == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    office.ledger = Ledger(tmp_path / "control", INSTALLATION, lambda: office.now_us)
    assert (moment != "before the file", ()) == (file.exists(), office.register.releases)
    assert verify(office.ledger.records(), INSTALLATION.public_key).holds
    assert office.mint(order) == office.register.newest("production")


def test_an_emergency_needs_fewer_approvals_and_owes_a_review(office: Office) -> None:
    """An operator releases in an emergency with the approvals that policy asks for then, and a reason; the review is owed, listed as
    overdue after its date, and done once the usual approvals are there."""
    office.add("otto", ("operator",))
    proposal = office.propose("ada", "high")
    refused(office, lambda: office.release(proposal, "olga", "emergency"), "lacks 1 more approval in the role operator")
    office.approve(proposal, otto="operator")
    refused(office, lambda: office.release(proposal, "ben", "emergency"), "ben does not have the role operator")
    refused(office, lambda: office.release(proposal, "olga", "emergency", " "), "needs a reason")
    release = office.release(proposal, "olga", "emergency", "the price in the mail is wrong")
    assert ({"operator": 1}, office.now_us + 2 * DAY_US) == (release.required, release.review_by_us)
    assert ((release, False),) == office.register.owed(office.now_us)
    assert ((release, True),) == office.register.owed(office.now_us + 3 * DAY_US)
    office.approve(proposal, ben="reviewer", cleo="privacy", dan="council", eva="council")
    assert () == office.register.owed(office.now_us + 3 * DAY_US)


def test_a_policy_without_emergencies_or_ways_back_allows_none(office: Office) -> None:
    """Where policy knows no emergency and no rollback, nobody has one."""
    office.policy = msgspec.structs.replace(USUAL, emergency=None, rollback="")
    proposal = approved(office)
    refused(office, lambda: office.release(proposal, "olga", "emergency"), "knows no emergency release")
    refused(office, lambda: office.release(proposal, "olga", "rollback"), "lets nobody go back")


def test_the_way_back_is_a_release_too(office: Office) -> None:
    """Whoever policy allows may release an earlier release again, once its documents are back, as a new release with the next number."""
    first = approved(office)
    old = dict(office.files)
    office.release(first)
    office.edit()
    second = approved(office)
    refused(office, lambda: office.release(second, "olga", "rollback"), "was never released")
    office.release(second)
    refused(office, lambda: office.release(first, "olga", "rollback"), r"not what release 1 was: journeys/cart\.yaml was changed")
    office.files = old
    refused(office, lambda: office.release(first, "ben", "rollback"), "ben does not have the role operator")
    back = office.release(first, "olga", "rollback")
    assert (3, "rollback", first.bundle) == (back.sequence, back.kind, back.bundle)
    refused(office, lambda: office.release(first, "olga", "rollback"), "is what runs already")


def test_two_people_approve_at_once(office: Office) -> None:
    """Votes cast at the same moment are both kept, one after the other; of two releases ordered at once one is made."""
    proposal = office.propose()
    signed = [office.signed(proposal, person, "reviewer") for person in ("ben", "cleo")]
    together([lambda each=each: office.cast(each) for each in signed])  # type: ignore[misc]
    case = office.register.case(proposal.id)
    assert (["ben", "cleo"], True) == (sorted(vote.person for vote in case.votes), case.standing.approved)
    orders = [office.order(proposal, "olga"), office.order(proposal, "dan")]
    failures = together([lambda each=each: office.mint(each) for each in orders])  # type: ignore[misc]
    assert (1, 1) == (len(failures), len(office.register.releases))


def together(acts: list[Callable[[], object]]) -> list[Exception]:
    """Do things in threads that begin together; what was refused."""
    begin, failures = threading.Barrier(len(acts)), []

    def run(act: Callable[[], object]) -> None:
        begin.wait()
        try:
            act()
        except Refusal as refusal:
            failures.append(refusal)

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def test_every_byte_of_a_release_matters(office: Office) -> None:
    """A release with any field changed, an approval missing, another signer or for another environment is refused with the reason."""
    release = office.release(approved(office))
    key = INSTALLATION.public_key
    for name in release.__struct_fields__:
        value = getattr(release, name)
        otherwise = msgspec.structs.replace(value, reason="other") if isinstance(value, Order) else type(value)()
        changed = value + 1 if isinstance(value, int) else f"{value}0" if isinstance(value, str) else otherwise
        with pytest.raises(ReleaseRefused):
            check_release(msgspec.structs.replace(release, **{name: changed}), key, "production")
    with pytest.raises(ReleaseRefused, match="is for the environment 'production', this is 'staging'"):
        check_release(release, key, "staging")
    with pytest.raises(ReleaseRefused, match="was signed by another installation"):
        check_release(sealed(release, new_signer()), key, "production")


def test_whatever_is_done_to_a_release_is_found(office: Office, seed: int, record_property: Callable[[str, object], None]) -> None:
    """Any byte of a release's file changed, removed, put in or moved: it is refused, or it says the same in other blanks."""
    release, rng = office.release(approved(office)), random.Random(seed)
    whole = encode_release(release)
    for number in range(30):
        at, other = rng.randrange(len(whole)), rng.randrange(len(whole))
        byte = bytes([rng.randrange(256)])
        made = (
            whole[:at] + byte + whole[at + 1 :],
            whole[:at] + whole[at + 1 + rng.randrange(40) :],
            whole[:at] + byte + whole[at:],
            whole[: min(at, other)] + whole[max(at, other) :] + whole[min(at, other) : max(at, other)],
            whole[:at],
        )[number % 5]
        try:
            found = decode_release(made, "the file")
            check_release(found, INSTALLATION.public_key, "production")
        except ReleaseRefused:
            record_property("mutations of releases found", 1)
        else:
            assert found == release, made


def test_what_the_installation_itself_signs_is_checked(office: Office) -> None:
    """Even with the installation's key nobody makes a release of approvals that are not signed for it, too few, or not ordered."""
    release = office.release(approved(office))
    one, two = release.approvals
    lies = {
        "fewer approvals in the role reviewer": {"approvals": (one,)},
        "an approval of cleo that is not signed for it": {"approvals": (one, msgspec.structs.replace(two, role="council"))},
        "an approval of ben that is not signed for it": {"bundle": "0" * 64},
        "was not ordered by olga": {"sequence": 9},
    }
    for reason, changes in lies.items():
        forged = sealed(msgspec.structs.replace(release, **changes), office.ledger.signer)  # type: ignore[arg-type]
        with pytest.raises(ReleaseRefused, match=reason):
            check_release(forged, INSTALLATION.public_key, "production")
    with pytest.raises(ReleaseRefused, match="is no release"):
        decode_release(encode_release(release)[:-9], "the file")


def test_one_person_is_one_approval(office: Office) -> None:
    """Somebody with all roles gives one approval, in one of them."""
    office.add("rex", ("reviewer", "council", "privacy"))
    proposal = office.propose(tier="high")
    office.approve(proposal, rex="reviewer")
    with pytest.raises(Refusal, match="rex has voted so already"):
        office.vote(proposal, "rex", "council")
    assert {"council": 2, "privacy": 1} == office.register.case(proposal.id).standing.missing
    assert PERSON_ADDED in {entry.act for entry in office.ledger.read()}
