"""What buyers, merchants and the provider do, in one word each: commands about the n-th order of an edition."""

from typing import Any

from buystream.vocabulary import commands
from buystream.vocabulary.ids import payment_id_of
from tests.support.examples import ANNA, EDITION, PRICE_MINOR, example, order_id

FIRST = 1
"""The order that a step is about unless it says otherwise."""


def release(**terms: Any) -> commands.ReleaseEdition:
    """The example's edition on sale, some terms changed; `price_minor` sets both bounds."""
    price_minor = terms.pop("price_minor", None)
    if price_minor is not None:
        terms |= {"price_min_minor": price_minor, "price_max_minor": price_minor}
    return example(commands.ReleaseEdition, **terms)


def place(number: int = FIRST, *, edition_id: str = EDITION, **fields: Any) -> commands.PlaceOrder:
    """A tap on Buy."""
    return example(commands.PlaceOrder, order_id=order_id(number, edition_id), edition_id=edition_id, **fields)


def cancel(number: int = FIRST, *, buyer_id: str = ANNA) -> commands.CancelOrder:
    """The buyer gives up."""
    return example(commands.CancelOrder, order_id=order_id(number), buyer_id=buyer_id)


def pay(number: int = FIRST, **fields: Any) -> commands.RequestPayment:
    """The buyer enters a card."""
    return example(commands.RequestPayment, **{"order_id": order_id(number), "attempt": 0} | fields)


def authorised(number: int = FIRST, attempt: int = 1, **fields: Any) -> commands.RecordAuthorisation:
    """The bank reserved the money."""
    return example(commands.RecordAuthorisation, payment_id=payment(number, attempt), **fields)


def authenticate(number: int = FIRST, attempt: int = 1) -> commands.RecordAuthenticationRequired:
    """The bank wants to see the buyer."""
    return example(commands.RecordAuthenticationRequired, payment_id=payment(number, attempt))


def declined(number: int = FIRST, attempt: int = 1) -> commands.RecordDecline:
    """The bank said no."""
    return example(commands.RecordDecline, payment_id=payment(number, attempt))


def captured(number: int = FIRST, attempt: int = 1, amount_minor: int = PRICE_MINOR) -> commands.RecordCapture:
    """The money moved."""
    return example(commands.RecordCapture, payment_id=payment(number, attempt), amount_minor=amount_minor)


def capture_failed(number: int = FIRST, attempt: int = 1) -> commands.RecordCaptureFailure:
    """The reserved money was not to be had."""
    return example(commands.RecordCaptureFailure, payment_id=payment(number, attempt))


def voided(number: int = FIRST, attempt: int = 1) -> commands.RecordVoid:
    """The reservation was released."""
    return example(commands.RecordVoid, payment_id=payment(number, attempt))


def refunded(number: int = FIRST, attempt: int = 1, amount_minor: int = PRICE_MINOR) -> commands.RecordRefund:
    """The money went back."""
    return example(commands.RecordRefund, payment_id=payment(number, attempt), amount_minor=amount_minor)


def ship(number: int = FIRST, **fields: Any) -> commands.ShipOrder:
    """Mark an order as shipped."""
    return example(commands.ShipOrder, order_id=order_id(number), **fields)


def deliver(number: int = FIRST, **fields: Any) -> commands.RecordDelivery:
    """The parcel arrived."""
    return example(commands.RecordDelivery, order_id=order_id(number), **fields)


def refund(number: int = FIRST, **fields: Any) -> commands.RefundOrder:
    """The merchant gives the money back."""
    return example(commands.RefundOrder, order_id=order_id(number), **fields)


def payment(number: int = FIRST, attempt: int = 1) -> str:
    """The id of an order's n-th attempt to pay."""
    return payment_id_of(order_id(number), attempt)
