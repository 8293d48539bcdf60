"""Codes: what one gives a buyer, and for merchants which there are and who used them."""

from collections.abc import Sequence
from typing import Final

from litestar import get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.response import Stream
from psycopg2.extensions import cursor

from buystream.gateway.pages.spreadsheets import ROWS_AT_ONCE, table
from buystream.gateway.routes.bodies.codes import (
    CodeBody,
    CodesBody,
    CodeWish,
    GivenCode,
    GivenCodeBody,
    NewCode,
    code_body,
)
from buystream.gateway.routes.bodies.orders import OrderBody
from buystream.gateway.routes.checkout import Http, body_of, client_of, order_after
from buystream.gateway.routes.merchants import own_edition
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.idempotency import idempotent_name
from buystream.gateway.server.problems import HttpProblem, refused
from buystream.gateway.server.reads import now_ms
from buystream.gateway.server.refusals import asks
from buystream.gateway.server.sessions import Session
from buystream.order_codes import normalised
from buystream.projections import codes, edition_board
from buystream.projections.boards import Board
from buystream.projections.codes import CodeView
from buystream.projections.people import MerchantView
from buystream.vocabulary import events
from buystream.vocabulary.commands import ApplyCode, CreateCode, DisableCode
from buystream.vocabulary.reasons import CODE_REASONS

_REFUSALS: Final = frozenset(reason.replace("_", "-") for reason in CODE_REASONS - {"wrong_discount"})


@post(
    "/v1/editions/{edition_id:str}/code",
    status_code=200,
    opt=asks(also=_REFUSALS),
    summary="What a code gives the buyer",
)
async def given_code(
    request: Http,
    gateway: NamedDependency[Gateway],
    buyer_id: NamedDependency[str],
    edition_id: FromPath[str],
    data: JSONBody[GivenCode],
) -> GivenCodeBody:
    """Holds nothing: whether it is left, the order decides. Many unknown codes from one network get 429."""
    offer, client = gateway.offer(edition_id), client_of(request)
    gateway.rates.try_code(client)
    await gateway.views_show_the_seen(offer.partition)
    key = gateway.order_codes.key_of(edition_id, data.code)

    def read(cur: cursor) -> tuple[codes.KnownCode | None, Board | None]:
        known = codes.known_code(cur, edition_id, key, buyer_id=buyer_id, at_ms=now_ms())
        return known, edition_board.board(cur, edition_id) if known is not None and known.terms.opens else None

    known, board = await gateway.reads.query(read)
    if known is None:
        gateway.rates.code_was_wrong(client)
        raise refused("unknown_code")
    if known.reason:
        raise refused(known.reason)
    terms = known.terms
    opened = [one for one in (board.variants if board is not None else ()) if one.variant_id in terms.opens]
    shown = ("label", "share_bps", "amount_minor", "per", "variants", "minimum_minor", "valid_until_ms")
    return GivenCodeBody(**{name: getattr(terms, name) for name in shown}, opens=tuple(opened))


@post(
    "/v1/orders/{order_id:str}/code",
    status_code=200,
    opt=asks(ApplyCode),
    summary="Use a code for a held order",
)
async def apply_code(
    request: Http,
    gateway: NamedDependency[Gateway],
    buyer_id: NamedDependency[str],
    session: NamedDependency[Session],
    order_id: FromPath[str],
    data: JSONBody[GivenCode],
) -> OrderBody:
    """Before anything is paid. The hold stays as it is, and a code that gives nothing changes nothing. Many unknown
    codes from one network get 429."""
    offer, client = gateway.offer_of_order(order_id), client_of(request)
    gateway.rates.try_code(client)
    key = gateway.order_codes.key_of(offer.edition_id, data.code)
    answer = await gateway.decisions.ask(ApplyCode(order_id=order_id, buyer_id=buyer_id, code=key), actor=session.actor)
    if isinstance(answer.event, events.CommandRefused) and answer.event.reason == "unknown_code":
        gateway.rates.code_was_wrong(client)
    return await body_of(gateway, await order_after(gateway, answer, order_id))


@get("/v1/merchant/editions/{edition_id:str}/codes", summary="The codes of an edition")
async def edition_codes(
    gateway: NamedDependency[Gateway], merchant: NamedDependency[MerchantView], edition_id: FromPath[str]
) -> CodesBody:
    """Newest first, with how often each is used."""
    own_edition(gateway, merchant, edition_id)
    return CodesBody([code_body(one) for one in await _codes(gateway, edition_id)])


@post(
    "/v1/merchant/editions/{edition_id:str}/codes",
    status_code=201,
    opt=asks(CreateCode, also=["no-such-code"]),
    summary="Create a code",
)
async def create_code(
    request: Http,
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    edition_id: FromPath[str],
    data: JSONBody[NewCode],
) -> CodeBody:
    """With an `Idempotency-Key` header, a repeat of the request creates nothing more. Single-use codes are random, and
    downloaded from `codes.csv`."""
    own_edition(gateway, merchant, edition_id)
    if (data.code is None) == (data.count is None):
        raise HttpProblem("invalid", "Send either code or count.")
    code_id = idempotent_name(request, gateway, merchant.merchant_id)
    chosen = data.code or ""
    command = CreateCode(
        edition_id=edition_id,
        merchant_id=merchant.merchant_id,
        code_id=code_id,
        terms=data.terms,
        key=gateway.order_codes.key_of(edition_id, chosen) if chosen else "",
        code_text=chosen.upper(),
        count=data.count or 0,
        prefix=normalised(data.prefix),
    )
    await gateway.decide_and_show(command, actor=actor)
    return code_body(await _code(gateway, edition_id, code_id))


@put(
    "/v1/merchant/editions/{edition_id:str}/codes/{code_id:str}",
    opt=asks(DisableCode),
    summary="Disable a code, or enable it again",
)
async def disable_code(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    edition_id: FromPath[str],
    code_id: FromPath[str],
    data: JSONBody[CodeWish],
) -> CodeBody:
    """Orders that were placed with it keep their price."""
    own_edition(gateway, merchant, edition_id)
    await _code(gateway, edition_id, code_id)
    await gateway.decide_and_show(
        DisableCode(edition_id=edition_id, merchant_id=merchant.merchant_id, code_id=code_id, disabled=data.disabled),
        actor=actor,
    )
    return code_body(await _code(gateway, edition_id, code_id))


@get(
    "/v1/merchant/editions/{edition_id:str}/codes/{code_id:str}/codes.csv",
    summary="Download single-use codes",
)
async def single_use_codes(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    edition_id: FromPath[str],
    code_id: FromPath[str],
) -> Stream:
    """All codes of one series, the same at every download, with what has become of each."""
    own_edition(gateway, merchant, edition_id)
    view = await _code(gateway, edition_id, code_id)
    states = await gateway.reads.query(lambda cur: codes.used_numbers(cur, edition_id, code_id))

    async def after(last: int | None) -> Sequence[int]:
        first = (last or 0) + 1
        return range(first, min(first + ROWS_AT_ONCE, view.count + 1))

    def cells(number: int) -> Sequence[object]:
        code = gateway.order_codes.single_use(edition_id, view.series, number, view.prefix)
        return code, states.get(number, "unused")

    return await table(f"codes-{code_id}.csv", ("Code", "State"), after, cells)


ROUTES: Final = [given_code, apply_code, edition_codes, create_code, disable_code, single_use_codes]


async def _codes(gateway: Gateway, edition_id: str) -> list[CodeView]:
    await gateway.views_show_the_seen(gateway.offer(edition_id).partition)
    return await gateway.reads.query(lambda cur: codes.codes_of_edition(cur, edition_id))


async def _code(gateway: Gateway, edition_id: str, code_id: str) -> CodeView:
    for one in await _codes(gateway, edition_id):
        if one.code_id == code_id:
            return one
    raise HttpProblem("no-such-code")
