"""Two books of the same money: what the log says, and what the provider has. They must agree, payment by payment."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from buystream.vocabulary import events
from buystream.vocabulary.events import Event
from buystream.vocabulary.ids import order_of
from tests.support.stripe.answers import Json


@dataclass
class Entry:
    """One payment."""

    captured_minor: int = 0
    refunded_minor: list[int] = field(default_factory=list)
    disputes: dict[str, str] = field(default_factory=dict)
    """Outcomes by dispute; empty while it is open."""

    def told(self) -> tuple[int, list[int], dict[str, str]]:
        """To compare."""
        return self.captured_minor, sorted(self.refunded_minor), self.disputes


Book = defaultdict[str, Entry]


class LogBook:
    """The log's side, event by event."""

    def __init__(self) -> None:
        self.payments: Book = defaultdict(Entry)
        self.orders: dict[str, str] = {}
        """State by order."""
        self._refunds: dict[str, tuple[str, int]] = {}

    def post(self, event: Event) -> None:
        """Count one event."""
        match event:
            case events.PaymentCaptured():
                self.payments[event.payment_id].captured_minor += event.amount_minor
            case events.PaymentRefunded():
                self.payments[event.payment_id].refunded_minor.append(event.amount_minor)
            case events.RefundFailed(was_refunded=True):
                self.payments[event.payment_id].refunded_minor.remove(event.amount_minor)
            case events.PaymentDisputed():
                self.payments[event.payment_id].disputes.setdefault(event.dispute_id, "")
            case events.DisputeClosed():
                self.payments[event.payment_id].disputes[event.dispute_id] = event.outcome
            case events.OrderPlaced() | events.OrderReclaimed():
                self.orders[event.order_id] = "held"
            case events.OrderAuthorised():
                self.orders[event.order_id] = "authorised"
            case events.OrderConfirmed():
                self.orders[event.order_id] = "confirmed"
            case events.OrderExpired() | events.OrderCancelled():
                self.orders[event.order_id] = "ended"
            case events.OrderRefunded(whole=True):
                self.orders[event.order_id] = "refunded"


class ProviderBook:
    """The provider's side, as it is now."""

    def __init__(self, intents: list[Json], refunds: list[Json], disputes: list[Json]) -> None:
        self.payments: Book = defaultdict(Entry)
        self.taken: Counter[str] = Counter()
        """How many intents took money, by order."""
        self.reserved: dict[str, str] = {}
        """Payments whose money is still reserved, or may be: their intents' status."""
        ids = {intent["id"]: intent["metadata"]["payment_id"] for intent in intents}
        for intent in intents:
            payment_id = ids[intent["id"]]
            if intent["amount_received"]:
                self.taken[order_of(payment_id)] += 1
                self.payments[payment_id].captured_minor += intent["amount_received"]
            if intent["status"] in ("requires_capture", "processing"):
                self.reserved[payment_id] = intent["status"]
        for refund in refunds:
            if refund["status"] == "succeeded":
                self.payments[ids[refund["payment_intent"]]].refunded_minor.append(refund["amount"])
        for dispute in disputes:
            outcome = dispute["status"] if dispute["status"] in ("won", "lost") else ""
            self.payments[ids[dispute["payment_intent"]]].disputes[dispute["id"]] = outcome


def differences(log: LogBook, provider: ProviderBook) -> list[str]:
    """What must not be, in words. Empty when all is well."""
    found = [f"{order} paid {times} times" for order, times in provider.taken.items() if times > 1]
    for payment_id in sorted(log.payments.keys() | provider.payments.keys()):
        ours, theirs = log.payments[payment_id], provider.payments[payment_id]
        if ours.told() != theirs.told():
            found.append(f"{payment_id}: the log says {ours.told()}, the provider {theirs.told()}")
        state = log.orders.get(order_of(payment_id))
        if theirs.captured_minor and state not in ("confirmed", "refunded"):
            found.append(f"{payment_id} took {theirs.captured_minor} for an order that is {state}")
    found += [f"{payment_id} is left {status}" for payment_id, status in provider.reserved.items()]
    found += [f"{order_id} is left {state}" for order_id, state in log.orders.items() if state == "authorised"]
    return found
