"""No command's cost grows with what is stored. Counted in lines of Python, not in seconds: the same on any machine."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import buystream.aggregates
from buystream.vocabulary import commands, events
from buystream.vocabulary.codec import COMMANDS
from tests.support.examples import GIFT, T0, example, order_id
from tests.support.scenario import Scenario, given
from tests.support.steps import authorised, captured, pay, payment, place, refund, release

FEW, MANY = 30, 600
PAUSE_MS = 60_000
MODULES = sorted(Path(buystream.aggregates.__file__).parent.rglob("*.py"))

WHOLE_STATE = {commands.AdoptRules}
"""An operator's command, once for each version of the rules: when what is due is worked out anew."""


def used(size: int) -> Scenario:
    """A partition with that much of everything."""
    shop = given(example(commands.RegisterMerchant), release(stock=None, limit_per_buyer=10 * size, closes_at_ms=None))
    for number in range(10, 10 + size):
        shop.given(*stored(number))
    shop.given(place(1, price_minor=4500), place(2), pay(2), authorised(2), captured(2))
    for number in range(size):
        about = {"payment_id": payment(2), "dispute_id": f"dispute {number}", "amount_minor": 1}
        shop.given(example(commands.RecordDispute, **about))
        shop.given(example(commands.RecordDisputeOutcome, **about, outcome="withdrawn"))
    return shop


def stored(number: int) -> Iterator[commands.Command]:
    """One more of each thing that a partition keeps."""
    buyer = f"by0-{number:020d}"
    yield release(edition_id=f"ed0-{number:010d}", closes_at_ms=T0 + 10**9)
    yield place(number, buyer_id=buyer)
    yield place(number + 10_000, buyer_id=buyer)
    yield from (pay(number + 10_000, buyer_id=buyer), authorised(number + 10_000), captured(number + 10_000))
    yield place(number + 20_000, price_minor=1)
    yield example(commands.AddStock, change_id=f"change {number}")
    yield example(commands.RecordDemand, demand_id=f"demand {number}")
    yield example(commands.RecordImpressions, report_id=f"report {number}")
    yield example(commands.FlagVelocity, flag_id=f"flag {number}", buyer_id=buyer, pause_seconds=PAUSE_MS // 1000)
    yield example(commands.StartRecurringGift, gift_id=f"{GIFT[:-6]}{number:06d}", buyer_id=buyer)
    yield example(commands.SetFeeTerms, terms_id=f"terms {number}", from_ms=T0 - number)
    yield example(commands.RequestTerms, edition_id=f"ed0-{number:010d}")
    yield example(commands.NameEdition, request=f"request {number}")
    yield example(commands.IssueReceipt, order_id=order_id(number + 10_000))
    yield example(commands.SaveBuyerDetails, buyer_id=buyer)
    yield refund(number + 10_000, refund_id=f"refund {number}", amount_minor=1, quantity=0)


def lines_of(shop: Scenario, command: commands.Command) -> int:
    """How many lines of the aggregates' code the decision runs through."""
    count = 0

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal count
        if "aggregates" not in frame.f_code.co_filename:
            return None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        shop.when(command)
    finally:
        sys.settrace(before)
    return count


@pytest.fixture(scope="module")
def costs() -> dict[type[commands.Command], tuple[int, int]]:
    """Of each kind of command, with little stored and with much; each kind meets a partition of its own size."""
    few, many = used(FEW), used(MANY)
    kinds = [kind for kind in COMMANDS if kind not in WHOLE_STATE and kind is not commands.Tick]
    return {kind: (lines_of(few, example(kind)), lines_of(many, example(kind))) for kind in kinds}


@pytest.mark.parametrize("kind", [kind for kind in COMMANDS if kind not in WHOLE_STATE | {commands.Tick}])
def test_no_commands_cost_grows_with_what_is_stored(
    costs: dict[type[commands.Command], tuple[int, int]], kind: type[commands.Command]
) -> None:
    few, many = costs[kind]
    assert many <= few + FEW


def test_a_tick_does_a_bounded_amount_of_work_however_much_is_due() -> None:
    """The agenda's and the holds' bounds are those of the rules; more waits for the next Tick."""
    few, many = used(250), used(500)
    late = commands.Tick()
    for shop in (few, many):
        shop.at_ms = T0 + 3_600_000
    assert lines_of(many, late) <= 2.5 * lines_of(few, late)


@pytest.mark.parametrize("kind", [commands.ShipOrder, commands.RefundOrder, commands.RecordDispute])
def test_nothing_counts_through_all_disputes_of_a_payment(kind: type[commands.Command]) -> None:
    few, many = used(2), used(200)
    about = {"order_id": order_id(2), "payment_id": payment(2), "dispute_id": "one more"}
    asked = example(kind, **{name: value for name, value in about.items() if name in kind.__struct_fields__})
    assert lines_of(many, asked) <= lines_of(few, asked) + 5


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_no_decision_copies_what_is_stored(path: Path) -> None:
    """`{**self.disputes}` is one line, and as long as the dictionary. Payments of one order are few."""
    copies = {
        ast.unparse(node)
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Starred) or (isinstance(node, ast.Dict) and None in node.keys))
        and "self." in ast.unparse(node)
    }
    assert copies <= {"*self.payments"}


def test_the_examples_are_about_what_is_there() -> None:
    """So that a cost is that of a decision, not of an early refusal."""
    shop = used(1)
    assert shop.order(order_id(1)).state == "held"
    assert shop.order(order_id(2)).state == "confirmed"


def test_a_refund_that_fails_again_and_again_costs_no_more_to_ask_for() -> None:
    shop, costs = used(1), []
    for _ in range(MANY // 10):
        ask = refund(2, refund_id="", amount_minor=None, quantity=None)
        costs.append(lines_of(shop, ask))
        (asked,) = shop.decided
        assert isinstance(asked, events.RefundRequested)
        failed = example(
            commands.RecordRefundFailure,
            payment_id=asked.payment_id,
            refund_id=asked.refund_id,
            amount_minor=asked.amount_minor,
        )
        shop.given(failed)
    assert max(costs[2:]) <= costs[1]
