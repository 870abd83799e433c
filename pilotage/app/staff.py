"""The demo's staff: the people of its teams, who do the tasks that journeys give them, over the API as people do.

Each task that is opened is planned at once: when somebody gets to it, who, and what comes of it. That is drawn by customer,
journey and instant, so equal seeds work alike. Some take so long that the task goes over to another team, or is withdrawn first.
"""

import heapq
from collections import Counter
from collections.abc import Mapping

import httpx

from pilotage.app.system import System
from pilotage.event.time import HOUR_US, MINUTE_US
from pilotage.journey.outcome import Action
from pilotage.journey.task_steps import OPENED
from pilotage.runner.arrival import Sealed
from pilotage.simulate.draws import Draws

LEFT_UNDONE = 0.1
"""The share of tasks that nobody gets to."""

LONGEST_US = 40 * HOUR_US
USUAL = 0.6
"""How often a task has the first of its outcomes; the others share the rest."""

PEOPLE = ("ada", "ben", "cem", "dia")


class Staff:
    """Does tasks when their time has come. `done` counts them by outcome, `missed` those that were gone by then."""

    def __init__(self, draws: Draws, people: Mapping[bytes, str], system: System, client: httpx.AsyncClient) -> None:
        self.done: Counter[str] = Counter()
        self.missed = 0
        self._draws = draws
        self._people = people
        self._client = client
        self._headers = {"authorization": f"Bearer {system.token}"}
        self._planned: list[tuple[int, str, str, str]] = []
        assert system.station is not None
        system.station.engine.listen(self._committed)

    async def work_until(self, now_us: int) -> None:
        """Do what somebody has got to by an instant."""
        while self._planned and self._planned[0][0] <= now_us:
            _, task, person, outcome = heapq.heappop(self._planned)
            if await self._say(f"/api/v1/tasks/{task}/claim", {"person": person}):
                await self._say(f"/api/v1/tasks/{task}/complete", {"person": person, "outcome": outcome})
                self.done[outcome] += 1
            else:
                self.missed += 1

    async def _say(self, path: str, body: dict[str, str]) -> bool:
        """Whether the task was there; one that is withdrawn, or whose entry has ended, is no more."""
        answer = await self._client.post(path, json=body, headers=self._headers)
        if answer.status_code not in (200, 404):
            raise RuntimeError(f"the list of tasks answered {answer.status_code}: {answer.text}")
        return answer.status_code == 200

    def _committed(self, number: int, sealed: Sealed) -> None:
        for action in sealed.actions:
            if action.kind == "task" and action.variables["told"] == OPENED:
                self._plan(action)

    def _plan(self, action: Action) -> None:
        customer, key = int(self._people[action.subject][1:]), f"{action.journey}|{action.step}|{action.not_before_us}"
        if self._draws.unit(customer, "left undone", key) < LEFT_UNDONE:
            return
        at_us = action.not_before_us + 30 * MINUTE_US + int(self._draws.unit(customer, "got to", key) ** 2 * LONGEST_US)
        first, *others = action.variables["outcomes"]
        usual = not others or self._draws.unit(customer, "usual", key) < USUAL
        outcome = first if usual else self._draws.pick(others, customer, "outcome", key)
        person = self._draws.pick(PEOPLE, customer, "person", key)
        heapq.heappush(self._planned, (at_us, action.subject.hex() + action.effect.hex(), person, outcome))
