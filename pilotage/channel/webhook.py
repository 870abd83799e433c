"""Webhooks: JSON to endpoints of other systems by HTTP POST, signed as Standard Webhooks 1.0.0 prescribes.

The effect key is the `webhook-id` and the `Idempotency-Key`, the same at each attempt, so a receiver can drop repeats.
Redirects are not followed: a signed message goes only where the environment says.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import msgspec

from pilotage.channel.channel import Channel, Fate, Message, Receipt
from pilotage.channel.kinds import WEBHOOK, Endpoint
from pilotage.channel.services import Services, read_settings
from pilotage.event.time import SECOND_US, instant_us

ANSWER_BYTES_MAX = 64 * 1024
RETRY_AFTER_S_MAX = 24 * 3600.0
_NO_HAND_OVER = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class BadSecret(ValueError):
    """A secret begins with `whsec_` but what follows is not base64. Copy it whole from the receiver's settings."""


def signing_key(secret: str) -> bytes:
    """The key bytes of a Standard Webhooks secret."""
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error as fault:
        raise BadSecret("after whsec_ comes base64; copy the secret whole from the receiver's settings") from fault


def signature(key: bytes, identity: str, timestamp_s: int, body: bytes) -> str:
    """The `webhook-signature` of a message: `v1,` and base64 of HMAC-SHA-256 over `id.timestamp.body`."""
    signed = f"{identity}.{timestamp_s}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def verify(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether a received message bears a signature of this secret; for receivers and tests."""
    expected = signature(signing_key(secret), headers["webhook-id"], int(headers["webhook-timestamp"]), body)
    return any(hmac.compare_digest(expected, given) for given in headers["webhook-signature"].split(" "))


def build(settings: Mapping[str, Any], services: Services) -> Channel:
    """The channel of an environment: its own settings are the endpoint `default`, if there are any."""
    bound = {**services.endpoints, **({"default": settings} if settings else {})}
    endpoints = {name: read_settings(f"webhook endpoint {name}", endpoint, Endpoint) for name, endpoint in bound.items()}
    return Webhook(endpoints, services.now_us)


class Webhook:
    """The channel. `endpoints` are the environment's, by name; a message's `target` names one (a send without a target
    goes to the one named `default`). `now_us` is the clock that stamps signatures."""

    name = "webhook"
    idempotent = True
    parts_required = WEBHOOK.parts_required
    parts_allowed = WEBHOOK.parts_allowed

    def __init__(self, endpoints: Mapping[str, Endpoint], now_us: Callable[[], int], client: httpx.AsyncClient | None = None) -> None:
        self.endpoints = dict(endpoints)
        self._keys = {name: signing_key(endpoint.secret) for name, endpoint in endpoints.items() if endpoint.secret}
        self._now_us = now_us
        self._client = client or httpx.AsyncClient(follow_redirects=False, limits=httpx.Limits(max_connections=200), trust_env=False)

    async def send(self, message: Message) -> Receipt:
        """POST the message's `body` to its endpoint."""
        name = message.target or "default"
        endpoint = self.endpoints.get(name)
        if endpoint is None:
            known = ", ".join(sorted(self.endpoints)) or "none"
            return Receipt(Fate.FAILED, reason=f"endpoint {name!r} is not bound in this environment; bound are: {known}")
        body = message.parts.get("body", "").encode()
        try:
            request = self._client.build_request(
                "POST", endpoint.url, content=body, headers=self._headers(name, endpoint, message, body), timeout=endpoint.timeout_s
            )
            response = await self._client.send(request, stream=True)
            try:
                return await self._receipt(response)
            finally:
                await response.aclose()
        except _NO_HAND_OVER as fault:
            return Receipt(Fate.RETRY, reason=f"no connection: {type(fault).__name__}")
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, ValueError) as fault:
            return Receipt(Fate.FAILED, reason=f"the request cannot be made: {fault}")
        except httpx.TransportError as fault:
            return Receipt(Fate.UNKNOWN, reason=f"no answer: {type(fault).__name__}")

    def _headers(self, name: str, endpoint: Endpoint, message: Message, body: bytes) -> dict[str, str]:
        stamp_s = self._now_us() // SECOND_US
        headers = {**message.headers, **endpoint.headers}
        headers |= {"content-type": "application/json", "user-agent": "pilotage", "idempotency-key": message.idempotency_key}
        headers |= {"webhook-id": message.idempotency_key, "webhook-timestamp": str(stamp_s)}
        if name in self._keys:
            headers["webhook-signature"] = signature(self._keys[name], message.idempotency_key, stamp_s, body)
        return headers

    async def _receipt(self, response: httpx.Response) -> Receipt:
        status = response.status_code
        if 200 <= status < 300:
            return await self._answer(response)
        reason = f"HTTP {status}"
        if status in (408, 425, 429) or (500 <= status < 600 and status not in (501, 505)):
            return Receipt(Fate.RETRY, reason=reason, retry_after_s=retry_after_s(response.headers.get("retry-after", ""), self._now_us()))
        if 300 <= status < 400:
            reason = f"HTTP {status}: redirects are not followed; bind the endpoint to its final address"
        return Receipt(Fate.FAILED, reason=reason)

    async def _answer(self, response: httpx.Response) -> Receipt:
        """A receiver that accepted: its JSON object is kept if it is small enough; what it is otherwise does not matter."""
        taken = bytearray()
        try:
            async for chunk in response.aiter_bytes():
                taken += chunk
                if len(taken) > ANSWER_BYTES_MAX:
                    return Receipt(Fate.SENT, reason=f"the answer is larger than {ANSWER_BYTES_MAX} bytes and was not kept")
        except httpx.HTTPError as fault:
            return Receipt(Fate.SENT, reason=f"the answer broke off: {type(fault).__name__}")
        return Receipt(Fate.SENT, provider_id=response.headers.get("x-request-id", "")[:200], body=_json_object(bytes(taken)))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _json_object(raw: bytes) -> dict[str, Any]:
    try:
        answer = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return answer if isinstance(answer, dict) else {}


def retry_after_s(text: str, now_us: int) -> float:
    """Seconds of a Retry-After header (RFC 9110, section 10.2.3: seconds or a date), 0 when there is none, a day at most."""
    if text.isdigit():
        return min(float(text), RETRY_AFTER_S_MAX)
    try:
        return min(max(0.0, (instant_us(parsedate_to_datetime(text)) - now_us) / SECOND_US), RETRY_AFTER_S_MAX)
    except ValueError:
        return 0.0
