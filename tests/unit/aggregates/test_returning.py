"""Goods that come back after they were sent: returns and exchanges, which change nothing of what was paid."""

from typing import Any

import pytest

from buystream.aggregates.edition.order import Order
from buystream.vocabulary import commands, events
from buystream.vocabulary.fulfilment import FULFILLING
from buystream.vocabulary.values import LineUnits, OrderLine, Variant
from tests.support.examples import CONCERT, ORDER, PRICE_MINOR, example
from tests.support.scenario import Scenario, expect, given
from tests.support.steps import authorised, captured, pay, payment, place, release, ship


def variant(name: str, price_minor: int = PRICE_MINOR, **fields: Any) -> Variant:
    return Variant(
        **{"variant_id": name, "price_min_minor": price_minor, "price_max_minor": price_minor}
        | {"stock": 5, "limit_per_buyer": 4}
        | fields
    )


SIZES = (variant("s"), variant("m"), variant("l"), variant("xl", PRICE_MINOR + 500), variant("one", stock=1))


def sold(**units: int) -> Scenario:
    lines = tuple(OrderLine(variant_id=name, quantity=many, price_minor=PRICE_MINOR) for name, many in units.items())
    amount_minor = sum(units.values()) * PRICE_MINOR
    return given(release(variants=SIZES), place(lines=lines), pay(), authorised(), captured(amount_minor=amount_minor))


def pack(name: str, **units: int) -> commands.CreateShipment:
    contents = tuple(LineUnits(variant_id=variant_id, quantity=many) for variant_id, many in units.items())
    return example(commands.CreateShipment, order_id=ORDER, shipment_id=name, contents=contents)


def back(name: str, goods: str, amount_minor: int | None = PRICE_MINOR, **units: int) -> commands.RecordReturn:
    returned = tuple(LineUnits(variant_id=variant_id, quantity=many) for variant_id, many in units.items())
    return example(
        commands.RecordReturn,
        order_id=ORDER,
        return_id=name,
        goods=goods,
        units=returned,
        amount_minor=amount_minor,
    )


def refunded(name: str, amount_minor: int = PRICE_MINOR) -> commands.RecordRefund:
    return example(commands.RecordRefund, payment_id=payment(), refund_id=name, amount_minor=amount_minor)


def swap(old: str, new: str, quantity: int = 1, name: str = "x", **fields: Any) -> commands.ExchangeUnits:
    return example(
        commands.ExchangeUnits,
        **{"order_id": ORDER, "exchange_id": name, "variant_id": old, "instead_variant_id": new}
        | {"quantity": quantity}
        | fields,
    )


def refused(reason: str) -> object:
    return expect(events.CommandRefused, reason=reason)


def counts(shop: Scenario, name: str) -> tuple[int | None, int, int]:
    stock = shop.edition().stocks[name]
    assert (stock.available or 0) + stock.held + stock.sold + stock.withdrawn == stock.issued
    return stock.available, stock.sold, stock.withdrawn


def fulfilled(order: Order) -> dict[str, int]:
    assert order.fulfilment is not None
    return order.fulfilment.units(order.kept_units, FULFILLING)


@pytest.mark.parametrize(("goods", "after"), [("restock", (4, 1, 0)), ("withdraw", (3, 1, 1)), ("inspect", (3, 1, 1))])
def test_what_came_back_is_refunded_and_the_goods_go_where_the_merchant_says(
    goods: str, after: tuple[int, int, int]
) -> None:
    shop = sold(s=2, m=1).given(ship()).when(back("r", goods, s=1), refunded("r"))
    shop.then(
        events.RefundRequested,
        expect(events.UnitsReturned, goods=goods),
        events.PaymentRefunded,
        expect(events.OrderRefunded, restock=goods == "restock"),
    )
    assert counts(shop, "s") == after
    assert fulfilled(shop.order()) == {"s": 1, "m": 1}
    shop.when(back("r", goods, s=1)).then(events.CommandRepeated)
    shop.when(back("r", goods, s=2)).then(refused("return_id_conflict"))


def test_goods_that_were_looked_at_go_on_sale_or_stay_withdrawn() -> None:
    look = example(commands.InspectReturn, order_id=ORDER, return_id="r", restock=True)
    shop = sold(s=2, m=1).given(ship(), back("r", "inspect", s=1)).when(look).then(refused("return_under_way"))
    shop.given(refunded("r")).when(look).then(events.ReturnInspected)
    assert counts(shop, "s") == (4, 1, 0)
    shop.when(look).then(events.CommandRepeated)
    failed = example(commands.RecordRefundFailure, payment_id=payment(), refund_id="r", amount_minor=PRICE_MINOR)
    shop.when(failed).then(expect(events.RefundFailed, from_stock=True))
    assert counts(shop, "s") == (3, 2, 0)


def test_only_what_was_sent_comes_back() -> None:
    shop = sold(s=2, m=1).given(pack("a", s=1))
    shop.when(back("r", "restock", m=1)).then(refused("bad_quantity"))
    shop.when(back("r", "restock", s=2)).then(refused("bad_quantity"))
    shop.when(back("r", "burn", s=1)).then(refused("bad_goods"))
    shop.given(back("r", "restock", s=1), refunded("r"))
    assert shop.order().left_to_pack == {"s": 1, "m": 1}


def test_one_variant_for_another_at_the_same_price() -> None:
    shop = sold(s=2).given(ship()).when(swap("s", "m")).then(expect(events.UnitsExchanged, quantity=1))
    assert (counts(shop, "s"), counts(shop, "m")) == ((4, 1, 0), (4, 1, 0))
    order = shop.order()
    assert (order.goods_minor, order.kept_units, order.left_to_pack) == (
        2 * PRICE_MINOR,
        {"s": 1, "m": 1},
        {"s": 0, "m": 1},
    )
    shop.when(place(lines=(OrderLine(variant_id="s", quantity=2, price_minor=PRICE_MINOR),))).then(events.OrderRepeated)
    shop.when(swap("s", "m")).then(events.CommandRepeated)
    shop.when(swap("s", "l")).then(refused("exchange_id_conflict"))
    shop.when(pack("b", m=1)).then(events.ShipmentCreated)
    assert fulfilled(shop.order()) == {"s": 1, "m": 1}


def test_what_was_not_sent_yet_is_exchanged_first() -> None:
    shop = sold(s=2).given(pack("a", s=1), swap("s", "m", restock=False))
    assert (counts(shop, "s"), fulfilled(shop.order())) == ((3, 1, 1), {"s": 1, "m": 0})


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (swap("s", "xl"), "price_differs"),
        (swap("s", "one", 2), "sold_out"),
        (swap("s", "m", 3), "bad_quantity"),
        (swap("m", "s"), "bad_quantity"),
        (swap("s", "s"), "unknown_variant"),
        (swap("s", "none"), "unknown_variant"),
        (swap("s", "l", 2), "over_limit"),
    ],
)
def test_an_exchange_that_cannot_be_is_refused(asked: commands.Command, reason: str) -> None:
    sold(s=2, l=3).when(asked).then(refused(reason))


def test_tickets_are_not_exchanged() -> None:
    lines = (OrderLine(variant_id="s", quantity=1, price_minor=PRICE_MINOR),)
    shop = given(release(variants=SIZES, event=CONCERT), place(lines=lines), pay(), authorised(), captured())
    shop.when(swap("s", "m")).then(refused("tickets_stay"))


def test_a_refund_of_before_an_exchange_fails_with_its_own_units() -> None:
    shop = sold(s=3).given(ship(), back("r", "restock", s=1), swap("s", "m"), refunded("r"))
    assert shop.order().kept_units == {"s": 1, "m": 1}
    failed = example(commands.RecordRefundFailure, payment_id=payment(), refund_id="r", amount_minor=PRICE_MINOR)
    shop.when(failed).then(expect(events.RefundFailed, units=(LineUnits(variant_id="s", quantity=1),)))
    assert (shop.order().kept_units, counts(shop, "s")) == ({"s": 2, "m": 1}, (3, 2, 0))


def test_the_last_of_what_is_kept_goes_back_after_an_exchange() -> None:
    shop = sold(s=2).given(ship(), swap("s", "m"))
    whole = example(commands.RefundOrder, order_id=ORDER, refund_id="all", amount_minor=None, quantity=None)
    shop.given(whole).when(refunded("all", 2 * PRICE_MINOR))
    shop.then(events.PaymentRefunded, expect(events.OrderRefunded, whole=True, quantity=2))
    assert (counts(shop, "s")[1], counts(shop, "m")[1]) == (0, 0)


def test_goods_whose_money_did_not_go_back_wait_for_nobody() -> None:
    """Nobody could say what becomes of them: they are sold still. Their refund has another name."""
    failed = example(commands.RecordRefundFailure, payment_id=payment(), refund_id="back-1", amount_minor=PRICE_MINOR)
    shop = sold(s=2).given(ship(), back("back-1", "inspect", s=1), failed)
    order = shop.order()
    assert order.fulfilment is not None
    assert not order.fulfilment.returns["back-1"].waits
    shop.when(back("back-2", "inspect", s=1)).then(events.RefundRequested, events.UnitsReturned)
    assert order.fulfilment.returns["back-2"].waits
