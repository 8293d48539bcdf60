"""Where a click came from is a few plain names, whatever a link says."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buystream.vocabulary import codec
from buystream.vocabulary.commands import PlaceOrder
from buystream.vocabulary.placements import NAME_CHARS_MAX, Placement, plain_name
from tests.support.examples import example


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("poster", "poster"),
        (" Instagram Story ", "instagram-story"),
        ("Spring+Sale", "spring-sale"),
        ("tour-2026.eu_west", "tour-2026.eu_west"),
        ("g" * 32, "g" * 32),
        ("", ""),
        ("-", ""),
        ("g" * 33, ""),
        ("a" * 16, ""),
        ("abc-" * 11, ""),
        ("<script>", ""),
        ("anna@example.org", ""),
        ("caf\u00e9", ""),
        ("a\x00b", ""),
        ("07700 900 123", ""),
        ("call-0044-7700-900123", ""),
        ("4242424242424242", ""),
        ("550e8400-e29b-41d4-a716-446655440000", ""),
        ("mail-0123456789abcdef01", ""),
        ("https://intranet.example/wiki", ""),
    ],
)
def test_a_name_is_plain_and_nobodys(text: str, name: str) -> None:
    assert plain_name(text) == name


@given(st.text())
def test_whatever_a_link_says_a_name_is_bounded(text: str) -> None:
    name = plain_name(text)
    assert len(name) <= NAME_CHARS_MAX
    assert set(name) <= set(string.ascii_lowercase + string.digits + "._-")
    assert plain_name(name) == name


def test_without_any_name_there_is_no_placement() -> None:
    assert Placement.of() is None
    assert Placement.of(source="?", campaign="", post="\n") is None
    assert Placement.of(app="app.example") == Placement(app="app.example")
    assert Placement.of(source="Poster", post="!") == Placement(source="poster")


def test_an_order_from_nowhere_says_nothing_of_it_on_the_log() -> None:
    assert b"placement" not in codec.encode(example(PlaceOrder))
    assert b'"placement":{"source":"poster"' in codec.encode(example(PlaceOrder, placement=Placement(source="poster")))
