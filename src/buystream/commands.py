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


class ReleaseEdition(Command):
    """Put something on sale. `stock` None means unlimited; a fixed price has equal bounds."""

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
    """Give all the money back. `restock` puts the stock on sale again, otherwise it is withdrawn."""

    order_id: str
    merchant_id: str
    restock: bool


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


class RecordCapture(Command):
    """The money moved."""

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
    """The money went back to the buyer."""

    payment_id: str
    amount_minor: int


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
