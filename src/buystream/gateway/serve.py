"""Serve the gateway inside this process, on Granian's embedded server (measured here: 21,000 requests/s with an empty
application on a core shared with its load generator)."""

import asyncio
import logging
import signal
import socket
from collections.abc import Callable

import uvloop
from granian.constants import Interfaces
from granian.server.embed import Server

from buystream.errors import BuystreamError
from buystream.gateway.app import GatewayApp, create_app
from buystream.gateway.decisions import IN_FLIGHT_MAX
from buystream.gateway.runtime import GatewayParts
from buystream.gateway.streams import WATCHERS_MAX

BACKLOG = 2_048
BACKPRESSURE = 2 * IN_FLIGHT_MAX + WATCHERS_MAX
"""Requests that the server hands to the application at once: above what the gateway bounds itself, so that overload is
answered with 503 and not left waiting."""

STOP_SECONDS = 15.0
CONNECT_PAUSE_SECONDS = 0.02

OnListening = Callable[[Callable[[], object]], None]
"""Called once requests are answered, with a function that stops the server and may be called from any thread."""


class CannotServe(BuystreamError):
    """The server could not start, or ended by itself."""


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
    _require_free(host, port)
    app = create_app(parts)
    loop = asyncio.get_running_loop()
    server = Server(
        app,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        backlog=BACKLOG,
        backpressure=BACKPRESSURE,
        websockets=False,
        log_enabled=False,
    )
    serving = asyncio.create_task(server.serve())
    try:
        await _listening(serving, app, host, port)
        on_listening(lambda: loop.call_soon_threadsafe(stopping.set))
        await _first(serving, stopping)
    finally:
        await _stop(server, serving, app)
    if not stopping.is_set():
        raise CannotServe(f"the server at {host}:{port} ended by itself; see the lines before this one")


def _require_free(host: str, port: int) -> None:
    """The server itself would share a port with whoever listens there (SO_REUSEPORT), or end without a word."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise CannotServe(f"can't serve at {host}:{port}: {error.strerror}; choose another port or host") from error


async def _listening(serving: "asyncio.Task[None]", app: GatewayApp, host: str, port: int) -> None:
    """Returns when a connection is accepted; raises CannotServe when the server ends before."""
    while True:
        if serving.done():
            raise CannotServe(f"can't serve at {host}:{port}: {app.gateway.failure or 'see the lines before this one'}")
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            await asyncio.sleep(CONNECT_PAUSE_SECONDS)
        else:
            writer.close()
            return


async def _first(serving: "asyncio.Task[None]", stopping: asyncio.Event) -> None:
    asked = asyncio.create_task(stopping.wait())
    await asyncio.wait({serving, asked}, return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()


async def _stop(server: Server, serving: "asyncio.Task[None]", app: GatewayApp) -> None:
    """Streams first: the server waits for every open answer."""
    app.gateway.watchers.close()
    if not serving.done():
        server.stop()  # type: ignore[no-untyped-call]
    try:
        await asyncio.wait_for(serving, STOP_SECONDS)
    except TimeoutError:
        logging.getLogger(__name__).warning("some answers didn't end in %.0f s and were cut off", STOP_SECONDS)
    except Exception:
        logging.getLogger(__name__).debug("the server ended with an error", exc_info=True)
