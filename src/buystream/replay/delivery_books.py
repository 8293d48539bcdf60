"""The auditor's own prices of delivery: worked out from the release and the order's lines, without the code that
decides."""

from collections.abc import Iterator

from buystream.replay.accounts import EditionAccount, Finding, OrderAccount
from buystream.vocabulary import events
from buystream.vocabulary.shipping import DeliveryCharge, Shipping


def request(event: events.PaymentRequested, order: OrderAccount, account: EditionAccount) -> Iterator[Finding]:
    """A payment is for an order's lines and its delivery, at the prices that were released."""
    charge, shipping = event.shipping, _priced(order, account)
    delivery_minor = 0 if charge is None else charge.amount_minor
    order.delivery_minor[event.payment_id] = delivery_minor
    if event.amount_minor != order.total_minor + delivery_minor:
        yield (
            "a payment is for the goods and their delivery",
            f"{event.payment_id}: {event.amount_minor}, not {order.total_minor} and {delivery_minor}",
        )
    if (charge is None) != (shipping is None):
        yield "delivery costs what was released", f"{event.payment_id}: {charge}"
    elif charge is not None and shipping is not None:
        grams = sum(units * account.grams[variant_id] for variant_id, units in order.ordered.items())
        expected = _released_minor(shipping, charge, grams, order.total_minor)
        if expected != charge.amount_minor:
            yield "delivery costs what was released", f"{event.payment_id}: {charge.amount_minor}, not {expected}"


def _priced(order: OrderAccount, account: EditionAccount) -> Shipping | None:
    """What delivery costs by the prices of the time at which the order was placed."""
    known = [shipping for until_ms, shipping in account.past_shipping if order.placed_at_ms <= until_ms]
    return known[0] if known else account.shipping


def change(event: events.ShippingChanged, account: EditionAccount) -> Iterator[Finding]:
    """Later orders pay other prices."""
    if account.shipping is None or event.old_shipping != account.shipping:
        yield "delivery costs what was released", f"{event.edition_id}: it was {account.shipping}"
    account.past_shipping.append((event.at_ms, event.old_shipping))
    account.shipping = event.shipping


def _released_minor(shipping: Shipping, charge: DeliveryCharge, grams: int, goods_minor: int) -> int | None:
    """None: that method isn't offered there, or not for that weight."""
    if not charge.country:
        return {point.method_id: point.price_minor for point in shipping.pickups}.get(charge.method_id)
    named = [zone for zone in shipping.zones if charge.country in zone.countries]
    serving = named or [zone for zone in shipping.zones if not zone.countries]
    for rate in serving[0].rates if serving else ():
        if rate.method_id == charge.method_id:
            fitting = [one.price_minor for one in rate.prices if one.up_to_grams is None or one.up_to_grams >= grams]
            if fitting and rate.free_from_minor is not None and rate.free_from_minor <= goods_minor:
                return 0
            return fitting[0] if fitting else None
    return None


def readdress(event: events.AddressChanged, order: OrderAccount) -> Iterator[Finding]:
    """An order goes elsewhere while it is with the merchant."""
    if order.shipped or any(order.parcels.values()):
        yield "what is packed stays addressed", f"{event.order_id} is addressed anew"
