"""The transparency log, as https://c2sp.org/tlog-tiles has it, and the receipts that it proves. What is served below
/tlog is public; a receipt is its buyer's."""

import asyncio
import gzip
from collections.abc import Callable
from typing import Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from psycopg2.extensions import cursor

from buystream.gateway.pages.assets import LONG_CACHE
from buystream.gateway.routes.checkout import own_order
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.problems import HttpProblem
from buystream.projections.proved_events import decision_on, last_sold_out
from buystream.transparency import tables
from buystream.transparency.proofs import Proof
from buystream.transparency.receipts import receipt_of
from buystream.transparency.tiles import NoSuchTile, tile_at
from buystream.vocabulary.codec import read_head

TEXT: Final = "text/plain"
BYTES: Final = "application/octet-stream"

CHECKPOINT_CACHE: Final = "public, max-age=1"
CHECKPOINT_SECONDS: Final = 0.25
"""How long all who ask for the checkpoint share one."""

PROOF_SECONDS: Final = 3.0
"""How long a request waits until its order is in a published tree: a checkpoint comes each second."""

PROOF_POLL_SECONDS: Final = 0.2

NOT_BEGUN: Final = "The transparency log has published no checkpoint yet."


@get("/tlog/checkpoint", include_in_schema=False)
async def checkpoint(gateway: NamedDependency[Gateway]) -> Response[str]:
    """The newest published checkpoint; 404 before the first."""

    async def read() -> str | None:
        found = await gateway.reads.query(tables.published)
        return str(found[0]) if found else None

    note = await gateway.reads.shared("tlog checkpoint", CHECKPOINT_SECONDS, read)
    if note is None:
        raise HttpProblem("not-found", NOT_BEGUN)
    return Response(note, media_type=TEXT, headers={"Cache-Control": CHECKPOINT_CACHE})


@get("/tlog/key", include_in_schema=False)
async def key(gateway: NamedDependency[Gateway]) -> Response[str]:
    """The log's newest verifier key. Who trusts the shop least gets it elsewhere."""
    found = await gateway.reads.query(tables.tree_of)
    if found is None:
        raise HttpProblem("not-found", NOT_BEGUN)
    return Response(f"{found.vkey}\n", media_type=TEXT, headers={"Cache-Control": CHECKPOINT_CACHE})


@get("/tlog/keys", include_in_schema=False)
async def keys(gateway: NamedDependency[Gateway]) -> Response[bytes]:
    """All keys that the log ever had, the newest first, with the sizes of the trees that each of them signs."""

    def read(cur: cursor) -> bytes | None:
        tree = tables.tree_of(cur)
        return msgspec.json.encode(tables.key_list(tree.origin, tables.keys_of(cur, tree))) if tree else None

    found = await gateway.reads.query(read)
    if found is None:
        raise HttpProblem("not-found", NOT_BEGUN)
    return Response(found, media_type="application/json", headers={"Cache-Control": CHECKPOINT_CACHE})


@get("/tlog/tile/{path:path}", include_in_schema=False)
async def tile(
    request: Request[None, None, State], gateway: NamedDependency[Gateway], path: FromPath[str]
) -> Response[bytes]:
    """A tile, or a bundle of entries; 404 for what is part of no published tree."""
    try:
        name = tile_at(path.removeprefix("/"))
        content = await gateway.reads.query(lambda cur: tables.served(cur, name))
    except NoSuchTile as error:
        raise HttpProblem("not-found") from error
    headers = {"Cache-Control": LONG_CACHE}
    if name.level is None:
        headers["Vary"] = "Accept-Encoding"
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
            content = gzip.compress(content, 1, mtime=0)
    return Response(content, media_type=BYTES, headers=headers)


@get(
    "/v1/orders/{order_id:str}/receipt.tlog-proof",
    media_type=TEXT,
    summary="The proof that the log holds the decision on an order",
)
async def receipt_proof(
    gateway: NamedDependency[Gateway],
    buyer_id: NamedDependency[str],
    order_id: FromPath[str],
    size: FromQuery[int | None] = None,
) -> Response[str]:
    """Also of a refused order. The file (https://c2sp.org/tlog-proof) is checked offline: see docs/proof.md. `size`
    asks for a proof in the tree of that published checkpoint. 404 no-proof while there is none."""
    await own_order(gateway, buyer_id, order_id)
    proof = await _proof(gateway, lambda cur: decision_on(cur, order_id), size)
    return _file(f"{order_id}.tlog-proof", proof)


@get(
    "/v1/editions/{edition_id:str}/sold-out.tlog-proof",
    media_type=TEXT,
    summary="The proof that an edition was sold out",
)
async def sold_out_proof(
    gateway: NamedDependency[Gateway], edition_id: FromPath[str], size: FromQuery[int | None] = None
) -> Response[str]:
    """The last time that it was, for everybody: who came later was refused at once, without an event of their own. 404
    no-proof if it never was."""
    gateway.offer(edition_id)
    proof = await _proof(gateway, lambda cur: last_sold_out(cur, edition_id), size)
    return _file(f"{edition_id}-sold-out.tlog-proof", proof)


ROUTES: Final[list[Any]] = [checkpoint, key, keys, tile, receipt_proof, sold_out_proof]


def _file(name: str, proof: Proof) -> Response[str]:
    return Response(str(proof), media_type=TEXT, headers={"Content-Disposition": f'attachment; filename="{name}"'})


async def _proof(gateway: Gateway, find: Callable[[cursor], bytes | None], size: int | None) -> Proof:
    """Of the record that is found. Waits for the next checkpoint; raises HttpProblem (404)."""

    def read(cur: cursor) -> Proof | None:
        record = find(cur)
        if record is None:
            raise HttpProblem("no-proof")
        partition, sequence = map(int, read_head(record).id.split("-"))
        return receipt_of(cur, record, partition=partition, sequence=sequence, size=size)

    until = asyncio.get_running_loop().time() + PROOF_SECONDS
    while (proof := await gateway.reads.query(read)) is None:
        if size is not None or asyncio.get_running_loop().time() > until:
            raise HttpProblem("no-proof")
        await asyncio.sleep(PROOF_POLL_SECONDS)
    return proof
