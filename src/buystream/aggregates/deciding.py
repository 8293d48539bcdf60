"""Which command is decided by what: the one table from the vocabulary in to the aggregates."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final

from buystream.aggregates import access, drafting, housekeeping
from buystream.aggregates.buyer import Buyer
from buystream.aggregates.content import content_of
from buystream.aggregates.decides import decisions_of
from buystream.aggregates.edition import (
    admitting,
    alerting,
    announcing,
    asking_back,
    cancelling,
    capturing,
    coding,
    delivering,
    disputing,
    downloading,
    giving,
    licensing,
    moving,
    noting,
    ordering,
    packing,
    paying,
    presenting,
    pricing,
    refunding,
    releasing,
    returning,
    selling,
    serving,
    stocking,
    ticketing,
)
from buystream.aggregates.edition.edition import REPEATED, UNKNOWN_EDITION, UNKNOWN_ORDER, Edition, Outcome
from buystream.aggregates.edition.order import Order
from buystream.aggregates.edition.paying import UNKNOWN_PAYMENT
from buystream.aggregates.edition.payment import Payment
from buystream.aggregates.housekeeping import BAD_ID
from buystream.aggregates.merchant import Merchant
from buystream.aggregates.moment import Moment
from buystream.aggregates.recorder import Recorder
from buystream.vocabulary import commands, events
from buystream.vocabulary.actors import are_of_merchants, merchant_of
from buystream.vocabulary.fields import meanings
from buystream.vocabulary.ids import (
    DERIVED,
    MalformedId,
    edition_of,
    is_buyer_id,
    is_edition_id,
    is_merchant_id,
    is_mintable,
)

Decide = Callable[[Recorder, Any, Moment], None]

ORDER_ID_CONFLICT = "order_id_conflict"
NOT_PERMITTED = "not_permitted"
UNKNOWN_MERCHANT = "unknown_merchant"


def _place_order(recorder: Recorder, command: commands.PlaceOrder, moment: Moment) -> None:
    edition = recorder.state.editions.get(command.edition_id)
    if edition is None:
        return recorder.unchanged(UNKNOWN_EDITION, command, command.order_id, moment)
    order = edition.orders.get(command.order_id)
    if order is not None:
        if not order.asks_the_same(command):
            return recorder.unchanged(ORDER_ID_CONFLICT, command, command.order_id, moment)
        return _say_what_it_is_now(recorder, edition, order, moment)
    if not is_mintable(command.order_id, edition.id):  # another edition's would be two orders under one name
        return recorder.unchanged(ORDER_ID_CONFLICT, command, command.order_id, moment)
    refusal = ordering.place_order(edition, command, moment)
    return None if refusal is None else recorder.unchanged(refusal, command, command.order_id, moment)


def _say_what_it_is_now(recorder: Recorder, edition: Edition, order: Order, moment: Moment) -> None:
    payment = order.current_payment
    recorder.answer(
        moment,
        events.OrderRepeated,
        order_id=order.id,
        edition_id=edition.id,
        buyer_id=order.buyer_id,
        lines=order.lines,
        currency=order.currency,
        state=order.state,
        placed_at_ms=order.placed_at_ms,
        reason=order.reason,
        hold_expires_at_ms=order.hold_expires_at_ms,
        payment_id=payment.id if payment else "",
        payment_state=payment.state if payment else "",
        code=order.code,
    )


def _release_edition(recorder: Recorder, command: commands.ReleaseEdition, moment: Moment) -> None:
    if not is_edition_id(command.edition_id, recorder.state.number) or not is_merchant_id(command.merchant_id):
        return recorder.unchanged(BAD_ID, command, command.edition_id, moment)
    released = releasing.released(command, moment)
    known = recorder.state.editions.get(command.edition_id)
    if known is not None:
        outcome = REPEATED if known.content == content_of(released) else "edition_id_conflict"
        return recorder.unchanged(outcome, command, command.edition_id, moment)
    if wrong := releasing.why_not(command.offer, moment):
        return recorder.unchanged(wrong, command, command.edition_id, moment)
    return moment.record(released)


def _by(
    decide: Callable[[Any, Any, Moment], Outcome],
    *,
    named: str,
    unknown: str,
    find: Callable[[Recorder, str], Edition | Merchant | None],
) -> Decide:
    """For commands whose field `named` says which aggregate decides them."""
    subject_of = attrgetter(named)

    def decided(recorder: Recorder, command: Any, moment: Moment) -> None:
        subject = subject_of(command)
        aggregate = find(recorder, subject)
        outcome = unknown if aggregate is None else decide(aggregate, command, moment)
        if outcome is not None:
            recorder.unchanged(outcome, command, subject, moment)

    return decided


def _by_edition(decide: Callable[[Edition, Any, Moment], Outcome]) -> Decide:
    """For commands that name an edition."""
    return _by(decide, named="edition_id", unknown=UNKNOWN_EDITION, find=lambda it, name: it.state.editions.get(name))


def _by_own_edition(decide: Callable[[Edition, Any, Moment], Outcome]) -> Decide:
    """For commands that name an edition and not its merchant, which is who asks: another merchant's edition is
    unknown to it."""

    def decided(edition: Edition, command: Any, moment: Moment) -> Outcome:
        is_own = moment.actor is None or edition.terms.merchant_id == merchant_of(moment.actor)
        return decide(edition, command, moment) if is_own else UNKNOWN_EDITION

    return _by_edition(decided)


def _by_gift(decide: Callable[[Edition, Any, Moment], Outcome]) -> Decide:
    """For commands that name a recurring gift."""
    return _by(decide, named="gift_id", unknown="unknown_gift", find=_edition_holding)


def _by_order(decide: Callable[[Edition, Any, Moment], Outcome]) -> Decide:
    """For commands that name an order."""
    return _by(decide, named="order_id", unknown=UNKNOWN_ORDER, find=_edition_holding)


def _by_merchant(decide: Callable[[Merchant, Any, Moment], Outcome]) -> Decide:
    """For commands that name a merchant and are decided by it."""
    return _by(
        decide, named="merchant_id", unknown=UNKNOWN_MERCHANT, find=lambda it, name: it.state.merchants.get(name)
    )


def _edition_holding(recorder: Recorder, order_or_gift_id: str) -> Edition | None:
    """The edition that its id starts with; None for what is no id."""
    known = recorder.state.editions.get(order_or_gift_id.rpartition("-")[0])
    if known is not None and order_or_gift_id in known.book.orders:
        return known  # so its id is well formed
    try:
        return recorder.state.editions.get(edition_of(order_or_gift_id))
    except MalformedId:
        return None


def _by_payment(decide: Callable[[Edition, Payment, Order, Any, Moment], Outcome]) -> Decide:
    """For facts about a payment."""

    def decided(recorder: Recorder, command: Any, moment: Moment) -> None:
        payment_id = command.payment_id
        order_id = payment_id.rpartition(".")[0]  # what has another form is no payment that is known
        edition = recorder.state.editions.get(order_id.rpartition("-")[0])
        order = edition.orders.get(order_id) if edition else None
        payment = order.payment(payment_id) if order else None
        if edition is None or order is None or payment is None:
            return recorder.unchanged(UNKNOWN_PAYMENT, command, payment_id, moment)
        outcome = decide(edition, payment, order, command, moment)
        if outcome is not None:
            recorder.unchanged(outcome, command, payment_id, moment)
        return None

    return decided


def _register_merchant(recorder: Recorder, command: commands.RegisterMerchant, moment: Moment) -> None:
    if not is_merchant_id(command.merchant_id, recorder.state.number):
        return recorder.unchanged(BAD_ID, command, command.merchant_id, moment)
    registered = events.MerchantRegistered(
        originator_id=command.merchant_id,
        originator_version=1,
        at_ms=moment.at_ms,
        name=command.name,
        currency=command.currency,
        api_key_hash=command.api_key_hash,
    )
    known = recorder.state.merchants.get(command.merchant_id)
    if known is not None:
        outcome = REPEATED if known.content == content_of(registered) else "merchant_id_conflict"
        return recorder.unchanged(outcome, command, command.merchant_id, moment)
    if command.currency not in moment.rules.currencies:
        return recorder.unchanged("unknown_currency", command, command.merchant_id, moment)
    return moment.record(registered)


def _name_edition(recorder: Recorder, command: commands.NameEdition, moment: Moment) -> None:
    """The answer to a repeat has the id that the first one named, as its subject."""
    merchant = recorder.state.merchants.get(command.merchant_id)
    if merchant is None:
        return recorder.unchanged(UNKNOWN_MERCHANT, command, command.merchant_id, moment)
    if (named := merchant.named.get(command.request)) is not None:
        return recorder.unchanged(REPEATED, command, named, moment)
    if not is_edition_id(command.edition_id):
        return recorder.unchanged(BAD_ID, command, command.edition_id, moment)
    return merchant.name_edition(command, moment)


def _by_buyer(decide: Callable[[Buyer, Any, Moment], Outcome]) -> Decide:
    """For commands that name a buyer, who begins with the first event. What a refusal brings about follows it."""

    def decided(recorder: Recorder, command: Any, moment: Moment) -> None:
        if not is_buyer_id(command.buyer_id, recorder.state.number):
            return recorder.unchanged(BAD_ID, command, command.buyer_id, moment)
        buyers = recorder.state.buyers
        buyer = buyers.setdefault(command.buyer_id, Buyer(id=command.buyer_id))
        outcome = decide(buyer, command, moment)
        if outcome is not None:
            recorder.unchanged(outcome, command, command.buyer_id, moment)
        if not buyer.version:
            del buyers[command.buyer_id]  # without an event, nothing is known about them
        return None

    return decided


def client_ids(kind: type[commands.Command]) -> tuple[str, ...]:
    """The fields of that command in which a client names what it asks for."""
    return tuple(name for name, meaning in meanings(kind).items() if meaning.by_client)


def _refusing_derived_ids(decide: Decide, fields: tuple[str, ...]) -> Decide:
    """What the system derives can't be named by a client; the refusal is that of any name that is taken."""

    for field in reversed(fields):
        decide = _refusing_a_derived_id(decide, field)
    return decide


def _refusing_a_derived_id(decide: Decide, field: str) -> Decide:
    read = attrgetter(field)

    def decided(recorder: Recorder, command: Any, moment: Moment) -> None:
        name = read(command)
        if DERIVED in name:
            return recorder.unchanged(f"{field}_conflict", command, name, moment)
        return decide(recorder, command, moment)

    return decided


_BY_ITSELF: Final[dict[type[commands.Command], Decide]] = {
    commands.RegisterMerchant: _register_merchant,
    commands.NameEdition: _name_edition,
    commands.ReleaseEdition: _release_edition,
    commands.PlaceOrder: _place_order,
    commands.StartRecurringGift: _by_edition(giving.start_recurring_gift),
}
"""Commands that make what they are about."""

_BY_ABOUT: Final[dict[str, Callable[[Any], Decide]]] = {
    "": lambda decide: decide,
    "merchant_id": _by_merchant,
    "edition_id": _by_edition,
    "order_id": _by_order,
    "gift_id": _by_gift,
    "payment_id": _by_payment,
    "buyer_id": _by_buyer,
}
"""What decides a command, by the field that says what it is about."""


def _found(kind: type[commands.Command], decide: Callable[..., Any]) -> Decide:
    """Finds what the command is about, and lets it decide."""
    if kind.about == "edition_id" and are_of_merchants(kind.by) and "merchant_id" not in kind.__struct_fields__:
        return _by_own_edition(decide)
    return _BY_ABOUT[kind.about](decide)


_DECIDE: Final[dict[type[commands.Command], Decide]] = _BY_ITSELF | {
    kind: _found(kind, decide)
    for kind, decide in decisions_of(
        housekeeping, Merchant, Buyer, access, drafting,
        selling, stocking, announcing, cancelling, ordering, paying, capturing, packing, serving, refunding, giving,
        disputing, ticketing, admitting, returning, asking_back, moving, downloading, licensing, alerting, delivering,
        presenting, coding, noting, pricing,
    )
}  # fmt: skip

DECIDE: Final[dict[type[commands.Command], Decide]] = {
    kind: _refusing_derived_ids(decide, fields) if (fields := client_ids(kind)) else decide
    for kind, decide in _DECIDE.items()
}
