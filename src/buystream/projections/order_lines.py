"""The lines of an order and its delivery: what is kept of those of an order with several, and what each has come to."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from msgspec.structs import replace

from buystream.vocabulary import events
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


class LineView(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A line of an order: of its `quantity`, `returned` units were refunded and `returning` are being refunded. `title`
    is the variant's, empty for a plain edition."""

    variant_id: str
    title: str
    quantity: int
    price_minor: int
    total_minor: int
    returned: int = 0
    returning: int = 0
    exchanged: int = 0
    """Units that came by exchanges, less those that went; they count in `quantity`."""

    @property
    def kept(self) -> int:
        """Units that the buyer keeps and that no refund under way takes back."""
        return self.quantity - self.returned - self.returning

    def as_ordered(self) -> "LineView":
        """Before any exchange."""
        quantity = self.quantity - self.exchanged
        return replace(self, quantity=quantity, total_minor=quantity * self.price_minor, exchanged=0)


class AskedRefund(msgspec.Struct, array_like=True, gc=False):
    """What a refund on its way takes: money, units, and of an order with several lines those of each variant."""

    amount_minor: int
    quantity: int
    units: dict[str, int] = {}


def kept(lines: tuple[OrderLine, ...]) -> str:
    """What the column says of a new order: nothing, where the order's own columns have its only line."""
    if len(lines) == 1:
        return ""
    return encode([KeptLine(line.variant_id, line.quantity, line.price_minor) for line in lines])


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
    price_minor = known[event.variant_id].price_minor
    known.setdefault(event.instead_variant_id, KeptLine(event.instead_variant_id, 0, price_minor))
    for one in event.moved:
        line = known[one.variant_id]
        line.quantity, line.exchanged = line.quantity + one.quantity, line.exchanged + one.quantity
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
            total_minor=line.quantity * line.price_minor,
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
_decode_charges: Final = msgspec.json.Decoder(dict[str, DeliveryCharge]).decode
