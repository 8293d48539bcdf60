"""What the gateway serves for Stripe, and to whom: the payment form, its looser policy, Apple's association file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from buystream.gateway.server.security import CONTENT_SECURITY_POLICY
from tests.support.shop import Shop, shop, shop_at_work

__all__ = ["shop"]

ASSOCIATION = "/.well-known/apple-developer-merchantid-domain-association"
STRIPE: dict[str, Any] = {"bank": None, "sandbox_cards": (), "provider_name": "stripe", "publishable_key": "pk_test_1"}


@pytest.fixture
def stripe_shop(shop_database_url: str, tmp_path: Path) -> Iterator[Shop]:
    """A shop with Stripe's key and Apple's file."""
    file = tmp_path / "association"
    file.write_text("7B227073704964")
    with shop_at_work(shop_database_url, apple_pay_association=file, **STRIPE) as running:
        yield running


def test_only_the_payment_form_lets_stripe_in(stripe_shop: Shop) -> None:
    strict = httpx.get(f"{stripe_shop.url}/").headers["content-security-policy"]
    assert "stripe.com" not in strict
    assert "frame-src 'self'" in strict
    assert "frame-ancestors 'none'" in strict
    form = httpx.get(f"{stripe_shop.url}/payment-form").headers["content-security-policy"]
    allowed = dict(part.strip().split(" ", 1) for part in form.split(";"))
    stripe = "https://js.stripe.com https://*.js.stripe.com"
    link = "https://link.com https://*.link.com"
    assert allowed["script-src"] == f"'self' {stripe}"
    assert allowed["frame-src"] == f"{stripe} https://hooks.stripe.com {link}"
    assert allowed["connect-src"] == f"'self' https://api.stripe.com {link}"
    assert allowed["img-src"] == "'self' data: https://*.stripe.com https://*.link.com"
    assert allowed["default-src"] == "'none'"
    assert "frame-ancestors" not in allowed


def test_without_stripe_no_page_names_it(shop: Shop) -> None:
    assert httpx.get(f"{shop.url}/").headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    for path in ("/payment-form", ASSOCIATION):
        answer = httpx.get(f"{shop.url}{path}")
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"


def test_apple_finds_its_file(stripe_shop: Shop, tmp_path: Path) -> None:
    answer = httpx.get(f"{stripe_shop.url}{ASSOCIATION}")
    assert (answer.status_code, answer.text) == (200, "7B227073704964")
    (tmp_path / "association").unlink()
    answer = httpx.get(f"{stripe_shop.url}{ASSOCIATION}")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_the_timeline_says_that_no_money_moves_only_where_none_does(stripe_shop: Shop) -> None:
    assert "no money moves" not in httpx.get(f"{stripe_shop.url}/").text


def test_the_sandbox_shop_says_that_no_money_moves(shop: Shop) -> None:
    assert "no money moves" in httpx.get(f"{shop.url}/").text
