"""The world of the crash tests: `pilotage run` as a process that can be killed, a real mail server, a desk, and a sender.

Nothing of the product runs in here. The mail server and the desk can be told to kill the process at the very moment that a
message arrives, before or after they have taken it; everything they take is kept.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.crash.shop import write_workspace
from tests.tree import ROOT

READY_S = 60.0
Trap = Callable[[str], None]


class Mailbox:
    """What the mail server took: (Message-ID, recipient, subject), in order. `trap` is called with `rcpt` before a message
    is taken, and afterwards with `data` and the first word of its subject."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, str, str]] = []
        self.trap: Trap = lambda moment: None

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        self.trap("rcpt")
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        mail = message_from_bytes(envelope.original_content or b"", policy=policy.default)
        self.mails.append((str(mail["Message-ID"]), envelope.rcpt_tos[0], str(mail["Subject"])))
        self.trap("data")
        self.trap(str(mail["Subject"]).split()[0])
        return "250 queued"


class Desk(ThreadingHTTPServer):
    """The receiver of calls: keeps (webhook-id, body). `trap` is called with `call` after one is taken."""

    daemon_threads = True

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.trap: Trap = lambda moment: None
        super().__init__(("127.0.0.1", 0), _Call)


class _Call(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        size = int(self.headers["content-length"])
        raw = self.rfile.read(size)
        if len(raw) < size:
            return  # the caller died while it was speaking
        assert isinstance(self.server, Desk)
        self.server.calls.append((str(self.headers["webhook-id"]), json.loads(raw)))
        self.server.trap("call")
        with contextlib.suppress(OSError):
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class Running:
    """`pilotage run` on a workspace: started, killed, started again."""

    def __init__(self, folder: Path, mail_port: int, desk_port: int, workers: int = 1, data: Path | None = None) -> None:
        self.workspace = folder / "shop"
        self.data = data or folder / "data"
        self.log = folder / "log"
        self.port = free_port()
        self.workers = workers
        self.starts = 0
        self.process: subprocess.Popen[bytes] | None = None
        write_workspace(self.workspace, mail_port, desk_port)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the process; returns at once."""
        command = [sys.executable, "-m", "pilotage.app", "run", "--workspace", str(self.workspace), "--data", str(self.data)]
        command += ["--port", str(self.port), "--workers", str(self.workers), "--log-level", "warning"]
        self.starts += 1
        with self.log.open("ab") as log:
            environ = {**os.environ, "PYTHONPATH": str(ROOT)}
            self.process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=log, stderr=log)

    def wait_ready(self) -> None:
        """Return when it takes events."""
        until(self.ready, READY_S, f"ready; its log says:\n{self.words()[-3000:]}")

    def ready(self) -> bool:
        """Whether it takes events now; an assertion if it has ended by itself."""
        assert self.process is not None
        assert self.process.poll() is None, f"it ended with {self.process.returncode}:\n{self.words()[-3000:]}"
        return self.status("/readyz") == 200

    def status(self, path: str) -> int:
        """The status of a GET, 0 if nobody answers."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            return refused.code
        except OSError:
            return 0

    def kill(self) -> None:
        """SIGKILL, if it lives, and wait for its end."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(30)

    def shoot(self) -> None:
        """SIGKILL without waiting, for traps."""
        if self.process is not None and self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGKILL)

    def stop(self) -> int:
        """An orderly stop; the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(60)

    def words(self) -> str:
        """What it has said so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def get(self, path: str) -> Any:
        """A document of the API."""
        token = (self.data / "api.token").read_text().strip()
        request = urllib.request.Request(self.url + path, headers={"Authorization": f"Bearer {token}"})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refused:
            raise AssertionError(f"{path}: {refused.code} {refused.read().decode()}") from refused


class World:
    """A mail server, a desk and a process, wired together."""

    def __init__(self, folder: Path, workers: int = 1, data: Path | None = None) -> None:
        self.mailbox = Mailbox()
        self.desk = Desk()
        self._controller = Controller(self.mailbox, hostname="127.0.0.1", port=free_port())
        self._controller.start()
        self._serving = threading.Thread(target=self.desk.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._serving.start()
        self.running = Running(folder, self._controller.port, self.desk.server_address[1], workers, data)

    def set_trap(self, moment: str, after: int) -> threading.Event:
        """Kill the process at the `after`-th such moment from now; the event is set when that has happened."""
        sprung = threading.Event()
        left = [after]

        def trap(now: str) -> None:
            if now == moment and not sprung.is_set():
                left[0] -= 1
                if left[0] <= 0:
                    self.running.shoot()
                    sprung.set()

        self.mailbox.trap = self.desk.trap = trap
        return sprung

    def close(self) -> None:
        """End everything."""
        if self.running.process is not None:
            self.running.kill()
        self.desk.shutdown()
        self.desk.server_close()
        self._controller.stop()


@contextlib.contextmanager
def open_world(folder: Path, workers: int = 1, data: Path | None = None) -> Iterator[World]:
    """A world that is closed at the end, whatever happens."""
    world = World(folder, workers, data)
    try:
        yield world
    finally:
        world.close()


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(true: Callable[[], bool], seconds: float, what: str = "it") -> None:
    """Return as soon as something is true; an assertion if it is not within so many seconds."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain: {what}"
        time.sleep(0.02)
