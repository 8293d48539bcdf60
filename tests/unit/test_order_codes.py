"""Codes that buyers type: what is understood, and what nobody can guess."""

import re

import pytest

from buystream.order_codes import ALPHABET, OrderCodes
from tests.support.examples import EDITION, OTHER_EDITION

CODES = OrderCodes(b"r" * 32)
LAST = 10_000


@pytest.mark.parametrize("typed", ["EARLY-FRIENDS", "early friends", " early–friends ", "ＥＡＲＬＹFRIENDS"])
def test_case_spaces_and_dashes_make_no_difference(typed: str) -> None:
    assert CODES.key_of(EDITION, typed) == CODES.key_of(EDITION, "EARLYFRIENDS")


def test_a_chosen_code_is_known_by_a_hash_of_its_edition() -> None:
    key = CODES.key_of(EDITION, "EARLY")
    assert re.fullmatch("[0-9a-f]{32}", key)
    others = {
        CODES.key_of(OTHER_EDITION, "EARLY"),
        CODES.key_of(EDITION, "EARLYS"),
        OrderCodes(b"s" * 32).key_of(EDITION, "EARLY"),
    }
    assert len(others - {key}) == 3


@pytest.mark.parametrize("number", [1, 2, 9_999, LAST])
@pytest.mark.parametrize("series", [1, 7, 1_000])
@pytest.mark.parametrize("prefix", ["", "FRIENDS"])
def test_a_single_use_code_says_which_one_it_is(series: int, number: int, prefix: str) -> None:
    code = CODES.single_use(EDITION, series, number, prefix)
    assert re.fullmatch(rf"{prefix}-?([{ALPHABET}]{{5}}-?){{3}}", code)
    for typed in (code, code.lower(), code.replace("-", ""), code.replace("0", "O").replace("1", "l")):
        assert CODES.key_of(EDITION, typed) == f"{series}.{number}"
    assert "." not in CODES.key_of(OTHER_EDITION, code)


def test_single_use_codes_differ_and_do_not_look_alike() -> None:
    codes = [CODES.single_use(EDITION, 1, number, "") for number in range(1, LAST + 1)]
    assert len(set(codes)) == LAST
    starts = {code[:3] for code in codes}
    assert len(starts) > 5_000


def test_a_code_with_any_other_character_is_not_one() -> None:
    code = CODES.single_use(EDITION, 1, 1, "").replace("-", "")
    for at, char in enumerate(code):
        other = ALPHABET[(ALPHABET.index(char) + 1) % len(ALPHABET)]
        assert "." not in CODES.key_of(EDITION, code[:at] + other + code[at + 1 :])
