"""Whatever is sold, refunded and disputed, in any order: the movements add up to what every order's payment says."""

from collections import defaultdict
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from buystream.aggregates.partition import Partition
from buystream.projections.money import Movement, movement_of
from buystream.replay.ledger import Ledger
from buystream.vocabulary import commands, events
from tests.support.actors import actor_of
from tests.support.examples import ANNA, EDITION, T0, example
from tests.support.steps import authorised, captured, pay, payment, place, refund, release
from tests.support.thorough import THOROUGH

PRICE_MINOR = 1_000
ORDERS = 4

numbers = st.integers(1, ORDERS)
amounts = st.integers(1, 2 * PRICE_MINOR)
names = st.sampled_from(("a", "b", "c"))


def wish(number: int, amount_minor: int | None, name: str, keep_fee: bool) -> commands.Command:
    return refund(number, refund_id=name, amount_minor=amount_minor, keep_fee=keep_fee)


def fact(kind: type[commands.Command], number: int, amount_minor: int, name: str, **fields: Any) -> commands.Command:
    name_field = "dispute_id" if "dispute_id" in kind.__struct_fields__ else "refund_id"
    return example(kind, payment_id=payment(number), amount_minor=amount_minor, **{name_field: name}, **fields)


steps = st.one_of(
    st.builds(lambda number, amount: captured(number, amount_minor=amount), numbers, amounts),
    st.builds(wish, numbers, st.none() | amounts, names, st.booleans()),
    st.builds(fact, st.just(commands.RecordRefund), numbers, amounts, names),
    st.builds(fact, st.just(commands.RecordRefundFailure), numbers, amounts, names),
    st.builds(fact, st.just(commands.RecordDispute), numbers, amounts, names),
    st.builds(
        lambda number, amount, name, outcome: fact(
            commands.RecordDisputeOutcome, number, amount, name, outcome=outcome
        ),
        numbers,
        amounts,
        names,
        st.sampled_from(("won", "lost", "withdrawn")),
    ),
    st.just("answered"),
)


def history(asked: list[Any], gaps_ms: list[int]) -> tuple[Partition, list[events.Event]]:
    """Orders with fees, then what was drawn; `answered` is the provider carrying out all refunds that wait."""
    partition, recorded, at_ms = Partition(0), [], T0

    def ask(command: commands.Command) -> None:
        recorded.extend(partition.decide(command, command_position=len(recorded), at_ms=at_ms, actor=actor_of(command)))

    ask(release(price_minor=PRICE_MINOR, awaits_terms=True, limit_per_buyer=100, stock=None))
    ask(example(commands.ApplyTerms))
    for number in range(1, ORDERS + 1):
        ask(place(number, quantity=2, price_minor=PRICE_MINOR, buyer_id=ANNA))
        ask(pay(number))
        ask(authorised(number))
    for command, gap_ms in zip(asked, gaps_ms, strict=False):
        at_ms += gap_ms
        if command != "answered":
            ask(command)
            continue
        for order in list(partition.state.editions[EDITION].orders.values()):
            for paid in order.payments:
                for refund_id, one in list(paid.refunds.items()):
                    if one.state == "requested":
                        told = {"payment_id": paid.id, "refund_id": refund_id, "amount_minor": one.amount_minor}
                        ask(example(commands.RecordRefund, **told))
    return partition, recorded


@settings(max_examples=300 if THOROUGH else 100, deadline=None)
@given(st.lists(steps, min_size=20, max_size=60), st.lists(st.integers(0, 3), min_size=60, max_size=60))
def test_the_movements_of_each_order_are_what_its_payment_says(asked: list[Any], gaps_ms: list[int]) -> None:
    partition, recorded = history(asked, gaps_ms)
    moved: defaultdict[str, list[Movement]] = defaultdict(list)
    for event in recorded:
        if (move := movement_of(event)) is not None:
            moved[move.order_id].append(move)
    for order in partition.state.editions[EDITION].orders.values():
        [paid] = order.payments
        lines = moved[order.id]
        held_minor = sum(dispute.held_minor for dispute in paid.disputes.values())
        assert sum(line.amount_minor for line in lines) == paid.captured_minor - paid.refunded_minor - held_minor
        kept = paid.fee_minor - paid.fee_returned_minor if paid.captured_minor else 0
        assert sum(line.fee_minor for line in lines) == -kept
        assert 0 <= kept <= paid.fee_minor


@settings(max_examples=100, deadline=None)
@given(st.lists(steps, min_size=20, max_size=60), st.lists(st.integers(0, 3), min_size=60, max_size=60), st.data())
def test_adjacent_periods_add_up_to_the_whole_and_agree_with_the_ledger(
    asked: list[Any], gaps_ms: list[int], data: st.DataObject
) -> None:
    _, recorded = history(asked, gaps_ms)
    ledger = Ledger()
    assert [finding for event in recorded for finding in ledger.post(event)] == []
    moves = [move for event in recorded if (move := movement_of(event)) is not None]
    cuts = sorted(data.draw(st.lists(st.integers(T0, recorded[-1].at_ms + 1), max_size=4)))
    edges = [T0, *cuts, recorded[-1].at_ms + 1]
    parts = [
        sum(move.amount_minor + move.fee_minor for move in moves if begin <= move.at_ms < end)
        for begin, end in pairwise(edges)
    ]
    assert sum(parts) == sum(move.amount_minor + move.fee_minor for move in moves)
    taken = sum(event.amount_minor for event in recorded if isinstance(event, events.PaymentCaptured))
    assert sum(move.amount_minor for move in moves if move.kind == "sale") == taken
