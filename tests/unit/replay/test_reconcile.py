"""The comparison of books, again and again: nothing that is odd at the provider ends it."""

import logging
import threading
from typing import Any

import pytest

from buystream.log import LogUnavailable
from buystream.providers import ProviderUnavailable
from buystream.replay.payment_books import PaymentBook
from buystream.replay.reconcile import Reconciler, Report, _is_news
from buystream.vocabulary import commands
from tests.support.examples import PAYMENT, T0, example
from tests.support.memory_log import MemoryLog


@pytest.mark.parametrize("trouble", [ProviderUnavailable("away"), LogUnavailable("away"), KeyError("status")])
def test_a_comparison_that_fails_is_made_again(trouble: Exception, caplog: pytest.LogCaptureFixture) -> None:
    stop = threading.Event()
    outcomes: list[Exception | None] = [trouble, None]

    class Odd(Reconciler):
        def reconcile(self, **_: Any) -> Report:
            outcome = outcomes.pop(0)
            if outcome is not None:
                raise outcome
            stop.set()
            return Report()

    with caplog.at_level(logging.WARNING):
        Odd(MemoryLog(stamp=lambda: T0), None).run(stop, 0.001)  # type: ignore[arg-type]
    assert outcomes == []
    assert "the books can't be compared" in caplog.text


def book(**disputes: tuple[str, int]) -> PaymentBook:
    made = PaymentBook(payment_id=PAYMENT, currency="USD", requested_at_ms=T0)
    made.disputes = dict(disputes)
    return made


def test_a_dispute_is_news_until_the_log_has_its_amount() -> None:
    opened = example(commands.RecordDispute, dispute_id="dp_1", amount_minor=700)
    assert _is_news(opened, book())
    assert _is_news(opened, book(dp_1=("open", 500)))
    assert not _is_news(opened, book(dp_1=("open", 700)))
    assert not _is_news(opened, book(dp_1=("lost", 500))), "its outcome says more"
