"""Payments: turns what was decided about money into calls to the provider, and the provider's facts into commands.
Calls are idempotent by payment id and happen at least once; the checkpoint never passes one that isn't answered."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from buystream import codec, commands, events
from buystream.commands import Command
from buystream.consumers.delivery import Backoff, Checkpoints, EventReader, Place, work_while_assigned
from buystream.ids import partition_of
from buystream.log import COMMANDS, Log, LogUnavailable, Message, Record
from buystream.metrics import PAYMENTS_IN_FLIGHT, PROVIDER_RETRIES
from buystream.providers import Authorisation, Provider, ProviderUnavailable, RefundCall

logger = logging.getLogger(__name__)

IN_FLIGHT_MAX = 10_000
READ_AT_ONCE = 1_000
REFUNDS_SHARE = 4
"""Refunds get a pool of their own, of a fourth of the threads: who buys never waits behind a pile of them."""

SAVE_SECONDS = 0.5
FREE = "free"
"""The reference of a payment of nothing: it needs no provider."""

ABOUT_MONEY = (events.PaymentRequested, events.OrderAuthorised, events.VoidRequested, events.RefundRequested)
"""What the provider is asked about."""

Call = Callable[[], Command | None]


class Payments:
    """Calls the provider for all partitions that are assigned to this process."""

    def __init__(self, log: Log, *, dsn: str, provider: Provider, workers: int = 16) -> None:
        self._log = log
        self._provider = provider
        self._workers = workers
        self._checkpoints = Checkpoints(dsn, "payments", partitions=log.partitions)

    def run(self, stop: threading.Event) -> None:
        """Until `stop`; calls under way are finished first."""
        try:
            work_while_assigned(self._log, "payments", stop, self._work)
        finally:
            self._checkpoints.close()

    def _work(self, partitions: frozenset[int], ended: Callable[[], bool]) -> None:
        starts = {partition: place for partition, place in self._checkpoints.load().items() if partition in partitions}
        reader = EventReader(self._log, "payments", starts, wanted=ABOUT_MONEY)
        halt = threading.Event()
        in_flight = InFlight(starts)
        buying = ThreadPoolExecutor(self._workers, thread_name_prefix="payments")
        refunds = ThreadPoolExecutor(-(-self._workers // REFUNDS_SHARE), thread_name_prefix="refunds")
        try:
            saved_at = time.monotonic()
            while not ended():
                if in_flight.count < IN_FLIGHT_MAX:
                    for record, event in reader.poll(timeout_seconds=0.2, limit=READ_AT_ONCE):
                        call = self.call_for(event) if event else None
                        pool = refunds if isinstance(event, events.RefundRequested) else buying
                        in_flight.add(record, pool.submit(self._carry_out, call, halt) if call else None)
                else:
                    in_flight.wait(timeout_seconds=0.2)
                PAYMENTS_IN_FLIGHT.set(in_flight.count)
                if time.monotonic() - saved_at > SAVE_SECONDS and (moved := in_flight.settle()):
                    self._checkpoints.save(moved)
                    saved_at = time.monotonic()
        finally:
            halt.set()
            for pool in (buying, refunds):
                pool.shutdown(wait=True, cancel_futures=True)
            reader.close()
        if moved := in_flight.settle():
            self._checkpoints.save(moved)

    def call_for(self, event: events.Event) -> Call | None:
        """What the provider is asked because of this event; None for most events."""
        provider = self._provider
        match event:
            case events.PaymentRequested(amount_minor=0):
                payment_id = event.payment_id
                return lambda: commands.RecordAuthorisation(payment_id=payment_id, reference=FREE)
            case events.PaymentRequested(mode=mode):
                authorisation = Authorisation(
                    payment_id=event.payment_id,
                    order_id=event.order_id,
                    buyer_id=event.buyer_id,
                    amount_minor=event.amount_minor,
                    currency=event.currency,
                    payment_method=event.payment_method,
                    save=event.save,
                    fee_minor=event.fee_minor,
                    destination=event.destination,
                    off_session=event.off_session,
                    requested_at_ms=event.at_ms,
                )
                if mode == "setup":
                    return lambda: provider.save_method(authorisation)
                return lambda: provider.authorise(authorisation)
            case events.OrderAuthorised(payment_id=payment_id, reference=reference, amount_minor=amount_minor):
                if reference == FREE:
                    return lambda: commands.RecordCapture(payment_id=payment_id, amount_minor=0)
                return lambda: provider.capture(payment_id, reference=reference, amount_minor=amount_minor)
            case events.VoidRequested(payment_id=payment_id, reference=reference):
                if reference == FREE:
                    return lambda: commands.RecordVoid(payment_id=payment_id)
                return lambda: provider.void(payment_id, reference=reference)
            case events.RefundRequested(payment_id=payment_id, refund_id=refund_id, reference=reference):
                if reference == FREE:
                    return lambda: commands.RecordRefund(payment_id=payment_id, amount_minor=0, refund_id=refund_id)
                refund = RefundCall(
                    payment_id=payment_id,
                    refund_id=refund_id,
                    reference=reference,
                    amount_minor=event.amount_minor,
                    keep_fee=event.keep_fee,
                    destination=event.destination,
                )
                return lambda: provider.refund(refund)
            case _:
                return None

    def _carry_out(self, call: Call, halt: threading.Event) -> None:
        """Call until there is an answer, and put it on the log. Ends without one only when told to halt."""
        backoff = Backoff("payment provider")
        while not halt.is_set():
            try:
                fact = call()
                if fact is not None:
                    self.report(fact)
                return
            except (ProviderUnavailable, LogUnavailable) as error:
                PROVIDER_RETRIES.inc()
                backoff.wait(halt, error)
        raise Halted

    def report(self, fact: Command) -> None:
        """Put a provider's fact on the log of its payment's partition."""
        append_fact(self._log, fact)


class Halted(Exception):
    """The call was not answered when the consumer ended."""


class InFlight:
    """Calls under way, and the checkpoint: in each partition, everything before the first unanswered call is done."""

    def __init__(self, starts: dict[int, Place]) -> None:
        self._calls: dict[int, dict[int, tuple[int, Future[None]]]] = {partition: {} for partition in starts}
        self._seen = dict(starts)
        self._saved = dict(starts)

    @property
    def count(self) -> int:
        """Calls not yet known to be answered."""
        return sum(len(calls) for calls in self._calls.values())

    def add(self, record: Record, future: "Future[None] | None") -> None:
        """A record was read; `future` is its call, if it needs one."""
        sequence = int(record.headers["ce_sequence"])
        self._seen[record.partition] = Place(record.position + 1, sequence + 1)
        if future is not None:
            self._calls[record.partition][record.position] = (sequence, future)

    def wait(self, timeout_seconds: float) -> None:
        """Until one more call is answered; answered ones are forgotten."""
        wait(
            [future for calls in self._calls.values() for _, future in calls.values()],
            timeout_seconds,
            return_when=FIRST_COMPLETED,
        )
        self._forget_answered()

    def settle(self) -> dict[int, Place]:
        """The partitions whose checkpoint moved, and where to. Raises what an unanswered call raised unexpectedly."""
        self._forget_answered()
        moved = {}
        for partition, calls in self._calls.items():
            place = self._seen[partition]
            if calls:
                position = next(iter(calls))
                place = Place(position, calls[position][0])
            if place != self._saved[partition]:
                moved[partition] = self._saved[partition] = place
        return moved

    def _forget_answered(self) -> None:
        for calls in self._calls.values():
            for position in [position for position, (_, future) in calls.items() if future.done()]:
                _, future = calls[position]
                if future.cancelled() or isinstance(future.exception(), Halted):
                    continue
                future.result()
                del calls[position]


def append_fact(log: Log, fact: Command) -> None:
    """Put a provider's fact on the log of its payment's partition; the command's id says what the fact says."""
    payment_id: str = fact.payment_id  # type: ignore[attr-defined]
    about = getattr(fact, "refund_id", "") or getattr(fact, "dispute_id", "")
    said = ":".join(filter(None, (payment_id, codec.name_of(fact), about)))
    headers = codec.command_headers(fact, command_id=said)
    log.append(COMMANDS, partition_of(payment_id), [Message(codec.encode(fact), headers=headers)])
