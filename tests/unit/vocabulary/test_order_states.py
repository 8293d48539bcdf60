"""The table of states: what pages and the button show is generated from it, and nobody retypes it."""

import re
from importlib.resources import files
from pathlib import Path
from typing import get_args

import pytest

from buystream.gateway.pages import state_module
from buystream.vocabulary.order_states import (
    DISPUTE_STATES,
    FINAL,
    HOLDING,
    ORDER_STATES,
    SALE_STATES,
    SOLD,
    WITH_STOCK,
    DisputeState,
    OrderState,
    SaleState,
)
from tests.support.javascript import evaluated

STATIC = Path(str(files("buystream.gateway") / "static"))
SCRIPTS = sorted(path for path in STATIC.rglob("*.js") if path != state_module.MODULE)
OF_AN_ORDER = re.compile(
    r"\b(order|edition|gift|board)\.state (===|!==|in) |\.includes\((order|edition|gift|board)\.state\)"
)


def test_pages_and_button_have_the_words_of_the_table() -> None:
    assert state_module.MODULE.read_text(encoding="utf-8") == state_module.text()


def test_every_state_has_its_row() -> None:
    assert set(ORDER_STATES) == set(get_args(OrderState))
    assert set(SALE_STATES) == set(get_args(SaleState))
    assert set(DISPUTE_STATES) == set(get_args(DisputeState))


def test_what_is_sold_has_stock_and_what_is_held_can_still_change() -> None:
    assert SOLD | HOLDING < WITH_STOCK
    assert not FINAL & HOLDING


def test_the_button_has_a_state_for_every_screen() -> None:
    machine = evaluated('import { EDGES } from "./states.js"; tell(Object.keys(EDGES));')
    assert {row.screen for row in ORDER_STATES.values()} <= set(machine)


def test_an_ending_has_words_and_what_goes_on_has_none() -> None:
    ends = {state for state, row in ORDER_STATES.items() if row.ending is not None}
    assert ends == {state for state in ORDER_STATES if state not in WITH_STOCK}


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: str(path.relative_to(STATIC)))
def test_no_script_works_out_what_can_be_done_from_a_state(path: Path) -> None:
    compared = [line for line in path.read_text(encoding="utf-8").splitlines() if OF_AN_ORDER.search(line)]
    assert compared == []
