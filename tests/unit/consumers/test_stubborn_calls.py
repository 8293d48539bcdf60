"""A few calls that the provider never answers don't hold the threads that the others need."""

import threading
from collections.abc import Callable

import pytest

from buystream.consumers import payments
from buystream.consumers.payments import ABOUT_MONEY, BUYING, OTHERS_ANSWERED, Halted, Payments, Stubborn
from buystream.delivery import policy as delivery
from buystream.log import COMMANDS
from buystream.providers import Authorisation, ProviderUnavailable
from buystream.vocabulary import commands, events
from tests.support.examples import T0, example
from tests.support.memory_log import MemoryLog
from tests.support.steps import payment

STUCK = payment(666)


class Deaf:
    """Never answers one payment; `meanwhile` happens at each try."""

    def __init__(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        self.meanwhile = meanwhile
        self.tries = 0

    def authorise(self, authorisation: Authorisation) -> commands.Command:
        """Of everybody else the money is reserved."""
        if authorisation.payment_id != STUCK:
            return commands.RecordAuthorisation(payment_id=authorisation.payment_id, reference="pi_1")
        self.tries += 1
        self.meanwhile()
        raise ProviderUnavailable("Stripe answers 5 idempotency keys with an error")


def requested(payment_id: str) -> events.Event:
    return example(events.PaymentRequested, originator_id=payment_id)


def at(provider: Deaf) -> Payments:
    return Payments(MemoryLog(stamp=lambda: T0), dsn="", provider=provider)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payments, "STUBBORN_SECONDS", 0.0)
    for name in ("PAUSE_SECONDS_FIRST", "PAUSE_SECONDS_MAX"):
        monkeypatch.setattr(delivery, name, 0.001)


def test_a_call_that_is_not_answered_while_others_are_is_given_up() -> None:
    worker = at(provider := Deaf())
    others = iter(range(1, 1_000))
    provider.meanwhile = lambda: worker._carry_out(requested(payment(next(others))), threading.Event())
    with pytest.raises(Stubborn, match="idempotency keys"):
        worker._carry_out(requested(STUCK), threading.Event())
    assert provider.tries == OTHERS_ANSWERED


def test_while_nobody_is_answered_everybody_waits() -> None:
    """The provider is away: that is no call's own trouble, and a list of thousands would be slow to work off."""
    halt = threading.Event()
    provider = Deaf()
    provider.meanwhile = lambda: halt.set() if provider.tries == 3 else None
    with pytest.raises(Halted):
        at(provider)._carry_out(requested(STUCK), halt)


def test_one_that_was_set_aside_is_tried_for_a_while_whatever_becomes_of_others() -> None:
    provider = Deaf()
    with pytest.raises(Stubborn):
        at(provider)._carry_out(requested(STUCK), threading.Event(), seconds_max=0.0, others_answered=0)
    assert provider.tries == 1


def test_a_buyer_waits_neither_behind_refunds_nor_behind_erasures() -> None:
    assert set(ABOUT_MONEY) - set(BUYING) == {events.RefundRequested, events.BuyerErased, events.ErasureRequested}


def test_the_others_facts_are_on_the_log() -> None:
    worker = at(Deaf())
    worker._carry_out(requested(payment(1)), threading.Event())
    assert worker._log.end(COMMANDS, 0) == 1
