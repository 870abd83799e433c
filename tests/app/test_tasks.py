"""Tasks of a running system: listed, taken on and completed over the API and on the command line, each once."""

import json
from pathlib import Path
from typing import Any

import pytest

from pilotage.app.cli import invoke
from pilotage.app.starter import init
from tests.app.serving import WRITE_KEY, Served

JOURNEY = """\
schema: 1
kind: journey
name: service.orders.care
owner: {responsible: crm}
stage: service
enter: {on: order.placed, key: trigger.order_id}
steps:
  - {id: ring, task: Ring them, team: service, data: {order: journey.key}, sla: 1d, outcomes: {reached: end, gone: end}, on_timeout: end}
"""


def served_with_tasks(folder: Path, *options: str) -> Served:
    """A running system in which two orders have each opened a task."""
    init(folder / "workspace", write_key=WRITE_KEY)
    (folder / "workspace" / "journeys" / "care.yaml").write_text(JOURNEY)
    served = Served(folder, *options)
    for order in ("o1", "o2"):
        served.track("ada", "order.placed", order_id=order, total=5)
    return served


def told(data: Path, capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    """What the command says, as data."""
    assert code == invoke(["task", *arguments, "--data", str(data), "--json"]), capsys.readouterr().err
    captured = capsys.readouterr()
    return json.loads(captured.out or captured.err)


def listed(served: Served, **query: str) -> list[dict[str, Any]]:
    """The open tasks, once the dispatcher has handed both over."""
    for _ in range(100):
        found: list[dict[str, Any]] = served.ask("/tasks", params=query).json()["tasks"]
        if len(found) >= 2 or query:
            return found
    raise AssertionError("the tasks were not listed")


@pytest.mark.parametrize("options", [(), ("--workers", "2")], ids=["one process", "workers"])
def test_tasks_are_done_once(tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...]) -> None:
    """A task is listed, taken on by one person and completed once; the journey goes on, and the list forgets it."""
    served = served_with_tasks(tmp_path, *options)
    first, second = sorted(listed(served), key=lambda each: each["data"]["order"])
    assert ("Ring them", "service", "", ["gone", "reached"], {"order": "o1"}, False) == tuple(
        first[name] for name in ("title", "team", "claimed", "outcomes", "data", "overdue")
    )
    name = first["id"]
    assert "ada" == told(served.data, capsys, "claim", name, "--person", "ada")["claimed"]
    taken = served.tell(f"/tasks/{name}/claim", {"person": "ben"})
    assert (409, "ada has taken the task on") == (taken.status_code, taken.json()["detail"].partition(";")[0])
    assert [name] == [each["id"] for each in told(served.data, capsys, "list", "--person", "ada")["tasks"]]
    assert 409 == served.tell(f"/tasks/{name}/complete", {"person": "ben", "outcome": "gone"}).status_code
    assert 409 == served.tell(f"/tasks/{name}/complete", {"person": "ada", "outcome": "maybe"}).status_code
    assert "reached" == told(served.data, capsys, "complete", name, "reached", "--person", "ada", "--note", "fine")["outcome"]
    assert 404 == served.tell(f"/tasks/{name}/complete", {"person": "ada", "outcome": "gone"}).status_code
    assert [second["id"]] == [each["id"] for each in listed(served, team="service")]
    story = served.ask(f"/subjects/{first['subject']}/timeline").json()["happenings"]
    done = [each for happening in story for each in happening["decisions"] if each["verb"] == "completed"]
    assert [("reached", {"person": "ada", "note": "fine"})] == [(each["reason"], each["inputs"]) for each in done]
    assert 0 == served.end()
    assert [second["id"]] == [each["id"] for each in told(served.data, capsys, "list")["tasks"]]
    assert "Ring them" == told(served.data, capsys, "show", second["id"])["title"]
    assert 0 == invoke(["task", "list", "--data", str(served.data)])
    assert "1 open tasks" in capsys.readouterr().out
    assert 69 == invoke(["task", "complete", second["id"], "gone", "--data", str(served.data)])
    assert 1 == invoke(["task", "show", "0" * 64, "--data", str(served.data)])
    assert "no process runs" in capsys.readouterr().err
