"""What other sites and programs get of an edition's link: previews, oEmbed, the card, the poster, buy permalinks; and
what is known of the buyers who come by it."""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from html import unescape
from html.parser import HTMLParser
from typing import Any

import httpx
import psycopg2
import pytest
from micawber import Provider

from buystream.gateway.server import impressions
from buystream.projections.attribution import Attribution, placement_figures
from buystream.projections.engine.scratch import past_view
from buystream.projections.engine.until import Until
from tests.support.examples import MERCHANT
from tests.support.patience import wait_until
from tests.support.shop import DELIVERY, Shop, lasting_shop, order_of

__all__ = ["lasting_shop"]

HALL = {
    "starts_at_ms": 4_070_908_800_000,
    "doors_at_ms": 4_070_905_200_000,
    "ends_at_ms": 4_070_919_600_000,
    "venue": "The Great Hall",
    "time_zone": "Europe/London",
}
KINDS = [{"kind": "ticket", "event": HALL}, {"kind": "record"}, {"kind": "item"}, {"kind": "gift", "stock": None}]


@pytest.fixture(scope="module", autouse=True)
def reports_soon() -> Iterator[None]:
    """Nobody waits half a minute here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(impressions, "FLUSH_SECONDS", 0.05)
        yield


class Head(HTMLParser):
    """The properties, links and linked data of a page's head."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.properties: dict[str, str] = {}
        self.links: dict[str, str] = {}
        self.feed(page)
        found = re.search(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
        assert found is not None
        self.linked = json.loads(found[1])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        if tag == "meta" and "content" in named:
            self.properties[named.get("property") or named.get("name", "")] = named["content"]
        elif tag == "link":
            self.links[named.get("type") or named["rel"]] = named["href"]


@pytest.mark.parametrize("terms", KINDS, ids=lambda terms: terms["kind"])
def test_each_kind_of_edition_meets_the_rules_of_previews(lasting_shop: Shop, terms: dict[str, object]) -> None:
    """Facebook: title, type, url, image; LinkedIn: the same with at least 1200 by 627 pixels; Mastodon: Open Graph, and
    oEmbed by discovery."""
    edition = lasting_shop.release(title='Night Sky </script> & "more"', description="Fifteen songs.", **terms)
    head = Head(httpx.get(f"{lasting_shop.url}/e/{edition}?fbclid=x").text)
    public = f"{lasting_shop.parts.public_url}/e/{edition}"
    assert head.properties["og:title"] == 'Night Sky </script> & "more"'
    assert head.properties["og:url"] == head.links["canonical"] == public
    assert len(head.properties["og:description"]) <= 200
    assert head.properties["og:image"] == f"{public}/picture.png"
    assert (head.properties["og:image:width"], head.properties["og:image:height"]) == ("1200", "630")
    assert head.linked["name"] == head.properties["og:title"]
    drawn = httpx.get(f"{lasting_shop.url}/e/{edition}/picture.png")
    assert (drawn.headers["content-type"], drawn.content[:4]) == ("image/png", b"\x89PNG")
    assert "max-age" in drawn.headers["cache-control"]
    assert int.from_bytes(drawn.content[16:20]) >= 1200


def test_an_oembed_consumer_gets_a_frame_it_may_show(lasting_shop: Shop) -> None:
    edition = lasting_shop.release(title='"Night" <Sky>')
    address = f"{lasting_shop.parts.public_url}/e/{edition}"
    discovered = Head(httpx.get(f"{lasting_shop.url}/e/{edition}").text).links["application/json+oembed"]
    assert discovered.startswith(f"{lasting_shop.parts.public_url}/oembed?url=")
    said = Provider(f"{lasting_shop.url}/oembed").request(address, maxwidth=320, maxheight=10_000)
    assert (said["type"], said["version"], said["width"]) == ("rich", "1.0", 320)
    assert unescape(said["html"]).count('title=""Night" <Sky>"') == 1
    assert f'src="{address}/card"' in said["html"]
    card = httpx.get(f"{lasting_shop.url}/e/{edition}/card")
    assert "frame-ancestors" not in card.headers["content-security-policy"]
    assert "script" not in card.text
    assert "frame-ancestors 'none'" in httpx.get(f"{lasting_shop.url}/e/{edition}").headers["content-security-policy"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("url=https://elsewhere.example/e/ed0-0123456789", 404),
        ("url=nothing", 404),
        ("url=http://[::1/e/x", 404),
        ("url=//[/e/x", 404),
        ("url=http://%E2%84%80/e/x", 404),
        ("", 422),
        ("url={}&format=xml", 501),
        ("url={}&maxwidth=wide", 422),
        ("url={}/card", 404),
    ],
)
def test_oembed_answers_what_it_does_not_embed(lasting_shop: Shop, query: str, status: int) -> None:
    address = f"{lasting_shop.parts.public_url}/e/{lasting_shop.release()}"
    answer = httpx.get(f"{lasting_shop.url}/oembed?{query.format(address)}")
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_a_poster_is_a_pdf(lasting_shop: Shop) -> None:
    answer = httpx.get(f"{lasting_shop.url}/e/{lasting_shop.release()}/poster.pdf")
    assert (answer.headers["content-type"], answer.content[:5]) == ("application/pdf", b"%PDF-")


def test_a_buy_permalink_leads_to_the_page_with_its_choice_and_orders_nothing(lasting_shop: Shop) -> None:
    edition = lasting_shop.release(title="Shirt")
    placed = len(lasting_shop.commands("PlaceOrder"))
    answer = httpx.get(f"{lasting_shop.url}/buy/{edition}:2?attribution/utm_source=mail&buyer/email=a@example.org")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/e/{edition}?lines=:2&utm_source=mail")
    assert answer.content == b""
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    page = httpx.get(f"{lasting_shop.url}{answer.headers['location']}").text
    assert f'<buy-button edition="{edition}" lines=":2" source="mail">' in page
    assert len(lasting_shop.commands("PlaceOrder")) == placed


@pytest.mark.parametrize(
    "path",
    [
        *("/buy/nonsense", "/buy/ed0-0123456789:0", "/buy/~AA:1", "/buy?a=1&/a=2", "/buy?continue_to=//evil.example"),
        *("/buy?continue_to=/%5Cevil.example", "/buy?continue_to=https://evil.example", "/buy?continue_to=%2F%2Fe.org"),
    ],
)
def test_a_permalink_that_cannot_be_read_leads_to_the_shops_first_page(lasting_shop: Shop, path: str) -> None:
    for method in ("GET", "HEAD"):
        answer = httpx.request(method, lasting_shop.url + path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert "x-a" not in answer.headers


@pytest.mark.parametrize("path", ["/buy/~%00:1", "/buy/%0d%0aX:1", "/buy?continue_to=/%0d%0aX-A:b"])
def test_control_characters_reach_no_permalink(lasting_shop: Shop, path: str) -> None:
    answer = httpx.get(lasting_shop.url + path)
    assert answer.status_code == 400
    assert "x-a" not in answer.headers


def test_a_page_takes_no_choice_and_no_notice_that_it_does_not_know(lasting_shop: Shop) -> None:
    edition = lasting_shop.release()
    page = httpx.get(f"{lasting_shop.url}/e/{edition}?lines=%22%3E%3Cscript%3E&notice=%3Cb%3E").text
    assert f'<buy-button edition="{edition}">' in page
    assert 'class="notice"' not in page
    assert "separately" in httpx.get(f"{lasting_shop.url}/e/{edition}?notice=one-edition").text


def button_of(shop: Shop, path: str, **headers: str) -> str:
    """The button's tag on that page."""
    found = re.search("<buy-button[^>]*>", httpx.get(shop.url + path, headers=headers).text)
    assert found is not None
    return found[0]


def test_a_page_says_where_its_visitor_came_from_unless_the_browser_forbids_it(lasting_shop: Shop) -> None:
    edition = lasting_shop.release()
    path, tag = f"/e/{edition}", f'<buy-button edition="{edition}"'
    named = f"{path}?utm_source=Poster&c=Spring+Tour&p=%3Cscript%3E&gclid=x"
    assert button_of(lasting_shop, named) == f'{tag} source="poster" campaign="spring-tour">'
    assert button_of(lasting_shop, path, referer="https://l.instagram.com/?u=x") == f'{tag} source="instagram">'
    assert button_of(lasting_shop, path, referer="https://ward-7.hospital.example/") == f'{tag} source="another-site">'
    for header in ("Sec-GPC", "DNT"):
        assert button_of(lasting_shop, named, referer="https://t.co/x", **{header: "1"}) == f"{tag}>"
    assert "private" in httpx.get(lasting_shop.url + named).headers["cache-control"]
    leads_to = httpx.get(f"{lasting_shop.url}/buy/{edition}:1", headers={"referer": "https://www.reddit.com/r/x"})
    assert leads_to.headers["location"] == f"/e/{edition}?lines=:1&s=reddit"


def test_what_carries_an_editions_link_carries_its_source(lasting_shop: Shop) -> None:
    edition = lasting_shop.release()
    address = f"{lasting_shop.parts.public_url}/e/{edition}"
    said = httpx.get(f"{lasting_shop.url}/oembed", params={"url": f"{address}?utm_source=forum"}).json()
    assert f'src="{address}/card?s=forum"' in said["html"]
    assert f'href="/e/{edition}?s=forum"' in httpx.get(f"{lasting_shop.url}/e/{edition}/card?s=forum").text
    assert f'href="/e/{edition}?s=card"' in httpx.get(f"{lasting_shop.url}/e/{edition}/card").text


def test_clicks_are_counted_by_where_they_came_from_and_a_rebuild_says_the_same(lasting_shop: Shop) -> None:
    edition = lasting_shop.release(stock=3, limit_per_buyer=1)
    poster = {"source": "Poster", "campaign": "spring"}

    def click(placement: dict[str, str] | None, *, pays: bool = False, **headers: str) -> int:
        with lasting_shop.buyer() as buyer:
            order = order_of(edition, **({"placement": placement} if placement else {}))
            status = buyer.post("/v1/orders", json=order, headers=headers).status_code
            if pays:
                details = {"payment_method": "sandbox_accepted", "delivery": DELIVERY, "save": False}
                buyer.post(f"/v1/orders/{order['order_id']}/payment", json=details)
                wait_until(lambda: buyer.get(f"/v1/orders/{order['order_id']}").json()["state"] == "confirmed")
        return status

    for headers in ({}, {}, {"Sec-GPC": "1"}):
        seen = {"edition_id": edition, "placement": poster}
        assert httpx.post(f"{lasting_shop.url}/v1/impressions", json=seen, headers=headers).status_code == 204
    assert click(poster, pays=True) == 201
    assert click({"source": "newsletter"}) == 201
    assert click(poster, **{"Sec-GPC": "1"}) == 201
    assert click({"source": "newsletter"}) == 409
    with lasting_shop.merchant() as merchant:

        def sources(**query: str) -> dict[str, Any]:
            found = merchant.get("/v1/merchant/sources", params={"edition": edition, **query}).json()["sources"]
            return {one["source"]: {name: one[name] for name in COUNTED} for one in found}

        expected = {
            "poster": dict(zip(COUNTED, (2, 1, 1, 1, 0, 4500), strict=True)),
            "newsletter": dict(zip(COUNTED, (0, 2, 1, 0, 1, 0), strict=True)),
            "": dict(zip(COUNTED, (1, 1, 1, 0, 0, 0), strict=True)),
        }
        wait_until(lambda: sources() == expected, otherwise=sources)
        day = {"from": "2020-01-01", "to": "2099-01-01"}
        assert sources(**day) == expected
        assert sources(**{"from": "2020-01-01", "to": "2020-01-02"}) == {}
        (placed,) = [one for one in merchant.get("/v1/merchant/orders").json()["orders"] if one["paid_minor"]]
        assert placed["placement"] == {"source": "poster", "campaign": "spring", "post": "", "app": ""}
        table = merchant.get("/v1/merchant/sources.csv", params={"edition": edition}).text
        assert "poster,spring,,,USD,2,1,1,1,0,0,45.00,1.0000" in table
        assert merchant.get("/v1/merchant/sources?edition=ed0-0000000000").status_code == 404
        assert merchant.get("/v1/merchant/sources?from=2026-01-01").status_code == 422
    folded_again_is_the_same(lasting_shop, edition)


COUNTED = ("impressions", "clicks", "held", "paid", "refused", "revenue_minor")


def folded_again_is_the_same(shop: Shop, edition: str) -> None:
    """The view, folded from the log's beginning in batches of another size."""
    with closing(psycopg2.connect(shop.dsn)) as conn, conn.cursor() as cur:
        live = placement_figures(cur, MERCHANT, edition_id=edition)
    with past_view(shop.dsn, shop.log, Attribution(), range(shop.log.partitions)) as past:
        past.fold(Until(2**53))
        rows = [one.row for one in past.rows(edition) if one.table == "placements"]
    assert {(row["source"], row["clicks"], row["paid"]) for row in rows} == {
        (one.source, one.clicks, one.paid) for one in live
    }
