"""Codes, as values: what a merchant's code gives, and what it gave an order. The text of a code that a merchant chose
is on the log, because the desk shows it again; what buyers type is there only as a keyed hash, and single-use codes are
nowhere: they follow from the shop's root (`buystream.order_codes`)."""

from typing import Annotated, Final

import msgspec

from buystream.vocabulary.fields import InTables, meaning
from buystream.vocabulary.value import Value
from buystream.vocabulary.values import BPS_WHOLE, OrderLine

UNIT: Final = "unit"
ORDER: Final = "order"


class CodeTerms(Value, frozen=True, kw_only=True):
    """What a code gives, and to whom. A discount is a share of each unit's price, or an amount of each unit or of the
    order, never more than the goods that it is for. With `opens` it makes hidden variants available."""

    label: Annotated[str, meaning("What buyers see on their order.", feed=True)]
    share_bps: Annotated[int, meaning("Share of each unit's price; 10000 is all of it.", feed=True)] = 0
    amount_minor: Annotated[int, meaning("Amount instead of a share.", feed=True)] = 0
    per: Annotated[
        str,
        meaning("What the amount is taken off: each unit, or the order.", feed=True),
        msgspec.Meta(extra_json_schema={"enum": [UNIT, ORDER]}),
    ] = UNIT
    variants: Annotated[tuple[str, ...], meaning("The variants that it is for; empty: all.", feed=True)] = ()
    opens: Annotated[tuple[str, ...], meaning("Hidden variants that it makes available.", feed=True)] = ()
    minimum_minor: Annotated[int, meaning("What the units that it is for cost at least.", feed=True)] = 0
    uses_max: Annotated[
        int | None, meaning("Orders that may use it; null: any number. A single-use code is used once.", feed=True)
    ] = None
    uses_per_buyer_max: Annotated[
        int | None, meaning("Orders of one buyer that may use it; null: any number.", feed=True)
    ] = None
    valid_from_ms: Annotated[int | None, meaning("From when it may be used; null: at once.", feed=True)] = None
    valid_until_ms: Annotated[
        int | None, meaning("Until when it may be used, exclusive; null when there is no end.", feed=True)
    ] = None

    @property
    def is_discount(self) -> bool:
        """Whether it makes anything cheaper."""
        return bool(self.share_bps or self.amount_minor)

    @property
    def is_possible(self) -> bool:
        """Whether it says one thing: a share or an amount, what may be used at all, and an end after its beginning."""
        given = (self.share_bps, self.amount_minor, self.minimum_minor)
        limits = (self.uses_max, self.uses_per_buyer_max)
        begins, ends = self.valid_from_ms, self.valid_until_ms
        return (
            min(given) >= 0
            and self.share_bps <= BPS_WHOLE
            and not (self.share_bps and self.amount_minor)
            and (self.is_discount or bool(self.opens))
            and self.per in (UNIT, ORDER)
            and all(limit is None or limit >= 1 for limit in limits)
            and (begins is None or ends is None or begins < ends)
        )

    def is_for(self, variant_id: str) -> bool:
        """Whether it makes this variant cheaper."""
        return not self.variants or variant_id in self.variants

    def discounts(self, lines: tuple[OrderLine, ...], step_minor: int) -> tuple[int, ...]:
        """What it takes off each line, in whole steps of the currency, rounded down."""
        if self.per == ORDER and self.amount_minor:
            return self._shared_out(lines, step_minor)
        return tuple(line.quantity * self._of_unit(line, step_minor) for line in lines)

    def _of_unit(self, line: OrderLine, step_minor: int) -> int:
        if not self.is_for(line.variant_id):
            return 0
        off_minor = min(self.amount_minor or line.price_minor * self.share_bps // BPS_WHOLE, line.price_minor)
        return off_minor - off_minor % step_minor

    def _shared_out(self, lines: tuple[OrderLine, ...], step_minor: int) -> tuple[int, ...]:
        """The amount in proportion to what the lines cost; what rounding leaves is taken off the first that it fits."""
        worth = [line.total_minor if self.is_for(line.variant_id) else 0 for line in lines]
        goods_minor = sum(worth)
        off_minor = min(self.amount_minor, goods_minor)
        off_minor -= off_minor % step_minor
        if not off_minor:
            return (0,) * len(lines)
        shares = [(part := off_minor * minor // goods_minor) - part % step_minor for minor in worth]
        left_minor = off_minor - sum(shares)
        for at, minor in enumerate(worth):
            more_minor = min(left_minor, minor - shares[at])
            shares[at] += more_minor
            left_minor -= more_minor
        return tuple(shares)


CodeKey = Annotated[
    str, meaning("Keyed hash of a code, or the place of a single-use code: the code itself can't be read from it.")
]
CodeId = Annotated[str, meaning("The caller's name for the code; it isn't the code.", feed=True)]
CODE_TERMS: Final = meaning("What the code gives, and to whom.", feed=True)


class CodeUse(Value, frozen=True, kw_only=True):
    """A code that an order was placed with, and what it took off each line. It counts as used until the order's hold
    ends unpaid; once the order is paid it stays used, whatever is refunded."""

    code_id: CodeId
    key: CodeKey
    label: Annotated[str, meaning("What buyers see on their order.", feed=True)]
    number: Annotated[int, meaning("Which of the single-use codes it is; 0 for one that isn't.", feed=True)] = 0
    amounts_minor: Annotated[
        tuple[int, ...], meaning("What it took off each line, in the order of the lines.", feed=True)
    ] = ()

    @property
    def total_minor(self) -> int:
        """What it took off the order."""
        return sum(self.amounts_minor)


CODE_TEXT: Final = meaning("The code that the merchant chose; empty for single-use codes.", tables=InTables.LEFT_OUT)
