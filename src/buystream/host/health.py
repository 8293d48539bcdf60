"""What a process reports to its operators: /healthz, /readyz and /metrics, on a port that no buyer reaches."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from buystream.errors import BuystreamError

TEXT = "text/plain; charset=utf-8"

Problem = Callable[[], str | None]
"""Why a process can't do its work now, or None."""


class CannotListen(BuystreamError):
    """The port can't be had."""


@contextmanager
def serve_health(
    host: str,
    port: int,
    problem: Problem,
    *,
    registries: Sequence[CollectorRegistry] = (REGISTRY,),
    or_free: bool = False,
) -> Iterator[int]:
    """Answer while this lasts; gives the port, which with `or_free` is another one if that is taken. Raises
    CannotListen."""

    class Handler(_Handler):
        said = staticmethod(problem)
        measured = tuple(registries)

    try:
        server = _bound((host, port), Handler, or_free=or_free)
    except OSError as error:
        raise CannotListen(
            f"can't serve metrics at {host}:{port}: {error.strerror}; choose another BUYSTREAM_METRICS_PORT"
        ) from error
    thread = threading.Thread(target=server.serve_forever, name="health", daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _bound(address: tuple[str, int], handler: type[BaseHTTPRequestHandler], *, or_free: bool) -> ThreadingHTTPServer:
    try:
        return ThreadingHTTPServer(address, handler)
    except OSError:
        if not or_free:
            raise
        return ThreadingHTTPServer((address[0], 0), handler)


class _Handler(BaseHTTPRequestHandler):
    said: Problem
    measured: tuple[CollectorRegistry, ...]
    server_version = sys_version = ""
    timeout = 10

    def do_GET(self) -> None:
        """One of three pages."""
        match self.path.partition("?")[0]:
            case "/healthz":
                self._answer(200, b"ok\n", TEXT)
            case "/readyz":
                problem = type(self).said()
                self._answer(503 if problem else 200, f"{problem or 'ready'}\n".encode(), TEXT)
            case "/metrics":
                page = b"".join(generate_latest(registry) for registry in type(self).measured)
                self._answer(200, page, CONTENT_TYPE_LATEST)
            case _:
                self._answer(404, b"there is /healthz, /readyz and /metrics\n", TEXT)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """A monitor looks every few seconds: not worth a line."""

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
