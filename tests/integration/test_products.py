"""What a merchant sells, from the draft to the archive: stories, pictures, schedules, copies and series."""

import io
from datetime import UTC, datetime
from typing import Any

import httpx
from PIL import Image

from tests.support.patience import wait_until
from tests.support.shop import Shop, lasting_shop, order_of

__all__ = ["lasting_shop"]

STARTS_MS = 4_070_908_800_000
WEEK_MS = 7 * 86_400_000
HALL = {"starts_at_ms": STARTS_MS, "venue": "The Great Hall", "time_zone": "Europe/London"}
TERMS: dict[str, Any] = {"title": "Night Sky, live", "price_minor": 4500, "stock": 10, "needs_address": False}
NOTES = [{"title": "Minimum age", "text": "16, or with an adult"}]


def photo(colour: str = "teal", width: int = 900, height: int = 600) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(file, format="JPEG")
    return file.getvalue()


def uploaded(merchant: httpx.Client, content: bytes, kind: str = "image/jpeg") -> str:
    answer = merchant.post("/v1/merchant/pictures", content=content, headers={"Content-Type": kind})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["picture_id"])


def drafted(merchant: httpx.Client, **terms: Any) -> dict[str, Any]:
    answer = merchant.post("/v1/merchant/drafts", json={**TERMS, **terms})
    assert answer.status_code == 201, answer.text
    draft: dict[str, Any] = answer.json()
    return draft


def moment_now() -> str:
    return datetime.now(UTC).isoformat()


def listed(shop: Shop) -> set[str]:
    return {one["edition_id"] for one in httpx.get(f"{shop.url}/v1/editions").json()["editions"]}


def preview(shop: Shop, draft: dict[str, Any]) -> httpx.Response:
    return httpx.get(shop.url + draft["preview_url"].removeprefix(shop.parts.public_url))


def test_a_draft_is_seen_by_its_link_only_and_released_with_its_story_and_picture(lasting_shop: Shop) -> None:
    with lasting_shop.merchant() as merchant:
        picture_id = uploaded(merchant, photo())
        pictures = [{"picture_id": picture_id, "alt": "Lanterns on the water"}]
        draft = drafted(merchant, story="## One *night*", pictures=pictures, notes=NOTES)
        edition_id = draft["edition_id"]
        for path in (f"/v1/editions/{edition_id}", f"/e/{edition_id}", f"/preview/{edition_id}?key=wrong"):
            assert httpx.get(lasting_shop.url + path).status_code == 404, path
        shown = preview(lasting_shop, draft)
        assert "<h3>One <em>night</em></h3>" in shown.text
        assert "Lanterns on the water" in shown.text
        assert (shown.headers["x-robots-tag"], shown.headers["cache-control"]) == ("noindex", "no-store")

        released = merchant.post(f"/v1/merchant/drafts/{edition_id}/release", json={})
        assert released.status_code == 201, released.text
        again = merchant.post(f"/v1/merchant/drafts/{edition_id}/release", json={})
        assert [one["edition_id"] for one in again.json()["editions"]] == [edition_id]
        assert merchant.get("/v1/merchant/drafts").json() == {"drafts": []}
        assert preview(lasting_shop, draft).status_code == 404

    said = httpx.get(f"{lasting_shop.url}/v1/editions/{edition_id}/page").json()
    assert (said["story"], said["notes"], said["series"]) == ("## One *night*", NOTES, [])
    assert said["story_text"] == "One night"
    board = httpx.get(f"{lasting_shop.url}/v1/editions/{edition_id}").json()
    assert (board["picture"]["alt"], board["notes"], board["has_story"]) == ("Lanterns on the water", NOTES, True)
    page = httpx.get(f"{lasting_shop.url}/e/{edition_id}").text
    assert "<h3>One <em>night</em></h3>" in page
    assert "16, or with an adult" in page
    assert f'content="http://127.0.0.1/pictures/{picture_id}/link.jpg"' in page
    assert '<meta property="og:image:type" content="image/jpeg">' in page
    assert '<meta property="og:description" content="Night Sky: 45.00 USD. One night">' in page


def test_a_picture_is_kept_for_a_year_under_a_name_that_says_its_bytes(lasting_shop: Shop) -> None:
    with lasting_shop.merchant() as merchant:
        picture_id = uploaded(merchant, photo("maroon"))
        assert uploaded(merchant, photo("maroon")) == picture_id
        assert picture_id.endswith("-900x600")
        for name, kind in (("400.webp", "image/webp"), ("900.jpg", "image/jpeg"), ("link.jpg", "image/jpeg")):
            file = httpx.get(f"{lasting_shop.url}/pictures/{picture_id}/{name}")
            assert file.headers["cache-control"] == "public, max-age=31536000, immutable"
            assert (file.headers["content-type"], file.headers["x-content-type-options"]) == (kind, "nosniff")
            assert "set-cookie" not in file.headers
        for path in (f"{picture_id}/401.webp", f"{'0' * 32}-9x9/9.jpg", "x/400.webp"):
            assert httpx.get(f"{lasting_shop.url}/pictures/{path}").status_code == 404, path
        wrong = merchant.post("/v1/merchant/pictures", content=b"<svg/>", headers={"Content-Type": "image/png"})
        assert (wrong.status_code, wrong.json()["type"].rpartition("/")[2]) == (422, "bad-picture")
        unknown = merchant.post("/v1/merchant/drafts", json={**TERMS, "pictures": [{"picture_id": f"{'0' * 32}-9x9"}]})
        assert (unknown.status_code, unknown.json()["type"].rpartition("/")[2]) == (404, "unknown-picture")
    stranger = {"Authorization": "Bearer someone else", "Content-Type": "image/jpeg"}
    refused = httpx.post(f"{lasting_shop.url}/v1/merchant/pictures", content=photo(), headers=stranger)
    assert refused.status_code == 401


def test_a_buyer_keeps_the_title_that_was_bought_and_later_buyers_get_the_new_one(lasting_shop: Shop) -> None:
    edition_id = lasting_shop.release()
    with lasting_shop.buyer() as anna, lasting_shop.buyer() as ben, lasting_shop.merchant() as merchant:
        first = anna.post("/v1/orders", json=order_of(edition_id)).json()
        path = f"/v1/merchant/editions/{edition_id}/page"
        edited = merchant.put(path, json={"title": "Night Sky, live again", "story": "Moved **indoors**."})
        assert (edited.status_code, edited.json()["title"]) == (200, "Night Sky, live again")
        second = ben.post("/v1/orders", json=order_of(edition_id)).json()
        assert anna.get(f"/v1/orders/{first['order_id']}").json()["title"] == "Night Sky, live"
        assert ben.get(f"/v1/orders/{second['order_id']}").json()["title"] == "Night Sky, live again"
        now = {one["order_id"]: one["title"] for one in merchant.get("/v1/merchant/orders").json()["orders"]}
        as_of = merchant.get("/v1/merchant/orders", params={"as_of": moment_now()}).json()["orders"]
        then = {one["order_id"]: one["title"] for one in as_of}
        for shown in (now, then):
            assert shown[first["order_id"]] == "Night Sky, live"
            assert shown[second["order_id"]] == "Night Sky, live again"
        assert merchant.put(path, json={"title": ""}).status_code == 422
        assert merchant.get(path).json()["story"] == "Moved **indoors**."


def test_an_archived_edition_leaves_the_lists_and_its_buyers_keep_its_page(lasting_shop: Shop) -> None:
    edition_id = lasting_shop.release(title="Archived")
    path = f"/v1/merchant/editions/{edition_id}"
    with lasting_shop.buyer() as anna, lasting_shop.buyer() as ben, lasting_shop.merchant() as merchant:
        anna.post("/v1/orders", json=order_of(edition_id))
        assert merchant.post(f"{path}/archive").json()["reason"] == "still_on_sale"
        ended = merchant.post(f"{path}/end").json()
        assert (ended["state"], ended["can_archive"], ended["can_end"]) == ("closed", True, False)
        assert edition_id in listed(lasting_shop)
        archived = merchant.post(f"{path}/archive").json()
        assert archived["is_archived"]
        shown = merchant.get("/v1/merchant/editions").json()["editions"]
        assert edition_id not in {one["edition_id"] for one in shown}
        shown = merchant.get("/v1/merchant/editions?archived=true").json()["editions"]
        assert edition_id in {one["edition_id"] for one in shown}
        assert anna.get(f"/e/{edition_id}").status_code == 200
        assert ben.get(f"/e/{edition_id}").status_code == 404
        assert httpx.get(f"{lasting_shop.url}/v1/editions/{edition_id}/page").status_code == 404
        assert merchant.delete(f"{path}/archive").json()["is_archived"] is False
        wait_until(lambda: ben.get(f"/e/{edition_id}").status_code == 200)


def test_a_sale_is_scheduled_and_opens_again(lasting_shop: Shop) -> None:
    edition_id = lasting_shop.release()
    path = f"/v1/merchant/editions/{edition_id}"
    with lasting_shop.buyer() as anna, lasting_shop.merchant() as merchant:
        board = merchant.put(f"{path}/schedule", json={"opens_at_ms": STARTS_MS}).json()
        assert (board["state"], board["opens_at_ms"]) == ("scheduled", STARTS_MS)
        assert anna.post("/v1/orders", json=order_of(edition_id)).json()["reason"] == "not_open"
        assert merchant.post(f"{path}/end").json()["state"] == "closed"
        board = merchant.put(f"{path}/schedule", json={}).json()
        assert (board["state"], board["closes_at_ms"]) == ("open", None)
        assert anna.post("/v1/orders", json=order_of(edition_id)).status_code == 201


def test_a_copy_is_a_draft_with_the_page_of_now(lasting_shop: Shop) -> None:
    with lasting_shop.merchant() as merchant:
        edition_id = lasting_shop.release(story="The story.", notes=NOTES, closes_at_ms=STARTS_MS)
        merchant.put(f"/v1/merchant/editions/{edition_id}/page", json={"story": "A better one."})
        headers = {"Idempotency-Key": f"copy {edition_id}"}
        copied = merchant.post(f"/v1/merchant/editions/{edition_id}/copy", headers=headers).json()
        again = merchant.post(f"/v1/merchant/editions/{edition_id}/copy", headers=headers).json()
        assert again["edition_id"] == copied["edition_id"] != edition_id
        offer = copied["offer"]
        assert (offer["page"]["story"], offer["page"]["notes"]) == ("A better one.", NOTES)
        assert offer["window"] == {"opens_at_ms": None, "closes_at_ms": None}
        changed = merchant.put(f"/v1/merchant/drafts/{copied['edition_id']}/page", json={"title": "The copy"}).json()
        assert (changed["offer"]["title"], changed["offer"]["page"]["story"]) == ("The copy", "A better one.")
        assert merchant.delete(f"/v1/merchant/drafts/{copied['edition_id']}").status_code == 200
        assert merchant.get(f"/v1/merchant/drafts/{copied['edition_id']}").status_code == 404


def test_one_draft_for_several_dates_is_a_series_whose_pages_lead_to_each_other(lasting_shop: Shop) -> None:
    with lasting_shop.merchant() as merchant:
        draft = drafted(merchant, kind="ticket", event=HALL, closes_at_ms=STARTS_MS - 3_600_000)
        dates = [{"starts_at_ms": STARTS_MS + week * WEEK_MS} for week in range(3)]
        dates[2]["venue"] = "The Old Brewery"  # type: ignore[assignment]
        path = f"/v1/merchant/drafts/{draft['edition_id']}/release"
        editions = merchant.post(path, json={"dates": dates}).json()["editions"]
    assert editions[0]["edition_id"] == draft["edition_id"]
    assert [one["event"]["starts_at_ms"] for one in editions] == [one["starts_at_ms"] for one in dates]
    assert [one["closes_at_ms"] - one["event"]["starts_at_ms"] for one in editions] == [-3_600_000] * 3
    page = httpx.get(f"{lasting_shop.url}/e/{editions[1]['edition_id']}").text
    assert f'href="/e/{editions[0]["edition_id"]}"' in page
    assert f'href="/e/{editions[2]["edition_id"]}"' in page
    assert "The Old Brewery" in page
    said = httpx.get(f"{lasting_shop.url}/v1/editions/{editions[0]['edition_id']}/page").json()
    assert [one["edition_id"] for one in said["series"]] == [one["edition_id"] for one in editions[1:]]


def test_dates_are_of_an_event(lasting_shop: Shop) -> None:
    with lasting_shop.merchant() as merchant:
        draft = drafted(merchant)
        dates = [{"starts_at_ms": STARTS_MS}]
        refused = merchant.post(f"/v1/merchant/drafts/{draft['edition_id']}/release", json={"dates": dates})
        assert refused.json()["reason"] == "no_event"
