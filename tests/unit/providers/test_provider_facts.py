"""A provider's fact is idempotent by what it says: its command's id says all of it."""

from typing import Any

import msgspec
import pytest

from buystream.consumers.payments import id_of_fact
from buystream.providers.stripe_facts import dispute_facts
from buystream.replay.payment_books import PaymentBook
from buystream.replay.reconcile import _is_news
from buystream.vocabulary import commands
from tests.support.examples import COMMANDS, PAYMENT, example

FACTS = [one for one in COMMANDS if type(one).__name__.startswith("Record") and "payment_id" in one.__struct_fields__]


def others(value: Any) -> Any:
    """Another value of that type."""
    return value + 1 if isinstance(value, int) else f"{value}x"


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: type(fact).__name__)
def test_the_id_of_a_fact_says_everything_that_the_fact_says(fact: commands.Command) -> None:
    assert id_of_fact(fact) == id_of_fact(msgspec.structs.replace(fact))
    assert id_of_fact(fact).startswith(f"{PAYMENT}:{type(fact).__name__}:")
    for field in set(fact.__struct_fields__) - {"card_label"}:
        if (value := getattr(fact, field)) is not None:
            changed = msgspec.structs.replace(fact, **{field: others(value)})
            assert id_of_fact(changed) != id_of_fact(fact), field


def test_the_id_of_a_fact_gives_no_cards_label_away() -> None:
    """It is short, and a digest of what else is known of the payment: all labels can be tried."""
    fact = example(commands.RecordAuthorisation)
    assert id_of_fact(fact) == id_of_fact(msgspec.structs.replace(fact, card_label="other"))


def dispute(status: str) -> dict[str, Any]:
    """As Stripe describes it."""
    return {"id": "dp_1", "status": status, "amount": 4500, "currency": "usd", "reason": "fraudulent"}


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        *(("won", "won"), ("lost", "lost")),
        *(("warning_closed", "withdrawn"), ("charge_refunded", "withdrawn"), ("prevented", "withdrawn")),
    ],
)
def test_a_dispute_ends_as_stripe_says(status: str, outcome: str) -> None:
    [fact] = dispute_facts(PAYMENT, dispute(status))
    assert isinstance(fact, commands.RecordDisputeOutcome)
    assert (fact.outcome, fact.amount_minor) == (outcome, 4500)


@pytest.mark.parametrize("status", ["warning_needs_response", "warning_under_review"])
def test_an_inquiry_takes_nothing(status: str) -> None:
    assert dispute_facts(PAYMENT, dispute(status)) == []


@pytest.mark.parametrize(
    ("known", "outcome", "is_news"),
    [
        *((None, "lost", True), (None, "withdrawn", False)),
        *(("open", "lost", True), ("open", "won", True), ("open", "withdrawn", True)),
        *(("lost", "won", True), ("won", "lost", True), ("lost", "withdrawn", True)),
        *(("lost", "lost", False), ("won", "won", False), ("withdrawn", "withdrawn", False)),
    ],
)
def test_the_reconciler_repairs_an_outcome_that_has_changed(known: str | None, outcome: str, is_news: bool) -> None:
    disputes = {"dp_1": (known, 4500)} if known else {}
    book = PaymentBook(payment_id=PAYMENT, currency="USD", requested_at_ms=0, state="captured", disputes=disputes)
    fact = example(commands.RecordDisputeOutcome, amount_minor=4500, outcome=outcome)
    assert _is_news(fact, book) == is_news
    assert book.disputed_minor == (4500 if known in ("open", "lost") else 0)
