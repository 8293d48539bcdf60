"""A shop that takes money through Stripe, before the wall: payments, webhooks, the comparison of books."""

import json
import logging
import threading
import time
import traceback
from collections.abc import Iterator
from io import StringIO
from math import ceil
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from prometheus_client import REGISTRY, generate_latest

from buystream.cli import cli
from buystream.log import COMMANDS, DEADLETTER, EVENTS, read_all
from buystream.providers import ProviderUnavailable
from buystream.providers.rate import Lane
from buystream.providers.stripe_api import StripeApi
from buystream.replay.audit import audit
from buystream.replay.reconcile import Reconciler, Report, lines_of
from tests.support.patience import patient, wait_until
from tests.support.shop import DELIVERY, order_of
from tests.support.stripe.plan import Scripted
from tests.support.stripe.wall import API_KEY, WEBHOOK_SECRET, Wall
from tests.support.stripe.webhooks import signature
from tests.support.stripe_shop import OLD_WEBHOOK_SECRET, PUBLISHABLE_KEY, StripeShop, stripe_shop_at_work


@pytest.fixture
def stripe_shop(shop_database_url: str, wall: Wall) -> Iterator[StripeShop]:
    """A running shop."""
    with stripe_shop_at_work(shop_database_url, wall) as shop:
        yield shop


def reconciled(shop: StripeShop, **how: Any) -> Report:
    return Reconciler(shop.log, shop.parts.stripe_api).reconcile(**how)


def webhooks(outcome: str) -> float:
    return REGISTRY.get_sample_value("buystream_webhooks_total", {"outcome": outcome}) or 0.0


def post_event(shop: StripeShop, event: Any, *secrets: str, at_seconds: int = 0, body: bytes = b"") -> httpx.Response:
    payload = body or json.dumps(event).encode()
    signed = signature(payload, secrets, at_seconds or int(time.time()))
    return httpx.post(f"{shop.url}/v1/webhooks/stripe", content=payload, headers={"Stripe-Signature": signed})


# From tap to captured.


def test_a_tap_ends_in_captured_money(stripe_shop: StripeShop) -> None:
    _, order_id = stripe_shop.bought(stripe_shop.release())
    intent = stripe_shop.intent_of(order_id)
    assert (intent["status"], intent["amount_received"], intent["currency"]) == ("succeeded", 4500, "usd")
    assert intent["statement_descriptor_suffix"] == "Night Sky"
    assert set(intent["metadata"]) == {"payment_id", "order_id", "edition_id", "buyer_id"}
    assert [call.key for call in stripe_shop.wall.calls if call.operation == "create payment_intents"] == [
        intent["metadata"]["payment_id"]
    ]


def test_the_browser_gets_only_the_publishable_key(stripe_shop: StripeShop) -> None:
    config = httpx.get(f"{stripe_shop.url}/v1/config").json()
    assert (config["provider"], config["sandbox_cards"]) == ("stripe", [])
    assert config["publishable_key"].startswith("pk_test_")
    assert httpx.get(f"{stripe_shop.url}/bank/ed0-c0ncert000-00000000000000000001.1").status_code == 404


def test_a_declined_card_may_be_followed_by_another(stripe_shop: StripeShop) -> None:
    buyer = stripe_shop.buyer()
    order_id = stripe_shop.order(stripe_shop.release(), buyer)
    stripe_shop.pay(buyer, order_id, "pm_card_visa_chargeDeclinedInsufficientFunds")

    def payment() -> dict[str, Any]:
        return dict(buyer.get(f"/v1/orders/{order_id}").json()["payment"])

    wait_until(lambda: payment()["state"] == "declined")
    assert payment()["reason"] == "insufficient_funds"
    stripe_shop.pay(buyer, order_id, "pm_card_visa")
    wait_until(lambda: stripe_shop.state(buyer, order_id) == "confirmed")


def test_the_hold_waits_while_the_bank_asks_the_buyer_and_a_webhook_ends_it(stripe_shop: StripeShop) -> None:
    buyer = stripe_shop.buyer()
    order_id = stripe_shop.order(stripe_shop.release(), buyer)
    stripe_shop.pay(buyer, order_id, "pm_card_authenticationRequired", save=True)
    wait_until(lambda: bool(buyer.get(f"/v1/orders/{order_id}").json()["payment"]["authentication_url"]))
    stripe_shop.wall.authenticate(stripe_shop.intent_of(order_id)["id"], approve=True)
    wait_until(lambda: stripe_shop.state(buyer, order_id) == "confirmed")
    wait_until(lambda: bool(buyer.get("/v1/me").json()["registered"]))
    assert buyer.get("/v1/me").json()["card_label"].endswith("3184")


def test_one_tap_charges_the_saved_card(stripe_shop: StripeShop) -> None:
    edition_id = stripe_shop.release()
    buyer = stripe_shop.buyer()
    first = stripe_shop.order(edition_id, buyer)
    stripe_shop.pay(buyer, first, "pm_card_visa", save=True)
    wait_until(lambda: bool(buyer.get("/v1/me").json()["registered"]))
    assert buyer.get("/v1/me").json()["card_label"].endswith("4242")
    topics = [(topic, partition) for topic in (COMMANDS, EVENTS) for partition in range(stripe_shop.log.partitions)]
    assert not any(b"4242" in one.value for place in topics for one in read_all(stripe_shop.log, *place))
    second = stripe_shop.order(edition_id, buyer)
    assert buyer.post(f"/v1/orders/{second}/payment", json={"one_tap": True}).status_code == 202
    wait_until(lambda: stripe_shop.state(buyer, second) == "confirmed")
    assert stripe_shop.intent_of(second)["customer"] == stripe_shop.intent_of(first)["customer"]


def test_a_hold_does_not_expire_because_our_queue_is_long(shop_database_url: str, wall: Wall) -> None:
    with stripe_shop_at_work(shop_database_url, wall, stripe_calls_per_second=2) as shop:
        edition_id = shop.release(hold_seconds=ceil(patient(1)), limit_per_buyer=10)
        buyer = shop.buyer()
        orders = []
        for _ in range(4):
            orders.append(shop.order(edition_id, buyer))
            shop.pay(buyer, orders[-1], "pm_card_visa")
        wait_until(lambda: all(shop.state(buyer, order_id) == "confirmed" for order_id in orders), 60)
        waited = REGISTRY.get_sample_value("buystream_provider_wait_seconds_sum", {"lane": "buy"}) or 0.0
        assert waited > 2


# Webhooks.


def test_a_refund_and_a_dispute_made_at_stripe_reach_the_books(stripe_shop: StripeShop) -> None:
    edition_id = stripe_shop.release()
    _, order_id = stripe_shop.bought(edition_id)
    intent_id = stripe_shop.intent_of(order_id)["id"]
    stripe_shop.wall.request("POST", "/v1/refunds", payment_intent=intent_id, amount=1000)
    wait_until(lambda: stripe_shop.view(order_id).refunded_minor == 1000)
    dispute = stripe_shop.wall.dispute(intent_id)
    wait_until(lambda: stripe_shop.view(order_id).dispute == "open")
    stripe_shop.wall.close_dispute(dispute["id"], won=True)
    wait_until(lambda: stripe_shop.view(order_id).dispute == "won")
    assert reconciled(stripe_shop).equal
    assert audit(stripe_shop.log).ok


def test_every_webhook_again_changes_nothing(stripe_shop: StripeShop) -> None:
    _, order_id = stripe_shop.bought(stripe_shop.release())
    stripe_shop.wall.settle()
    before = stripe_shop.view(order_id)
    for event in reversed(stripe_shop.wall.mail.events):
        stripe_shop.wall.redeliver(event)
    stripe_shop.wall.settle()
    assert not stripe_shop.wall.mail.refusals
    assert stripe_shop.view(order_id) == before
    assert audit(stripe_shop.log).ok


def test_both_secrets_are_good_while_one_replaces_the_other(stripe_shop: StripeShop) -> None:
    event = {"type": "customer.created", "object": "event", "data": {"object": {}}}
    for secret in (OLD_WEBHOOK_SECRET, WEBHOOK_SECRET):
        assert post_event(stripe_shop, event, secret).status_code == 202


@pytest.mark.parametrize(
    "wrong", ["other secret", "too old", "changed", "no signature", "not ascii", "not json", "not an event"]
)
def test_what_stripe_did_not_sign_leaves_a_metric_and_no_command(stripe_shop: StripeShop, wrong: str) -> None:
    ends = [stripe_shop.log.end(COMMANDS, partition) for partition in range(2)]
    about = {"id": "pi_1", "status": "succeeded", "metadata": {"payment_id": "ed0-c0ncert000-00000000000000000001.1"}}
    event: Any = {"type": "payment_intent.succeeded", "object": "event", "data": {"object": about}}
    before = webhooks("rejected")
    match wrong:
        case "other secret":
            answer = post_event(stripe_shop, event, "whsec_somebodyElses")
        case "too old":
            answer = post_event(stripe_shop, event, WEBHOOK_SECRET, at_seconds=1_600_000_000)
        case "changed":
            payload = json.dumps(event).encode()
            header = signature(payload, (WEBHOOK_SECRET,), 1_600_000_000)
            url = f"{stripe_shop.url}/v1/webhooks/stripe"
            answer = httpx.post(url, content=payload + b" ", headers={"Stripe-Signature": header})
        case "no signature":
            answer = httpx.post(f"{stripe_shop.url}/v1/webhooks/stripe", json=event)
        case "not ascii":
            url, header = f"{stripe_shop.url}/v1/webhooks/stripe", {"Stripe-Signature": b"t=1,v1=\xff"}
            answer = httpx.post(url, json=event, headers=header)
        case "not json":
            answer = post_event(stripe_shop, None, WEBHOOK_SECRET, body=b"{")
        case _:
            answer = post_event(stripe_shop, {"type": "payment_intent.succeeded"}, WEBHOOK_SECRET)
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert webhooks("rejected") == before + 1
    assert [stripe_shop.log.end(COMMANDS, partition) for partition in range(2)] == ends


def test_what_is_not_ours_is_counted_and_accepted(stripe_shop: StripeShop) -> None:
    before = webhooks("foreign")
    stripe_shop.wall.request(
        "POST", "/v1/payment_intents", amount="100", currency="usd", confirm="true", payment_method="pm_card_visa",
        return_url="http://elsewhere.example",
    )  # fmt: skip
    stripe_shop.wall.settle()
    assert not stripe_shop.wall.mail.refusals
    assert webhooks("foreign") > before


# The books.


def test_lost_webhooks_are_made_up_for(stripe_shop: StripeShop) -> None:
    stripe_shop.wall.send_webhooks_to(None)
    edition_id = stripe_shop.release()
    _, refunded = stripe_shop.bought(edition_id)
    _, disputed = stripe_shop.bought(edition_id)
    intent_id = stripe_shop.intent_of(refunded)["id"]
    stripe_shop.wall.request("POST", "/v1/refunds", payment_intent=intent_id, amount=1000)
    stripe_shop.wall.dispute(stripe_shop.intent_of(disputed)["id"])
    buyer = stripe_shop.buyer()
    authenticated = stripe_shop.order(edition_id, buyer)
    stripe_shop.pay(buyer, authenticated, "pm_card_authenticationRequired")
    wait_until(lambda: bool(buyer.get(f"/v1/orders/{authenticated}").json()["payment"]["authentication_url"]))
    stripe_shop.wall.authenticate(stripe_shop.intent_of(authenticated)["id"], approve=True)
    report = reconciled(stripe_shop)
    assert report.equal, report.differences
    assert len(report.repaired) == 3
    wait_until(lambda: stripe_shop.state(buyer, authenticated) == "confirmed")
    report = reconciled(stripe_shop)
    assert (report.equal, report.repaired, report.payments) == (True, [], 3)
    assert report.totals["USD"].log == report.totals["USD"].stripe
    sums = report.totals["USD"].stripe
    assert (sums.captured_minor, sums.refunded_minor, sums.disputed_minor) == (13_500, 1_000, 4_500)
    assert list(lines_of(report))[-1] == "The books are equal to the cent: 3 payments compared."


def test_money_that_the_log_does_not_know_is_reported(stripe_shop: StripeShop) -> None:
    stripe_shop.wall.request(
        "POST", "/v1/payment_intents", amount="100", currency="usd", confirm="true", payment_method="pm_card_visa",
        return_url="http://elsewhere.example", metadata={"payment_id": "ed0-c0ncert000-00000000000000000009.1"},
    )  # fmt: skip
    report = reconciled(stripe_shop)
    assert [it.payment_id for it in report.differences] == ["ed0-c0ncert000-00000000000000000009.1"]
    assert "the log has no such payment" in str(report.differences[0])


def test_money_that_stripe_does_not_know_is_reported(stripe_shop: StripeShop) -> None:
    _, order_id = stripe_shop.bought(stripe_shop.release())
    stripe_shop.wall.start_empty()
    report = reconciled(stripe_shop)
    assert [it.payment_id for it in report.differences] == [f"{order_id}.1"]
    assert "Stripe has no such payment" in str(report.differences[0])


def test_a_pending_refund_arrives_later_and_may_fail_after_that(stripe_shop: StripeShop) -> None:
    stripe_shop.wall.plan = Scripted(pending_refunds=True)
    _, order_id = stripe_shop.bought(stripe_shop.release())
    with stripe_shop.merchant() as merchant:
        answer = merchant.post(f"/v1/merchant/orders/{order_id}/refund", json={})
    assert answer.status_code < 300, answer.text
    wait_until(lambda: len(stripe_shop.wall.request("GET", "/v1/refunds")["data"]) == 1)
    refund_id = stripe_shop.wall.request("GET", "/v1/refunds")["data"][0]["id"]
    assert stripe_shop.view(order_id).state == "confirmed"
    stripe_shop.wall.settle_refund(refund_id, succeeded=True)
    wait_until(lambda: stripe_shop.view(order_id).state == "refunded")
    stripe_shop.wall.settle_refund(refund_id, succeeded=False)
    wait_until(lambda: stripe_shop.view(order_id).refunded_minor == 0)
    assert reconciled(stripe_shop).equal


@pytest.mark.parametrize("strange", [False, True])
def test_the_exit_status_says_whether_the_books_are_equal(stripe_shop: StripeShop, strange: bool) -> None:
    stripe_shop.bought(stripe_shop.release())
    if strange:
        stripe_shop.wall.start_empty()
    environment = {
        "BUYSTREAM_DATABASE_URL": stripe_shop.dsn,
        "BUYSTREAM_SECRET_KEY": "a secret of the tests, 32 bytes!",
        "BUYSTREAM_PARTITIONS": "2",
        "BUYSTREAM_STRIPE_SECRET_KEY": API_KEY,
        "BUYSTREAM_STRIPE_PUBLISHABLE_KEY": PUBLISHABLE_KEY,
        "BUYSTREAM_STRIPE_API_BASE": stripe_shop.wall.url,
    }
    ran = CliRunner().invoke(cli, ["reconcile", "--json"], env=environment)
    told = json.loads(ran.stdout)
    assert (ran.exit_code, told["equal"]) == ((1, False) if strange else (0, True))
    assert told["totals"]["USD"]["log"]["captured_minor"] == 4500
    assert told["totals"]["USD"]["stripe"]["captured_minor"] == (0 if strange else 4500)
    assert len(told["differences"]) == strange


# Keys.


def test_keys_appear_nowhere(shop_database_url: str, wall: Wall, caplog: pytest.LogCaptureFixture) -> None:
    said = StringIO()
    handler = logging.StreamHandler(said)
    logging.getLogger().addHandler(handler)
    caplog.set_level(logging.DEBUG)
    bodies: list[bytes] = []
    try:
        with stripe_shop_at_work(shop_database_url, wall) as shop:
            edition_id = shop.release()
            shop.bought(edition_id)
            bodies.append(post_event(shop, {}, "whsec_wrong").content)
            bodies += [httpx.get(f"{shop.url}{path}").content for path in ("/v1/config", "/readyz")]
            bodies.append(said_of_a_wrong_key(shop))
            for topic in (COMMANDS, EVENTS, DEADLETTER):
                for partition in range(2):
                    for record in shop.log.read(topic, partition, 0):
                        bodies += [record.value, record.key.encode()]
            bodies += [repr(shop.parts.settings).encode(), repr(shop.parts.stripe_api).encode()]
            bodies.append(repr(vars(shop.parts.provider)).encode())
    finally:
        logging.getLogger().removeHandler(handler)
    bodies += [said.getvalue().encode(), caplog.text.encode(), generate_latest(REGISTRY)]
    for secret in (API_KEY, WRONG_KEY, WEBHOOK_SECRET, OLD_WEBHOOK_SECRET):
        assert not any(secret.encode() in body for body in bodies), secret[:8]


WRONG_KEY = "sk_test_51whichIsNotTheKeyOfTheWall"


def said_of_a_wrong_key(shop: StripeShop) -> bytes:
    """What is said when Stripe doesn't know the key, with the whole traceback."""
    api = StripeApi(WRONG_KEY, calls_per_second=100, api_base=shop.wall.url)
    try:
        api.call(Lane.BUY, lambda v1: v1.payment_intents.list({}))
    except ProviderUnavailable as error:
        logging.getLogger("test").exception("it fails")
        return ("".join(traceback.format_exception(error)) + repr(error)).encode()
    raise AssertionError("the wrong key works")


def test_without_webhooks_the_periodic_comparison_brings_the_news(stripe_shop: StripeShop) -> None:
    stop = threading.Event()
    stripe_shop.wall.send_webhooks_to(None)
    worker = threading.Thread(target=Reconciler(stripe_shop.log, stripe_shop.parts.stripe_api).run, args=(stop, 0.1))
    worker.start()
    try:
        buyer = stripe_shop.buyer()
        body = order_of(stripe_shop.release())
        order_id = buyer.post("/v1/orders", json=body).json()["order_id"]
        buyer.post(
            f"/v1/orders/{order_id}/payment",
            json={"payment_method": "pm_card_authenticationRequired", "delivery": DELIVERY},
        )
        wait_until(lambda: bool(buyer.get(f"/v1/orders/{order_id}").json()["payment"]["authentication_url"]))
        stripe_shop.wall.authenticate(stripe_shop.intent_of(order_id)["id"], approve=True)
        wait_until(lambda: stripe_shop.state(buyer, order_id) == "confirmed")
    finally:
        stop.set()
        worker.join(patient(60))
    assert not worker.is_alive()
