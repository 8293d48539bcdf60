"""An edition's terms: what its orders cost, who may have how many, what the platform keeps, and who may return what.
They stay as they were agreed at the release, but for the event that its tickets are for, which may move, and what
delivery costs, which may change for later orders."""

from typing import Self

import msgspec

from buystream.aggregates.applying import applies
from buystream.aggregates.rules import Rules
from buystream.vocabulary import events
from buystream.vocabulary.money import Currency, whole_steps
from buystream.vocabulary.shipping import Shipping
from buystream.vocabulary.values import DownloadTerms, Fee, RefundRule, TicketedEvent


class PastShipping(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What delivery cost the orders that were placed until then, inclusive."""

    until_ms: int
    shipping: Shipping


class Terms(msgspec.Struct, kw_only=True, gc=False, omit_defaults=True):
    """A part of its edition. The account and the fee come later than the rest, where the edition waits for them."""

    merchant_id: str
    currency: str
    hold_seconds: int
    refund: RefundRule
    fee: Fee
    receipts: bool = False
    vouched_only: bool = False
    needs_address: bool = True
    account: str = ""
    is_gift: bool = False
    event: TicketedEvent | None = None
    """What its units are tickets for."""
    downloads: DownloadTerms = DownloadTerms()
    shipping: Shipping | None = None
    past_shipping: list[PastShipping] = []
    """The oldest first."""
    grams: dict[str, int] = {}
    """What a unit of each variant weighs, where delivery has prices."""

    @classmethod
    def begin(cls, event: events.EditionReleased) -> Self:
        """From the release of its edition."""
        offer = event.offer
        return cls(
            merchant_id=event.merchant_id,
            currency=offer.currency,
            hold_seconds=offer.hold_seconds,
            receipts=offer.receipts,
            vouched_only=offer.vouched_only,
            needs_address=offer.needs_address,
            refund=offer.refund,
            fee=Fee(),
            is_gift=offer.kind == "gift",
            event=offer.event,
            downloads=offer.downloads,
            shipping=offer.shipping,
            grams={one.variant_id: one.weight_grams for one in offer.variants} if offer.shipping is not None else {},
        )

    def charges_in(self, rules: Rules) -> Currency:
        """What can be charged in the edition's currency."""
        return rules.currencies[self.currency]

    def fee_minor(self, amount_minor: int, rules: Rules) -> int:
        """What the platform keeps of a payment, in whole steps; what is left over is the merchant's."""
        if not amount_minor:
            return 0
        return min(amount_minor, whole_steps(self.fee.of(amount_minor), self.charges_in(rules)))

    def shipping_at(self, placed_at_ms: int) -> Shipping | None:
        """What delivery of an order costs that was placed then: that doesn't change any more."""
        for past in self.past_shipping:
            if placed_at_ms <= past.until_ms:
                return past.shipping
        return self.shipping

    @property
    def merchant_of_receipts(self) -> str:
        """Who gives receipts for its payments; empty where nobody does."""
        return self.merchant_id if self.receipts else ""

    @applies(events.TermsApplied)
    def agree(self, event: events.TermsApplied) -> None:
        """The merchant's account and fee."""
        self.account, self.fee = event.account, event.fee

    @applies(events.EventMoved)
    def move(self, event: events.EventMoved) -> None:
        """To another time or place."""
        self.event = event.event

    @applies(events.ShippingChanged)
    def price_delivery(self, event: events.ShippingChanged) -> None:
        """Of orders that are placed from now on."""
        self.past_shipping.append(PastShipping(until_ms=event.at_ms, shipping=event.old_shipping))
        self.shipping = event.shipping
