"""The guard of every request: which origins are the shop's own, and what a body must be."""

import pytest

from buystream.gateway.server.guard import Caller, Origins, admit
from buystream.gateway.server.problems import HttpProblem

SHOP = Origins.of("https://shop.example/")


@pytest.mark.parametrize(
    ("origin", "host", "own"),
    [
        ("", "shop.example", True),
        ("https://shop.example", "gateway:8000", True),  # a proxy that passes on another host name
        ("https://mirror.example", "mirror.example", True),  # the shop under another name of its own
        ("http://shop.example", "shop.example", False),  # anybody between may have made that page
        ("https://blog.shop.example", "shop.example", False),
        ("https://shop.example.evil", "shop.example", False),
        ("https://shop.example:8443", "shop.example", False),
        ("null", "shop.example", False),
        ("null", "", False),
        ("https://", "", False),
    ],
)
def test_an_origin_is_our_own_by_the_public_url_or_the_host_of_the_request(origin: str, host: str, own: bool) -> None:
    assert SHOP.is_own(origin, host) is own


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/json-seq", "text/plain; application/json"])
def test_a_body_that_changes_something_is_json(content_type: str) -> None:
    with pytest.raises(HttpProblem) as refusal:
        admit(SHOP, Caller(content_type=content_type), changes=True, has_body=True)
    assert refusal.value.slug == "not-json"


def test_a_body_of_no_named_type_needs_a_header_that_no_form_can_send() -> None:
    admit(SHOP, Caller(has_authorization=True), changes=True, has_body=True)
    with pytest.raises(HttpProblem):
        admit(SHOP, Caller(content_type="text/plain", has_authorization=True), changes=True, has_body=True)


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=utf-8"])
def test_json_may_name_its_encoding(content_type: str) -> None:
    admit(SHOP, Caller(content_type=content_type), changes=True, has_body=True)


def test_a_foreign_origin_is_refused_with_a_cookie_only() -> None:
    admit(SHOP, Caller("https://blog.example", "shop.example"), changes=False, has_body=False)
    with pytest.raises(HttpProblem) as refusal:
        admit(
            SHOP, Caller("https://blog.example", "shop.example", has_session_cookie=True), changes=False, has_body=False
        )
    assert refusal.value.slug == "foreign-origin"
