"""Proofs over the API: asked of a running system, answered beside it, the same as the command's."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pilotage.app.asking import QUESTIONS, Question
from pilotage.app.cli import invoke
from pilotage.app.proof_runs import DONE, FAILED, RUNNING, Kept, ProofRuns, Run, RunBusy, run_of
from pilotage.app.proof_work import KEPT, answer
from pilotage.app.proven import proven_of
from pilotage.app.proving import CONFLICT, POLICY
from pilotage.journey.plan import encode_plan
from tests.app.serving import Served
from tests.app.test_prove import SPRING
from tests.proof.planted import NAMES, journey, send, world

PATIENCE_S = 90
PLAN = world(journey(NAMES[0], [send()]), journey(NAMES[1], [send("high")], on="product.viewed"), journey(NAMES[2], [send("ping")]))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("proofs")
    first = Served(folder)
    (first.workspace / "journeys" / "spring.yaml").write_text(SPRING)
    assert first.end() == 0
    running = Served(folder)
    yield running
    assert running.end() == 0


def answers(served: Served, name: str) -> Any:
    """The answers to a question, when they are there."""
    for _ in range(4):
        found = served.ask(f"/proofs/{name}", params={"wait": 25}).json()
        if found["asked"]["state"] != RUNNING:
            break
    return found


def test_a_question_is_answered_beside_the_system(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    """What is asked is begun, listed, and answered with what the command prints; asked again it is done at once, and meanwhile
    another question has to wait."""
    asked = served.tell("/proofs/ask", {"stories": 1})
    assert (202, RUNNING) == (asked.status_code, asked.json()["state"])
    assert 409 == served.tell("/proofs/ask", {"questions": ["reach"]}).status_code
    name = asked.json()["id"]
    assert [name] == [each["id"] for each in served.ask("/proofs").json()]
    found = answers(served, name)
    assert (DONE, list(QUESTIONS)) == (found["asked"]["state"], found["asked"]["questions"])
    assert 1 == invoke(["prove", str(served.workspace), "--stories", "1", "--json"])
    assert json.loads(capsys.readouterr().out) == found["answers"]
    again = served.tell("/proofs/ask", {"stories": 1})
    assert (202, DONE, name) == (again.status_code, again.json()["state"], again.json()["id"])
    assert proven_of(served.data / "evidence", found["answers"]["plan"]) is not None


def test_a_question_may_be_about_less(served: Served) -> None:
    """A question about one class of messages, one journey and other bounds has a name of its own."""
    body = {"questions": ["conflict"], "classes": ["service"], "journey": "growth.offers.spring", "within_minutes": 90}
    asked = served.tell("/proofs/ask", body)
    assert 202 == asked.status_code
    found = answers(served, asked.json()["id"])
    assert (["service"], "growth.offers.spring", 90 * 60_000_000) == (
        found["asked"]["classes"],
        found["asked"]["journey"],
        found["asked"]["bounds"]["within_us"],
    )
    assert [] == [proof for proof in found["answers"]["proofs"] if proof["verdict"] == "witness"]


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ({"questions": ["conflicts"]}, 400, "questions"),
        ({"journey": "growth.offers.sprin"}, 404, "did you mean 'growth.offers.spring'?"),
        ({"classes": ["sales"]}, 400, "classes"),
        ({"pressure": 0}, 400, "pressure"),
        ({"color": "red"}, 400, "color"),
    ],
)
def test_what_cannot_be_asked_is_refused(served: Served, body: dict[str, Any], status: int, told: str) -> None:
    """A question that there is not, a journey that the plan has not, and bounds that are none are problems with their cure."""
    answer = served.tell("/proofs/ask", body)
    assert status == answer.status_code
    assert told in answer.text


def test_an_unknown_question_has_no_answers(served: Served) -> None:
    """A name that was never asked by is not found."""
    assert 404 == served.ask(f"/proofs/{'0' * 32}").status_code


def asked_of(*questions: str, stories: int = 0) -> Run:
    return run_of(PLAN.digest, questions, Question(workers=1), stories)


def test_answers_outlive_the_system(tmp_path: Path) -> None:
    """What was answered is found by whoever looks later; what is on file and cannot be read is asked anew."""
    run = asked_of(CONFLICT)
    (tmp_path / "proofs").mkdir()
    answer(str(tmp_path), encode_plan(PLAN), msgspec.json.encode(run))
    found = ProofRuns().known(tmp_path, run.id)
    assert found is not None and found.answers is not None
    assert (DONE, PLAN.digest) == (found.asked.state, found.answers.plan)
    assert [run.id] == [each.id for each in ProofRuns().all(tmp_path)]
    (tmp_path / "proofs" / f"{run.id}.json").write_bytes(b"{")
    assert ProofRuns().known(tmp_path, run.id) is None


def test_a_process_that_ends_without_an_answer_has_failed(tmp_path: Path) -> None:
    """A question whose process was ended is told as failed, and can be asked again; until then no other is begun."""
    runs, run = ProofRuns(), asked_of(POLICY)
    assert RUNNING == runs.begin(tmp_path, PLAN, run, 1).state
    with pytest.raises(RunBusy):
        runs.begin(tmp_path, PLAN, asked_of(CONFLICT), 2)
    assert runs.running is not None
    runs.running[1].kill()
    runs.running[1].join()
    failed = runs.known(tmp_path, run.id)
    assert failed is not None
    assert (FAILED, None) == (failed.asked.state, failed.answers)
    assert RUNNING == runs.begin(tmp_path, PLAN, run, 3).state
    runs.running[1].join(PATIENCE_S)
    assert DONE == runs.begin(tmp_path, PLAN, run, 4).state


def test_only_the_newest_answers_are_kept(tmp_path: Path) -> None:
    """A data folder does not grow with every question."""
    (tmp_path / "proofs").mkdir()
    for number in range(KEPT + 5):
        (tmp_path / "proofs" / f"{number:032}.json").write_bytes(msgspec.json.encode(Kept(asked_of(CONFLICT))))
    answer(str(tmp_path), encode_plan(PLAN), msgspec.json.encode(asked_of(POLICY)))
    assert KEPT == len(list((tmp_path / "proofs").glob("*.json")))
