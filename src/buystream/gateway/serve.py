"""Serve the gateway inside this process, by uvicorn on the running loop."""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import uvicorn
import uvloop

from buystream.errors import BuystreamError
from buystream.gateway.app import create_app
from buystream.gateway.connection import Connection
from buystream.gateway.decisions import IN_FLIGHT_MAX
from buystream.gateway.runtime import GatewayParts
from buystream.gateway.streams import WATCHERS_MAX

BACKLOG = 2_048
CONNECTIONS_MAX = 4 * IN_FLIGHT_MAX + WATCHERS_MAX
"""Above what the gateway bounds itself, so that overload is answered by it, with a problem document."""

KEEP_ALIVE_SECONDS = 30
STOP_SECONDS = 15

OnListening = Callable[[Callable[[], object]], None]
"""Called once requests are answered, with a function that stops the server and may be called from any thread."""


class CannotServe(BuystreamError):
    """The server could not start, or ended by itself."""


class Server(uvicorn.Server):
    """Says when it listens, and leaves signals to its caller."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        await super().startup(sockets)
        self.listening.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None."""
        yield


def run(parts: GatewayParts, *, host: str, port: int, on_listening: OnListening = lambda stop: None) -> None:
    """Serve until SIGINT, SIGTERM or a call of the stop function; returns after a clean stop. Raises CannotServe.
    Belongs into the main thread."""

    async def until_signal() -> None:
        stopping = asyncio.Event()
        for name in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(name, stopping.set)
        await serve(parts, host=host, port=port, stopping=stopping, on_listening=on_listening)

    uvloop.run(until_signal())


async def serve(
    parts: GatewayParts, *, host: str, port: int, stopping: asyncio.Event, on_listening: OnListening
) -> None:
    """Serve until `stopping` is set, on the running loop. Raises CannotServe."""
    with closing(bound(host, port)) as listener:
        app = create_app(parts)
        gateway, loop = app.gateway, asyncio.get_running_loop()
        server = Server(configuration(app, type("ShopConnection", (Connection,), {"buy": app.buy})))
        try:
            await gateway.start()
        except Exception as error:
            raise CannotServe(f"can't serve at {host}:{port}: {error}") from error
        try:
            serving = asyncio.create_task(server.serve([listener]))
            await _first(serving, server.listening)
            if not serving.done():
                on_listening(lambda: loop.call_soon_threadsafe(stopping.set))
                await _first(serving, stopping)
            gateway.watchers.close()  # the server waits for every open answer
            server.should_exit = True
            await serving
        finally:
            await gateway.stop()
    if not stopping.is_set():
        raise CannotServe(f"the server at {host}:{port} ended by itself; see the lines before this one")


def configuration(app: object, connection: type[asyncio.Protocol], *, lifespan: bool = False) -> uvicorn.Config:
    """How uvicorn serves, here and in the benchmark's endpoints. Our gateway is started and stopped by `serve`, not by
    the application's lifespan: then its failure is an exception like any other."""
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        http=connection,
        ws="none",
        lifespan="on" if lifespan else "off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        limit_concurrency=CONNECTIONS_MAX,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )


def bound(host: str, port: int) -> socket.socket:
    """A socket of that address; raises CannotServe."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise CannotServe(f"can't serve at {host}:{port}: {error.strerror}; choose another port or host") from error
    return listener


async def _first(serving: "asyncio.Task[None]", event: asyncio.Event) -> None:
    """Until the event happens or the server ends."""
    waiting = asyncio.create_task(event.wait())
    await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
