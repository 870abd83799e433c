"""A real `pilotage run` in a process of its own, on a fresh workspace, for tests that talk to it over loopback."""

import atexit
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx

from pilotage.app.starter import init
from tests.tree import ROOT

WRITE_KEY = "key-of-this-test"
START_S = 60


class Served:
    """A running system. `data` is its data folder, `url` where it listens."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.workspace = folder / "workspace"
        if not self.workspace.exists():
            init(self.workspace, write_key=WRITE_KEY)
        self.data = self.workspace / "data"
        command = [sys.executable, "-m", "pilotage.app", "run", "--workspace", str(self.workspace), "--port", "0", *options]
        self.log = (folder / "log").open("ab")
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=self.log, env=environment())
        atexit.register(self.process.kill)  # a test that fails leaves nothing running
        self.url = self._first_line()
        self.token = (self.data / "api.token").read_text().strip()
        self.client = httpx.Client(base_url=self.url, timeout=30, trust_env=False)
        self.headers = {"authorization": f"Bearer {self.token}"}

    def _first_line(self) -> str:
        assert self.process.stdout is not None
        alarm = threading.Timer(START_S, self.process.kill)
        alarm.start()
        line = self.process.stdout.readline().decode()
        alarm.cancel()
        threading.Thread(target=self.process.stdout.read, daemon=True).start()  # so that a full pipe never holds it up
        found = re.search(r"http://\S+", line)
        assert found is not None, line
        return found[0]

    def track(self, user: str, event: str, **properties: Any) -> httpx.Response:
        """Send one event as the web source."""
        body = {"userId": user, "event": event, "properties": properties}
        return self.client.post("/v1/track", json=body, auth=(WRITE_KEY, ""))

    def sign_up(self, user: str) -> httpx.Response:
        """A customer who signs up."""
        return self.track(
            user, "customer.signed_up", email=f"{user}@example.test", first_name="Ada", country="DE", timezone="Europe/Berlin"
        )

    def ask(self, path: str, **options: Any) -> httpx.Response:
        """Ask the API with its token."""
        return self.client.get(f"/api/v1{path}", headers=self.headers, **options)

    def tell(self, path: str, body: Any, **headers: str) -> httpx.Response:
        """Post to the API with its token."""
        return self.client.post(f"/api/v1{path}", headers={**self.headers, **headers}, json=body)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait; the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(30)
        self.client.close()
        self.log.close()
        return code


def environment() -> dict[str, str]:
    """The environment of a child process."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "160"}


def pilotage(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run one command line to its end."""
    command = [sys.executable, "-m", "pilotage.app", *arguments]
    return subprocess.run(command, cwd=cwd, env=environment(), capture_output=True, text=True, timeout=120, check=False)
