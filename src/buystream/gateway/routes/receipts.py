"""Receipts of paid orders: for their buyers and their merchants, as JSON, as a page and as PDF. Amounts are what was
paid less what was refunded; the price includes the tax. The buyer's name is decrypted only for these two."""

from collections.abc import Callable

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Struct
from msgspec.structs import replace
from psycopg2.extensions import cursor

from buystream.gateway.routes.bodies.payments import DeliveryBody
from buystream.gateway.routes.checkout import own_order
from buystream.gateway.routes.details import decrypted
from buystream.gateway.routes.merchants import merchants_order
from buystream.gateway.routes.site import page
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.inline_files import inline_file
from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.turns import Turns
from buystream.projections import people, receipts, refunds, statements
from buystream.projections.order_lines import DiscountView, LineView
from buystream.projections.order_views import OrderView
from buystream.projections.people import LegalDetails, MerchantView
from buystream.time_zones import DEFAULT, local_day
from buystream.vocabulary.money import format_money, tax_minor
from buystream.vocabulary.shipping import DeliveryCharge

PDFS_WAITING_MAX = 32
"""Drawing is work for the processor that answers buyers too: one at a time, and no long queue."""


class GivenBack(Struct, frozen=True):
    """Money that was refunded."""

    at_ms: int
    amount_minor: int


class Receipt(Struct, frozen=True, kw_only=True):
    """`gross_minor` is what the buyer paid and was not refunded; it includes `tax_minor`, and `net_minor` is the rest.
    `number` is present for gifts: year and number, without gaps. States: issued, corrected, cancelled. `buyer` is null
    after an erasure. `time_zone` is the seller's, in which dates are printed. `price_minor` is null where there are
    several lines. `discount` is what a code took off, which the lines' `total_minor` is without; `shipping` is what
    delivery cost, if it has a price."""

    order_id: str
    number: str | None
    state: str
    seller_name: str
    seller: LegalDetails
    buyer: DeliveryBody | None
    title: str
    quantity: int
    price_minor: int | None
    lines: list[LineView]
    currency: str
    paid_at_ms: int
    paid_minor: int
    refunds: list[GivenBack]
    gross_minor: int
    net_minor: int
    tax_minor: int
    tax_bps: int
    tax_label: str
    time_zone: str = DEFAULT
    shipping: DeliveryCharge | None = None
    discount: DiscountView | None = None

    @property
    def full_minor(self) -> int:
        """What all lines and the delivery cost, less what a code took off."""
        return sum(line.total_minor for line in self.lines) + (self.shipping.amount_minor if self.shipping else 0)

    def title_of(self, line: LineView) -> str:
        """What one of its lines is called."""
        return f"{self.title}: {line.title}" if len(self.lines) > 1 and line.title else self.title

    def day(self, at_ms: int) -> str:
        """`2026-11-25`, in the seller's time zone."""
        return local_day(at_ms, self.time_zone)


class Drawing:
    """Draws PDFs, one at a time."""

    def __init__(self) -> None:
        self._turns = Turns(PDFS_WAITING_MAX)

    async def pdf(self, gateway: Gateway, receipt: Receipt) -> bytes:
        """The receipt on paper; raises HttpProblem (503) when too many wait."""
        return await self.drawn(gateway, lambda: drawn(receipt))

    async def drawn(self, gateway: Gateway, draw: Callable[[], bytes]) -> bytes:
        """What `draw` gives; raises HttpProblem (503) when too many wait."""
        async with self._turns.next():
            return await gateway.reads.run(draw)


@get("/v1/orders/{order_id:str}/receipt", summary="The receipt of one of the buyer's orders")
async def receipt(
    gateway: NamedDependency[Gateway], buyer_id: NamedDependency[str], order_id: FromPath[str]
) -> Receipt:
    """404 no-receipt before any money has moved."""
    return await receipt_of(gateway, await own_order(gateway, buyer_id, order_id))


@get("/orders/{order_id:str}/receipt", include_in_schema=False)
async def receipt_page(
    gateway: NamedDependency[Gateway], buyer_id: NamedDependency[str], order_id: FromPath[str]
) -> Response[str]:
    """The same as a page."""
    found = await receipt_of(gateway, await own_order(gateway, buyer_id, order_id))
    answer = page("receipt.html", receipt=found, money=format_money, day=found.day, percent=percent, note=note(found))
    answer.headers["Cache-Control"] = "no-store"
    return answer


@get("/orders/{order_id:str}/receipt.pdf", summary="The same as PDF", media_type="application/pdf")
async def receipt_pdf(
    gateway: NamedDependency[Gateway],
    drawing: NamedDependency[Drawing],
    buyer_id: NamedDependency[str],
    order_id: FromPath[str],
) -> Response[bytes]:
    """The same receipt is the same file, byte for byte."""
    found = await receipt_of(gateway, await own_order(gateway, buyer_id, order_id))
    return inline_file(await drawing.pdf(gateway, found), name_of(found))


@get("/v1/merchant/orders/{order_id:str}/receipt", summary="The receipt of one of the merchant's orders")
async def merchants_receipt(
    gateway: NamedDependency[Gateway], merchant: NamedDependency[MerchantView], order_id: FromPath[str]
) -> Receipt:
    """As its buyer sees it."""
    return await receipt_of(gateway, await merchants_order(gateway, merchant, order_id))


@get("/v1/merchant/orders/{order_id:str}/receipt.pdf", summary="The same as PDF", media_type="application/pdf")
async def merchants_receipt_pdf(
    gateway: NamedDependency[Gateway],
    drawing: NamedDependency[Drawing],
    merchant: NamedDependency[MerchantView],
    order_id: FromPath[str],
) -> Response[bytes]:
    """The buyer's own file."""
    found = await receipt_of(gateway, await merchants_order(gateway, merchant, order_id))
    return inline_file(await drawing.pdf(gateway, found), name_of(found))


ROUTES = [receipt, receipt_page, receipt_pdf, merchants_receipt, merchants_receipt_pdf]


def percent(bps: int) -> str:
    """`1950` becomes `19.5 %`."""
    return f"{bps // 100}.{bps % 100:02d}".rstrip("0").rstrip(".") + " %"


def note(receipt: Receipt) -> str:
    """What a reader must know about a receipt that was corrected or cancelled."""
    what = "The gift" if receipt.number else "The payment"
    paid = format_money(receipt.paid_minor, receipt.currency)
    if receipt.state == "cancelled":
        return f"Cancelled: the full amount of {paid} was refunded. This receipt is no longer valid."
    if receipt.state == "corrected":
        left = format_money(receipt.gross_minor, receipt.currency)
        return (
            f"Corrected: {what.lower()} was {paid}, of which {left} remains after refunds. It replaces earlier copies."
        )
    return ""


async def receipt_of(gateway: Gateway, view: OrderView) -> Receipt:
    """The order's receipt, with its buyer in clear; raises HttpProblem (404) while no money has moved."""
    found = await gateway.reads.query(lambda cur: receipt_in(cur, view))
    if found is None:
        raise HttpProblem("no-receipt")
    buyer = await gateway.reads.run(lambda: decrypted(gateway, view.buyer_id, view.delivery))
    return replace(found, buyer=buyer)


def receipt_in(cur: cursor, view: OrderView) -> Receipt | None:
    """The order's receipt without its buyer, as the views have it; None while no money has moved."""
    paid_at_ms = statements.paid_at_ms(cur, view.order_id)
    if paid_at_ms is None:
        return None
    numbered = receipts.receipt_of_order(cur, view.order_id)
    tax = statements.tax_of_edition(cur, view.edition_id)
    given_back = [
        GivenBack(one.settled_at_ms or one.asked_at_ms, one.amount_minor)
        for one in refunds.refunds_of_order(cur, view.order_id)
        if one.state == "refunded"
    ]
    shop = people.merchant(cur, view.merchant_id)
    gross_minor = view.paid_minor - sum(one.amount_minor for one in given_back)
    included_minor = tax_minor(gross_minor, tax.bps)
    return Receipt(
        order_id=view.order_id,
        number=numbered.name if numbered else None,
        state="issued" if not given_back else "corrected" if gross_minor else "cancelled",
        seller_name=shop.name if shop else "",
        seller=people.legal_details(cur, view.merchant_id, at_ms=paid_at_ms),
        buyer=None,
        title=view.title,
        quantity=view.quantity,
        price_minor=view.price_minor,
        lines=view.ordered_lines,
        currency=view.currency,
        paid_at_ms=paid_at_ms,
        paid_minor=view.paid_minor,
        refunds=given_back,
        gross_minor=gross_minor,
        net_minor=gross_minor - included_minor,
        tax_minor=included_minor,
        tax_bps=tax.bps,
        tax_label=tax.label,
        time_zone=shop.time_zone if shop else DEFAULT,
        shipping=view.shipping,
        discount=view.discount,
    )


def name_of(receipt: Receipt) -> str:
    """The name of its file."""
    return f"receipt-{receipt.number or receipt.order_id}.pdf"


def drawn(receipt: Receipt) -> bytes:
    """The receipt as PDF."""
    from buystream.gateway.pages.receipt_pdf import draw  # its fonts take long to load, and few processes need them

    return draw(receipt, note(receipt))
