"""The auditor's own bookkeeping: stock, limits and money, counted from the events alone, in the plainest way, without
the aggregates' code. What both agree on is true; where they differ, one of them is wrong."""

from collections import Counter, defaultdict
from collections.abc import Iterator

import msgspec

from buystream import events
from buystream.events import Event

Finding = tuple[str, str]
"""An invariant's name, and what is wrong with it."""


class EditionAccount(msgspec.Struct):
    """What the auditor counts for one edition. `available` None means unlimited."""

    issued: int | None
    available: int | None
    limit_per_buyer: int
    held: int = 0
    sold: int = 0
    withdrawn: int = 0
    taken: Counter[str] = msgspec.field(default_factory=Counter)
    waits_for_target: bool = False


class OrderAccount(msgspec.Struct):
    """What the auditor knows of one order."""

    edition_id: str
    buyer_id: str
    quantity: int
    total_minor: int
    currency: str
    holds: bool
    recurring: bool = False
    confirmed: bool = False
    refunded: bool = False
    captured_minor: int = 0
    returned_minor: int = 0
    returned: int = 0
    refund_ids: set[str] = msgspec.field(default_factory=set)


class Ledger:
    """Posts one event after another; each posting tells what it broke."""

    def __init__(self) -> None:
        self._versions: defaultdict[str, int] = defaultdict(int)
        self._editions: dict[str, EditionAccount] = {}
        self._orders: dict[str, OrderAccount] = {}
        self._receipts: Counter[tuple[str, int]] = Counter()
        self._receipted: set[str] = set()
        self._at_ms = 0

    def post(self, event: Event) -> Iterator[Finding]:
        """Count the event, and yield the invariants that it breaks."""
        yield from self._check_versions(event)
        if event.at_ms < self._at_ms:
            yield "time never runs backwards", f"{event.at_ms} after {self._at_ms}"
        self._at_ms = max(self._at_ms, event.at_ms)
        match event:
            case events.EditionReleased():
                self._editions[event.edition_id] = EditionAccount(
                    issued=event.stock,
                    available=event.stock,
                    limit_per_buyer=event.limit_per_buyer,
                    waits_for_target=event.all_or_nothing,
                )
            case events.CampaignReached():
                self._editions[event.edition_id].waits_for_target = False
            case events.ReceiptIssued():
                yield from self._post_receipt(event)
            case events.StockAdded():
                self._issue(event.edition_id, event.quantity)
            case events.StockWithdrawn():
                account = self._editions[event.edition_id]
                account.withdrawn += event.quantity
                _move(account, -event.quantity)
            case events.OrderEvent():
                yield from self._post_order(event)
            case events.PaymentEvent():
                yield from self._post_payment(event)
        edition_id = getattr(event, "edition_id", "")
        if edition_id in self._editions:
            yield from _check_stock(edition_id, self._editions[edition_id])

    def close(self) -> Iterator[Finding]:
        """What must be true at the end of any decision."""
        for order_id, order in self._orders.items():
            if order.captured_minor > order.returned_minor and not (order.confirmed or order.refunded):
                yield "nobody is charged for nothing", f"{order_id} is paid and not confirmed"

    def _check_versions(self, event: Event) -> Iterator[Finding]:
        streams = [(event.originator_id, event.originator_version)]
        if isinstance(event, events.OrderEvent | events.PaymentEvent):
            streams.append((event.edition_id, event.edition_version))
        for stream, version in streams:
            self._versions[stream] += 1
            if version != self._versions[stream]:
                yield "versions are dense", f"{stream} has version {version} where {self._versions[stream]} is next"
                self._versions[stream] = version

    def _issue(self, edition_id: str, quantity: int) -> None:
        account = self._editions[edition_id]
        account.issued = (account.issued or 0) + quantity
        _move(account, quantity)

    def _post_order(self, event: events.OrderEvent) -> Iterator[Finding]:
        if isinstance(event, events.OrderPlaced):
            if event.order_id in self._orders:
                yield "an order is placed once", f"{event.order_id} is placed again"
            self._orders[event.order_id] = OrderAccount(
                edition_id=event.edition_id,
                buyer_id=event.buyer_id,
                quantity=event.quantity,
                total_minor=event.quantity * event.price_minor,
                currency=event.currency,
                holds=False,
                recurring=bool(event.gift_id),
            )
        if isinstance(event, events.OrderRefused):
            if event.order_id in self._orders:
                yield "an order is placed once", f"{event.order_id} is refused after it was placed"
            return
        order = self._orders.get(event.order_id)
        if order is None:
            yield "an order is placed once", f"{event.order_id} was never placed"
            return
        account = self._editions[event.edition_id]
        match event:
            case events.OrderPlaced() | events.OrderReclaimed():
                yield from _hold(event.order_id, order, account)
            case events.OrderConfirmed():
                yield from _confirm(event, order, account)
            case events.OrderExpired() | events.OrderCancelled():
                yield from _let_go(event.order_id, order, account)
            case events.OrderRefunded():
                yield from _refund(event, order, account)

    def _post_receipt(self, event: events.ReceiptIssued) -> Iterator[Finding]:
        series = event.merchant_id, event.year
        self._receipts[series] += 1
        if event.number != self._receipts[series]:
            yield "receipt numbers have no gaps", f"{event.merchant_id}: {event.number} in {event.year}"
        if event.order_id in self._receipted:
            yield "a gift has one receipt", event.order_id
        self._receipted.add(event.order_id)

    def _post_payment(self, event: events.PaymentEvent) -> Iterator[Finding]:
        order = self._orders.get(event.order_id)
        if order is None:
            yield "a payment has its order", f"{event.payment_id} is for an order that was never placed"
            return
        if isinstance(event, events.PaymentCaptured):
            if order.captured_minor:
                yield "nobody is charged twice", f"{event.order_id} is charged again by {event.payment_id}"
            if not 0 <= event.amount_minor <= order.total_minor or event.currency != order.currency:
                yield "a charge is what was agreed", f"{event.payment_id} took {event.amount_minor} {event.currency}"
            if not order.holds:
                yield "nobody is charged for nothing", f"{event.payment_id} took money without stock"
            order.captured_minor += event.amount_minor
            if self._editions[event.edition_id].waits_for_target:
                yield "all or nothing", f"{event.payment_id} took money before the target was reached"
            if not 0 <= event.fee_minor <= event.amount_minor:
                yield "a fee is a part of the money", f"{event.payment_id} keeps {event.fee_minor}"
        elif isinstance(event, events.PaymentRefunded):
            if event.refund_id in order.refund_ids:
                yield "nothing is refunded twice", f"{event.payment_id}: {event.refund_id}"
            order.refund_ids.add(event.refund_id)
            order.returned_minor += event.amount_minor
            if order.returned_minor > order.captured_minor:
                yield "a refund returns what was taken", f"{event.payment_id} returned more than was taken"
        elif isinstance(event, events.RefundFailed) and event.was_refunded:
            order.refund_ids.discard(event.refund_id)
            order.returned_minor -= event.amount_minor


def _hold(order_id: str, order: OrderAccount, account: EditionAccount) -> Iterator[Finding]:
    if order.holds:
        yield "an order holds stock once", f"{order_id} holds again"
    order.holds = True
    account.held += order.quantity
    account.taken[order.buyer_id] += order.quantity
    _move(account, -order.quantity)
    if account.taken[order.buyer_id] > account.limit_per_buyer and not order.recurring:
        yield "a buyer's limit binds", f"{order.buyer_id} has {account.taken[order.buyer_id]}"


def _confirm(event: events.OrderConfirmed, order: OrderAccount, account: EditionAccount) -> Iterator[Finding]:
    if not order.holds:
        yield "only held stock is sold", f"{event.order_id} holds nothing"
    if order.captured_minor != event.amount_minor or (order.total_minor and not order.captured_minor):
        yield "a confirmed order is paid", f"{event.order_id}: {order.captured_minor} of {event.amount_minor}"
    order.holds, order.confirmed = False, True
    account.held -= order.quantity
    account.sold += order.quantity


def _refund(event: events.OrderRefunded, order: OrderAccount, account: EditionAccount) -> Iterator[Finding]:
    order.returned += event.quantity
    if order.returned > order.quantity or event.whole != (order.returned == order.quantity):
        yield "a refund returns what was bought", f"{event.order_id}: {order.returned} of {order.quantity}"
    if event.whole:
        order.confirmed, order.refunded = False, True
    account.sold -= event.quantity
    account.taken[order.buyer_id] -= event.quantity
    if event.restock:
        _move(account, event.quantity)
    else:
        account.withdrawn += event.quantity


def _let_go(order_id: str, order: OrderAccount, account: EditionAccount) -> Iterator[Finding]:
    if not order.holds:
        yield "only held stock is released", f"{order_id} holds nothing"
    if order.captured_minor:
        yield "nobody is charged for nothing", f"{order_id} ended after it was paid"
    order.holds = False
    account.held -= order.quantity
    account.taken[order.buyer_id] -= order.quantity
    _move(account, order.quantity)


def _move(account: EditionAccount, quantity: int) -> None:
    if account.available is not None:
        account.available += quantity


def _check_stock(edition_id: str, account: EditionAccount) -> Iterator[Finding]:
    counts = (account.available or 0, account.held, account.sold, account.withdrawn)
    if min(counts) < 0:
        yield "no count is negative", f"{edition_id}: available, held, sold, withdrawn = {counts}"
    if account.issued is not None and sum(counts) != account.issued:
        yield "available + held + sold + withdrawn = issued", f"{edition_id}: {counts} of {account.issued}"
