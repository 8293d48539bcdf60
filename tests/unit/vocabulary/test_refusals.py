"""What refuses a command is declared at its class: exactly what the decisions give. Their source says which reasons are
possible; `tests/unit/conftest.py` watches every decision of the unit tests; random histories provoke the reasons that
are made of a state."""

from collections.abc import Iterator

import pytest

from buystream.aggregates.deciding import DECIDE
from buystream.aggregates.partition import Partition
from buystream.vocabulary import codec, commands, events
from buystream.vocabulary.reasons import OF_ANY_COMMAND, REASONS
from tests.support.actors import actor_of
from tests.support.examples import T0, example
from tests.support.histories import History
from tests.support.permissions import by_order
from tests.support.refusals import COMPUTED, refusals_of
from tests.support.scenario import given
from tests.support.steps import authorised, captured, deliver, pay, place, refund, refunded, release, ship, voided

OF_A_STATE = frozenset().union(*COMPUTED.values())
SEEDS_MAX = 40


@pytest.mark.parametrize("kind", codec.COMMANDS, ids=lambda kind: kind.__name__)
def test_a_command_declares_the_reasons_that_its_decision_can_give(kind: type[commands.Command]) -> None:
    possible = refusals_of(DECIDE[kind]) - {"", "repeated"}
    assert kind.refusals <= possible
    assert possible - OF_A_STATE <= kind.refusals


def test_every_declared_reason_has_its_row() -> None:
    declared = frozenset().union(*(kind.refusals for kind in codec.COMMANDS))
    assert declared <= REASONS.keys()
    assert declared.isdisjoint(OF_ANY_COMMAND)


class InMemory:
    """Decides a random history's commands."""

    def __init__(self) -> None:
        self.partition = Partition(0)

    def write(self, *asked: commands.Command, at_ms: int = T0) -> None:
        for command in asked:
            self.partition.decide(command, command_position=0, at_ms=at_ms, actor=actor_of(command))


def questions(partition: Partition) -> Iterator[commands.Command]:
    """What can be asked about each order and each payment."""
    for edition in partition.state.editions.values():
        for order in edition.orders.values():
            yield from by_order(order).values()
            yield example(commands.RecordReturn, order_id=order.id)
            yield example(commands.ExchangeUnits, order_id=order.id)
            yield example(commands.ActivateLicence, order_id=order.id)
            for name in order.fulfilment.parcels if order.fulfilment is not None else ():
                yield example(commands.RecordFulfilment, order_id=order.id, shipment_id=name, stage="shipped")
            for asked in OF_BUYERS:
                yield example(asked, order_id=order.id, buyer_id=order.buyer_id)
            for payment in order.payments:
                for kind in (commands.RecordCapture, commands.RecordRefund, commands.RecordDispute):
                    yield example(kind, payment_id=payment.id, amount_minor=1)
                yield example(
                    commands.RecordDisputeOutcome,
                    payment_id=payment.id,
                    dispute_id="new",
                    amount_minor=1,
                    outcome="won",
                )


OF_BUYERS = (
    *(commands.PassTicketOn, commands.TakeTicketBack, commands.ClaimTicket, commands.NameAttendee),
    *(commands.StartDownload, commands.ApplyCode),
)


def refused_now(partition: Partition) -> Iterator[tuple[type[commands.Command], str]]:
    """The questions that are refused because of a state."""
    now = partition.snapshot()
    for question in questions(partition):
        answer, *_ = Partition.restore(now).decide(
            question, command_position=1, at_ms=partition.state.at_ms, actor=actor_of(question)
        )
        if isinstance(answer, events.CommandRefused) and answer.reason in OF_A_STATE:
            yield type(question), answer.reason


PACKED = example(commands.CreateShipment, contents=(), stage="processing")
FREE = (release(price_minor=0, suggested_minor=()), place(price_minor=0), pay(), authorised(), captured(amount_minor=0))
RARE = (
    (release(), place(), pay(), authorised(), captured(), ship()),
    (release(), place(), pay(), authorised(), captured(), deliver()),
    (release(), place(), pay(), authorised(reference=""), example(commands.RecordCaptureFailure)),
    (release(), place(), pay(), authorised(reference=""), voided()),
    (release(), place(), pay(), authorised(), captured(), PACKED, refund(), refunded()),
    (release(), place(), pay(), authorised(), captured(), PACKED, example(commands.RecordDispute)),
    (*FREE, refund()),
    (*FREE, refund(), refunded(amount_minor=0)),
)
"""What random histories hardly come to: parcels, payments that ended without the provider's reference, refunds of what
was free."""


def test_the_declared_states_are_those_in_which_orders_and_payments_are_refused() -> None:
    declared = {(kind, reason) for kind in codec.COMMANDS for reason in kind.refusals & OF_A_STATE}
    given_reasons = {refused for steps in RARE for refused in refused_now(given(*steps).partition)}
    for seed in range(SEEDS_MAX):
        author = InMemory()
        history = History(author, seed)
        for _ in range(8):
            history.go_on(40)
            given_reasons |= set(refused_now(author.partition))
        if given_reasons >= declared:
            break
    assert declared - given_reasons == set()
    assert given_reasons - declared == set()
