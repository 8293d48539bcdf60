"""The row of `orders` that an order begins with."""

from buystream.projections import order_lines
from buystream.projections.order_rows import Row
from buystream.vocabulary import events
from buystream.vocabulary.placements import NOWHERE


def created(event: events.OrderPlaced | events.OrderRefused) -> Row:
    """The row of a new order."""
    placed = event if isinstance(event, events.OrderPlaced) else None
    code, came = placed.code if placed else None, event.placement or NOWHERE
    lines, is_one = event.lines, len(event.lines) == 1
    return Row(
        *(event.originator_id, event.edition_id, event.merchant_id, event.buyer_id),
        lines[0].variant_id if is_one else "",
        lines[0].quantity if is_one else sum(line.quantity for line in lines),
        lines[0].price_minor if is_one else None,
        *(event.currency, event.at_ms, event.edition_version),
        "held" if placed else "refused",
        event.reason if isinstance(event, events.OrderRefused) else None,
        placed.hold_expires_at_ms if placed else None,
        (placed.gift_id or None) if placed else None,
        order_lines.kept(lines, code),
        *(came.source, came.campaign, came.post, came.app),
        "" if code is None else order_lines.encode(code),
    )
