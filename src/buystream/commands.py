"""The vocabulary in: every request to the system, as it stands on `buystream.commands`."""

import msgspec


class Command(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    gc=False,
    omit_defaults=True,
    tag_field="type",
    tag=lambda name: f"{name}.v1",
):
    """A request. It is decided once, by the owner of its partition, in the order of the log."""


# The partition itself: asked by its owner or operator.


class OwnerStarted(Command):
    """A new owner took over. Every running hold keeps at least `grace_seconds` from here."""

    owner: str
    grace_seconds: int


class Tick(Command):
    """Time passed and nobody asked for anything: holds may have run out."""


class AdoptRules(Command):
    """From here on, decide by these rules."""

    rules_version: int


# Merchants and their editions.


class RegisterMerchant(Command):
    """A merchant opens a shop. The key is stored hashed (BLAKE2b, hex)."""

    merchant_id: str
    name: str
    currency: str
    api_key_hash: str


class RotateApiKey(Command):
    """The merchant's key changes; the old one stops working."""

    merchant_id: str
    api_key_hash: str


class DescribeMerchant(Command):
    """The merchant's legal details, as they stand on receipts."""

    merchant_id: str
    legal_name: str
    address: str
    tax_id: str = ""
    charity_id: str = ""
    email: str = ""


class ConnectAccount(Command):
    """Where the merchant's money goes: an account at the payment provider. Empty: it stays with the platform."""

    merchant_id: str
    account: str


class SetFeeTerms(Command):
    """What the platform keeps of this merchant's sales in one currency, for editions released from `from_ms` on: a
    share (100 basis points are 1 %) and a fixed part per order. `terms_id` is the caller's, so that a repeat sets
    nothing."""

    merchant_id: str
    terms_id: str
    currency: str
    share_bps: int
    fixed_minor: int
    from_ms: int


class RequestTerms(Command):
    """An edition was released and asks its merchant for its terms: the account and the fee."""

    merchant_id: str
    edition_id: str
    currency: str


class IssueReceipt(Command):
    """A gift was paid: give it the merchant's next receipt number of that year (UTC)."""

    merchant_id: str
    order_id: str
    amount_minor: int
    currency: str
    paid_at_ms: int


class CorrectReceipt(Command):
    """So much of a gift went back. The number stays: numbers have no gaps."""

    merchant_id: str
    order_id: str
    refund_id: str
    amount_minor: int


class ReleaseEdition(Command):
    """Put something on sale. `stock` None means unlimited; a fixed price has equal bounds. Prices include tax. With
    `awaits_terms` it takes no orders before ApplyTerms. `refund_by` tells who may give an order back: the merchant, or
    the buyer too, until `refund_until_ms` (None: any time before it is shipped), who then gets `refund_share_bps` of
    the money. With `target_minor` it is a campaign; all or nothing means that money moves only if the target is reached
    before `closes_at_ms`, and `if_missed` says whether givers are then offered another project."""

    edition_id: str
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


class ApplyTerms(Command):
    """The merchant's terms, for one edition; it keeps the first ones."""

    edition_id: str
    terms_id: str
    account: str
    fee_share_bps: int
    fee_fixed_minor: int


class CancelEdition(Command):
    """It won't take place: end the sale for good, and give everybody their money back."""

    edition_id: str
    merchant_id: str
    restock: bool = False
    reason: str = ""


class PauseSale(Command):
    """Stop taking orders for a while."""

    edition_id: str


class ResumeSale(Command):
    """Take orders again."""

    edition_id: str


class AddStock(Command):
    """Issue more. `change_id` is the caller's, so that a repeat adds nothing."""

    edition_id: str
    change_id: str
    quantity: int


class WithdrawStock(Command):
    """Take unsold stock off the sale. `change_id` is the caller's, so that a repeat withdraws nothing."""

    edition_id: str
    change_id: str
    quantity: int


class RecordDemand(Command):
    """Clicks that a gateway refused from the sold-out latch; never places an order."""

    edition_id: str
    demand_id: str
    clicks: int
    quantity: int


class FlagVelocity(Command):
    """A buyer taps Buy faster than people do: let this edition take none of their orders for a while. `measure` tells
    whose `attempts` within `window_seconds` were counted: buyer, device or network. A repeat changes nothing."""

    edition_id: str
    flag_id: str
    buyer_id: str
    measure: str
    attempts: int
    window_seconds: int
    pause_seconds: int


# Orders.


class PlaceOrder(Command):
    """A tap on Buy. `price_minor` is the unit price that the buyer saw; device and network are keyed hashes."""

    order_id: str
    edition_id: str
    buyer_id: str
    quantity: int
    price_minor: int
    device: str = ""
    network: str = ""


class CancelOrder(Command):
    """Give the hold back. `buyer_id` must be the order's own."""

    order_id: str
    buyer_id: str


class RequestPayment(Command):
    """Pay for a held order. `payment_method` is the provider's token, `delivery` a ciphertext of the buyer's key.
    `attempt` counts from 1, so that a repeat after a lost answer is not the next attempt; 0 means whichever is next."""

    order_id: str
    buyer_id: str
    payment_method: str
    delivery: str
    save: bool = False
    attempt: int = 0


class ShipOrder(Command):
    """The parcel left."""

    order_id: str
    merchant_id: str
    carrier: str
    tracking: str


class RecordDelivery(Command):
    """The parcel arrived, or the ticket was used."""

    order_id: str
    merchant_id: str


class RefundOrder(Command):
    """Give money back: `amount_minor`, or all that is left. `quantity` pieces come back (None: all of them with the
    last of the money, otherwise none); `restock` puts them on sale again, otherwise they are withdrawn. The platform
    gives its fee back in proportion, unless `keep_fee`. `refund_id` is the caller's, so that a repeat refunds nothing
    more; without one, a second whole refund is the repeat of the first."""

    order_id: str
    merchant_id: str
    restock: bool
    refund_id: str = ""
    amount_minor: int | None = None
    quantity: int | None = None
    keep_fee: bool = False
    reason: str = ""


class ReturnOrder(Command):
    """The buyer gives the order back, by the edition's rule. `refund_id` is the buyer's."""

    order_id: str
    buyer_id: str
    refund_id: str


class StartRecurringGift(Command):
    """Give this much now, and again every so many months, by a saved payment method. `gift_id` has the form of an order
    id of the edition."""

    gift_id: str
    edition_id: str
    buyer_id: str
    amount_minor: int
    interval_months: int
    payment_method: str
    delivery: str


class EndRecurringGift(Command):
    """Give no more."""

    gift_id: str
    buyer_id: str


# Facts that the payment provider tells us. Each may arrive any number of times, in any order.


class RecordAuthorisation(Command):
    """The buyer's bank reserved the money."""

    payment_id: str
    reference: str
    card_label: str = ""
    reusable_method: str = ""


class RecordAuthenticationRequired(Command):
    """The buyer's bank wants to see the buyer first, at this address."""

    payment_id: str
    url: str


class RecordDecline(Command):
    """The buyer's bank said no."""

    payment_id: str
    reason: str


class RecordMethodSaved(Command):
    """The buyer's payment method can be charged later; no money is reserved."""

    payment_id: str
    reference: str
    reusable_method: str
    card_label: str = ""


class RecordCapture(Command):
    """The money moved: all that was reserved, or less."""

    payment_id: str
    amount_minor: int


class RecordCaptureFailure(Command):
    """The reserved money can no longer be had."""

    payment_id: str
    reason: str


class RecordVoid(Command):
    """The reservation was given back."""

    payment_id: str


class RecordRefund(Command):
    """Money went back to the buyer. `refund_id` is ours, or the provider's for one that was made there; empty for the
    one whole refund."""

    payment_id: str
    amount_minor: int
    refund_id: str = ""


class RecordRefundFailure(Command):
    """The buyer's bank didn't take the money back: it is the merchant's again."""

    payment_id: str
    refund_id: str
    amount_minor: int
    reason: str


class RecordDispute(Command):
    """The buyer's bank wants the money back; until it has decided, the provider holds it."""

    payment_id: str
    dispute_id: str
    amount_minor: int
    reason: str
    respond_by_ms: int | None = None


class RecordDisputeOutcome(Command):
    """The bank has decided: `won` by the merchant, or `lost`."""

    payment_id: str
    dispute_id: str
    amount_minor: int
    outcome: str
    reason: str = ""


# Buyers.


class SaveBuyerDetails(Command):
    """Remember how this buyer pays and where things go, for the one-tap confirmation."""

    buyer_id: str
    payment_method: str
    card_label: str
    delivery: str


class EraseBuyer(Command):
    """The buyer's key is deleted; what was saved is forgotten."""

    buyer_id: str
