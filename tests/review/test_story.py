"""The story of a governed release, from a proposal with a fault to what the ledger says of it a month later."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pilotage.app.cli import invoke
from pilotage.app.keyring import open_key
from pilotage.review.vote import Vote, signed_vote
from tests.app.serving import Served
from tests.review.company import JOURNEY, Company, keyring


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a company whose first release is made, for tests to copy."""
    folder = tmp_path_factory.mktemp("company")
    with keyring(folder):
        made = Company(folder)
        made.begin()
        assert "production 'live' runs nothing but a release: nothing was released to 'live'" in made.runs()
        made.first_release()
    return folder


@pytest.fixture
def company(begun: Path, tmp_path: Path) -> Iterator[Company]:
    """A company whose first release is made."""
    shutil.copytree(begun, tmp_path, dirs_exist_ok=True)
    with keyring(tmp_path):
        yield Company(tmp_path)


def counts(served: Served) -> dict[str, int]:
    """How many people wait at each step of the journey."""
    (journey,) = [each for each in served.ask("/journeys").json() if each["journey"] == JOURNEY]
    return {step["step"]: step["waiting"] for step in journey["steps"] if step["waiting"]}


def waits(served: Served, expected: dict[str, int]) -> bool:
    """Whether counts come to be as expected: deciding follows taking in at once, but not in the same breath."""
    until_s = time.monotonic() + 20
    while counts(served) != expected and time.monotonic() < until_s:
        time.sleep(0.02)
    return counts(served) == expected


def happenings(company: Company, user: str) -> list[dict[str, Any]]:
    """A customer's story, the newest first."""
    found: list[dict[str, Any]] = company.told("why", f"user_id={user}", "--data", str(company.data))["timeline"]["happenings"]
    return found


def vote_of(proposal: dict[str, Any], person: str) -> dict[str, Any]:
    """A vote as a client signs it, with the key that lies with the person."""
    signer = open_key(person, os.environ)
    at_us = time.time_ns() // 1_000
    bound = (proposal["id"], proposal["bundle"], proposal["evidence_digest"])
    drafted = Vote(*bound, person, "reviewer", "approve", "by the API", at_us, signer.public_key)
    made: dict[str, Any] = msgspec.to_builtins(signed_vote(drafted, signer))
    return made


def test_a_change_is_proposed_refused_fixed_approved_and_released(company: Company, tmp_path: Path) -> None:
    """A change with a fault is refused by its gates; fixed, it is approved by two others and released while the system runs; whoever
    comes then goes the new way, the record of that decision names the release, blame names its people, and the ledger verifies."""
    served = Served(tmp_path)
    assert 200 == served.sign_up("early").status_code
    assert waits(served, {"think": 1})

    company.rewrite("journeys/welcome.yaml", "on_blocked: think}", "on_blocked: think, next: thinck}")
    refused = company.propose(code=1)
    assert "refused" == refused["state"]
    assert any("thinck" in reason and "journeys/welcome.yaml:" in reason for reason in refused["evidence"]["refusals"])

    company.rewrite("journeys/welcome.yaml", "next: thinck}", "next: pause_first}")
    company.rewrite("journeys/welcome.yaml", "  - {id: think, ", "  - {id: pause_first, wait: {for: 30m}}\n  - {id: think, ")
    company.rewrite("journeys/welcome.yaml", "steps: [greet, think, look, remind]", "steps: [greet, pause_first, think, look, remind]")
    fixed = company.propose()
    assert ("open", "medium", {"reviewer": 2}) == (fixed["state"], fixed["tier"], fixed["missing"])
    company.refused("review", "approve", fixed["id"], "--as", "ada", "--role", "owner", reason="ada is the author")
    company.refused("release", fixed["id"], "--as", "olga", reason="lacks 2 more approvals in the role reviewer")
    company.approve(fixed["id"], "ben")
    answer = served.tell("/reviews/vote", vote_of(fixed, "cleo"))
    assert (200, "approved") == (answer.status_code, answer.json()["state"])
    assert 409 == served.tell("/reviews/vote", {**vote_of(fixed, "dan"), "role": "council"}).status_code
    assert [fixed["id"], refused["id"]] == [each["id"] for each in served.ask("/reviews").json()][:2]
    assert (200, 404) == (served.ask(f"/reviews/{fixed['id']}").status_code, served.ask("/reviews/0123456789abcdef").status_code)

    released = company.told("release", fixed["id"], "--as", "olga")
    assert (2, 2) == (released["release"]["sequence"], released["in_force"]["release"])
    assert 200 == served.sign_up("late").status_code
    assert waits(served, {"think": 1, "pause_first": 1})

    assert f"2 by proposal {fixed['id']}" == happenings(company, "late")[0]["release"]
    assert {"1"} == {each["release"].partition(" ")[0] for each in happenings(company, "early") if each["decisions"]}
    assert [2, 1] == [each["sequence"] for each in served.ask("/releases").json()]
    assert [2] == [each["sequence"] for each in served.ask("/blame", params={"journey": JOURNEY, "step": "greet"}).json()][:1]
    assert "pilotage_release 2.0" in served.client.get("/metrics").text
    blamed = {rule["name"]: rule for rule in company.told("blame", JOURNEY)}
    assert (2, "ada", ["ben as reviewer", "cleo as reviewer"]) == tuple(
        blamed["pause_first"][name] for name in ("sequence", "author", "approved_by")
    )
    assert (1, "remind sooner") == (blamed["remind"]["sequence"], blamed["remind"]["intent"])
    assert [2] == [rule["sequence"] for rule in company.told("blame", f"{JOURNEY}:greet") if rule["kind"] == "step"]
    assert 0 == served.end()
    assert [] == company.told("audit", "verify", "--data", str(company.data))["faults"]
    acts = [entry["act"] for entry in company.told("audit", "log", "--data", str(company.data))]
    assert {"proposal.made", "proposal.refused", "proposal.approved", "release.minted", "release.effective"} <= set(acts)


def test_production_runs_the_newest_release_whole_or_nothing(company: Company) -> None:
    """Edited documents, a missing, altered or replayed file, another environment, a lost ledger: each is refused with the reason."""
    assert "" == company.runs()
    first = company.data / "control" / "releases" / "live" / "000001.json"
    approved, whole = company.document.read_text(), first.read_bytes()
    company.document.write_text(approved + "# one byte more\n")
    assert "not what release 1 approved: journeys/welcome.yaml was changed" in company.runs()
    company.release("ben")
    assert "" == company.runs()

    second = first.with_name("000002.json")
    kept = second.read_bytes()
    second.write_bytes(whole)
    assert "release 1 was superseded by release 2, and shown in its place" in company.runs()
    second.write_bytes(kept.replace(b'"evidence": "', b'"evidence": "0', 1))
    assert "release 2 was altered: its signature is not that of this installation" in company.runs()
    second.write_bytes(kept[:-20])
    assert "is no release" in company.runs()
    second.unlink()
    assert "000002.json) is missing; restore the file" in company.runs()
    second.write_bytes(kept)

    company.document.write_text(approved)
    assert "not what release 2 approved: journeys/welcome.yaml was changed" in company.runs()
    company.document.write_text(approved + "# one byte more\n")
    company.rewrite("pilotage.yaml", "name: live", "name: other")
    assert "nothing was released to 'other', only to live" in company.runs()
    company.rewrite("pilotage.yaml", "name: other", "name: live")
    assert "" == company.runs()
    (company.data / "control" / "control.db").unlink()
    assert "there were releases, and the ledger is gone" in company.runs()


def test_a_waiver_ends(company: Company) -> None:
    """What a gate blocks goes through with a waiver that others approve; once it ended, nothing does, and it is said whose it was."""
    company.rewrite("journeys/welcome.yaml", ", on_blocked: end}", "}")
    assert any("J021" in reason for reason in company.propose(code=1)["evidence"]["refusals"])
    waiver = "{rule: J021, document: journeys/welcome.yaml, owner: ben, reason: it is clear, until: 2120-01-01}"
    (company.workspace / "waivers.yaml").write_text(f"schema: 1\nkind: waivers\nwaivers:\n  - {waiver}\n")
    proposed = company.propose()
    assert "J021 in journeys/welcome.yaml by ben" in str(proposed["evidence"]["risk"]["facts"])
    company.approve(proposed["id"], "ben", "cleo")
    company.rewrite("waivers.yaml", "2120-01-01", "2020-01-01")
    company.refused("release", proposed["id"], "--as", "olga", reason="the waivers were changed")
    ended = company.propose(code=1)
    assert any("the waiver of ben ended at 2020-01-02T00:00:00Z" in reason for reason in ended["evidence"]["refusals"])


def test_nobody_acts_without_their_key(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong passphrase, a lost key file and a person who is nobody are refused, and nothing was changed."""
    company.document.write_text(company.document.read_text() + "# changed\n")
    proposal = company.propose()["id"]
    entries = len(company.told("audit", "log", "--data", str(company.data)))
    monkeypatch.setenv("PILOTAGE_PASSPHRASE", "wrong horse")
    company.refused("review", "approve", proposal, "--as", "ben", reason="passphrase does not open the key of 'ben'", code=66)
    monkeypatch.setenv("PILOTAGE_PASSPHRASE", "correct horse")
    company.refused("review", "approve", proposal, "--as", "zoe", reason="there is no person 'zoe'|no key of 'zoe'", code=66)
    company.refused("review", "show", "ffff", reason="there is no proposal 'ffff'", code=66)
    company.refused("review", "approve", proposal, reason="not said who acts", code=2)
    assert entries == len(company.told("audit", "log", "--data", str(company.data)))


def test_a_journey_whose_accountable_person_left_is_listed(company: Company) -> None:
    """Once the accountable person left, the journey is listed, and a change of it needs another one."""
    assert [] == company.told("review", "orphans")
    company.told("person", "remove", "ada", "--left", "2026-01-01")
    (orphan,) = company.told("review", "orphans", code=1)
    assert (JOURNEY, "ada", "2026-01-01") == (orphan["journey"], orphan["accountable"], orphan["left"])
    company.rewrite("journeys/welcome.yaml", "look, wait: {for: 2h}", "look, wait: {for: 3h}")
    refusals = company.propose("ben", code=1)["evidence"]["refusals"]
    assert any("nobody is accountable for onboarding.welcome.first_order: ada left on 2026-01-01" in reason for reason in refusals)


LAX = """schema: 1
kind: review_policy
name: lax
tiers: [{name: any, from: 0, approvals: {}, within: 1d, automatic: true}]
emergency: {role: owner, approvals: {}, review_within: 365d}
rollback: owner
"""


def test_nobody_lowers_the_bar_that_they_are_about_to_jump(company: Company) -> None:
    """A review policy that comes with a change judges only what comes after it: until it is released, the one before has its say too, on
    how many approve and on what is allowed in an emergency."""
    company.document.write_text(company.document.read_text() + "# changed\n")
    before = company.propose()["evidence"]["required"]
    assert before
    (company.workspace / "review.yaml").write_text(LAX)
    proposal = company.propose()
    assert before == proposal["evidence"]["required"]
    company.refused("release", proposal["id"], "--as", "ada", reason="lacks")
    company.refused("release", proposal["id"], "--as", "ada", "--emergency", "--reason", "now", reason="does not have the role operator")
    company.refused(
        "release", proposal["id"], "--as", "olga", "--emergency", "--reason", "now", reason="lacks 1 more approval in the role operator"
    )
    company.approve(proposal["id"], "ben")
    company.told("release", proposal["id"], "--as", "olga")
    company.document.write_text(company.document.read_text() + "# changed again\n")
    assert {} == company.propose()["evidence"]["required"]


def test_what_was_proved_is_evidence(company: Company) -> None:
    """What was proved of the very plan that is proposed stands in its evidence and weighs in its risk; of another plan nothing does."""
    company.rewrite("content/welcome.yaml", "Your account is ready.", "Your account is there.")
    invoke(["prove", str(company.workspace), "--within", "1m"])  # within narrower bounds than usual: it would promise less
    assert ["rehearsal", "proofs"] == company.propose()["evidence"]["absent"]
    invoke(["prove", str(company.workspace), "conflict"])
    first = company.propose()["evidence"]
    assert (["rehearsal"], {"proof_unknown"}) == (first["absent"], proofs_in(first))
    invoke(["prove", str(company.workspace)])
    whole = company.propose()["evidence"]
    assert "consent: " in whole["proofs"] and "conflict: " in whole["proofs"]
    assert proofs_in(whole) & {"proof_proved", "proof_witness", "proof_unknown"}
    company.rewrite("content/welcome.yaml", "Your account is there.", "Your account is here.")
    assert ["rehearsal", "proofs"] == company.propose()["evidence"]["absent"]


def proofs_in(evidence: Any) -> set[str]:
    """What the risk says of proofs."""
    return {fact["fact"] for fact in evidence["risk"]["facts"] if fact["fact"].startswith("proof_")}
