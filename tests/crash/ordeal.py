"""An ordeal: traffic from an unmodified client, and a process that is killed at seeded moments and started again.

The moments are spread over what the process does: taking events in, committing, claiming, calling, being answered, waking
those who wait, saving at a stop, recovering.
"""

import contextlib
import itertools
import os
import random
import signal
import threading
import time
import urllib.request
from collections.abc import Callable, Iterable
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import Any

from segment.analytics.client import Client

from tests.crash.auditor import Evidence
from tests.crash.world import World, until

USERS = 40


class Ordeal:
    """The sender, and the executioner. `seed` decides what is sent and when the process dies."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.evidence = Evidence()
        self.deaths: list[str] = []
        self._chance = random.Random(seed)
        self._numbers = itertools.count()
        self._client = Client(
            "key-of-the-shop", host=world.running.url, on_error=self._refused, gzip=True, upload_size=10, upload_interval=0.05, timeout=10
        )

    def run(self, kills: int) -> Evidence:
        """Live through so many deaths and an orderly end; the evidence, gathered when nothing is under way any more."""
        deaths = [self._chance.sample(sorted(DEATHS), len(DEATHS)) for _ in range(kills // len(DEATHS) + 1)]
        return self.run_with([partial(self._die, death) for death in itertools.islice(itertools.chain(*deaths), kills)])

    def run_with(self, blows: Iterable[Callable[[], None]]) -> Evidence:
        """Live through blows, each under traffic and each ending with a system that is ready, and an orderly end."""
        self.world.running.start()
        self.world.running.wait_ready()
        for user in range(USERS):
            self._say("customer.identified", user, {"email": f"user{user}@example.test"})
            if user % 3:
                self._say("consent.changed", user, {"purpose": "marketing.cart", "channel": "email", "granted": True})
        for blow in blows:
            self._burst()
            blow()
        self._burst()
        self._flush()
        return self.evidence.settle(self.world)

    def _flush(self) -> None:
        """Let the client send what it still holds; it may wait long between its attempts, so the process is watched."""
        flushing = threading.Thread(target=self._client.flush, daemon=True)
        flushing.start()
        until(lambda: self.world.running.ready() and not flushing.is_alive(), 240, "the client's flush")
        self._client.join()

    def _die(self, death: str) -> None:
        DEATHS[death](self)
        self.deaths.append(death)
        self._spare()
        self.world.running.start()
        self.world.running.wait_ready()

    def _say(self, event: str, user: int, data: dict[str, Any]) -> None:
        name = f"m{next(self._numbers)}"
        self.evidence.sent[name] = (event, f"user{user}", data)
        if event == "customer.identified":
            self._client.identify(f"user{user}", data, message_id=name)
        else:
            self._client.track(f"user{user}", event, data, message_id=name)

    def _burst(self) -> None:
        """Some failed payments, carts and orders."""
        for _ in range(40):
            number, user = next(self._numbers), self._chance.randrange(USERS)
            kind = self._chance.choice(("payment.failed", "payment.failed", "cart.added", "cart.added", "order.placed"))
            self._say(kind, user, {"order": f"o{number}"} if kind == "payment.failed" else {"sku": f"s{number}"})

    def _refused(self, error: Exception, items: list[dict[str, Any]]) -> None:
        """The client gave up on these: whether they were taken is not known."""
        self.evidence.refused.update(item["messageId"] for item in items)

    def _spare(self) -> None:
        self.world.mailbox.trap = self.world.desk.trap = lambda moment: None

    def soon(self, most_s: float) -> None:
        """Let a seeded while pass: the moment of death."""
        time.sleep(self._chance.uniform(0, most_s))

    # The ways to die

    def at_intake(self) -> None:
        """While events come in and are committed."""
        self.soon(0.3)
        self.world.running.kill()

    def at_timers(self) -> None:
        """When those who waited a second are woken."""
        time.sleep(0.9)
        self.soon(0.6)
        self.world.running.kill()

    def trapped(self, moment: str) -> None:
        """When a message or call is at the provider; by time, if none comes."""
        sprung = self.world.set_trap(moment, self._chance.randint(1, 4))
        sprung.wait(5)
        self.world.running.kill()

    def at_recovery(self) -> None:
        """While starting again after a death."""
        self.world.running.kill()
        self.world.running.start()
        self.soon(2.0)
        self.world.running.kill()

    def at_history(self) -> None:
        """While history is brought up to date."""
        token = (self.world.running.data / "api.token").read_text().strip()
        asking = urllib.request.Request(
            f"{self.world.running.url}/api/v1/history/compact", method="POST", headers={"authorization": f"Bearer {token}"}
        )
        threading.Thread(target=_asked, args=(asking,), daemon=True).start()
        self.soon(0.4)
        self.world.running.kill()

    def at_stop(self) -> None:
        """While stopping in order, when everything is saved and flushed."""
        self.soon(0.3)
        process = self.world.running.process
        assert process is not None
        process.terminate()
        self.soon(0.2)
        self.world.running.kill()


DEATHS = {
    "intake": Ordeal.at_intake,
    "timers": Ordeal.at_timers,
    "mail before": lambda self: Ordeal.trapped(self, "rcpt"),
    "mail after": lambda self: Ordeal.trapped(self, "data"),
    "reminder after": lambda self: Ordeal.trapped(self, "cart"),
    "call": lambda self: Ordeal.trapped(self, "call"),
    "recovery": Ordeal.at_recovery,
    "history": Ordeal.at_history,
    "stop": Ordeal.at_stop,
}


def _asked(request: urllib.request.Request) -> None:
    """Ask, and do not mind that whoever answers dies."""
    with contextlib.suppress(OSError, HTTPException), urllib.request.urlopen(request, timeout=30) as answer:
        answer.read()


def children(pid: int) -> list[int]:
    """The processes that a process has started, by /proc."""
    return [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]


def kill_one(pids: list[int], chance: random.Random) -> int:
    """SIGKILL one of some processes; which."""
    pid = chance.choice(pids)
    os.kill(pid, signal.SIGKILL)
    return pid
