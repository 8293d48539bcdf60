"""A call to the provider that fails in an unforeseen way costs the others nothing, and is never lost."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager

import pytest

from buystream.consumers import payments
from buystream.consumers.payments import Halted, InFlight, Payments
from buystream.delivery import set_aside
from buystream.delivery.policy import Place
from buystream.log import COMMANDS, EVENTS, Message, Record, Rejected
from buystream.log.postgres import PostgresLog
from buystream.providers import Authorisation
from buystream.vocabulary import codec, commands, events
from tests.support.examples import example, order_id
from tests.support.patience import wait_until
from tests.support.postgres import run_sql
from tests.support.records import event_message
from tests.support.steps import payment


class OddProvider:
    """Fails for one payment in a way that nobody foresaw, until told otherwise."""

    def __init__(self, odd: str) -> None:
        self.odd = odd
        self.asked: Counter[str] = Counter()

    def authorise(self, authorisation: Authorisation) -> commands.Command:
        """The others' money is reserved."""
        self.asked[authorisation.payment_id] += 1
        if authorisation.payment_id == self.odd:
            raise KeyError("status")
        return commands.RecordAuthorisation(payment_id=authorisation.payment_id, reference="pi_1")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries come soon."""
    monkeypatch.setattr(payments, "RETRY_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(payments, "SAVE_SECONDS", 0.01)
    monkeypatch.setattr(set_aside, "PAUSE_SECONDS_FIRST", 0.05)


@contextmanager
def at_work(log: PostgresLog, dsn: str, provider: OddProvider) -> Iterator[None]:
    """A payments process, for a while."""
    stop = threading.Event()
    worker = Payments(log, dsn=dsn, provider=provider)  # type: ignore[arg-type]
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def requested(number: int) -> Message:
    """The event that asks for the n-th order's first payment."""
    event = example(
        events.PaymentRequested, originator_id=payment(number), order_id=order_id(number), edition_version=number
    )
    return event_message(event, sequence=number - 1, command_position=number)


def facts(log: PostgresLog) -> list[str]:
    """Whose money was reserved, as the log says."""
    read = [codec.read_command(record.value).data for record in log.read(COMMANDS, 0, 0)]
    return [one.payment_id for one in read if isinstance(one, commands.RecordAuthorisation)]


def test_the_others_continue_and_the_one_is_retried_until_it_works_even_by_another_process(
    postgres_log: PostgresLog, database_url: str
) -> None:
    provider = OddProvider(payment(2))
    postgres_log.append(EVENTS, 0, [requested(number) for number in (1, 2, 3)])
    with at_work(postgres_log, database_url, provider):
        wait_until(lambda: sorted(facts(postgres_log)) == [payment(1), payment(3)])
        wait_until(lambda: provider.asked[payment(2)] > 2)
    asked_before = provider.asked.copy()
    with at_work(postgres_log, database_url, provider):
        postgres_log.append(EVENTS, 0, [requested(4)])
        wait_until(lambda: payment(4) in facts(postgres_log))
        assert provider.asked[payment(1)] == asked_before[payment(1)], "the checkpoint has passed the one set aside"
        wait_until(lambda: provider.asked[payment(2)] > asked_before[payment(2)])
        provider.odd = ""
        wait_until(lambda: payment(2) in facts(postgres_log))
        asked = provider.asked[payment(2)]
        postgres_log.append(EVENTS, 0, [requested(5)])
        wait_until(lambda: payment(5) in facts(postgres_log))
    assert provider.asked[payment(2)] == asked
    assert len(facts(postgres_log)) == len(set(facts(postgres_log))) == 5


@pytest.mark.parametrize("error", [KeyError("status"), Rejected("too large"), RecursionError(), Halted()])
def test_only_a_call_that_was_stopped_holds_the_checkpoint_back(error: Exception) -> None:
    in_flight = InFlight({0: Place()})
    in_flight.add(record(5), 5, failed(error))
    in_flight.add(record(6), 6, None)
    moved = in_flight.settle()
    if isinstance(error, Halted):
        assert moved == {0: Place(5, 5)}
        assert in_flight.take_failed() == []
    else:
        assert moved == {0: Place(7, 7)}
        assert [(one.partition, one.position) for one in in_flight.take_failed()] == [(0, 5)]
        assert in_flight.take_failed() == []


def record(position: int) -> Record:
    return Record(EVENTS, 0, position, 0, b"", "")


def failed(error: Exception) -> "Future[None]":
    future: Future[None] = Future()
    future.set_exception(error)
    return future


def test_each_failure_doubles_the_pause_up_to_an_hour(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(set_aside, "PAUSE_SECONDS_FIRST", 10)
    listed = set_aside.SetAside(database_url, "payments")
    pauses = []
    for _ in range(12):
        listed.add([set_aside.Failure(0, 5, "KeyError: \0 status")])
        ((pause,),) = run_sql(database_url, "SELECT extract(epoch FROM next_at - now()) FROM consumer.set_aside")
        pauses.append(float(str(pause)))
    listed.close()
    assert pauses[:3] == pytest.approx([10, 20, 40], abs=2)
    assert pauses[-1] == pytest.approx(3_600, abs=5)
