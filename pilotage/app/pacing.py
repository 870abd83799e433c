"""How fast the API may be asked, and how a repeated request is recognised.

A token bucket for the whole API keeps curious scripts from slowing event intake down; its standing is told in the RateLimit
headers. Answers to requests with an Idempotency-Key are kept, so that a client which lost an answer may ask again.
"""

import asyncio
import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from litestar.datastructures import MutableScopeHeaders
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from pilotage.app.problems import MEDIA_TYPE, BadAsk, problem

Answer = TypeVar("Answer")
PER_S = 500.0
BURST = 1_000
REPEATS_KEPT = 1_000


class Pacing:
    """ASGI middleware: refuses with 429 what comes too fast, and tells how much is left."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._left = float(BURST)
        self._at_s = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        now_s = asyncio.get_running_loop().time()
        self._left = min(float(BURST), self._left + (now_s - self._at_s) * PER_S) if self._at_s else float(BURST)
        self._at_s = now_s
        if self._left < 1:
            return await _refuse(send)
        self._left -= 1
        left = int(self._left)

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableScopeHeaders.from_message(message)
                headers["ratelimit-policy"] = f'"api";q={BURST};w={math.ceil(BURST / PER_S)}'
                headers["ratelimit"] = f'"api";r={left};t={math.ceil((BURST - left) / PER_S)}'
            await send(message)

        await self._app(scope, receive, told)


async def _refuse(send: Send) -> None:
    body = msgspec.json.encode(problem(429, "Too many requests at once; ask again after 1 s.").content)
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"retry-after", b"1"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 429, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


class Repeats:
    """The answers of the latest requests that had an Idempotency-Key."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[tuple[object, ...], asyncio.Task[Any]]] = OrderedDict()

    async def once(self, key: str, what: tuple[object, ...], act: Callable[[], Awaitable[Answer]]) -> Answer:
        """Act, or give the answer that the same request had before; 409 if the key was another request's."""
        if not key:
            return await act()
        known = self._known.get(key)
        if known is not None and known[0] != what:
            raise BadAsk(409, "This Idempotency-Key was used for another request; use a fresh one for each.")
        if known is None:
            task = asyncio.ensure_future(_awaited(act))
            self._known[key] = (what, task)
            if len(self._known) > REPEATS_KEPT:
                self._known.popitem(last=False)
        else:
            task = known[1]
        try:
            answer: Answer = await asyncio.shield(task)
            return answer
        except Exception:
            self._known.pop(key, None)  # a request that failed may be tried again
            raise


async def _awaited(act: Callable[[], Awaitable[Any]]) -> Any:
    return await act()
