"""Payments: turns what was decided about money into calls to the provider, and the provider's facts into commands.
Calls are idempotent by payment id and happen at least once; the checkpoint never passes one that is neither answered
nor set aside."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from hashlib import blake2b

import msgspec

from buystream.aggregates.buyer import PAYMENT_METHOD
from buystream.delivery.policy import Backoff, Checkpoints, EventReader, Place, work_while_assigned
from buystream.delivery.set_aside import Failure, SetAside
from buystream.errors import BuystreamError
from buystream.log import COMMANDS, EVENTS, Log, LogUnavailable, Message, Record
from buystream.metrics import PAYMENTS_IN_FLIGHT, PAYMENTS_SET_ASIDE, PROVIDER_RETRIES
from buystream.providers import Authorisation, Provider, ProviderUnavailable, RefundCall
from buystream.vocabulary import codec, commands, events
from buystream.vocabulary.actors import PROVIDER
from buystream.vocabulary.commands import Command

logger = logging.getLogger(__name__)

IN_FLIGHT_MAX = 10_000
READ_AT_ONCE = 1_000
REFUNDS_SHARE = 4
"""Refunds and erasures get a pool of their own, of a fourth of the threads: who buys never waits behind a pile of
them."""

SAVE_SECONDS = 0.5

RETRY_LOOK_SECONDS = 1.0
"""How often calls that were set aside are looked for."""

STUBBORN_SECONDS = 60.0
OTHERS_ANSWERED = 20
"""A call that failed for this long, while this many others were answered, is in trouble of its own: it is set aside,
and holds no thread that others need."""

RETRY_SECONDS = 5.0
"""How long a call that was set aside is tried at a time."""

BUYING = (events.PaymentRequested, events.OrderAuthorised, events.VoidRequested)
"""What somebody waits for. Refunds and erasures have threads of their own."""

FREE = "free"
"""The reference of a payment of nothing: it needs no provider."""

ABOUT_MONEY = (
    *(events.PaymentRequested, events.OrderAuthorised, events.VoidRequested, events.RefundRequested),
    *(events.BuyerErased, events.ErasureRequested),
)
"""What the provider is asked about."""

Call = Callable[[], Command | None]

Seal = Callable[[str, Mapping[str, str]], str]
"""Encrypts this for the buyer of that id; "" when it can't: see `buystream.vault.Vault.seal`."""


class Payments:
    """Calls the provider for all partitions that are assigned to this process."""

    def __init__(self, log: Log, *, dsn: str, provider: Provider, workers: int = 16, seal: Seal | None = None) -> None:
        self._log = log
        self._seal = seal
        self._provider = provider
        self._workers = workers
        self._answered = 0
        self._checkpoints = Checkpoints(dsn, "payments", partitions=log.partitions)
        self._set_aside = SetAside(dsn, "payments")

    def run(self, stop: threading.Event) -> None:
        """Until `stop`; calls under way are finished first."""
        try:
            work_while_assigned(self._log, "payments", stop, self._work)
        finally:
            self._checkpoints.close()
            self._set_aside.close()

    def _work(self, partitions: frozenset[int], ended: Callable[[], bool]) -> None:
        starts = {partition: place for partition, place in self._checkpoints.load().items() if partition in partitions}
        reader = EventReader(self._log, "payments", starts, wanted=ABOUT_MONEY)
        halt = threading.Event()
        in_flight = InFlight(starts)
        buying = ThreadPoolExecutor(self._workers, thread_name_prefix="payments")
        refunds = ThreadPoolExecutor(-(-self._workers // REFUNDS_SHARE), thread_name_prefix="refunds")
        retries = Retries(
            self._set_aside,
            self._log,
            partitions,
            lambda event, traceparent: self._carry_out(
                event, halt, traceparent, seconds_max=RETRY_SECONDS, others_answered=0
            ),
        )
        try:
            saved_at = time.monotonic()
            while not ended():
                if in_flight.count < IN_FLIGHT_MAX:
                    for record, head, event in reader.poll(timeout_seconds=0.2, limit=READ_AT_ONCE):
                        pool = buying if isinstance(event, BUYING) else refunds
                        call = pool.submit(self._carry_out, event, halt, head.traceparent) if event else None
                        in_flight.add(record, int(head.sequence), call)
                else:
                    in_flight.wait(timeout_seconds=0.2)
                PAYMENTS_IN_FLIGHT.set(in_flight.count)
                retries.step()
                if time.monotonic() - saved_at > SAVE_SECONDS:
                    self._save(in_flight)
                    saved_at = time.monotonic()
        finally:
            halt.set()
            for pool in (buying, refunds):
                pool.shutdown(wait=True, cancel_futures=True)
            retries.close()
            reader.close()
        self._save(in_flight)

    def _save(self, in_flight: "InFlight") -> None:
        """What failed is on the list before the checkpoint passes it."""
        moved = in_flight.settle()
        if failed := in_flight.take_failed():
            for partition, position, error in failed:
                logger.error(
                    "the call for event %d of partition %d is set aside: %s",
                    *(position, partition, error),
                    extra={"topic": EVENTS, "partition": partition, "position": position},
                )
            self._set_aside.add(failed)
        if moved:
            self._checkpoints.save(moved)

    def _carry_out(
        self,
        event: events.Event,
        halt: threading.Event,
        traceparent: str = "",
        *,
        seconds_max: float | None = None,
        others_answered: int = OTHERS_ANSWERED,
    ) -> None:
        """Call until there is an answer, and put it on the log. Without an answer it raises: Halted, Stubborn, or
        whatever nobody foresaw. It is stubborn after `seconds_max`, if meanwhile so many others were answered."""
        call = call_for(event, self._provider)
        if call is None:
            return
        backoff = Backoff("payment provider", PROVIDER_RETRIES)
        began, answered_before = time.monotonic(), self._answered
        while not halt.is_set():
            try:
                fact = call()
                if fact is not None:
                    append_fact(self._log, fact, self._seal, traceparent)
                self._answered += 1  # by many threads, so that it may miss some: it need not be exact
                return
            except (ProviderUnavailable, LogUnavailable) as error:
                is_long = time.monotonic() - began > (STUBBORN_SECONDS if seconds_max is None else seconds_max)
                if is_long and self._answered - answered_before >= others_answered:
                    raise Stubborn(str(error)) from error
                backoff.wait(halt, error)
        raise Halted


def call_for(event: events.Event, provider: Provider) -> Call | None:
    """What the provider is asked because of this event; None for most events."""
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
                statement=event.statement,
            )
            if mode == "setup":
                return lambda: provider.save_method(authorisation)
            return lambda: provider.authorise(authorisation)
        case events.OrderAuthorised(payment_id=payment_id, reference=reference):
            amount_minor, currency = event.amount_minor, event.currency
            if reference == FREE:
                return lambda: commands.RecordCapture(payment_id=payment_id, amount_minor=0)
            return lambda: provider.capture(
                payment_id, reference=reference, amount_minor=amount_minor, currency=currency
            )
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
                currency=event.currency,
                keep_fee=event.keep_fee,
                destination=event.destination,
            )
            return lambda: provider.refund(refund)
        case events.BuyerErased(buyer_id=buyer_id):
            return lambda: provider.forget_buyer(buyer_id)
        case events.ErasureRequested(link_kind=link_kind, link_id=method) if link_kind == PAYMENT_METHOD:
            return lambda: provider.forget_method(method)
        case _:
            return None


class Stubborn(BuystreamError):
    """The provider answers others, and not this call."""


class Halted(Exception):
    """The call was not answered when the consumer ended."""


class InFlight:
    """Calls under way, and the checkpoint: in each partition, everything before the first unanswered call is done."""

    def __init__(self, starts: dict[int, Place]) -> None:
        self._calls: dict[int, dict[int, tuple[int, Future[None]]]] = {partition: {} for partition in starts}
        self._seen = dict(starts)
        self._saved = dict(starts)
        self._failed: list[Failure] = []

    @property
    def count(self) -> int:
        """Calls not yet known to be answered."""
        return sum(len(calls) for calls in self._calls.values())

    def add(self, record: Record, sequence: int, future: "Future[None] | None") -> None:
        """A record was read; `future` is its call, if it needs one."""
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
        """The partitions whose checkpoint moved, and where to. It passes calls that failed in a way that nobody
        foresaw: put those of `take_failed` aside first."""
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
        for partition, calls in self._calls.items():
            for position in [position for position, (_, future) in calls.items() if future.done()]:
                _, future = calls[position]
                if future.cancelled() or isinstance(error := future.exception(), Halted):
                    continue
                if error is not None:
                    self._failed.append(Failure(partition, position, described(error)))
                del calls[position]

    def take_failed(self) -> list[Failure]:
        """The calls that failed since this was last asked."""
        failed, self._failed = self._failed, []
        return failed


class Retries:
    """Makes the calls again that were set aside, one at a time, so that they never hold up the others."""

    def __init__(
        self,
        set_aside: SetAside,
        log: Log,
        partitions: frozenset[int],
        carry_out: Callable[[events.Event, str], None],
    ) -> None:
        self._set_aside = set_aside
        self._log = log
        self._partitions = partitions
        self._carry_out = carry_out
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="payments set aside")
        self._running: tuple[tuple[int, int], Future[None]] | None = None
        self._look_at = 0.0

    def step(self) -> None:
        """Note what became of the last call, and make the next one that is due. Raises LogUnavailable."""
        if self._running is not None:
            if not self._running[1].done():
                return
            self._note(*self._running)
            self._running = None
        elif time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + RETRY_LOOK_SECONDS
        PAYMENTS_SET_ASIDE.set(self._set_aside.count(self._partitions))
        if due := self._set_aside.due(self._partitions):
            self._running = due[0], self._thread.submit(self._retry, *due[0])

    def close(self) -> None:
        """Wait for the call under way."""
        self._thread.shutdown(wait=True)
        PAYMENTS_SET_ASIDE.set(0)

    def _retry(self, partition: int, position: int) -> None:
        (record,) = self._log.read(EVENTS, partition, position, 1)
        self._carry_out(codec.read_event(record.value), codec.read_head(record.value).traceparent)

    def _note(self, place: tuple[int, int], future: "Future[None]") -> None:
        error = future.exception()
        if error is None:
            self._set_aside.remove(*place)
            logger.warning("the call for event %d of partition %d, which was set aside, is answered", *reversed(place))
        elif not isinstance(error, Halted | LogUnavailable):
            self._set_aside.add([Failure(*place, described(error))])


def described(error: BaseException) -> str:
    """The error in one line, for people."""
    return f"{type(error).__name__}: {error}"


def append_fact(log: Log, fact: Command, seal: Seal | None = None, traceparent: str = "") -> None:
    """Put a provider's fact on the log of its payment's partition, in the trace of what it answers. How a buyer
    recognises a card is encrypted first, or left out."""
    if isinstance(fact, commands.RecordAuthorisation | commands.RecordMethodSaved):
        label = {"card_label": fact.card_label}
        sealed = seal(fact.buyer_id, label) if seal is not None and fact.card_label and fact.buyer_id else ""
        fact = msgspec.structs.replace(fact, card_label=sealed)
    record = codec.encode_command(fact, command_id=id_of_fact(fact), actor=PROVIDER, traceparent=traceparent)
    partition, key = commands.address_of(fact)
    log.append(COMMANDS, partition, [Message(record, key)])


def id_of_fact(fact: Command) -> str:
    """Identifies the whole fact: the same for every reporter, another for another amount or outcome. It names what the
    fact is about; the rest is a digest."""
    payment_id: str = fact.payment_id  # type: ignore[attr-defined]
    if isinstance(fact, commands.RecordAuthorisation | commands.RecordMethodSaved):
        fact = msgspec.structs.replace(fact, card_label="")  # a short digest would give it away
    about = getattr(fact, "refund_id", "") or getattr(fact, "dispute_id", "")
    digest = blake2b(codec.encode(fact), digest_size=8).hexdigest()
    return ":".join(filter(None, (payment_id, codec.name_of(fact), about, digest)))
