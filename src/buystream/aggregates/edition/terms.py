"""An edition's terms: what its orders cost, who may have how many, what the platform keeps, and who may return what.
They stay as they were agreed at the release."""

from typing import Self

import msgspec

from buystream.aggregates.applying import applies
from buystream.aggregates.rules import Rules
from buystream.vocabulary import events
from buystream.vocabulary.money import Currency, whole_steps


class Terms(msgspec.Struct, kw_only=True, gc=False, omit_defaults=True):
    """A part of its edition. The account and the fee come later than the rest, where the edition waits for them."""

    merchant_id: str
    currency: str
    price_min_minor: int
    price_max_minor: int
    limit_per_buyer: int
    hold_seconds: int
    receipts: bool = False
    vouched_only: bool = False
    refund_by: str = "merchant"
    refund_until_ms: int | None = None
    refund_share_bps: int = 10_000
    refund_restock: bool = True
    account: str = ""
    fee_share_bps: int = 0
    fee_fixed_minor: int = 0

    @classmethod
    def begin(cls, event: events.EditionReleased) -> Self:
        """From the release of its edition."""
        return cls(
            merchant_id=event.merchant_id,
            currency=event.currency,
            price_min_minor=event.price_min_minor,
            price_max_minor=event.price_max_minor,
            limit_per_buyer=event.limit_per_buyer,
            hold_seconds=event.hold_seconds,
            receipts=event.receipts,
            vouched_only=event.vouched_only,
            refund_by=event.refund_by,
            refund_until_ms=event.refund_until_ms,
            refund_share_bps=event.refund_share_bps,
            refund_restock=event.refund_restock,
        )

    def charges_in(self, rules: Rules) -> Currency:
        """What can be charged in the edition's currency."""
        return rules.currencies[self.currency]

    def fee_minor(self, amount_minor: int, rules: Rules) -> int:
        """What the platform keeps of a payment, in whole steps; what is left over is the merchant's."""
        if not amount_minor:
            return 0
        fee_minor = amount_minor * self.fee_share_bps // 10_000 + self.fee_fixed_minor
        return min(amount_minor, whole_steps(fee_minor, self.charges_in(rules)))

    @property
    def merchant_of_receipts(self) -> str:
        """Who gives receipts for its payments; empty where nobody does."""
        return self.merchant_id if self.receipts else ""

    @applies(events.TermsApplied)
    def agree(self, event: events.TermsApplied) -> None:
        """The merchant's account and fee."""
        self.account = event.account
        self.fee_share_bps, self.fee_fixed_minor = event.fee_share_bps, event.fee_fixed_minor
