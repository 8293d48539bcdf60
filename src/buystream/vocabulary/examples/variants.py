"""Other examples, for fields that mean something else altogether when they are set."""

import msgspec

from buystream.vocabulary import commands, events
from buystream.vocabulary.examples.commands import COMMANDS
from buystream.vocabulary.examples.events import EVENTS, of, of_order, of_payment
from buystream.vocabulary.examples.story import (
    ANNA,
    CHARGE,
    CODE,
    CODE_KEY,
    CODE_USE,
    DELIVERY,
    DRAFT_OFFER,
    EDITION,
    FILE,
    GIFT,
    HOLD_SECONDS,
    LINES,
    MERCHANT,
    ORDER,
    PAID,
    PART,
    PAYMENT,
    PLACED,
    POSTED,
    POSTER,
    PRICE_MINOR,
    RICHLY_RELEASED,
    SCANNED,
    STALLS,
    T0,
    TICKETS_RELEASED,
    UNITS,
)
from buystream.vocabulary.placements import PlacementCount

VARIANTS: tuple[commands.Command | events.Event, ...] = (
    commands.AddFile(edition_id=EDITION, merchant_id=MERCHANT, **FILE, announced=True),
    events.FileAdded(**of(EDITION, 24), version=2, **FILE, announced=True),
    commands.SetPriceTiers(edition_id=EDITION, tiers=(), variant_id="stalls"),
    events.PriceTiersSet(**of(EDITION, 12), tiers=(), variant_id="stalls"),
    commands.CreateCode(
        edition_id=EDITION, merchant_id=MERCHANT, code_id="friends", terms=CODE, count=10_000, prefix="FRIENDS"
    ),
    commands.PlaceOrder(
        order_id=ORDER, edition_id=EDITION, vouched=True, **PLACED, code=CODE_KEY, discount_minor=CODE_USE.total_minor
    ),
    events.CodeCreated(**of(EDITION, 12), code_id="friends", series=2, terms=CODE, count=10_000, prefix="FRIENDS"),
    events.OrderPlaced(
        **of_order(1),
        **PLACED,
        merchant_id=MERCHANT,
        currency="USD",
        hold_expires_at_ms=T0 + HOLD_SECONDS * 1000,
        code=CODE_USE,
    ),
    events.OrderRepeated(
        **of("pt0", 6),
        order_id=ORDER,
        edition_id=EDITION,
        buyer_id=ANNA,
        lines=PLACED["lines"],
        currency="USD",
        state="held",
        placed_at_ms=T0,
        hold_expires_at_ms=T0 + HOLD_SECONDS * 1000,
        code=CODE_USE,
    ),
    events.OrderRefused(
        **of_order(1),
        **PLACED,
        merchant_id=MERCHANT,
        currency="USD",
        reason="code_used_up",
        available=1,
        code_key=CODE_KEY,
    ),
    commands.Tick(asked_at_ms=T0, without=(EDITION,)),
    commands.ReleaseEdition(edition_id=EDITION, **RICHLY_RELEASED),
    commands.ReleaseEdition(edition_id=EDITION, **TICKETS_RELEASED),
    commands.ReleaseEdition(edition_id=EDITION, **POSTED),
    commands.ReleaseEdition(edition_id=EDITION, merchant_id=MERCHANT, offer=DRAFT_OFFER),
    commands.DescribeEdition(edition_id=EDITION, story=""),
    commands.ArchiveEdition(edition_id=EDITION, archived=False),
    commands.CreateShipment(order_id=ORDER, merchant_id=MERCHANT, shipment_id="parcel-2", stage="processing"),
    commands.RecordFulfilment(
        order_id=ORDER,
        merchant_id=MERCHANT,
        shipment_id="parcel-2",
        fulfilment_id="sent",
        stage="shipped",
        carrier="Parcel Post",
        tracking="PP-2",
    ),
    events.FulfilmentRecorded(
        **of_order(5),
        shipment_id="parcel-2",
        fulfilment_id="sent",
        stage="shipped",
        carrier="Parcel Post",
        tracking="PP-2",
    ),
    commands.RequestPayment(
        order_id=ORDER, buyer_id=ANNA, payment_method="pm_1", delivery=DELIVERY, statement="Night Sky"
    ),
    commands.RequestPayment(
        order_id=ORDER,
        buyer_id=ANNA,
        payment_method="pm_1",
        delivery=DELIVERY,
        country="GB",
        delivery_method="post",
        delivery_minor=CHARGE.amount_minor,
    ),
    commands.RefundOrder(order_id=ORDER, merchant_id=MERCHANT, restock=True, **PART),
    commands.RecordRefund(payment_id=PAYMENT, amount_minor=500, refund_id="refund-1"),
    commands.StartRecurringGift(
        gift_id=GIFT,
        edition_id=EDITION,
        buyer_id=ANNA,
        amount_minor=PRICE_MINOR,
        interval_months=1,
        payment_method="pm_1",
        delivery=DELIVERY,
        save=True,
        placement=POSTER,
    ),
    commands.PlaceOrder(order_id=ORDER, edition_id=EDITION, **PLACED, placement=POSTER),
    commands.RecordDemand(
        edition_id=EDITION,
        demand_id="demand-2",
        clicks=7,
        quantity=9,
        placements=(PlacementCount(placement=POSTER, count=3),),
    ),
    events.EditionReleased(**of(EDITION, 1), **RICHLY_RELEASED, saves_methods=True),
    events.EditionReleased(**of(EDITION, 1), **TICKETS_RELEASED),
    events.EditionReleased(**of(EDITION, 1), **POSTED),
    events.DemandRecorded(
        **of(EDITION, 8),
        demand_id="",
        clicks=1,
        quantity=2,
        reason="paused",
        placements=(PlacementCount(placement=POSTER, count=1),),
    ),
    events.OrderRefused(
        **of_order(1), **PLACED, merchant_id=MERCHANT, currency="USD", reason="paused", placement=POSTER
    ),
    events.OrderPlaced(
        **of_order(1),
        **PLACED,
        merchant_id=MERCHANT,
        currency="USD",
        hold_expires_at_ms=T0 + HOLD_SECONDS * 1000,
        placement=POSTER,
    ),
    events.OrderPlaced(
        **of_order(1),
        **PLACED,
        merchant_id=MERCHANT,
        currency="USD",
        hold_expires_at_ms=T0 + HOLD_SECONDS * 1000,
        gift_id=GIFT,
        next_due_ms=T0 + 31 * 86_400_000,
    ),
    events.OrderConfirmed(**of_order(3), **PAID, payment_id=PAYMENT, buyer_id=ANNA, quantity=1, merchant_id=MERCHANT),
    events.OrderRefunded(
        **of_order(6),
        quantity=0,
        amount_minor=500,
        currency="USD",
        restock=False,
        whole=False,
        refund_id="refund-1",
        merchant_id=MERCHANT,
    ),
    events.PaymentRequested(
        **of_payment(1),
        **PAID,
        buyer_id=ANNA,
        payment_method="cus_1/pm_1",
        delivery=DELIVERY,
        save=True,
        fee_minor=255,
        destination="acct_1",
        mode="setup",
        off_session=True,
        statement="Night Sky",
    ),
    events.PaymentRequested(
        **of_payment(1),
        amount_minor=PRICE_MINOR + CHARGE.amount_minor,
        currency="USD",
        buyer_id=ANNA,
        payment_method="pm_1",
        delivery=DELIVERY,
        shipping=CHARGE,
    ),
    events.PaymentCaptured(**of_payment(3), **PAID, fee_minor=255),
    events.RefundRequested(
        **of_payment(4),
        amount_minor=500,
        currency="USD",
        reference="pi_1",
        restock=True,
        refund_id="refund-1",
        quantity=1,
        keep_fee=True,
        destination="acct_1",
        reason="returned",
        asked_by="merchant",
        instead_of="refund-0",
    ),
    events.PaymentRefunded(
        **of_payment(5), amount_minor=500, currency="USD", refund_id="refund-1", fee_returned_minor=28
    ),
    events.RefundFailed(
        **of_payment(6),
        amount_minor=500,
        currency="USD",
        refund_id="refund-1",
        reason="lost_or_stolen_card",
        was_refunded=True,
        fee_returned_minor=28,
        quantity=1,
        from_stock=True,
        missing=1,
        was_whole=True,
        merchant_id=MERCHANT,
    ),
    events.DisputeClosed(
        **of_payment(6),
        **PAID,
        dispute_id="dp_1",
        outcome="won",
        before="lost",
        held_minor=PRICE_MINOR,
        merchant_id=MERCHANT,
    ),
    events.OrderRefunded(
        **of_order(6), quantity=1, amount_minor=0, currency="USD", restock=False, reason="edition_cancelled"
    ),
    events.ApiKeyAdded(
        **of(MERCHANT, 4),
        key_id="north-1",
        name="North, phone 1",
        api_key_hash="c9" * 32,
        door_of=EDITION,
        expires_at_ms=T0 + 86_400_000,
    ),
    commands.AddApiKey(merchant_id=MERCHANT, key_id="till-2", name="till 2", api_key_hash="d0" * 32, role="support"),
    events.ApiKeyAdded(**of(MERCHANT, 5), key_id="till-2", name="till 2", api_key_hash="d0" * 32, role="support"),
    events.TicketScanned(**of(EDITION, 18), **SCANNED, passed=True, despite="refunded", forgotten=2),
    commands.ScanTicket(
        edition_id=EDITION,
        merchant_id=MERCHANT,
        **SCANNED,
        valid_from_ms=T0 - 3_600_000,
        valid_until_ms=T0 + 3_600_000,
        passed=True,
    ),
    commands.AddApiKey(
        merchant_id=MERCHANT,
        key_id="north-1",
        name="North, phone 1",
        api_key_hash="c9" * 32,
        door_of=EDITION,
        expires_at_ms=T0 + 86_400_000,
    ),
    events.PaymentAuthorised(**of_payment(2), buyer_id=ANNA, reference="pi_1", off_session=True),
    events.PaymentDisputed(**of_payment(5), **PAID, dispute_id="dp_1", reason="fraudulent", held_minor=500),
    commands.CorrectReceipt(
        merchant_id=MERCHANT, order_id=ORDER, refund_id="refund-1", amount_minor=-500, change_id=f"{ORDER}:6"
    ),
    events.ReceiptCorrected(
        **of(MERCHANT, 9),
        year=2027,
        number=1,
        order_id=ORDER,
        refund_id="refund-1",
        amount_minor=4500,
        currency="USD",
        change_id=f"{ORDER}:6",
        change_minor=-500,
    ),
)
"""Other examples, for fields that mean something else altogether when they are set."""

_PLAIN: tuple[commands.Command | events.Event, ...] = (*COMMANDS, *EVENTS)
VARIANTS += tuple(
    msgspec.structs.replace(one, variant_id=STALLS.variant_id)
    for one in _PLAIN
    if "variant_id" in one.__struct_fields__
)
"""What is about one of several variants says which."""

VARIANTS += tuple(msgspec.structs.replace(one, lines=LINES) for one in _PLAIN if "lines" in one.__struct_fields__)
VARIANTS += tuple(
    msgspec.structs.replace(one, units=UNITS, quantity=sum(units.quantity for units in UNITS))
    for one in _PLAIN
    if isinstance(one, events.MovesUnits | events.RefundRequested)
)
VARIANTS += tuple(
    msgspec.structs.replace(one, units=UNITS[1:])
    for one in _PLAIN
    if isinstance(one, commands.RefundOrder | commands.ReturnOrder)
)
"""An order of several lines names the units of each."""
