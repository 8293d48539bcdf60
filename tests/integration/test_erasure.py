"""An erasure over HTTP: with a payment in flight, a pledge, other devices, and the provider's own records."""

import secrets
import time
from typing import Any

import httpx
import jwt
import pytest

from buystream.log import COMMANDS
from buystream.vocabulary import commands
from buystream.vocabulary.ids import new_order_id, partition_of
from tests.support.postgres import run_sql
from tests.support.records import command_message
from tests.support.shop import DELIVERY, HOST_SECRETS, SHOWN_DELIVERY, Shop, order_of, shop, wait_until
from tests.support.stripe.wall import Wall
from tests.support.stripe_shop import StripeShop, stripe_shop_at_work

__all__ = ["shop"]

GIFT = {"kind": "gift", "price_minor": None, "price_min_minor": 100, "price_max_minor": 100_000, "stock": None}


def pay(buyer: httpx.Client, edition: str, card: str, **fields: Any) -> str:
    """Place an order and pay for it, to be remembered; its id."""
    body = order_of(edition, **fields)
    assert buyer.post("/v1/orders", json=body).status_code == 201
    payment = {"payment_method": card, "delivery": DELIVERY, "save": True}
    assert buyer.post(f"/v1/orders/{body['order_id']}/payment", json=payment).status_code == 202
    return str(body["order_id"])


def erase(buyer: httpx.Client) -> str:
    """Erase the buyer; their id."""
    buyer_id = str(buyer.get("/v1/me").json()["buyer_id"])
    assert buyer.delete("/v1/me").status_code == 204
    return buyer_id


def merchants_order(shop: Shop, order_id: str) -> dict[str, Any]:
    with shop.merchant() as merchant:
        orders = merchant.get("/v1/merchant/orders").json()["orders"]
    return next(order for order in orders if order["order_id"] == order_id)


def test_a_payment_in_flight_brings_nobody_back(shop: Shop) -> None:
    buyer = shop.buyer()
    order_id = pay(buyer, shop.release(), "sandbox_authentication")
    wait_until(lambda: buyer.get(f"/v1/orders/{order_id}").json()["payment"]["state"] == "authentication_required")
    buyer_id = erase(buyer)
    answer = httpx.post(f"{shop.url}/v1/orders/{order_id}/authentication", json={"outcome": "approved"})
    assert answer.status_code == 202, answer.text
    wait_until(lambda: merchants_order(shop, order_id)["state"] == "confirmed")
    wait_until(lambda: bool(shop.commands("SaveBuyerDetails")))
    wait_until(lambda: views_are_up_to_date(shop))
    assert run_sql(shop.dsn, "SELECT * FROM views.saved_details") == []
    assert run_sql(shop.dsn, "SELECT buyer_id FROM vault.buyer_key") == []
    assert run_sql(shop.dsn, "SELECT buyer_id FROM views.erased_buyers") == [(buyer_id,)]
    seen = merchants_order(shop, order_id)
    assert (seen["buyer"], seen["is_erased"]) == (None, True)


def views_are_up_to_date(shop: Shop) -> bool:
    with shop.merchant() as merchant:
        return merchant.get("/v1/merchant/orders").status_code == 200


def test_a_tracking_number_is_read_by_buyer_and_merchant_until_the_erasure_and_stands_nowhere_in_clear(
    shop: Shop,
) -> None:
    buyer = shop.buyer()
    order_id = pay(buyer, shop.release(), "sandbox_accepted")
    wait_until(lambda: buyer.get(f"/v1/orders/{order_id}").json()["state"] == "confirmed")
    with shop.merchant() as merchant:
        parcel = {"carrier": "Parcel Post", "tracking": "PP-20771"}
        shipped = merchant.post(f"/v1/merchant/orders/{order_id}/ship", json=parcel)
    assert (shipped.status_code, shipped.json()["tracking"]) == (200, "PP-20771")
    assert buyer.get(f"/v1/orders/{order_id}").json()["tracking"] == "PP-20771"
    assert buyer.get("/v1/orders").json()["orders"][0]["tracking"] == "PP-20771"
    in_the_log = "SELECT 1 FROM log.record WHERE position('PP-20771'::bytea IN value) > 0"
    in_the_view = "SELECT 1 FROM views.orders AS seen WHERE position('PP-20771' IN seen::text) > 0"
    assert run_sql(shop.dsn, in_the_log) == run_sql(shop.dsn, in_the_view) == []
    erase(buyer)
    assert merchants_order(shop, order_id)["tracking"] is None


def test_an_order_of_an_erased_buyer_can_still_be_shipped_without_its_number(shop: Shop) -> None:
    buyer = shop.buyer()
    order_id = pay(buyer, shop.release(), "sandbox_accepted")
    wait_until(lambda: buyer.get(f"/v1/orders/{order_id}").json()["state"] == "confirmed")
    erase(buyer)
    with shop.merchant() as merchant:
        parcel = {"carrier": "Parcel Post", "tracking": "PP-20771"}
        shipped = merchant.post(f"/v1/merchant/orders/{order_id}/ship", json=parcel)
    assert (shipped.json()["state"], shipped.json()["tracking"]) == ("shipped", None)


def test_the_session_ends_on_every_device(shop: Shop) -> None:
    buyer = shop.buyer()
    edition = shop.release()
    pay(buyer, edition, "sandbox_accepted")
    other_device = httpx.Client(base_url=shop.url, headers=dict(buyer.headers))
    erase(buyer)
    for device in (buyer, other_device):
        assert device.get("/v1/me").status_code == 401
        assert device.get("/v1/orders").status_code == 401
        assert device.post("/v1/orders", json=order_of(edition)).status_code == 401
        assert device.delete("/v1/me").status_code == 401


def test_everything_that_is_held_can_be_downloaded_before_the_erasure_and_not_after_it(shop: Shop) -> None:
    buyer = shop.buyer()
    order_id = pay(buyer, shop.release(), "sandbox_accepted")
    wait_until(lambda: buyer.get(f"/v1/orders/{order_id}").json()["state"] == "confirmed")
    wait_until(lambda: bool(buyer.get("/v1/me").json()["registered"]))
    answer = buyer.get("/v1/me/data")
    assert answer.headers["content-disposition"] == 'attachment; filename="my-data.json"'
    data = answer.json()
    [order] = data["orders"]
    assert (order["order"]["order_id"], order["delivery"], order["receipt"]["gross_minor"]) == (
        order_id,
        SHOWN_DELIVERY,
        4500,
    )
    assert (data["saved"]["delivery"], data["gifts"]) == (SHOWN_DELIVERY, [])
    erase(buyer)
    assert buyer.get("/v1/me/data").status_code == 401


def test_a_hosts_user_comes_back_as_somebody_new(shop: Shop) -> None:
    def visit() -> httpx.Client:
        claims = {"iss": "app.example", "sub": "user-7", "aud": "buystream", "jti": secrets.token_hex(8)}
        token = jwt.encode({**claims, "exp": int(time.time()) + 60}, HOST_SECRETS["app.example"], algorithm="HS256")
        session = httpx.post(f"{shop.url}/v1/session", json={"host_token": token}).json()
        return httpx.Client(base_url=shop.url, headers={"Authorization": f"Bearer {session['token']}"})

    first = visit()
    pay(first, shop.release(), "sandbox_accepted")
    erased = erase(first)
    again = visit()
    me = again.get("/v1/me").json()
    assert me["buyer_id"] != erased
    assert (me["registered"], again.get("/v1/orders").json()["orders"]) == (False, [])
    assert visit().get("/v1/me").json()["buyer_id"] == me["buyer_id"]


def test_a_gift_and_a_pledge_that_were_under_way_during_the_erasure_end(shop: Shop) -> None:
    buyer = shop.buyer()
    closes_at_ms = int(time.time() * 1000) + 3 * 86_400_000
    campaign = shop.release(**GIFT, target_minor=1_000_000, all_or_nothing=True, closes_at_ms=closes_at_ms)
    pledge_id = pay(buyer, campaign, "sandbox_authentication", price_minor=1000)
    appeal = shop.release(**GIFT)
    buyer_id = erase(buyer)
    gift_id = new_order_id(appeal)
    late = commands.StartRecurringGift(
        gift_id=gift_id,
        edition_id=appeal,
        buyer_id=buyer_id,
        amount_minor=500,
        interval_months=1,
        payment_method="sandbox_accepted",
        delivery="",
    )
    send(shop, late, gift_id)
    shop.tell(commands.RecordAuthorisation(payment_id=f"{pledge_id}.1", reference="r"))
    wait_until(lambda: merchants_order(shop, pledge_id)["state"] == "cancelled")
    ended = "SELECT ended FROM views.recurring_gifts WHERE gift_id = %s"
    wait_until(lambda: run_sql(shop.dsn, ended, (gift_id,)) == [("giver",)])


def send(shop: Shop, command: commands.Command, about: str) -> None:
    message = command_message(command, command_id=secrets.token_hex(10), key=about)
    shop.log.append(COMMANDS, partition_of(about), [message])


def deleted(shop: StripeShop) -> set[str]:
    """The customers that Stripe was asked to delete."""
    return {call.path.rpartition("/")[2] for call in shop.wall.calls if call.method == "DELETE"}


@pytest.fixture
def stripe_shop(shop_database_url: str, wall: Wall) -> Any:
    with stripe_shop_at_work(shop_database_url, wall) as running:
        yield running


def test_stripes_customers_are_deleted_also_one_that_a_payment_in_flight_makes_later(stripe_shop: StripeShop) -> None:
    buyer = stripe_shop.buyer()
    edition = stripe_shop.release()
    first = stripe_shop.order(edition, buyer)
    stripe_shop.pay(buyer, first, "pm_card_visa", save=True)
    wait_until(lambda: stripe_shop.state(buyer, first) == "confirmed")
    late = stripe_shop.order(edition, buyer)
    wait_until(lambda: bool(run_sql(stripe_shop.dsn, "SELECT 1 FROM views.saved_details")))
    customers = {str(stripe_shop.intent_of(first)["customer"])}
    buyer_id = erase(buyer)
    wait_until(lambda: deleted(stripe_shop) == customers)
    requested_before = commands.RequestPayment(
        order_id=late, buyer_id=buyer_id, payment_method="pm_card_visa", delivery="ciphertext", save=True
    )
    send(stripe_shop, requested_before, late)
    wait_until(lambda: any(it["metadata"]["order_id"] == late for it in stripe_shop.wall.intents()))
    customers.add(str(stripe_shop.intent_of(late)["customer"]))
    assert len(customers) == 2
    wait_until(lambda: deleted(stripe_shop) == customers)
    assert run_sql(stripe_shop.dsn, "SELECT 1 FROM views.saved_details") == []
