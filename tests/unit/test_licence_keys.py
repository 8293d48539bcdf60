"""Licence keys: typed by people, guessed by nobody, and made again from what names them."""

import pytest

from buystream.licence_keys import ALPHABET, LicenceKeys, locator, locator_of, read_key
from tests.support.examples import ORDER

KEYS = LicenceKeys(b"a secret of the tests, 32 bytes!")
KEY = KEYS.key(ORDER, 1)


def test_a_key_has_five_groups_and_is_the_same_whenever_it_is_made() -> None:
    assert [len(group) for group in KEY.split("-")] == [5] * 5
    assert LicenceKeys(b"a secret of the tests, 32 bytes!").key(ORDER, 1) == KEY
    others = {
        KEYS.key(ORDER, 2),
        KEYS.key(f"{ORDER}0", 1),
        LicenceKeys(b"another secret, of 32 bytes too!").key(ORDER, 1),
    }
    assert len(others | {KEY}) == 4


def test_where_to_look_follows_from_the_order_and_says_nothing_of_the_signature() -> None:
    chars = read_key(KEY)
    assert chars is not None
    assert locator_of(chars) == locator(ORDER, 1) == LicenceKeys(b"x" * 32).key(ORDER, 1).replace("-", "")[:10]
    assert KEYS.is_key_of(chars, ORDER, 1)
    assert not LicenceKeys(b"x" * 32).is_key_of(chars, ORDER, 1)
    assert not KEYS.is_key_of(chars, ORDER, 2)


def test_people_type_keys_in_their_own_way() -> None:
    chars = KEY.replace("-", "")
    typed = KEY.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert read_key(f"  {typed} ") == read_key(chars) == chars


@pytest.mark.parametrize("text", ["", "nonsense", KEY[:-1], f"{KEY}0", KEY.replace(KEY[0], "U", 1), "é" * 25])
def test_what_can_be_no_key_is_none(text: str) -> None:
    assert read_key(text) is None


def test_any_one_wrong_character_is_found() -> None:
    chars = KEY.replace("-", "")
    for at, right in enumerate(chars):
        for wrong in set(ALPHABET) - {right}:
            assert read_key(chars[:at] + wrong + chars[at + 1 :]) is None


def test_nearly_every_swap_of_two_neighbours_is_found() -> None:
    chars = KEY.replace("-", "")
    swapped = [
        chars[:at] + chars[at + 1] + chars[at] + chars[at + 2 :]
        for at in range(len(chars) - 1)
        if chars[at] != chars[at + 1]
    ]
    assert sum(read_key(one) is None for one in swapped) >= len(swapped) - 1
