"""A cancelled edition gives everything back, in bounded steps, whatever comes in between and after."""

from typing import Any

import pytest

from buystream.aggregates.edition.cancellation import Cancellation
from buystream.aggregates.edition.order import Order
from buystream.aggregates.rules import RULES
from buystream.vocabulary import commands, events
from buystream.vocabulary.values import RefundRule
from tests.support.examples import EDITION, ORDER, PRICE_MINOR, T0, example, order_id
from tests.support.scenario import Scenario, expect, given
from tests.support.steps import authenticate, authorised, captured, pay, payment, place, refund, release

TICK = commands.Tick()
CANCEL = example(commands.CancelEdition)
DISPUTED = example(commands.RecordDispute, amount_minor=PRICE_MINOR)
PAID = (place(), pay(), authorised(), captured())
AT_ONCE_MAX = RULES[1].asked_at_once_max
DAY_MS = 86_400_000


def closed(outcome: str, amount_minor: int = PRICE_MINOR) -> commands.RecordDisputeOutcome:
    return example(commands.RecordDisputeOutcome, outcome=outcome, amount_minor=amount_minor)


def asked_of(shop: Scenario) -> events.RefundRequested:
    """The one refund that was decided."""
    [asked] = [event for event in shop.decided if isinstance(event, events.RefundRequested)]
    return asked


def done(asked: events.RefundRequested) -> commands.RecordRefund:
    """The provider did what it was asked."""
    return commands.RecordRefund(
        payment_id=asked.payment_id, refund_id=asked.refund_id, amount_minor=asked.amount_minor
    )


def cancellation(shop: Scenario) -> Cancellation:
    found = shop.edition().cancellation
    assert found is not None
    return found


def rest(shop: Scenario, ticks: int = 20) -> Scenario:
    """Tick until nothing is due, the provider doing what it is asked."""
    for _ in range(ticks):
        shop.when(TICK)
        shop.given(
            *[
                commands.RecordVoid(payment_id=one.id)
                for order in shop.edition().orders.values()
                for one in order.payments
                if one.state == "voiding"
            ]
        )
        shop.given(*[done(event) for event in shop.decided if isinstance(event, events.RefundRequested)])
    return shop


# Disputes beside it.


def test_a_cancellation_requested_again_with_other_stock_is_no_repeat() -> None:
    shop = given(release(), CANCEL)
    shop.when(CANCEL).then(events.CommandRepeated)
    shop.when(example(commands.CancelEdition, restock=not CANCEL.restock))
    shop.then(expect(events.CommandRefused, reason="cancelled"))


def test_an_order_whose_dispute_is_won_after_the_cancellation_is_still_refunded() -> None:
    shop = given(release(), *PAID, DISPUTED, CANCEL).when(TICK)
    shop.then(events.Ticked, events.CancellationContinued, events.CancellationCompleted)
    shop.given(closed("won")).when(TICK, at_ms=T0 + DAY_MS)
    asked = asked_of(shop)
    assert (asked.amount_minor, asked.quantity, cancellation(shop).completed) == (PRICE_MINOR, 1, False)
    shop.given(done(asked)).when(TICK).then(events.Ticked, expect(events.CancellationCompleted, failed=0))
    shop.and_state(ORDER, state="refunded")


def test_a_cancellation_completes_when_an_order_is_refunded_and_then_its_dispute_is_won() -> None:
    shop = given(release(), *PAID, CANCEL).when(TICK)
    shop.given(DISPUTED, done(asked_of(shop)), closed("won")).when(TICK)
    shop.then(events.Ticked, expect(events.CancellationCompleted, failed=0)).and_state(ORDER, state="refunded")


def test_a_lost_dispute_does_not_keep_the_rest_of_the_money() -> None:
    sold = (place(quantity=4), pay(), authorised(), captured(amount_minor=4 * PRICE_MINOR))
    shop = given(release(), *sold, DISPUTED, closed("lost"), CANCEL).when(TICK)
    asked = asked_of(shop)
    assert (asked.amount_minor, asked.quantity) == (3 * PRICE_MINOR, 4)
    shop.given(done(asked)).when(TICK).then(events.Ticked, events.CancellationCompleted)
    shop.given(closed("won")).when(TICK)
    assert (asked_of(shop).amount_minor, asked_of(shop).quantity) == (PRICE_MINOR, 0)
    assert asked_of(shop).refund_id != asked.refund_id


def test_units_whose_money_a_bank_has_come_back_without_it() -> None:
    shop = given(release(stock=5), *PAID, DISPUTED, closed("lost"), CANCEL).when(TICK)
    shop.then(
        *(events.Ticked, events.CancellationContinued),
        expect(events.OrderRefunded, quantity=1, amount_minor=0, whole=True),
        events.CancellationCompleted,
    )
    shop.and_state(ORDER, state="refunded").and_state(sold=0, available=5)
    shop.given(closed("won")).when(TICK)
    assert (asked_of(shop).amount_minor, asked_of(shop).quantity) == (PRICE_MINOR, 0)


# Refunds beside it.


def test_a_merchants_reason_does_not_steer_the_cancellation() -> None:
    part = refund(refund_id="x", amount_minor=1, reason="edition_cancelled", restock=False)
    shop = given(release(), *PAID, CANCEL, part).when(TICK).then(events.Ticked, events.CancellationContinued)
    part_done = example(commands.RecordRefund, refund_id="x", amount_minor=1)
    shop.given(part_done).when(TICK)
    assert asked_of(shop).amount_minor == PRICE_MINOR - 1


def test_a_failed_refund_needs_the_merchant_and_is_reported_until_it_succeeds() -> None:
    shop = given(release(), *PAID, CANCEL).when(TICK)
    failure = example(commands.RecordRefundFailure, refund_id=asked_of(shop).refund_id)
    shop.given(failure).when(TICK).then(events.Ticked, expect(events.CancellationCompleted, failed=1))
    shop.when(refund(refund_id="again")).then(expect(events.RefundRequested, amount_minor=PRICE_MINOR, quantity=1))
    shop.given(done(asked_of(shop))).when(TICK).then(events.Ticked, expect(events.CancellationCompleted, failed=0))


def test_of_a_cancelled_edition_nobody_gets_units_back_when_a_refund_fails_days_later() -> None:
    shop = given(release(), *PAID, CANCEL).when(TICK)
    asked = asked_of(shop)
    shop.given(done(asked), TICK).when(example(commands.RecordRefundFailure, refund_id=asked.refund_id))
    shop.then(expect(events.RefundFailed, was_refunded=True, quantity=0, missing=1)).and_state(sold=0)
    shop.when(TICK).then(events.Ticked, expect(events.CancellationCompleted, failed=1))


def test_a_merchants_refund_that_fails_days_later_is_repeated_by_the_cancellation() -> None:
    merchants = (refund(refund_id="r1"), example(commands.RecordRefund, refund_id="r1", amount_minor=PRICE_MINOR))
    shop = given(release(), *PAID, *merchants, CANCEL, TICK)
    shop.given(example(commands.RecordRefundFailure, refund_id="r1")).when(TICK)
    assert (asked_of(shop).amount_minor, asked_of(shop).quantity) == (PRICE_MINOR, 0)


def test_money_that_a_bank_returned_and_the_buyers_bank_rejects_is_refunded_once() -> None:
    shop = given(release(), *PAID, DISPUTED, closed("lost"), CANCEL, TICK, closed("won")).when(TICK)
    shop.given(example(commands.RecordRefundFailure, refund_id=asked_of(shop).refund_id))
    shop.when(TICK).then(events.Ticked, expect(events.CancellationCompleted, failed=1))
    shop.when(TICK).then(events.Ticked)


def test_a_failed_refund_needs_nobody_once_a_bank_has_taken_the_money() -> None:
    shop = given(release(), *PAID, CANCEL).when(TICK)
    shop.given(example(commands.RecordRefundFailure, refund_id=asked_of(shop).refund_id), TICK, DISPUTED)
    shop.given(closed("lost")).when(TICK)
    taken, completed = expect(events.OrderRefunded, quantity=1), expect(events.CancellationCompleted, failed=0)
    shop.then(events.Ticked, events.CancellationContinued, taken, completed)


def test_units_that_come_back_without_money_take_no_earlier_refunds_name() -> None:
    half_minor = PRICE_MINOR // 2
    merchants = refund(refund_id="r1", amount_minor=half_minor, quantity=0)
    made = commands.RecordRefund(payment_id=payment(), refund_id="r1", amount_minor=half_minor)
    shop = given(release(), *PAID, merchants, made, CANCEL).when(TICK)
    ours = asked_of(shop).refund_id
    shop.given(done(asked_of(shop)), example(commands.RecordRefundFailure, refund_id="r1"), DISPUTED, closed("lost"))
    shop.when(TICK).then(events.Ticked, expect(events.OrderRefunded, amount_minor=0), events.CancellationCompleted)
    shop.when(example(commands.RecordRefundFailure, refund_id=ours)).then(expect(events.RefundFailed, missing=1))


def test_a_buyer_does_not_return_what_is_refunded_in_full_anyway() -> None:
    shop = given(release(refund=RefundRule(by="buyer", share_bps=5_000)), *PAID, CANCEL)
    shop.when(example(commands.ReturnOrder)).then(expect(events.CommandRefused, reason="cancelled"))


def test_what_was_returned_by_the_rule_before_the_cancellation_stays_so() -> None:
    back = example(commands.RecordRefund, refund_id="return-1", amount_minor=PRICE_MINOR // 2)
    shop = given(release(refund=RefundRule(by="buyer", share_bps=5_000)), *PAID, example(commands.ReturnOrder), back)
    shop.given(CANCEL).when(TICK).then(events.Ticked, events.CancellationContinued, events.CancellationCompleted)


# How much at once.


def pledged(count: int) -> list[commands.Command]:
    return [step for n in range(1, count + 1) for step in (place(n), pay(n), authorised(n, reference=f"pi_{n}"))]


def test_voids_that_wait_for_an_answer_are_as_bounded_as_refunds() -> None:
    terms = {"target_minor": 10**7, "all_or_nothing": True, "closes_at_ms": T0 + 3 * DAY_MS, "limit_per_buyer": 1000}
    shop = given(release(stock=None, **terms), *pledged(3 * AT_ONCE_MAX), CANCEL)
    voids = [event for _ in range(6) for event in shop.when(TICK).decided if isinstance(event, events.VoidRequested)]
    assert len(voids) == AT_ONCE_MAX
    shop.given(*[commands.RecordVoid(payment_id=one.payment_id) for one in voids]).when(TICK)
    assert sum(isinstance(event, events.VoidRequested) for event in shop.decided) == AT_ONCE_MAX


def looked_at(monkeypatch: pytest.MonkeyPatch, shop: Scenario, command: commands.Command) -> int:
    """How many orders a decision looks at."""
    looks: list[str] = []
    stage = Cancellation.stage

    def counted(self: Cancellation, order: Order) -> Any:
        looks.append(order.id)
        return stage(self, order)

    with monkeypatch.context() as patch:
        patch.setattr(Cancellation, "stage", counted)
        shop.when(command)
        shop.partition.next_deadline_ms()
    return len(looks)


def test_no_decision_about_a_cancelled_edition_looks_at_more_orders_when_there_are_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The captures of all of them are unanswered, then come one by one."""
    counts = []
    for size in (50, 400):
        sold = [step for n in range(1, size + 1) for step in (place(n), pay(n), authorised(n))]
        shop = given(release(stock=None, limit_per_buyer=1000), *sold)
        cancelled = looked_at(monkeypatch, shop, CANCEL)
        shop.given(TICK, TICK)
        counts.append((cancelled, *(looked_at(monkeypatch, shop, captured(n)) for n in (1, 2, 3))))
    assert counts[0] == counts[1]
    assert counts[0][0] == 0


def test_one_step_looks_at_a_bounded_number_of_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    bound = RULES[1].looked_at_per_tick_max
    shop = given(release(stock=None, limit_per_buyer=10**6))
    for number in range(1, bound + 500):
        shop.given(place(number), example(commands.CancelOrder, order_id=order_id(number)))
    shop.given(CANCEL)
    assert looked_at(monkeypatch, shop, TICK) == bound
    assert not cancellation(shop).completed
    shop.when(TICK).then(events.Ticked, events.CancellationContinued, events.CancellationCompleted)


def test_orders_in_progress_when_it_was_cancelled_are_refunded_in_time() -> None:
    shop = given(release(), place(), pay(), authorised(), place(2), pay(2), authenticate(2), place(3), CANCEL)
    shop.when(TICK)
    assert cancellation(shop).waiting == {ORDER}
    shop.given(captured(), authorised(2))
    rest(shop).and_state(ORDER, state="refunded").and_state(order_id(2), state="cancelled")
    shop.and_state(order_id(3), state="cancelled").and_state(EDITION, held=0, sold=0)
    assert cancellation(shop).completed
    assert payment() not in cancellation(shop).asked
