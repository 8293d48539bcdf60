"""Campaigns, recurring gifts and returns through the gateway: a real server, log, decider, projector and sandbox."""

import time
from contextlib import closing
from typing import Any

import httpx
import pytest

from buystream.consumers.flows import Flows
from buystream.host.workers import Workers
from buystream.log import EVENTS
from buystream.log.postgres import PostgresLog
from buystream.vault import Vault
from buystream.vocabulary import events
from buystream.vocabulary.codec import read_event
from buystream.vocabulary.commands import CancelEdition, SetFeeTerms
from buystream.vocabulary.ids import new_order_id, partition_of
from buystream.vocabulary.values import Fee
from tests.support.examples import MERCHANT
from tests.support.patience import wait_until
from tests.support.postgres import run_sql
from tests.support.shop import DELIVERY, SECRET, Shop, order_of, register_merchant, shop, shop_at_work, tell

__all__ = ["shop"]

DAY_MS = 86_400_000
GIFT = {"kind": "gift", "price_minor": None, "price_min_minor": 100, "price_max_minor": 100_000, "stock": None}


def now_ms() -> int:
    return int(time.time() * 1000)


def buy(buyer: httpx.Client, edition: str, *, card: str = "sandbox_accepted", **fields: Any) -> str:
    """Place an order and pay for it with a card, or with one tap if that is `one_tap`; its id."""
    body = order_of(edition, **fields)
    placed = buyer.post("/v1/orders", json=body)
    assert placed.status_code == 201, placed.text
    payment: dict[str, Any] = {"payment_method": card, "delivery": DELIVERY, "save": True}
    paying = buyer.post(
        f"/v1/orders/{body['order_id']}/payment", json={"one_tap": True} if card == "one_tap" else payment
    )
    assert paying.status_code == 202, paying.text
    return str(body["order_id"])


def read(buyer: httpx.Client, order_id: str) -> dict[str, Any]:
    body: dict[str, Any] = buyer.get(f"/v1/orders/{order_id}").json()
    return body


def until(buyer: httpx.Client, order_id: str, state: str) -> dict[str, Any]:
    """The order once it is in that state."""
    wait_until(lambda: read(buyer, order_id)["state"] == state)
    return read(buyer, order_id)


def board(shop: Shop, edition: str) -> dict[str, Any]:
    body: dict[str, Any] = httpx.get(f"{shop.url}/v1/editions/{edition}").json()
    return body


def happened(shop: Shop, edition: str) -> list[events.Event]:
    """Every event of the edition's partition."""
    return [read_event(record.value) for record in shop.log.read(EVENTS, partition_of(edition), 0, 10_000)]


def registered(shop: Shop, buyer: httpx.Client) -> None:
    """The buyer has something saved."""
    until(buyer, buy(buyer, shop.release(), price_minor=4500), "confirmed")
    wait_until(lambda: buyer.get("/v1/me").json()["registered"])


def gift_of(edition: str, **fields: Any) -> dict[str, Any]:
    body = {"gift_id": new_order_id(edition), "edition_id": edition, "amount_minor": 500, "interval_months": 1}
    return {**body, **fields}


# Releasing.


def test_a_release_waits_for_its_terms_and_sells_at_once(shop: Shop) -> None:
    fee = {"currency": "USD", "fee": Fee(share_bps=500, fixed_minor=30), "from_ms": 0}
    tell(shop.log, SetFeeTerms(merchant_id=MERCHANT, terms_id="t1", **fee), MERCHANT)  # type: ignore[arg-type]
    edition = shop.release(
        tax_bps=1900,
        tax_label="VAT",
        refund={"by": "buyer", "until_ms": now_ms() + DAY_MS, "share_bps": 9_000, "restock": False},
    )
    with shop.buyer() as buyer:
        until(buyer, buy(buyer, edition), "confirmed")
    shown = board(shop, edition)
    assert (shown["state"], shown["reason"], shown["tax_bps"], shown["tax_label"]) == ("open", None, 1900, "VAT")
    assert (shown["refund"]["by"], shown["refund"]["share_bps"], shown["refund"]["restock"]) == ("buyer", 9_000, False)
    assert (shown["campaign"], shown["cancellation"], shown["recurring_months"]) == (None, None, [])
    requested = [event for event in happened(shop, edition) if isinstance(event, events.PaymentRequested)]
    assert [event.fee_minor for event in requested] == [4500 * 500 // 10_000 + 30]


def test_without_the_flow_a_release_is_scheduled_and_opens_automatically(
    shop_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("buystream.gateway.routes.merchants.TERMS_SECONDS", 0.3)
    with shop_at_work(shop_database_url, flowing=False) as shop:
        register_merchant(shop)
        edition = shop.release(stock=2)
        assert (board(shop, edition)["state"], board(shop, edition)["reason"]) == ("scheduled", "awaits_terms")
        with shop.buyer() as buyer:
            assert buyer.post("/v1/orders", json=order_of(edition)).json()["reason"] == "not_open"
            workers = Workers()
            with (
                closing(PostgresLog(shop_database_url, partitions=2)) as log,
                closing(Vault(shop_database_url, SECRET)) as vault,
            ):
                workers.start("flows", Flows(log, dsn=shop_database_url, vault=vault).run)
                wait_until(lambda: board(shop, edition)["state"] == "open")
                assert buyer.post("/v1/orders", json=order_of(edition)).status_code == 201
                workers.stop()


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        ({"all_or_nothing": True, "closes_at_ms": 1}, "bad_target"),
        ({"all_or_nothing": True, "target_minor": 1}, "bad_target"),
        ({"target_minor": 0}, "bad_target"),
        ({"target_minor": 5, "if_missed": "choose"}, "bad_target"),
        ({"tax_bps": 1900}, "bad_tax"),
        ({"refund": {"until_ms": 5}}, "bad_refund_rule"),
        ({"refund": {"by": "somebody"}}, None),
        ({"event": {"starts_at_ms": 9, "doors_at_ms": 10, "venue": "Boathouse"}}, "bad_event"),
        ({"event": {"starts_at_ms": 9, "venue": "Boathouse", "time_zone": "Mars/Olympus"}}, "bad_time_zone"),
        ({"event": {"starts_at_ms": 9, "venue": "Boathouse"}, "target_minor": 1}, "bad_event"),
        ({"tax_bps": 10_001, "tax_label": "VAT"}, None),
    ],
)
def test_terms_that_make_no_sense_are_refused_with_the_reason(
    shop: Shop, terms: dict[str, Any], reason: str | None
) -> None:
    with shop.merchant() as merchant:
        answer = merchant.post("/v1/merchant/editions", json={"title": "x", "price_minor": 100, **terms})
    assert (answer.status_code, answer.json().get("reason")) == (422, reason), answer.text


# Campaigns.


def test_a_pledge_says_when_its_money_moves_counts_and_can_be_withdrawn(shop: Shop) -> None:
    terms = {**GIFT, "target_minor": 10_000, "all_or_nothing": True}
    soon = shop.release(**terms, closes_at_ms=now_ms() + 5 * DAY_MS)
    long = shop.release(**terms, closes_at_ms=now_ms() + 30 * DAY_MS)
    assert (board(shop, soon)["campaign"]["charged"], board(shop, long)["campaign"]["charged"]) == (
        *("when_reached", "at_end"),
    )
    with shop.buyer() as buyer:
        pledges = {edition: buy(buyer, edition, price_minor=2_500) for edition in (soon, long)}
        for edition, charged in ((soon, "when_reached"), (long, "at_end")):
            pledged = until(buyer, pledges[edition], "pledged")
            assert pledged["pledge"]["charged"] == charged
            assert pledged["pledge"]["ends_at_ms"] == board(shop, edition)["closes_at_ms"]
            assert (pledged["paid_minor"], pledged["receipt_url"], pledged["returnable"]) == (0, None, None)
            wait_until(lambda edition=edition: board(shop, edition)["campaign"]["givers"] == 1)  # type: ignore[misc]
            progress = board(shop, edition)["campaign"]
            assert (progress["raised_minor"], progress["outcome"]) == (2_500, None)
            assert buyer.post(f"/v1/orders/{pledges[edition]}/cancel").json()["state"] == "cancelled"
            wait_until(lambda edition=edition: board(shop, edition)["campaign"]["givers"] == 0)  # type: ignore[misc]
    wait_until(lambda: run_sql(shop.dsn, "SELECT state FROM sandbox.payment WHERE NOT setup") == [("voided",)])
    assert run_sql(shop.dsn, "SELECT sum(captured_minor)::int FROM sandbox.payment") == [(0,)]


def test_an_erased_buyer_is_not_charged_for_a_pledge(shop: Shop) -> None:
    terms = {**GIFT, "target_minor": 10_000, "all_or_nothing": True, "closes_at_ms": now_ms() + 5 * DAY_MS}
    edition = shop.release(**terms)
    with shop.buyer() as buyer, shop.buyer() as other:
        until(buyer, buy(buyer, edition, price_minor=2_500), "pledged")
        until(other, buy(other, edition, price_minor=1_000), "pledged")
        assert buyer.delete("/v1/me").status_code == 204
    wait_until(lambda: board(shop, edition)["campaign"]["givers"] == 1)
    assert board(shop, edition)["campaign"]["raised_minor"] == 1_000
    wait_until(
        lambda: (
            run_sql(shop.dsn, "SELECT amount_minor, state FROM sandbox.payment WHERE NOT setup ORDER BY 1")
            == [(1_000, "authorised"), (2_500, "voided")]
        )
    )


def test_a_cancelled_edition_refunds_everyone_and_refuses_orders(shop: Shop) -> None:
    edition = shop.release(stock=5)
    with shop.buyer() as buyer:
        paid = buy(buyer, edition)
        until(buyer, paid, "confirmed")
        tell(shop.log, CancelEdition(edition_id=edition, merchant_id=MERCHANT, reason="storm"), edition)
        wait_until(lambda: board(shop, edition)["state"] == "cancelled")
        answer = buyer.post("/v1/orders", json=order_of(edition))
        assert (answer.status_code, answer.json()["reason"]) == (409, "cancelled")
        assert answer.json()["type"].endswith("/cancelled")
        given_back = until(buyer, paid, "refunded")
        assert (given_back["refunded_minor"], given_back["returned"]) == (4500, 1)
    wait_until(lambda: board(shop, edition)["cancellation"]["completed"] is True)
    assert board(shop, edition)["cancellation"]["reason"] == "storm"
    assert board(shop, edition)["sold"] == 0


# Returns.


def test_a_buyer_returns_what_the_rule_allows_and_only_once(shop: Shop) -> None:
    edition = shop.release(refund={"by": "buyer", "share_bps": 9_000})
    with shop.buyer() as buyer, shop.buyer() as somebody:
        order_id = buy(buyer, edition, quantity=2)
        confirmed = until(buyer, order_id, "confirmed")
        assert confirmed["returnable"] == {"amount_minor": 8_100, "until_ms": None}
        assert buyer.get(confirmed["receipt_url"]).status_code == 200
        path = f"/v1/orders/{order_id}/return"
        assert somebody.post(path, json={}).status_code == 404
        for _ in range(2):
            answer = buyer.post(path, json={}, headers={"Idempotency-Key": "one"})
            assert answer.status_code == 202, answer.text
        back = until(buyer, order_id, "refunded")
        assert (back["refunded_minor"], back["paid_minor"], back["returned"]) == (8_100, 9_000, 2)
        assert back["returnable"] is None
        other = buyer.post(path, json={"refund_id": "another-one"})
        assert (other.status_code, other.json()["reason"]) == (409, "order_refunded")
        assert buyer.post(path, json={"refund_id": "a:b:cdefgh"}).status_code == 422
    assert run_sql(shop.dsn, "SELECT sum(refunded_minor)::int FROM sandbox.payment") == [(8_100,)]
    assert board(shop, edition)["available"] == 10


def test_without_the_right_or_after_the_deadline_nothing_is_returned(shop: Shop) -> None:
    merchants_only = shop.release()
    short = shop.release(refund={"by": "buyer", "until_ms": now_ms() + 1_500})
    with shop.buyer() as buyer:
        orders = {edition: buy(buyer, edition) for edition in (merchants_only, short)}
        assert until(buyer, orders[merchants_only], "confirmed")["returnable"] is None
        until(buyer, orders[short], "confirmed")
        wait_until(lambda: read(buyer, orders[short])["returnable"] is None)
        for edition, reason in ((merchants_only, "not_returnable"), (short, "too_late")):
            answer = buyer.post(f"/v1/orders/{orders[edition]}/return", json={})
            assert (answer.status_code, answer.json()["reason"]) == (409, reason)
            assert answer.json()["type"].endswith(reason.replace("_", "-"))


# Payments that need their buyer.


def test_an_order_says_what_its_payment_waits_for(shop: Shop) -> None:
    edition = shop.release()
    with shop.buyer() as buyer:
        for card, action in (("sandbox_declined", "another_card"), ("sandbox_authentication", "authenticate")):
            order_id = buy(buyer, edition, card=card)
            wait_until(lambda order_id=order_id: read(buyer, order_id)["buyer_action"] is not None)  # type: ignore[misc]
            asked = read(buyer, order_id)
            assert asked["buyer_action"] == {"action": action, "until_ms": asked["hold_expires_at_ms"], "attempt": 2}


# Recurring gifts.


def test_a_gift_every_month_is_started_once_shown_and_ended(shop: Shop) -> None:
    edition = shop.release(**GIFT)
    gift = gift_of(edition)
    with shop.buyer() as giver, shop.buyer() as somebody:
        refused = giver.post("/v1/gifts", json=gift)
        assert (refused.status_code, refused.json()["reason"]) == (409, "not_registered")
        registered(shop, giver)
        first, again = giver.post("/v1/gifts", json=gift), giver.post("/v1/gifts", json=gift)
        assert (first.status_code, again.status_code) == (201, 200), first.text + again.text
        wait_until(lambda: giver.get("/v1/gifts").json()["gifts"][0]["given"] == 1)
        (shown,) = giver.get("/v1/gifts").json()["gifts"]
        assert (shown["state"], shown["given_minor"], shown["interval_months"]) == ("running", 500, 1)
        assert 27 * DAY_MS < shown["next_at_ms"] - shown["started_at_ms"] < 32 * DAY_MS
        assert shown["last"]["gift_id"] == gift["gift_id"]
        assert (shown["last"]["state"], shown["last"]["paid_minor"]) == ("confirmed", 500)
        assert read(giver, shown["last"]["order_id"])["receipt_url"]

        assert somebody.get("/v1/gifts").json() == {"gifts": []}
        path = f"/v1/gifts/{gift['gift_id']}/end"
        assert somebody.post(path).status_code == 404
        for _ in range(2):
            ended = giver.post(path)
            assert ended.status_code == 200, ended.text
            assert (ended.json()["state"], ended.json()["reason"], ended.json()["next_at_ms"]) == (
                *("ended", "giver", None),
            )
        assert giver.post("/v1/gifts/nonsense/end").status_code == 404
    assert run_sql(shop.dsn, "SELECT count(*) FROM views.orders WHERE gift_id IS NOT NULL") == [(1,)]


def test_what_cannot_be_given_every_month_is_refused(shop: Shop) -> None:
    edition, tickets = shop.release(**GIFT), shop.release()
    campaign = shop.release(**GIFT, target_minor=500, all_or_nothing=True, closes_at_ms=now_ms() + DAY_MS)
    assert board(shop, edition)["recurring_months"] == [1, 3, 6, 12]
    assert board(shop, campaign)["recurring_months"] == []
    with shop.buyer() as giver:
        registered(shop, giver)
        cases = (
            (gift_of(tickets, amount_minor=4500), 409, "not_recurring"),
            (gift_of(campaign), 409, "not_recurring"),
            (gift_of(edition, amount_minor=5), 409, "wrong_price"),
            (gift_of(edition, interval_months=2), 422, None),
            (gift_of(edition, one_tap=False), 422, "needs_payment_method"),
            (gift_of(edition, gift_id=new_order_id(tickets)), 422, None),
            (gift_of(edition, gift_id="x"), 422, None),
        )
        for body, status, reason in cases:
            answer = giver.post("/v1/gifts", json=body)
            assert (answer.status_code, answer.json().get("reason")) == (status, reason), answer.text


def test_an_erasure_ends_recurring_gifts_first(shop: Shop) -> None:
    edition = shop.release(**GIFT)
    with shop.buyer() as giver:
        registered(shop, giver)
        assert giver.post("/v1/gifts", json=gift_of(edition)).status_code == 201
        assert giver.delete("/v1/me").status_code == 204
    assert run_sql(shop.dsn, "SELECT ended FROM views.recurring_gifts") == [("giver",)]
