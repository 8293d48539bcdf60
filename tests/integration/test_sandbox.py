"""The sandbox has a card for each thing that can happen, also long after the payment."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from buystream.providers import CLIENT_TOKENS, Authorisation, RefundCall
from buystream.providers.sandbox import CARDS, SandboxProvider
from buystream.vocabulary import commands
from buystream.vocabulary.commands import Command
from buystream.vocabulary.ids import new_order_id, payment_id_of
from tests.support.examples import ANNA, EDITION
from tests.support.patience import wait_until

AMOUNT_MINOR = 4_501
Later = list[Command]


@contextmanager
def sandbox_at_work(dsn: str) -> Iterator[tuple[SandboxProvider, Later]]:
    """A sandbox in which days pass at once, and what it reports late."""
    reported: Later = []
    sandbox = SandboxProvider(dsn, on_fact=reported.append, slow_seconds=0, later_seconds=0)
    stop = threading.Event()
    running = threading.Thread(target=sandbox.run, args=(stop,))
    running.start()
    try:
        yield sandbox, reported
    finally:
        stop.set()
        running.join()


def paid(sandbox: SandboxProvider, token: str) -> str:
    """A captured payment with that card; its id."""
    order_id = new_order_id(EDITION)
    payment_id = payment_id_of(order_id, 1)
    asked = Authorisation(
        payment_id=payment_id,
        order_id=order_id,
        buyer_id=ANNA,
        amount_minor=AMOUNT_MINOR,
        currency="USD",
        payment_method=token,
        save=False,
    )
    assert isinstance(sandbox.authorise(asked), commands.RecordAuthorisation)
    for _ in range(2):  # a repeat starts nothing twice
        fact = sandbox.capture(payment_id, reference=f"sandbox_{payment_id}", amount_minor=AMOUNT_MINOR)
        assert isinstance(fact, commands.RecordCapture)
    return payment_id


def about(payment_id: str, amount_minor: int = AMOUNT_MINOR) -> Callable[[Command], tuple[str, str]]:
    """What a fact about that payment's dispute says."""

    def said(fact: Command) -> tuple[str, str]:
        assert isinstance(fact, commands.RecordDispute | commands.RecordDisputeOutcome)
        assert (fact.payment_id, fact.amount_minor) == (payment_id, amount_minor)
        return fact.dispute_id, getattr(fact, "outcome", "open")

    return said


@pytest.mark.parametrize(
    ("token", "amount_minor", "course"),
    [
        ("sandbox_dispute_won", AMOUNT_MINOR, ["open", "won"]),
        ("sandbox_dispute_lost", AMOUNT_MINOR, ["open", "lost"]),
        ("sandbox_dispute_lost_then_won", AMOUNT_MINOR, ["open", "lost", "won"]),
        ("sandbox_dispute_part", AMOUNT_MINOR // 2, ["open", "lost"]),
    ],
)
def test_a_card_is_disputed_as_it_says(database_url: str, token: str, amount_minor: int, course: list[str]) -> None:
    with sandbox_at_work(database_url) as (sandbox, reported):
        payment_id = paid(sandbox, token)
        wait_until(lambda: len(reported) >= len(course))
    told = [about(payment_id, amount_minor)(fact) for fact in reported]
    assert [state for _, state in told] == course
    assert len({dispute_id for dispute_id, _ in told}) == 1


def test_a_refund_succeeds_and_fails_later(database_url: str) -> None:
    with sandbox_at_work(database_url) as (sandbox, reported):
        payment_id = paid(sandbox, "sandbox_refund_fails")
        refund = RefundCall(payment_id=payment_id, refund_id="r1", reference=f"sandbox_{payment_id}", amount_minor=500)
        done = commands.RecordRefund(payment_id=payment_id, refund_id="r1", amount_minor=500)
        assert sandbox.refund(refund) == done
        wait_until(lambda: bool(reported))
    [failed] = reported
    assert isinstance(failed, commands.RecordRefundFailure)
    assert (failed.refund_id, failed.amount_minor) == ("r1", 500)


def test_what_is_to_come_outlives_the_shop(database_url: str) -> None:
    silent = SandboxProvider(database_url, on_fact=lambda _: None, later_seconds=0)
    payment_id = paid(silent, "sandbox_dispute_lost")
    with sandbox_at_work(database_url) as (_, reported):
        wait_until(lambda: len(reported) == 2)
    assert [about(payment_id)(fact)[1] for fact in reported] == ["open", "lost"]


def test_every_card_has_a_number_and_a_token_of_its_own_that_a_browser_may_send() -> None:
    assert len({card.number for card in CARDS}) == len({card.token for card in CARDS}) == len(CARDS)
    assert all(CLIENT_TOKENS["sandbox"].fullmatch(card.token) for card in CARDS)
