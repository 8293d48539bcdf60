"""Which command is decided by what: the one table from the vocabulary in to the aggregates."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from buystream import commands, events
from buystream.aggregates import agenda, paying, refunding
from buystream.aggregates.buyer import Buyer
from buystream.aggregates.edition import HOLD_SECONDS_MAX, QUANTITY_MAX, UNKNOWN_ORDER, Edition, Outcome
from buystream.aggregates.merchant import Merchant
from buystream.aggregates.order import Order
from buystream.aggregates.paying import UNKNOWN_PAYMENT
from buystream.aggregates.payment import Payment
from buystream.aggregates.rules import RULES, Rules
from buystream.ids import MalformedId, edition_of, is_of_edition, order_of
from buystream.money import AMOUNT_MINOR_MAX, MINOR_DIGITS

if TYPE_CHECKING:
    from buystream.aggregates.partition import Partition

Decide = Callable[["Partition", Any, int], list[events.Event]]

AGENDA_PER_TICK_MAX: Final = 100
"""Editions and recurring gifts that one Tick carries on at most."""

ORDER_ID_CONFLICT = "order_id_conflict"
UNKNOWN_EDITION = "unknown_edition"
UNKNOWN_MERCHANT = "unknown_merchant"


def _own(partition: Partition, command: commands.OwnerStarted, at_ms: int) -> list[events.Event]:
    """A new owner: while nobody decided, nobody could pay, so every running hold keeps some time."""
    answer = partition.answer(events.OwnershipTaken, owner=command.owner)
    kept_ms = at_ms + command.grace_seconds * 1000
    touched: dict[str, Edition] = {}
    for edition, order in partition.running_holds():
        if order.hold_expires_at_ms is not None and order.hold_expires_at_ms < kept_ms:
            edition.extend_hold(order, kept_ms, at_ms)
            touched[edition.id] = edition
    return [answer, *partition.collect(*touched.values())]


def _tick(partition: Partition, command: commands.Tick, at_ms: int) -> list[events.Event]:
    """Only a Tick lets holds expire: while no owner is there to append one, an outage of ours expires nobody."""
    decided = [partition.answer(events.Ticked)]
    for edition, order in partition.due_holds(at_ms, partition.rules.expiries_per_tick_max):
        edition.expire(order, at_ms)
        decided += partition.collect(edition)
    for edition, gift_id in partition.due_agenda(at_ms, AGENDA_PER_TICK_MAX):
        if gift_id:
            agenda.give_again(edition, gift_id, at_ms)
        else:
            agenda.carry_on(edition, at_ms, partition.rules)
        decided += partition.collect(edition)
    return decided


def _adopt_rules(partition: Partition, command: commands.AdoptRules, at_ms: int) -> list[events.Event]:
    if command.rules_version == partition.state.rules_version:
        return partition.unchanged("repeated", command, str(command.rules_version))
    if command.rules_version not in RULES or command.rules_version < partition.state.rules_version:
        return partition.unchanged("unknown_rules", command, str(command.rules_version))
    return [partition.answer(events.RulesAdopted, rules_version=command.rules_version)]


def _place_order(partition: Partition, command: commands.PlaceOrder, at_ms: int) -> list[events.Event]:
    edition = partition.state.editions.get(command.edition_id)
    if edition is None:
        return partition.unchanged(UNKNOWN_EDITION, command, command.order_id)
    order = edition.orders.get(command.order_id)
    if order is not None:
        if not order.asks_the_same(command):
            return partition.unchanged(ORDER_ID_CONFLICT, command, command.order_id)
        return [_what_it_is_now(partition, edition, order)]
    if not is_of_edition(command.order_id, edition.id):  # another edition's would be two orders under one name
        return partition.unchanged(ORDER_ID_CONFLICT, command, command.order_id)
    edition.place_order(command, at_ms)
    return partition.collect(edition)


def _what_it_is_now(partition: Partition, edition: Edition, order: Order) -> events.Event:
    payment = order.last_payment
    return partition.answer(
        events.OrderRepeated,
        order_id=order.id,
        edition_id=edition.id,
        buyer_id=order.buyer_id,
        quantity=order.quantity,
        price_minor=order.price_minor,
        currency=order.currency,
        state=order.state,
        placed_at_ms=order.placed_at_ms,
        reason=order.reason,
        hold_expires_at_ms=order.hold_expires_at_ms,
        payment_id=payment.id if payment else "",
        payment_state=payment.state if payment else "",
    )


def _release_edition(partition: Partition, command: commands.ReleaseEdition, at_ms: int) -> list[events.Event]:
    if command.edition_id in partition.state.editions:
        return partition.unchanged("repeated", command, command.edition_id)
    wrong = _wrong_terms(command)
    if wrong:
        return partition.unchanged(wrong, command, command.edition_id)
    released = events.EditionReleased(
        originator_id=command.edition_id,
        originator_version=1,
        at_ms=at_ms,
        **{field: getattr(command, field) for field in command.__struct_fields__ if field != "edition_id"},
    )
    partition.apply(released)
    return [released]


def _wrong_terms(terms: commands.ReleaseEdition) -> str:
    if terms.currency not in MINOR_DIGITS:
        return "unknown_currency"
    if not 0 <= terms.price_min_minor <= terms.price_max_minor <= AMOUNT_MINOR_MAX // QUANTITY_MAX:
        return "bad_price"
    if terms.stock is not None and terms.stock < 1:
        return "bad_stock"
    if terms.limit_per_buyer < 1:
        return "bad_limit"
    if not 1 <= terms.hold_seconds <= HOLD_SECONDS_MAX:
        return "bad_hold"
    if terms.opens_at_ms is not None and terms.closes_at_ms is not None and terms.closes_at_ms <= terms.opens_at_ms:
        return "bad_window"
    if not 0 <= terms.tax_bps <= 10_000:
        return "bad_tax"
    if terms.refund_by not in ("merchant", "buyer") or not 0 <= terms.refund_share_bps <= 10_000:
        return "bad_refund_rule"
    if terms.target_minor is not None and terms.target_minor < 1:
        return "bad_target"
    if terms.all_or_nothing and (terms.target_minor is None or terms.closes_at_ms is None):
        return "bad_target"  # all or nothing is decided at a date, by a target
    if terms.if_missed not in ("void", "choose"):
        return "bad_target"
    return ""


def _by(
    decide: Callable[[Any, Any, int], Outcome],
    *,
    named: str,
    unknown: str,
    find: Callable[[Partition, str], Edition | Merchant | None],
) -> Decide:
    """For commands whose field `named` says which aggregate decides them."""

    def decided(partition: Partition, command: Any, at_ms: int) -> list[events.Event]:
        subject = getattr(command, named)
        aggregate = find(partition, subject)
        outcome = unknown if aggregate is None else decide(aggregate, command, at_ms)
        if aggregate is None or outcome is not None:
            return partition.unchanged(outcome or unknown, command, subject)
        return partition.collect(aggregate)

    return decided


def _by_edition(decide: Callable[[Edition, Any, int], Outcome]) -> Decide:
    """For commands that name an edition."""
    return _by(decide, named="edition_id", unknown=UNKNOWN_EDITION, find=lambda it, name: it.state.editions.get(name))


def _by_gift(decide: Callable[[Edition, Any, int], Outcome]) -> Decide:
    """For commands that name a recurring gift."""
    return _by(decide, named="gift_id", unknown="unknown_gift", find=_edition_holding)


def _by_merchant(decide: Callable[[Merchant, Any, int], Outcome]) -> Decide:
    """For commands that name a merchant and are decided by it."""
    return _by(
        decide, named="merchant_id", unknown=UNKNOWN_MERCHANT, find=lambda it, name: it.state.merchants.get(name)
    )


def _edition_holding(partition: Partition, order_or_gift_id: str) -> Edition | None:
    """The edition that its id starts with; None for what is no id."""
    try:
        return partition.state.editions.get(edition_of(order_or_gift_id))
    except MalformedId:
        return None


def _by_order(decide: Callable[[Edition, Any, int, Rules], Outcome]) -> Decide:
    """For commands that name an order."""

    def decided(partition: Partition, command: Any, at_ms: int) -> list[events.Event]:
        edition = _edition_holding(partition, command.order_id)
        if edition is None:
            return partition.unchanged(UNKNOWN_ORDER, command, command.order_id)
        outcome = decide(edition, command, at_ms, partition.rules)
        if outcome is not None:
            return partition.unchanged(outcome, command, command.order_id)
        return partition.collect(edition)

    return decided


def _by_payment(decide: Callable[[Edition, Payment, Order, Any, int, Rules], Outcome]) -> Decide:
    """For facts about a payment."""

    def decided(partition: Partition, command: Any, at_ms: int) -> list[events.Event]:
        try:
            order_id = order_of(command.payment_id)
        except MalformedId:
            return partition.unchanged(UNKNOWN_PAYMENT, command, command.payment_id)
        edition = partition.state.editions.get(edition_of(order_id))
        order = edition.orders.get(order_id) if edition else None
        payment = order.payment(command.payment_id) if order else None
        if edition is None or order is None or payment is None:
            return partition.unchanged(UNKNOWN_PAYMENT, command, command.payment_id)
        outcome = decide(edition, payment, order, command, at_ms, partition.rules)
        if outcome is not None:
            return partition.unchanged(outcome, command, command.payment_id)
        return partition.collect(edition)

    return decided


def _register_merchant(partition: Partition, command: commands.RegisterMerchant, at_ms: int) -> list[events.Event]:
    if command.merchant_id in partition.state.merchants:
        return partition.unchanged("repeated", command, command.merchant_id)
    if command.currency not in MINOR_DIGITS:
        return partition.unchanged("unknown_currency", command, command.merchant_id)
    registered = events.MerchantRegistered(
        originator_id=command.merchant_id,
        originator_version=1,
        at_ms=at_ms,
        name=command.name,
        currency=command.currency,
        api_key_hash=command.api_key_hash,
    )
    partition.apply(registered)
    return [registered]


def _rotate_api_key(merchant: Merchant, command: commands.RotateApiKey, at_ms: int) -> Outcome:
    if merchant.api_key_hash == command.api_key_hash:
        return "repeated"
    merchant.rotate_api_key(command.api_key_hash, at_ms)
    return None


def _set_fee_terms(merchant: Merchant, command: commands.SetFeeTerms, at_ms: int) -> Outcome:
    if command.currency not in MINOR_DIGITS:
        return "unknown_currency"
    return merchant.set_fee_terms(command, at_ms)


def _save_buyer_details(partition: Partition, command: commands.SaveBuyerDetails, at_ms: int) -> list[events.Event]:
    buyer = partition.state.buyers.get(command.buyer_id) or Buyer(id=command.buyer_id)
    if buyer.remembers(command):
        return partition.unchanged("repeated", command, command.buyer_id)
    partition.state.buyers[buyer.id] = buyer
    buyer.save_details(command, at_ms)
    return partition.collect(buyer)


def _erase_buyer(partition: Partition, command: commands.EraseBuyer, at_ms: int) -> list[events.Event]:
    buyer = partition.state.buyers.setdefault(command.buyer_id, Buyer(id=command.buyer_id))
    if buyer.erased:
        return partition.unchanged("repeated", command, command.buyer_id)
    buyer.erase(at_ms)
    return partition.collect(buyer)


DECIDE: Final[dict[type[commands.Command], Decide]] = {
    commands.OwnerStarted: _own,
    commands.Tick: _tick,
    commands.AdoptRules: _adopt_rules,
    commands.RegisterMerchant: _register_merchant,
    commands.RotateApiKey: _by_merchant(_rotate_api_key),
    commands.DescribeMerchant: _by_merchant(Merchant.describe),
    commands.ConnectAccount: _by_merchant(Merchant.connect_account),
    commands.SetFeeTerms: _by_merchant(_set_fee_terms),
    commands.RequestTerms: _by_merchant(Merchant.grant_terms),
    commands.IssueReceipt: _by_merchant(Merchant.issue_receipt),
    commands.CorrectReceipt: _by_merchant(Merchant.correct_receipt),
    commands.ReleaseEdition: _release_edition,
    commands.ApplyTerms: _by_edition(Edition.apply_terms),
    commands.CancelEdition: _by_edition(agenda.cancel_edition),
    commands.PauseSale: _by_edition(lambda edition, _, at_ms: edition.pause(at_ms)),
    commands.ResumeSale: _by_edition(lambda edition, _, at_ms: edition.resume(at_ms)),
    commands.AddStock: _by_edition(Edition.add_stock),
    commands.WithdrawStock: _by_edition(Edition.withdraw_stock),
    commands.RecordDemand: _by_edition(Edition.record_demand),
    commands.FlagVelocity: _by_edition(Edition.flag_velocity),
    commands.PlaceOrder: _place_order,
    commands.CancelOrder: _by_order(lambda edition, command, at_ms, _: edition.cancel_order(command, at_ms)),
    commands.RequestPayment: _by_order(paying.request_payment),
    commands.ShipOrder: _by_order(lambda edition, command, at_ms, _: edition.ship_order(command, at_ms)),
    commands.RecordDelivery: _by_order(lambda edition, command, at_ms, _: edition.record_delivery(command, at_ms)),
    commands.RefundOrder: _by_order(refunding.refund_order),
    commands.ReturnOrder: _by_order(refunding.return_order),
    commands.StartRecurringGift: _by_edition(agenda.start_recurring_gift),
    commands.EndRecurringGift: _by_gift(agenda.end_recurring_gift),
    commands.RecordAuthorisation: _by_payment(paying.record_authorisation),
    commands.RecordAuthenticationRequired: _by_payment(paying.record_authentication_required),
    commands.RecordDecline: _by_payment(paying.record_decline),
    commands.RecordCapture: _by_payment(paying.record_capture),
    commands.RecordCaptureFailure: _by_payment(paying.record_capture_failure),
    commands.RecordVoid: _by_payment(paying.record_void),
    commands.RecordMethodSaved: _by_payment(paying.record_method_saved),
    commands.RecordRefund: _by_payment(refunding.record_refund),
    commands.RecordRefundFailure: _by_payment(refunding.record_refund_failure),
    commands.RecordDispute: _by_payment(refunding.record_dispute),
    commands.RecordDisputeOutcome: _by_payment(refunding.record_dispute_outcome),
    commands.SaveBuyerDetails: _save_buyer_details,
    commands.EraseBuyer: _erase_buyer,
}
