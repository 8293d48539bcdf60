"""One HTTP request to an address of a merchant, whatever is there: bounded in time and in bytes, without redirects, to
a checked address only. HTTP/1.1 by h11; a connection serves one request."""

import asyncio
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import h11

from buystream import __version__
from buystream.consumers.webhooks.addresses import (
    BadAddress,
    Resolve,
    Target,
    checked_addresses,
    resolve_by_system,
    target_of,
)
from buystream.consumers.webhooks.schedule import TryResult

CALL_SECONDS: Final = 15.0
"""From the resolver's first question to the end of the answer, however slowly it drips."""

CONNECT_SECONDS: Final = 5.0
"""For each of the addresses of a name."""

ADDRESSES_MAX: Final = 3
HEAD_BYTES_MAX: Final = 16_384
BODY_BYTES_MAX: Final = 4_096
"""Of an answer's body; the rest is not read."""

WORDS_CHARS_MAX: Final = 300

_CHUNK: Final = 4_096


class WebhookCaller:
    """Used on one event loop. `seconds` is the time for one call."""

    def __init__(
        self,
        *,
        to_loopback: bool = False,
        resolve: Resolve = resolve_by_system,
        seconds: float = CALL_SECONDS,
        trusting: ssl.SSLContext | None = None,
    ) -> None:
        self._to_loopback = to_loopback
        self._resolve = resolve
        self._seconds = seconds
        self._trusting = trusting or ssl.create_default_context()

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> TryResult:
        """What came of it; never raises."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._post(target_of(url, to_loopback=self._to_loopback), headers, body)
        except TimeoutError:
            return TryResult(0, f"No answer within {self._seconds:g} seconds.")
        except (BadAddress, ssl.SSLError, h11.RemoteProtocolError) as error:
            return TryResult(0, _words(str(error)))
        except (OSError, UnicodeError) as error:  # UnicodeError: a name that IDNA doesn't take
            return TryResult(0, _words(f"{type(error).__name__}: {error}"))

    async def _post(self, target: Target, headers: Mapping[str, str], body: bytes) -> TryResult:
        addresses = await checked_addresses(target, self._resolve, to_loopback=self._to_loopback)
        reader, writer = await self._connected(target, addresses)
        try:
            return await _exchange(reader, writer, target, headers, body)
        finally:
            writer.transport.abort()  # an orderly end would wait for the other side

    async def _connected(
        self, target: Target, addresses: list[str]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        encrypted = target.scheme == "https"
        failure: OSError = OSError("no address")
        for address in addresses[:ADDRESSES_MAX]:
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    return await asyncio.open_connection(
                        address,
                        target.port,
                        limit=HEAD_BYTES_MAX,
                        ssl=self._trusting if encrypted else None,
                        server_hostname=target.host if encrypted else None,
                    )
            except TimeoutError:
                failure = OSError(f"{address} doesn't answer")
            except OSError as error:
                failure = error
        raise failure


async def _exchange(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    target: Target,
    headers: Mapping[str, str],
    body: bytes,
) -> TryResult:
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_BYTES_MAX)
    request = h11.Request(
        method="POST",
        target=target.path,
        headers=[
            ("Host", target.authority),
            ("User-Agent", f"buystream/{__version__}"),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("Connection", "close"),
            *headers.items(),
        ],
    )
    sent = connection.send(request), connection.send(h11.Data(data=body)), connection.send(h11.EndOfMessage())
    writer.write(b"".join(part for part in sent if part))
    await writer.drain()
    response: h11.Response | None = None
    excerpt = b""
    while len(excerpt) < BODY_BYTES_MAX:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(_CHUNK))
        elif isinstance(event, h11.Response):
            response = event
        elif isinstance(event, h11.Data):
            excerpt += event.data
        elif not isinstance(event, h11.InformationalResponse):
            break
    if response is None:
        return TryResult(0, "The connection ended without an answer.")
    return TryResult(
        response.status_code,
        _words(excerpt[:BODY_BYTES_MAX].decode(errors="replace")),
        _retry_after(dict(response.headers).get(b"retry-after", b"").decode("latin-1")),
    )


def _retry_after(text: str) -> int:
    """Seconds, or a date (RFC 9110, 10.2.3); 0 for what is neither."""
    if text.isascii() and text.isdigit() and len(text) < 10:
        return int(text)
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return 0
    return max(0, round((when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds()))


def _words(text: str) -> str:
    """One line that a database and a page can keep."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:WORDS_CHARS_MAX]
