"""Parcels over HTTP: the merchant packs an order in as many as it likes, and its buyer follows each of them."""

import base64
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import httpx
import pypdfium2

from buystream.log import EVENTS
from buystream.replay.audit import audit
from buystream.vocabulary.codec import read_event
from buystream.vocabulary.feed import public_form
from buystream.vocabulary.ids import new_order_id
from tests.support.shop import ADDRESS_LINES, DELIVERY, Shop, order_of, shop, wait_until

__all__ = ["shop"]


def paid(shop: Shop, buyer: httpx.Client, **order: Any) -> str:
    """The id of an order that is sold and ships."""
    edition_id = shop.release(needs_address=True, limit_per_buyer=9)
    body = order_of(edition_id, **order)
    buyer.post("/v1/orders", json=body)
    payment = {"payment_method": "sandbox_accepted", "delivery": DELIVERY}
    assert buyer.post(f"/v1/orders/{body['order_id']}/payment", json=payment).status_code == 202
    wait_until(lambda: buyer.get(f"/v1/orders/{body['order_id']}").json()["state"] == "confirmed")
    return str(body["order_id"])


def test_an_order_in_two_parcels_is_followed_by_its_buyer(shop: Shop) -> None:
    with shop.buyer() as buyer, shop.merchant() as merchant:
        order_id = paid(shop, buyer, quantity=3)
        path = f"/v1/merchant/orders/{order_id}/shipments"
        first = {"lines": [{"quantity": 2}], "carrier": "DHL", "tracking": "00340434", "shipment_id": "first"}
        answer = merchant.post(path, json=first).json()
        assert (answer["state"], answer["fulfilment"]["progress"], answer["can_pack"]) == ("confirmed", "partial", True)
        assert answer["fulfilment"]["lines"] == [{"variant_id": "", "ordered": 3, "current": 3, "fulfilled": 2}]

        again = merchant.post(path, json=first)
        assert (again.status_code, len(again.json()["fulfilment"]["parcels"])) == (200, 1)
        answer = merchant.post(path, json={"stage": "ready_for_pickup"}).json()
        second = answer["fulfilment"]["parcels"][1]["shipment_id"]
        for stage in ("delivered", "collected"):
            of = "first" if stage == "delivered" else second
            answer = merchant.post(f"{path}/{of}/events", json={"stage": stage}).json()
        assert (answer["state"], answer["fulfilment"]["progress"], answer["can_pack"]) == ("delivered", "all", False)

        seen = buyer.get(f"/v1/orders/{order_id}").json()["fulfilment"]["parcels"]
        assert [[event["stage"] for event in parcel["events"]] for parcel in seen] == [
            ["shipped", "delivered"],
            ["ready_for_pickup", "collected"],
        ]
        assert (seen[0]["tracking"], seen[0]["tracking_url"]) == (
            "00340434",
            "https://www.dhl.com/en/home/tracking.html?tracking-id=00340434",
        )
        full = merchant.post(path, json={})
        assert (full.status_code, full.json()["reason"]) == (409, "nothing_to_pack")


def test_the_short_form_is_one_parcel_and_an_erased_buyers_number_is_gone(shop: Shop) -> None:
    with shop.buyer() as buyer, shop.merchant() as merchant:
        order_id = paid(shop, buyer, quantity=2)
        shipped = {"carrier": "Ours", "tracking": "https://track.example/7"}
        answer = merchant.post(f"/v1/merchant/orders/{order_id}/ship", json=shipped).json()
        (parcel,) = answer["fulfilment"]["parcels"]
        assert (parcel["lines"], parcel["tracking_url"]) == (
            [{"variant_id": "", "quantity": 2}],
            "https://track.example/7",
        )
        found = merchant.post(
            f"/v1/merchant/orders/{order_id}/shipments/{parcel['shipment_id']}/events", json={"stage": "in_transit"}
        )
        assert found.json()["fulfilment"]["parcels"][0]["stage_name"] == "In transit"
        shop.vault.erase(next(order["buyer_id"] for order in buyers_of(shop, order_id)))
        (order,) = merchant.get("/v1/merchant/orders").json()["orders"]
        (parcel,) = order["fulfilment"]["parcels"]
        assert (parcel["tracking"], parcel["tracking_url"]) == (None, None)


def buyers_of(shop: Shop, order_id: str) -> list[dict[str, Any]]:
    """What the log says of an order's placing."""
    placed = [httpx.Response(200, content=one).json() for one in shop.commands("PlaceOrder")]
    return [one for one in placed if one["order_id"] == order_id]


SIZES = [{"variant_id": name, "title": name, "price_minor": 1_000, "stock": 5} for name in ("s", "m", "l", "xl")]


def test_three_lines_in_two_parcels_one_unit_returned_and_one_exchanged(shop: Shop) -> None:
    """Order, stock, statement, receipt, merchants' feed and audit say the same."""
    taxed = {"tax_bps": 1_900, "tax_label": "VAT"}
    edition_id = shop.release(variants=SIZES, price_minor=None, stock=None, needs_address=True, **taxed)
    order_id = new_order_id(edition_id)
    lines = [{"variant_id": name, "quantity": 2, "price_minor": 1_000} for name in ("s", "m", "l")]
    with shop.buyer() as buyer, shop.merchant() as merchant:
        body = {"order_id": order_id, "edition_id": edition_id, "lines": lines}
        assert buyer.post("/v1/orders", json=body).status_code == 201
        paying = {"payment_method": "sandbox_accepted", "delivery": DELIVERY}
        assert buyer.post(f"/v1/orders/{order_id}/payment", json=paying).status_code == 202
        wait_until(lambda: buyer.get(f"/v1/orders/{order_id}").json()["state"] == "confirmed")
        path = f"/v1/merchant/orders/{order_id}"

        def post(what: str, **said: Any) -> dict[str, Any]:
            answer = merchant.post(f"{path}/{what}", json=said)
            assert answer.status_code == 200, answer.text
            return dict(answer.json())

        first = [{"variant_id": "s", "quantity": 2}, {"variant_id": "m", "quantity": 1}]
        post("shipments", lines=first, carrier="DHL", tracking="1")
        assert post("shipments", carrier="GLS", tracking="2")["state"] == "shipped"
        post("returns", lines=[{"variant_id": "m", "quantity": 1}], goods="restock", reason="scratched")
        wait_until(lambda: buyer.get(f"/v1/orders/{order_id}").json()["refunded_minor"] == 1_000)
        swapped = post("exchanges", variant_id="s", instead_variant_id="xl", quantity=1, reason="too small")
        assert (swapped["state"], swapped["can_pack"]) == ("shipped", True)
        assert swapped["fulfilment"]["progress"] == "partial"
        seen = post("shipments", carrier="DHL", tracking="3")

        # The order: what was paid stays, what came back stands beside it.
        assert (seen["total_minor"], seen["paid_minor"]) == (6_000, 6_000)
        assert (seen["refunded_minor"], seen["returned"]) == (1_000, 1)
        assert [tuple(line.values()) for line in seen["fulfilment"]["lines"]] == [
            ("s", 2, 1, 1),
            ("m", 2, 1, 1),
            ("l", 2, 2, 2),
            ("xl", 0, 1, 1),
        ]
        assert seen["fulfilment"]["returns"][0]["goods"] == "restock"

        # The stock.
        board = merchant.get("/v1/merchant/dashboard").json()["editions"][0]
        assert [(one["variant_id"], one["available"], one["sold"]) for one in board["variants"]] == [
            ("s", 4, 1),
            ("m", 4, 1),
            ("l", 3, 2),
            ("xl", 4, 1),
        ]

        # The receipt and the statement.
        receipt = buyer.get(f"/v1/orders/{order_id}/receipt").json()
        assert (receipt["paid_minor"], receipt["gross_minor"]) == (6_000, 5_000)
        assert [(line["variant_id"], line["quantity"]) for line in receipt["lines"]] == [("s", 2), ("m", 2), ("l", 2)]
        assert receipt["net_minor"] + receipt["tax_minor"] == 5_000
        month = datetime.now(UTC).strftime("%Y-%m")
        statement = merchant.get("/v1/merchant/statement", params={"month": month}).json()
        (usd,) = [one for one in statement["totals"] if one["currency"] == "USD"]
        assert (usd["sales_minor"], usd["refunds_minor"]) == (6_000, 1_000)

    # What the merchant reads, and the audit.
    fed = Counter(type(one).__name__ for one in feed_of(shop, order_id))
    assert (fed["ShipmentCreated"], fed["OrderShipped"]) == (3, 1)
    assert (fed["UnitsReturned"], fed["OrderRefunded"], fed["UnitsExchanged"]) == (1, 1, 1)
    report = audit(shop.log)
    assert report.ok, report.violations


def feed_of(shop: Shop, order_id: str) -> list[Any]:
    """What the order's merchant reads about it."""
    happened = [
        read_event(record.value)
        for partition in range(shop.log.partitions)
        for record in shop.log.read(EVENTS, partition, 0, 100_000)
    ]
    return [public_form(event) for event in happened if getattr(event, "order_id", "") == order_id]


# Many at once.


def imported(merchant: httpx.Client, text: str | bytes) -> httpx.Response:
    """The answer to a file of tracking numbers."""
    content = text.encode() if isinstance(text, str) else text
    return merchant.post("/v1/merchant/shipments/imports", json={"file": base64.b64encode(content).decode()})


def test_a_file_of_tracking_numbers_is_done_as_a_whole_or_not_at_all(shop: Shop) -> None:
    with shop.buyer() as buyer, shop.merchant() as merchant:
        whole, parts, ticket = paid(shop, buyer, quantity=2), paid(shop, buyer, quantity=3), order_of(shop.release())
        buyer.post("/v1/orders", json=ticket)
        lines = [
            "Order number;Carrier;Tracking number;Units",
            f"{whole};GLS;Z1;",
            f"{parts[-8:]};GLS;Z2;2",
            f"{parts[-8:]};GLS;Z3;1",
        ]
        twice = imported(merchant, "\n".join([*lines[:2], f"{whole[-8:]};GLS;Z8;"]))  # by its id, and by its number
        assert [(one["line"], one["reason"]) for one in twice.json()["lines"]] == [
            (2, "order_twice"),
            (3, "order_twice"),
        ]
        wrong = ["nobody;GLS;Z4;", f"{parts[-8:]};GLS;Z5;1", f"{whole};;Z6;", f"{ticket['order_id']};GLS;Z7;"]
        answer = imported(merchant, "\n".join(lines + wrong))
        assert answer.status_code == 422
        assert [(one["line"], one["reason"]) for one in answer.json()["lines"]] == [
            (5, "unknown_order"),
            (6, "bad_quantity"),
            (7, "no_carrier"),
            (8, "not_shipped"),
        ]
        assert not shop.commands("CreateShipment")
        assert imported(merchant, "\n".join(lines)).json() == {"lines": 3, "packed": 3, "known": 0, "refused": []}
        assert imported(merchant, "\n".join(lines)).json() == {"lines": 3, "packed": 0, "known": 3, "refused": []}
        orders = {one["order_id"]: one for one in merchant.get("/v1/merchant/orders").json()["orders"]}
        assert [orders[name]["state"] for name in (whole, parts)] == ["shipped", "shipped"]
        assert [one["tracking"] for one in orders[parts]["fulfilment"]["parcels"]] == ["Z2", "Z3"]
        late = imported(merchant, f"order,carrier,tracking\n{whole},GLS,Z9")
        assert [one["reason"] for one in late.json()["lines"]] == ["order_shipped"]


def text_of(answer: httpx.Response) -> str:
    """All pages of a printed file."""
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store"), answer.text
    return "\n".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(answer.content))


def test_what_waits_is_listed_and_printed(shop: Shop) -> None:
    with shop.buyer() as buyer, shop.merchant() as merchant:
        order_id = paid(shop, buyer, quantity=3)
        edition_id = order_id.rsplit("-", 1)[0]
        where, number = f"/v1/merchant/editions/{edition_id}/packing", order_id[-8:].upper()

        def queued(queue: str) -> list[str]:
            answer = merchant.get(where, params={"queue": queue}).json()
            assert answer["next"] is None
            return [one["order_id"] for one in answer["orders"]]

        def queues() -> list[str]:
            return [name for name in ("to_pack", "packed", "on_the_way", "came_back") if queued(name) == [order_id]]

        assert queues() == ["to_pack"]
        assert "3" in text_of(merchant.get(f"{where}.pdf", params={"kind": "pick-list"}))
        path = f"/v1/merchant/orders/{order_id}/shipments"
        box = {"lines": [{"quantity": 2}], "stage": "processing", "shipment_id": "first"}
        assert merchant.post(path, json=box).status_code == 200
        assert queues() == ["to_pack", "packed"]
        slips = text_of(merchant.get(f"{where}.pdf", params={"kind": "packing-slips"}))
        for said in (number, DELIVERY["name"], *ADDRESS_LINES, "2 ×", "1 ×", "Follows in another parcel"):
            assert said in slips
        merchant.post(path, json={"stage": "shipped"})
        wish = {"kind": "labels", "orders": [order_id], "layout": "100x150"}
        labels = merchant.post("/v1/merchant/packing.pdf", json=wish)
        assert text_of(labels).count(DELIVERY["name"]) == 1  # the parcel that has left needs none
        assert queues() == ["packed", "on_the_way"]
        back = {"lines": [{"quantity": 1}], "goods": "inspect"}
        assert merchant.post(f"/v1/merchant/orders/{order_id}/returns", json=back).status_code == 200
        assert queues() == ["packed", "on_the_way", "came_back"]

        unknown = merchant.post("/v1/merchant/packing.pdf", json={**wish, "orders": [new_order_id(edition_id)]})
        assert (unknown.status_code, unknown.headers["content-type"]) == (404, "application/problem+json")
        much = merchant.get(f"{where}.pdf", params={"kind": "labels", "limit": 301})
        assert (much.status_code, "300" in much.json()["detail"]) == (422, True)
