"""The front door of the HTTP server: it sends each request to the application it is for.

Events go straight to the intake and links to the link server, both raw ASGI applications; everything else is the API's.
Until the shards have recovered, and from the moment the system stops, events and links are answered with 503.
"""

from typing import Any

from opentelemetry import propagate, trace

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
        self._tracer = trace.get_tracer("pilotage")
        self._traced = not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider | trace.NoOpTracerProvider)

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
        elif self._traced:
            await self._trace(application, scope, receive, send)
        else:
            await application(scope, receive, send)

    async def _trace(self, application: Any, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on inside a span of its own, whose context its events then carry."""
        given = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        kind = trace.SpanKind.SERVER
        name = scope["path"] if application is self.intake else "link"  # a link's path tells whom it was sent to
        with self._tracer.start_as_current_span(name, context=propagate.extract(given), kind=kind):
            own: dict[str, str] = {}
            propagate.inject(own)
            headers = [(name, value) for name, value in scope["headers"] if name != b"traceparent"]
            headers += [(name.encode(), value.encode()) for name, value in own.items()]
            await application({**scope, "headers": headers}, receive, send)
