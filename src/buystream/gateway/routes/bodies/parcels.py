"""Parcels in requests, and as buyers and merchants see them."""

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta, Struct

from buystream.gateway.routes.bodies.fields import Quantity, Reason, Request, VariantId
from buystream.projections.order_views import OrderView
from buystream.projections.parcels import SeenParcel
from buystream.vocabulary.carriers import tracking_link
from buystream.vocabulary.fulfilment import ENDED, STAGES, FulfilmentStage, Goods
from buystream.vocabulary.money import ANY_AMOUNT_MINOR_MAX
from buystream.vocabulary.texts import LINE, PLAIN
from buystream.vocabulary.values import ORDER_LINES_MAX, LineUnits, Units

Progress = Literal["nothing", "partial", "all"]


class UnitsOfLine(Request, frozen=True, kw_only=True):
    """Units of one line of an order."""

    variant_id: VariantId = ""
    quantity: Quantity


UnitsByLine = Annotated[tuple[UnitsOfLine, ...], Meta(min_length=1, max_length=ORDER_LINES_MAX)]


def units_of(lines: tuple[UnitsOfLine, ...] | None) -> Units:
    """As commands have them."""
    return tuple(LineUnits(variant_id=line.variant_id, quantity=line.quantity) for line in lines or ())


class NewShipment(Request, frozen=True, kw_only=True):
    """Units that go into one parcel; without `lines`, everything that isn't packed yet. `stage` says how far it is:
    `processing` is packed and waits for the carrier, `ready_for_pickup` waits for its buyer. `shipment_id` names it,
    unless an Idempotency-Key does."""

    shipment_id: Annotated[str, Meta(min_length=1, max_length=64, pattern="^[0-9a-zA-Z-]*$")] | None = None
    lines: Annotated[tuple[UnitsOfLine, ...], Meta(max_length=ORDER_LINES_MAX)] = ()
    stage: FulfilmentStage = "shipped"
    carrier: Annotated[str, Meta(max_length=80, pattern=LINE)] = ""
    tracking: Annotated[str, Meta(max_length=300, pattern=LINE)] = ""


class NewFulfilmentEvent(Request, frozen=True, kw_only=True):
    """Something happened to a parcel. An empty `carrier` or `tracking` leaves the one of before."""

    stage: FulfilmentStage
    carrier: Annotated[str, Meta(max_length=80, pattern=LINE)] = ""
    tracking: Annotated[str, Meta(max_length=300, pattern=LINE)] = ""


class NewGoodsReturn(Request, frozen=True, kw_only=True):
    """Units that had been sent and came back. `goods`: they go on sale again (restock), stay off sale (withdraw), or
    wait until somebody has looked at them (inspect). `amount_minor` null refunds what they cost."""

    lines: UnitsByLine
    goods: Goods
    amount_minor: Annotated[int, Meta(ge=1, le=ANY_AMOUNT_MINOR_MAX)] | None = None
    reason: Reason = ""


class NewReturnRequest(Request, frozen=True, kw_only=True):
    """The buyer asks to send units back, for the money or for `instead_variant_id`. `words` say why, to the merchant
    only. `request_id` identifies this request, unless an Idempotency-Key does."""

    request_id: Annotated[str, Meta(min_length=8, max_length=64, pattern="^[0-9a-zA-Z-]*$")] | None = None
    lines: UnitsByLine
    instead_variant_id: VariantId | None = None
    words: Annotated[str, Meta(max_length=1000, pattern=PLAIN)] = ""


class ReturnAnswer(Request, frozen=True, kw_only=True):
    """Whether the units may come back; the buyer reads the `reply`."""

    accepted: bool
    reply: Reason = ""


class Inspection(Request, frozen=True, kw_only=True):
    """Whether the goods go on sale again; otherwise they stay withdrawn."""

    restock: bool


class NewExchange(Request, frozen=True, kw_only=True):
    """Units of `variant_id` for as many of `instead_variant_id`, at the same price. With `restock` the first go on sale
    again, otherwise they are withdrawn."""

    variant_id: VariantId
    instead_variant_id: VariantId
    quantity: Quantity
    restock: bool = True
    reason: Reason = ""


class FulfilmentEventBody(Struct, frozen=True):
    """What happened to a parcel, in one word and in the buyer's words, and when."""

    stage: str
    name: str
    at_ms: int


class PackedBody(Struct, frozen=True):
    """Units of one variant in a parcel."""

    variant_id: str
    quantity: int


class ParcelBody(Struct, frozen=True):
    """A parcel, with everything that happened to it, the oldest first. `tracking` is null after an erasure,
    `tracking_url` where the carrier has no page for it. `is_over`: nothing more happens to it."""

    shipment_id: str
    lines: list[PackedBody]
    stage: str
    stage_name: str
    carrier: str
    tracking: str | None
    tracking_url: str | None
    events: list[FulfilmentEventBody]
    is_over: bool


class LineBody(Struct, frozen=True):
    """How many units of a line were ordered, are the buyer's now (neither refunded nor exchanged), and are on their way
    to the buyer or arrived."""

    variant_id: str
    ordered: int
    current: int
    fulfilled: int


class GoodsReturnBody(Struct, frozen=True):
    """Units that came back, and what became of them; `waits` until somebody has looked at them."""

    return_id: str
    lines: list[PackedBody]
    goods: str
    reason: str
    waits: bool


class ReturnRequestBody(Struct, frozen=True):
    """What the buyer asks to send back, for the money or for another variant, and the merchant's answer. `state`: open,
    accepted, declined, or settled once the units are back or exchanged. `words` is null after an erasure."""

    request_id: str
    lines: list[PackedBody]
    instead_variant_id: str | None
    state: str
    words: str | None
    reply: str
    asked_at_ms: int


class FulfilmentBody(Struct, frozen=True):
    """How far the order is, by line and by parcel, and what came back. `progress`: how many of the units that the buyer
    keeps are on their way or arrived."""

    progress: Progress
    lines: list[LineBody]
    parcels: list[ParcelBody]
    returns: list[GoodsReturnBody]
    requests: list[ReturnRequestBody]


def fulfilment_body(
    view: OrderView, tracking: Mapping[str, str | None], words: Mapping[str, str | None]
) -> FulfilmentBody:
    """`tracking` are the parcels' numbers in clear, by the parcel's id; `words` are those of the buyer's requests."""
    kept, fulfilled = view.kept_units, view.fulfilled_units
    sent, all_kept = sum(fulfilled.values()), sum(kept.values())
    progress: Progress = "nothing" if not sent else "all" if sent == all_kept else "partial"
    lines = [
        LineBody(line.variant_id, line.quantity - line.exchanged, kept[line.variant_id], fulfilled[line.variant_id])
        for line in view.lines
    ]
    parcels = [
        _parcel_body(view, shipment_id, parcel, tracking.get(shipment_id))
        for shipment_id, parcel in view.parcels.parcels.items()
    ]
    returns = [
        GoodsReturnBody(return_id, _packed(one.units), one.goods, one.reason, one.waits)
        for return_id, one in view.parcels.returns.items()
    ]
    requests = [
        ReturnRequestBody(name, _packed(one.units), one.instead, one.state, words.get(name), one.reply, one.asked_at_ms)
        for name, one in view.parcels.requests.items()
    ]
    return FulfilmentBody(progress, lines, parcels, returns, requests)


def _packed(units: Mapping[str, int]) -> list[PackedBody]:
    return [PackedBody(variant_id, quantity) for variant_id, quantity in units.items() if quantity]


def _parcel_body(view: OrderView, shipment_id: str, parcel: SeenParcel, tracking: str | None) -> ParcelBody:
    contents = parcel.contents
    if contents is None:
        contents = view.parcels.rest(view.kept_units)
    return ParcelBody(
        shipment_id,
        _packed(contents),
        parcel.stage,
        name_of(parcel.stage),
        parcel.carrier,
        tracking,
        tracking_link(parcel.carrier, tracking) if tracking else None,
        [FulfilmentEventBody(one.stage, name_of(one.stage), one.at_ms) for one in parcel.happened],
        parcel.stage in ENDED,
    )


def name_of(stage: str) -> str:
    """The stage in the buyer's words."""
    return next((row.name for known, row in STAGES.items() if known == stage), stage)
