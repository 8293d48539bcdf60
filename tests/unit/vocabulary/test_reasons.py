"""The table of reasons against what commands declare and what the gateway refuses itself. That the declarations are
right is for test_refusals."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

from buystream.consumers import answering
from buystream.gateway.pages import refusal_module
from buystream.gateway.server.problems import PROBLEMS, refused
from buystream.vocabulary import codec
from buystream.vocabulary.money import AMOUNT_REASONS
from buystream.vocabulary.reasons import OF_ANY_COMMAND, REASONS, TO_BUYERS

GATEWAY = Path(str(files("buystream.gateway")))


def gateway_reasons() -> set[str]:
    """What the gateway refuses itself, with `reason=` in the answer."""
    sources = [path.read_text(encoding="utf-8") for path in GATEWAY.rglob("*.py")]
    return {reason for source in sources for reason in re.findall(r'\breason="([a-z_]+)"', source)}


def test_every_reason_that_a_decision_can_give_has_its_row_and_none_is_left_over() -> None:
    declared = {reason for kind in codec.COMMANDS for reason in kind.refusals}
    assert {answering.UNREADABLE, answering.UNDECIDABLE} < OF_ANY_COMMAND
    assert declared | OF_ANY_COMMAND | gateway_reasons() == set(REASONS)


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_a_refusal_is_answered_with_its_rows_status_and_advice(reason: str) -> None:
    answer = refused(reason)
    assert (answer.status, answer.detail) == (REASONS[reason].status, REASONS[reason].advice)
    assert answer.slug == reason.replace("_", "-")
    assert PROBLEMS[answer.slug] == (answer.status, answer.detail)


def test_a_newer_deciders_reason_is_answered_as_a_refusal() -> None:
    answer = refused("of_tomorrow")
    assert (answer.slug, answer.status, answer.extra) == ("refused", 409, {"reason": "of_tomorrow"})


def test_the_button_has_the_words_of_the_table() -> None:
    assert refusal_module.MODULE.read_text(encoding="utf-8") == refusal_module.text()


def test_every_reason_to_refuse_an_order_or_a_gift_has_words_for_the_button() -> None:
    met = TO_BUYERS - AMOUNT_REASONS  # an amount is answered with what can be charged
    assert sorted(reason for reason in met if not REASONS[reason].heading) == []


def test_a_heading_comes_with_its_text() -> None:
    assert [reason for reason, row in REASONS.items() if bool(row.heading) != bool(row.text)] == []
