"""The vocabulary out: every decision, as it stands on `buystream.events`.

An event belongs to one aggregate (`originator_id`, dense `originator_version`). Events about an order or a payment
also count in their edition's dense version, because the edition is what keeps them consistent."""

import msgspec


class Event(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    gc=False,
    omit_defaults=True,
    tag_field="type",
    tag=lambda name: f"{name}.v1",
):
    """A fact. `at_ms` is the time of the command that it answers."""

    originator_id: str
    originator_version: int
    at_ms: int


# The partition's own stream: answers that change no aggregate.


class PartitionEvent(Event):
    """Belongs to the partition itself, `pt<number>`."""


class OwnershipTaken(PartitionEvent):
    """Answers OwnerStarted."""

    owner: str


class Ticked(PartitionEvent):
    """Answers Tick; what ran out stands in events of its own beside it."""


class RulesAdopted(PartitionEvent):
    """Answers AdoptRules."""

    rules_version: int


class CommandRepeated(PartitionEvent):
    """The command said what was known already; nothing changed."""

    command: str
    subject: str


class CommandRefused(PartitionEvent):
    """The command can't be followed; nothing changed. An unreadable one has `command` and `subject` empty."""

    command: str
    subject: str
    reason: str


class OrderRepeated(PartitionEvent):
    """A PlaceOrder came again: this is what its order is now. A refused order keeps its first reason."""

    order_id: str
    edition_id: str
    buyer_id: str
    quantity: int
    price_minor: int
    currency: str
    state: str
    placed_at_ms: int
    reason: str = ""
    hold_expires_at_ms: int | None = None
    payment_id: str = ""
    payment_state: str = ""


# The edition's own stream.


class EditionEvent(Event):
    """Belongs to an edition."""

    @property
    def edition_id(self) -> str:
        """The edition."""
        return self.originator_id

    @property
    def edition_version(self) -> int:
        """The edition's version."""
        return self.originator_version


class EditionReleased(EditionEvent):
    """On sale, by these terms."""

    merchant_id: str
    title: str
    currency: str
    price_min_minor: int
    price_max_minor: int
    stock: int | None
    limit_per_buyer: int
    hold_seconds: int
    description: str = ""
    kind: str = "item"
    image: str = ""
    suggested_minor: tuple[int, ...] = ()
    opens_at_ms: int | None = None
    closes_at_ms: int | None = None
    needs_address: bool = True
    awaits_terms: bool = False
    tax_bps: int = 0
    tax_label: str = ""
    refund_by: str = "merchant"
    refund_until_ms: int | None = None
    refund_share_bps: int = 10_000
    refund_restock: bool = True
    target_minor: int | None = None
    all_or_nothing: bool = False
    if_missed: str = "void"
    receipts: bool = False


class TermsApplied(EditionEvent):
    """Where this edition's money goes, and what the platform keeps of it; it takes orders from here on."""

    terms_id: str
    account: str
    fee_share_bps: int
    fee_fixed_minor: int


class EditionCancelled(EditionEvent):
    """It won't take place. The sale has ended for good; Ticks cancel its holds and refund its orders."""

    restock: bool
    reason: str = ""


class CancellationCompleted(EditionEvent):
    """Nothing is left to cancel or refund; `failed` refunds need the merchant."""

    failed: int = 0


class CampaignReached(EditionEvent):
    """What was given or pledged has reached the target."""

    raised_minor: int


class CampaignEnded(EditionEvent):
    """Its time is over. Outcomes: reached, missed."""

    outcome: str
    raised_minor: int
    givers: int


class RecurringGiftStarted(EditionEvent):
    """The first gift is placed with this event, the next ones when they are due."""

    gift_id: str
    buyer_id: str
    amount_minor: int
    currency: str
    interval_months: int
    payment_method: str
    delivery: str
    next_due_ms: int


class RecurringGiftEnded(EditionEvent):
    """No more gifts. Reasons: giver, declined, closed."""

    gift_id: str
    buyer_id: str
    reason: str


class SalePaused(EditionEvent):
    """No orders for a while."""


class SaleResumed(EditionEvent):
    """Orders again."""


class StockAdded(EditionEvent):
    """More was issued."""

    change_id: str
    quantity: int


class StockWithdrawn(EditionEvent):
    """Unsold stock left the sale."""

    change_id: str
    quantity: int


class EditionSoldOut(EditionEvent):
    """Nothing is available: gateways may refuse from memory until StockReleased."""


class StockReleased(EditionEvent):
    """There is stock again after a sell-out."""

    available: int


class DemandRecorded(EditionEvent):
    """Clicks refused from the latch."""

    demand_id: str
    clicks: int
    quantity: int


class BuyerPaused(EditionEvent):
    """Until `until_ms` this buyer's orders are refused as too_fast; the pause ends by itself. `measure` tells whose
    `attempts` within `window_seconds` were counted: buyer, device or network."""

    flag_id: str
    buyer_id: str
    until_ms: int
    measure: str
    attempts: int
    window_seconds: int


# Orders and payments, in their edition.


class OrderEvent(Event):
    """Belongs to an order; counts in its edition's version too."""

    edition_id: str
    edition_version: int

    @property
    def order_id(self) -> str:
        """The order."""
        return self.originator_id


class OrderPlaced(OrderEvent):
    """Stock is held for this buyer until `hold_expires_at_ms`."""

    buyer_id: str
    merchant_id: str
    quantity: int
    price_minor: int
    currency: str
    hold_expires_at_ms: int
    device: str = ""
    network: str = ""
    gift_id: str = ""
    """The recurring gift that it belongs to; then `next_due_ms` is when the next one is placed."""
    next_due_ms: int | None = None


class OrderRefused(OrderEvent):
    """No stock was held; the id is spent. Reasons: sold_out, over_limit, not_open, closed, wrong_price, paused,
    too_fast, cancelled."""

    buyer_id: str
    merchant_id: str
    quantity: int
    price_minor: int
    currency: str
    reason: str
    available: int | None = None
    device: str = ""
    network: str = ""


class HoldExtended(OrderEvent):
    """The hold's clock was set anew: an outage of ours, a bank that wants to see the buyer, a declined card."""

    hold_expires_at_ms: int


class OrderReclaimed(OrderEvent):
    """The money came after the hold ran out, and there was stock: it is held again."""

    quantity: int


class OrderAuthorised(OrderEvent):
    """The stock is claimed for a reserved payment and can't run out any more; now the money may move."""

    payment_id: str
    reference: str
    amount_minor: int
    currency: str


class OrderPledged(OrderEvent):
    """The giver's word counts for the target; no money moves before it is reached."""

    payment_id: str
    amount_minor: int
    currency: str


class OrderConfirmed(OrderEvent):
    """Sold. `merchant_id` is there when a receipt is due."""

    payment_id: str
    buyer_id: str
    quantity: int
    amount_minor: int
    currency: str
    merchant_id: str = ""


class OrderExpired(OrderEvent):
    """The hold ran out; the stock is back."""

    quantity: int


class OrderCancelled(OrderEvent):
    """The hold was given back. Reasons: buyer, payment_declined, payment_failed, edition_cancelled, campaign_missed."""

    quantity: int
    reason: str


class OrderShipped(OrderEvent):
    """The parcel left."""

    carrier: str
    tracking: str


class OrderDelivered(OrderEvent):
    """The parcel arrived, or the ticket was used."""


class OrderRefunded(OrderEvent):
    """Money went back, and `quantity` pieces with it: they are on sale again or withdrawn. Unless it is `whole`, the
    buyer keeps the rest. `merchant_id` is there when a receipt was due."""

    quantity: int
    amount_minor: int
    currency: str
    restock: bool
    whole: bool = True
    refund_id: str = ""
    merchant_id: str = ""


class PaymentEvent(Event):
    """Belongs to a payment; counts in its edition's version too."""

    edition_id: str
    edition_version: int
    order_id: str

    @property
    def payment_id(self) -> str:
        """The payment."""
        return self.originator_id


class PaymentRequested(PaymentEvent):
    """Ask the provider to reserve the money. The hold's clock stands still: it waits for the buyer, not for us. `mode`
    setup only saves the payment method, to be charged later. `off_session`: the buyer isn't there. `fee_minor` is the
    platform's, the rest goes to the account `destination`, if there is one."""

    buyer_id: str
    amount_minor: int
    currency: str
    payment_method: str
    delivery: str
    save: bool = False
    fee_minor: int = 0
    destination: str = ""
    mode: str = ""
    off_session: bool = False


class AuthenticationRequired(PaymentEvent):
    """The buyer has to show up at the bank's page; the hold's clock runs again."""

    url: str
    hold_expires_at_ms: int | None = None


class PaymentAuthorised(PaymentEvent):
    """The money is reserved. `delivery` comes along when the buyer asked to be remembered."""

    buyer_id: str
    reference: str
    card_label: str = ""
    reusable_method: str = ""
    delivery: str = ""


class MethodSaved(PaymentEvent):
    """The payment method can be charged later. `delivery` comes along when the buyer asked to be remembered."""

    buyer_id: str
    reference: str
    reusable_method: str
    card_label: str = ""
    delivery: str = ""


class PaymentDeclined(PaymentEvent):
    """No money. The hold's clock runs again, for another card."""

    reason: str
    hold_expires_at_ms: int | None = None


class PaymentCaptured(PaymentEvent):
    """The money moved; `fee_minor` of it is the platform's."""

    amount_minor: int
    currency: str
    fee_minor: int = 0


class PaymentFailed(PaymentEvent):
    """The reserved money could not be had."""

    reason: str


class VoidRequested(PaymentEvent):
    """Give the reservation back: its order can't be had any more."""

    reference: str
    reason: str


class PaymentVoided(PaymentEvent):
    """The reservation is gone; nobody was charged."""


class RefundRequested(PaymentEvent):
    """Ask the provider to give money back; `quantity` pieces come with it (None: all)."""

    reference: str
    amount_minor: int
    currency: str
    restock: bool
    refund_id: str = ""
    quantity: int | None = None
    keep_fee: bool = False
    destination: str = ""
    reason: str = ""


class PaymentRefunded(PaymentEvent):
    """The money went back, and so did `fee_returned_minor` of the platform's fee."""

    amount_minor: int
    currency: str
    refund_id: str = ""
    fee_returned_minor: int = 0


class RefundFailed(PaymentEvent):
    """The buyer's bank didn't take the money: the merchant has it, and has to find another way. `fee_returned_minor` is
    the platform's again."""

    refund_id: str
    amount_minor: int
    currency: str
    reason: str
    was_refunded: bool = False
    fee_returned_minor: int = 0


class PaymentDisputed(PaymentEvent):
    """The buyer's bank wants the money back and holds it until it has decided; nothing is shipped or refunded
    meanwhile."""

    dispute_id: str
    amount_minor: int
    currency: str
    reason: str
    respond_by_ms: int | None = None


class DisputeClosed(PaymentEvent):
    """The bank has decided. Outcomes: won (by the merchant, who has the money again), lost."""

    dispute_id: str
    amount_minor: int
    currency: str
    outcome: str


# Merchants and buyers.


class MerchantEvent(Event):
    """Belongs to a merchant."""

    @property
    def merchant_id(self) -> str:
        """The merchant."""
        return self.originator_id


class MerchantRegistered(MerchantEvent):
    """A shop opened."""

    name: str
    currency: str
    api_key_hash: str


class ApiKeyRotated(MerchantEvent):
    """Only this key works now."""

    api_key_hash: str


class MerchantDescribed(MerchantEvent):
    """These legal details stand on receipts from here on."""

    legal_name: str
    address: str
    tax_id: str = ""
    charity_id: str = ""
    email: str = ""


class AccountConnected(MerchantEvent):
    """The money of editions released from here on goes to this account at the provider."""

    account: str


class FeeTermsSet(MerchantEvent):
    """What the platform keeps of editions in this currency that are released from `from_ms` on."""

    terms_id: str
    currency: str
    share_bps: int
    fixed_minor: int
    from_ms: int


class TermsGranted(MerchantEvent):
    """The terms of one edition; `terms_id` is empty when the platform keeps nothing."""

    edition_id: str
    terms_id: str
    account: str
    fee_share_bps: int
    fee_fixed_minor: int


class ReceiptIssued(MerchantEvent):
    """Numbers count from 1 in each year (UTC), without gaps."""

    year: int
    number: int
    order_id: str
    amount_minor: int
    currency: str
    paid_at_ms: int


class ReceiptCorrected(MerchantEvent):
    """Part of the gift went back: the receipt is for `amount_minor` now; for 0 it is cancelled."""

    year: int
    number: int
    order_id: str
    refund_id: str
    amount_minor: int
    currency: str


class BuyerEvent(Event):
    """Belongs to a buyer."""

    @property
    def buyer_id(self) -> str:
        """The buyer."""
        return self.originator_id


class BuyerDetailsSaved(BuyerEvent):
    """One tap is enough from now on. `delivery` is a ciphertext of the buyer's key."""

    payment_method: str
    card_label: str
    delivery: str


class BuyerErased(BuyerEvent):
    """The buyer's key is gone; nothing about the person can be read any more."""
