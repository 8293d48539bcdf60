"""An HTTP server that does nothing, as fast as Python can: what a crowd reaches against it is the crowd's own ceiling.
As a process it prints its port, ends when its standard input does."""

import asyncio
import sys

BODY = b'{"token":"","buyer_id":"","order_id":"","state":"held"}'
ANSWER = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)


class _Empty(asyncio.Protocol):
    """Answers each request that arrives in one piece, which a small one does on this machine."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._transport.write(ANSWER)


async def main() -> None:
    """Until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Empty, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()
