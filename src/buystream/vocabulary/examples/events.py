"""One valid example of each event."""

from typing import Any

from buystream.vocabulary import events
from buystream.vocabulary.examples.story import (
    ANNA,
    ANNOUNCEMENT,
    API_KEY_HASH,
    CLAIM,
    DELIVERY,
    DETAILS,
    EDITION,
    FEE,
    GIFT,
    HOLD_SECONDS,
    MERCHANT,
    ORDER,
    PAID,
    PAYMENT,
    PLACED,
    PRICE_MINOR,
    RELEASED,
    T0,
    ZONE,
)
from buystream.vocabulary.values import LineUnits, OrderLine


def of(originator_id: str, version: int) -> dict[str, Any]:
    """What every event has: its aggregate, and its version there."""
    return {"originator_id": originator_id, "originator_version": version, "at_ms": T0}


def of_order(version: int) -> dict[str, Any]:
    """The same of an event of the order."""
    return {**of(ORDER, version), "edition_id": EDITION, "edition_version": version + 1}


def of_payment(version: int) -> dict[str, Any]:
    """The same of an event of the payment."""
    return {**of(PAYMENT, version), "edition_id": EDITION, "edition_version": version + 2, "order_id": ORDER}


EVENTS: tuple[events.Event, ...] = (
    events.OwnershipTaken(**of("pt0", 1), owner="shop-1", grace_until_ms=T0 + 60_000),
    events.Ticked(**of("pt0", 2)),
    events.RulesAdopted(**of("pt0", 3), rules_version=1),
    events.TimeAccepted(**of("pt0", 7), position=7, stamped_ms=T0),
    events.TimePassedOver(**of("pt0", 8), position=7, stamped_ms=T0 + 86_400_000),
    events.HostedPartitionsFixed(**of("pt0", 9), partitions=4),
    events.ShopOpened(**of("pt0", 10), shop_id="sh-0123456789abcdef"),
    events.CommandRepeated(**of("pt0", 4), command="PauseSale", subject=EDITION),
    events.CommandRefused(**of("pt0", 5), command="ShipOrder", subject=ORDER, reason="order_held"),
    events.OrderRepeated(
        **of("pt0", 6),
        order_id=ORDER,
        edition_id=EDITION,
        buyer_id=ANNA,
        lines=(OrderLine(quantity=1, price_minor=PRICE_MINOR),),
        currency="USD",
        state="held",
        placed_at_ms=T0,
        hold_expires_at_ms=T0 + HOLD_SECONDS * 1000,
        payment_id=PAYMENT,
        payment_state="declined",
    ),
    events.EditionReleased(**of(EDITION, 1), **RELEASED),
    events.SalePaused(**of(EDITION, 2)),
    events.SaleResumed(**of(EDITION, 3)),
    events.StockAdded(**of(EDITION, 4), change_id="change-1", quantity=5),
    events.StockWithdrawn(**of(EDITION, 5), change_id="change-2", quantity=5),
    events.EditionSoldOut(**of(EDITION, 6)),
    events.StockReleased(**of(EDITION, 7), available=1),
    events.DemandRecorded(
        **of(EDITION, 8), demand_id="demand-1", clicks=7, quantity=9, forget_before_ms=T0 - 86_400_000
    ),
    events.BuyerPaused(
        **of(EDITION, 9),
        flag_id="flag-1",
        buyer_id=ANNA,
        until_ms=T0 + 60_000,
        measure="buyer",
        attempts=21,
        window_seconds=10,
        forget_before_ms=T0 - 86_400_000,
    ),
    events.TermsApplied(**of(EDITION, 10), terms_id="terms-1", account="acct_1", fee=FEE),
    events.EditionCancelled(**of(EDITION, 11), restock=False, reason="storm"),
    events.AnnouncementMade(**of(EDITION, 11), **ANNOUNCEMENT),
    events.CancellationContinued(**of(EDITION, 12), looked_at=7),
    events.CancellationCompleted(**of(EDITION, 12), failed=1),
    events.CampaignReached(**of(EDITION, 13), raised_minor=100_000),
    events.CampaignEnded(**of(EDITION, 14), outcome="reached", raised_minor=120_000, givers=12),
    events.RecurringGiftStarted(
        **of(EDITION, 15),
        **PAID,
        gift_id=GIFT,
        buyer_id=ANNA,
        interval_months=1,
        payment_method="pm_1",
        delivery=DELIVERY,
        next_due_ms=T0,
    ),
    events.RecurringGiftSkipped(
        **of(EDITION, 16), gift_id=GIFT, buyer_id=ANNA, skipped=2, first_due_ms=T0, next_due_ms=T0 + 5_184_000_000
    ),
    events.RecurringGiftEnded(**of(EDITION, 16), gift_id=GIFT, buyer_id=ANNA, reason="giver"),
    events.OrderPlaced(
        **of_order(1),
        **PLACED,
        merchant_id=MERCHANT,
        currency="USD",
        hold_expires_at_ms=T0 + HOLD_SECONDS * 1000,
    ),
    events.OrderRefused(**of_order(1), **PLACED, merchant_id=MERCHANT, currency="USD", reason="sold_out", available=0),
    events.HoldExtended(**of_order(2), hold_expires_at_ms=T0 + 60_000),
    events.OrderReclaimed(**of_order(3), quantity=1),
    events.OrderAuthorised(**of_order(2), **PAID, payment_id=PAYMENT, reference="pi_1"),
    events.OrderPledged(**of_order(2), **PAID, payment_id=PAYMENT, buyer_id=ANNA),
    events.OrderConfirmed(**of_order(3), **PAID, payment_id=PAYMENT, buyer_id=ANNA, quantity=1),
    events.OrderExpired(**of_order(2), quantity=1),
    events.OrderCancelled(**of_order(2), quantity=1, reason="buyer"),
    events.ShipmentCreated(
        **of_order(4),
        shipment_id="parcel-1",
        contents=(LineUnits(quantity=1),),
        stage="shipped",
        carrier="Parcel Post",
        tracking="PP-1",
    ),
    events.FulfilmentRecorded(**of_order(5), shipment_id="parcel-1", fulfilment_id="scan-1", stage="in_transit"),
    events.TicketPassedOn(**of_order(5), number=1, issue=2, claim=CLAIM),
    events.TicketTakenBack(**of_order(6), number=1, issue=2),
    events.TicketClaimed(**of_order(6), number=1, issue=2, buyer_id=ANNA, attendee=DELIVERY),
    events.AttendeeNamed(**of_order(5), number=1, attendee=DELIVERY),
    events.ReturnedTicketsChosen(**of_order(5), numbers=(1,)),
    events.TicketKeyRotated(**of(MERCHANT, 2), version=2),
    events.OrderShipped(**of_order(4), carrier="Parcel Post", tracking="PP-1"),
    events.OrderDelivered(**of_order(5)),
    events.OrderRefunded(**of_order(6), **PAID, quantity=1, restock=True),
    events.PaymentRequested(
        **of_payment(1),
        **PAID,
        buyer_id=ANNA,
        payment_method="sandbox_accepted",
        delivery=DELIVERY,
        save=True,
    ),
    events.AuthenticationRequired(**of_payment(2), url="/bank/1", hold_expires_at_ms=T0 + HOLD_SECONDS * 1000),
    events.PaymentAuthorised(
        **of_payment(2),
        buyer_id=ANNA,
        reference="pi_1",
        card_label="Visa •••• 4242",
        reusable_method="pm_1",
        delivery=DELIVERY,
    ),
    events.MethodSaved(
        **of_payment(2),
        buyer_id=ANNA,
        reference="seti_1",
        reusable_method="pm_1",
        card_label="Visa •••• 4242",
        delivery=DELIVERY,
    ),
    events.PaymentDeclined(**of_payment(2), reason="card_declined", hold_expires_at_ms=T0 + HOLD_SECONDS * 1000),
    events.PaymentCaptured(**of_payment(3), **PAID),
    events.PaymentFailed(**of_payment(3), reason="authorisation_expired"),
    events.VoidRequested(**of_payment(3), reference="pi_1", reason="order_expired"),
    events.PaymentVoided(**of_payment(4)),
    events.RefundRequested(**of_payment(4), **PAID, reference="pi_1", restock=True),
    events.PaymentRefunded(**of_payment(5), **PAID),
    events.RefundFailed(**of_payment(6), **PAID, refund_id="refund-1", reason="lost_or_stolen_card", was_refunded=True),
    events.PaymentDisputed(**of_payment(4), **PAID, dispute_id="dp_1", reason="fraudulent", respond_by_ms=T0 + 1000),
    events.DisputeClosed(**of_payment(5), **PAID, dispute_id="dp_1", outcome="won"),
    events.MerchantRegistered(**of(MERCHANT, 1), name="Night Sky", currency="USD", api_key_hash=API_KEY_HASH),
    events.ApiKeyAdded(**of(MERCHANT, 2), key_id="scanner", name="Scanner", api_key_hash="b8" * 32),
    events.ApiKeyRevoked(**of(MERCHANT, 3), key_id="first", api_key_hash=API_KEY_HASH),
    events.MerchantDescribed(**of(MERCHANT, 3), **DETAILS),
    events.TimeZoneSet(**of(MERCHANT, 4), **ZONE),
    events.AccountConnected(**of(MERCHANT, 4), account="acct_1"),
    events.FeeTermsSet(**of(MERCHANT, 5), terms_id="terms-1", currency="USD", fee=FEE, from_ms=T0),
    events.EditionNamed(**of(MERCHANT, 9), request="request-1", edition_id=EDITION, forget_before_ms=T0 - 86_400_000),
    events.TermsGranted(
        **of(MERCHANT, 6),
        edition_id=EDITION,
        terms_id="terms-1",
        account="acct_1",
        fee=FEE,
    ),
    events.ReceiptIssued(**of(MERCHANT, 7), **PAID, year=2027, number=1, order_id=ORDER, paid_at_ms=T0),
    events.ReceiptCorrected(
        **of(MERCHANT, 8),
        year=2027,
        number=1,
        order_id=ORDER,
        refund_id="refund-1",
        amount_minor=4000,
        currency="USD",
    ),
    events.BuyerDetailsSaved(**of(ANNA, 1), payment_method="pm_1", card_label="Visa •••• 4242", delivery=DELIVERY),
    events.LinkedToBuyer(**of(ANNA, 2), link_kind="pledge", link_id=ORDER),
    events.BuyerErased(**of(ANNA, 3)),
    events.ErasureRequested(**of(ANNA, 4), link_kind="pledge", link_id=ORDER, links_left=3),
)
