"""Buyers who wait for stock of what is sold out get their alerts in turn, once, and no more of them than units came
back."""

import pytest

from buystream.vocabulary import commands, events
from tests.support.examples import ANNA, BEN, EDITION, example
from tests.support.scenario import Scenario, expect, given
from tests.support.steps import place, release

CARLA = "by0-car1a000000000000000"


def wish(buyer_id: str) -> commands.RequestStockAlert:
    return example(commands.RequestStockAlert, buyer_id=buyer_id, delivery=f"of {buyer_id}")


def add(units: int, change_id: str = "more") -> commands.AddStock:
    return example(commands.AddStock, change_id=change_id, quantity=units)


def sold_out(*waiting: str) -> Scenario:
    return given(release(stock=1), place(quantity=1), *map(wish, waiting))


def test_buyers_who_wait_get_their_alerts_in_turn_and_once() -> None:
    shop = sold_out(ANNA, BEN, CARLA).when(add(2))
    shop.then(
        events.StockAdded,
        events.StockReleased,
        expect(events.StockAlertDue, buyer_id=ANNA, delivery=f"of {ANNA}"),
        expect(events.StockAlertDue, buyer_id=BEN),
    )
    shop.when(add(5, "even more")).then(events.StockAdded, expect(events.StockAlertDue, buyer_id=CARLA))
    shop.when(add(5, "and more")).then(events.StockAdded)


def test_a_unit_that_comes_back_alerts_one() -> None:
    shop = sold_out(ANNA, BEN).when(example(commands.CancelOrder))
    shop.then(events.OrderCancelled, events.StockReleased, expect(events.StockAlertDue, buyer_id=ANNA))


def test_a_wish_is_kept_once() -> None:
    sold_out(ANNA).when(wish(ANNA)).then(expect(events.CommandRepeated, command="RequestStockAlert"))


def test_no_more_wait_than_the_rules_allow() -> None:
    many = [f"by0-{number:020d}" for number in range(1_000)]
    sold_out(*many).when(wish(ANNA)).then(expect(events.CommandRefused, reason="too_many_alerts"))


@pytest.mark.parametrize(
    ("shop", "reason"),
    [
        (given(), "unknown_edition"),
        (given(release(stock=1)), "in_stock"),
        (given(release(stock=1), place(quantity=1), example(commands.CancelEdition)), "cancelled"),
    ],
    ids=["unknown", "in stock", "cancelled"],
)
def test_a_wish_that_nothing_can_come_of_is_refused(shop: Scenario, reason: str) -> None:
    shop.when(wish(ANNA)).then(expect(events.CommandRefused, reason=reason))


def test_nobody_waits_for_a_variant_that_there_is_not() -> None:
    other = example(commands.RequestStockAlert, edition_id=EDITION, variant_id="balcony")
    sold_out().when(other).then(expect(events.CommandRefused, reason="unknown_variant"))
