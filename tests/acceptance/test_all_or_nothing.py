"""A campaign in both outcomes, a gift every month, and buyers who return their order: the demo shop, over HTTP, with
the sandbox's money."""

import time
from typing import Any

import httpx

from buystream.vocabulary.ids import new_order_id
from tests.support.browser import DemoShop
from tests.support.patience import patient, wait_until

DELIVERY = {"name": "Anna Example", "email": "anna@example.org"}
GIFT = {"kind": "gift", "currency": "EUR", "price_min_minor": 500, "price_max_minor": 50_000, "limit_per_buyer": 50}
DAY_MS = 86_400_000


def buyer(shop: DemoShop) -> httpx.Client:
    """A new buyer."""
    token = httpx.post(f"{shop.url}/v1/session", json={}).json()["token"]
    return httpx.Client(base_url=shop.url, headers={"Authorization": f"Bearer {token}"})


def give(giver: httpx.Client, edition: str, amount_minor: int, *, one_tap: bool = False) -> str:
    """Order and pay; the order's id."""
    order_id = new_order_id(edition)
    body = {"order_id": order_id, "edition_id": edition, "quantity": 1, "price_minor": amount_minor}
    placed = giver.post("/v1/orders", json=body)
    assert placed.status_code == 201, placed.text
    details = {"payment_method": "sandbox_accepted", "delivery": DELIVERY, "save": True}
    paying = giver.post(f"/v1/orders/{order_id}/payment", json={"one_tap": True} if one_tap else details)
    assert paying.status_code == 202, paying.text
    return order_id


def until(giver: httpx.Client, order_id: str, state: str) -> dict[str, Any]:
    """The order once it is in that state."""

    def read() -> dict[str, Any]:
        body: dict[str, Any] = giver.get(f"/v1/orders/{order_id}").json()
        return body

    wait_until(lambda: read()["state"] == state, 60, otherwise=lambda: f"{read()}, not {state}")
    return read()


def campaign_until(shop: DemoShop, edition: str, **wanted: Any) -> dict[str, Any]:
    """The campaign once its board says so."""

    def read() -> dict[str, Any]:
        campaign: dict[str, Any] = shop.board(edition)["campaign"]
        return campaign

    wait_until(lambda: wanted.items() <= read().items(), 60, otherwise=lambda: f"{read()} never had {wanted}")
    return read()


def in_ms(seconds: float) -> int:
    return int((time.time() + seconds) * 1000)


def test_a_campaign_that_reaches_its_target_takes_the_money_and_counts_on(demo_shop: DemoShop) -> None:
    edition = demo_shop.on_sale("charity", **GIFT, target_minor=3_000, all_or_nothing=True, closes_at_ms=in_ms(3_600))
    with buyer(demo_shop) as anna, buyer(demo_shop) as ben, buyer(demo_shop) as late:
        first = give(anna, edition, 1_000)
        pledged = until(anna, first, "pledged")
        assert pledged["pledge"]["charged"] == "when_reached"
        assert (pledged["paid_minor"], pledged["payment"]["state"]) == (0, "authorised")
        second = give(ben, edition, 2_500)
        for giver, order_id, amount_minor in ((anna, first, 1_000), (ben, second, 2_500)):
            assert until(giver, order_id, "confirmed")["paid_minor"] == amount_minor
        reached = campaign_until(demo_shop, edition, reached=True)
        assert (reached["raised_minor"], reached["givers"], reached["charged"]) == (3_500, 2, "now")
        assert until(late, give(late, edition, 500), "confirmed")["pledge"] is None
    campaign_until(demo_shop, edition, raised_minor=4_000, givers=3)


def test_a_campaign_that_misses_its_target_charges_nobody_and_offers_another_project(demo_shop: DemoShop) -> None:
    terms = {"target_minor": 50_000, "all_or_nothing": True, "if_missed": "choose", "closes_at_ms": in_ms(patient(5))}
    edition, another = demo_shop.on_sale("charity", **GIFT, **terms), demo_shop.on_sale("charity", **GIFT)
    with buyer(demo_shop) as giver:
        order_id = give(giver, edition, 2_000)
        assert until(giver, order_id, "pledged")["alternatives"] == []
        missed = until(giver, order_id, "cancelled")
        assert (missed["reason"], missed["paid_minor"]) == ("campaign_missed", 0)
        ended = campaign_until(demo_shop, edition, outcome="missed", givers=0)
        assert ended["raised_minor"] == 0
        demo_shop.shows(edition, state="closed")
        refused = giver.post(
            "/v1/orders",
            json={"order_id": new_order_id(edition), "edition_id": edition, "quantity": 1, "price_minor": 500},
        )
        assert (refused.status_code, refused.json()["reason"]) == (409, "closed")

        offered = {board["edition_id"] for board in missed["alternatives"]}
        assert another in offered
        assert edition not in offered
        assert all(board["state"] == "open" for board in missed["alternatives"])
        again = give(giver, another, 2_000, one_tap=True)
        assert until(giver, again, "confirmed")["paid_minor"] == 2_000
        assert until(giver, order_id, "cancelled")["payment"]["state"] == "voided"


def test_a_long_campaign_saves_the_card_and_says_when_it_charges(demo_shop: DemoShop) -> None:
    terms = {"target_minor": 1_000, "all_or_nothing": True, "closes_at_ms": in_ms(30 * 86_400)}
    edition = demo_shop.on_sale("charity", **GIFT, **terms)
    with buyer(demo_shop) as giver:
        pledged = until(giver, give(giver, edition, 1_000), "pledged")
        assert pledged["pledge"] == {"charged": "at_end", "ends_at_ms": terms["closes_at_ms"]}
        assert (pledged["payment"]["state"], pledged["paid_minor"]) == ("method_saved", 0)
        campaign_until(demo_shop, edition, reached=True, charged="at_end", outcome=None)


def test_a_giver_gives_every_month_until_the_giver_ends_it(demo_shop: DemoShop) -> None:
    saplings = demo_shop.sample("charity")["edition_id"]
    assert 1 in demo_shop.board(saplings)["recurring_months"]
    with buyer(demo_shop) as giver:
        until(giver, give(giver, saplings, 1_500), "confirmed")
        wait_until(lambda: giver.get("/v1/me").json()["registered"])
        body = {"gift_id": new_order_id(saplings), "edition_id": saplings, "amount_minor": 500, "interval_months": 1}
        started = giver.post("/v1/gifts", json=body)
        assert started.status_code == 201, started.text
        until(giver, started.json()["last"]["order_id"], "confirmed")
        (gift,) = giver.get("/v1/gifts").json()["gifts"]
        assert (gift["given"], gift["given_minor"], gift["state"]) == (1, 500, "running")
        assert gift["next_at_ms"] > gift["started_at_ms"] + 27 * DAY_MS
        ended = giver.post(f"/v1/gifts/{gift['gift_id']}/end").json()
        assert (ended["state"], ended["next_at_ms"]) == ("ended", None)


def test_a_ticket_can_be_returned_before_the_deadline_and_not_after(demo_shop: DemoShop) -> None:
    rule = {"by": "buyer", "share_bps": 9_000}
    open_ended = demo_shop.on_sale("band", stock=3, refund={**rule, "until_ms": in_ms(3_600)})
    short = demo_shop.on_sale("band", stock=3, refund={**rule, "until_ms": in_ms(patient(4))})
    with buyer(demo_shop) as fan:
        kept, returned = give(fan, short, 3_500), give(fan, open_ended, 3_500)
        until(fan, kept, "confirmed")
        assert until(fan, returned, "confirmed")["returnable"]["amount_minor"] == 3_150
        answer = fan.post(f"/v1/orders/{returned}/return", json={}, headers={"Idempotency-Key": "tap"})
        assert answer.status_code == 202, answer.text
        back = until(fan, returned, "refunded")
        assert (back["refunded_minor"], back["returned"]) == (3_150, 1)
        assert demo_shop.board(open_ended)["available"] == 3

        wait_until(lambda: fan.get(f"/v1/orders/{kept}").json()["returnable"] is None, 60)
        late = fan.post(f"/v1/orders/{kept}/return", json={})
        assert (late.status_code, late.json()["reason"]) == (409, "too_late")
        assert fan.get(f"/v1/orders/{kept}").json()["state"] == "confirmed"
