"""The lines of an order and its delivery: what is kept of those of an order with several, and what each has come to."""

from collections.abc import Iterable, Mapping
from itertools import zip_longest
from typing import Final

import msgspec
from msgspec.structs import replace

from buystream.vocabulary import events
from buystream.vocabulary.codes import CodeUse
from buystream.vocabulary.shipping import DeliveryCharge
from buystream.vocabulary.values import LineUnits, OrderLine


class KeptLine(msgspec.Struct, array_like=True, gc=False):
    """A line as the column `lines` has it, one of a JSON array; SQL reads its parts by their numbers."""

    variant_id: str
    quantity: int
    price_minor: int
    returned: int = 0
    exchanged: int = 0
    """Units that came by exchanges, less those that went."""
    discount_minor: int = 0
    """What the order's code took off it."""


class DiscountView(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a code took off an order; `label` is what the merchant calls it."""

    code_id: str
    label: str
    amount_minor: int
    by_line_minor: tuple[int, ...]
    """Of each line, as it was ordered."""


class LineView(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A line of an order: of its `quantity`, `returned` units were refunded and `returning` are being refunded. `title`
    is the variant's, empty for a plain edition. `total_minor` is less by `discount_minor`, which a code took off."""

    variant_id: str
    title: str
    quantity: int
    price_minor: int
    total_minor: int
    returned: int = 0
    returning: int = 0
    exchanged: int = 0
    """Units that came by exchanges, less those that went; they count in `quantity`."""
    discount_minor: int = 0

    @property
    def kept(self) -> int:
        """Units that the buyer keeps and that no refund under way takes back."""
        return self.quantity - self.returned - self.returning

    def as_ordered(self, discount_minor: int) -> "LineView":
        """As it was before any exchange, with this much taken off by a code."""
        quantity = self.quantity - self.exchanged
        total_minor = quantity * self.price_minor - discount_minor
        return replace(self, quantity=quantity, total_minor=total_minor, exchanged=0, discount_minor=discount_minor)


class AskedRefund(msgspec.Struct, array_like=True, gc=False):
    """What a refund on its way takes: money, units, and of an order with several lines those of each variant."""

    amount_minor: int
    quantity: int
    units: dict[str, int] = {}


def kept(lines: tuple[OrderLine, ...], code: CodeUse | None) -> str:
    """What the column says of a new order: nothing, where the order's own columns have its only line."""
    if len(lines) == 1:
        return ""
    discounts = code.amounts_minor if code is not None else (0,) * len(lines)
    return encode(
        [
            KeptLine(line.variant_id, line.quantity, line.price_minor, discount_minor=discount_minor)
            for line, discount_minor in zip(lines, discounts, strict=True)
        ]
    )


def with_code(text: str, code: CodeUse) -> str:
    """The column once the order, which is held, uses this code."""
    lines = decode(text)
    for line, discount_minor in zip(lines, code.amounts_minor, strict=True):
        line.discount_minor = discount_minor
    return encode(lines)


def discount_view(code: CodeUse | None) -> DiscountView | None:
    """What a code took off the order, if it took anything."""
    if code is None or not code.total_minor:
        return None
    return DiscountView(
        code_id=code.code_id, label=code.label, amount_minor=code.total_minor, by_line_minor=code.amounts_minor
    )


def as_ordered(lines: list[LineView], discount: DiscountView | None) -> list[LineView]:
    """The lines before any exchange, which adds its own at the end."""
    amounts = discount.by_line_minor if discount is not None else ()
    return [
        line.as_ordered(discount_minor)
        for line, discount_minor in zip_longest(lines, amounts, fillvalue=0)
        if isinstance(line, LineView) and line.quantity > line.exchanged
    ]


def code_in(text: str) -> CodeUse | None:
    """The code of an order, of what the column says."""
    return _decode_code(text) if text else None


def discount_in(text: str) -> int:
    """What that code took off, all lines together."""
    code = code_in(text)
    return code.total_minor if code is not None else 0


def worth_minor(lines: Iterable[LineView], units: Iterable[int]) -> int:
    """What so many units of each line cost that the buyer keeps: as
    `buystream.aggregates.edition.discounts.discounted_minor`."""
    total_minor = 0
    for line, count in zip(lines, units, strict=True):
        gone = line.returned + line.returning
        total_minor += line.total_minor * (gone + count) // max(line.quantity, 1)
        total_minor -= line.total_minor * gone // max(line.quantity, 1)
    return total_minor


def after(text: str, moved: Iterable[LineUnits], sign: int) -> str:
    """The column after these units came back, or with `sign` -1 were the buyer's again."""
    lines = decode(text)
    units = {one.variant_id: one.quantity for one in moved}
    for line in lines:
        line.returned += sign * units.get(line.variant_id, 0)
    return encode(lines)


def exchanged(lines: list[KeptLine], event: events.UnitsExchanged) -> list[KeptLine]:
    """The lines after an exchange."""
    known = {line.variant_id: line for line in lines}
    given = known[event.variant_id]
    price_minor, moved_minor = given.price_minor, given.discount_minor * event.quantity // given.quantity
    known.setdefault(event.instead_variant_id, KeptLine(event.instead_variant_id, 0, price_minor))
    for one in event.moved:
        line = known[one.variant_id]
        line.quantity, line.exchanged = line.quantity + one.quantity, line.exchanged + one.quantity
        line.discount_minor += moved_minor if one.quantity > 0 else -moved_minor
    return list(known.values())


def shown(lines: Iterable[KeptLine], refunds: Iterable[AskedRefund], titles: Mapping[str, str]) -> list[LineView]:
    """The lines, with what refunds on their way take of them."""
    lines, returning = list(lines), dict[str, int]()
    for refund in refunds:
        for variant_id, quantity in (refund.units or {lines[0].variant_id: refund.quantity}).items():
            returning[variant_id] = returning.get(variant_id, 0) + quantity
    return [
        LineView(
            variant_id=line.variant_id,
            title=titles.get(line.variant_id, ""),
            quantity=line.quantity,
            price_minor=line.price_minor,
            discount_minor=line.discount_minor,
            total_minor=line.quantity * line.price_minor - line.discount_minor,
            returned=line.returned,
            returning=returning.get(line.variant_id, 0),
            exchanged=line.exchanged,
        )
        for line in lines
    ]


def charges_in(text: str) -> dict[str, DeliveryCharge]:
    """What delivery costs by each payment, of what the column says."""
    return _decode_charges(text) if text else {}


def deliveries_in(text: str) -> dict[str, str]:
    """Where each payment would have the order sent, of what the column says."""
    return _decode_deliveries(text) if text else {}


def encode(value: object) -> str:
    """As a column has it."""
    return _encode(value).decode()


_encode: Final = msgspec.json.Encoder().encode
decode: Final = msgspec.json.Decoder(list[KeptLine]).decode
decode_refunds: Final = msgspec.json.Decoder(dict[str, AskedRefund]).decode
_decode_deliveries: Final = msgspec.json.Decoder(dict[str, str]).decode
_decode_code: Final = msgspec.json.Decoder(CodeUse).decode
_decode_charges: Final = msgspec.json.Decoder(dict[str, DeliveryCharge]).decode
