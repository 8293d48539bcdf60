"""An order of several lines: all of them or nothing, one hold, one payment of their total; units go back by line."""

from typing import Any

import msgspec
import pytest

from buystream.vocabulary import commands, events
from buystream.vocabulary.values import LineUnits, OrderLine, RefundRule
from tests.support.examples import ANNA, BEN, T0, example
from tests.support.scenario import Scenario, expect, given
from tests.support.steps import authorised, cancel, captured, pay, payment, place, refund, release
from tests.unit.aggregates.test_variants import STANDING, counts, house, seat

PRICES = {"stalls": 4500, "balcony": 3000, "standing": 1500}
LATER = T0 + 10**6
"""After every hold."""


def seats(number: int = 1, *, buyer_id: str = ANNA, **asked: int) -> commands.PlaceOrder:
    """A tap on Buy for several categories."""
    lines = tuple(OrderLine(variant_id=name, quantity=units, price_minor=PRICES[name]) for name, units in asked.items())
    return place(number, lines=lines, buyer_id=buyer_id)


def units(**asked: int) -> tuple[LineUnits, ...]:
    """Units of these lines."""
    return tuple(LineUnits(variant_id=name, quantity=quantity) for name, quantity in asked.items())


def paid(*, minor: int, **asked: int) -> tuple[commands.Command, ...]:
    """An order of these that costs so much, and is paid."""
    return seats(**asked), pay(), authorised(), captured(amount_minor=minor)


def back(**asked: Any) -> commands.RefundOrder:
    """The merchant refunds under a name."""
    return refund(**{"refund_id": "part-1", "restock": True} | asked)


def went_back(amount_minor: int, refund_id: str = "part-1") -> commands.RecordRefund:
    """The provider did it."""
    return example(commands.RecordRefund, payment_id=payment(), refund_id=refund_id, amount_minor=amount_minor)


def failed(amount_minor: int, refund_id: str = "part-1") -> commands.RecordRefundFailure:
    """The buyer's bank didn't take it."""
    return example(commands.RecordRefundFailure, payment_id=payment(), refund_id=refund_id, amount_minor=amount_minor)


def test_an_order_holds_stock_of_each_line_and_is_paid_once() -> None:
    shop = given(house()).when(seats(stalls=1, balcony=2))
    shop.then(expect(events.OrderPlaced, lines=seats(stalls=1, balcony=2).lines))
    assert counts(shop, "stalls") == (1, 1, 0, 0)
    assert counts(shop, "balcony") == (3, 2, 0, 0)
    shop.when(pay()).then(expect(events.PaymentRequested, amount_minor=10_500))
    shop.when(authorised(), captured(amount_minor=10_500)).then(
        *(events.PaymentAuthorised, events.OrderAuthorised, events.PaymentCaptured),
        expect(events.OrderConfirmed, quantity=3, variant_id="", units=units(stalls=1, balcony=2)),
    )
    assert counts(shop, "stalls") == (1, 0, 1, 0)
    assert counts(shop, "balcony") == (3, 0, 2, 0)


@pytest.mark.parametrize(
    ("asked", "reason", "variant_id", "available"),
    [
        ({"balcony": 1, "stalls": 3}, "over_limit", "stalls", 2),
        ({"standing": 9, "balcony": 4}, "over_limit", "balcony", 5),
        ({"stalls": 2, "balcony": 3}, "sold_out", "balcony", 2),
    ],
)
def test_one_line_that_is_not_served_refuses_the_order(
    asked: dict[str, int], reason: str, variant_id: str, available: int
) -> None:
    shop = given(house(), seat(9, "balcony", 3, buyer_id=BEN)).when(seats(**asked))
    if reason == "over_limit":
        shop.then(expect(events.OrderRefused, reason=reason, variant_id=variant_id))
    else:
        shop.then(expect(events.OrderRefused, reason=reason, variant_id=variant_id, available=available))
    assert counts(shop, "stalls") == (2, 0, 0, 0)
    assert counts(shop, "balcony") == (2, 3, 0, 0)


def test_the_price_of_each_line_is_its_variants() -> None:
    lines = (*seats(stalls=1).lines, OrderLine(variant_id="balcony", quantity=1, price_minor=4500))
    shop = given(house()).when(place(lines=lines))
    shop.then(expect(events.OrderRefused, reason="wrong_price", variant_id="balcony", available=5))


def test_what_is_not_about_a_line_names_none() -> None:
    shop = given(house(), example(commands.PauseSale)).when(seats(stalls=1, balcony=1))
    shop.then(expect(events.OrderRefused, reason="paused", variant_id="", available=None))


def test_an_order_asks_for_no_more_units_than_one_line_could() -> None:
    roomy = tuple(msgspec.structs.replace(STANDING, variant_id=name, limit_per_buyer=100) for name in ("a", "b"))
    lines = tuple(OrderLine(variant_id=one.variant_id, quantity=60, price_minor=1000) for one in roomy)
    shop = given(release(variants=roomy, suggested_minor=())).when(place(lines=lines))
    shop.then(expect(events.OrderRefused, reason="over_limit", variant_id="", available=None))


def test_a_variant_that_is_named_twice_is_refused_and_spends_no_id() -> None:
    twice = place(lines=(*seats(stalls=1).lines, *seats(stalls=1).lines))
    shop = given(house()).when(twice)
    shop.then(expect(events.CommandRefused, reason="variant_twice"))
    shop.when(seats(stalls=2)).then(events.OrderPlaced, events.EditionSoldOut)


def test_one_unknown_variant_is_one_too_many() -> None:
    lines = (*seats(stalls=1).lines, OrderLine(variant_id="gallery", quantity=1, price_minor=1))
    given(house()).when(place(lines=lines)).then(expect(events.CommandRefused, reason="unknown_variant"))


def test_the_same_id_with_other_lines_is_a_conflict() -> None:
    shop = given(house(), seats(stalls=1, balcony=2))
    shop.when(seats(stalls=1, balcony=2)).then(expect(events.OrderRepeated, lines=seats(stalls=1, balcony=2).lines))
    for other in (seats(stalls=1), seats(stalls=1, balcony=1), seats(balcony=2, stalls=1)):
        shop.when(other).then(expect(events.CommandRefused, reason="order_id_conflict"))


def test_each_line_that_takes_the_last_unit_sells_its_variant_out() -> None:
    shop = given(house(), seat(9, "balcony", 3, buyer_id=BEN)).when(seats(stalls=2, balcony=2, standing=1))
    shop.then(
        events.OrderPlaced,
        expect(events.EditionSoldOut, variant_id="stalls"),
        expect(events.EditionSoldOut, variant_id="balcony"),
    )
    shop.when(cancel()).then(
        expect(events.OrderCancelled, quantity=5, units=units(stalls=2, balcony=2, standing=1)),
        expect(events.StockReleased, variant_id="stalls", available=2),
        expect(events.StockReleased, variant_id="balcony", available=2),
    )


def test_late_money_claims_all_lines_again_or_is_voided() -> None:
    again = given(house(), seats(stalls=1, balcony=2), pay(), _declined(), LATER, commands.Tick())
    again.when(authorised()).then(
        events.PaymentAuthorised,
        expect(events.OrderReclaimed, quantity=3, units=units(stalls=1, balcony=2)),
        events.OrderAuthorised,
    )
    gone = given(house(), seats(stalls=1, balcony=2), pay(), _declined(), LATER, commands.Tick())
    gone.when(seat(2, "stalls", 2, buyer_id=BEN), authorised()).then(
        *(events.OrderPlaced, events.EditionSoldOut),
        events.PaymentAuthorised,
        events.VoidRequested,
    )
    assert counts(gone, "balcony") == (5, 0, 0, 0)


def _declined() -> commands.RecordDecline:
    return example(commands.RecordDecline, payment_id=payment())


def test_units_of_one_line_go_back_for_what_they_cost() -> None:
    shop = given(house(), *paid(stalls=1, balcony=2, minor=10_500)).when(back(units=units(balcony=1)))
    shop.then(expect(events.RefundRequested, amount_minor=3000, quantity=1, units=units(balcony=1)))
    shop.when(went_back(3000)).then(
        events.PaymentRefunded,
        expect(events.OrderRefunded, quantity=1, units=units(balcony=1), whole=False, variant_id=""),
    )
    assert counts(shop, "balcony") == (4, 0, 1, 0)
    assert counts(shop, "stalls") == (1, 0, 1, 0)


def test_a_refund_that_fails_later_returns_the_units_of_its_lines() -> None:
    shop = given(house(), *paid(stalls=2, balcony=2, minor=15_000), back(units=units(stalls=1, balcony=1)))
    shop.when(went_back(7500), seat(2, "stalls", buyer_id=BEN)).when(failed(7500))
    shop.then(
        expect(events.RefundFailed, was_refunded=True, quantity=1, missing=1, units=units(balcony=1), from_stock=True)
    )
    assert counts(shop, "balcony") == (3, 0, 2, 0)
    assert counts(shop, "stalls") == (0, 1, 1, 0)


def test_the_last_of_the_money_is_granted_the_last_units_of_all_lines() -> None:
    shop = given(house(), *paid(stalls=1, balcony=2, minor=10_500), back(units=units(stalls=1)), went_back(4500))
    shop.when(back(refund_id="part-2", restock=False)).then(
        expect(events.RefundRequested, amount_minor=6000, quantity=2, units=units(balcony=2))
    )
    shop.when(went_back(6000, "part-2")).then(events.PaymentRefunded, expect(events.OrderRefunded, whole=True))
    assert counts(shop, "balcony") == (3, 0, 0, 2)


def test_money_goes_back_without_units() -> None:
    shop = given(house(), *paid(stalls=1, balcony=2, minor=10_500)).when(back(amount_minor=500))
    shop.then(expect(events.RefundRequested, amount_minor=500, quantity=0, units=()))
    shop.when(went_back(500)).then(events.PaymentRefunded, expect(events.OrderRefunded, quantity=0, units=()))


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"quantity": 1, "amount_minor": 100}, "lines_needed"),
        ({"units": units(gallery=1)}, "bad_quantity"),
        ({"units": units(balcony=3)}, "bad_quantity"),
        ({"units": (*units(balcony=1), *units(balcony=1))}, "bad_quantity"),
        ({"units": units(balcony=1), "quantity": 1}, "bad_quantity"),
        ({"units": units(balcony=1), "amount_minor": 10_501}, "bad_amount"),
    ],
)
def test_a_refund_names_units_of_its_order(asked: dict[str, Any], reason: str) -> None:
    shop = given(house(), *paid(stalls=1, balcony=2, minor=10_500)).when(back(**asked))
    shop.then(expect(events.CommandRefused, reason=reason))


def test_an_amount_is_needed_where_less_is_left_than_the_units_cost() -> None:
    shop = given(house(), *paid(stalls=1, balcony=1, minor=7500), back(amount_minor=4000), went_back(4000))
    shop.when(back(refund_id="part-2", units=units(stalls=1))).then(
        expect(events.CommandRefused, reason="amount_needed")
    )
    shop.when(back(refund_id="part-2", units=units(stalls=1), amount_minor=500)).then(
        expect(events.RefundRequested, amount_minor=500, units=units(stalls=1))
    )


def test_a_repeated_refund_of_lines_is_recognised() -> None:
    shop = given(house(), *paid(stalls=1, balcony=2, minor=10_500), back(units=units(stalls=1, balcony=1)))
    shop.when(back(units=units(balcony=1, stalls=1))).then(events.CommandRepeated)
    shop.when(back(units=units(stalls=1))).then(expect(events.CommandRefused, reason="refund_id_conflict"))


def test_units_under_way_are_not_granted_again() -> None:
    shop = given(house(), *paid(stalls=1, balcony=2, minor=10_500), back(units=units(balcony=2)))
    shop.when(back(refund_id="part-2", units=units(balcony=1))).then(
        expect(events.CommandRefused, reason="bad_quantity")
    )
    shop.when(back(refund_id="part-2")).then(expect(events.RefundRequested, amount_minor=4500, units=units(stalls=1)))


def test_an_order_of_one_line_may_name_it() -> None:
    shop = given(house(), *paid(balcony=2, minor=6000)).when(back(units=units(balcony=1)))
    shop.then(expect(events.RefundRequested, amount_minor=3000, quantity=1, units=()))


RULE = RefundRule(by="buyer", share_bps=9_000)


def returned(number: int = 1, **asked: int) -> commands.ReturnOrder:
    """The buyer returns some units."""
    return example(
        commands.ReturnOrder, order_id=seats(stalls=1).order_id, refund_id=f"return-{number}", units=units(**asked)
    )


def test_a_buyer_returns_line_by_line_for_the_rules_share_of_each() -> None:
    shop = given(house(refund=RULE), *paid(stalls=1, balcony=2, minor=10_500)).when(returned(balcony=1))
    shop.then(expect(events.RefundRequested, amount_minor=2700, units=units(balcony=1), restock=True))
    shop.when(went_back(2700, "return-1"))
    shop.when(returned(2)).then(expect(events.RefundRequested, amount_minor=6750, units=units(stalls=1, balcony=1)))
    shop.when(went_back(6750, "return-2")).then(events.PaymentRefunded, expect(events.OrderRefunded, whole=True))


def test_a_buyer_returns_no_more_than_it_has() -> None:
    shop = given(house(refund=RULE), *paid(stalls=1, balcony=2, minor=10_500)).when(returned(balcony=3))
    shop.then(expect(events.CommandRefused, reason="bad_quantity"))


def test_a_cancelled_edition_refunds_all_lines() -> None:
    shop: Scenario = given(house(), *paid(stalls=1, balcony=2, minor=10_500), example(commands.CancelEdition))
    shop.when(commands.Tick()).then(
        *(events.Ticked, events.CancellationContinued),
        expect(events.RefundRequested, amount_minor=10_500, quantity=3, units=units(stalls=1, balcony=2)),
    )


def test_the_lines_of_an_order_go_into_parcels_of_their_own() -> None:
    packed = example(
        commands.CreateShipment, order_id=seats(stalls=1).order_id, shipment_id="one", contents=units(balcony=2)
    )
    rest = example(commands.CreateShipment, order_id=seats(stalls=1).order_id, shipment_id="two", contents=())
    shop = given(house(), *paid(stalls=1, balcony=2, minor=10_500), back(units=units(balcony=1))).when(packed)
    shop.then(expect(events.CommandRefused, reason="return_under_way"))
    shop.when(went_back(3000)).when(msgspec.structs.replace(packed, contents=units(balcony=1)))
    shop.then(expect(events.ShipmentCreated, contents=units(balcony=1)))
    shop.when(rest).then(expect(events.ShipmentCreated, contents=units(stalls=1)), events.OrderShipped)
