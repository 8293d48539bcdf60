"""Merchants, their keys, terms and receipts."""

from typing import Annotated

from buystream.vocabulary.actors import MERCHANT, OPERATOR, OWNER, SYSTEM
from buystream.vocabulary.commands.command import Command, asked
from buystream.vocabulary.fields import (
    BY_CLIENT,
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
    FromMs,
    KeyId,
    KeyName,
    LegalName,
    MemberRole,
    MerchantId,
    OrderId,
    PaidAtMs,
    PostalAddress,
    RefundId,
    RequestName,
    ShopName,
    TaxId,
    TermsId,
    TimeZone,
    YearStartsMs,
)
from buystream.vocabulary.values import FEE, OFFER, Fee, Offer


@asked(OPERATOR, about="merchant_id", refusals=["bad_id", "merchant_id_conflict", "unknown_currency"])
class RegisterMerchant(Command):
    """A merchant opens a shop. The key is stored hashed (BLAKE2b, hex)."""

    merchant_id: MerchantId
    name: ShopName
    currency: Currency
    api_key_hash: ApiKeyHash


@asked(
    MERCHANT,
    OPERATOR,
    about="merchant_id",
    refusals=["unknown_merchant", "key_revoked", "key_id_conflict", "too_many_keys", "bad_expiry", "unknown_role"],
)
class AddApiKey(Command):
    """Adds an API key of the merchant. The key is stored hashed (BLAKE2b, hex); `name` is for people. With `door_of` it
    is a scanner's: it opens that edition's door and nothing else, until `expires_at_ms`. Other keys may do what `role`
    may."""

    merchant_id: MerchantId
    key_id: Annotated[KeyId, BY_CLIENT]
    name: KeyName
    api_key_hash: ApiKeyHash
    door_of: DoorOf = ""
    expires_at_ms: ExpiresAtMs = 0
    role: MemberRole = OWNER


@asked(MERCHANT, OPERATOR, about="merchant_id", refusals=["unknown_merchant", "key_revoked", "unknown_key", "last_key"])
class RevokeApiKey(Command):
    """The API key stops working. A key can't revoke the merchant's last one, which is itself; the operator can."""

    merchant_id: MerchantId
    key_id: KeyId


@asked(MERCHANT, OPERATOR, about="merchant_id", refusals=["unknown_merchant"])
class DescribeMerchant(Command):
    """The merchant's legal details, as shown on receipts."""

    merchant_id: MerchantId
    legal_name: LegalName
    address: PostalAddress
    tax_id: TaxId = ""
    charity_id: CharityId = ""
    email: Email = ""


@asked(MERCHANT, OPERATOR, about="merchant_id", refusals=["unknown_merchant", "bad_time_zone"])
class SetTimeZone(Command):
    """The merchant's books use this time zone (IANA) from here on. The command states which moment belongs to which
    year, because a decision must not depend on a machine's zone data: `year_starts_ms` are the beginnings of
    `first_year` and of the years after it. Moments outside belong to their year in UTC."""

    merchant_id: MerchantId
    time_zone: TimeZone
    first_year: FirstYear
    year_starts_ms: YearStartsMs


@asked(OPERATOR, about="merchant_id", refusals=["unknown_merchant"])
class ConnectAccount(Command):
    """Where the merchant's money goes: an account at the payment provider. Empty: it stays with the platform."""

    merchant_id: MerchantId
    account: Account


@asked(
    OPERATOR,
    about="merchant_id",
    refusals=["unknown_merchant", "bad_terms", "not_milliseconds", "terms_id_conflict", "unknown_currency"],
)
class SetFeeTerms(Command):
    """What the platform keeps of this merchant's sales in one currency, for editions released from `from_ms` on: a
    share (100 basis points are 1%) and a fixed amount per order. The caller chooses `terms_id`, so that a repeat sets
    nothing."""

    merchant_id: MerchantId
    terms_id: Annotated[TermsId, BY_CLIENT]
    currency: Currency
    fee: Annotated[Fee, FEE]
    from_ms: FromMs


@asked(SYSTEM, about="merchant_id", refusals=["unknown_merchant"])
class RequestTerms(Command):
    """An edition was released and requests its terms from its merchant: the account and the fee."""

    merchant_id: MerchantId
    edition_id: EditionId
    currency: Currency


@asked(SYSTEM, about="merchant_id", refusals=["unknown_merchant", "bad_amount", "not_milliseconds"])
class IssueReceipt(Command):
    """A gift was paid: give it the merchant's next receipt number of that year, in the merchant's time zone."""

    merchant_id: MerchantId
    order_id: OrderId
    amount_minor: AmountMinor
    currency: Currency
    paid_at_ms: PaidAtMs


@asked(SYSTEM, about="merchant_id", refusals=["unknown_merchant", "unknown_receipt", "bad_amount"])
class CorrectReceipt(Command):
    """An amount of a gift was refunded or lost to a bank; negative when it was regained. `change_id` names what
    changed, once (empty: `refund_id` does). The number stays: numbers have no gaps."""

    merchant_id: MerchantId
    order_id: OrderId
    refund_id: RefundId
    amount_minor: AmountMinor
    change_id: ChangeId = ""


@asked(MERCHANT, about="merchant_id", refusals=["unknown_merchant", "bad_id"])
class NameEdition(Command):
    """A merchant's request with an Idempotency-Key is about to release an edition: the first id named for it is kept,
    however many partitions there are when the request is repeated."""

    merchant_id: MerchantId
    request: RequestName
    edition_id: EditionId


@asked(
    MERCHANT,
    about="merchant_id",
    refusals=["unknown_merchant", "bad_id", "edition_released", "too_many_drafts", "bad_draft", "bad_page"],
)
class DraftEdition(Command):
    """Keeps what the merchant is preparing, in place of what was kept under the same id. Only its release is checked
    against the rules: a draft may be unfinished."""

    merchant_id: MerchantId
    edition_id: EditionId
    offer: Annotated[Offer, OFFER]


@asked(MERCHANT, about="merchant_id", refusals=["unknown_merchant", "unknown_draft"])
class DiscardDraft(Command):
    """The draft is kept no longer."""

    merchant_id: MerchantId
    edition_id: EditionId
