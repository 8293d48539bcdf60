"""A merchant: a band, club, charity or shop that releases editions. Its fee terms and its receipt numbers are decided
here, because every edition of the merchant depends on them."""

from datetime import UTC, datetime
from typing import Any, Self, TypeVar

import msgspec

from buystream import commands, events

M = TypeVar("M", bound=events.MerchantEvent)


class FeeTerms(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the platform keeps of editions in `currency` that are released from `from_ms` on."""

    terms_id: str
    currency: str
    share_bps: int
    fixed_minor: int
    from_ms: int


class Receipt(msgspec.Struct, kw_only=True, gc=False, omit_defaults=True):
    """A paid gift's number, and what it is for now."""

    year: int
    number: int
    amount_minor: int
    currency: str
    refund_ids: list[str] = []


class Merchant(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Follows the `eventsourcing` library's MutableAggregateProtocol and CollectEventsProtocol."""

    id: str
    version: int
    name: str
    currency: str
    api_key_hash: str
    account: str = ""
    details: tuple[str, ...] = ()
    """Legal name, address, tax id, charity id, e-mail."""
    fee_terms: list[FeeTerms] = []
    granted: set[str] = set()
    """Editions that have their terms."""
    receipts: dict[str, Receipt] = {}
    """By order id."""
    last_numbers: dict[int, int] = {}
    """By year."""
    pending: list[events.Event] = []

    @classmethod
    def begin(cls, event: events.MerchantRegistered) -> Self:
        """From its first event."""
        return cls(
            id=event.originator_id,
            version=event.originator_version,
            name=event.name,
            currency=event.currency,
            api_key_hash=event.api_key_hash,
        )

    def rotate_api_key(self, api_key_hash: str, at_ms: int) -> None:
        """Only the new key works from here on."""
        self.record(events.ApiKeyRotated, at_ms, api_key_hash=api_key_hash)

    def describe(self, command: commands.DescribeMerchant, at_ms: int) -> str | None:
        """The legal details change."""
        details = (command.legal_name, command.address, command.tax_id, command.charity_id, command.email)
        if details == self.details:
            return "repeated"
        self.record(
            events.MerchantDescribed,
            at_ms,
            legal_name=command.legal_name,
            address=command.address,
            tax_id=command.tax_id,
            charity_id=command.charity_id,
            email=command.email,
        )
        return None

    def connect_account(self, command: commands.ConnectAccount, at_ms: int) -> str | None:
        """The money of later releases goes elsewhere."""
        if command.account == self.account:
            return "repeated"
        self.record(events.AccountConnected, at_ms, account=command.account)
        return None

    def set_fee_terms(self, command: commands.SetFeeTerms, at_ms: int) -> str | None:
        """What the platform keeps, from a date on."""
        if any(terms.terms_id == command.terms_id for terms in self.fee_terms):
            return "repeated"
        if not 0 <= command.share_bps <= 10_000 or command.fixed_minor < 0:
            return "bad_terms"
        self.record(
            events.FeeTermsSet,
            at_ms,
            terms_id=command.terms_id,
            currency=command.currency,
            share_bps=command.share_bps,
            fixed_minor=command.fixed_minor,
            from_ms=command.from_ms,
        )
        return None

    def grant_terms(self, command: commands.RequestTerms, at_ms: int) -> str | None:
        """The terms in force now, for one edition: the newest that have begun, of its currency."""
        if command.edition_id in self.granted:
            return "repeated"
        begun = [terms for terms in self.fee_terms if terms.currency == command.currency and terms.from_ms <= at_ms]
        terms = max(reversed(begun), key=lambda one: one.from_ms, default=None)
        self.record(
            events.TermsGranted,
            at_ms,
            edition_id=command.edition_id,
            terms_id=terms.terms_id if terms else "",
            account=self.account,
            fee_share_bps=terms.share_bps if terms else 0,
            fee_fixed_minor=terms.fixed_minor if terms else 0,
        )
        return None

    def issue_receipt(self, command: commands.IssueReceipt, at_ms: int) -> str | None:
        """The next number of the year in which it was paid."""
        if command.order_id in self.receipts:
            return "repeated"
        year = datetime.fromtimestamp(command.paid_at_ms // 1000, UTC).year
        self.record(
            events.ReceiptIssued,
            at_ms,
            year=year,
            number=self.last_numbers.get(year, 0) + 1,
            order_id=command.order_id,
            amount_minor=command.amount_minor,
            currency=command.currency,
            paid_at_ms=command.paid_at_ms,
        )
        return None

    def correct_receipt(self, command: commands.CorrectReceipt, at_ms: int) -> str | None:
        """Part of the gift went back."""
        receipt = self.receipts.get(command.order_id)
        if receipt is None:
            return "unknown_receipt"
        if command.refund_id in receipt.refund_ids:
            return "repeated"
        self.record(
            events.ReceiptCorrected,
            at_ms,
            year=receipt.year,
            number=receipt.number,
            order_id=command.order_id,
            refund_id=command.refund_id,
            amount_minor=max(receipt.amount_minor - command.amount_minor, 0),
            currency=receipt.currency,
        )
        return None

    def record(self, kind: type[M], at_ms: int, **fields: Any) -> M:
        """What was decided happens at once."""
        event = kind(originator_id=self.id, originator_version=self.version + 1, at_ms=at_ms, **fields)
        self.apply(event)
        self.pending.append(event)
        return event

    def apply(self, event: events.MerchantEvent) -> None:
        """Change state; never refuses."""
        self.version = event.originator_version
        match event:
            case events.ApiKeyRotated():
                self.api_key_hash = event.api_key_hash
            case events.MerchantDescribed():
                self.details = (event.legal_name, event.address, event.tax_id, event.charity_id, event.email)
            case events.AccountConnected():
                self.account = event.account
            case events.FeeTermsSet():
                self.fee_terms.append(
                    FeeTerms(
                        terms_id=event.terms_id,
                        currency=event.currency,
                        share_bps=event.share_bps,
                        fixed_minor=event.fixed_minor,
                        from_ms=event.from_ms,
                    )
                )
            case events.TermsGranted():
                self.granted.add(event.edition_id)
            case events.ReceiptIssued():
                self.last_numbers[event.year] = event.number
                self.receipts[event.order_id] = Receipt(
                    year=event.year, number=event.number, amount_minor=event.amount_minor, currency=event.currency
                )
            case events.ReceiptCorrected():
                receipt = self.receipts[event.order_id]
                receipt.amount_minor = event.amount_minor
                receipt.refund_ids = [*receipt.refund_ids, event.refund_id]

    def collect_events(self) -> list[events.Event]:
        """What was decided since the last call."""
        collected, self.pending = self.pending, []
        return collected
