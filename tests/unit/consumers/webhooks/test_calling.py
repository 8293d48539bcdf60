"""A hostile receiver harms nothing: it costs bounded time and bytes, and leads nowhere."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from buystream.consumers.webhooks.calling import BODY_BYTES_MAX, WORDS_CHARS_MAX, WebhookCaller
from buystream.consumers.webhooks.schedule import TryResult
from tests.support.patience import patient

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
PATIENT_SECONDS = patient(30)
SHORT_SECONDS = 0.3


async def request_of(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return head + await reader.readexactly(length)


def called(serve: Serve, *, seconds: float = PATIENT_SECONDS, body: bytes = b"{}") -> TryResult:
    """What came of a call to a server that behaves like this."""

    async def run() -> TryResult:
        ended = asyncio.Event()

        async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await serve(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.transport.abort()
                ended.set()

        server = await asyncio.start_server(guarded, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        answer = await WebhookCaller(to_loopback=True, seconds=seconds).post(
            f"http://127.0.0.1:{port}/hooks?x=1", {"webhook-id": "msg_1"}, body
        )
        await asyncio.wait_for(ended.wait(), PATIENT_SECONDS)
        server.close()
        return answer

    return asyncio.run(run())


def answering(text: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(text)
        await writer.drain()

    return serve


def test_the_request_is_an_ordinary_one() -> None:
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await request_of(reader))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine")
        await writer.drain()

    assert called(serve, body=b'{"a":1}') == TryResult(200, "fine")
    head, _, body = seen[0].partition(b"\r\n\r\n")
    assert body == b'{"a":1}'
    assert head.startswith(b"POST /hooks?x=1 HTTP/1.1\r\n")
    for line in (b"webhook-id: msg_1", b"Content-Type: application/json", b"Content-Length: 7"):
        assert line.lower() in head.lower()


def test_a_redirect_is_not_followed() -> None:
    answer = called(answering(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"))
    assert answer.status == 302
    assert not answer.is_success


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(b"120", 120), (b"soon", 0), (b"-5", 0), (b"Fri, 31 Dec 1999 23:59:59 GMT", 0), (b"9" * 30, 0)],
)
def test_retry_after_is_read(value: bytes, seconds: int) -> None:
    answer = called(answering(b"HTTP/1.1 503 X\r\nRetry-After: %s\r\nContent-Length: 0\r\n\r\n" % value))
    assert (answer.status, answer.retry_after_seconds) == (503, seconds)


def test_a_date_in_retry_after_is_read() -> None:
    answer = called(
        answering(b"HTTP/1.1 503 X\r\nRetry-After: Fri, 31 Dec 2999 23:59:59 GMT\r\nContent-Length: 0\r\n\r\n")
    )
    assert answer.retry_after_seconds > 86_400


def test_a_silent_receiver_is_left() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until the caller goes

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        await serve(reader, writer)

    assert called(silent, seconds=SHORT_SECONDS) == TryResult(0, "No answer within 0.3 seconds.")


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"])
def test_an_answer_that_drips_is_left(start: bytes) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(start)
        leaving = asyncio.ensure_future(reader.read())
        while not leaving.done():
            writer.write(b"x")
            await asyncio.wait([leaving], timeout=SHORT_SECONDS / 15)

    answer = called(drip, seconds=SHORT_SECONDS)
    assert not answer.status


def test_an_endless_head_is_cut() -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while not writer.is_closing():
            writer.write(b"X-Filler: " + b"x" * 1_000 + b"\r\n")
            await writer.drain()

    assert not called(endless).status


def test_a_huge_body_is_not_read() -> None:
    sent = 0

    async def huge(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await request_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"y" * 65_536)
            await writer.drain()
            sent += 65_536

    answer = called(huge)
    assert answer.status == 200
    assert len(answer.words) <= WORDS_CHARS_MAX < BODY_BYTES_MAX
    assert sent < 100_000_000  # what the system's buffers take, and no more


@pytest.mark.parametrize("text", [b"", b"hello\r\n\r\n", b"HTTP/1.1 banana\r\n\r\n", b"\x16\x03\x01" * 100])
def test_what_is_no_answer_is_a_failure(text: bytes) -> None:
    assert not called(answering(text)).status


def test_what_an_answer_says_is_kept_as_a_plain_line() -> None:
    answer = called(answering(b"HTTP/1.1 500 X\r\n\r\nbad\x00\x1b[31m \xff\nline"))
    assert answer.words == "bad [31m \ufffd line"


def test_a_name_that_turns_to_this_machine_is_not_called() -> None:
    """The name was harmless when the merchant gave it; now its owner's resolver says 127.0.0.1."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        assert host == "intern.example"
        return ["127.0.0.1"]

    answer = asyncio.run(WebhookCaller(resolve=resolve).post("https://intern.example/", {}, b""))
    assert answer == TryResult(0, "127.0.0.1 is not on the internet.")


def test_a_checked_address_is_what_is_connected_to() -> None:
    """The resolver is asked once: a second answer could be another."""
    asked = 0

    async def run() -> TryResult:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            assert b"Host: shop.example" in await request_of(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            writer.close()

        async def resolve(host: str, port: int) -> Sequence[str]:
            nonlocal asked
            asked += 1
            return ["127.0.0.1"]

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        answer = await WebhookCaller(to_loopback=True, resolve=resolve).post(f"http://shop.example:{port}/", {}, b"")
        server.close()
        return answer

    assert asyncio.run(run()).status == 200
    assert asked == 1
