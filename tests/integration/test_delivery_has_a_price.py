"""The price of delivery from the release to the refund: what the buyer is shown, pays and gets back is what order,
receipt, statement, feed and audit say."""

from datetime import UTC, datetime
from typing import Any

import httpx

from buystream.log import EVENTS
from buystream.replay.audit import audit
from buystream.vocabulary.codec import read_event
from buystream.vocabulary.feed import public_form
from tests.support.shop import ADDRESS, DELIVERY, Shop, gateway_at_work, order_of, shop, wait_until

__all__ = ["shop"]

ITALY = {"country": "IT", "street": ["Via Roma 1"], "city": "Roma", "region": "RM", "postal_code": "00144"}
ABROAD = {**DELIVERY, "address": ITALY}
SHIPPING: dict[str, Any] = {
    "ships_from": "GB",
    "zones": [
        {
            "title": "Britain",
            "countries": ["GB"],
            "rates": [{"method_id": "post", "title": "Royal Mail", "prices": [{"price_minor": 400}]}],
        },
        {
            "title": "Italy",
            "countries": ["IT"],
            "rates": [
                {
                    "method_id": "post",
                    "title": "Airmail",
                    "prices": [{"up_to_grams": 500, "price_minor": 700}, {"up_to_grams": 2000, "price_minor": 1200}],
                }
            ],
        },
    ],
    "pickups": [{"method_id": "shop", "title": "Collect", "place": "2 Quay Street", "hours": "Tue–Sat 10–18"}],
}


def ordered(shop: Shop, buyer: httpx.Client, *, quantity: int = 2, **terms: Any) -> str:
    """An order that is held, of records of 300 g."""
    tax = {"tax_bps": 2000, "tax_label": "VAT"}
    edition_id = shop.release(kind="record", needs_address=True, weight_grams=300, shipping=SHIPPING, **tax, **terms)
    body = order_of(edition_id, quantity=quantity)
    assert buyer.post("/v1/orders", json=body).status_code == 201
    return str(body["order_id"])


def pay(buyer: httpx.Client, order_id: str, **how: Any) -> httpx.Response:
    payment = {"payment_method": "sandbox_accepted", "delivery": DELIVERY} | how
    return buyer.post(f"/v1/orders/{order_id}/payment", json=payment)


def comes_to(buyer: httpx.Client, order_id: str, state: str) -> dict[str, Any]:
    wait_until(lambda: buyer.get(f"/v1/orders/{order_id}").json()["state"] == state)
    order: dict[str, Any] = buyer.get(f"/v1/orders/{order_id}").json()
    return order


def test_the_price_that_was_shown_is_paid_and_refunded_and_all_books_agree(shop: Shop) -> None:
    with shop.buyer() as buyer, shop.merchant() as merchant:
        order_id = ordered(shop, buyer)
        path = f"/v1/orders/{order_id}/delivery-options"
        options = buyer.get(path, params={"country": "IT"}).json()
        assert [(one["method_id"], one["amount_minor"], one["total_minor"]) for one in options["options"]] == [
            ("post", 1200, 10_200),
            ("shop", 0, 9_000),
        ]
        nowhere = buyer.get(path, params={"country": "JP"}).json()
        assert (nowhere["reason"], [one["method_id"] for one in nowhere["options"]]) == ("country_not_served", ["shop"])

        refusals = [
            ({"delivery_method": "post", "delivery_minor": 700}, "wrong_delivery_price"),
            ({"delivery_method": "pigeon", "delivery_minor": 0}, "unknown_delivery_method"),
            ({}, "unknown_delivery_method"),
        ]
        for how, reason in refusals:
            refused = pay(buyer, order_id, delivery=ABROAD, **how)
            assert (refused.status_code, refused.json()["reason"]) == (409, reason)
        japan = {"country": "JP", "street": ["1-2-3 Mishuku"], "region": "Tokyo", "postal_code": "154-0023"}
        there = pay(buyer, order_id, delivery={**DELIVERY, "address": japan}, delivery_method="post")
        assert (there.status_code, there.json()["reason"]) == (409, "country_not_served")
        wrong = pay(buyer, order_id, delivery={**ABROAD, "address": {**ITALY, "postal_code": "1"}})
        assert (wrong.status_code, wrong.json()["type"].rpartition("/")[2]) == (422, "bad-address")
        assert [(one["field"], one["example"]) for one in wrong.json()["fields"]] == [("postal_code", "00144")]

        way = {"delivery_method": "post", "delivery_minor": 1200}
        assert pay(buyer, order_id, delivery=ABROAD, save=True, **way).status_code == 202
        order = comes_to(buyer, order_id, "confirmed")
        assert (order["total_minor"], order["paid_minor"], order["shipping"]["amount_minor"]) == (10_200, 10_200, 1200)
        receipt = buyer.get(f"/v1/orders/{order_id}/receipt").json()
        assert (receipt["gross_minor"], receipt["tax_minor"], receipt["shipping"]["title"]) == (10_200, 1700, "Airmail")
        assert b"Airmail" in buyer.get(f"/orders/{order_id}/receipt").content

        # One of two units: delivery stays. Then delivery alone. Then the rest.
        steps = [({"lines": [{"quantity": 1}]}, 4500), ({"amount_minor": 1200}, 5700), ({}, 10_200)]
        for number, (what, refunded_minor) in enumerate(steps):
            answer = merchant.post(
                f"/v1/merchant/orders/{order_id}/refund",
                json={"restock": True, **what},
                headers={"Idempotency-Key": f"refund-{number}"},
            )
            assert answer.status_code == 202, answer.text
            wait_until(lambda due=refunded_minor: buyer.get(f"/v1/orders/{order_id}").json()["refunded_minor"] == due)
        assert comes_to(buyer, order_id, "refunded")["total_minor"] == 10_200
        month = datetime.now(UTC).strftime("%Y-%m")
        wait_until(
            lambda: (
                [
                    (one["sales_minor"], one["refunds_minor"])
                    for one in merchant.get("/v1/merchant/statement", params={"month": month}).json()["totals"]
                ]
                == [(10_200, 10_200)]
            )
        )
    records = [record for p in range(shop.log.partitions) for record in shop.log.read(EVENTS, p, 0, 9999)]
    assert not any(b"Via Roma" in record.value for record in records)
    fed = [public_form(read_event(record.value)) for record in records]
    [charge] = [event.shipping for event in fed if type(event).__name__ == "PaymentRequested"]
    assert (charge.title, charge.country, charge.amount_minor) == ("Airmail", "IT", 1200)
    report = audit(shop.log)
    assert report.ok, report.violations


def test_a_new_price_is_for_those_who_order_after_it(shop: Shop) -> None:
    with shop.buyer() as buyer, shop.merchant() as merchant:
        before = ordered(shop, buyer, quantity=1)
        edition_id = before.rpartition("-")[0]
        britain, italy = SHIPPING["zones"]
        dearer = {**britain, "rates": [{"method_id": "post", "title": "Royal Mail", "prices": [{"price_minor": 900}]}]}
        new = {"ships_from": "GB", "zones": [dearer, italy], "pickups": []}
        terms = f"/v1/merchant/editions/{edition_id}/shipping"
        changed = merchant.put(terms, json=new)
        assert changed.status_code == 200, changed.text
        assert (changed.json()["shipping"]["pickups"], changed.json()["can_change_shipping"]) == ([], True)
        wrong = merchant.put(terms, json={**new, "zones": [dearer, dearer]})
        assert (wrong.status_code, wrong.json()["reason"]) == (409, "bad_shipping")
        body = order_of(edition_id, quantity=1)
        assert buyer.post("/v1/orders", json=body).status_code == 201
        after = str(body["order_id"])
        with gateway_at_work(shop.parts) as later:  # it knows the change from the views, the other one from the log
            for url in (shop.url, later):
                found = [
                    [one["amount_minor"] for one in buyer.get(f"{url}{path}").json()["options"]]
                    for path in (f"/v1/orders/{order_id}/delivery-options?country=GB" for order_id in (before, after))
                ]
                assert found == [[400, 0], [900]]

        collected = {"delivery": {"name": "Anna Example", "email": "anna@example.org"}, "delivery_method": "shop"}
        assert pay(buyer, before, **collected).status_code == 202
        assert comes_to(buyer, before, "confirmed")["paid_minor"] == 4500
        way = {"delivery_method": "post", "delivery_minor": 400}
        assert pay(buyer, after, **way).json()["reason"] == "wrong_delivery_price"
        assert pay(buyer, after, **{**way, "delivery_minor": 900}).status_code == 202
        assert comes_to(buyer, after, "confirmed")["paid_minor"] == 5400
    report = audit(shop.log)
    assert report.ok, report.violations


def test_saved_details_pay_with_delivery_and_the_address_changes_until_it_is_packed(shop: Shop) -> None:
    with shop.buyer() as buyer, shop.merchant() as merchant:
        first = ordered(shop, buyer, quantity=1)
        way = {"delivery_method": "post", "delivery_minor": 400}
        assert pay(buyer, first, save=True, **way).status_code == 202
        comes_to(buyer, first, "confirmed")
        wait_until(lambda: buyer.get("/v1/me").json()["registered"])

        second = ordered(shop, buyer, quantity=1)
        assert buyer.post(f"/v1/orders/{second}/payment", json={"one_tap": True, **way}).status_code == 202
        order = comes_to(buyer, second, "confirmed")
        assert (order["paid_minor"], order["can_change_address"]) == (4900, True)

        path = f"/v1/orders/{second}/address"
        dearer = buyer.post(path, json={"address": ITALY})
        assert (dearer.status_code, dearer.json()["reason"]) == (409, "delivery_price_differs")
        next_door = {**ADDRESS, "street": ["2 Sample Street"]}
        assert buyer.post(path, json={"address": next_door}).status_code == 200
        seen = merchant.get("/v1/merchant/orders").json()["orders"][0]
        assert (seen["order_id"], seen["buyer"]["address"]["street"]) == (second, ["2 Sample Street"])
        packed = merchant.post(f"/v1/merchant/orders/{second}/shipments", json={"stage": "processing"})
        assert packed.status_code == 200, packed.text
        late = buyer.post(path, json={"address": ADDRESS})
        assert (late.status_code, late.json()["reason"]) == (409, "already_packed")
        assert not buyer.get(f"/v1/orders/{second}").json()["can_change_address"]

        third = ordered(shop, buyer, quantity=1)
        collected = {"delivery": {"name": "Anna Example", "email": "anna@example.org"}, "delivery_method": "shop"}
        assert pay(buyer, third, **collected).status_code == 202
        order = comes_to(buyer, third, "confirmed")
        assert (order["paid_minor"], order["shipping"]["country"]) == (4500, "")
        nowhere = buyer.post(f"/v1/orders/{third}/address", json={"address": ADDRESS})
        assert (nowhere.status_code, nowhere.json()["reason"]) == (409, "not_posted")
    report = audit(shop.log)
    assert report.ok, report.violations
