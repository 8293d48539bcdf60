"""Tickets over HTTP: only its holder has the code of a ticket."""

import base64
import io
from typing import Any
from urllib.parse import urlsplit

import httpx
import pypdfium2
import pytest
import zxingcpp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from icalendar import Calendar
from PIL import Image

from buystream.ticket_codes import BadCode, TicketCode, read
from buystream.time_zones import zone
from tests.integration.test_merchants_money import bought, refund
from tests.support.patience import wait_until
from tests.support.shop import Shop, lasting_shop

__all__ = ["lasting_shop"]

STARTS_AT_MS = 1_900_000_000_000
EVENT = {
    "starts_at_ms": STARTS_AT_MS,
    "doors_at_ms": STARTS_AT_MS - 3_600_000,
    "ends_at_ms": STARTS_AT_MS + 7_200_000,
    "venue": "The Boathouse",
    "address": "2 Quay Street",
    "time_zone": "Europe/London",
    "asks_names": True,
}


def concert(shop: Shop, **terms: Any) -> str:
    return shop.release(kind="ticket", needs_address=False, limit_per_buyer=4, event=EVENT, **terms)


def keys_of(shop: Shop, merchant_id: str) -> dict[int, Ed25519PublicKey]:
    """What a scanner fetches: no session, no secret."""
    published = httpx.get(f"{shop.url}/v1/merchants/{merchant_id}/ticket-keys").json()["keys"]
    assert {(key["kty"], key["crv"]) for key in published} == {("OKP", "Ed25519")}
    return {
        key["version"]: Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(key["x"] + "="))
        for key in published
    }


def tickets_of(buyer: httpx.Client, order_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = buyer.get(f"/v1/orders/{order_id}/tickets").json()["tickets"]
    return found


def states_of(buyer: httpx.Client, order_id: str) -> list[str]:
    return [ticket["state"] for ticket in tickets_of(buyer, order_id)]


def on_paper(pdf: bytes) -> list[str]:
    pages = [page.render(scale=2).to_pil() for page in pypdfium2.PdfDocument(pdf)]
    return [code.text for page in pages for code in zxingcpp.read_barcodes(page)]


def test_each_unit_is_a_ticket_and_its_picture_its_page_and_its_pdf_have_one_code(lasting_shop: Shop) -> None:
    with lasting_shop.buyer() as buyer, lasting_shop.merchant() as merchant:
        order_id = bought(lasting_shop, buyer, concert(lasting_shop), quantity=2)
        first, second = tickets_of(buyer, order_id)
        keys = keys_of(lasting_shop, merchant.get("/v1/merchant").json()["merchant_id"])
        assert [(one["state"], one["issue"], one["can_pass_on"]) for one in (first, second)] == [("valid", 1, True)] * 2
        assert read(second["code"], keys) == TicketCode(
            key_version=1,
            ticket_id=f"{order_id}~2",
            valid_from_ms=STARTS_AT_MS - 3_600_000,
            valid_until_ms=STARTS_AT_MS + 7_200_000,
        )
        assert on_paper(buyer.get(f"/orders/{order_id}/tickets.pdf").content) == [first["code"], second["code"]]
        picture = buyer.get(f"/tickets/{order_id}~2/ticket.png").content
        assert [one.text for one in zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)))] == [second["code"]]
        calendar = Calendar.from_ical(buyer.get(f"/tickets/{order_id}~2/event.ics").content)
        assert calendar.events[0].start.tzinfo.key == zone("Europe/London").key  # type: ignore[attr-defined]
        order = buyer.get(f"/v1/orders/{order_id}").json()
        assert order["tickets_url"] == f"/orders/{order_id}/tickets"
        with lasting_shop.buyer() as stranger:
            for path in (f"/v1/orders/{order_id}/tickets", f"/v1/tickets/{order_id}~1", f"/tickets/{order_id}~1"):
                assert stranger.get(path).status_code == 404
            assert stranger.get("/v1/tickets/nonsense").status_code == 404


def test_a_ticket_is_passed_on_by_a_link_that_works_once(lasting_shop: Shop) -> None:
    with lasting_shop.buyer() as anna, lasting_shop.buyer() as ben, lasting_shop.buyer() as carla:
        order_id = bought(lasting_shop, anna, concert(lasting_shop), quantity=2)
        path = f"/v1/tickets/{order_id}~2"
        old = anna.get(path).json()["code"]
        passed = anna.post(f"{path}/pass-on", json={"issue": 1}).json()
        assert (passed["state"], passed["code"], passed["can_take_back"]) == ("offered", None, True)
        assert anna.post(f"{path}/pass-on", json={"issue": 1}).json()["claim_url"] == passed["claim_url"]
        token = urlsplit(passed["claim_url"]).fragment
        assert ben.post(f"{path}/claim", json={"token": "a-guess"}).status_code == 404
        claimed = ben.post(f"{path}/claim", json={"token": token, "name": "Ben", "email": "ben@example.org"}).json()
        assert (claimed["state"], claimed["issue"], claimed["attendee"]) == ("valid", 2, "Ben")
        assert claimed["code"] not in (None, old)
        again = carla.post(f"{path}/claim", json={"token": token})
        assert (again.status_code, again.json().get("reason")) == (409, "ticket_changed")
        assert [(one["state"], one["code"] is None) for one in tickets_of(anna, order_id)] == [
            ("valid", False),
            ("passed_on", True),
        ]
        assert anna.post(f"{path}/pass-on", json={"issue": 2}).status_code == 404
        assert [one["ticket_id"] for one in ben.get("/v1/tickets").json()["tickets"]] == [f"{order_id}~2"]
        with lasting_shop.merchant() as merchant:
            guests = merchant.get(f"/v1/merchant/orders/{order_id}/tickets").json()["guests"]
            assert [(one["name"], one["is_passed_on"]) for one in guests][1] == ("Ben", True)
        assert not any(b"Ben" in record for record in lasting_shop.commands("ClaimTicket"))


def test_an_unclaimed_ticket_comes_back_with_a_new_code(lasting_shop: Shop) -> None:
    with lasting_shop.buyer() as anna, lasting_shop.buyer() as ben:
        order_id = bought(lasting_shop, anna, concert(lasting_shop))
        path = f"/v1/tickets/{order_id}~1"
        old = anna.get(path).json()["code"]
        token = urlsplit(anna.post(f"{path}/pass-on", json={"issue": 1}).json()["claim_url"]).fragment
        kept = anna.post(f"{path}/take-back", json={}).json()
        assert (kept["state"], kept["issue"]) == ("valid", 2)
        assert kept["code"] != old
        assert ben.post(f"{path}/claim", json={"token": token}).status_code == 404
        named = anna.post(f"{path}/attendee", json={"name": "Anna’s mother"}).json()
        assert named["attendee"] == "Anna’s mother"


def test_a_refund_ends_the_tickets_that_the_merchant_chose_or_the_last(lasting_shop: Shop) -> None:
    with lasting_shop.buyer() as buyer, lasting_shop.merchant() as merchant:
        edition = concert(lasting_shop)
        order_id = bought(lasting_shop, buyer, edition, quantity=3)
        price_minor = tickets_of(buyer, order_id)[0]["price_minor"]
        chosen = merchant.post(f"/v1/merchant/orders/{order_id}/returned-tickets", json={"numbers": [1]})
        assert chosen.status_code == 200, chosen.text
        for key, expected in (("a", ["refunded", "valid", "valid"]), ("b", ["refunded", "valid", "refunded"])):
            asked = refund(merchant, order_id, key=key, amount_minor=price_minor, quantity=1)
            assert asked.status_code == 202, asked.text
            wait_until(lambda expected=expected: states_of(buyer, order_id) == expected)  # type: ignore[misc]
        page = merchant.get(f"/v1/merchant/editions/{edition}/guests", params={"limit": 1}).json()
        assert [one["state"] for one in page["guests"]] == ["refunded", "valid", "refunded"]
        assert page["next"] is None
        assert merchant.post(f"/v1/merchant/editions/{edition}/cancel", json={}).status_code == 202
        wait_until(lambda: states_of(buyer, order_id) == ["refunded"] * 3)


def test_a_key_that_was_rotated_signs_later_orders_only(lasting_shop: Shop) -> None:
    with lasting_shop.buyer() as buyer, lasting_shop.merchant() as merchant:
        merchant_id = merchant.get("/v1/merchant").json()["merchant_id"]
        edition = concert(lasting_shop)
        before = bought(lasting_shop, buyer, edition)
        old = tickets_of(buyer, before)[0]["code"]
        rotated = merchant.post("/v1/merchant/ticket-keys", json={"version": 2})
        assert [key["version"] for key in rotated.json()["keys"]] == [1, 2]
        assert merchant.post("/v1/merchant/ticket-keys", json={"version": 4}).status_code == 409
        after = tickets_of(buyer, bought(lasting_shop, buyer, edition))[0]["code"]
        assert tickets_of(buyer, before)[0]["code"] == old
        keys = keys_of(lasting_shop, merchant_id)
        assert [read(code, keys).key_version for code in (old, after)] == [1, 2]
        with pytest.raises(BadCode):
            read(after, {2: keys[1]})


def test_an_event_that_moves_changes_no_code(lasting_shop: Shop) -> None:
    edition_id = concert(lasting_shop)
    with lasting_shop.buyer() as buyer, lasting_shop.merchant() as merchant:
        order_id = bought(lasting_shop, buyer, edition_id)
        (before,) = tickets_of(buyer, order_id)
        week_later_ms = STARTS_AT_MS + 604_800_000
        where = f"/v1/merchant/editions/{edition_id}/event"
        moved = merchant.put(where, json={"starts_at_ms": week_later_ms, "venue": "The Old Brewery"}).json()
        assert moved["can_move_event"]
        assert moved["event"] == EVENT | {
            "starts_at_ms": week_later_ms,
            "doors_at_ms": week_later_ms - 3_600_000,
            "ends_at_ms": week_later_ms + 7_200_000,
            "venue": "The Old Brewery",
        }
        (after,) = tickets_of(buyer, order_id)
        assert after["code"] == before["code"]
        assert after["event"] == moved["event"]
        assert "The Old Brewery" in buyer.get(f"/orders/{order_id}/tickets").text
        unknown = merchant.put(where, json={"starts_at_ms": week_later_ms, "time_zone": "Europe/Nowhere"})
        assert (unknown.status_code, unknown.json()["reason"]) == (422, "bad_time_zone")
        plain = merchant.put(
            f"/v1/merchant/editions/{lasting_shop.release()}/event", json={"starts_at_ms": week_later_ms}
        )
        assert plain.json()["reason"] == "no_event"
