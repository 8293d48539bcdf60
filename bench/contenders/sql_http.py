"""B2: the SQL of B1 behind our HTTP shell: the same server, the same checks of body, ids and session as on the shop's
hot path, then the transaction in a thread with its own connection. An order id sent twice is refused by its key."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg2
from psycopg2.errors import UniqueViolation

from bench.children import Child
from bench.contenders import sql
from bench.contenders.empty import lifespan
from bench.load import Load, drive, require_wrk, write_lines
from bench.measuring import Measured
from bench.stage import PARTITIONS, Stage
from buystream.gateway.routes.bodies.fields import encode
from buystream.gateway.routes.bodies.orders import OrderBody
from buystream.gateway.routes.buy import _body, _order
from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.sessions import Sessions
from buystream.host.sockets import free_port
from buystream.vocabulary.ids import new_edition_id

THREADS = 16

TAKE = "UPDATE edition SET sold = sold + 1 WHERE edition_id = %s AND sold < stock"
PLACE = """INSERT INTO orders (order_id, edition_id, buyer_id, quantity, price_minor) VALUES (%s, %s, %s, %s, %s)
           RETURNING (extract(epoch FROM placed_at) * 1000)::bigint"""


class SqlShop:
    """The application."""

    def __init__(self, dsn: str, secret: bytes) -> None:
        self._dsn = dsn
        self._sessions = Sessions(secret, partitions=PARTITIONS, host_secrets={}, secure_cookie=False)
        self._threads = ThreadPoolExecutor(THREADS)
        self._local = threading.local()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
            return
        try:
            status, body = 201, await self._place(scope, receive)
        except HttpProblem as problem:
            status, body = problem.status, problem.body()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    async def _place(self, scope: Any, receive: Any) -> bytes:
        headers = dict(scope["headers"])
        order = _order(await _body(receive, headers.get(b"content-length", b"")))
        buyer_id = self._sessions.buyer_of_request(headers.get(b"authorization", b""), headers.get(b"cookie", b""))
        if buyer_id is None:
            raise HttpProblem("no-session")
        loop = asyncio.get_running_loop()
        placed_at_ms = await loop.run_in_executor(self._threads, self._transaction, order, buyer_id)
        return encode(
            OrderBody(
                order_id=order.order_id,
                edition_id=order.edition_id,
                merchant_id="",
                title="",
                quantity=order.quantity,
                price_minor=order.price_minor,
                total_minor=order.price_minor * order.quantity,
                currency="USD",
                state="held",
                placed_at_ms=placed_at_ms,
                version=1,
            )
        )

    def _transaction(self, order: Any, buyer_id: str) -> int:
        mine = getattr(self._local, "connection", None)
        if mine is None:
            mine = self._local.connection = psycopg2.connect(self._dsn)
        try:
            with mine, mine.cursor() as cur:
                cur.execute(TAKE, (order.edition_id,))
                if cur.rowcount != 1:
                    raise HttpProblem("sold-out", reason="sold_out")
                cur.execute(PLACE, (order.order_id, order.edition_id, buyer_id, order.quantity, order.price_minor))
                (placed_at_ms,) = cur.fetchone()
                return int(placed_at_ms)
        except UniqueViolation:
            raise HttpProblem("order-id-conflict") from None


def create(configuration: dict[str, Any]) -> SqlShop:
    """The application."""
    return SqlShop(configuration["dsn"], configuration["secret"].encode())


class SqlBehindHttp:
    """With 64 connections: more only wait for one another."""

    name = "B2"
    title = "the same SQL behind our HTTP server, 64 connections"
    durability = sql.FSYNCED
    best_of = ""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def prepare(self) -> None:
        """Tables and server."""
        require_wrk()
        edition_id, port = new_edition_id(0), free_port()
        dsn = self._stage.database("bench_b2")
        with psycopg2.connect(dsn) as conn, conn.cursor() as cur:
            cur.execute(sql.SCHEMA)
            cur.execute("UPDATE edition SET edition_id = %s", (edition_id,))
        conn.close()
        self._server = Child(
            "bench.asgi_server",
            {
                "app": "bench.contenders.sql_http:create",
                "port": port,
                "dsn": dsn,
                "secret": self._stage.secret.decode(),
            },
            log=self._stage.folder / "B2.log",
        )
        self._server.hear()
        self._load = Load(
            url=f"http://127.0.0.1:{port}/v1/orders",
            tokens=self._stage.buyers,
            editions=write_lines(self._stage.folder / "B2.editions", [edition_id]),
            connections=64,
        )
        drive(self._load, 1)

    def round(self, seconds: float) -> Measured:
        """Load it."""
        self._stage.checkpoint()
        return drive(self._load, seconds)

    def close(self) -> None:
        """Stop the server."""
        self._server.close()


def contenders(stage: Stage) -> list[SqlBehindHttp]:
    """One."""
    return [SqlBehindHttp(stage)]
