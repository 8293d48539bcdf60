"""What the log says about every payment's money: folded from the events alone, to be compared with what the provider
says."""

from collections.abc import Mapping
from typing import Final

import msgspec

from buystream.delivery.sequence import Foreign, head_of
from buystream.log import EVENTS, READ_LIMIT, Log, Record
from buystream.vocabulary import codec, events
from buystream.vocabulary.codec import Unreadable, read_event
from buystream.vocabulary.order_states import DISPUTE_HOLDS

_MONEY: Final = {
    codec.type_name(kind).rpartition(".")[0]: kind for kind in codec.EVENTS if issubclass(kind, events.PaymentEvent)
}


class PaymentBook(msgspec.Struct, kw_only=True, gc=False):
    """One payment. `refunds` and `disputes` are what became of each, by its id."""

    payment_id: str
    currency: str
    requested_at_ms: int
    is_setup: bool = False
    state: str = "requested"
    reference: str = ""
    captured_minor: int = 0
    refunds: dict[str, tuple[str, int]] = {}
    disputes: dict[str, tuple[str, int]] = {}

    @property
    def refunded_minor(self) -> int:
        """What is back at the buyer's."""
        return sum(amount_minor for state, amount_minor in self.refunds.values() if state == "refunded")

    @property
    def disputed_minor(self) -> int:
        """What a bank holds or has taken."""
        return sum(amount_minor for state, amount_minor in self.disputes.values() if state in DISPUTE_HOLDS)

    def apply(self, event: events.PaymentEvent) -> None:
        """The next event of this payment."""
        match event:
            case events.AuthenticationRequired():
                self.state = "authentication_required"
            case events.PaymentAuthorised() | events.MethodSaved():
                self.state, self.reference = "authorised", event.reference
            case events.PaymentDeclined():
                self.state = "declined"
            case events.PaymentCaptured():
                self.state, self.captured_minor = "captured", event.amount_minor
            case events.PaymentFailed():
                self.state = "failed"
            case events.VoidRequested():
                self.state = "voiding"
            case events.PaymentVoided():
                self.state = "voided"
            case events.RefundRequested():
                self.refunds = {**self.refunds, event.refund_id: ("requested", event.amount_minor)}
            case events.PaymentRefunded():
                self.refunds = {**self.refunds, event.refund_id: ("refunded", event.amount_minor)}
            case events.RefundFailed():
                self.refunds = {**self.refunds, event.refund_id: ("failed", event.amount_minor)}
            case events.PaymentDisputed():
                self.disputes = {**self.disputes, event.dispute_id: ("open", event.amount_minor)}
            case events.DisputeClosed():
                self.disputes = {**self.disputes, event.dispute_id: (event.outcome, event.amount_minor)}


class PaymentBooks:
    """All payments. `catch_up` continues where it stopped, so that looking again costs what is new."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._next = dict.fromkeys(range(log.partitions), 0)
        self._answered = dict.fromkeys(range(log.partitions), -1)
        self._books: dict[str, PaymentBook] = {}

    @property
    def all(self) -> Mapping[str, PaymentBook]:
        """By payment id."""
        return self._books

    @property
    def answered(self) -> Mapping[int, int]:
        """The position of the last command that is decided, by partition."""
        return self._answered

    def catch_up(self) -> None:
        """Read on to the end."""
        for partition in self._next:
            while records := self._log.read(EVENTS, partition, self._next[partition], READ_LIMIT):
                for record in records:
                    try:
                        head = head_of(record)
                    except Foreign:
                        continue
                    self._post(head.type, record)
                    self._answered[partition] = head.commandposition
                self._next[partition] = records[-1].position + 1

    def _post(self, kind: str, record: Record) -> None:
        if kind.rpartition(".")[0] not in _MONEY:
            return
        try:
            event = read_event(record.value)
        except Unreadable:
            return  # the audit reports it
        if isinstance(event, events.PaymentRequested):
            self._books[event.payment_id] = PaymentBook(
                payment_id=event.payment_id,
                currency=event.currency,
                requested_at_ms=event.at_ms,
                is_setup=event.mode == "setup",
            )
        elif isinstance(event, events.PaymentEvent) and event.payment_id in self._books:
            self._books[event.payment_id].apply(event)
