"""The front door of the HTTP server: it sends each request to the application it is for.

Events go straight to the intake and links to the link server, both raw ASGI applications; everything else is the API's.
Until the shards have recovered, and from the moment the system stops, events and links are answered with 503.
"""

from typing import Any

from pilotage.source import problem
from pilotage.source.http import Receive, Scope, Send

INTAKE_PREFIX = "/v1/"
INTAKE_PATH = "/events"
LINK_PREFIXES = ("/o/", "/c/", "/u/")


class Site:
    """The ASGI application. `intake` and `links` are set once they can work; `closed` says why nothing is taken any more."""

    def __init__(self, api: Any) -> None:
        self.api = api
        self.intake: Any = None
        self.links: Any = None
        self.pages: dict[str, Any] = {}
        self.closed = "the system is recovering its shards"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        if path.startswith(INTAKE_PREFIX) or path == INTAKE_PATH:
            await self._pass(self.intake, scope, receive, send)
        elif path.startswith(LINK_PREFIXES):
            await self._pass(self.links, scope, receive, send)
        else:
            prefix = "/" + path.split("/", 2)[1]
            await self.pages.get(prefix, self.api)(scope, receive, send)

    async def _pass(self, application: Any, scope: Scope, receive: Receive, send: Send) -> None:
        if application is None or self.closed:
            reply = problem.unavailable(self.closed)
            headers = [*reply.headers, (b"content-length", str(len(reply.body)).encode())]
            await send({"type": "http.response.start", "status": reply.status, "headers": headers})
            await send({"type": "http.response.body", "body": reply.body})
        else:
            await application(scope, receive, send)
