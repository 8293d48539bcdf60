"""What links, networks and a visitor's own settings say about a visit."""

import pytest

from buystream.gateway.routes.bodies.orders import ClickFrom, placement_of
from buystream.gateway.server.placements import Named, PlacementCounts, forbids, named_by, network_of_page
from buystream.vocabulary.placements import REPORTED_MAX, Placement

OWN = "https://shop.example"


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({}, Named()),
        ({"s": "poster"}, Named("poster")),
        ({"s": "poster", "c": "Spring", "p": "Stage left"}, Named("poster", "spring", "stage-left")),
        ({"utm_source": "mail", "utm_campaign": "spring", "utm_content": "top"}, Named("mail", "spring", "top")),
        ({"s": "poster", "utm_source": "mail"}, Named("poster")),
        ({"s": "<b>", "utm_source": "mail"}, Named("mail")),
        ({"ref": "creator_42"}, Named("creator_42")),
        ({"utm_source": "mail", "ref": "creator_42"}, Named("mail")),
        ({"fbclid": "IwAR0x", "gclid": "Cj0K", "utm_medium": "social", "utm_term": "x"}, Named()),
    ],
)
def test_a_link_names_where_it_was(query: dict[str, str], named: Named) -> None:
    assert named_by(query) == named


@pytest.mark.parametrize(
    ("referer", "network"),
    [
        ("https://l.instagram.com/?u=x", "instagram"),
        ("https://www.google.co.uk/search?q=private+words", "google"),
        ("https://t.co/abc", "x"),
        ("https://mail.google.com/mail/u/0", "google"),
        ("https://hospital-intranet.example/ward/7", "another-site"),
        ("https://notinstagram.com/", "another-site"),
        ("https://shop.example/e/ed0-0123456789", ""),
        ("", ""),
        ("nonsense", ""),
        ("https://[::1/", ""),
    ],
)
def test_a_referring_page_is_a_network_or_just_another_site(referer: str, network: str) -> None:
    assert network_of_page(referer, own=OWN) == network
    assert named_by({}, referer=referer, own=OWN) == Named(network)
    assert named_by({"s": "poster"}, referer=referer, own=OWN) == Named("poster")


@pytest.mark.parametrize("head", [{b"sec-gpc": b"1"}, {b"dnt": b"1"}, {b"sec-gpc": b"1, 1"}])
def test_nothing_is_kept_of_a_browser_that_asks_for_that(head: dict[bytes, bytes]) -> None:
    assert forbids(head)
    assert placement_of(ClickFrom(source="poster"), head, "app.example") is None


@pytest.mark.parametrize("head", [{}, {b"dnt": b"0"}, {b"sec-gpc": b""}])
def test_any_other_browser_says_where_its_click_came_from(head: dict[bytes, bytes]) -> None:
    assert placement_of(ClickFrom(source="poster"), head, "") == Placement(source="poster")
    assert placement_of(None, head, "app.example") == Placement(app="app.example")
    assert placement_of(None, head, "") is None


def test_a_name_that_says_too_much_is_left_out_and_the_order_goes_on() -> None:
    named = ClickFrom(source="x" * 10_000, campaign="anna@example.org", post="top")
    assert placement_of(named, {}, "") == Placement(post="top")


def test_a_report_names_no_more_places_than_it_may() -> None:
    counts = PlacementCounts()
    for number in range(REPORTED_MAX * 3):
        counts.add(Placement(source=f"s{number}"))
        counts.add(Placement(source="s0"))
    assert len(counts.reported) == REPORTED_MAX
    assert counts.reported[0].count == REPORTED_MAX * 3 + 1


def test_a_visit_is_shown_as_attributes_and_as_a_link() -> None:
    assert Named().search == ""
    assert Named("poster", "", "top").search == "?s=poster&p=top"
    assert Named("poster", "", "top").attributes == {"source": "poster", "post": "top"}
