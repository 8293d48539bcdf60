"""Parcels of an order: any number of them, each with its own course, and the order follows."""

import pytest

from buystream.aggregates.edition.order import Order
from buystream.aggregates.rules import NEWEST_RULES, rules_of
from buystream.vocabulary import commands, events
from buystream.vocabulary.fulfilment import FULFILLING
from buystream.vocabulary.ids import rest_parcel_id
from buystream.vocabulary.values import LineUnits, RefundRule
from tests.support.examples import ORDER, PRICE_MINOR, example
from tests.support.scenario import Scenario, expect, given
from tests.support.steps import authorised, captured, deliver, pay, payment, place, refund, release, ship


def sold(quantity: int = 3) -> Scenario:
    return given(
        release(limit_per_buyer=9),
        place(quantity=quantity),
        pay(),
        authorised(),
        captured(amount_minor=quantity * PRICE_MINOR),
    )


def pack(quantity: int = 0, name: str = "a", **fields: object) -> commands.CreateShipment:
    contents = (LineUnits(quantity=quantity),) if quantity else ()
    return example(commands.CreateShipment, **{"shipment_id": name, "contents": contents, "order_id": ORDER} | fields)


def goes(stage: str, name: str = "a", scan: str = "") -> commands.RecordFulfilment:
    return example(
        commands.RecordFulfilment, order_id=ORDER, shipment_id=name, fulfilment_id=scan or stage, stage=stage
    )


def fulfilled(order: Order) -> int:
    assert order.fulfilment is not None
    return sum(order.fulfilment.units(order.kept_units, FULFILLING).values())


def part(quantity: int, name: str = "r") -> tuple[commands.Command, ...]:
    amount_minor = quantity * PRICE_MINOR
    return (
        refund(refund_id=name, amount_minor=amount_minor, quantity=quantity),
        example(commands.RecordRefund, payment_id=payment(), refund_id=name, amount_minor=amount_minor),
    )


def refused(reason: str) -> object:
    return expect(events.CommandRefused, reason=reason)


def test_an_order_is_shipped_with_its_last_unit() -> None:
    shop = sold().when(pack(2, "a")).then(expect(events.ShipmentCreated, contents=(LineUnits(quantity=2),)))
    shop.and_state(ORDER, state="confirmed")
    assert fulfilled(shop.order()) == 2
    shop.when(pack(1, "b")).then(events.ShipmentCreated, expect(events.OrderShipped, carrier="Parcel Post"))
    shop.and_state(ORDER, state="shipped")


def test_without_contents_a_parcel_holds_what_is_left() -> None:
    shop = sold().given(pack(2, "a")).when(pack(0, "b"))
    shop.then(expect(events.ShipmentCreated, contents=(LineUnits(quantity=1),)), events.OrderShipped)
    shop.when(pack(0, "c")).then(refused("nothing_to_pack"))


def test_an_order_is_delivered_once_every_parcel_has_arrived() -> None:
    shop = sold().given(pack(2, "a"), pack(1, "b"), goes("in_transit"), goes("delivered"))
    shop.and_state(ORDER, state="shipped").when(goes("out_for_delivery", "b")).then(events.FulfilmentRecorded)
    shop.when(goes("delivered", "b")).then(events.FulfilmentRecorded, events.OrderDelivered)
    shop.and_state(ORDER, state="delivered")


def test_what_is_packed_is_not_shipped_yet() -> None:
    shop = sold().when(pack(stage="processing", carrier="", tracking="")).then(events.ShipmentCreated)
    shop.and_state(ORDER, state="confirmed").when(pack(1, "b")).then(refused("nothing_to_pack"))
    sent = example(
        commands.RecordFulfilment, order_id=ORDER, shipment_id="a", fulfilment_id="s", stage="shipped", carrier="DHL"
    )
    shop.when(sent).then(events.FulfilmentRecorded, expect(events.OrderShipped, carrier="DHL"))


def test_what_is_collected_was_never_shipped() -> None:
    shop = sold().given(pack(stage="ready_for_pickup")).and_state(ORDER, state="confirmed")
    shop.when(goes("collected")).then(events.FulfilmentRecorded, events.OrderDelivered)


@pytest.mark.parametrize("stage", ["returned_to_sender", "lost"])
def test_what_comes_back_or_is_lost_is_packed_again(stage: str) -> None:
    shop = sold().given(pack(2, "a"), pack(1, "b"), goes(stage, "b")).and_state(ORDER, state="shipped")
    assert fulfilled(shop.order()) == 2
    shop.when(goes("delivered", "b")).then(refused("parcel_ended"))
    shop.when(pack(1, "c")).then(events.ShipmentCreated)
    shop.given(goes("delivered", "a")).when(goes("delivered", "c"))
    shop.then(events.FulfilmentRecorded, events.OrderDelivered)


def test_a_refund_of_what_was_not_sent_completes_the_order() -> None:
    shop = sold().given(pack(2, "a")).when(*part(1))
    shop.then(events.RefundRequested, events.PaymentRefunded, events.OrderRefunded, events.OrderShipped)


def test_units_on_their_way_back_are_not_packed() -> None:
    shop = sold().given(part(2)[0]).when(pack(2)).then(refused("return_under_way"))
    shop.when(pack(1)).then(events.ShipmentCreated)


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (pack(4), "bad_quantity"),
        (pack(-1), "bad_quantity"),
        (pack(stage="lost"), "bad_stage"),
        (pack(stage="teleported"), "bad_stage"),
        (pack(contents=(LineUnits(variant_id="none", quantity=1),)), "unknown_variant"),
        (goes("in_transit"), "unknown_shipment"),
    ],
)
def test_what_cannot_be_packed_is_refused(asked: commands.Command, reason: str) -> None:
    sold().when(asked).then(refused(reason))


def test_nothing_is_packed_before_it_is_paid_or_after_it_is_cancelled() -> None:
    given(release(), place()).when(pack()).then(refused("order_held"))
    called_off = sold().given(pack(1, "a"), pack(1, "b", stage="processing"), example(commands.CancelEdition))
    called_off.when(pack(1, "c")).then(refused("cancelled"))
    called_off.when(goes("shipped", "b")).then(refused("cancelled"))
    called_off.when(goes("delivered", "a")).then(events.FulfilmentRecorded)


def test_a_repeat_packs_and_records_nothing_more() -> None:
    shop = sold().given(pack(2, "a")).when(pack(2, "a", tracking="another ciphertext")).then(events.CommandRepeated)
    shop.when(pack(1, "a")).then(refused("shipment_id_conflict"))
    shop.given(goes("in_transit", scan="s")).when(goes("in_transit", scan="s")).then(events.CommandRepeated)
    shop.when(goes("delivered", scan="s")).then(refused("fulfilment_id_conflict"))


def test_the_short_form_sends_what_is_left_in_one_parcel() -> None:
    shop = sold().given(pack(1, "a", stage="processing")).when(ship()).then(events.OrderShipped)
    assert fulfilled(shop.order()) == 3
    shop.when(goes("delivered", "a")).then(events.FulfilmentRecorded)
    shop.when(goes("delivered", rest_parcel_id(ORDER))).then(events.FulfilmentRecorded, events.OrderDelivered)


def test_an_order_shipped_whole_is_one_parcel() -> None:
    shop = sold().given(ship()).when(goes("in_transit", rest_parcel_id(ORDER))).then(events.FulfilmentRecorded)
    shop.when(goes("returned_to_sender", rest_parcel_id(ORDER))).then(events.FulfilmentRecorded)
    assert fulfilled(shop.order()) == 0
    shop.when(pack(3, "b")).then(events.ShipmentCreated)
    shop.when(goes("delivered", "b")).then(events.FulfilmentRecorded, events.OrderDelivered)


def test_delivered_whole_ends_every_parcel() -> None:
    shop = sold().given(pack(1, "a")).when(deliver()).then(events.OrderDelivered).and_state(ORDER, state="delivered")
    assert fulfilled(shop.order()) == 3
    shop.when(goes("lost", "a")).then(refused("parcel_ended"))


def test_a_buyer_returns_nothing_of_what_is_partly_sent() -> None:
    shop = given(release(refund=RefundRule(by="buyer"), limit_per_buyer=9), place(quantity=2), pay(), authorised())
    shop.given(captured(amount_minor=2 * PRICE_MINOR), pack(1, "a"))
    shop.when(example(commands.ReturnOrder, order_id=ORDER)).then(refused("order_shipped"))


def test_parcels_and_their_events_are_bounded() -> None:
    shop = sold(1)
    for number in range(rules_of(NEWEST_RULES).parcels_per_order_max):
        shop.given(pack(1, f"p{number}"), goes("lost", f"p{number}"))
    shop.when(pack(1, "more")).then(refused("too_many_parcels"))
    scans = sold(1).given(pack())
    for number in range(rules_of(NEWEST_RULES).fulfilment_events_max):
        scans.given(goes("in_transit", scan=f"s{number}"))
    scans.when(goes("delivered")).then(refused("too_many_events"))
