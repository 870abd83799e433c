"""The demo's service desk: a webhook receiver that opens a ticket for every call it is given."""

from typing import Any

import msgspec

from pilotage.source.http import Receive, Scope, Send


class ServiceDesk:
    """An ASGI application: POST opens a ticket and answers with its id; a repeated key gets the same ticket."""

    def __init__(self) -> None:
        self.tickets: dict[str, dict[str, Any]] = {}
        self.repeated = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one call."""
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        if scope["method"] != "POST":
            return await _respond(send, 405, {"error": "send tasks with POST"})
        key = dict(scope["headers"]).get(b"webhook-id", b"").decode("latin-1")
        self.repeated += key in self.tickets
        ticket = self.tickets.setdefault(key, {"id": f"T-{len(self.tickets) + 1}", "task": _json(body)})
        await _respond(send, 200, {"id": ticket["id"]})


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


async def _respond(send: Send, status: int, answer: dict[str, str]) -> None:
    body = msgspec.json.encode(answer)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
