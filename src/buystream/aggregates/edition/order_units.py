"""What an order's lines come to: their units, and what those cost."""

from buystream.aggregates.edition.discounts import discounted_minor
from buystream.aggregates.edition.payment import Payment
from buystream.aggregates.edition.units import by_variant, plus
from buystream.vocabulary.codes import CodeUse
from buystream.vocabulary.values import LineUnits, OrderLine, Units


class Lines:
    """Of an order; changes nothing."""

    __slots__ = ()

    lines: tuple[OrderLine, ...]
    returned: int
    returned_units: Units
    code: CodeUse | None
    discounts: dict[str, int]

    @property
    def paid_payment(self) -> Payment | None:
        """The attempt whose money was taken."""
        raise NotImplementedError

    @property
    def goods_minor(self) -> int:
        """What its lines cost, in minor units, less what its code took off."""
        lines = self.lines
        if len(lines) == 1 and self.code is None:
            return lines[0].quantity * lines[0].price_minor
        return sum(line.quantity * line.price_minor for line in lines) - self.discount_minor

    @property
    def discount_minor(self) -> int:
        """What its code took off the order."""
        return 0 if self.code is None else self.code.total_minor

    @property
    def quantity(self) -> int:
        """Units of all lines."""
        lines = self.lines
        return lines[0].quantity if len(lines) == 1 else sum(line.quantity for line in lines)

    @property
    def variant_id(self) -> str:
        """The variant that an event about its units names; those of an order with several lines name `units`."""
        return self.lines[0].variant_id if len(self.lines) == 1 else ""

    @property
    def units(self) -> Units:
        """What an event about all units of an order with several lines says; empty for other orders."""
        if len(self.lines) == 1:
            return ()
        return tuple(LineUnits(variant_id=one.variant_id, quantity=one.quantity) for one in self.lines)

    @property
    def kept(self) -> int:
        """Units that the buyer has not returned."""
        return self.quantity - self.returned

    @property
    def free(self) -> int:
        """Units that the buyer keeps and that no refund under way takes back."""
        paid = self.paid_payment
        return self.kept - (paid.refunding_units if paid is not None else 0)

    @property
    def kept_units(self) -> dict[str, int]:
        """The units of each line that the buyer has not returned."""
        lines = self.lines
        if len(lines) == 1:
            return {lines[0].variant_id: lines[0].quantity - self.returned}
        returned = by_variant(self.returned_units)
        return {line.variant_id: line.quantity - returned.get(line.variant_id, 0) for line in lines}

    @property
    def free_units(self) -> Units:
        """`free` by variant."""
        lines = self.lines
        if len(lines) == 1:
            return self.units_of(self.free)
        kept, paid = plus(self.units, self.returned_units, lines, times=-1), self.paid_payment
        return plus(kept, paid.refunding_by_variant, lines, times=-1) if paid is not None else kept

    def units_of(self, quantity: int, units: Units = ()) -> Units:
        """Units by variant, from what an event or a refund says of them."""
        if units or not quantity:
            return units
        return (LineUnits(variant_id=self.variant_id, quantity=quantity),)

    def worth_minor(self, units: Units) -> int:
        """What these units, which the buyer keeps, cost."""
        if self.discounts:
            return discounted_minor(self.lines, self.discounts, units, self.free_units)
        prices = {line.variant_id: line.price_minor for line in self.lines}
        return sum(prices[one.variant_id] * one.quantity for one in units)
