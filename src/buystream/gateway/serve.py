"""Serve the gateway inside this process, by uvicorn on the running loop."""

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager

import uvicorn
import uvloop

from buystream.errors import BuystreamError
from buystream.gateway.app import create_app
from buystream.gateway.runtime import Gateway, GatewayParts
from buystream.gateway.server.connection import Connection
from buystream.host.health import serve_health

_log = logging.getLogger(__name__)

BACKLOG = 2_048
STOP_SECONDS = 15
FAILURE_SECONDS = 0.5
"""How often a server looks whether it can continue."""

LOOK_TICKS = 5
"""uvicorn's ticks, ten in a second, from one look at all connections to the next."""

OnListening = Callable[[Callable[[], object]], None]
"""Called once requests are answered, with a function that stops the server and may be called from any thread."""


class CannotServe(BuystreamError):
    """The server could not start, or ended unexpectedly."""


class Server(uvicorn.Server):
    """Says when it listens, and leaves signals to its caller."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        await super().startup(sockets)
        self.listening.set()

    async def on_tick(self, counter: int) -> bool:
        """End connections that take too long."""
        if counter % LOOK_TICKS == 0:
            now = asyncio.get_running_loop().time()
            for connection in tuple(self.server_state.connections):
                if isinstance(connection, Connection):
                    connection.look(now)
        return await super().on_tick(counter)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the caller."""
        yield


def run(parts: GatewayParts, *, host: str, port: int, on_listening: OnListening = lambda stop: None) -> None:
    """Serve until SIGINT, SIGTERM or a call of the stop function; returns after a clean stop. Raises CannotServe.
    Call it in the main thread."""

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
    with closing(bound(host, port)) as listener, ExitStack() as stack:
        app = create_app(parts)
        gateway, loop = app.gateway, asyncio.get_running_loop()
        server = Server(
            configuration(
                app, type("ShopConnection", (Connection,), {"buy": app.buy, "front_door": gateway.front_door})
            )
        )
        try:
            await gateway.start()
        except Exception as error:
            raise CannotServe(f"can't serve at {host}:{port}: {error}") from error
        _show_health(parts, gateway, stack)
        try:
            serving = asyncio.create_task(server.serve([listener]))
            await _first(serving, server.listening)
            if not serving.done():
                on_listening(lambda: loop.call_soon_threadsafe(stopping.set))
                failing = asyncio.create_task(_stop_on_failure(gateway, stopping))
                await _first(serving, stopping)
                failing.cancel()
            gateway.watchers.close()  # the server waits for every open answer
            server.should_exit = True
            await serving
        finally:
            await gateway.stop()
    if gateway.failure:
        raise CannotServe(f"the server at {host}:{port} can't go on: {gateway.failure}")
    if not stopping.is_set():
        raise CannotServe(f"the server at {host}:{port} ended unexpectedly; see the log lines above")


def _show_health(parts: GatewayParts, gateway: Gateway, stack: ExitStack) -> None:
    """On a port of its own until the stack ends: what it says names hosts and files."""
    if parts.metrics_at is not None:
        host, port = parts.metrics_at
        registries = (parts.metrics, gateway.registry)
        port = stack.enter_context(
            serve_health(
                host, port, lambda: gateway.problem, registries=registries, or_free=parts.metrics_at_another_port
            )
        )
        _log.info("health and metrics at http://%s:%d", host, port)


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
        date_header=True,  # phones' clocks are minutes off: pages count down by ours
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=STOP_SECONDS,
    )


def bound(host: str, port: int) -> socket.socket:
    """A socket bound to that address; raises CannotServe."""
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


async def _stop_on_failure(gateway: Gateway, stopping: asyncio.Event) -> None:
    """A server that can't continue ends, so that its supervisor restarts it; otherwise it would answer 503 for ever."""
    while not gateway.failure:
        await asyncio.sleep(FAILURE_SECONDS)
    stopping.set()


async def _first(serving: "asyncio.Task[None]", event: asyncio.Event) -> None:
    """Until the event happens or the server ends."""
    waiting = asyncio.create_task(event.wait())
    await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
