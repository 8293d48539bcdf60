"""Parcels of an order: packing them, and what happens to each."""

from typing import Annotated

from buystream.vocabulary.actors import BUYER, MERCHANT
from buystream.vocabulary.commands.command import Command, asked
from buystream.vocabulary.fields import (
    BY_CLIENT,
    AmountMinor,
    BuyerId,
    Carrier,
    ExchangeId,
    FulfilmentId,
    MerchantId,
    OrderId,
    OwnWords,
    Quantity,
    Restock,
    ReturnId,
    ReturnRequestId,
    ShipmentId,
    Tracking,
    VariantId,
    meaning,
)
from buystream.vocabulary.fulfilment import (
    Accepted,
    AskedUnits,
    BuyersWords,
    Contents,
    GoodsWord,
    InsteadVariantId,
    ReturnedUnits,
    Stage,
)
from buystream.vocabulary.order_states import SOLD
from buystream.vocabulary.reasons import order_is_none_of


@asked(
    MERCHANT,
    about="order_id",
    refusals=[
        *order_is_none_of(SOLD),
        *("unknown_order", "unknown_variant", "cancelled", "return_under_way", "nothing_to_pack", "bad_quantity"),
        *("bad_stage", "too_many_parcels", "shipment_id_conflict"),
    ],
)
class CreateShipment(Command):
    """Put units of an order into one parcel. Without `contents` it holds everything that isn't packed yet. `stage` says
    how far the parcel is; `tracking` is a ciphertext under the buyer's key. The caller chooses `shipment_id`."""

    order_id: OrderId
    merchant_id: MerchantId
    shipment_id: Annotated[ShipmentId, BY_CLIENT]
    contents: Contents = ()
    stage: Stage = "shipped"
    carrier: Carrier = ""
    tracking: Tracking = ""


@asked(
    MERCHANT,
    about="order_id",
    refusals=[
        *("order_refunded", "order_disputed", "unknown_order", "unknown_shipment", "cancelled", "bad_stage"),
        *("parcel_ended", "too_many_events", "fulfilment_id_conflict"),
    ],
)
class RecordFulfilment(Command):
    """Something happened to a parcel. `carrier` and `tracking` replace those of before, unless they are empty. The
    caller chooses `fulfilment_id`."""

    order_id: OrderId
    merchant_id: MerchantId
    shipment_id: ShipmentId
    fulfilment_id: Annotated[FulfilmentId, BY_CLIENT]
    stage: Stage
    carrier: Carrier = ""
    tracking: Tracking = ""


@asked(
    MERCHANT,
    about="order_id",
    refusals=[
        *order_is_none_of(SOLD),
        *("unknown_order", "bad_goods", "bad_quantity", "amount_needed", "bad_amount", "amount_off_step"),
        *("return_id_conflict", "refund_id_conflict", "lines_needed"),
    ],
)
class RecordReturn(Command):
    """Units that had been sent came back. Their money goes back too: `amount_minor`, or what they cost. `goods` says
    what becomes of them. The caller chooses `return_id`, which also names the refund."""

    order_id: OrderId
    merchant_id: MerchantId
    return_id: Annotated[ReturnId, BY_CLIENT]
    units: ReturnedUnits
    goods: GoodsWord
    amount_minor: AmountMinor | None = None
    reason: OwnWords = ""


@asked(MERCHANT, about="order_id", refusals=["unknown_order", "unknown_return", "return_under_way"])
class InspectReturn(Command):
    """Somebody has looked at the goods of a return: they go on sale again, or stay withdrawn."""

    order_id: OrderId
    merchant_id: MerchantId
    return_id: ReturnId
    restock: Restock


@asked(
    MERCHANT,
    about="order_id",
    refusals=[
        *order_is_none_of(SOLD),
        *("unknown_order", "unknown_variant", "cancelled", "bad_quantity", "price_differs", "sold_out", "over_limit"),
        "tickets_stay",
        *("too_many_exchanges", "exchange_id_conflict"),
    ],
)
class ExchangeUnits(Command):
    """Units of one variant for as many of another, at the price that was paid. `restock` puts the first on sale again,
    otherwise they are withdrawn. The caller chooses `exchange_id`."""

    order_id: OrderId
    merchant_id: MerchantId
    exchange_id: Annotated[ExchangeId, BY_CLIENT]
    instead_variant_id: Annotated[str, meaning("The variant that the buyer gets instead.")]
    quantity: Quantity
    restock: Restock
    variant_id: VariantId = ""
    reason: OwnWords = ""


@asked(
    BUYER,
    about="order_id",
    refusals=[
        *order_is_none_of(SOLD),
        *("unknown_order", "unknown_variant", "cancelled", "bad_quantity", "tickets_stay"),
        *("already_asked", "too_many_returns", "request_id_conflict"),
    ],
)
class RequestReturn(Command):
    """The buyer asks to send units back: for the money, or for as many of another variant. The merchant answers.
    `words` is a ciphertext under the buyer's key. The buyer chooses `request_id`."""

    order_id: OrderId
    buyer_id: BuyerId
    request_id: Annotated[ReturnRequestId, BY_CLIENT]
    units: AskedUnits
    instead_variant_id: InsteadVariantId = None
    words: BuyersWords = ""


@asked(MERCHANT, about="order_id", refusals=["unknown_order", "unknown_request", "request_settled"])
class AnswerReturnRequest(Command):
    """The merchant accepts that units come back, or doesn't. What becomes of them is recorded when they are there."""

    order_id: OrderId
    merchant_id: MerchantId
    request_id: ReturnRequestId
    accepted: Accepted
    reply: OwnWords = ""
