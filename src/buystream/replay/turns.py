"""Whose turn it was, by the auditor's own accounts: an order was refused for a reason that was true, and nobody who
came later got the stock for which an earlier order of no more units had been refused."""

from collections.abc import Iterator

from buystream.replay.accounts import EditionAccount, Finding
from buystream.vocabulary import events
from buystream.vocabulary.reasons import CODE_REASONS
from buystream.vocabulary.values import OrderLine

CHECKED_UNITS_MAX = 100
"""More units than one order may ask for are refused as over the limit, whatever the limit is."""


def refuse(event: events.OrderRefused, account: EditionAccount) -> Iterator[Finding]:
    """An order was refused; remembers for how many units nothing was left."""
    if not _is_true(event, account):
        yield "nobody is refused without a reason", f"{event.order_id} is refused as {event.reason}, which isn't so"
    if event.reason == "sold_out":
        line = _refused_line(event)
        variant = account.variants[line.variant_id]
        known = variant.turned_away
        if known is None or line.quantity < known[0]:
            variant.turned_away = line.quantity, event.order_id


def _refused_line(event: events.OrderRefused) -> OrderLine:
    """The line that the order failed at."""
    return next((line for line in event.lines if line.variant_id == event.variant_id), event.lines[0])


def place(event: events.OrderPlaced, account: EditionAccount) -> Iterator[Finding]:
    """An order got stock."""
    for line in event.lines:
        variant = account.variants[line.variant_id]
        if variant.turned_away is not None and line.quantity >= variant.turned_away[0]:
            units, earlier = variant.turned_away
            yield (
                "who comes first is served first",
                f"{event.order_id} got {line.quantity}, {earlier} asked for {units}",
            )
        least_minor, most_minor, left = variant.prices(event.at_ms)
        if not least_minor <= line.price_minor <= most_minor or (left is not None and line.quantity > left):
            yield (
                "an order has the price that was offered",
                f"{event.order_id}: {line.quantity} for {line.price_minor} each",
            )


def _is_true(event: events.OrderRefused, account: EditionAccount) -> bool:
    """Whether the accounts show the reason. Those of amounts depend on the currency: only the refold checks them."""
    line, window = _refused_line(event), account.window
    variant = account.variants[line.variant_id]
    match event.reason:
        case "sold_out":
            return variant.available is not None and variant.available < line.quantity
        case "over_limit":
            taken = variant.taken.get(event.buyer_id, 0) + line.quantity
            units = sum(line.quantity for line in event.lines)
            return taken > variant.limit_per_buyer or line.quantity <= 0 or units > CHECKED_UNITS_MAX
        case "wrong_price":
            least_minor, most_minor, _ = variant.prices(event.at_ms)
            return not least_minor <= line.price_minor <= most_minor
        case "few_at_this_price":
            least_minor, _, left = variant.prices(event.at_ms)
            return least_minor == line.price_minor and left == event.available and line.quantity > (left or 0)
        case "not_vouched":
            return account.vouched_only
        case "paused":
            return account.paused
        case "not_open":
            opens_ms = window.opens_at_ms
            return account.awaits_terms or (opens_ms is not None and event.at_ms < opens_ms)
        case "closed":
            return window.closes_at_ms is not None and event.at_ms >= window.closes_at_ms
        case "cancelled":
            return account.is_cancelled
        case "too_fast":
            return event.at_ms < account.paused_until_ms.get(event.buyer_id, 0)
        case reason if reason in CODE_REASONS:
            return account.codes.is_true(event)
    return True
