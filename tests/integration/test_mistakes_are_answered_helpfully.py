"""The answers that people and programs get for what doesn't exist, and for invalid requests."""

import httpx
import pytest

from buystream.vocabulary.money import CURRENCIES
from tests.support.shop import DELIVERY, Shop, lasting_shop, order_of

__all__ = ["lasting_shop"]

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.mark.parametrize(
    ("path", "heading"),
    [
        ("/e/ed0-unkn0wn000", "This isn’t on sale here"),
        ("/e/unknown", "This isn’t on sale here"),
        ("/nowhere", "There’s nothing here"),
        ("/bank/unknown", "There’s nothing here"),
        ("/orders/ed0-unkn0wn000-00000000000000000001/receipt", "This browser has no orders here"),
    ],
)
def test_a_wrong_address_shows_a_page_that_leads_back_to_the_shop(lasting_shop: Shop, path: str, heading: str) -> None:
    answer = httpx.get(lasting_shop.url + path, headers=BROWSER)
    assert answer.status_code in (401, 404)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert f"<h1>{heading}</h1>" in answer.text
    assert 'href="/"' in answer.text
    plain = httpx.get(lasting_shop.url + path)
    assert (plain.status_code, plain.headers["content-type"]) == (answer.status_code, "application/problem+json")


def test_the_api_answers_with_problems_even_to_a_browser(lasting_shop: Shop) -> None:
    answer = httpx.get(f"{lasting_shop.url}/v1/editions/unknown", headers=BROWSER)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.parametrize(
    ("wrong", "valid"),
    [
        ({"kind": "vinyl"}, "kind: Invalid enum value 'vinyl' (one of ticket, record, gift, item)"),
        ({"currency": "XXX"}, f"currency must be one of {', '.join(sorted(CURRENCIES))}."),
        ({"currency": "dollars"}, f"currency must be one of {', '.join(sorted(CURRENCIES))}."),
        ({"if_missed": "pray"}, "(one of void, choose)"),
        ({"refund": {"by": "anybody"}}, "(one of merchant, buyer)"),
        ({"refund": {"til": 1}}, "(one of by, until_ms, share_bps, restock)"),
        ({"colour": "teal"}, "(one of title, currency, price_minor,"),
    ],
)
def test_an_invalid_value_is_refused_with_the_valid_ones(
    lasting_shop: Shop, wrong: dict[str, object], valid: str
) -> None:
    with lasting_shop.merchant() as merchant:
        answer = merchant.post("/v1/merchant/editions", json={"title": "Tea", "price_minor": 500, **wrong})
    assert answer.status_code == 422
    assert valid in answer.json()["detail"]


def test_an_invalid_interval_is_refused_with_the_valid_ones(lasting_shop: Shop) -> None:
    gift = {"gift_id": "g" * 40, "edition_id": "ed0-unkn0wn000", "amount_minor": 500, "interval_months": 2}
    with lasting_shop.buyer() as buyer:
        detail = buyer.post("/v1/gifts", json=gift).json()["detail"]
    assert "(one of 1, 3, 6, 12)" in detail


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/v1/editions?page=2", "There is no query parameter 'page' here."),
        ("/v1/live?editions=ed0-unkn0wn000", "There is no query parameter 'editions' here. There is edition, order."),
        (
            "/v1/merchant/orders?offset=50",
            "There is no query parameter 'offset' here. There is q, state, ",
        ),
        ("/v1/merchant/statement?form=2027-01", "There is no query parameter 'form' here. There is month, from, to"),
    ],
)
def test_a_query_parameter_that_does_not_exist_is_refused_by_its_name(
    lasting_shop: Shop, path: str, detail: str
) -> None:
    with lasting_shop.merchant() as merchant:
        answer = merchant.get(path)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(detail)


def test_the_pages_take_whatever_a_link_carries(lasting_shop: Shop) -> None:
    assert httpx.get(f"{lasting_shop.url}/?utm_source=post").status_code == 200


@pytest.mark.parametrize("email", ["nina@example", "nina@.org", "nina@example.", "nina", "nina@@example.org", "@b.org"])
def test_an_email_address_needs_a_domain_with_a_dot(lasting_shop: Shop, email: str) -> None:
    edition = lasting_shop.release()
    order = order_of(edition)
    with lasting_shop.buyer() as buyer:
        assert buyer.post("/v1/orders", json=order).status_code == 201
        payment = {"payment_method": "sandbox_accepted", "delivery": {**DELIVERY, "email": email}}
        answer = buyer.post(f"/v1/orders/{order['order_id']}/payment", json=payment)
        assert (answer.status_code, "email" in answer.json()["detail"]) == (422, True)


def test_browsers_find_an_icon_wherever_they_look(lasting_shop: Shop) -> None:
    answer = httpx.get(f"{lasting_shop.url}/favicon.ico")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")


@pytest.mark.parametrize("path", ["/v1/session", "/v1/gifts", "/v1/merchant/editions"])
def test_a_request_without_its_body_gets_an_answer_that_says_so(lasting_shop: Shop, path: str) -> None:
    client = lasting_shop.merchant() if "merchant" in path else lasting_shop.buyer()
    with client:
        answer = client.post(path)
    assert answer.status_code == 422
    assert answer.json()["detail"] == "The request has no body. Send one JSON object."


@pytest.mark.parametrize("blank", [" ", "\t\n", "\u3000"])
@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "/v1/merchant/editions", {"price_minor": 4500}, "title"),
        ("PUT", "/v1/merchant/details", {"address": "A"}, "legal_name"),
        ("PUT", "/v1/merchant/details", {"legal_name": "A"}, "address"),
        ("POST", "/v1/merchant/keys", {}, "name"),
    ],
)
def test_a_name_that_nobody_can_see_is_refused(
    lasting_shop: Shop, method: str, path: str, body: dict[str, object], field: str, blank: str
) -> None:
    with lasting_shop.merchant() as merchant:
        answer = merchant.request(method, path, json={**body, field: blank})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(field)
