"""Authorise → claim → capture: nobody is charged for nothing, and every fact of the provider may come again."""

from itertools import permutations
from typing import Any

import pytest

from buystream.vocabulary import commands, events
from buystream.vocabulary.values import RefundRule
from tests.support.examples import ANNA, BEN, DELIVERY, HOLD_SECONDS, ORDER, PRICE_MINOR, T0, example
from tests.support.scenario import Scenario, expect, given
from tests.support.steps import (
    authenticate,
    authorised,
    cancel,
    capture_failed,
    captured,
    declined,
    deliver,
    pay,
    payment,
    place,
    refund,
    refunded,
    release,
    ship,
    voided,
)

HOLD_MS = HOLD_SECONDS * 1000
CEILING_MS = 1800 * 1000
REST_MS = 60 * 1000
TICK = example(commands.Tick)
EXPIRED_AT_THE_BANK = [place(), pay(), authenticate(), T0 + HOLD_MS, TICK]
PAID = [place(), pay(), authorised(), captured()]


def payment_of(shop: Scenario, attempt: int = 1) -> str:
    """The state of an attempt."""
    return shop.order().payments[attempt - 1].state


# The straight way.


def test_an_order_is_paid_by_authorisation_claim_and_capture() -> None:
    shop = given(release(), place(quantity=2))
    shop.when(pay()).then(
        expect(
            events.PaymentRequested,
            payment_id=f"{ORDER}.1",
            amount_minor=2 * PRICE_MINOR,
            currency="USD",
            payment_method="sandbox_accepted",
            delivery=DELIVERY,
        )
    )
    shop.when(authorised()).then(
        expect(events.PaymentAuthorised, reference="pi_1", card_label="Visa •••• 4242", buyer_id=ANNA),
        expect(events.OrderAuthorised, payment_id=f"{ORDER}.1", amount_minor=2 * PRICE_MINOR),
    ).and_state(held=2, sold=0)
    shop.when(captured(amount_minor=2 * PRICE_MINOR)).then(
        expect(events.PaymentCaptured, amount_minor=2 * PRICE_MINOR),
        expect(events.OrderConfirmed, buyer_id=ANNA, quantity=2, amount_minor=2 * PRICE_MINOR),
    ).and_state(held=0, sold=2)


@pytest.mark.parametrize(("save", "remembered"), [(True, DELIVERY), (False, "")])
def test_the_delivery_comes_along_only_when_the_buyer_asked_to_be_remembered(save: bool, remembered: str) -> None:
    shop = given(release(), place(), pay(save=save)).when(authorised())
    assert isinstance(shop.decided[0], events.PaymentAuthorised)
    assert shop.decided[0].delivery == remembered
    assert shop.order().payments[0].delivery == ""


# The hold's clock.


def test_the_clock_stands_still_while_the_provider_works() -> None:
    shop = given(release(), place()).when(pay()).and_state(ORDER, hold_expires_at_ms=None)
    shop.when(TICK, at_ms=T0 + 100 * HOLD_MS).then(events.Ticked)
    shop.when(authorised()).then(events.PaymentAuthorised, events.OrderAuthorised)


@pytest.mark.parametrize(
    ("fact", "kind"),
    [(authenticate(), events.AuthenticationRequired), (declined(), events.PaymentDeclined)],
)
@pytest.mark.parametrize(
    ("at_ms", "expires_at_ms"),
    [
        (T0 + 1, T0 + 1 + HOLD_MS),
        (T0 + CEILING_MS - HOLD_MS, T0 + CEILING_MS),
        (T0 + CEILING_MS - HOLD_MS + 1, T0 + CEILING_MS),
        (T0 + CEILING_MS - REST_MS, T0 + CEILING_MS),
        (T0 + CEILING_MS - 1, T0 + CEILING_MS - 1 + REST_MS),
        (T0 + 2 * CEILING_MS, T0 + 2 * CEILING_MS + REST_MS),
    ],
)
def test_the_clock_starts_again_under_a_ceiling_when_the_buyer_has_to_act(
    fact: commands.Command, kind: type[events.Event], at_ms: int, expires_at_ms: int
) -> None:
    shop = given(release(), place(), pay()).when(fact, at_ms=at_ms)
    shop.then(expect(kind, hold_expires_at_ms=expires_at_ms)).and_state(ORDER, hold_expires_at_ms=expires_at_ms)
    shop.when(TICK, at_ms=expires_at_ms).then(events.Ticked, events.OrderExpired)


def test_a_short_hold_starts_again_with_no_more_than_itself() -> None:
    given(release(hold_seconds=5), place(), pay()).when(declined(), at_ms=T0 + 2 * CEILING_MS).then(
        expect(events.PaymentDeclined, hold_expires_at_ms=T0 + 2 * CEILING_MS + 5000)
    )


def test_a_hold_longer_than_the_ceiling_is_its_own_ceiling() -> None:
    given(release(hold_seconds=7200), place(), pay()).when(declined(), at_ms=T0 + 3600_000).then(
        expect(events.PaymentDeclined, hold_expires_at_ms=T0 + 7200_000)
    )


def test_a_late_decline_of_one_card_does_not_start_the_clock_while_another_is_asked() -> None:
    shop = given(release(), place(), pay(), authenticate(), pay()).when(declined(1, 1))
    shop.then(expect(events.PaymentDeclined, hold_expires_at_ms=None)).and_state(ORDER, hold_expires_at_ms=None)


# Declined.


def test_a_declined_card_may_be_followed_by_another() -> None:
    given(release(), place(), pay(), declined()).when(pay(payment_method="another")).then(
        expect(events.PaymentRequested, payment_id=f"{ORDER}.2", payment_method="another")
    ).when(authorised(1, 2)).then(events.PaymentAuthorised, expect(events.OrderAuthorised, payment_id=f"{ORDER}.2"))


def test_the_third_decline_cancels_the_order() -> None:
    shop = given(release(stock=1), place(), pay(), declined(1, 1), pay(), declined(1, 2), pay())
    shop.when(declined(1, 3)).then(
        events.PaymentDeclined, expect(events.OrderCancelled, reason="payment_declined"), events.StockReleased
    )
    shop.when(pay()).then(expect(events.CommandRefused, reason="order_cancelled"))


def test_a_fourth_card_is_not_asked_while_an_earlier_one_is_at_the_bank() -> None:
    shop = given(release(), place(), pay(), authenticate(1, 1), pay(), declined(1, 2), pay(), declined(1, 3))
    shop.and_state(ORDER, state="held").when(pay()).then(expect(events.CommandRefused, reason="too_many_attempts"))
    shop.when(declined(1, 1)).then(events.PaymentDeclined, expect(events.OrderCancelled, reason="payment_declined"))


def test_an_authorisation_after_its_decline_is_believed() -> None:
    given(release(), place(), pay(), declined()).when(authorised()).then(
        events.PaymentAuthorised, events.OrderAuthorised
    )


def test_payment_is_requested_once_at_a_time() -> None:
    given(release(), place(), pay()).when(pay()).then(expect(events.CommandRepeated, command="RequestPayment"))


def test_an_attempt_that_is_sent_again_is_not_the_next_attempt() -> None:
    given(release(), place(), pay(attempt=1), declined()).when(pay(attempt=1)).then(
        expect(events.CommandRepeated, command="RequestPayment")
    )
    given(release(), place(), pay(attempt=1), declined()).when(pay(attempt=2)).then(
        expect(events.PaymentRequested, originator_id=payment(attempt=2))
    )


@pytest.mark.parametrize(
    ("since", "answer"),
    [
        ([pay(), authorised()], expect(events.CommandRepeated, command="RequestPayment")),
        ([pay(), authorised(), captured()], expect(events.CommandRepeated, command="RequestPayment")),
        ([cancel()], expect(events.CommandRefused, reason="order_cancelled")),
        ([T0 + HOLD_MS, TICK], expect(events.CommandRefused, reason="order_expired")),
        (
            [pay(), authorised(), captured(), refund(), refunded()],
            expect(events.CommandRefused, reason="order_refunded"),
        ),
    ],
)
def test_only_a_hold_is_paid(since: list[Any], answer: Any) -> None:
    given(release(), place(), *since).when(pay()).then(answer)


def test_a_refused_order_is_not_paid() -> None:
    given(release(stock=1), place(quantity=2)).when(pay()).then(expect(events.CommandRefused, reason="order_refused"))


# Late money.


def test_late_money_claims_the_stock_again_if_there_is_any() -> None:
    shop = given(release(stock=1), *EXPIRED_AT_THE_BANK).and_state(available=1, held=0)
    shop.when(authorised()).then(
        events.PaymentAuthorised, events.OrderReclaimed, events.EditionSoldOut, events.OrderAuthorised
    ).and_state(available=0, held=1)
    shop.when(captured()).then(events.PaymentCaptured, events.OrderConfirmed)


def test_a_payment_that_the_provider_gives_up_starts_the_clock_again() -> None:
    shop = (
        given(release(), place(), pay())
        .when(voided())
        .then(expect(events.PaymentDeclined, reason="voided_by_provider", hold_expires_at_ms=T0 + HOLD_MS))
    )
    shop.when(pay()).then(expect(events.PaymentRequested, originator_id=payment(attempt=2)))


def test_late_money_is_voided_when_the_stock_is_gone() -> None:
    shop = given(release(stock=1), *EXPIRED_AT_THE_BANK, place(2, buyer_id=BEN))
    shop.when(authorised()).then(
        events.PaymentAuthorised, expect(events.VoidRequested, reference="pi_1", reason="order_expired")
    ).and_state(available=0, held=1)
    shop.when(voided()).then(events.PaymentVoided).and_state(ORDER, state="expired")
    assert payment_of(shop) == "voided"


def test_late_money_is_voided_when_the_buyer_took_up_the_limit_meanwhile() -> None:
    given(release(limit_per_buyer=1), *EXPIRED_AT_THE_BANK, place(2)).when(authorised()).then(
        events.PaymentAuthorised, expect(events.VoidRequested, reason="order_expired")
    )


def test_money_for_a_cancelled_order_is_voided_even_if_there_is_stock() -> None:
    shop = given(release(), place(), pay(), cancel()).when(authorised())
    shop.then(events.PaymentAuthorised, expect(events.VoidRequested, reason="order_cancelled"))
    shop.and_state(held=0, available=10)


@pytest.mark.parametrize("since", [[], [captured(1, 2)], [captured(1, 2), ship()]])
def test_of_two_payments_for_one_order_the_second_is_voided(since: list[Any]) -> None:
    shop = given(release(), place(), pay(), authenticate(1, 1), pay(), authorised(1, 2), *since)
    shop.when(authorised(1, 1, reference="pi_late")).then(
        events.PaymentAuthorised, expect(events.VoidRequested, payment_id=payment(1, 1), reference="pi_late")
    )
    shop.when(captured(1, 1)).then(expect(events.CommandRefused, reason="payment_voiding"))
    shop.when(voided(1, 1)).then(events.PaymentVoided)
    assert (payment_of(shop, 1), payment_of(shop, 2)) == ("voided", "captured" if since else "authorised")


# Capture, failure, void.


@pytest.mark.parametrize(
    ("since", "fact", "reason"),
    [
        ([pay()], captured(), "payment_requested"),
        ([pay(), authenticate()], captured(), "payment_authentication_required"),
        ([pay(), declined()], captured(), "payment_declined"),
        ([pay(), authorised()], captured(amount_minor=PRICE_MINOR - 1), "wrong_amount"),
        ([pay(), authorised()], captured(amount_minor=PRICE_MINOR + 1), "wrong_amount"),
        ([pay(), authorised(), captured(), refund()], refunded(amount_minor=1), "wrong_amount"),
    ],
)
def test_a_fact_that_cannot_be_is_refused_and_changes_nothing(since: list[Any], fact: Any, reason: str) -> None:
    shop = given(release(), place(), *since)
    before = shop.edition().version
    shop.when(fact).then(expect(events.CommandRefused, subject=payment(), reason=reason))
    assert shop.edition().version == before


@pytest.mark.parametrize(("fact", "kind"), [(capture_failed(), events.PaymentFailed), (voided(), events.PaymentVoided)])
def test_money_that_is_not_to_be_had_cancels_the_order(fact: commands.Command, kind: type[events.Event]) -> None:
    shop = given(release(stock=1), place(), pay(), authorised()).when(fact)
    shop.then(kind, expect(events.OrderCancelled, reason="payment_failed"), events.StockReleased)
    shop.and_state(available=1, held=0)
    shop.when(fact).then(events.CommandRepeated)


@pytest.mark.parametrize("since", [[capture_failed()], [voided()]])
def test_money_that_moved_after_its_order_was_given_up_goes_back(since: list[Any]) -> None:
    shop = given(release(), place(), pay(), authorised(), *since).when(captured())
    shop.then(expect(events.VoidRequested, reference="pi_1", reason="order_cancelled"))
    shop.when(captured()).then(expect(events.CommandRefused, reason="payment_voiding"))


# Which payment it is.


def test_a_repeat_reports_the_payment_that_the_order_relies_on() -> None:
    shop = given(release(), place(), pay(), authenticate(1, 1), pay(), authorised(1, 1), declined(1, 2))
    shop.when(place()).then(
        expect(events.OrderRepeated, payment_id=payment(1, 1), payment_state="authorised", state="authorised")
    )


def test_only_the_payment_that_claimed_the_stock_is_captured() -> None:
    shop = given(release(), place(), pay(), authenticate(1, 1), pay(), authorised(1, 1), authorised(1, 2))
    shop.when(captured(1, 2)).then(expect(events.CommandRefused, reason="payment_voiding"))
    shop.when(captured(1, 1)).then(events.PaymentCaptured, expect(events.OrderConfirmed, payment_id=payment(1, 1)))
    paid = shop.order().paid_payment
    assert paid is not None
    assert paid.id == payment(1, 1)


def test_while_an_earlier_card_is_asked_no_other_is() -> None:
    """An attempt that is sent again after a later one was declined is no news, whichever was asked last."""
    shop = given(release(), place(), pay(), authenticate(1, 1), pay(), declined(1, 1))
    shop.when(pay()).then(events.CommandRepeated)
    shop.when(pay(attempt=1), pay(attempt=2)).then(events.CommandRepeated, events.CommandRepeated)


# Refunds.


@pytest.mark.parametrize("since", [[], [ship()], [ship(), deliver()]])
@pytest.mark.parametrize("restock", [True, False])
def test_a_sold_order_is_refunded_once(since: list[Any], restock: bool) -> None:
    shop = given(release(stock=5), *PAID, *since)
    shop.when(refund(restock=restock)).then(
        expect(events.RefundRequested, reference="pi_1", amount_minor=PRICE_MINOR, restock=restock)
    ).and_state(sold=1)
    shop.when(refund(restock=restock)).then(events.CommandRepeated)
    shop.when(refunded()).then(
        events.PaymentRefunded, expect(events.OrderRefunded, quantity=1, amount_minor=PRICE_MINOR, restock=restock)
    ).and_state(sold=0, available=5 if restock else 4, withdrawn=0 if restock else 1)
    shop.when(refunded(), refund()).then(events.CommandRepeated, events.CommandRepeated)


def test_a_refund_made_at_the_provider_withdraws_the_stock() -> None:
    given(release(stock=5), *PAID).when(refunded()).then(
        events.PaymentRefunded, expect(events.OrderRefunded, restock=False)
    ).and_state(sold=0, available=4, withdrawn=1)


@pytest.mark.parametrize(
    ("since", "reason"),
    [([], "order_held"), ([pay(), authorised()], "order_authorised"), ([cancel()], "order_cancelled")],
)
def test_what_is_not_sold_is_not_refunded(since: list[Any], reason: str) -> None:
    given(release(), place(), *since).when(refund()).then(expect(events.CommandRefused, reason=reason))


# Repeats, any order, strangers.


@pytest.mark.parametrize(
    "told",
    [
        [authenticate()],
        [declined()],
        [authorised()],
        [authorised(), captured()],
        [authorised(), voided()],
        [authorised(), capture_failed()],
        [authorised(), captured(), refunded()],
    ],
    ids=lambda told: "-".join(type(fact).__name__.removeprefix("Record") for fact in told),
)
def test_a_repeated_fact_changes_nothing(told: list[commands.Command]) -> None:
    shop = given(release(), place(), pay(), *told)
    before = shop.edition().version
    shop.when(*told).then(*[expect(events.CommandRepeated, subject=payment())] * len(told))
    assert shop.edition().version == before


FACTS = [authenticate(), declined(), authorised(), captured(), voided(), refunded()]


@pytest.mark.parametrize("told", [*permutations(FACTS, 3)], ids=lambda _: "")
def test_facts_in_any_order_keep_stock_and_money_in_step(told: tuple[commands.Command, ...]) -> None:
    shop = given(release(stock=1), place(), pay(), *told, *told)
    edition, order = shop.edition(), shop.order()
    assert edition.available + edition.held + edition.sold + edition.withdrawn == 1  # type: ignore[operator]
    assert (payment_of(shop) in ("captured", "refund_requested")) == (order.state == "confirmed")
    assert (payment_of(shop) == "authorised") == (order.state == "authorised")


@pytest.mark.parametrize(
    "fact", [authenticate, authorised, declined, captured, capture_failed, voided, refunded], ids=lambda f: f.__name__
)
def test_facts_about_an_unknown_payment_are_refused(fact: Any) -> None:
    shop = given(release(), place(), pay())
    for attempt_of in ((1, 2), (1, 0), (99, 1)):
        shop.when(fact(*attempt_of)).then(expect(events.CommandRefused, reason="unknown_payment"))
    for payment_id in ("", "nonsense", ORDER, f"{ORDER}.x", "ed0-0000000000-00000000000000000000.1"):
        asked = example(type(fact()), payment_id=payment_id)
        shop.when(asked).then(expect(events.CommandRefused, subject=payment_id, reason="unknown_payment"))


# Orders of nothing.


def test_a_free_order_needs_no_payment_method_and_keeps_none() -> None:
    shop = given(release(price_minor=0), place(price_minor=0))
    shop.when(pay(payment_method="", save=True)).then(
        expect(events.PaymentRequested, amount_minor=0, payment_method="", save=False)
    )
    given(release(price_minor=0), place(price_minor=0)).when(pay(payment_method="pm_1")).then(
        expect(events.PaymentRequested, payment_method="")
    )


def test_an_order_that_costs_something_needs_a_payment_method() -> None:
    shop = given(release(), place()).when(pay(payment_method=""))
    shop.then(expect(events.CommandRefused, reason="needs_payment_method")).and_state(ORDER, state="held")


@pytest.mark.parametrize("days", [5, 30])
def test_a_pledge_of_nothing_saves_no_method_and_counts(days: int) -> None:
    terms = {"target_minor": 1_000, "all_or_nothing": True, "closes_at_ms": T0 + days * 86_400_000, "opens_at_ms": None}
    shop = given(release(price_min_minor=0, price_max_minor=1_000, suggested_minor=(), **terms), place(price_minor=0))
    shop.when(pay(payment_method="")).then(expect(events.PaymentRequested, mode=""))
    shop.when(authorised()).then(events.PaymentAuthorised, expect(events.OrderPledged, amount_minor=0))


def test_a_free_order_is_sold_and_can_be_returned() -> None:
    shop = given(
        release(price_minor=0, refund=RefundRule(by="buyer")),
        place(price_minor=0),
        pay(payment_method=""),
        authorised(),
    )
    shop.when(captured(amount_minor=0)).then(events.PaymentCaptured, events.OrderConfirmed)
    back = example(commands.ReturnOrder, refund_id="back-1")
    shop.when(back).then(expect(events.RefundRequested, amount_minor=0, quantity=1))
    shop.when(example(commands.RecordRefund, refund_id="back-1", amount_minor=0)).then(
        events.PaymentRefunded, expect(events.OrderRefunded, quantity=1, whole=True)
    )
