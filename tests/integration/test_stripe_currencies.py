"""Money in currencies that Stripe counts in other units than ISO 4217, or takes in steps: from the tap to the books."""

import csv
from collections.abc import Iterator

import pytest

from buystream.replay.audit import audit
from buystream.replay.reconcile import Reconciler, lines_of
from buystream.vocabulary.commands import ConnectAccount, SetFeeTerms
from buystream.vocabulary.values import Fee
from tests.support.examples import MERCHANT
from tests.support.patience import wait_until
from tests.support.shop import order_of, tell
from tests.support.stripe.wall import Wall
from tests.support.stripe_shop import StripeShop, stripe_shop_at_work


@pytest.fixture
def stripe_shop(shop_database_url: str, wall: Wall) -> Iterator[StripeShop]:
    """A running shop."""
    with stripe_shop_at_work(shop_database_url, wall) as shop:
        yield shop


def bought(shop: StripeShop, edition: str, price_minor: int) -> str:
    """A paid order; its id."""
    buyer = shop.buyer()
    body = order_of(edition, price_minor=price_minor)
    assert buyer.post("/v1/orders", json=body).status_code == 201
    order_id = str(body["order_id"])
    shop.pay(buyer, order_id, "pm_card_visa")
    wait_until(lambda: shop.state(buyer, order_id) == "confirmed")
    return order_id


def books_of(shop: StripeShop) -> tuple[bool, list[str]]:
    """Whether the books are equal, and what a person reads about them."""
    report = Reconciler(shop.log, shop.parts.stripe_api).reconcile()
    return report.equal, list(lines_of(report))


def test_a_price_in_krona_is_charged_refunded_and_disputed_in_full(stripe_shop: StripeShop) -> None:
    tell(stripe_shop.log, ConnectAccount(merchant_id=MERCHANT, account="acct_1"), MERCHANT)
    terms = SetFeeTerms(
        merchant_id=MERCHANT, terms_id="t1", currency="ISK", fee=Fee(share_bps=500, fixed_minor=30), from_ms=0
    )
    tell(stripe_shop.log, terms, MERCHANT)
    order_id = bought(stripe_shop, stripe_shop.release(currency="ISK", price_minor=25_000), 25_000)
    intent = stripe_shop.intent_of(order_id)
    assert (intent["amount"], intent["amount_received"]) == (2_500_000, 2_500_000)
    assert intent["application_fee_amount"] == 128_000
    with stripe_shop.merchant() as merchant:
        part = {"amount_minor": 5_000, "quantity": 0}
        path, key = f"/v1/merchant/orders/{order_id}/refund", {"Idempotency-Key": "part-1"}
        assert merchant.post(path, json=part, headers=key).status_code == 202
        wait_until(lambda: stripe_shop.view(order_id).refunded_minor == 5_000)
        stripe_shop.wall.request("POST", "/v1/refunds", payment_intent=intent["id"], amount=100_000)
        wait_until(lambda: stripe_shop.view(order_id).refunded_minor == 6_000)
        stripe_shop.wall.dispute(intent["id"], amount_minor=1_234_550)
        wait_until(lambda: stripe_shop.view(order_id).dispute == "open")
        table = merchant.get("/v1/merchant/statement.csv").content.decode("utf-8-sig")
    assert [(row["amount"], row["fee"]) for row in csv.DictReader(table.splitlines())] == [
        ("25000", "-1280"),
        ("-5000", "256"),
        ("-1000", "51"),
        ("-12346", "0"),
    ]
    equal, lines = books_of(stripe_shop)
    assert equal, lines
    told = "captured 25000 ISK, refunded 6000 ISK, disputed 12346 ISK"
    assert lines[:2] == [f"ISK  log     {told}", f"ISK  Stripe  {told}"]
    assert audit(stripe_shop.log).ok


@pytest.mark.parametrize(
    ("currency", "price_minor", "at_stripe"),
    [("UGX", 25_001, 2_500_100), ("KWD", 1_010, 1_010), ("JPY", 2_500, 2_500), ("HUF", 250_050, 250_050)],
)
def test_a_price_is_charged_as_it_is_shown(
    stripe_shop: StripeShop, currency: str, price_minor: int, at_stripe: int
) -> None:
    order_id = bought(stripe_shop, stripe_shop.release(currency=currency, price_minor=price_minor), price_minor)
    assert stripe_shop.intent_of(order_id)["amount_received"] == at_stripe
    assert stripe_shop.view(order_id).paid_minor == price_minor
    assert books_of(stripe_shop)[0]


def test_what_is_free_is_had_without_stripe(stripe_shop: StripeShop) -> None:
    buyer = stripe_shop.buyer()
    body = order_of(stripe_shop.release(price_minor=0), price_minor=0)
    assert buyer.post("/v1/orders", json=body).status_code == 201
    assert buyer.post(f"/v1/orders/{body['order_id']}/payment", json={}).status_code == 202
    wait_until(lambda: stripe_shop.state(buyer, str(body["order_id"])) == "confirmed")
    assert stripe_shop.wall.intents() == []


def test_a_card_that_is_only_saved_is_no_money_in_the_books(stripe_shop: StripeShop) -> None:
    card = {"confirm": "true", "payment_method": "pm_card_visa", "return_url": "http://shop.example"}
    metadata = {"payment_id": "ed0-c0ncert000-00000000000000000009.1"}
    stripe_shop.wall.request("POST", "/v1/setup_intents", **card, metadata=metadata)
    assert books_of(stripe_shop) == (True, ["The books are equal to the cent: 1 payments compared."])


def test_nobody_pays_with_a_card_that_is_saved_for_somebody_else(stripe_shop: StripeShop) -> None:
    edition = stripe_shop.release()
    anna, ben = stripe_shop.buyer(), stripe_shop.buyer()
    order_id = stripe_shop.order(edition, anna)
    stripe_shop.pay(anna, order_id, "pm_card_visa", save=True)
    wait_until(lambda: bool(anna.get("/v1/me").json()["registered"]))
    intent = stripe_shop.intent_of(order_id)
    order_id = stripe_shop.order(edition, ben)
    path, where = f"/v1/orders/{order_id}/payment", {"name": "Ben Example", "email": "ben@example.org"}
    for borrowed in (f"{intent['customer']}/{intent['payment_method']}", intent["customer"], intent["id"]):
        answer = ben.post(path, json={"payment_method": borrowed, "delivery": where})
        assert answer.status_code == 422, borrowed
    stripe_shop.pay(ben, order_id, intent["payment_method"])  # a bare name: Stripe knows whose it is
    wait_until(lambda: ben.get(f"/v1/orders/{order_id}").json()["payment"]["state"] == "declined")
    assert ben.get(f"/v1/orders/{order_id}").json()["payment"]["reason"] == "payment_method_unusable"
