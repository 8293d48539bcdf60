"""Delivery is priced when it is paid, stays what it was, and goes back with the last of the goods."""

from typing import Any

import pytest
from hypothesis import given as whatever
from hypothesis import strategies as st
from msgspec.structs import replace

from buystream.vocabulary import commands, events
from buystream.vocabulary.examples.story import DEARER, POSTED_OFFER, SHIPPING
from buystream.vocabulary.shipping import DeliveryCharge
from tests.support.examples import BEN, DELIVERY, PRICE_MINOR, T0, example
from tests.support.scenario import Scenario, expect, given
from tests.support.steps import authorised, captured, declined, pay, payment, place, refund, ship

HOME = {"country": "GB", "delivery_method": "post", "delivery_minor": 400}
ABROAD = {"country": "FR", "delivery_method": "post", "delivery_minor": 900}
COLLECTED = {"country": "", "delivery_method": "shop", "delivery_minor": 0}
KEPT = replace(SHIPPING, refunds_delivery=False)


def released(**terms: Any) -> commands.ReleaseEdition:
    return example(commands.ReleaseEdition, offer=replace(POSTED_OFFER, **terms))


def sold(quantity: int = 2, *, way: dict[str, Any] = HOME, **terms: Any) -> Scenario:
    """An order that is paid, with its delivery."""
    total_minor = quantity * PRICE_MINOR + way["delivery_minor"]
    return given(
        released(**terms), place(quantity=quantity), pay(**way), authorised(), captured(amount_minor=total_minor)
    )


def went_back(refund_id: str, amount_minor: int) -> commands.RecordRefund:
    return example(commands.RecordRefund, payment_id=payment(), refund_id=refund_id, amount_minor=amount_minor)


def moved(country: str = "GB", **fields: Any) -> commands.ChangeAddress:
    return example(commands.ChangeAddress, country=country, **fields)


@pytest.mark.parametrize(
    ("quantity", "way", "delivery_minor"),
    [
        (1, HOME, 400),
        (3, {**HOME, "delivery_minor": 0}, 0),  # free from 100.00
        (1, ABROAD, 900),
        (2, {**ABROAD, "delivery_minor": 1500}, 1500),  # 600 g
        (1, COLLECTED, 0),
    ],
)
def test_a_payment_is_for_the_goods_and_their_delivery(quantity: int, way: dict[str, Any], delivery_minor: int) -> None:
    shop = given(released(), place(quantity=quantity)).when(pay(**way))
    total_minor = quantity * PRICE_MINOR + delivery_minor
    shop.then(expect(events.PaymentRequested, amount_minor=total_minor))
    charge = shop.edition().orders[example(commands.RequestPayment).order_id].payments[0].shipping
    assert charge is not None
    assert (charge.amount_minor, charge.country) == (delivery_minor, way["country"])


@pytest.mark.parametrize(
    ("way", "reason"),
    [
        ({}, "unknown_delivery_method"),
        ({**HOME, "delivery_minor": 399}, "wrong_delivery_price"),
        ({**HOME, "delivery_method": "pigeon"}, "unknown_delivery_method"),
        ({**HOME, "country": ""}, "unknown_delivery_method"),
    ],
)
def test_nobody_pays_for_delivery_that_is_not_offered_so(way: dict[str, Any], reason: str) -> None:
    given(released(), place()).when(pay(**way)).then(expect(events.CommandRefused, reason=reason))


def test_a_country_that_no_zone_serves_is_refused_before_any_money_moves() -> None:
    only_home = replace(SHIPPING, zones=SHIPPING.zones[:1])
    refused = expect(events.CommandRefused, reason="country_not_served")
    given(released(shipping=only_home), place()).when(pay(**ABROAD)).then(refused)


def test_what_is_too_heavy_is_refused() -> None:
    heavy = replace(POSTED_OFFER.variants[0], weight_grams=2001)
    given(released(variants=(heavy,)), place()).when(pay(**ABROAD)).then(
        expect(events.CommandRefused, reason="too_heavy")
    )


def test_an_edition_without_prices_of_delivery_asks_for_none() -> None:
    shop = given(released(shipping=None), place()).when(pay())
    shop.then(expect(events.PaymentRequested, amount_minor=PRICE_MINOR, shipping=None))


CHANGE = example(commands.ChangeShipping)
DEAR_HOME = {**HOME, "delivery_minor": 500}


def test_a_new_price_of_delivery_is_for_later_orders() -> None:
    """Who held an order when the price changed was shown the old one, and pays it."""
    shop = given(released(), place(1), T0 + 5).when(CHANGE)
    shop.then(expect(events.ShippingChanged, shipping=DEARER, old_shipping=SHIPPING))
    shop.when(CHANGE).then(expect(events.CommandRepeated))
    shop.given(place(2), T0 + 6, place(3))
    wrong = expect(events.CommandRefused, reason="wrong_delivery_price")
    for number in (1, 2):  # the second came in the very millisecond of the change
        shop.when(pay(number, **DEAR_HOME)).then(wrong)
        shop.when(pay(number, **HOME)).then(expect(events.PaymentRequested, amount_minor=PRICE_MINOR + 400))
    shop.when(pay(3, **HOME)).then(wrong)
    shop.when(pay(3, **DEAR_HOME)).then(expect(events.PaymentRequested, amount_minor=PRICE_MINOR + 500))


def test_what_was_paid_is_sent_elsewhere_at_the_prices_of_then() -> None:
    only_home = replace(SHIPPING, zones=SHIPPING.zones[:1])
    shop = sold(quantity=1, way=ABROAD).given(T0 + 5)
    shop.when(replace(CHANGE, shipping=only_home)).then(events.ShippingChanged)
    shop.when(moved("IT")).then(expect(events.AddressChanged, country="IT"))


@pytest.mark.parametrize(
    ("terms", "new", "reason"),
    [
        ({"shipping": None}, DEARER, "no_delivery_price"),
        ({}, replace(DEARER, refunds_delivery=False), "bad_shipping"),
        ({}, replace(DEARER, zones=DEARER.zones * 2), "bad_shipping"),
        ({}, replace(DEARER, zones=(), pickups=()), "bad_shipping"),
    ],
)
def test_prices_of_delivery_change_to_what_could_be_released(terms: dict[str, Any], new: Any, reason: str) -> None:
    given(released(**terms)).when(replace(CHANGE, shipping=new)).then(expect(events.CommandRefused, reason=reason))


def test_prices_of_delivery_change_a_bounded_number_of_times() -> None:
    shop = given(released())
    for number in range(100):
        shop.when(CHANGE if number % 2 == 0 else replace(CHANGE, shipping=SHIPPING)).then(events.ShippingChanged)
    shop.when(CHANGE).then(expect(events.CommandRefused, reason="too_many_changes"))


def test_another_card_may_pay_for_another_way() -> None:
    shop = given(released(), place(), pay(**HOME), declined()).when(pay(**ABROAD))
    shop.then(expect(events.PaymentRequested, amount_minor=PRICE_MINOR + 900))


@pytest.mark.parametrize(("shipping", "back_minor"), [(SHIPPING, 2 * PRICE_MINOR + 400), (KEPT, 2 * PRICE_MINOR)])
def test_a_refund_of_everything_takes_delivery_along_unless_the_terms_keep_it(shipping: Any, back_minor: int) -> None:
    shop = sold(shipping=shipping).when(refund(refund_id="all", amount_minor=None, quantity=None))
    shop.then(expect(events.RefundRequested, amount_minor=back_minor, quantity=2))


def test_a_part_leaves_delivery_and_the_rest_takes_it_along() -> None:
    shop = sold()
    shop.when(refund(refund_id="one", amount_minor=PRICE_MINOR, quantity=1)).then(
        expect(events.RefundRequested, amount_minor=PRICE_MINOR, quantity=1)
    )
    shop.given(went_back("one", PRICE_MINOR))
    shop.when(refund(refund_id="rest", amount_minor=None, quantity=None)).then(
        expect(events.RefundRequested, amount_minor=PRICE_MINOR + 400, quantity=1)
    )


def test_delivery_alone_is_refunded_without_units() -> None:
    shop = sold().when(refund(refund_id="delivery", amount_minor=400, quantity=None))
    shop.then(expect(events.RefundRequested, amount_minor=400, quantity=0))


def test_a_paid_order_goes_elsewhere_for_the_same_price_until_it_is_packed() -> None:
    shop = sold(quantity=1)
    shop.when(moved()).then(expect(events.AddressChanged, delivery=DELIVERY, country="GB"))
    shop.when(moved("FR")).then(expect(events.CommandRefused, reason="delivery_price_differs"))
    shop.when(moved(buyer_id=BEN)).then(expect(events.CommandRefused, reason="unknown_order"))
    shop.given(ship())
    shop.when(moved()).then(expect(events.CommandRefused, reason="already_packed"))


def test_what_is_not_sent_goes_nowhere_else() -> None:
    tickets = released(shipping=None, needs_address=False)
    shop = given(tickets, place(), pay(), authorised(), captured())
    shop.when(moved()).then(expect(events.CommandRefused, reason="not_posted"))


def test_what_is_collected_or_not_paid_has_no_address_to_change() -> None:
    sold(quantity=1, way=COLLECTED).when(moved()).then(expect(events.CommandRefused, reason="not_posted"))
    given(released(), place()).when(moved()).then(expect(events.CommandRefused, reason="order_held"))


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        ({"needs_address": False}, "bad_shipping"),
        ({"kind": "gift"}, "bad_shipping"),
        ({"shipping": replace(SHIPPING, zones=SHIPPING.zones * 2)}, "bad_shipping"),
        ({"variants": (replace(POSTED_OFFER.variants[0], weight_grams=-1),)}, "bad_weight"),
    ],
)
def test_a_release_whose_delivery_means_nothing_is_refused(terms: dict[str, Any], reason: str) -> None:
    given().when(released(**terms)).then(expect(events.CommandRefused, reason=reason))


ways = st.sampled_from([HOME, ABROAD, {**ABROAD, "delivery_minor": 1500}, {**HOME, "delivery_minor": 0}, COLLECTED])
refunds = st.lists(
    st.tuples(st.none() | st.sampled_from([1, 400, 4500, 4900, 9_000, 9_400]), st.sampled_from([None, 0, 1, 2])),
    max_size=5,
)


@whatever(quantity=st.integers(1, 4), way=ways, asked=refunds, keeps=st.booleans())
def test_whatever_is_refunded_the_total_is_goods_and_delivery_and_no_more_goes_back(
    quantity: int, way: dict[str, Any], asked: list[tuple[int | None, int | None]], keeps: bool
) -> None:
    shipping = KEPT if keeps else SHIPPING
    grams, goods_minor = quantity * 300, quantity * PRICE_MINOR
    charge = shipping.charge(way["country"], way["delivery_method"], grams=grams, goods_minor=goods_minor)
    assert isinstance(charge, DeliveryCharge)
    total_minor = goods_minor + charge.amount_minor
    shop = sold(quantity, way={**way, "delivery_minor": charge.amount_minor}, shipping=shipping)
    for number, (amount_minor, units) in enumerate(asked):
        shop.given(refund(refund_id=f"refund-{number}", amount_minor=amount_minor, quantity=units))
    [order] = shop.edition().orders.values()
    paid = order.paid_payment
    assert paid is not None
    assert paid.captured_minor == total_minor
    assert 0 <= paid.refunding_minor <= total_minor
    assert 0 <= order.free <= quantity
