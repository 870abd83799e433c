"""Webhooks against a real HTTP server."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from pilotage.channel.channel import Fate, Message, Receipt
from pilotage.channel.kinds import Endpoint
from pilotage.channel.webhook import ANSWER_BYTES_MAX, BadSecret, Webhook, retry_after_s, signature, signing_key, verify
from pilotage.event.time import SECOND_US, parse_instant_us
from pilotage.testing.channel import check_channel, example_message

NOW_US = parse_instant_us("2015-10-21T07:27:00Z")
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Receiver:
    """An HTTP server that answers as it is told and keeps the requests; it drops repeated webhook ids."""

    def __init__(self, answer: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") -> None:
        self.answer = answer
        self.requests: list[tuple[str, dict[str, str], bytes]] = []

    @property
    def distinct(self) -> int:
        return len({headers["webhook-id"] for _, headers, _ in self.requests})

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                line, *fields = head.decode().strip().split("\r\n")
                headers = {name.lower(): value for name, _, value in (field.partition(": ") for field in fields)}
                body = await reader.readexactly(int(headers["content-length"]))
                self.requests.append((line, headers, body))
                if not self.answer:
                    break
                writer.write(self.answer)
                await writer.drain()
        except asyncio.IncompleteReadError:
            pass
        writer.close()


@asynccontextmanager
async def receiving(receiver: Receiver, **settings: object) -> AsyncIterator[dict[str, Endpoint]]:
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook?x=1"
    yield {"desk": msgspec.convert({"url": url, "secret": SECRET, **settings}, Endpoint)}
    server.close()


def message(target: str = "desk", body: str = '{"text":"grüß dich"}') -> Message:
    channel = Webhook({}, lambda: NOW_US)
    return msgspec.structs.replace(example_message(channel, "", 1, target), parts={"body": body})


def post(receiver: Receiver, sent: Message, **settings: object) -> Receipt:
    async def story() -> Receipt:
        async with receiving(receiver, **settings) as endpoints:
            channel = Webhook(endpoints, lambda: NOW_US)
            receipt = await channel.send(sent)
            await channel.close()
            return receipt

    return asyncio.run(story())


def test_the_signature_is_the_standards() -> None:
    """The example of the Standard Webhooks specification gives the specification's signature."""
    body = b'{"test": 2432232314}'
    expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert expected == signature(signing_key(SECRET), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    with pytest.raises(BadSecret, match="copy the secret whole"):
        signing_key("whsec_not base64!")


def test_a_call_arrives_signed_and_its_answer_is_kept() -> None:
    """The receiver gets the JSON with id, time and a signature it can verify; its JSON answer is in the receipt."""
    answer = b'{"ticket":{"id":7}}'
    receiver = Receiver(b"HTTP/1.1 201 Created\r\nX-Request-Id: r1\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))
    receipt = post(receiver, message(), headers={"Authorization": "Bearer t"})
    assert Receipt(Fate.SENT, provider_id="r1", body={"ticket": {"id": 7}}) == receipt
    line, headers, body = receiver.requests[0]
    assert "POST /hook?x=1 HTTP/1.1" == line
    assert {"text": "grüß dich"} == json.loads(body)
    assert (message().idempotency_key, str(NOW_US // SECOND_US), "Bearer t") == (
        headers["webhook-id"],
        headers["webhook-timestamp"],
        headers["authorization"],
    )
    assert verify(SECRET, headers, body)
    assert not verify(SECRET, headers, body + b" ")


@pytest.mark.parametrize(
    ("status", "fate", "wait_s"),
    [
        ("204 No Content", Fate.SENT, 0.0),
        ("429 Too Many\r\nRetry-After: 120", Fate.RETRY, 120.0),
        ("503 Unavailable\r\nRetry-After: Wed, 21 Oct 2015 07:28:00 GMT", Fate.RETRY, 60.0),
        ("500 Broken", Fate.RETRY, 0.0),
        ("400 Bad", Fate.FAILED, 0.0),
        ("410 Gone", Fate.FAILED, 0.0),
        ("302 Found\r\nLocation: http://127.0.0.1:1/", Fate.FAILED, 0.0),
    ],
)
def test_answers_say_whether_to_try_again(status: str, fate: Fate, wait_s: float) -> None:
    """Overload and faults may be tried again after what the receiver says; refusals may not; redirects are not followed."""
    length = "" if status.startswith("204") else "\r\nContent-Length: 0"
    receiver = Receiver(f"HTTP/1.1 {status}{length}\r\n\r\n".encode())
    receipt = post(receiver, message())
    assert (fate, wait_s, 1) == (receipt.fate, receipt.retry_after_s, len(receiver.requests))


def test_no_answer_is_unknown_and_no_connection_is_not() -> None:
    """A receiver that hangs up leaves the fate unknown; one that is not there can safely be asked again."""
    assert Fate.UNKNOWN is post(Receiver(b""), message()).fate

    async def nobody() -> Receipt:
        server = await asyncio.start_server(Receiver().serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        server.close()
        await server.wait_closed()
        return await Webhook({"desk": Endpoint(url)}, lambda: NOW_US).send(message())

    assert Fate.RETRY is asyncio.run(nobody()).fate


def test_answers_are_bounded() -> None:
    """An answer too large to keep is not kept, and an answer that is no JSON object is no body; the call counts all the same."""
    size = ANSWER_BYTES_MAX + 1
    large = post(Receiver(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size), message())
    assert (Fate.SENT, {}) == (large.fate, large.body)
    assert "larger than" in large.reason
    for answer in (b"[1]", b'{"a":"\xff"}'):
        assert Receipt(Fate.SENT) == post(Receiver(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer)), message())


def test_an_unbound_endpoint_is_named() -> None:
    """A call to an endpoint that the environment does not bind fails, and the reason names those it does."""
    receipt = post(Receiver(), message("desc"))
    assert (Fate.FAILED, "endpoint 'desc' is not bound in this environment; bound are: desk") == (receipt.fate, receipt.reason)


PAST = "Wed, 21 Oct 2015 07:00:00 GMT"


@pytest.mark.parametrize(("text", "expected"), [("", 0.0), ("5", 5.0), ("999999", 86400.0), ("soon", 0.0), (PAST, 0.0)])
def test_retry_after_is_read_as_seconds_or_a_date(text: str, expected: float) -> None:
    """Seconds, a date, or nothing; never the past and never more than a day."""
    assert expected == retry_after_s(text, NOW_US)


def test_the_channel_keeps_its_promises() -> None:
    """The channel passes the conformance suite of channels, repeated ids included."""

    async def story() -> None:
        receiver = Receiver()
        async with receiving(receiver) as endpoints:
            await check_channel(
                lambda: Webhook(endpoints, lambda: NOW_US),
                recipient="",
                target="desk",
                refused=[message("nowhere")],
                delivered=lambda: receiver.distinct,
            )

    asyncio.run(story())
