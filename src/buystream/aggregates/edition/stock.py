"""The stock of one variant of an edition: how much of it there is, and how many each buyer took."""

from typing import Self

import msgspec

from buystream.aggregates.applying import applies
from buystream.aggregates.edition.order import Order
from buystream.vocabulary import events
from buystream.vocabulary.values import PriceTier, Variant, tier_at


class Stock(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A part of its edition, one for each variant, with its price and its limit. At every version
    `available + held + sold + withdrawn = issued`, none of them negative, unless the variant is unlimited: then
    `issued` and `available` are None."""

    variant_id: str = ""
    price_min_minor: int
    price_max_minor: int
    limit_per_buyer: int
    issued: int | None = None
    available: int | None = None
    held: int = 0
    sold: int = 0
    withdrawn: int = 0
    sold_out: bool = False
    """The latch: nothing is available, and gateways may refuse without asking."""
    taken_by_buyer: dict[str, int] = {}
    """Held or sold, by buyer id."""
    tiers: tuple[PriceTier, ...] = ()
    """Prices for a while, instead of its own."""
    changes: dict[str, int] = {}
    """By the id that the merchant gave each: what it issued, or withdrew (negative)."""

    @classmethod
    def begin(cls, variant: Variant) -> Self:
        """From the release of its edition."""
        return cls(
            variant_id=variant.variant_id,
            price_min_minor=variant.price_min_minor,
            price_max_minor=variant.price_max_minor,
            limit_per_buyer=variant.limit_per_buyer,
            issued=variant.stock,
            available=variant.stock,
        )

    def has(self, quantity: int) -> bool:
        """Whether so many can be taken."""
        return self.available is None or quantity <= self.available

    @property
    def taken(self) -> int:
        """Units that are held or sold."""
        return self.held + self.sold

    def why_not_at(self, price_minor: int, quantity: int, at_ms: int) -> str:
        """Why so many can't be had at that price now; of a variant that has tiers."""
        tier = tier_at(self.tiers, self.taken, at_ms)
        if tier is None:
            return "" if self.price_min_minor <= price_minor <= self.price_max_minor else "wrong_price"
        if price_minor != tier.price_minor:
            return "wrong_price"
        left = tier.left(self.taken)
        return "few_at_this_price" if left is not None and quantity > left else ""

    def left_at_its_price(self, at_ms: int) -> int | None:
        """How many can be had at the price of now; None: all that there are."""
        tier = tier_at(self.tiers, self.taken, at_ms)
        return None if tier is None else tier.left(self.taken)

    @applies(events.PriceTiersSet)
    def set_tiers(self, event: events.PriceTiersSet) -> None:
        """Other prices for a while."""
        self.tiers = event.tiers

    @applies(events.OrderPlaced, events.OrderReclaimed)
    def hold(self, _: events.OrderEvent, order: Order, quantity: int) -> None:
        """Units are held for an order."""
        if self.available is not None:
            self.available -= quantity
        self.held += quantity
        if not order.gift_id or order.is_limited:
            taken = self.taken_by_buyer
            taken[order.buyer_id] = taken.get(order.buyer_id, 0) + quantity

    @applies(events.OrderExpired, events.OrderCancelled)
    def release(self, _: events.OrderEvent, order: Order, quantity: int) -> None:
        """Held units are available again."""
        self.held -= quantity
        self._move_available(quantity)
        self._take(order, -quantity)

    @applies(events.OrderConfirmed)
    def sell(self, _: events.OrderConfirmed, order: Order, quantity: int) -> None:
        """Held units are sold."""
        self.held -= quantity
        self.sold += quantity

    @applies(events.OrderRefunded)
    def take_back(self, event: events.OrderRefunded, order: Order, quantity: int) -> None:
        """Sold units are returned."""
        self.sold -= quantity
        self._take(order, -quantity)
        if event.restock:
            self._move_available(quantity)
        else:
            self.withdrawn += quantity

    @applies(events.RefundFailed)
    def sell_again(self, event: events.RefundFailed, order: Order, quantity: int) -> None:
        """Returned units are their buyer's after all."""
        self.sold += quantity
        self._take(order, quantity)
        if event.from_stock:
            self._move_available(-quantity)
        else:
            self.withdrawn -= quantity

    @applies(events.ReturnInspected)
    def put_back(self, _: events.ReturnInspected, __: Order, quantity: int) -> None:
        """Withdrawn units are available again."""
        self.withdrawn -= quantity
        self._move_available(quantity)

    @applies(events.UnitsExchanged)
    def exchange(self, event: events.UnitsExchanged, order: Order, quantity: int) -> None:
        """Available units are sold, or sold ones (negative) come back."""
        self.sold += quantity
        self._take(order, quantity)
        if quantity > 0 or event.restock:
            self._move_available(-quantity)
        else:
            self.withdrawn -= quantity

    @applies(events.StockAdded)
    def issue(self, event: events.StockAdded) -> None:
        """There are more units."""
        self.changes[event.change_id] = event.quantity
        self.issued = (self.issued or 0) + event.quantity
        self._move_available(event.quantity)

    @applies(events.StockWithdrawn)
    def withdraw(self, event: events.StockWithdrawn) -> None:
        """Unsold units are off the sale."""
        self.changes[event.change_id] = -event.quantity
        self.withdrawn += event.quantity
        self._move_available(-event.quantity)

    @applies(events.EditionSoldOut)
    def latch(self, _: events.EditionSoldOut) -> None:
        """Nothing is left."""
        self.sold_out = True

    @applies(events.StockReleased)
    def lift_latch(self, _: events.StockReleased) -> None:
        """Something is left again."""
        self.sold_out = False

    def _move_available(self, quantity: int) -> None:
        if self.available is not None:
            self.available += quantity

    def _take(self, order: Order, quantity: int) -> None:
        if order.gift_id and not order.is_limited:
            return
        taken = self.taken_by_buyer.get(order.buyer_id, 0) + quantity
        if taken:
            self.taken_by_buyer[order.buyer_id] = taken
        else:
            self.taken_by_buyer.pop(order.buyer_id, None)
