"""The running system as a process: one owner of a folder, an orderly stop, and nothing lost by a disorderly one."""

import queue
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

from pilotage.app.starter import init
from tests.app.serving import WRITE_KEY, Served, pilotage


def test_a_stop_saves_everything(tmp_path: Path) -> None:
    """After SIGTERM the process exits 0, and a folder at rest tells the same story as the running process did."""
    running = Served(tmp_path)
    assert 200 == running.sign_up("ada").status_code
    told = pilotage("why", "ada", "--data", str(running.data), "--json").stdout
    assert 0 == running.end()
    assert not (running.data / "running.json").exists()
    at_rest = pilotage("why", "ada", "--data", str(running.data), "--json")
    assert 0 == at_rest.returncode
    assert '"customer.signed_up"' in told
    assert told == at_rest.stdout


def test_a_killed_process_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """What was acknowledged before SIGKILL is there after the next start, and sending it again changes nothing."""
    running = Served(tmp_path)
    message = {"userId": "ada", "event": "customer.signed_up", "messageId": "m1", "properties": {"email": "ada@example.test"}}
    first = running.client.post("/v1/track", json=message, auth=(WRITE_KEY, ""))
    assert 1 == first.json()["accepted"]
    running.end(signal.SIGKILL)
    again = Served(tmp_path)
    repeated = again.client.post("/v1/track", json=message, auth=(WRITE_KEY, ""))
    assert (0, 1) == (repeated.json()["accepted"], repeated.json()["duplicates"])
    assert 1 == len(again.ask("/subjects").json()["subjects"])
    assert 0 == again.end(signal.SIGINT)


def test_a_folder_has_one_owner(tmp_path: Path) -> None:
    """A second process on a folder exits 75 and says that another one runs."""
    running = Served(tmp_path)
    second = pilotage("run", "--workspace", str(running.workspace), "--port", "0")
    assert 75 == second.returncode
    assert "another process runs on" in second.stderr
    assert "Traceback" not in second.stderr
    running.end()


def test_workers_share_the_shards(tmp_path: Path) -> None:
    """With two worker processes events are taken, subjects of all shards listed, and one that is killed comes back."""
    running = Served(tmp_path, "--workers", "2")
    users = [f"user-{number}" for number in range(12)]
    assert {200} == {running.sign_up(user).status_code for user in users}
    assert 12 == len(running.ask("/subjects").json()["subjects"])
    assert 200 == running.client.get("/readyz").status_code
    assert 0 == running.end()
    assert 12 == len(pilotage("subjects", "--data", str(running.data)).stdout.split())


class Desk(BaseHTTPRequestHandler):
    """Another company system, which keeps the headers of what it is asked."""

    asked: ClassVar[queue.Queue[dict[str, str]]] = queue.Queue()

    def do_POST(self) -> None:
        """Answer every call with 200."""
        self.rfile.read(int(self.headers["content-length"]))
        self.asked.put({name.lower(): value for name, value in self.headers.items()})
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


def test_a_trace_goes_from_the_event_to_the_call(tmp_path: Path) -> None:
    """A call to another system carries the `traceparent` that came with the event which led to it."""
    desk = ThreadingHTTPServer(("127.0.0.1", 0), Desk)
    threading.Thread(target=desk.serve_forever, daemon=True).start()
    init(tmp_path / "workspace", write_key=WRITE_KEY)
    settings = tmp_path / "workspace" / "pilotage.yaml"
    bound = f'console: {{}}\n  endpoints:\n    desk: {{url: "http://127.0.0.1:{desk.server_port}/"}}'
    settings.write_text(settings.read_text().replace("console: {}", bound).replace('"*@example.test"', '"*@example.test", "call:desk"'))
    journey = tmp_path / "workspace" / "journeys" / "welcome.yaml"
    call = "  - {id: tell, call: desk, data: {text: \"'hello'\"}}\n  - {id: greet,"
    journey.write_text(journey.read_text().replace("  - {id: greet,", call))
    running = Served(tmp_path)
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    event = {"userId": "ada", "event": "customer.signed_up", "properties": {"email": "ada@example.test"}}
    answer = running.client.post("/v1/track", json=event, auth=(WRITE_KEY, ""), headers={"traceparent": parent})
    assert 200 == answer.status_code
    assert parent == Desk.asked.get(timeout=20)["traceparent"]
    assert 0 == running.end()
    desk.shutdown()
