"""Merchants, their keys, terms and receipts."""

from typing import Annotated

from buystream.vocabulary.actors import OWNER
from buystream.vocabulary.events.event import Event
from buystream.vocabulary.fields import (
    Account,
    AmountMinor,
    ApiKeyHash,
    ChangeId,
    CharityId,
    Currency,
    DoorOf,
    EditionId,
    Email,
    ExpiresAtMs,
    FirstYear,
    ForgetBeforeMs,
    FromMs,
    InTables,
    KeyId,
    KeyName,
    LegalName,
    MemberRole,
    Number,
    OrderId,
    PaidAtMs,
    PostalAddress,
    RefundId,
    RequestName,
    ShopName,
    TaxId,
    TermsId,
    TimeZone,
    Year,
    YearStartsMs,
    meaning,
)
from buystream.vocabulary.values import FEE, OFFER, Fee, Offer


class MerchantEvent(Event):
    """Belongs to a merchant."""

    @property
    def merchant_id(self) -> str:
        """The merchant."""
        return self.originator_id


class MerchantRegistered(MerchantEvent):
    """The merchant registered."""

    name: ShopName
    currency: Currency
    api_key_hash: ApiKeyHash


class ApiKeyAdded(MerchantEvent):
    """The merchant has an additional API key."""

    key_id: KeyId
    name: KeyName
    api_key_hash: ApiKeyHash
    door_of: DoorOf = ""
    expires_at_ms: ExpiresAtMs = 0
    role: MemberRole = OWNER


class ApiKeyRevoked(MerchantEvent):
    """This API key no longer works."""

    key_id: KeyId
    api_key_hash: ApiKeyHash


class MerchantDescribed(MerchantEvent):
    """Receipts show these legal details from here on."""

    legal_name: LegalName
    address: PostalAddress
    tax_id: TaxId = ""
    charity_id: CharityId = ""
    email: Email = ""


class TimeZoneSet(MerchantEvent):
    """Receipts are numbered by this time zone's years from here on; `year_starts_ms` begin with `first_year`."""

    time_zone: TimeZone
    first_year: FirstYear
    year_starts_ms: YearStartsMs


class AccountConnected(MerchantEvent):
    """The money of editions released from here on goes to this account at the provider."""

    account: Account


class FeeTermsSet(MerchantEvent):
    """What the platform keeps of editions in this currency that are released from `from_ms` on."""

    terms_id: TermsId
    currency: Currency
    fee: Annotated[Fee, FEE]
    from_ms: FromMs


class EditionNamed(MerchantEvent):
    """A request with an Idempotency-Key releases this edition, now and when it is repeated."""

    request: RequestName
    edition_id: EditionId
    forget_before_ms: ForgetBeforeMs | None = None


class TermsGranted(MerchantEvent):
    """The terms of one edition; `terms_id` is empty when there is no fee."""

    edition_id: EditionId
    terms_id: TermsId
    account: Account
    fee: Annotated[Fee, FEE]


class ReceiptIssued(MerchantEvent):
    """Numbers count from 1 in each year of the merchant's time zone, without gaps."""

    year: Year
    number: Number
    order_id: OrderId
    amount_minor: AmountMinor
    currency: Currency
    paid_at_ms: PaidAtMs


class ReceiptCorrected(MerchantEvent):
    """Part of the gift was refunded or regained: the receipt is now for `amount_minor`; 0 cancels it. `change_minor`
    was refunded with this; a negative amount was regained."""

    year: Year
    number: Number
    order_id: OrderId
    refund_id: RefundId
    amount_minor: AmountMinor
    currency: Currency
    change_id: ChangeId = ""
    change_minor: Annotated[
        int, meaning("Amount refunded or lost; negative when it was regained.", tables=InTables.SHOWN)
    ] = 0


class EditionDrafted(MerchantEvent):
    """The merchant is preparing this edition. It is gone once the edition has its terms."""

    edition_id: EditionId
    offer: Annotated[Offer, OFFER]


class DraftDiscarded(MerchantEvent):
    """The draft is kept no longer."""

    edition_id: EditionId
