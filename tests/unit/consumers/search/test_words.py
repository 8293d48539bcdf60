"""What an order is found by, and how what was typed is read."""

import pytest

from buystream.consumers.search.words import (
    WordHashes,
    address_words,
    name_words,
    number_word,
    tracking_word,
    wanted_words,
)

ORDER = "ed0-0123456789-0123456789abcdefgh4k"


def finds(typed: str, words: set[str]) -> bool:
    return any(set(way) <= words for way in wanted_words(typed))


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("Zoë Müller", "zoe"),
        ("Zoë Müller", "Mül"),
        ("Zoë Müller", "mull zoë"),
        ("Zoë Müller", "Mueller"),
        ("Søren Ærø", "soren aero"),
        ("Sinéad O’Brien", "O'Brien"),
        ("Sinéad O’Brien", "obrien"),
        ("Sinéad O’Brien", "brien sinead"),
        ("Anne-Marie Łukasz", "marie luk"),
        ("Ng Li", "li"),
        ("王小明", "王小"),
        ("Bartholomewssonnery", "bartholomewssonnery"),
        ("STRASSE", "straße"),
        ("Ｚｏｅ", "zoe"),
    ],
)
def test_half_a_name_finds_it_however_it_is_typed(name: str, typed: str) -> None:
    assert finds(typed, name_words(name))


@pytest.mark.parametrize("typed", ["zo", "oe", "zoe meier", "mullers", ""])
def test_less_than_three_letters_the_middle_of_a_name_or_another_name_find_nothing(typed: str) -> None:
    assert not finds(typed, name_words("Zoë Müller"))


@pytest.mark.parametrize(
    "typed",
    ["Anna.Moor@Example.org", "anna.moor", "@example.org", "example.org", "anna", "moor", "moo", "anna.moor@"],
)
def test_an_address_is_found_whole_by_its_parts_and_by_the_names_in_it(typed: str) -> None:
    assert finds(typed, address_words("anna.moor@example.org"))


def test_a_text_that_is_no_address_has_no_parts() -> None:
    assert address_words("nobody") == set()


@pytest.mark.parametrize("typed", ["JD 0146 0000 1234", "jd014600001234", "JD0146-0000-1234"])
def test_a_tracking_number_is_found_however_it_is_grouped(typed: str) -> None:
    assert finds(typed, {tracking_word("JD01 4600 0012 34")})


def test_a_number_is_the_end_of_an_orders_id() -> None:
    assert number_word(ORDER) == "bcdefgh4k"[-8:]
    assert finds(ORDER[-8:].upper(), {number_word(ORDER)})


def test_hashes_differ_between_merchants_and_between_shops_and_are_always_the_same() -> None:
    hashes = WordHashes(b"1" * 32)
    assert hashes.of("me0-a", "anna") == WordHashes(b"1" * 32).of("me0-a", "anna")
    others = {hashes.of("me0-b", "anna"), WordHashes(b"2" * 32).of("me0-a", "anna"), hashes.of("me0-a", "ann")}
    assert len(others | {hashes.of("me0-a", "anna")}) == 4
    assert all(-(2**63) <= one < 2**63 for one in others)
