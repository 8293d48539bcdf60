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


class OrderRefused(OrderEvent):
    """No stock was held; the id is spent. Reasons: sold_out, over_limit, not_open, closed, wrong_price, paused,
    too_fast."""

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


class OrderConfirmed(OrderEvent):
    """Sold."""

    payment_id: str
    buyer_id: str
    quantity: int
    amount_minor: int
    currency: str


class OrderExpired(OrderEvent):
    """The hold ran out; the stock is back."""

    quantity: int


class OrderCancelled(OrderEvent):
    """The hold was given back. Reasons: buyer, payment_declined, payment_failed."""

    quantity: int
    reason: str


class OrderShipped(OrderEvent):
    """The parcel left."""

    carrier: str
    tracking: str


class OrderDelivered(OrderEvent):
    """The parcel arrived, or the ticket was used."""


class OrderRefunded(OrderEvent):
    """All the money went back; the stock is on sale again or withdrawn."""

    quantity: int
    amount_minor: int
    currency: str
    restock: bool


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
    """Ask the provider to reserve the money. The hold's clock stands still: it waits for the buyer, not for us."""

    buyer_id: str
    amount_minor: int
    currency: str
    payment_method: str
    delivery: str
    save: bool = False


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


class PaymentDeclined(PaymentEvent):
    """No money. The hold's clock runs again, for another card."""

    reason: str
    hold_expires_at_ms: int | None = None


class PaymentCaptured(PaymentEvent):
    """The money moved."""

    amount_minor: int
    currency: str


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
    """Ask the provider to give the money back."""

    reference: str
    amount_minor: int
    currency: str
    restock: bool


class PaymentRefunded(PaymentEvent):
    """The money went back."""

    amount_minor: int
    currency: str


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
