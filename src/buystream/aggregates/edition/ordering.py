"""How an edition decides about orders before any money moves: first come, first served. A hold runs out by the clock,
when a Tick says so."""

from typing import Final

from msgspec.structs import replace

from buystream.aggregates.decides import decides
from buystream.aggregates.edition import admission, coding
from buystream.aggregates.edition.duty import Duty
from buystream.aggregates.edition.edition import REPEATED, UNKNOWN_ORDER, UNKNOWN_VARIANT, Edition, Outcome
from buystream.aggregates.edition.order import Order
from buystream.aggregates.edition.stock import Stock
from buystream.aggregates.edition.stocking import note_releases, note_sell_out, note_sell_outs
from buystream.aggregates.moment import Moment
from buystream.aggregates.rules import Rules
from buystream.vocabulary import commands, events
from buystream.vocabulary.order_states import CANCELLABLE
from buystream.vocabulary.placements import PlacementCount

VARIANT_TWICE: Final = "variant_twice"
"""Two lines are about one variant: the order could mean either."""


def place_order(edition: Edition, command: commands.PlaceOrder, moment: Moment) -> Outcome:
    """Hold stock for a new order id, or refuse it with the reason. A refusal that is one too many to remember spends no
    id and is returned; of it only the demand is recorded."""
    terms, lines, at_ms = edition.terms, command.lines, moment.at_ms
    stock = edition.stocks.get(lines[0].variant_id)
    if stock is None:
        return UNKNOWN_VARIANT
    if several := len(lines) > 1:
        if any(line.variant_id not in edition.stocks for line in lines):
            return UNKNOWN_VARIANT
        if len({line.variant_id for line in lines}) < len(lines):
            return VARIANT_TWICE
    used, unusable = None, ""
    if command.code:
        used, unusable = coding.used_by(edition, command, moment)
        if unusable == coding.UNKNOWN_CODE:
            return unusable
    reason, variant_id = admission.why_not(
        edition,
        moment,
        buyer_id=command.buyer_id,
        lines=lines,
        vouched=command.vouched,
        discount_minor=used.total_minor if used is not None else 0,
    )
    reason = reason or unusable
    if not reason:
        moment.record(
            events.OrderPlaced(
                originator_id=command.order_id,
                originator_version=1,
                at_ms=at_ms,
                edition_id=edition.id,
                edition_version=edition.version + 1,
                buyer_id=command.buyer_id,
                merchant_id=terms.merchant_id,
                lines=command.lines,
                currency=terms.currency,
                hold_expires_at_ms=at_ms + terms.hold_seconds * 1000,
                device=command.device,
                network=command.network,
                placement=command.placement,
                code=used,
            )
        )
        if several:
            note_sell_outs(edition, lines, moment)
        elif stock.available == 0:  # most orders leave some
            note_sell_out(edition, stock, moment)
        return None
    if not _is_plausible(command, moment.rules):
        return reason
    if edition.book.refused >= moment.rules.refused_orders_kept_max:
        units = sum(line.quantity for line in lines)
        edition.record_own(
            events.DemandRecorded,
            moment,
            demand_id="",
            clicks=1,
            quantity=units,
            reason=reason,
            placements=_counted(command),
        )
        return reason
    _refuse(edition, command, moment, reason, variant_id)
    return None


def _refuse(edition: Edition, command: commands.PlaceOrder, moment: Moment, reason: str, variant_id: str) -> None:
    """Of an order with one line, the event says what is available; with several, also of which."""
    several = len(command.lines) > 1
    blamed = edition.stocks.get(variant_id if several else command.lines[0].variant_id)
    refused = events.OrderRefused(
        originator_id=command.order_id,
        originator_version=1,
        at_ms=moment.at_ms,
        edition_id=edition.id,
        edition_version=edition.version + 1,
        buyer_id=command.buyer_id,
        merchant_id=edition.terms.merchant_id,
        lines=command.lines,
        currency=edition.terms.currency,
        reason=reason,
        available=_left(blamed, reason, moment.at_ms),
        device=command.device,
        network=command.network,
        variant_id=variant_id if several else "",
        placement=command.placement,
    )
    if command.code:  # apart, because CPython calls what has more than 15 names by a dict
        refused = replace(refused, code_key=command.code)
    moment.record(refused)


def _counted(command: commands.PlaceOrder) -> tuple[PlacementCount, ...]:
    """The click, by where it came from."""
    return () if command.placement is None else (PlacementCount(placement=command.placement, count=1),)


def _left(blamed: Stock | None, reason: str, at_ms: int) -> int | None:
    if blamed is None:
        return None
    return blamed.left_at_its_price(at_ms) if reason == "few_at_this_price" else blamed.available


def _is_plausible(command: commands.PlaceOrder, rules: Rules) -> bool:
    """Whether a refused order says what a buyer may have wanted. Nothing is kept of any other, so that no number on
    the log is larger than a view or a snapshot can hold."""
    return all(
        abs(line.quantity) <= rules.units_per_buyer_max and abs(line.price_minor) <= rules.amount_minor_max
        for line in command.lines
    )


@decides(commands.CancelOrder)
def cancel_order(edition: Edition, command: commands.CancelOrder, moment: Moment) -> Outcome:
    """The buyer gives the hold back, while no money is reserved for it."""
    order = edition.orders.get(command.order_id)
    if order is None or order.buyer_id != command.buyer_id:
        return UNKNOWN_ORDER
    if order.state == "cancelled":
        return REPEATED
    if order.state not in CANCELLABLE:
        return f"order_{order.state}"
    if order.state == "pledged" and edition.campaign is not None and edition.campaign.is_charging:
        return "target_reached"  # others are charged because this pledge counts
    give_up(edition, order, "buyer", moment)
    _end_gift_that_never_began(edition, order, moment)
    return None


def _end_gift_that_never_began(edition: Edition, order: Order, moment: Moment) -> None:
    """A giver who cancels the first gift of a recurring one, before it is paid, isn't charged for the next one."""
    if order.gift_id and order.is_limited and not edition.recurring[order.gift_id].ended:
        edition.record_own(
            events.RecurringGiftEnded, moment, gift_id=order.gift_id, buyer_id=order.buyer_id, reason="giver"
        )


def give_up(edition: Edition, order: Order, reason: str, moment: Moment) -> None:
    """End an order that holds stock, and release what its pledge reserved."""
    payment = order.payment(order.pledged_by)
    if payment is not None and payment.state == "authorised":
        edition.record_payment(events.VoidRequested, payment, order, moment, reference=payment.reference, reason=reason)
    cancel(edition, order, reason, moment)


def cancel(edition: Edition, order: Order, reason: str, moment: Moment) -> None:
    """End an order that holds stock."""
    edition.record_order(
        events.OrderCancelled,
        order,
        moment,
        quantity=order.quantity,
        reason=reason,
        variant_id=order.variant_id,
        units=order.units,
    )
    note_releases(edition, order.lines, moment)


def extend_hold(edition: Edition, order_id: str, hold_expires_at_ms: int, moment: Moment) -> None:
    """The owner gives a grace: an outage of ours expires nobody."""
    edition.record_order(events.HoldExtended, edition.orders[order_id], moment, hold_expires_at_ms=hold_expires_at_ms)


def _runs_out_at(edition: Edition, order_id: str, _: Rules) -> int | None:
    return edition.book.orders[order_id].hold_expires_at_ms


def _expire(edition: Edition, order_id: str, moment: Moment) -> None:
    order = edition.book.orders[order_id]
    edition.record_order(
        events.OrderExpired,
        order,
        moment,
        quantity=order.quantity,
        variant_id=order.variant_id,
        units=order.units,
    )
    note_releases(edition, order.lines, moment)


HOLD: Final = Duty(name="hold", due_ms=_runs_out_at, carry_on=_expire)
"""A hold runs out."""
