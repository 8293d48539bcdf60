"""Recurring gifts: what counts against a limit, and when nobody pays."""

from typing import Any

import pytest

from buystream.aggregates.edition.recurring import months_after
from buystream.aggregates.rules import FIRST_RULES, rules_of
from buystream.vocabulary import commands, events
from buystream.vocabulary.ids import payment_id_of, recurring_order_id
from buystream.vocabulary.placements import Placement
from tests.support.examples import ANNA, GIFT, T0, example
from tests.support.scenario import Scenario, expect, given
from tests.support.steps import place, release

TICK = commands.Tick()
PRICE = example(commands.StartRecurringGift).amount_minor
GIFTS = release(kind="gift", stock=None, limit_per_buyer=2, opens_at_ms=None, closes_at_ms=None)
START = example(commands.StartRecurringGift, interval_months=1)
DAY_MS = 86_400_000
UNPAID_MAX = rules_of(FIRST_RULES).gift_unpaid_max


def payment(number: int, attempt: int = 1) -> str:
    return payment_id_of(recurring_order_id(GIFT, number), attempt)


def paid(number: int) -> list[commands.Command]:
    return [
        example(commands.RecordAuthorisation, payment_id=payment(number)),
        example(commands.RecordCapture, payment_id=payment(number), amount_minor=PRICE),
    ]


def declined(number: int) -> list[commands.Command]:
    return [example(commands.RecordDecline, payment_id=payment(number))]


def at_the_bank(number: int) -> list[commands.Command]:
    return [example(commands.RecordAuthenticationRequired, payment_id=payment(number))]


def unanswered(number: int) -> list[commands.Command]:
    return []


def months(outcomes: list[Any]) -> Scenario:
    """One outcome a month, and the Tick of the month after the last."""
    shop = given(GIFTS, START)
    for number, outcome in enumerate(outcomes, 1):
        shop.given(*outcome(number))
        shop.when(TICK, at_ms=months_after(T0, number))
    return shop


def test_only_the_first_gift_is_a_click_that_came_from_somewhere() -> None:
    poster = Placement(source="poster")
    start = example(commands.StartRecurringGift, interval_months=1, placement=poster)
    shop = given(GIFTS).when(start)
    shop.then(events.RecurringGiftStarted, expect(events.OrderPlaced, placement=poster), events.PaymentRequested)
    shop.given(*paid(1)).when(TICK, at_ms=months_after(T0, 1))
    shop.then(events.Ticked, expect(events.OrderPlaced, placement=None), events.PaymentRequested)


@pytest.mark.parametrize(
    ("outcome", "reason"), [(declined, "declined"), (at_the_bank, "unpaid"), (unanswered, "unpaid")]
)
def test_a_gift_that_nobody_pays_ends_whatever_the_reason(outcome: Any, reason: str) -> None:
    shop = months([outcome] * (UNPAID_MAX - 1))
    assert not shop.edition().recurring[GIFT].ended
    shop = months([outcome] * UNPAID_MAX)
    assert shop.edition().recurring[GIFT].ended == reason
    shop.when(TICK, at_ms=months_after(T0, 24))
    assert recurring_order_id(GIFT, UNPAID_MAX + 1) not in shop.edition().orders


def test_a_gift_that_is_paid_makes_up_for_those_before_it() -> None:
    shop = months([declined, at_the_bank, paid, declined, at_the_bank])
    assert not shop.edition().recurring[GIFT].ended


def test_cards_that_one_gift_tries_in_vain_do_not_end_the_others() -> None:
    shop = given(GIFTS, START, *declined(1))
    for attempt in (2, 3):
        again = example(commands.RequestPayment, order_id=recurring_order_id(GIFT, 1), attempt=0)
        shop.given(again, example(commands.RecordDecline, payment_id=payment(1, attempt)))
    shop.when(TICK, at_ms=months_after(T0, 1))
    assert any(isinstance(event, events.PaymentRequested) for event in shop.decided)


def test_who_cancels_the_first_gift_is_not_charged_for_the_next_one() -> None:
    shop = given(GIFTS, START, *at_the_bank(1))
    cancel_first = example(commands.CancelOrder, order_id=recurring_order_id(GIFT, 1))
    shop.when(cancel_first).then(events.OrderCancelled, expect(events.RecurringGiftEnded, gift_id=GIFT, reason="giver"))
    shop.when(TICK, at_ms=months_after(T0, 1)).then(events.Ticked)


def test_who_cancels_a_later_gift_gives_the_following_ones() -> None:
    shop = given(GIFTS, START, *paid(1), months_after(T0, 1), TICK, *at_the_bank(2))
    shop.when(example(commands.CancelOrder, order_id=recurring_order_id(GIFT, 2)))
    assert not shop.edition().recurring[GIFT].ended


def test_a_gift_that_ended_already_ends_once() -> None:
    shop = given(GIFTS, START, *at_the_bank(1), example(commands.EndRecurringGift))
    cancel_first = example(commands.CancelOrder, order_id=recurring_order_id(GIFT, 1))
    shop.when(cancel_first).then(events.OrderCancelled)


def test_a_recurring_gift_counts_once_against_the_givers_limit() -> None:
    shop = months([paid] * 12)
    assert shop.edition().stocks[""].taken_by_buyer == {ANNA: 1}
    shop.when(place(1, price_minor=PRICE)).then(events.OrderPlaced)
    shop.when(place(2, price_minor=PRICE)).then(expect(events.OrderRefused, reason="over_limit"))


def test_recurring_gifts_do_not_get_round_the_limit() -> None:
    shop = given(GIFTS, START, place(1, price_minor=PRICE))
    another = example(commands.StartRecurringGift, gift_id=GIFT[:-1] + "9")
    shop.when(another).then(expect(events.CommandRefused, reason="over_limit"))


def test_a_later_gift_that_is_paid_after_its_hold_has_expired_is_not_stopped_by_the_limit() -> None:
    shop = given(release(kind="gift", stock=None, limit_per_buyer=1, opens_at_ms=None, closes_at_ms=None), START)
    shop.given(*paid(1), months_after(T0, 1), TICK, *at_the_bank(2), months_after(T0, 1) + 4 * DAY_MS, TICK)
    assert shop.order(recurring_order_id(GIFT, 2)).state == "expired"
    shop.when(*paid(2)[:1]).then(events.PaymentAuthorised, events.OrderReclaimed, events.OrderAuthorised)


def test_a_first_gift_that_went_back_counts_no_more_and_a_later_one_changes_nothing() -> None:
    shop = months([paid] * 3)
    for number, taken in ((3, {ANNA: 1}), (1, {})):
        order_id = recurring_order_id(GIFT, number)
        shop.given(
            example(commands.RefundOrder, order_id=order_id, refund_id="", amount_minor=None, quantity=None),
            example(commands.RecordRefund, payment_id=payment(number), refund_id="", amount_minor=PRICE),
        )
        assert shop.edition().stocks[""].taken_by_buyer == taken


# Outages.


def charged(shop: Scenario) -> int:
    return sum(isinstance(event, events.PaymentRequested) for event in shop.decided)


@pytest.mark.parametrize("away_months", [2, 3, 12, 25])
def test_gifts_missed_in_an_outage_are_skipped_and_reported_and_only_the_newest_is_charged(away_months: int) -> None:
    back_ms = months_after(T0, away_months) + 3_600_000
    shop = given(GIFTS, START, *paid(1)).when(*[TICK] * 20, at_ms=back_ms)
    assert charged(shop) == 1
    (told,) = (event for event in shop.decided if isinstance(event, events.RecurringGiftSkipped))
    assert (told.skipped, told.first_due_ms) == (away_months - 1, months_after(T0, 1))
    gift = shop.edition().recurring[GIFT]
    assert (gift.placed, gift.skipped, gift.next_due_ms) == (2, away_months - 1, months_after(T0, away_months + 1))
    assert shop.partition.next_deadline_ms() == gift.next_due_ms


def test_a_gift_that_comes_late_skips_the_next_one_when_that_would_follow_within_half_the_interval() -> None:
    late_ms = months_after(T0, 2) - 86_400_000
    shop = given(GIFTS, START, *paid(1)).when(TICK, at_ms=late_ms)
    assert charged(shop) == 1
    shop.given(*paid(2)).when(TICK, at_ms=months_after(T0, 2))
    shop.then(
        events.Ticked,
        expect(
            events.RecurringGiftSkipped, skipped=1, first_due_ms=months_after(T0, 2), next_due_ms=months_after(T0, 3)
        ),
    )
    shop.when(TICK, at_ms=months_after(T0, 3))
    assert charged(shop) == 1


def test_a_gift_that_is_on_time_skips_nothing() -> None:
    shop = months([paid] * 4)
    assert (shop.edition().recurring[GIFT].placed, shop.edition().recurring[GIFT].skipped) == (5, 0)


def test_a_first_gift_by_a_new_card_saves_it_and_the_following_gifts_are_paid_by_what_was_saved() -> None:
    shop = given(GIFTS).when(example(commands.StartRecurringGift, interval_months=1, payment_method="new", save=True))
    shop.then(
        expect(events.RecurringGiftStarted),
        expect(events.OrderPlaced),
        expect(events.PaymentRequested, payment_method="new", save=True, off_session=False),
    )
    shop.given(example(commands.RecordAuthorisation, payment_id=payment(1), reusable_method="saved"))
    shop.given(example(commands.RecordCapture, payment_id=payment(1), amount_minor=PRICE))
    shop.when(TICK, at_ms=months_after(T0, 1))
    shop.then(
        expect(events.Ticked),
        expect(events.OrderPlaced),
        expect(events.PaymentRequested, payment_method="saved", save=False, off_session=True),
    )
