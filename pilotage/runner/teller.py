"""Telling subjects what became of their actions: receipts, many in one submission, each until it is durable.

While one submission is being written the next one gathers, so that a message costs a share of a commit and not one of its
own. Only when its receipt is durable is an action's row let go.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence

import structlog

from pilotage.runner.clock import Clock
from pilotage.runner.delivery import Ports, Rows, queue_name
from pilotage.runner.outbox import ActionRow, Status, cancel_key, encode_row, receipted
from pilotage.runner.receipt import is_kept, receipt_event
from pilotage.source.sink import Overloaded

log = structlog.get_logger("pilotage.dispatcher")


class Teller:
    """Tells of finished rows. `let_go` takes what may then be removed or marked as done, `spawn` runs a task."""

    def __init__(
        self, ports: Ports, clock: Clock, let_go: Callable[[Rows], None], spawn: Callable[[Coroutine[None, None, None]], None]
    ) -> None:
        self._ports = ports
        self._clock = clock
        self._let_go = let_go
        self._spawn = spawn
        self._untold: list[ActionRow] = []
        self._telling = False
        self.waiting = 0
        """How many rows' receipts are not durable yet."""

    def tell(self, row: ActionRow) -> None:
        """Have a row's subject told, and the row let go then."""
        self._untold.append(row)
        self.waiting += 1
        if not self._telling:
            self._telling = True
            self._spawn(self._tell_all())

    async def submit(self, rows: Sequence[ActionRow]) -> None:
        """Submit the receipts of rows; returns when all are durable."""
        now_us = self._clock.now_us()
        told = [(row.action.subject, receipt_event(row, now_us)) for row in rows]
        while told:
            try:
                await self._ports.submit(told)
                return
            except Overloaded as busy:
                await asyncio.sleep(busy.retry_after_s)

    async def _tell_all(self) -> None:
        while self._untold:
            rows, self._untold = self._untold, []
            await self.submit(rows)
            self.waiting -= len(rows)
            self._let_go([pair for row in rows for pair in _told(row)])
        self._telling = False


def _told(row: ActionRow) -> Rows:
    """What is written of a row whose receipt is durable: it goes, or stays listed."""
    action = row.action
    if row.status not in (Status.SENT, Status.CANCELLED):
        log.info("not handed over", queue=queue_name(action), effect=action.effect.hex(), fate=row.status.value, attempts=row.attempts)
    cancelled = [(cancel_key(action.subject, action.effect), None)] if row.late or row.status is Status.CANCELLED else []
    return [encode_row(receipted(row)) if is_kept(row) else (row.key, None), *cancelled]
