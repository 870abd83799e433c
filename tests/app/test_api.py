"""The HTTP API of a running system: described exactly, guarded, and clear about every error."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pilotage.app.equipment import marked
from pilotage.app.workspace import Environment
from pilotage.channel.channel import Message
from tests.app.serving import Served, environment

CASES = 6


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    running = Served(tmp_path_factory.mktemp("api"))
    for user in ("ada", "ben"):
        assert running.sign_up(user).status_code == 200
    assert running.track("ada", "order.placed", order_id=7).status_code == 422
    yield running
    assert running.end() == 0


def test_the_api_is_as_described(served: Served, tmp_path: Path) -> None:
    """Whatever is asked, NUL bytes and odd texts included, the answer's status, type and body are among those described."""
    program = Path(sys.executable).parent / "st"
    options = ["--phases", "coverage,fuzzing", "--max-examples", str(CASES), "--seed", "1", "--no-color"]
    # An endless answer cannot be compared whole, and each question about proofs begins a process (tests/app/test_proof_api.py).
    left_out = ["--exclude-path-regex", "/stream$|/proofs/ask$"]
    authorised = ["-H", f"Authorization: Bearer {served.token}"]
    command = [str(program), "run", f"{served.url}/api/v1/openapi.json", *authorised, *options, *left_out]
    run = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=120, check=False)
    assert 0 == run.returncode, run.stdout
    assert "57 passed" in run.stdout


def test_without_the_token_nothing_is_told(served: Served) -> None:
    """Every endpoint under /api/v1 but the description refuses a request without the token, and one with a wrong one."""
    paths = json.loads(served.client.get("/api/v1/openapi.json").content)["paths"]
    asked = [
        path.format(subject="0" * 32, number=1, name="a", task="0" * 64, proposal="0" * 64, report="0" * 16, plan="0" * 16, id="0" * 32)
        for path, methods in paths.items()
        if "get" in methods and path.startswith("/api/v1")
    ]
    assert len(asked) >= 9
    for wrong in ({}, {"authorization": "Bearer wrong"}, {"authorization": "Basic x"}):
        assert {401} == {served.client.get(path, headers=wrong).status_code for path in asked}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("GET", "/api/v1/nowhere", 404), ("DELETE", "/api/v1/plan", 405), ("GET", "/api/v1/subjects/xyz", 400)],
)
def test_every_error_is_a_problem(served: Served, method: str, path: str, status: int) -> None:
    """An unknown path, a wrong method and a wrong parameter are answered with a problem that says so."""
    answer = served.client.request(method, path, headers=served.headers)
    assert (status, "application/problem+json") == (answer.status_code, answer.headers["content-type"])
    assert status == answer.json()["status"]
    assert answer.json()["detail"]
    assert (status == 405) == ("allow" in answer.headers)


def test_a_subject_is_found_and_explained(served: Served) -> None:
    """A subject is found by user id and by e-mail address, and its timeline tells event, decision, reason and message."""
    by_user = served.tell("/subjects/find", {"identifiers": {"user_id": "ada"}}).json()["subject"]
    assert by_user == served.tell("/subjects/find", {"identifiers": {"email": "ADA@example.test"}}).json()["subject"]
    state = served.ask(f"/subjects/{by_user}").json()
    assert ("Europe/Berlin", "ada@example.test") == (state["zone"], state["attributes"]["email"])
    assert ["email", "first_name"] == state["personal"]
    story = served.ask(f"/subjects/{by_user}/timeline").json()
    first = story["happenings"][-1]
    assert "customer.signed_up" == first["type"]
    assert ["entered", "sent", "waited"] == [decision["verb"] for decision in first["decisions"]]
    assert ["sent"] == [message["fate"] for message in story["messages"]]


def test_nobody_is_found_by_an_unknown_identifier(served: Served) -> None:
    """An identifier of nobody is answered with 404, and so is an id of nobody."""
    assert 404 == served.tell("/subjects/find", {"identifiers": {"user_id": "nobody"}}).status_code
    assert 404 == served.ask(f"/subjects/{'0' * 32}").status_code


def test_pages_join_without_gaps(served: Served) -> None:
    """Subjects read one a page are the subjects read at once."""
    whole = served.ask("/subjects").json()["subjects"]
    found, after = [], None
    while True:
        page = served.ask("/subjects", params={"limit": 1} | ({"after": after} if after else {})).json()
        found += page["subjects"]
        after = page["after"]
        if not after:
            break
    assert 2 == len(whole)
    assert whole == found


def test_a_repeated_request_has_one_answer(served: Served) -> None:
    """A request repeated with its Idempotency-Key gets the first answer again, and the key of another request is a conflict."""
    assert 422 == served.track("ben", "order.placed", order_id=8).status_code
    number = served.ask("/quarantine").json()["rows"][-1]["number"]
    key = {"Idempotency-Key": "resubmit-1"}
    first = served.tell("/quarantine/resubmit", {"numbers": [number]}, **key)
    assert {"accepted": 0, "refused": 1} == first.json()
    assert first.json() == served.tell("/quarantine/resubmit", {"numbers": [number]}, **key).json()
    assert 409 == served.tell("/quarantine/resubmit", {"numbers": [number, number]}, **key).status_code


def test_the_quarantine_tells_the_fault(served: Served) -> None:
    """A refused event is listed with its path, its reason and its cure, and shown with the bytes that came."""
    row = served.ask("/quarantine").json()["rows"][0]
    assert ("contract", "$.order_id", "order.placed") == (row["stage"], row["path"], row["type"])
    whole = served.ask("/quarantine/1").json()
    assert {"order_id": 7} == json.loads(whole["raw"])["properties"]
    assert 404 == served.ask("/quarantine/99").status_code


def test_an_inbox_token_opens_one_inbox(served: Served) -> None:
    """A subject's inbox token opens his inbox and nobody else's, and none of the API."""
    ada, ben = served.ask("/subjects").json()["subjects"]
    token = served.client.post(f"/api/v1/inbox/{ada}/token", headers=served.headers).json()["token"]
    statuses = [served.client.get(f"/api/v1/inbox/{who}", params={"token": token}).status_code for who in (ada, ben)]
    assert [200, 401] == statuses
    assert 401 == served.client.get("/api/v1/plan", headers={"authorization": f"Bearer {token}"}).status_code


def test_a_stream_begins_at_once(served: Served) -> None:
    """A stream of an inbox is server-sent events, and begins with a comment before there is any message."""
    ada = served.ask("/subjects").json()["subjects"][0]
    with served.client.stream("GET", f"/api/v1/inbox/{ada}/stream", headers=served.headers) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert next(stream.iter_text()).startswith(": listening")


def test_metrics_count_and_name_nobody(served: Served) -> None:
    """Metrics count intake, quarantine and each step, and hold no identifier of a customer."""
    text = served.client.get("/metrics").text
    assert 'pilotage_intake_total{outcome="accepted"} 2.0' in text
    assert 'pilotage_quarantined_total{source="web",stage="contract",type="order.placed"}' in text
    assert 'pilotage_decisions_total{journey="onboarding.welcome.first_order",step="greet",verb="sent"} 2.0' in text
    assert 'pilotage_waiting{journey="onboarding.welcome.first_order",step="think"} 2.0' in text
    assert not any(name in text for name in ("ada", "ben@", *served.ask("/subjects").json()["subjects"]))


def test_journeys_are_counted_by_step(served: Served) -> None:
    """The list of journeys tells who rests at which step and what was decided there."""
    [journey] = served.ask("/journeys").json()
    steps = {step["step"]: step for step in journey["steps"]}
    assert (2, {"sent": 2}) == (steps["think"]["waiting"], steps["greet"]["verbs"])


def test_the_ledger_is_read_by_pages_and_verified(served: Served) -> None:
    """Entries come in order, page by page without gaps; the ledger of a running system holds; nobody is named yet."""
    first = served.ask("/audit/entries", params={"limit": 1}).json()
    assert ("ledger.begun", 1) == (first["entries"][0]["act"], first["entries"][0]["sequence"])
    whole = served.ask("/audit/entries").json()["entries"]
    found, after = first["entries"], first["after"]
    while after is not None:
        page = served.ask("/audit/entries", params={"limit": 1, "after": after}).json()
        found, after = found + page["entries"], page["after"]
    assert whole == found
    verdict = served.ask("/audit/verify").json()
    assert (True, len(whole), []) == (verdict["holds"], verdict["entries"], verdict["faults"])
    assert [] == served.ask("/people").json()


def test_how_fast_one_may_ask_is_told(served: Served) -> None:
    """Every answer of the API tells the policy of its rate limit and how much is left of it."""
    headers = served.ask("/plan").headers
    assert headers["ratelimit-policy"].startswith('"api";q=')
    assert headers["ratelimit"].startswith('"api";r=')


def test_a_sandbox_says_so(served: Served) -> None:
    """Outside production nothing needs to be released; every line of the log, a metric and every message say what it is."""
    metrics = served.client.get("/metrics").text
    assert 'pilotage_sandbox{environment="development"} 1.0' in metrics and "pilotage_release 0.0" in metrics
    log = served.workspace.parent / "log"
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    assert lines and all("development" == line["sandbox"] for line in lines)
    assert [] == served.ask("/releases").json()


@pytest.mark.parametrize(("production", "headers"), [(False, {"a": "b", "X-Pilotage-Sandbox": "trial"}), (True, {"a": "b"})])
def test_messages_of_a_sandbox_are_marked(production: bool, headers: dict[str, str]) -> None:
    """What leaves a sandbox has its name in a header; what leaves production has not."""
    message = Message("key", "ada@example.test", {}, {"a": "b"}, 1, "s", "j", "step", "p")
    compose = marked(Environment("trial", production), lambda action, attempt, now_us: message)
    assert headers == compose(None, 1, 0).headers  # type: ignore[arg-type] # the message is composed already
