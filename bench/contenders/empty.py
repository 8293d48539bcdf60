"""B0: an empty endpoint. It reads the body and answers the same 201 every time: what HTTP alone costs here."""

from typing import Any

import msgspec

from bench.children import Child
from bench.load import Load, drive, require_wrk, write_lines
from bench.measuring import Measured
from bench.stage import Stage
from buystream.gateway.routes.bodies.orders import OrderBody
from buystream.host.sockets import free_port
from buystream.projections.order_lines import LineView
from buystream.vocabulary.ids import new_order_id

EDITION_ID = "ed0-0123456789"
BODY = msgspec.json.encode(
    OrderBody(
        order_id=new_order_id(EDITION_ID),
        edition_id=EDITION_ID,
        merchant_id="me0-0123456789",
        title="One night only",
        quantity=1,
        price_minor=3500,
        total_minor=3500,
        lines=[LineView(variant_id="", title="", quantity=1, price_minor=3500, total_minor=3500)],
        currency="USD",
        state="held",
        hold_expires_at_ms=1,
        placed_at_ms=1,
        version=1,
    )
)
"""As long as the shop's own answer."""


def create(_configuration: dict[str, Any]) -> Any:
    """The application."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
            return
        while (await receive()).get("more_body", False):
            pass
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]
        await send({"type": "http.response.start", "status": 201, "headers": headers})
        await send({"type": "http.response.body", "body": BODY, "more_body": False})

    return app


async def lifespan(receive: Any, send: Any) -> None:
    """Nothing to start, nothing to stop."""
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return


class EmptyEndpoint:
    """One server, one number of connections."""

    best_of = "B0"
    durability = "nothing is kept"

    def __init__(self, stage: Stage, connections: int) -> None:
        self.name = f"B0 c{connections}"
        self.title = f"empty endpoint, {connections} connections"
        self._stage = stage
        self._connections = connections

    def prepare(self) -> None:
        """Start the server."""
        require_wrk()
        port = free_port()
        folder = self._stage.folder
        self._server = Child(
            "bench.asgi_server", {"app": "bench.contenders.empty:create", "port": port}, log=folder / f"{self.name}.log"
        )
        self._server.hear()
        self._load = Load(
            url=f"http://127.0.0.1:{port}/v1/orders",
            tokens=self._stage.buyers,
            editions=write_lines(folder / f"{self.name}.editions", [EDITION_ID]),
            connections=self._connections,
        )
        drive(self._load, 1)

    def round(self, seconds: float) -> Measured:
        """Load it."""
        return drive(self._load, seconds)

    def close(self) -> None:
        """Stop the server."""
        self._server.close()


def contenders(stage: Stage) -> list[EmptyEndpoint]:
    """With few and with many connections."""
    return [EmptyEndpoint(stage, connections) for connections in (64, 256)]
