"""Boards of editions, for everybody, and what is left of a buyer's limit."""

import asyncio

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from psycopg2.extensions import cursor

from buystream.gateway.routes.bodies.editions import EditionsBody, PastEditionsBody
from buystream.gateway.routes.bodies.orders import MineBody, MineOfVariantBody
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.past_moments import nothing_yet, past_ms
from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.reads import now_ms
from buystream.gateway.server.streams import Place
from buystream.projections import edition_board, order_views
from buystream.projections.boards import Board
from buystream.projections.edition_board import released_at_ms
from buystream.projections.past_boards import PastBoard, past_board, past_boards

BOARD_SECONDS = 0.2
"""How old a board may be, and how often a stream of boards speaks at most."""


@get("/v1/editions", summary="Everything on sale")
async def editions(
    gateway: NamedDependency[Gateway], as_of: FromQuery[str | None] = None
) -> EditionsBody | PastEditionsBody:
    """Boards, newest first; with `as_of`, as they were at that time in ISO 8601."""
    if as_of is None:
        return EditionsBody(await all_boards(gateway))
    at_ms = past_ms(as_of)
    await gateway.views_show_the_past(*range(gateway.partitions))
    return PastEditionsBody(await gateway.reads.query(lambda cur: past_boards(cur, at_ms=at_ms)), at_ms)


@get("/v1/editions/{edition_id:str}", summary="One edition's board")
async def edition(
    gateway: NamedDependency[Gateway], edition_id: FromPath[str], as_of: FromQuery[str | None] = None
) -> Board | PastBoard:
    """Terms, price and remaining stock; with `as_of`, as they were at that time in ISO 8601."""
    return await (board_of(gateway, edition_id) if as_of is None else _past_board(gateway, edition_id, as_of))


@get("/v1/editions/{edition_id:str}/mine", summary="The buyer's units and remaining limit")
async def mine(
    gateway: NamedDependency[Gateway], buyer_id: NamedDependency[str], edition_id: FromPath[str]
) -> MineBody:
    """Counts towards the limit per buyer: what is on hold, and what was bought and not returned."""
    offer = gateway.offer(edition_id)
    await gateway.views_show_the_seen(offer.partition)

    def read(cur: cursor) -> tuple[dict[str, int], Board | None]:
        return order_views.taken_by_buyer(cur, buyer_id, edition_id), edition_board.board(cur, edition_id)

    taken, board = await gateway.reads.query(read)
    variants = [
        MineOfVariantBody(one.variant_id, of := taken.get(one.variant_id, 0), max(0, one.limit_per_buyer - of))
        for one in (board.variants if board else ())
    ]
    return MineBody(sum(one.taken for one in variants), sum(one.left for one in variants), variants)


ROUTES = [editions, edition, mine]


async def _past_board(gateway: Gateway, edition_id: str, as_of: str) -> PastBoard:
    offer, at_ms = gateway.offer(edition_id), past_ms(as_of)
    await gateway.views_show_the_past(offer.partition)
    board = await gateway.reads.query(lambda cur: past_board(cur, edition_id, at_ms=at_ms))
    if board is None:
        first_ms = await gateway.reads.query(lambda cur: released_at_ms(cur, edition_id))
        raise HttpProblem("unavailable") if first_ms is None else nothing_yet(first_ms)
    return board


async def all_boards(gateway: Gateway) -> list[Board]:
    """The boards of all editions, newest first; concurrent requests share one read."""

    async def read() -> list[Board]:
        return await gateway.reads.query(lambda cur: edition_board.boards(cur, now_ms=now_ms()))

    return await gateway.reads.shared("boards", BOARD_SECONDS, read)


async def board_of(gateway: Gateway, edition_id: str, place: Place | None = None) -> Board:
    """The board, showing at least the event at `place` unless the views are far behind. However many requests there
    are, it is read once per BOARD_SECONDS."""
    offer = gateway.offer(edition_id)

    async def read() -> tuple[int, Board]:
        shown = gateway.reads.reached(offer.partition)
        board = await gateway.reads.query(lambda cur: edition_board.board(cur, edition_id, now_ms=now_ms()))
        if board is None:
            raise HttpProblem("unavailable", "The edition is so new that its board isn't written yet.")
        return shown, board

    in_time = place is not None and await gateway.reads.passed(*place)
    shown, board = await gateway.reads.shared(f"board {edition_id}", BOARD_SECONDS, read)
    if place is None or shown > place[1] or not in_time:
        return board
    await asyncio.sleep(BOARD_SECONDS)  # that one was read a moment too early
    _, board = await gateway.reads.shared(f"board {edition_id}", BOARD_SECONDS, read)
    return board
