"""A lean HTTP/1.1 client: keep-alive connections, one request at a time on each, bodies with a length. A general client
costs more per request than the shop does, and a crowd must never be the bottleneck."""

import asyncio
import ssl
from urllib.parse import urlsplit

import msgspec

from buystream.errors import BuystreamError

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 30.0


class NoAnswer(BuystreamError):
    """The server couldn't be reached or hung up; whether it acted is unknown."""


class HttpAnswer(msgspec.Struct, frozen=True, gc=False):
    """An HTTP answer; a server that is overloaded says when to come back."""

    status: int
    body: bytes
    retry_after_seconds: float = 0.0

    def json(self) -> dict[str, object]:
        """The body; raises NoAnswer when it isn't an object."""
        try:
            return msgspec.json.decode(self.body, type=dict[str, object])
        except msgspec.DecodeError as error:
            raise NoAnswer(f"an answer that is no JSON: {self.body[:80]!r}") from error


class Client:
    """Connections to one server, reused last in, first out. Used on one event loop."""

    def __init__(self, url: str) -> None:
        """`url` without a path: `http://127.0.0.1:8000`."""
        parts = urlsplit(url)
        self._host, self._is_tls = parts.hostname or "", parts.scheme == "https"
        self._port = parts.port or (443 if self._is_tls else 80)
        self._authority = parts.netloc
        self._idle: list[_Connection] = []

    async def request(self, method: str, path: str, *, token: str = "", body: bytes = b"") -> HttpAnswer:
        """One request, never repeated here; raises NoAnswer."""
        connection = await self._connection()
        bearer = f"Authorization: Bearer {token}\r\n" if token else ""
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {self._authority}\r\n{bearer}"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        try:
            answer = await connection.exchange(head.encode() + body)
        except BaseException:
            connection.close()
            raise
        if connection.is_reusable:
            self._idle.append(connection)
        else:
            connection.close()
        return answer

    def close(self) -> None:
        """Close the idle connections."""
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    async def _connection(self) -> "_Connection":
        while self._idle:
            connection = self._idle.pop()
            if connection.is_reusable:
                return connection
        loop = asyncio.get_running_loop()
        tls = ssl.create_default_context() if self._is_tls else None
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, connection = await loop.create_connection(_Connection, self._host, self._port, ssl=tls)
        except (OSError, TimeoutError) as error:
            why = getattr(error, "strerror", None) or "it doesn't answer"
            raise NoAnswer(f"{self._authority} can't be reached: {why}") from error
        return connection


class _Connection(asyncio.Protocol):
    """Parses as bytes come (RFC 9112, as far as our own server speaks it)."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._waiting: asyncio.Future[HttpAnswer] | None = None
        self._body_start = 0
        self._body_bytes = 0
        self._status = 0
        self._retry_after_seconds = 0.0
        self.is_reusable = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    async def exchange(self, request: bytes) -> HttpAnswer:
        """Send a request and wait for its answer; raises NoAnswer."""
        if self._transport is None or not self.is_reusable:
            raise NoAnswer("the connection was closed")
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[HttpAnswer] = loop.create_future()
        self._waiting = waiting
        late = loop.call_later(ANSWER_SECONDS, self._fail, "no answer in time")
        self._transport.write(request)
        try:
            return await waiting
        finally:
            late.cancel()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._body_start and not self._read_head():
            return
        end = self._body_start + self._body_bytes
        if len(self._received) < end:
            return
        body = bytes(self._received[self._body_start : end])
        answer = HttpAnswer(self._status, body, self._retry_after_seconds)
        del self._received[:end]
        self._body_start = 0
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail("the connection was closed")

    def close(self) -> None:
        self.is_reusable = False
        if self._transport is not None:
            self._transport.close()

    def _read_head(self) -> bool:
        """False until the whole head is there."""
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return False
        lines = self._received[:end].decode("latin-1").lower().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
        self._status = int(lines[0].split(" ", 2)[1])
        self._body_start = end + 4
        self._body_bytes = int(headers.get("content-length", 0))
        self._retry_after_seconds = float(headers.get("retry-after", 0))
        if headers.get("connection") == "close":
            self.is_reusable = False
        if "transfer-encoding" in headers:
            self._fail("an answer in chunks, which this client doesn't read")
        return True

    def _fail(self, reason: str) -> None:
        self.is_reusable = False
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_exception(NoAnswer(reason))
