"""`pilotage run` as people run it, under load over HTTP: throughput, latencies, memory, and the start after a kill.

The process is the real one with its dispatcher and a channel that prints; the client is ours, on the same cores, with
requests made beforehand. Latencies are from the instant a request was due to be sent, so a slow answer is not hidden by
fewer questions. A message names the event that led to it, so the time until it is handed over is end to end.
"""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from threading import Thread
from typing import Any

import msgspec
import uvloop

from bench import workload

CONNECTIONS = 64
_SENT = re.compile(rb"You asked us to tell you: .*\(sku-live-(\d+)\)")
_READY_S = 120.0


class Latency(msgspec.Struct, frozen=True):
    """Durations in milliseconds, sorted."""

    sorted_ms: list[float]

    def at(self, share: float) -> float:
        """The duration that a share of all do not exceed; NaN without any."""
        if not self.sorted_ms:
            return float("nan")
        return self.sorted_ms[min(len(self.sorted_ms) - 1, int(len(self.sorted_ms) * share))]


class Load(msgspec.Struct, frozen=True):
    """What the client saw. `accepted` events were acknowledged in `wall_s`; `busy` requests were told to come again."""

    accepted: int
    wall_s: float
    acknowledged: Latency
    handed_over: Latency
    busy: int

    @property
    def per_s(self) -> float:
        """Events per second."""
        return self.accepted / self.wall_s


class Service:
    """A running `pilotage run`. Its output is read for the messages it prints."""

    def __init__(self, folder: Path, workers: int = 1, workspace: Path = workload.WORKSPACE) -> None:
        self.folder = folder
        self.printed: dict[int, float] = {}
        arguments = ["run", "--workspace", str(workspace), "--data", str(folder), "--port", "0", "--workers", str(workers)]
        begun = time.perf_counter()
        self._log = open(folder.parent / f"{folder.name}.log", "ab")  # noqa: SIM115 - closed with the process
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pilotage.app", *arguments, "--log-level", "warning"],
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        Thread(target=self._read, daemon=True).start()  # from the start: what is due is printed before it is ready
        self.port = self._wait_ready(begun)
        self.ready_s = time.perf_counter() - begun

    def _wait_ready(self, begun: float) -> int:
        """The port, once `/readyz` says yes."""
        running = self.folder / "running.json"
        while time.perf_counter() - begun < _READY_S:
            if self.process.poll() is not None:
                raise RuntimeError(f"pilotage run ended with {self.process.returncode}; see {self._log.name}")
            try:
                told = msgspec.json.decode(running.read_bytes())
                if told["pid"] == self.process.pid:
                    with urllib.request.urlopen(f"{told['url']}/readyz", timeout=5) as answer:
                        if answer.status == 200:
                            return int(told["url"].rpartition(":")[2])
            except (OSError, msgspec.DecodeError):
                pass
            time.sleep(0.02)
        raise RuntimeError(f"pilotage run was not ready after {_READY_S:.0f} s; see {self._log.name}")

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            found = _SENT.search(line)
            if found:
                self.printed[int(found[1])] = time.perf_counter()

    def processes(self) -> list[int]:
        """The process and its workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [self.process.pid, *map(int, children)]

    def peak_bytes(self) -> int:
        """The most memory the processes have held, together."""
        return sum(_status(pid, "VmHWM") for pid in self.processes())

    def cpu_s(self) -> float:
        """CPU seconds of the processes so far."""
        ticks = os.sysconf("SC_CLK_TCK")
        total = 0
        for pid in self.processes():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        return total / ticks

    def metric(self, name: str, labels: "re.Pattern[str] | None" = None) -> float:
        """The sum of a metric's values now, of those whose labels are so."""
        token = (self.folder / "api-token").read_text().strip() if (self.folder / "api-token").exists() else ""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/metrics", headers={"authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            lines = answer.read().decode().splitlines()
        found = [line for line in lines if line.startswith((f"{name} ", f"{name}{{")) and (labels is None or labels.search(line))]
        return sum(float(line.rpartition(" ")[2]) for line in found)

    def kill(self) -> None:
        """End it without warning."""
        for pid in reversed(self.processes()):
            os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self._log.close()

    def stop(self) -> None:
        """End it in order."""
        self.process.terminate()
        self.process.wait(120)
        self._log.close()


@contextmanager
def running(folder: Path, workers: int = 1, workspace: Path = workload.WORKSPACE) -> Iterator[Service]:
    """A service for as long as the block lasts; killed at its end if it still runs."""
    service = Service(folder, workers, workspace)
    try:
        yield service
    finally:
        if service.process.poll() is None:
            service.kill()


def _status(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    return 0


def request_of(body: bytes) -> bytes:
    """A whole HTTP request."""
    head = (
        "POST /v1/batch HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Basic YmVuY2gtd2ViLWtleTo=\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def requests_of(numbers: Sequence[int], tag: str, size: int = workload.BATCH_EVENTS) -> list[bytes]:
    """Requests with batches of events about subjects."""
    return [request_of(body) for body in workload.batches(numbers, time.time_ns() // 1_000, Random(len(numbers)), tag, size)]


def live(requests: Sequence[bytes]) -> list[bytes]:
    """Requests whose returned articles are numbered, so that the message about each can be told apart."""
    made = []
    count = 0
    for request in requests:
        body = request.partition(b"\r\n\r\n")[2]
        parts = body.split(b'"event":"stock.returned","properties":{"product_id":"sku-')
        named = parts[0]
        for part in parts[1:]:
            named += b'"event":"stock.returned","properties":{"product_id":"sku-live-%d"' % count + part[part.index(b'"') + 1 :]
            count += 1
        made.append(request_of(named))
    return made


_LIVE = re.compile(rb'"product_id":"sku-live-(\d+)"')


def load(service: Service, requests: Sequence[bytes], events_each: int, per_s: float = 0.0) -> Load:
    """Send requests, `per_s` events a second, or as fast as they are answered."""
    return uvloop.run(sent(service, requests, events_each, per_s))


async def sent(
    service: Service, requests: Sequence[bytes], events_each: int, per_s: float, until: "asyncio.Task[Any] | None" = None
) -> Load:
    """The same inside a loop; it ends with the requests, or when `until` is done."""
    begun = time.perf_counter()
    every_s = events_each / per_s if per_s else 0.0
    left = iter(enumerate(requests))
    latencies: list[float] = []
    asked: dict[int, float] = {}
    accepted = busy = 0

    async def connection() -> None:
        nonlocal accepted, busy
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port, limit=1 << 20)
        for number, request in left:
            if until is not None and until.done():
                break
            due = begun + number * every_s if per_s else time.perf_counter()
            if (wait_s := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait_s)
            for found in _LIVE.finditer(request):
                asked[int(found[1])] = due
            while not await _exchange(reader, writer, request):
                busy += 1
            latencies.append((time.perf_counter() - due) * 1e3)
            accepted += events_each
        writer.close()

    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    wall_s = time.perf_counter() - begun
    if asked:
        await _printed(service, len(asked))
    handed = [(service.printed[at] - due) * 1e3 for at, due in asked.items() if at in service.printed]
    return Load(accepted, wall_s, Latency(sorted(latencies)), Latency(sorted(handed)), busy)


async def _printed(service: Service, count: int) -> None:
    """Wait until all messages are out, at most ten seconds."""
    for _ in range(200):
        if len(service.printed) >= count:
            return
        await asyncio.sleep(0.05)


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> bool:
    """Whether the request was taken; it waits as long as it is told to when the server is busy."""
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(re.search(rb"content-length: (\d+)", head, re.IGNORECASE)[1])  # type: ignore[index]
    body = await reader.readexactly(length)
    status = int(head[9:12])
    if status == 200:
        if b'"quarantined":0' not in body:
            raise RuntimeError(f"events were refused: {body[:300]!r}")
        return True
    if status in (429, 503):
        await asyncio.sleep(0.1)
        return False
    raise RuntimeError(f"the service answered {status}: {body[:300]!r}")
