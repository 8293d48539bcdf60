"""A merchant's receiver of webhooks, on this machine: it notes what comes, and answers as a test wants."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import msgspec


class Received(NamedTuple):
    """A request, and its body as JSON."""

    headers: dict[str, str]
    raw: bytes
    body: dict[str, Any]


class Receiver:
    """`status_of` decides what it answers; 204 unless set."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.received: list[Received] = []
        self.status_of: Callable[[Received], int] = lambda _: 204

    @property
    def accepted(self) -> list[dict[str, Any]]:
        """The bodies of what it answered with 2xx."""
        return [one.body for one in self.received if self.status_of(one) < 300]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver at work."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            one = Received({name.lower(): value for name, value in self.headers.items()}, raw, msgspec.json.decode(raw))
            receiver.received.append(one)
            self.send_response(receiver.status_of(one))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}/hooks")
    thread = threading.Thread(target=server.serve_forever, name="receiver", daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
