"""Units in the auditor's accounts: what an event moves of an order's lines, and of the stock of their variants."""

from collections.abc import Iterator

from buystream.replay.accounts import EditionAccount, Finding, OrderAccount
from buystream.vocabulary import events


def hold(order_id: str, order: OrderAccount, account: EditionAccount) -> Iterator[Finding]:
    """Units are held."""
    if order.holds:
        yield "an order holds stock once", f"{order_id} holds again"
    order.holds = True
    for variant_id, units in order.bought.items():
        variant = account.variants[variant_id]
        variant.held += units
        taken = variant.take(order.buyer_id, units * order.counts)
        variant.move(-units)
        if order.counts and taken > variant.limit_per_buyer:
            yield "a buyer's limit binds", f"{order.buyer_id} has {taken}"


def confirm(event: events.OrderConfirmed, order: OrderAccount, account: EditionAccount) -> Iterator[Finding]:
    """Held units are sold."""
    if not order.holds:
        yield "only held stock is sold", f"{event.order_id} holds nothing"
    if order.captured_minor != event.amount_minor or (order.total_minor and not order.captured_minor):
        yield "a confirmed order is paid", f"{event.order_id}: {order.captured_minor} of {event.amount_minor}"
    yield from says_all(event, order)
    order.holds, order.confirmed = False, True
    for variant_id, units in order.bought.items():
        variant = account.variants[variant_id]
        variant.held -= units
        variant.sold += units
    account.raised_minor += event.amount_minor - (order.pledged_minor or 0)


def take_back(event: events.OrderRefunded, order: OrderAccount, account: EditionAccount) -> Iterator[Finding]:
    """Sold units come back."""
    back = order.units_in(event.quantity, event.units)
    if sum(back.values()) != event.quantity:
        yield "an event counts its units", f"{event.order_id}: {event.quantity} units, {back}"
    minor, granted = order.done.get(event.refund_id, (0, back))
    if event.amount_minor and (event.amount_minor, back) != (minor, back if granted is None else granted):
        yield "a refund takes what it was granted", f"{event.order_id}: {event.quantity} units, {event.amount_minor}"
    if event.amount_minor or event.refund_id in order.done:
        order.done[event.refund_id] = event.amount_minor, back
    order.return_units(back)
    kept = {variant_id: units - order.returned.get(variant_id, 0) for variant_id, units in order.bought.items()}
    if min(kept.values()) < 0 or order.returned.keys() - kept.keys() or (event.whole and any(kept.values())):
        yield "a refund returns what was bought", f"{event.order_id}: {order.returned} of {order.bought}"
    if event.whole:
        order.confirmed, order.refunded = False, True
    for variant_id in back.keys() & order.bought.keys():
        variant, units = account.variants[variant_id], back[variant_id]
        variant.sold -= units
        variant.take(order.buyer_id, -units * order.counts)
        if event.restock:
            variant.move(units)
        else:
            variant.withdrawn += units


def release(
    event: events.OrderExpired | events.OrderCancelled, order: OrderAccount, account: EditionAccount
) -> Iterator[Finding]:
    """Held units are released."""
    if not order.holds:
        yield "only held stock is released", f"{event.order_id} holds nothing"
    if order.captured_minor:
        yield "nobody is charged for nothing", f"{event.order_id} ended after it was paid"
    yield from says_all(event, order)
    order.holds = False
    if order.code is not None:
        account.codes.give_back(event.order_id, order.code)
    for variant_id, units in order.bought.items():
        variant = account.variants[variant_id]
        variant.held -= units
        variant.take(order.buyer_id, -units * order.counts)
        variant.move(units)
    account.raised_minor -= order.pledged_minor or 0
    order.pledged_minor = None


def fail(event: events.RefundFailed, order: OrderAccount, account: EditionAccount) -> Iterator[Finding]:
    """Units that came back with a refund are their buyer's again."""
    order.asked.pop(event.refund_id, None)
    minor, granted = order.done.pop(event.refund_id, (0, None))
    back, units = granted or {}, order.units_in(event.quantity, event.units)
    if (
        (minor != event.amount_minor and event.was_refunded)
        or sum(units.values()) != event.quantity
        or sum(back.values()) != event.quantity + event.missing
        or any(quantity > back.get(variant_id, 0) for variant_id, quantity in units.items())
    ):
        yield "what a refund gave back it takes back when it fails", f"{event.payment_id}: {minor}, {back} units"
    if not event.was_refunded:
        return
    if event.quantity and account.over:
        yield "what is over gets no stock", f"{event.order_id} has units again: {account.over}"
    order.returned_minor -= event.amount_minor
    order.return_units(units, -1)
    order.confirmed, order.refunded = True, False
    account.raised_minor += event.amount_minor
    for variant_id in units.keys() & order.bought.keys():
        variant, quantity = account.variants[variant_id], units[variant_id]
        variant.sold += quantity
        variant.take(order.buyer_id, quantity * order.counts)
        if event.from_stock:
            variant.move(-quantity)
        else:
            variant.withdrawn -= quantity


def says_all(
    event: events.OrderReclaimed | events.OrderConfirmed | events.OrderExpired | events.OrderCancelled,
    order: OrderAccount,
) -> Iterator[Finding]:
    """An event about all units names each line's."""
    said = order.units_in(event.quantity, event.units)
    if said != order.bought or sum(said.values()) != event.quantity:
        yield "an event counts its units", f"{event.order_id}: {event.quantity} units, {said} of {order.bought}"
