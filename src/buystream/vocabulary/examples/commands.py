"""One valid example of each command."""

from buystream.vocabulary import commands
from buystream.vocabulary.examples.story import (
    ANNA,
    ANNOUNCEMENT,
    API_KEY_HASH,
    CLAIM,
    DEARER,
    DELIVERY,
    DETAILS,
    EDITION,
    FEE,
    FILE,
    GIFT,
    INSTANCE,
    MERCHANT,
    NORTH,
    ORDER,
    PAID,
    PAYMENT,
    PLACED,
    POSTER,
    POSTPONED,
    PRICE_MINOR,
    RELEASED,
    SCANNED,
    T0,
    TICKET,
    ZONE,
)
from buystream.vocabulary.placements import PlacementCount
from buystream.vocabulary.values import LineUnits

COMMANDS: tuple[commands.Command, ...] = (
    commands.OwnerStarted(owner="shop-1", grace_seconds=60),
    commands.Tick(),
    commands.AcceptTime(position=7, stamped_ms=T0),
    commands.PassOverTime(position=7, stamped_ms=T0),
    commands.AdoptRules(rules_version=1),
    commands.RegisterMerchant(merchant_id=MERCHANT, name="Night Sky", currency="USD", api_key_hash=API_KEY_HASH),
    commands.AddApiKey(merchant_id=MERCHANT, key_id="scanner", name="Scanner", api_key_hash="b8" * 32),
    commands.RevokeApiKey(merchant_id=MERCHANT, key_id="first"),
    commands.DescribeMerchant(merchant_id=MERCHANT, **DETAILS),
    commands.SetTimeZone(merchant_id=MERCHANT, **ZONE),
    commands.ConnectAccount(merchant_id=MERCHANT, account="acct_1"),
    commands.SetFeeTerms(merchant_id=MERCHANT, terms_id="terms-1", currency="USD", fee=FEE, from_ms=T0),
    commands.RequestTerms(merchant_id=MERCHANT, edition_id=EDITION, currency="USD"),
    commands.IssueReceipt(merchant_id=MERCHANT, order_id=ORDER, **PAID, paid_at_ms=T0),
    commands.CorrectReceipt(merchant_id=MERCHANT, order_id=ORDER, refund_id="refund-1", amount_minor=500),
    commands.OpenShop(shop_id="sh-0123456789abcdef"),
    commands.FixHostedPartitions(partitions=4),
    commands.NameEdition(merchant_id=MERCHANT, request="request-1", edition_id=EDITION),
    commands.ReleaseEdition(edition_id=EDITION, **RELEASED),
    commands.ApplyTerms(edition_id=EDITION, terms_id="terms-1", account="acct_1", fee=FEE),
    commands.CancelEdition(edition_id=EDITION, merchant_id=MERCHANT, restock=True, reason="storm"),
    commands.AddFile(edition_id=EDITION, merchant_id=MERCHANT, **FILE),
    commands.RemoveFile(edition_id=EDITION, merchant_id=MERCHANT, name=FILE["name"]),
    commands.AllowDownloads(order_id=ORDER, merchant_id=MERCHANT, downloads_max=10),
    commands.StartDownload(order_id=ORDER, buyer_id=ANNA, name=FILE["name"]),
    commands.ActivateLicence(order_id=ORDER, number=1, instance=INSTANCE),
    commands.DeactivateLicence(order_id=ORDER, number=1, instance=INSTANCE),
    commands.DisableLicence(order_id=ORDER, merchant_id=MERCHANT, number=1, disabled=True),
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
    commands.AnnounceToBuyers(edition_id=EDITION, **ANNOUNCEMENT),
    commands.MoveEvent(edition_id=EDITION, event=POSTPONED),
    commands.ChangeShipping(edition_id=EDITION, shipping=DEARER),
    commands.RequestStockAlert(edition_id=EDITION, buyer_id=ANNA, delivery=DELIVERY),
    commands.PauseSale(edition_id=EDITION),
    commands.ResumeSale(edition_id=EDITION),
    commands.AddStock(edition_id=EDITION, change_id="change-1", quantity=5),
    commands.WithdrawStock(edition_id=EDITION, change_id="change-2", quantity=5),
    commands.RecordDemand(edition_id=EDITION, demand_id="demand-1", clicks=7, quantity=9),
    commands.RecordImpressions(
        edition_id=EDITION,
        report_id="report-1",
        impressions=12,
        placements=(PlacementCount(placement=POSTER, count=5),),
    ),
    commands.FlagVelocity(
        edition_id=EDITION,
        flag_id="flag-1",
        buyer_id=ANNA,
        measure="buyer",
        attempts=21,
        window_seconds=10,
        pause_seconds=60,
    ),
    commands.PlaceOrder(order_id=ORDER, edition_id=EDITION, vouched=True, **PLACED),
    commands.CancelOrder(order_id=ORDER, buyer_id=ANNA),
    commands.RequestPayment(
        order_id=ORDER, buyer_id=ANNA, payment_method="sandbox_accepted", delivery=DELIVERY, save=True, attempt=1
    ),
    commands.ChangeAddress(order_id=ORDER, buyer_id=ANNA, delivery=DELIVERY, country="GB"),
    commands.CreateShipment(
        order_id=ORDER,
        merchant_id=MERCHANT,
        shipment_id="parcel-1",
        contents=(LineUnits(quantity=1),),
        carrier="Parcel Post",
        tracking="PP-1",
    ),
    commands.RecordFulfilment(
        order_id=ORDER, merchant_id=MERCHANT, shipment_id="parcel-1", fulfilment_id="scan-1", stage="in_transit"
    ),
    commands.RecordReturn(
        order_id=ORDER,
        merchant_id=MERCHANT,
        return_id="back-1",
        units=(LineUnits(quantity=1),),
        goods="inspect",
        amount_minor=PRICE_MINOR,
        reason="It was scratched.",
    ),
    commands.InspectReturn(order_id=ORDER, merchant_id=MERCHANT, return_id="back-1", restock=True),
    commands.ExchangeUnits(
        order_id=ORDER,
        merchant_id=MERCHANT,
        exchange_id="swap-1",
        variant_id="m",
        instead_variant_id="l",
        quantity=1,
        restock=True,
        reason="It was too small.",
    ),
    commands.RequestReturn(
        order_id=ORDER,
        buyer_id=ANNA,
        request_id="wish-1",
        units=(LineUnits(variant_id="m", quantity=1),),
        instead_variant_id="l",
        words=DELIVERY,
    ),
    commands.AnswerReturnRequest(
        order_id=ORDER, merchant_id=MERCHANT, request_id="wish-1", accepted=True, reply="Send it to our workshop."
    ),
    commands.ShipOrder(order_id=ORDER, merchant_id=MERCHANT, carrier="Parcel Post", tracking="PP-1"),
    commands.RecordDelivery(order_id=ORDER, merchant_id=MERCHANT),
    commands.PassTicketOn(order_id=ORDER, number=1, buyer_id=ANNA, issue=1, claim=CLAIM),
    commands.TakeTicketBack(order_id=ORDER, number=1, buyer_id=ANNA),
    commands.ClaimTicket(order_id=ORDER, number=1, buyer_id=ANNA, claim=CLAIM, attendee=DELIVERY),
    commands.NameAttendee(order_id=ORDER, number=1, buyer_id=ANNA, attendee=DELIVERY),
    commands.ChooseReturnedTickets(order_id=ORDER, merchant_id=MERCHANT, numbers=(1,)),
    commands.RotateTicketKey(merchant_id=MERCHANT, version=2),
    commands.ArrangeDoor(edition_id=EDITION, merchant_id=MERCHANT, reentry=True, gates=(NORTH,)),
    commands.ScanTicket(
        edition_id=EDITION, merchant_id=MERCHANT, **SCANNED, valid_from_ms=T0 - 3_600_000, valid_until_ms=T0 + 3_600_000
    ),
    commands.UndoScan(
        edition_id=EDITION, merchant_id=MERCHANT, ticket_id=TICKET, nonce="scan-1", scanner="North, phone 1"
    ),
    commands.BlockTicket(edition_id=EDITION, merchant_id=MERCHANT, ticket_id=TICKET, blocked=True, reason="stolen"),
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
