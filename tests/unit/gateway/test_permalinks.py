"""Buy permalinks lead to a page of the shop, whatever stands in them (ucp.dev, specification/permalink)."""

import string
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buystream.gateway.pages.permalinks import BadPermalink, Item, destination, items_of, same_origin_path

EDITION = "ed0-0123456789"
OTHER = "ed1-abcdefghjk"


def test_items_are_editions_or_their_variants_with_quantities() -> None:
    assert items_of(f"{EDITION}:2,{OTHER}.size-s:1") == [Item(EDITION, "", 2), Item(OTHER, "size-s", 1)]


def test_an_encoded_item_is_the_same_item() -> None:
    assert items_of("~ZWQwLTAxMjM0NTY3ODk:3") == items_of(f"{EDITION}:3")


@pytest.mark.parametrize(
    "path",
    [
        *("", ":1", EDITION, f"{EDITION}:", f"{EDITION}:0", f"{EDITION}:01", f"{EDITION}:-1", f"{EDITION}:1.5"),
        *(f"{EDITION}:1,", f"{EDITION}:+1", f"{EDITION}:1234567", f"{EDITION}:٣", "ed0-short:1", f"{EDITION}.A:1"),
        *("~:1", "~ZWQwLTAxMjM0NTY3ODk=:1", "~ZWQwLTAxMjM0NTY3ODl:1", "~_w:1", "~a:1", "%65d0:1"),
        ",".join([f"{EDITION}:1"] * 21),
    ],
)
def test_a_malformed_item_is_refused(path: str) -> None:
    with pytest.raises(BadPermalink):
        items_of(path)


@pytest.mark.parametrize(
    ("query", "leads_to"),
    [
        ([], f"/e/{EDITION}?lines=:2"),
        ([("utm_source", "post 1")], f"/e/{EDITION}?lines=:2&utm_source=post+1"),
        ([("attribution/utm_source", "email")], f"/e/{EDITION}?lines=:2&utm_source=email"),
        ([("/attribution/ref", "c42")], f"/e/{EDITION}?lines=:2&ref=c42"),
        ([("buyer/email", "a@example.org"), ("buyer", "x"), ("totals/0", "1")], f"/e/{EDITION}?lines=:2"),
        ([("access_token", "s"), ("attribution/email", "a@b.c"), ("lines", ":9")], f"/e/{EDITION}?lines=:2"),
        ([("x", "a\r\nb"), ("y\n", "1"), ("z", "a" * 201)], f"/e/{EDITION}?lines=:2"),
        (
            [("a", "+441234567890"), ("b", "44 1234 567890"), ("c", "a@b.co"), ("d", "4242424242424242")],
            f"/e/{EDITION}?lines=:2",
        ),
        ([("e", "bsk_" + "x" * 32), ("f", "eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl" * 2)], f"/e/{EDITION}?lines=:2"),
        (
            [("utm_campaign", "Tour 2026 (autumn), part 2")],
            f"/e/{EDITION}?lines=:2&utm_campaign=Tour+2026+%28autumn%29,+part+2",
        ),
        ([("continue_to", "/orders"), ("a", "b")], "/orders?a=b"),
        ([("continue_to", f"/e/{EDITION}")], f"/e/{EDITION}?lines=:2"),
        ([("continue_to", "//evil.example")], f"/e/{EDITION}?lines=:2"),
    ],
)
def test_a_link_leads_to_its_page_and_passes_on_what_is_harmless(query: list[tuple[str, str]], leads_to: str) -> None:
    assert destination([Item(EDITION, "", 2)], query) == leads_to


def test_a_link_with_several_editions_leads_to_the_first_and_says_so() -> None:
    leads_to = destination(items_of(f"{EDITION}.s:2,{OTHER}:1,{EDITION}.m:1"), [])
    assert leads_to == f"/e/{EDITION}?lines=s:2,m:1&notice=one-edition"


def test_a_link_without_items_leads_to_the_first_page() -> None:
    assert destination([], []) == "/"
    assert destination([], [("continue_to", "/orders")]) == "/orders"


@pytest.mark.parametrize(
    "query", [[("a", "1"), ("/a", "2")], [("continue_to", "/"), ("continue_to", "/orders")], [("a", "1"), ("a", "1")]]
)
def test_what_could_be_read_in_two_ways_is_refused(query: list[tuple[str, str]]) -> None:
    with pytest.raises(BadPermalink):
        destination([], query)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/orders", "/orders"),
        ("/a/../orders", "/orders"),
        ("/é", "/%C3%A9"),
        ("/.//evil.example", "/evil.example"),
        ("/..//evil.example", "/evil.example"),
        *((text, None) for text in ("", "orders", "//e.example", "https://e.example", "/\\e.example", "/a b")),
        *(
            (text, None)
            for text in ("/\t/e.example", "/a\r\nSet-Cookie: a", "\\\\e", "/\x00", "/\u2028", "javascript:1")
        ),
    ],
)
def test_continue_to_is_a_path_of_this_shop_or_nothing(text: str, path: str | None) -> None:
    assert same_origin_path(text) == path


@given(st.text(alphabet=string.printable + "éß\u2028\x85\x00\ud800", max_size=40).map(lambda text: "/" + text))
def test_no_continue_to_leads_elsewhere_or_breaks_a_header(text: str) -> None:
    path = same_origin_path(text)
    if path is not None:
        assert path.isascii()
        assert path.isprintable()
        assert " " not in path
        assert urlsplit(urljoin("https://shop.example/buy/x", path)).netloc == "shop.example"
