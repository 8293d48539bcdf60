"""A merchant: a band, club, charity or shop that releases editions. Its fee terms and its receipt numbers are decided
here, because every edition of the merchant depends on them."""

from bisect import bisect_right, insort_right
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from typing import Any, Final, Self

import msgspec

from buystream.aggregates.applying import appliers_of, applies
from buystream.aggregates.content import content_of, digest_of_offer
from buystream.aggregates.decides import decides
from buystream.aggregates.member import JOINED, REMOVED, Member
from buystream.aggregates.moment import Moment
from buystream.aggregates.receipt import Receipt
from buystream.aggregates.recent import remember
from buystream.aggregates.rules import Rules
from buystream.api_keys import FIRST_KEY_ID
from buystream.vocabulary import commands, events
from buystream.vocabulary.actors import OWNER
from buystream.vocabulary.values import Fee


class FeeTerms(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the platform keeps of editions in `currency` that are released from `from_ms` on."""

    terms_id: str
    currency: str
    fee: Fee
    from_ms: int

    @classmethod
    def asked(cls, asked: commands.SetFeeTerms | events.FeeTermsSet) -> Self:
        """As they are requested, or were set."""
        return cls(
            terms_id=asked.terms_id,
            currency=asked.currency,
            fee=asked.fee,
            from_ms=asked.from_ms,
        )


class Merchant(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Follows the `eventsourcing` library's MutableAggregateProtocol."""

    id: str
    version: int
    name: str
    currency: str
    api_keys: dict[str, str]
    """Key id → hash, of the keys that work."""
    limited_keys: dict[str, int] = {}
    """Of these, the ones that are no owner's or end, and when; 0: never."""
    members: dict[str, Member] = {}
    """By id, those who were removed too."""
    content: bytes = b""
    """What it was registered with: see `buystream.aggregates.content`."""
    account: str = ""
    time_zone: str = ""
    first_year: int = 0
    year_starts_ms: tuple[int, ...] = ()
    """When `first_year` begins in the merchant's time zone, and each year after it."""
    details: tuple[str, ...] = ()
    """Legal name, address, tax id, charity id, e-mail."""
    fee_terms: dict[str, FeeTerms] = {}
    """By their id."""
    fee_schedule: dict[str, list[FeeTerms]] = {}
    """By currency, in the order in which they come into force."""
    granted: set[str] = set()
    """Editions that have their terms."""
    drafts: dict[str, bytes] = {}
    """By the id that the edition will have: a digest of what is kept."""
    named: dict[str, str] = {}
    """Editions by the request that released them, for as long as a repeat of it is known for one."""
    named_at_ms: dict[str, int] = {}
    """When each of these requests was made."""
    revoked_keys: dict[str, str] = {}
    """Key id → hash, of the keys that worked once."""
    receipts: dict[str, Receipt] = {}
    """By order id."""
    last_numbers: dict[int, int] = {}
    ticket_key_version: int = 1
    """By year."""

    @classmethod
    def begin(cls, event: events.MerchantRegistered) -> Self:
        """From its first event."""
        return cls(
            id=event.originator_id,
            version=event.originator_version,
            name=event.name,
            currency=event.currency,
            api_keys={FIRST_KEY_ID: event.api_key_hash},
            content=content_of(event),
        )

    @decides(commands.DescribeMerchant)
    def describe(self, command: commands.DescribeMerchant, moment: Moment) -> str | None:
        """The legal details change."""
        details = (command.legal_name, command.address, command.tax_id, command.charity_id, command.email)
        if details == self.details:
            return "repeated"
        self.record(
            events.MerchantDescribed,
            moment,
            legal_name=command.legal_name,
            address=command.address,
            tax_id=command.tax_id,
            charity_id=command.charity_id,
            email=command.email,
        )
        return None

    @decides(commands.SetTimeZone)
    def set_time_zone(self, command: commands.SetTimeZone, moment: Moment) -> str | None:
        """The years of the books follow another zone."""
        if not command.time_zone or not _are_years(command.first_year, command.year_starts_ms, moment.rules):
            return "bad_time_zone"
        table = (command.time_zone, command.first_year, command.year_starts_ms)
        if table == (self.time_zone, self.first_year, self.year_starts_ms):
            return "repeated"
        self.record(
            events.TimeZoneSet,
            moment,
            time_zone=command.time_zone,
            first_year=command.first_year,
            year_starts_ms=command.year_starts_ms,
        )
        return None

    @decides(commands.RotateTicketKey)
    def rotate_ticket_key(self, command: commands.RotateTicketKey, moment: Moment) -> str | None:
        """Later orders' tickets are signed with the next version."""
        if command.version == self.ticket_key_version:
            return "repeated"
        if command.version != self.ticket_key_version + 1:
            return "ticket_key_conflict"
        self.record(events.TicketKeyRotated, moment, version=command.version)
        return None

    def year_of(self, at_ms: int) -> int:
        """The year of the merchant's books in which that moment lies."""
        years_begun = bisect_right(self.year_starts_ms, at_ms)
        if 0 < years_begun < len(self.year_starts_ms):
            return self.first_year + years_begun - 1
        return datetime.fromtimestamp(at_ms // 1000, UTC).year

    @decides(commands.ConnectAccount)
    def connect_account(self, command: commands.ConnectAccount, moment: Moment) -> str | None:
        """The money of later releases goes elsewhere."""
        if command.account == self.account:
            return "repeated"
        self.record(events.AccountConnected, moment, account=command.account)
        return None

    @decides(commands.SetFeeTerms)
    def set_fee_terms(self, command: commands.SetFeeTerms, moment: Moment) -> str | None:
        """What the platform keeps, from a date on."""
        known = self.fee_terms.get(command.terms_id)
        if known is not None:
            return "repeated" if known == FeeTerms.asked(command) else "terms_id_conflict"
        currency = moment.rules.currencies.get(command.currency)
        if currency is None:
            return "unknown_currency"
        if not command.fee.is_possible(currency.most_minor):
            return "bad_terms"
        if command.from_ms and not moment.rules.earliest_time_ms <= command.from_ms <= moment.rules.latest_time_ms:
            return "not_milliseconds"
        self.record(
            events.FeeTermsSet,
            moment,
            terms_id=command.terms_id,
            currency=command.currency,
            fee=command.fee,
            from_ms=command.from_ms,
        )
        return None

    def name_edition(self, command: commands.NameEdition, moment: Moment) -> None:
        """Once for each request."""
        self.record(
            events.EditionNamed,
            moment,
            request=command.request,
            edition_id=command.edition_id,
            forget_before_ms=moment.at_ms - moment.rules.requests_known_seconds * 1000,
        )

    @decides(commands.RequestTerms)
    def grant_terms(self, command: commands.RequestTerms, moment: Moment) -> str | None:
        """The terms in force now, for one edition: the newest that have begun, of its currency."""
        if command.edition_id in self.granted:
            return "repeated"
        terms = self._terms_in_force(command.currency, moment.at_ms)
        self.record(
            events.TermsGranted,
            moment,
            edition_id=command.edition_id,
            terms_id=terms.terms_id if terms else "",
            account=self.account,
            fee=terms.fee if terms else Fee(),
        )
        return None

    def _terms_in_force(self, currency: str, at_ms: int) -> FeeTerms | None:
        """Of terms that begin at one time, the ones that were set last."""
        scheduled = self.fee_schedule.get(currency, [])
        begun = bisect_right(scheduled, at_ms, key=lambda terms: terms.from_ms)
        return scheduled[begun - 1] if begun else None

    @decides(commands.IssueReceipt)
    def issue_receipt(self, command: commands.IssueReceipt, moment: Moment) -> str | None:
        """The next number of the year in which it was paid."""
        if command.order_id in self.receipts:
            return "repeated"
        if not 0 <= command.amount_minor <= moment.rules.amount_minor_max:
            return "bad_amount"
        if not 0 <= command.paid_at_ms <= moment.rules.latest_time_ms:
            return "not_milliseconds"
        year = self.year_of(command.paid_at_ms)
        self.record(
            events.ReceiptIssued,
            moment,
            year=year,
            number=self.last_numbers.get(year, 0) + 1,
            order_id=command.order_id,
            amount_minor=command.amount_minor,
            currency=command.currency,
            paid_at_ms=command.paid_at_ms,
        )
        return None

    @decides(commands.CorrectReceipt)
    def correct_receipt(self, command: commands.CorrectReceipt, moment: Moment) -> str | None:
        """Part of the gift went back, or came again."""
        receipt = self.receipts.get(command.order_id)
        if receipt is None:
            return "unknown_receipt"
        change_id = command.change_id or command.refund_id
        if receipt.counts(change_id):
            return "repeated"
        if abs(command.amount_minor) > moment.rules.amount_minor_max:
            return "bad_amount"
        self.record(
            events.ReceiptCorrected,
            moment,
            year=receipt.year,
            number=receipt.number,
            order_id=command.order_id,
            refund_id=command.refund_id,
            amount_minor=receipt.amount_after(command.amount_minor),
            currency=receipt.currency,
            change_id=change_id,
            change_minor=command.amount_minor,
        )
        return None

    def record(self, kind: type[events.MerchantEvent], moment: Moment, **fields: Any) -> None:
        """It happens to this merchant now."""
        moment.record(kind(originator_id=self.id, originator_version=self.version + 1, at_ms=moment.at_ms, **fields))

    def apply(self, event: events.MerchantEvent) -> None:
        """Change state; never refuses."""
        self.version = event.originator_version
        _CHANGES[type(event)](self, event)

    @applies(events.ApiKeyAdded)
    def _add_key(self, event: events.ApiKeyAdded) -> None:
        self.api_keys[event.key_id] = event.api_key_hash
        if event.door_of or event.expires_at_ms or event.role != OWNER:
            self.limited_keys[event.key_id] = event.expires_at_ms

    @applies(events.ApiKeyRevoked)
    def _revoke_key(self, event: events.ApiKeyRevoked) -> None:
        self.revoked_keys[event.key_id] = self.api_keys.pop(event.key_id)
        self.limited_keys.pop(event.key_id, None)

    @applies(events.MemberInvited)
    def _invite(self, event: events.MemberInvited) -> None:
        self.members[event.member_id] = Member(role=event.role, until_ms=event.until_ms)

    @applies(events.MemberJoined)
    def _join(self, event: events.MemberJoined) -> None:
        self.members[event.member_id].state = JOINED

    @applies(events.RoleChanged)
    def _change_role(self, event: events.RoleChanged) -> None:
        self.members[event.member_id].role = event.role

    @applies(events.MemberRemoved)
    def _remove(self, event: events.MemberRemoved) -> None:
        self.members[event.member_id].state = REMOVED

    @applies(events.PasskeyAdded)
    def _add_passkey(self, event: events.PasskeyAdded) -> None:
        self.members[event.member_id].passkeys[event.passkey_id] = event.credential_id

    @applies(events.PasskeyRemoved)
    def _remove_passkey(self, event: events.PasskeyRemoved) -> None:
        del self.members[event.member_id].passkeys[event.passkey_id]

    @applies(events.MerchantDescribed)
    def _describe(self, event: events.MerchantDescribed) -> None:
        self.details = (event.legal_name, event.address, event.tax_id, event.charity_id, event.email)

    @applies(events.TimeZoneSet)
    def _set_zone(self, event: events.TimeZoneSet) -> None:
        self.time_zone, self.first_year = event.time_zone, event.first_year
        self.year_starts_ms = event.year_starts_ms

    @applies(events.TicketKeyRotated)
    def _rotate_ticket_key(self, event: events.TicketKeyRotated) -> None:
        self.ticket_key_version = event.version

    @applies(events.AccountConnected)
    def _connect(self, event: events.AccountConnected) -> None:
        self.account = event.account

    @applies(events.FeeTermsSet)
    def _set_fee(self, event: events.FeeTermsSet) -> None:
        self.fee_terms[event.terms_id] = terms = FeeTerms.asked(event)
        insort_right(self.fee_schedule.setdefault(event.currency, []), terms, key=lambda it: it.from_ms)

    @applies(events.EditionNamed)
    def _name(self, event: events.EditionNamed) -> None:
        self.named[event.request] = event.edition_id
        for request in remember(self.named_at_ms, event.request, event.at_ms, event.forget_before_ms):
            del self.named[request]

    @applies(events.TermsGranted)
    def _grant(self, event: events.TermsGranted) -> None:
        self.granted.add(event.edition_id)
        self.drafts.pop(event.edition_id, None)

    @applies(events.EditionDrafted)
    def _draft(self, event: events.EditionDrafted) -> None:
        self.drafts[event.edition_id] = digest_of_offer(event.offer)

    @applies(events.DraftDiscarded)
    def _discard(self, event: events.DraftDiscarded) -> None:
        del self.drafts[event.edition_id]

    @applies(events.ReceiptIssued)
    def _issue(self, event: events.ReceiptIssued) -> None:
        self.last_numbers[event.year] = event.number
        self.receipts[event.order_id] = Receipt(
            year=event.year, number=event.number, paid_minor=event.amount_minor, currency=event.currency
        )

    @applies(events.ReceiptCorrected)
    def _correct(self, event: events.ReceiptCorrected) -> None:
        self.receipts[event.order_id].note(event.change_id, event.change_minor)


_CHANGES: Final = appliers_of(Merchant)


def _are_years(first_year: int, starts_ms: tuple[int, ...], rules: Rules) -> bool:
    """Whether these can be the beginnings of consecutive years in some time zone."""
    if not (MINYEAR <= first_year <= MAXYEAR - len(starts_ms) and 1 < len(starts_ms) <= rules.zone_years_max):
        return False
    in_utc_ms = (int(datetime(first_year + n, 1, 1, tzinfo=UTC).timestamp()) * 1000 for n in range(len(starts_ms)))
    return all(
        abs(start_ms - utc_ms) <= rules.zone_offset_ms_max
        for start_ms, utc_ms in zip(starts_ms, in_utc_ms, strict=True)
    )
