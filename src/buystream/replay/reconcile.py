"""The books beside the provider's: what Stripe knows is listed and compared with what the log says, to the cent; what
the log lacks is recorded by the same commands as a webhook's; remaining differences are reported."""

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from buystream.consumers.payments import Seal, append_fact
from buystream.log import COMMANDS, Log, LogUnavailable
from buystream.metrics import BOOKS_DIFFERENCES
from buystream.providers import ProviderUnavailable
from buystream.providers.stripe_account import StripeAccount, StripePayment
from buystream.providers.stripe_api import StripeApi
from buystream.providers.stripe_facts import TAKEN_BACK, dispute_facts, intent_facts, refund_facts, setup_facts
from buystream.replay.payment_books import PaymentBook, PaymentBooks
from buystream.vocabulary import commands
from buystream.vocabulary.codec import name_of
from buystream.vocabulary.commands import Command
from buystream.vocabulary.money import format_money
from buystream.vocabulary.order_states import AT_THE_BANK

ROUNDS: Final = 3
"""A recorded fact may make room for the next one; and what moves while we look is looked at again."""

PAUSE_SECONDS: Final = 0.5
DECIDED_SECONDS: Final = 30.0
WINDOW_SECONDS: Final = 8 * 86_400
"""How far back the periodic comparison looks: an authorisation lives 7 days, webhooks are sent for 3."""

STRIPES: Final = ("pi_", "seti_")
"""What references of Stripe's begin with: payments of nothing, and of the sandbox, are not in its books."""

logger = logging.getLogger(__name__)


class Sums(msgspec.Struct):
    """Money of one currency."""

    captured_minor: int = 0
    refunded_minor: int = 0
    disputed_minor: int = 0


class CurrencyBooks(msgspec.Struct):
    """The same currency in both books."""

    log: Sums
    stripe: Sums


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One payment that the books don't agree about."""

    payment_id: str
    reference: str
    what: str

    def __str__(self) -> str:
        return f"{self.payment_id or 'no payment of ours'} ({self.reference or 'no reference'}): {self.what}"


class Report(msgspec.Struct, kw_only=True):
    """`payments` were compared, `under_way` of them have money that is still moving; `repaired` lists the facts that
    were put on the log."""

    equal: bool = True
    payments: int = 0
    under_way: int = 0
    totals: dict[str, CurrencyBooks] = {}
    repaired: list[str] = []
    differences: list[Difference] = []


class Reconciler:
    """Compares a log with an account. Used by one thread."""

    def __init__(self, log: Log, api: StripeApi, seal: Seal | None = None) -> None:
        """Without `seal`, a card that is saved by a repaired fact has no label."""
        self._log = log
        self._seal = seal
        self._books = PaymentBooks(log)
        self._account = StripeAccount(api, partitions=log.partitions)

    def run(self, stop: threading.Event, every_seconds: float) -> None:
        """Compare again and again, until `stop`."""
        while not stop.wait(every_seconds):
            try:
                report = self.reconcile(since_ms=int((time.time() - WINDOW_SECONDS) * 1000))
            except (ProviderUnavailable, LogUnavailable) as error:
                logger.warning("the books can't be compared: %s; next time in %d s", error, every_seconds)
                continue
            except Exception:  # whatever it is: something odd at Stripe must not end the comparisons
                logger.exception("the books can't be compared; next time in %d s", every_seconds)
                continue
            BOOKS_DIFFERENCES.set(len(report.differences))
            for fact in report.repaired:
                logger.warning("Stripe knew more than the log: recorded %s", fact)
            for difference in report.differences:
                logger.error("the books differ: %s", difference)

    def reconcile(self, *, since_ms: int | None = None) -> Report:
        """Everything that happened at Stripe since then, or ever. Raises ProviderUnavailable and LogUnavailable."""
        self._account.look(since_ms)
        self._books.catch_up()
        report = Report()
        recorded: set[Command] = set()
        for number in range(ROUNDS):
            report.repaired += self._repair(recorded)
            differences = list(self._differences(since_ms))
            if not differences:
                break
            if number < ROUNDS - 1:
                time.sleep(PAUSE_SECONDS)
                self._account.look_again({it.payment_id: it.reference for it in differences if it.payment_id})
                self._books.catch_up()
        report.differences = differences
        report.equal = not differences
        self._add_up(report, since_ms)
        return report

    def _repair(self, recorded: set[Command]) -> list[str]:
        """Put on the log what Stripe knows and the log doesn't, and wait until it is decided."""
        facts = [
            fact
            for payment_id, payment in self._account.payments.items()
            if (book := self._books.all.get(payment_id)) is not None
            for fact in missing_facts(book, payment)
            if fact not in recorded
        ]
        for fact in facts:
            append_fact(self._log, fact, self._seal)
            recorded.add(fact)
        if facts:
            self._wait_until_decided()
        return [_described(fact) for fact in facts]

    def _wait_until_decided(self) -> None:
        ends = {partition: self._log.end(COMMANDS, partition) - 1 for partition in range(self._log.partitions)}
        deadline = time.monotonic() + DECIDED_SECONDS
        while any(self._books.answered[partition] < end for partition, end in ends.items()):
            if time.monotonic() > deadline:
                raise LogUnavailable(
                    f"no decision in {DECIDED_SECONDS:.0f} s: is a decider running? The facts are on the log"
                )
            time.sleep(0.02)
            self._books.catch_up()

    def _compared(self, since_ms: int | None) -> Iterator[tuple[str, PaymentBook | None, StripePayment | None]]:
        """Every payment that Stripe lists, and every one of ours that it ought to list."""
        listed = self._account.payments
        for payment_id, payment in listed.items():
            yield payment_id, self._books.all.get(payment_id), payment
        for payment_id, book in self._books.all.items():
            is_recent = since_ms is None or book.requested_at_ms >= since_ms
            if payment_id not in listed and is_recent and book.reference.startswith(STRIPES):
                yield payment_id, book, self._account.fetch(payment_id, book.reference)

    def _differences(self, since_ms: int | None) -> Iterator[Difference]:
        for payment_id, book, payment in list(self._compared(since_ms)):
            reference = book.reference if book else payment.id if payment else ""
            for what in differences_of(book, payment):
                yield Difference(payment_id=payment_id, reference=reference, what=what)

    def _add_up(self, report: Report, since_ms: int | None) -> None:
        for _, book, payment in list(self._compared(since_ms)):
            report.payments += 1
            report.under_way += payment is not None and payment.is_under_way
            if book is not None and (book.reference.startswith(STRIPES) or payment is not None):
                ours = report.totals.setdefault(book.currency, CurrencyBooks(Sums(), Sums())).log
                ours.captured_minor += book.captured_minor
                ours.refunded_minor += book.refunded_minor
                ours.disputed_minor += book.disputed_minor
            if payment is not None and not payment.is_setup:
                theirs = report.totals.setdefault(payment.currency, CurrencyBooks(Sums(), Sums())).stripe
                theirs.captured_minor += payment.captured_minor
                theirs.refunded_minor += payment.refunded_minor
                theirs.disputed_minor += payment.disputed_minor


def differences_of(book: PaymentBook | None, payment: StripePayment | None) -> Iterator[str]:
    """What the two books don't agree about."""
    if book is None:
        if payment is not None and (payment.captured_minor or payment.is_reserved):
            yield f"Stripe has {payment.reported()}, and the log has no such payment"
        return
    if payment is None:
        if book.state in ("authorised", "captured") or book.captured_minor:
            yield f"the log has it {book.state}, and Stripe has no such payment"
        return
    if book.currency != payment.currency and payment.currency:
        yield f"it is in {book.currency} in the log, and in {payment.currency} at Stripe"
    for name, ours, theirs in (
        ("captured", book.captured_minor, payment.captured_minor),
        ("refunded", book.refunded_minor, payment.refunded_minor),
        ("disputed", book.disputed_minor, payment.disputed_minor),
    ):
        if ours != theirs:
            in_log, at_stripe = format_money(ours, book.currency), format_money(theirs, book.currency)
            yield f"{name} {in_log} in the log, {at_stripe} at Stripe"
    if payment.is_reserved and book.state in ("declined", "failed", "voided"):
        yield f"Stripe holds a reservation, and the log has it {book.state}"
    for other in payment.others:
        yield f"Stripe has a second payment for it, {other['id']} ({other['status']})"


def missing_facts(book: PaymentBook, payment: StripePayment) -> Iterator[Command]:
    """What Stripe knows of a payment and the log doesn't, in the order in which it happened."""
    of_intent = setup_facts if payment.is_setup else intent_facts
    for fact in of_intent(book.payment_id, payment.intent):
        if _is_news(fact, book):
            yield fact
    live = {refund["id"] for refund in payment.refunds if refund["status"] == "succeeded"}
    for refund in sorted(payment.refunds, key=lambda it: (it["created"], it["id"] in live)):
        for fact in refund_facts(book.payment_id, refund):
            if _is_news(fact, book) and not _is_superseded(fact, payment):
                yield fact
    for dispute in payment.disputes:
        for fact in dispute_facts(book.payment_id, dispute):
            if _is_news(fact, book):
                yield fact


def _is_news(fact: Command, book: PaymentBook) -> bool:
    match fact:
        case commands.RecordAuthorisation() | commands.RecordMethodSaved():
            return book.state in AT_THE_BANK or book.state == "declined"
        case commands.RecordCapture():
            return book.state in AT_THE_BANK or book.state in ("declined", "authorised")
        case commands.RecordAuthenticationRequired():
            return book.state == "requested"
        case commands.RecordDecline():
            return book.state in AT_THE_BANK
        case commands.RecordVoid():
            return book.state in AT_THE_BANK or book.state in ("authorised", "voiding")
        case commands.RecordRefund(refund_id=refund_id):
            return refund_id != TAKEN_BACK and book.refunds.get(refund_id, ("",))[0] != "refunded"
        case commands.RecordRefundFailure(refund_id=refund_id):
            return book.refunds.get(refund_id, ("",))[0] in ("requested", "refunded")
        case commands.RecordDispute(dispute_id=dispute_id, amount_minor=amount_minor):
            state, held_minor = book.disputes.get(dispute_id, ("", 0))
            return not state or (state == "open" and held_minor != amount_minor)
        case commands.RecordDisputeOutcome(dispute_id=dispute_id, outcome="withdrawn"):
            return dispute_id in book.disputes and book.disputes[dispute_id][0] != "withdrawn"
        case commands.RecordDisputeOutcome():
            return book.disputes.get(fact.dispute_id) != (fact.outcome, fact.amount_minor)
        case _:
            return False


def _is_superseded(fact: Command, payment: StripePayment) -> bool:
    """A refund failed, and was requested once more under the same id: the newer one counts."""
    return isinstance(fact, commands.RecordRefundFailure) and fact.refund_id in payment.live_refund_ids


def _described(fact: Command) -> str:
    fields = ", ".join(str(getattr(fact, name)) for name in fact.__struct_fields__ if name in _TELLING)
    return f"{name_of(fact)} {fields}"


_TELLING: Final = ("payment_id", "refund_id", "dispute_id", "amount_minor", "reason", "outcome", "reference")


def lines_of(report: Report) -> Iterable[str]:
    """The report for people, one clear line each."""
    lines: list[str] = [f"recorded {fact}" for fact in report.repaired]
    for currency, totals in sorted(report.totals.items()):
        lines.append(f"{currency}  log     {_sums(totals.log, currency)}")
        lines.append(f"{currency}  Stripe  {_sums(totals.stripe, currency)}")
    lines += [f"differs: {difference}" for difference in report.differences]
    verdict = "equal to the cent" if report.equal else f"{len(report.differences)} differences left"
    moving = f", {report.under_way} with money under way" if report.under_way else ""
    return [*lines, f"The books are {verdict}: {report.payments} payments compared{moving}."]


def _sums(sums: Sums, currency: str) -> str:
    amounts: Sequence[tuple[str, int]] = (
        ("captured", sums.captured_minor),
        ("refunded", sums.refunded_minor),
        ("disputed", sums.disputed_minor),
    )
    return ", ".join(f"{name} {format_money(minor, currency)}" for name, minor in amounts)
