"""The auditor's own bookkeeping: stock, limits and money, counted from the events alone, in the plainest way, without
the aggregates' code. What both agree on is true; where they differ, one of them is wrong."""

from collections.abc import Iterator

from buystream.replay import (
    delivery_books,
    doors,
    download_books,
    parcel_books,
    ticket_accounts,
    turns,
    unit_postings,
)
from buystream.replay.accounts import (
    DisputeAccount,
    EditionAccount,
    Finding,
    LedgerState,
    OrderAccount,
    ReceiptAccount,
    released,
)
from buystream.vocabulary import events
from buystream.vocabulary.events import Event
from buystream.vocabulary.values import OrderLine


class Ledger:
    """Posts one event after another; each posting reports what it broke."""

    def __init__(self, state: LedgerState | None = None) -> None:
        self.state = LedgerState() if state is None else state
        self._editions, self._orders = self.state.editions, self.state.orders

    def post(self, event: Event) -> Iterator[Finding]:
        """Count the event, and yield the invariants that it breaks."""
        yield from self._check_versions(event)
        state = self.state
        if event.at_ms < state.at_ms:
            yield "time never runs backwards", f"{event.at_ms} after {state.at_ms}"
        state.at_ms = max(state.at_ms, event.at_ms)
        match event:
            case events.EditionReleased():
                self._editions[event.edition_id] = released(event)
            case events.OwnershipTaken():
                state.taken_at_ms = event.at_ms
                state.grace_until_ms = max(state.grace_until_ms, event.grace_until_ms)
            case events.DoorEvent():
                yield from doors.post(event, state.doors, self._orders)
            case events.EditionEvent():
                yield from self._post_edition(event, self._editions[event.edition_id])
            case events.ReceiptIssued() | events.ReceiptCorrected():
                yield from self._post_receipt(event)
            case events.OrderEvent():
                yield from self._post_order(event)
            case events.PaymentEvent():
                yield from self._post_payment(event)
        edition_id = getattr(event, "edition_id", "")
        if edition_id in self._editions:
            yield from self._editions[edition_id].check(edition_id)

    def close(self) -> Iterator[Finding]:
        """What must be true at the end of any decision."""
        for order_id, order in self._orders.items():
            if order.captured_minor > order.returned_minor and not (order.confirmed or order.refunded):
                yield "nobody is charged for nothing", f"{order_id} is paid and not confirmed"
            if order.reserved and not order.holds:
                yield "a reservation is taken or given back", f"{order_id} ended, {sorted(order.reserved)} did not"
        yield from doors.close(self.state.doors)

    def _check_versions(self, event: Event) -> Iterator[Finding]:
        streams = [(event.originator_id, event.originator_version)]
        if isinstance(event, events.OrderEvent | events.PaymentEvent):
            streams.append((event.edition_id, event.edition_version))
        for stream, version in streams:
            due = self.state.versions.get(stream, 0) + 1
            if version != due:
                yield "versions are dense", f"{stream} has version {version} where {due} is next"
            self.state.versions[stream] = version

    # Editions.

    def _post_edition(self, event: events.EditionEvent, account: EditionAccount) -> Iterator[Finding]:
        match event:
            case events.TermsApplied():
                account.awaits_terms = False
            case events.SalePaused() | events.SaleResumed():
                account.paused = isinstance(event, events.SalePaused)
            case events.SaleScheduled():
                account.window = event.window
            case events.CampaignReached():
                account.waits_for_target = False
                yield from _check_raised(event, account)
            case events.CampaignEnded():
                if account.waits_for_target and event.outcome == "missed":
                    account.over = "its target was missed"
                yield from _check_raised(event, account)
            case events.EditionCancelled():
                account.over, account.is_cancelled = "it was cancelled", True
            case events.BuyerPaused():
                account.paused_until_ms[event.buyer_id] = event.until_ms
            case events.CancellationCompleted():
                yield from self._check_given_back(event, account)
            case events.StockAdded():
                if account.over:
                    yield "what is over gets no stock", f"{event.edition_id}: {account.over}"
                variant = account.variants[event.variant_id]
                variant.issued = (variant.issued or 0) + event.quantity
                variant.move(event.quantity)
            case events.StockWithdrawn():
                variant = account.variants[event.variant_id]
                variant.withdrawn += event.quantity
                variant.move(-event.quantity)
            case events.ShippingChanged():
                yield from delivery_books.change(event, account)
            case events.PriceTiersSet():
                account.variants[event.variant_id].tiers = event.tiers
            case events.CodeCreated():
                yield from account.codes.create(event)
            case events.CodeDisabled():
                account.codes.by_id[event.code_id].disabled = event.disabled
            case events.FileAdded() | events.FileRemoved():
                yield from download_books.add(event, account)
            case events.StockReleased() if account.over:
                yield "what is over gets no stock", f"{event.edition_id} is on sale again: {account.over}"

    def _check_given_back(self, event: events.CancellationCompleted, account: EditionAccount) -> Iterator[Finding]:
        """Orders that banks decide about, and whose refund a bank didn't take, may be left."""
        left = [order_id for order_id in account.order_ids if self._orders[order_id].is_open]
        if len(left) > event.failed:
            yield "of a cancelled edition nobody keeps units or leaves money", f"{left}, {event.failed} failed"

    def _post_receipt(self, event: events.ReceiptIssued | events.ReceiptCorrected) -> Iterator[Finding]:
        receipt = self.state.receipts.get(event.order_id)
        if isinstance(event, events.ReceiptCorrected):
            if receipt is None:
                yield "a gift has one receipt", f"{event.order_id} has none, and it is corrected"
                return
            receipt.back_minor += event.change_minor
            if receipt.amount_minor != event.amount_minor:
                yield "a receipt is for what was given", f"{event.order_id}: {event.amount_minor}"
            return
        series = f"{event.merchant_id} {event.year}"
        due = self.state.numbers.get(series, 0) + 1
        self.state.numbers[series] = event.number
        if event.number != due:
            yield "receipt numbers have no gaps", f"{event.merchant_id}: {event.number} in {event.year}"
        if receipt is not None:
            yield "a gift has one receipt", event.order_id
        self.state.receipts[event.order_id] = ReceiptAccount(event.amount_minor)

    # Orders.

    def _post_order(self, event: events.OrderEvent) -> Iterator[Finding]:
        account = self._editions[event.edition_id]
        if isinstance(event, events.OrderPlaced):
            if event.order_id in self._orders:
                yield "an order is placed once", f"{event.order_id} is placed again"
            self._orders[event.order_id] = OrderAccount(
                edition_id=event.edition_id,
                buyer_id=event.buyer_id,
                bought={line.variant_id: line.quantity for line in event.lines},
                prices={line.variant_id: line.price_minor for line in event.lines},
                total_minor=sum(line.quantity * line.price_minor for line in event.lines)
                - (sum(event.code.amounts_minor) if event.code is not None else 0),
                code=event.code,
                currency=event.currency,
                ordered={one.variant_id: one.quantity for one in event.lines} if account.shipping is not None else {},
                counts=not event.gift_id or event.gift_id not in self.state.gifts,
            )
            self.state.gifts.add(event.gift_id)
            account.order_ids.append(event.order_id)
            yield from turns.place(event, account)
            if event.code is not None:
                yield from account.codes.use(
                    *(event.order_id, event.buyer_id, event.code, event.lines),
                    at_ms=event.at_ms,
                    currency=event.currency,
                )
        if isinstance(event, events.OrderRefused):
            if event.order_id in self._orders:
                yield "an order is placed once", f"{event.order_id} is refused after it was placed"
            yield from turns.refuse(event, account)
            return
        order = self._orders.get(event.order_id)
        if order is None:
            if not isinstance(event, events.OrderNoteWritten):  # those of a refused order count nothing
                yield "an order is placed once", f"{event.order_id} was never placed"
            return
        yield from self._run_clock(event, order)
        match event:
            case events.OrderPlaced() | events.OrderReclaimed():
                if not account.is_on_sale(event.at_ms):
                    yield "stock is given while it is on sale", f"{event.order_id} holds"
                if isinstance(event, events.OrderReclaimed):
                    yield from unit_postings.says_all(event, order)
                    if order.code is not None:
                        yield from account.codes.hold(event.order_id, order.buyer_id, order.code, event.at_ms)
                yield from unit_postings.hold(event.order_id, order, account)
            case events.OrderPledged() | events.OrderAuthorised():
                yield from _promise(event, order, account)
            case events.OrderConfirmed():
                yield from unit_postings.confirm(event, order, account)
            case events.OrderExpired() | events.OrderCancelled():
                yield from unit_postings.release(event, order, account)
            case (
                events.OrderShipped() | events.OrderDelivered() | events.ShipmentCreated() | events.FulfilmentRecorded()
                | events.UnitsReturned() | events.ReturnInspected() | events.UnitsExchanged()
            ):  # fmt: skip
                yield from parcel_books.serve(event, order, account)
            case events.CodeApplied():
                yield from _apply_code(event, order, account)
            case events.AddressChanged():
                yield from delivery_books.readdress(event, order)
            case events.OrderRefunded():
                yield from unit_postings.take_back(event, order, account)
            case _:
                yield from ticket_accounts.post(event, order)
                yield from download_books.post(event, order, account)

    def _run_clock(self, event: events.OrderEvent, order: OrderAccount) -> Iterator[Finding]:
        """A hold ends by its own clock only, and never within the grace of an owner who came after it."""
        if isinstance(event, events.OrderPlaced):
            order.placed_at_ms = event.at_ms
        if isinstance(event, events.OrderPlaced | events.HoldExtended):
            order.runs_until_ms = event.hold_expires_at_ms
        elif isinstance(event, events.OrderExpired):
            if order.runs_until_ms is None or event.at_ms < order.runs_until_ms:
                yield "a hold runs its time", f"{event.order_id} expired at {event.at_ms}, not {order.runs_until_ms}"
            if order.placed_at_ms <= self.state.taken_at_ms and event.at_ms < self.state.grace_until_ms:
                yield "no hold expires within the grace", f"{event.order_id} expired before {self.state.grace_until_ms}"

    def _post_payment(self, event: events.PaymentEvent) -> Iterator[Finding]:
        order, account = self._orders.get(event.order_id), self._editions[event.edition_id]
        if order is None:
            yield "a payment has its order", f"{event.payment_id} is for an order that was never placed"
            return
        match event:
            case events.AuthenticationRequired() | events.PaymentDeclined():
                order.runs_until_ms = event.hold_expires_at_ms
            case events.PaymentRequested():
                order.runs_until_ms = None
                yield from delivery_books.request(event, order, account)
                if account.over:
                    yield "nobody is charged for what is over", f"{event.payment_id} is asked for: {account.over}"
            case events.PaymentAuthorised():
                order.reserved[event.payment_id] = event.reference
            case events.MethodSaved():
                order.saved.add(event.payment_id)
            case events.VoidRequested():
                if event.reference != order.reserved.pop(event.payment_id, event.reference):
                    yield "a reservation is given back by its own name", f"{event.payment_id}: {event.reference}"
            case events.PaymentVoided() | events.PaymentFailed():
                order.reserved.pop(event.payment_id, None)
            case events.PaymentCaptured():
                yield from _capture(event, order, account)
            case events.RefundRequested():
                yield from _ask_back(event, order)
                yield from doors.return_units(event, self.state.doors, order)
            case events.PaymentRefunded():
                yield from _return(event, order, account)
            case events.RefundFailed():
                order.returned_by_buyer.pop(event.refund_id, None)
                yield from unit_postings.fail(event, order, account)
            case events.PaymentDisputed():
                yield from _dispute(event, order)
            case events.DisputeClosed():
                yield from _decide(event, order, account)


def _check_raised(event: events.CampaignReached | events.CampaignEnded, account: EditionAccount) -> Iterator[Finding]:
    if event.raised_minor != account.raised_minor:
        yield "a campaign counts what it has", f"{event.edition_id}: {event.raised_minor}, not {account.raised_minor}"


def _apply_code(event: events.CodeApplied, order: OrderAccount, account: EditionAccount) -> Iterator[Finding]:
    """Another code, or the first, for what nobody has begun to pay."""
    if not order.holds or order.delivery_minor or event.buyer_id != order.buyer_id:
        yield "a code is used before anything is paid", event.order_id
    if order.code is not None:
        account.codes.give_back(event.order_id, order.code)
        order.total_minor += sum(order.code.amounts_minor)
    order.code = event.code
    order.total_minor -= sum(event.code.amounts_minor)
    lines = tuple(
        OrderLine(variant_id=variant_id, quantity=quantity, price_minor=order.prices[variant_id])
        for variant_id, quantity in order.bought.items()
    )
    yield from account.codes.use(
        event.order_id, order.buyer_id, event.code, lines, at_ms=event.at_ms, currency=order.currency
    )


def _promise(
    event: events.OrderPledged | events.OrderAuthorised, order: OrderAccount, account: EditionAccount
) -> Iterator[Finding]:
    """A pledge waits for the target; an authorisation lets the money move."""
    if account.over:
        yield "nobody is charged for what is over", f"{event.order_id} is promised: {account.over}"
    if isinstance(event, events.OrderAuthorised):
        order.claimed_by = event.payment_id
        if order.reserved.get(event.payment_id) != event.reference:
            yield "money moves that was reserved", f"{event.payment_id}: {event.reference!r} is not"
        return
    if event.payment_id not in order.reserved and event.payment_id not in order.saved:
        yield "money moves that was reserved", f"{event.payment_id} pledges, and is not"
    order.pledged_minor = event.amount_minor
    account.raised_minor += event.amount_minor


def _capture(event: events.PaymentCaptured, order: OrderAccount, account: EditionAccount) -> Iterator[Finding]:
    if order.captured_minor:
        yield "nobody is charged twice", f"{event.order_id} is charged again by {event.payment_id}"
    agreed_minor = order.total_minor + order.delivery_minor.get(event.payment_id, 0)
    if not 0 <= event.amount_minor <= agreed_minor or event.currency != order.currency:
        yield "a charge is what was agreed", f"{event.payment_id} took {event.amount_minor} {event.currency}"
    if not order.holds:
        yield "nobody is charged for nothing", f"{event.payment_id} took money without stock"
    if order.claimed_by != event.payment_id or order.reserved.pop(event.payment_id, None) is None:
        yield "money moves that was reserved", f"{event.payment_id} took money, {order.claimed_by!r} had the stock"
    order.captured_minor += event.amount_minor
    if account.waits_for_target:
        yield "all or nothing", f"{event.payment_id} took money before the target was reached"
    if not 0 <= event.fee_minor <= event.amount_minor:
        yield "a fee is a part of the money", f"{event.payment_id} keeps {event.fee_minor}"


def _ask_back(event: events.RefundRequested, order: OrderAccount) -> Iterator[Finding]:
    if event.refund_id in order.asked or event.refund_id in order.done:
        yield "nothing is refunded twice", f"{event.payment_id}: {event.refund_id} is asked for again"
    units = order.units_in(event.quantity or 0, event.units)
    order.asked[event.refund_id] = event.amount_minor, units
    if sum(units.values()) != (event.quantity or 0):
        yield "an event counts its units", f"{event.payment_id}: {event.quantity} units, {units}"
    left_minor = order.captured_minor - order.returned_minor - order.held_minor
    if order.minor_under_way > max(left_minor, 0) or min(order.left.values()) < 0:
        yield "what is under way is not granted again", f"{event.payment_id}: {order.asked}, {left_minor} left"


def _return(event: events.PaymentRefunded, order: OrderAccount, account: EditionAccount) -> Iterator[Finding]:
    if event.refund_id in order.done:
        yield "nothing is refunded twice", f"{event.payment_id}: {event.refund_id}"
    minor, units = order.asked.pop(event.refund_id, (event.amount_minor, None))
    if minor != event.amount_minor:
        yield "a refund returns what was asked", f"{event.payment_id}: {event.amount_minor} instead of {minor}"
    order.done[event.refund_id] = event.amount_minor, units
    order.returned_minor += event.amount_minor
    account.raised_minor -= event.amount_minor
    if order.returned_minor > order.captured_minor:
        yield "a refund returns what was taken", f"{event.payment_id} returned more than was taken"


def _dispute(event: events.PaymentDisputed, order: OrderAccount) -> Iterator[Finding]:
    known = order.disputes.get(event.dispute_id)
    if event.held_minor != (0 if known is None else known.held_minor):
        yield (
            "a dispute takes its amount and nothing more",
            f"{event.payment_id}: {event.dispute_id}, {event.held_minor}",
        )
    order.disputes[event.dispute_id] = DisputeAccount(event.amount_minor)


def _decide(event: events.DisputeClosed, order: OrderAccount, account: EditionAccount) -> Iterator[Finding]:
    dispute = order.disputes.get(event.dispute_id)
    if dispute is None:
        yield "a dispute is opened before it is decided", f"{event.payment_id}: {event.dispute_id}"
        return
    held_minor, lost_minor = dispute.held_minor, dispute.lost_minor
    dispute.amount_minor, dispute.state = event.amount_minor, event.outcome
    account.raised_minor -= dispute.lost_minor - lost_minor
    moved = held_minor - dispute.held_minor, dispute.lost_minor - lost_minor
    if moved != (event.returned_minor, event.lost_minor):
        yield "a dispute takes its amount and nothing more", f"{event.payment_id}: {event.dispute_id}, {moved}"
