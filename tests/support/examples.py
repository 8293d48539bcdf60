"""One valid example of each command and each event: every test starts from these and replaces what it is about."""

from typing import Any, TypeVar

import msgspec

from buystream.vocabulary import commands, events
from buystream.vocabulary.fields import values_in, values_of
from buystream.vocabulary.ids import payment_id_of
from buystream.vocabulary.values import CampaignTerms, Fee, Offer, OrderLine, RefundRule, SaleWindow, Tax, Variant

M = TypeVar("M", bound=commands.Command | events.Event)
S = TypeVar("S", bound=msgspec.Struct)

T0 = 1_800_000_000_000
"""When the stories of the tests begin: 2027-01-15T08:00:00Z."""

HOLD_SECONDS = 300

MERCHANT = "me0-n1ghtsky00"
EDITION = "ed0-c0ncert000"
OTHER_EDITION = "ed0-rec0rd0000"
ANNA = "by0-anna0000000000000000"
BEN = "by0-ben00000000000000000"
ORDER = f"{EDITION}-00000000000000000001"
PAYMENT = payment_id_of(ORDER, 1)
GIFT = f"{EDITION}-g1ft0000000000000001"
PRICE_MINOR = 4500
DELIVERY = "ciphertext-of-the-delivery"
API_KEY_HASH = "a7" * 32


def order_id(number: int, edition_id: str = EDITION) -> str:
    """The n-th order id of an edition."""
    return f"{edition_id}-{number:020d}"


OFFER = Offer(
    title="Night Sky, live",
    currency="USD",
    variants=(Variant(price_min_minor=PRICE_MINOR, price_max_minor=PRICE_MINOR, stock=10, limit_per_buyer=4),),
    hold_seconds=HOLD_SECONDS,
    description="One evening under the stars.",
    kind="ticket",
    image="night-sky",
    suggested_minor=(PRICE_MINOR,),
    window=SaleWindow(opens_at_ms=T0 - 1000, closes_at_ms=T0 + 86_400_000),
    needs_address=False,
)

STALLS = Variant(
    variant_id="stalls",
    title="Stalls",
    price_min_minor=PRICE_MINOR,
    price_max_minor=PRICE_MINOR,
    stock=4,
    limit_per_buyer=2,
)

_RICH_OFFER = msgspec.structs.replace(
    OFFER,
    variants=(STALLS,),
    tax=Tax(bps=1900, label="VAT"),
    refund=RefundRule(by="buyer", until_ms=T0 + 3_600_000, share_bps=9_000, restock=False),
    campaign=CampaignTerms(target_minor=100_000, all_or_nothing=True, if_missed="choose"),
    receipts=True,
    vouched_only=True,
)

_RELEASED: dict[str, Any] = {"merchant_id": MERCHANT, "offer": OFFER}
_RICHLY_RELEASED: dict[str, Any] = {"merchant_id": MERCHANT, "offer": _RICH_OFFER, "awaits_terms": True}
_FEE = Fee(share_bps=500, fixed_minor=30)

_PART: dict[str, Any] = {
    "refund_id": "refund-1",
    "amount_minor": 500,
    "quantity": 1,
    "keep_fee": True,
    "reason": "scratched",
}

_PLACED: dict[str, Any] = {
    "buyer_id": ANNA,
    "lines": (OrderLine(quantity=1, price_minor=PRICE_MINOR),),
    "device": "hash-of-a-device",
    "network": "hash-of-a-network",
}

_PAID: dict[str, Any] = {"amount_minor": PRICE_MINOR, "currency": "USD"}

_ZONE: dict[str, Any] = {
    "time_zone": "America/New_York",
    "first_year": 2026,
    "year_starts_ms": (1_767_243_600_000, 1_798_779_600_000, 1_830_315_600_000),
}
_DETAILS: dict[str, Any] = {
    "legal_name": "Night Sky Association",
    "address": "1 Observatory Hill, Greenwich",
    "tax_id": "GB123456789",
    "charity_id": "1234567",
    "email": "desk@nightsky.example",
}

COMMANDS: tuple[commands.Command, ...] = (
    commands.OwnerStarted(owner="shop-1", grace_seconds=60),
    commands.Tick(),
    commands.AcceptTime(position=7, stamped_ms=T0),
    commands.PassOverTime(position=7, stamped_ms=T0),
    commands.AdoptRules(rules_version=1),
    commands.RegisterMerchant(merchant_id=MERCHANT, name="Night Sky", currency="USD", api_key_hash=API_KEY_HASH),
    commands.AddApiKey(merchant_id=MERCHANT, key_id="scanner", name="Scanner", api_key_hash="b8" * 32),
    commands.RevokeApiKey(merchant_id=MERCHANT, key_id="first"),
    commands.DescribeMerchant(merchant_id=MERCHANT, **_DETAILS),
    commands.SetTimeZone(merchant_id=MERCHANT, **_ZONE),
    commands.ConnectAccount(merchant_id=MERCHANT, account="acct_1"),
    commands.SetFeeTerms(merchant_id=MERCHANT, terms_id="terms-1", currency="USD", fee=_FEE, from_ms=T0),
    commands.RequestTerms(merchant_id=MERCHANT, edition_id=EDITION, currency="USD"),
    commands.IssueReceipt(merchant_id=MERCHANT, order_id=ORDER, **_PAID, paid_at_ms=T0),
    commands.CorrectReceipt(merchant_id=MERCHANT, order_id=ORDER, refund_id="refund-1", amount_minor=500),
    commands.OpenShop(shop_id="sh-0123456789abcdef"),
    commands.FixHostedPartitions(partitions=4),
    commands.NameEdition(merchant_id=MERCHANT, request="request-1", edition_id=EDITION),
    commands.ReleaseEdition(edition_id=EDITION, **_RELEASED),
    commands.ApplyTerms(edition_id=EDITION, terms_id="terms-1", account="acct_1", fee=_FEE),
    commands.CancelEdition(edition_id=EDITION, merchant_id=MERCHANT, restock=True, reason="storm"),
    commands.StartRecurringGift(
        gift_id=GIFT,
        edition_id=EDITION,
        buyer_id=ANNA,
        amount_minor=PRICE_MINOR,
        interval_months=1,
        payment_method="pm_1",
        delivery=DELIVERY,
        vouched=True,
    ),
    commands.EndRecurringGift(gift_id=GIFT, buyer_id=ANNA),
    commands.PauseSale(edition_id=EDITION),
    commands.ResumeSale(edition_id=EDITION),
    commands.AddStock(edition_id=EDITION, change_id="change-1", quantity=5),
    commands.WithdrawStock(edition_id=EDITION, change_id="change-2", quantity=5),
    commands.RecordDemand(edition_id=EDITION, demand_id="demand-1", clicks=7, quantity=9),
    commands.FlagVelocity(
        edition_id=EDITION,
        flag_id="flag-1",
        buyer_id=ANNA,
        measure="buyer",
        attempts=21,
        window_seconds=10,
        pause_seconds=60,
    ),
    commands.PlaceOrder(order_id=ORDER, edition_id=EDITION, vouched=True, **_PLACED),
    commands.CancelOrder(order_id=ORDER, buyer_id=ANNA),
    commands.RequestPayment(
        order_id=ORDER, buyer_id=ANNA, payment_method="sandbox_accepted", delivery=DELIVERY, save=True, attempt=1
    ),
    commands.ShipOrder(order_id=ORDER, merchant_id=MERCHANT, carrier="Parcel Post", tracking="PP-1"),
    commands.RecordDelivery(order_id=ORDER, merchant_id=MERCHANT),
    commands.RefundOrder(order_id=ORDER, merchant_id=MERCHANT, restock=True),
    commands.ReturnOrder(order_id=ORDER, buyer_id=ANNA, refund_id="return-1"),
    commands.RecordAuthorisation(
        payment_id=PAYMENT, reference="pi_1", card_label="Visa •••• 4242", reusable_method="pm_1", buyer_id=ANNA
    ),
    commands.RecordAuthenticationRequired(payment_id=PAYMENT, url="/bank/1"),
    commands.RecordDecline(payment_id=PAYMENT, reason="card_declined"),
    commands.RecordMethodSaved(
        payment_id=PAYMENT, reference="seti_1", reusable_method="pm_1", card_label="Visa •••• 4242", buyer_id=ANNA
    ),
    commands.RecordCapture(payment_id=PAYMENT, amount_minor=PRICE_MINOR),
    commands.RecordCaptureFailure(payment_id=PAYMENT, reason="authorisation_expired"),
    commands.RecordVoid(payment_id=PAYMENT),
    commands.RecordRefund(payment_id=PAYMENT, amount_minor=PRICE_MINOR),
    commands.RecordRefundFailure(
        payment_id=PAYMENT, refund_id="refund-1", amount_minor=500, reason="lost_or_stolen_card"
    ),
    commands.RecordDispute(
        payment_id=PAYMENT, dispute_id="dp_1", amount_minor=PRICE_MINOR, reason="fraudulent", respond_by_ms=T0 + 1000
    ),
    commands.RecordDisputeOutcome(
        payment_id=PAYMENT, dispute_id="dp_1", amount_minor=PRICE_MINOR, outcome="won", reason="fraudulent"
    ),
    commands.SaveBuyerDetails(buyer_id=ANNA, payment_method="pm_1", card_label="Visa •••• 4242", delivery=DELIVERY),
    commands.LinkToBuyer(buyer_id=ANNA, link_kind="pledge", link_id=ORDER),
    commands.EraseBuyer(buyer_id=ANNA),
)


def _of(originator_id: str, version: int) -> dict[str, Any]:
    return {"originator_id": originator_id, "originator_version": version, "at_ms": T0}


def _of_order(version: int) -> dict[str, Any]:
    return {**_of(ORDER, version), "edition_id": EDITION, "edition_version": version + 1}


def _of_payment(version: int) -> dict[str, Any]:
    return {**_of(PAYMENT, version), "edition_id": EDITION, "edition_version": version + 2, "order_id": ORDER}


EVENTS: tuple[events.Event, ...] = (
    events.OwnershipTaken(**_of("pt0", 1), owner="shop-1", grace_until_ms=T0 + 60_000),
    events.Ticked(**_of("pt0", 2)),
    events.RulesAdopted(**_of("pt0", 3), rules_version=1),
    events.TimeAccepted(**_of("pt0", 7), position=7, stamped_ms=T0),
    events.TimePassedOver(**_of("pt0", 8), position=7, stamped_ms=T0 + 86_400_000),
    events.HostedPartitionsFixed(**_of("pt0", 9), partitions=4),
    events.ShopOpened(**_of("pt0", 10), shop_id="sh-0123456789abcdef"),
    events.CommandRepeated(**_of("pt0", 4), command="PauseSale", subject=EDITION),
    events.CommandRefused(**_of("pt0", 5), command="ShipOrder", subject=ORDER, reason="order_held"),
    events.OrderRepeated(
        **_of("pt0", 6),
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
    events.EditionReleased(**_of(EDITION, 1), **_RELEASED),
    events.SalePaused(**_of(EDITION, 2)),
    events.SaleResumed(**_of(EDITION, 3)),
    events.StockAdded(**_of(EDITION, 4), change_id="change-1", quantity=5),
    events.StockWithdrawn(**_of(EDITION, 5), change_id="change-2", quantity=5),
    events.EditionSoldOut(**_of(EDITION, 6)),
    events.StockReleased(**_of(EDITION, 7), available=1),
    events.DemandRecorded(
        **_of(EDITION, 8), demand_id="demand-1", clicks=7, quantity=9, forget_before_ms=T0 - 86_400_000
    ),
    events.BuyerPaused(
        **_of(EDITION, 9),
        flag_id="flag-1",
        buyer_id=ANNA,
        until_ms=T0 + 60_000,
        measure="buyer",
        attempts=21,
        window_seconds=10,
        forget_before_ms=T0 - 86_400_000,
    ),
    events.TermsApplied(**_of(EDITION, 10), terms_id="terms-1", account="acct_1", fee=_FEE),
    events.EditionCancelled(**_of(EDITION, 11), restock=False, reason="storm"),
    events.CancellationContinued(**_of(EDITION, 12), looked_at=7),
    events.CancellationCompleted(**_of(EDITION, 12), failed=1),
    events.CampaignReached(**_of(EDITION, 13), raised_minor=100_000),
    events.CampaignEnded(**_of(EDITION, 14), outcome="reached", raised_minor=120_000, givers=12),
    events.RecurringGiftStarted(
        **_of(EDITION, 15),
        **_PAID,
        gift_id=GIFT,
        buyer_id=ANNA,
        interval_months=1,
        payment_method="pm_1",
        delivery=DELIVERY,
        next_due_ms=T0,
    ),
    events.RecurringGiftSkipped(
        **_of(EDITION, 16), gift_id=GIFT, buyer_id=ANNA, skipped=2, first_due_ms=T0, next_due_ms=T0 + 5_184_000_000
    ),
    events.RecurringGiftEnded(**_of(EDITION, 16), gift_id=GIFT, buyer_id=ANNA, reason="giver"),
    events.OrderPlaced(
        **_of_order(1),
        **_PLACED,
        merchant_id=MERCHANT,
        currency="USD",
        hold_expires_at_ms=T0 + HOLD_SECONDS * 1000,
    ),
    events.OrderRefused(
        **_of_order(1), **_PLACED, merchant_id=MERCHANT, currency="USD", reason="sold_out", available=0
    ),
    events.HoldExtended(**_of_order(2), hold_expires_at_ms=T0 + 60_000),
    events.OrderReclaimed(**_of_order(3), quantity=1),
    events.OrderAuthorised(**_of_order(2), **_PAID, payment_id=PAYMENT, reference="pi_1"),
    events.OrderPledged(**_of_order(2), **_PAID, payment_id=PAYMENT, buyer_id=ANNA),
    events.OrderConfirmed(**_of_order(3), **_PAID, payment_id=PAYMENT, buyer_id=ANNA, quantity=1),
    events.OrderExpired(**_of_order(2), quantity=1),
    events.OrderCancelled(**_of_order(2), quantity=1, reason="buyer"),
    events.OrderShipped(**_of_order(4), carrier="Parcel Post", tracking="PP-1"),
    events.OrderDelivered(**_of_order(5)),
    events.OrderRefunded(**_of_order(6), **_PAID, quantity=1, restock=True),
    events.PaymentRequested(
        **_of_payment(1),
        **_PAID,
        buyer_id=ANNA,
        payment_method="sandbox_accepted",
        delivery=DELIVERY,
        save=True,
    ),
    events.AuthenticationRequired(**_of_payment(2), url="/bank/1", hold_expires_at_ms=T0 + HOLD_SECONDS * 1000),
    events.PaymentAuthorised(
        **_of_payment(2),
        buyer_id=ANNA,
        reference="pi_1",
        card_label="Visa •••• 4242",
        reusable_method="pm_1",
        delivery=DELIVERY,
    ),
    events.MethodSaved(
        **_of_payment(2),
        buyer_id=ANNA,
        reference="seti_1",
        reusable_method="pm_1",
        card_label="Visa •••• 4242",
        delivery=DELIVERY,
    ),
    events.PaymentDeclined(**_of_payment(2), reason="card_declined", hold_expires_at_ms=T0 + HOLD_SECONDS * 1000),
    events.PaymentCaptured(**_of_payment(3), **_PAID),
    events.PaymentFailed(**_of_payment(3), reason="authorisation_expired"),
    events.VoidRequested(**_of_payment(3), reference="pi_1", reason="order_expired"),
    events.PaymentVoided(**_of_payment(4)),
    events.RefundRequested(**_of_payment(4), **_PAID, reference="pi_1", restock=True),
    events.PaymentRefunded(**_of_payment(5), **_PAID),
    events.RefundFailed(
        **_of_payment(6), **_PAID, refund_id="refund-1", reason="lost_or_stolen_card", was_refunded=True
    ),
    events.PaymentDisputed(**_of_payment(4), **_PAID, dispute_id="dp_1", reason="fraudulent", respond_by_ms=T0 + 1000),
    events.DisputeClosed(**_of_payment(5), **_PAID, dispute_id="dp_1", outcome="won"),
    events.MerchantRegistered(**_of(MERCHANT, 1), name="Night Sky", currency="USD", api_key_hash=API_KEY_HASH),
    events.ApiKeyAdded(**_of(MERCHANT, 2), key_id="scanner", name="Scanner", api_key_hash="b8" * 32),
    events.ApiKeyRevoked(**_of(MERCHANT, 3), key_id="first", api_key_hash=API_KEY_HASH),
    events.MerchantDescribed(**_of(MERCHANT, 3), **_DETAILS),
    events.TimeZoneSet(**_of(MERCHANT, 4), **_ZONE),
    events.AccountConnected(**_of(MERCHANT, 4), account="acct_1"),
    events.FeeTermsSet(**_of(MERCHANT, 5), terms_id="terms-1", currency="USD", fee=_FEE, from_ms=T0),
    events.EditionNamed(**_of(MERCHANT, 9), request="request-1", edition_id=EDITION, forget_before_ms=T0 - 86_400_000),
    events.TermsGranted(
        **_of(MERCHANT, 6),
        edition_id=EDITION,
        terms_id="terms-1",
        account="acct_1",
        fee=_FEE,
    ),
    events.ReceiptIssued(**_of(MERCHANT, 7), **_PAID, year=2027, number=1, order_id=ORDER, paid_at_ms=T0),
    events.ReceiptCorrected(
        **_of(MERCHANT, 8),
        year=2027,
        number=1,
        order_id=ORDER,
        refund_id="refund-1",
        amount_minor=4000,
        currency="USD",
    ),
    events.BuyerDetailsSaved(**_of(ANNA, 1), payment_method="pm_1", card_label="Visa •••• 4242", delivery=DELIVERY),
    events.LinkedToBuyer(**_of(ANNA, 2), link_kind="pledge", link_id=ORDER),
    events.BuyerErased(**_of(ANNA, 3)),
    events.ErasureRequested(**_of(ANNA, 4), link_kind="pledge", link_id=ORDER, links_left=3),
)

VARIANTS: tuple[commands.Command | events.Event, ...] = (
    commands.Tick(asked_at_ms=T0, without=(EDITION,)),
    commands.ReleaseEdition(edition_id=EDITION, **_RICHLY_RELEASED),
    commands.RefundOrder(order_id=ORDER, merchant_id=MERCHANT, restock=True, **_PART),
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
    ),
    events.EditionReleased(**_of(EDITION, 1), **_RICHLY_RELEASED, saves_methods=True),
    events.DemandRecorded(**_of(EDITION, 8), demand_id="", clicks=1, quantity=2, reason="paused"),
    events.OrderPlaced(
        **_of_order(1),
        **_PLACED,
        merchant_id=MERCHANT,
        currency="USD",
        hold_expires_at_ms=T0 + HOLD_SECONDS * 1000,
        gift_id=GIFT,
        next_due_ms=T0 + 31 * 86_400_000,
    ),
    events.OrderConfirmed(**_of_order(3), **_PAID, payment_id=PAYMENT, buyer_id=ANNA, quantity=1, merchant_id=MERCHANT),
    events.OrderRefunded(
        **_of_order(6),
        quantity=0,
        amount_minor=500,
        currency="USD",
        restock=False,
        whole=False,
        refund_id="refund-1",
        merchant_id=MERCHANT,
    ),
    events.PaymentRequested(
        **_of_payment(1),
        **_PAID,
        buyer_id=ANNA,
        payment_method="cus_1/pm_1",
        delivery=DELIVERY,
        save=True,
        fee_minor=255,
        destination="acct_1",
        mode="setup",
        off_session=True,
    ),
    events.PaymentCaptured(**_of_payment(3), **_PAID, fee_minor=255),
    events.RefundRequested(
        **_of_payment(4),
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
        **_of_payment(5), amount_minor=500, currency="USD", refund_id="refund-1", fee_returned_minor=28
    ),
    events.RefundFailed(
        **_of_payment(6),
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
        **_of_payment(6),
        **_PAID,
        dispute_id="dp_1",
        outcome="won",
        before="lost",
        held_minor=PRICE_MINOR,
        merchant_id=MERCHANT,
    ),
    events.OrderRefunded(
        **_of_order(6), quantity=1, amount_minor=0, currency="USD", restock=False, reason="edition_cancelled"
    ),
    events.PaymentAuthorised(**_of_payment(2), buyer_id=ANNA, reference="pi_1", off_session=True),
    events.PaymentDisputed(**_of_payment(5), **_PAID, dispute_id="dp_1", reason="fraudulent", held_minor=500),
    commands.CorrectReceipt(
        merchant_id=MERCHANT, order_id=ORDER, refund_id="refund-1", amount_minor=-500, change_id=f"{ORDER}:6"
    ),
    events.ReceiptCorrected(
        **_of(MERCHANT, 9),
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

VARIANTS += tuple(
    msgspec.structs.replace(one, variant_id=STALLS.variant_id)
    for one in (*COMMANDS, *EVENTS)
    if "variant_id" in one.__struct_fields__
)
"""What is about one of several variants says which."""

EXAMPLES: dict[type, commands.Command | events.Event] = {type(example): example for example in (*COMMANDS, *EVENTS)}


def example(kind: type[M], /, **changes: Any) -> M:
    """The example of that kind, with some fields replaced, each where it stands: in the message or in a value in it."""
    return replaced(EXAMPLES[kind], changes)  # type: ignore[return-value]


def replaced(whole: S, changes: dict[str, Any]) -> S:
    """The message or value with these fields replaced, in it or in the one value inside that has them."""
    left = dict(changes)
    own = {name: left.pop(name) for name in whole.__struct_fields__ if name in left}
    for field in msgspec.structs.fields(whole):
        for kind in values_in(field.type):
            inside = {name: left.pop(name) for name in list(left) if _has(kind, name)}
            if inside:
                value = own.get(field.name, getattr(whole, field.name))
                if isinstance(value, tuple):
                    own[field.name] = tuple(replaced(one, inside) for one in value)
                else:
                    own[field.name] = kind(**inside) if value is None else replaced(value, inside)
    return msgspec.structs.replace(whole, **own, **left)


def _has(kind: type[msgspec.Struct], name: str) -> bool:
    return name in kind.__struct_fields__ or any(name in value.__struct_fields__ for value in values_of(kind))
