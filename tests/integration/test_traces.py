"""A client that sends `traceparent` finds what became of its request under its own trace: the command, its events, and
what flows and payments ask because of them. What isn't valid is ignored."""

import httpx
import pytest

from buystream.log import COMMANDS, EVENTS
from buystream.vocabulary import codec
from buystream.vocabulary.ids import new_order_id
from tests.support.shop import DELIVERY, Shop, lasting_shop, order_of, wait_until

__all__ = ["lasting_shop"]

CLICK = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
PAYMENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
INVALID = ["nonsense", CLICK.upper(), "00-" + "0" * 32 + CLICK[35:], CLICK + "-more", "x" * 500, ""]


@pytest.fixture
def edition(lasting_shop: Shop) -> str:
    return lasting_shop.release()


def traced(shop: Shop, topic: str, traceparent: str) -> list[str]:
    """The names of the records of that trace."""
    read = codec.read_head if topic == EVENTS else codec.read_command
    heads = [
        read(record.value)
        for partition in range(shop.log.partitions)
        for record in shop.log.read(topic, partition, 0, 100_000)
    ]
    return [head.type.split(".")[1] for head in heads if head.traceparent == traceparent]


def test_a_clicks_trace_and_a_payments_trace_lead_to_all_that_came_of_them(lasting_shop: Shop, edition: str) -> None:
    order = order_of(edition)
    path = f"/v1/orders/{order['order_id']}"
    with lasting_shop.buyer() as buyer:
        assert buyer.post("/v1/orders", json=order, headers={"traceparent": CLICK}).status_code == 201
        paid = {"payment_method": "sandbox_accepted", "delivery": DELIVERY}
        assert buyer.post(f"{path}/payment", json=paid, headers={"traceparent": PAYMENT}).status_code == 202
        wait_until(lambda: buyer.get(path).json()["state"] == "confirmed")
    assert traced(lasting_shop, COMMANDS, CLICK) == ["PlaceOrder"]
    assert traced(lasting_shop, EVENTS, CLICK) == ["OrderPlaced"]
    assert traced(lasting_shop, COMMANDS, PAYMENT)[:3] == ["RequestPayment", "RecordAuthorisation", "RecordCapture"]
    assert {"PaymentRequested", "PaymentAuthorised", "OrderConfirmed"} <= set(traced(lasting_shop, EVENTS, PAYMENT))


@pytest.mark.parametrize("header", INVALID)
def test_an_invalid_traceparent_is_ignored(lasting_shop: Shop, edition: str, header: str) -> None:
    order = order_of(edition)
    headers = {"traceparent": header}
    with lasting_shop.buyer() as buyer:
        assert buyer.post("/v1/orders", json=order, headers=headers).status_code == 201
        assert buyer.post(f"/v1/orders/{order['order_id']}/cancel", headers=headers).status_code == 200
    assert not header or traced(lasting_shop, COMMANDS, header) == []
    assert any(order["order_id"].encode() in command for command in lasting_shop.commands("CancelOrder"))


def test_two_of_them_are_as_none(lasting_shop: Shop, edition: str) -> None:
    order = order_of(edition, order_id=new_order_id(edition))
    other = CLICK.replace("b7ad", "aaaa")
    double = [("traceparent", other), ("traceparent", other)]
    with lasting_shop.buyer() as buyer:
        asked = [*buyer.headers.items(), *double]
        assert httpx.post(f"{lasting_shop.url}/v1/orders", json=order, headers=asked).status_code == 201
        path = f"{lasting_shop.url}/v1/orders/{order['order_id']}/cancel"
        assert httpx.post(path, headers=asked).status_code == 200
    assert traced(lasting_shop, COMMANDS, other) == []
