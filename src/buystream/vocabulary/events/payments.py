"""Payments, in their edition."""

from typing import Annotated

from buystream.vocabulary.events.event import Event
from buystream.vocabulary.fields import (
    AmountMinor,
    BuyerId,
    CardLabel,
    Currency,
    Delivery,
    Destination,
    EditionId,
    EditionVersion,
    FeeMinor,
    HoldExpiresAtMs,
    OffSession,
    OrderId,
    PaymentMethod,
    Reason,
    Reference,
    ReusableMethod,
    Save,
    Statement,
    Url,
    meaning,
)
from buystream.vocabulary.shipping import DeliveryCharge


class PaymentEvent(Event):
    """Belongs to a payment; counts in its edition's version too."""

    edition_id: EditionId
    edition_version: EditionVersion
    order_id: OrderId

    @property
    def payment_id(self) -> str:
        """The payment."""
        return self.originator_id


class PaymentRequested(PaymentEvent):
    """Ask the provider to reserve the money. The hold's clock is stopped: it never expires because of us. `mode` setup
    only saves the payment method, to be charged later. `off_session`: the buyer isn't present. `fee_minor` is the
    platform's, the rest goes to the account `destination`, if there is one."""

    buyer_id: BuyerId
    amount_minor: AmountMinor
    currency: Currency
    payment_method: PaymentMethod
    delivery: Delivery
    save: Save = False
    fee_minor: FeeMinor = 0
    destination: Destination = ""
    mode: Annotated[str, meaning("setup: only save the payment method; empty: reserve the money.", feed=True)] = ""
    off_session: OffSession = False
    statement: Statement = ""
    shipping: Annotated[
        DeliveryCharge | None,
        meaning("What delivery costs; `amount_minor` includes it. Null where delivery has no price.", feed=True),
    ] = None


class AuthenticationRequired(PaymentEvent):
    """The buyer must authenticate on the bank's page; the hold's clock runs again."""

    url: Url
    hold_expires_at_ms: HoldExpiresAtMs | None = None


class PaymentAuthorised(PaymentEvent):
    """The money is reserved. `delivery` is present when the buyer chose to save the details."""

    buyer_id: BuyerId
    reference: Reference
    card_label: CardLabel = ""
    reusable_method: ReusableMethod = ""
    delivery: Delivery = ""
    off_session: OffSession = False


class MethodSaved(PaymentEvent):
    """The payment method can be charged later. `delivery` is present when the buyer chose to save the details."""

    buyer_id: BuyerId
    reference: Reference
    reusable_method: ReusableMethod
    card_label: CardLabel = ""
    delivery: Delivery = ""


class PaymentDeclined(PaymentEvent):
    """The payment was declined. The hold's clock runs again, for another card."""

    reason: Reason
    hold_expires_at_ms: HoldExpiresAtMs | None = None


class PaymentCaptured(PaymentEvent):
    """The money moved; `fee_minor` of it is the platform's."""

    amount_minor: AmountMinor
    currency: Currency
    fee_minor: FeeMinor = 0


class PaymentFailed(PaymentEvent):
    """The reserved money could not be captured."""

    reason: Reason


class VoidRequested(PaymentEvent):
    """Release the reservation: its order is no longer available."""

    reference: Reference
    reason: Reason


class PaymentVoided(PaymentEvent):
    """The reservation was released; nobody was charged."""
