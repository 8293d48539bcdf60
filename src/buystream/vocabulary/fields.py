"""The fields of messages: what each means, and whether merchants read it in their feed. A field is private unless it is
marked `feed=True`, also inside a value. `tables` says what analysts' tables have of it, where that differs from what
merchants read. Those below are shared by several messages; a field of one message is described where it stands."""

from collections.abc import Iterator
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Final, NamedTuple, get_args

import msgspec


class InTables(StrEnum):
    """What the analysts' tables have of a field."""

    SHOWN = "shown"
    KEYED = "keyed"
    """It leads to a person: a keyed hash of it, which joins as the field does."""
    LEFT_OUT = "left out"


def meaning(description: str, *, feed: bool = False, tables: InTables | None = None) -> msgspec.Meta:
    """What a field means; with `feed` it is part of the merchants' feed. Analysts' tables show what merchants read, and
    nothing else, unless `tables` says otherwise."""
    marked = {} if tables is None else {"tables": tables}
    return msgspec.Meta(description=description, extra={"feed": feed} | marked)


BY_CLIENT: Final = msgspec.Meta(extra={"by_client": True})
"""The field names what the command asks for, so that a repeat asks for nothing more. The client writes it: whatever
the system derives has a form that is refused here (`buystream.vocabulary.ids.DERIVED`)."""


class Meaning(NamedTuple):
    """What a message says about one of its fields; `description` is empty when it says nothing."""

    description: str
    in_feed: bool
    by_client: bool
    in_tables: InTables


@cache
def meanings(message: type[msgspec.Struct]) -> dict[str, Meaning]:
    """What each field of that kind of message means."""
    return {field.name: _meaning(field.type) for field in msgspec.structs.fields(message)}


def _meaning(hint: Any) -> Meaning:
    description, extra = "", dict[str, Any]()
    for meta in _metas(hint):
        description = meta.description or description
        extra |= meta.extra or {}
    in_feed = bool(extra.get("feed"))
    in_tables = extra.get("tables", InTables.SHOWN if in_feed else InTables.LEFT_OUT)
    return Meaning(description, in_feed, bool(extra.get("by_client")), in_tables)


def _metas(hint: Any) -> list[msgspec.Meta]:
    """Of the field's type, and of the type that it has unless it is None."""
    inner = [meta for part in get_args(hint) if not isinstance(part, msgspec.Meta) for meta in _metas(part)]
    return [*inner, *(meta for meta in getattr(hint, "__metadata__", ()) if isinstance(meta, msgspec.Meta))]


def values_in(hint: Any) -> Iterator[type[msgspec.Struct]]:
    """The values that a field of that type holds, without those inside them."""
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        yield hint
    for part in get_args(hint):
        yield from values_in(part)


def values_of(message: type[msgspec.Struct]) -> tuple[type[msgspec.Struct], ...]:
    """All values that the message is made of, those inside others included."""
    found: dict[type[msgspec.Struct], None] = {}
    for field in msgspec.structs.fields(message):
        for value in values_in(field.type):
            found |= dict.fromkeys((value, *values_of(value)))
    return tuple(found)


Account = Annotated[
    str, meaning("The merchant's account at the payment provider; empty: the money stays with the platform.")
]
AmountMinor = Annotated[int, meaning("In minor units of the currency.", feed=True)]
AnnouncementId = Annotated[
    str,
    meaning("The caller's id of this announcement; a repeat writes to nobody.", feed=True, tables=InTables.LEFT_OUT),
]
AnnouncementHeadline = Annotated[
    str, meaning("What the mail is about, in the merchant's words.", feed=True, tables=InTables.LEFT_OUT)
]
AnnouncementText = Annotated[
    str,
    meaning(
        "The mail, in the merchant's words; an empty line separates paragraphs.", feed=True, tables=InTables.LEFT_OUT
    ),
]
ApiKeyHash = Annotated[str, meaning("BLAKE2b hash of the merchant's API key, hex.")]
Attendee = Annotated[
    str, meaning("Who comes with the ticket, encrypted with the key of its holder; empty when nobody was named.")
]
Attempts = Annotated[int, meaning("Orders requested within the window.", feed=True)]
Available = Annotated[int, meaning("Units available now; absent when unlimited.", feed=True)]
AwaitsTerms = Annotated[bool, meaning("Whether it takes orders only after its terms are applied.", feed=True)]
BuyerId = Annotated[str, meaning("The buyer.", tables=InTables.KEYED)]
CardLabel = Annotated[
    str, meaning("How a buyer recognises the card (brand and last four digits), encrypted with the buyer's own key.")
]
Carrier = Annotated[str, meaning("The parcel's carrier.", feed=True, tables=InTables.LEFT_OUT)]
ChangeId = Annotated[
    str, meaning("The caller's id of this change; a repeat changes nothing.", feed=True, tables=InTables.LEFT_OUT)
]
CharityId = Annotated[str, meaning("Registration number of the charity; empty when it is none.")]
Claim = Annotated[str, meaning("SHA-256 of what the link says that passes the ticket on, hex.")]
Clicks = Annotated[int, meaning("How many taps on Buy.", feed=True)]
CommandName = Annotated[
    str, meaning("Name of the command that is answered; empty when it can't be read.", tables=InTables.SHOWN)
]
Contact = Annotated[str, meaning("Name and e-mail of a member, encrypted with the member's own key.")]
CredentialId = Annotated[str, meaning("The passkey's own name for itself, Base64 for URLs.", tables=InTables.LEFT_OUT)]
CountryCode = Annotated[
    str,
    meaning(
        "Where the order is sent, in two letters of ISO 3166-1; empty when nothing depends on it.",
        feed=True,
        tables=InTables.SHOWN,
    ),
]
Currency = Annotated[str, meaning("ISO 4217 code.", feed=True)]
Delivery = Annotated[str, meaning("Name, e-mail and address, encrypted with the buyer's own key.")]
DemandId = Annotated[str, meaning("The gateway's id of this report; a repeat counts nothing.")]
Destination = Annotated[
    str, meaning("The provider's account that gets the money less the fee; empty: the platform's own.")
]
Device = Annotated[str, meaning("Keyed hash of the buyer's device.", tables=InTables.KEYED)]
DisputeId = Annotated[str, meaning("The provider's name for the dispute.", feed=True, tables=InTables.KEYED)]
EditionId = Annotated[str, meaning("The edition.", feed=True)]
EditionVersion = Annotated[
    int, meaning("Dense over the edition's own, its orders' and its payments' events, counted from 1.", feed=True)
]
DoorOf = Annotated[str, meaning("The edition whose door is all that the key opens; empty: it opens everything.")]
Email = Annotated[str, meaning("Where buyers reach the merchant; empty when not set.")]
ExpiresAtMs = Annotated[int, meaning("When the key stops working; 0: it works until it is revoked.")]
ExchangeId = Annotated[
    str, meaning("The caller's name for the exchange; a repeat exchanges nothing.", feed=True, tables=InTables.LEFT_OUT)
]
FeeMinor = Annotated[int, meaning("The platform's part of the amount.", feed=True)]
FeeReturnedMinor = Annotated[int, meaning("The platform's part of what was refunded.", feed=True)]
FirstYear = Annotated[int, meaning("The year of the first beginning.", tables=InTables.SHOWN)]
FlagId = Annotated[str, meaning("The observer's id of this flag; a repeat changes nothing.")]
ForgetBeforeMs = Annotated[
    int,
    meaning("Ids of this kind used before then may be forgotten; absent: all are recognised.", tables=InTables.SHOWN),
]
FromMs = Annotated[int, meaning("For editions released from then on.", tables=InTables.SHOWN)]
FulfilmentId = Annotated[
    str,
    meaning("The caller's name for what happened; a repeat records nothing.", feed=True, tables=InTables.LEFT_OUT),
]
GiftId = Annotated[
    str,
    meaning(
        "The recurring gift, with an id like an order's of its edition; empty when it is none.", tables=InTables.KEYED
    ),
]
HeldMinor = Annotated[
    int, meaning("What the bank held until now; absent: nothing, or, when a dispute ends, its amount.", feed=True)
]
HoldExpiresAtMs = Annotated[int, meaning("When the hold expires; absent while its clock is stopped.", feed=True)]
Impressions = Annotated[int, meaning("How often the button was seen.", feed=True)]
InvitedUntilMs = Annotated[int, meaning("When the invitation's link stops working.")]
IntervalMonths = Annotated[int, meaning("Months from one gift to the next.", feed=True)]
Issue = Annotated[int, meaning("Counted from 1; it goes up when the ticket is passed on.", feed=True)]
KeepFee = Annotated[bool, meaning("Whether the platform keeps its fee.", feed=True)]
KeyId = Annotated[str, meaning("Names an API key of the merchant; it is not the key.")]
KeyName = Annotated[str, meaning("The key's name, for people.")]
KeyVersion = Annotated[int, meaning("Version of the key that signs the merchant's tickets.", feed=True)]
LegalName = Annotated[str, meaning("The merchant's full legal name.")]
LinkId = Annotated[str, meaning("What is linked to the buyer: a gift's id, an order's, or a payment method.")]
LinkKind = Annotated[str, meaning("What kind of link it is: gift, pledge or payment_method.", tables=InTables.SHOWN)]
Measure = Annotated[str, meaning("What the attempts were counted by: buyer, device or network.", feed=True)]
MemberId = Annotated[str, meaning("A member of the merchant: one of the people who work for it.")]
MemberRole = Annotated[
    str, meaning("What the key or member may do: owner, sales, support, door, analyst or read-only.")
]
MerchantId = Annotated[str, meaning("The merchant.", feed=True)]
Network = Annotated[str, meaning("Keyed hash of the buyer's network.", tables=InTables.KEYED)]
NextDueMs = Annotated[int, meaning("When the next gift is placed.", feed=True)]
Number = Annotated[int, meaning("Dense per merchant and year, counted from 1.", tables=InTables.SHOWN)]
OffSession = Annotated[bool, meaning("Whether the buyer isn't present to answer the bank.", feed=True)]
OrderId = Annotated[
    str,
    meaning(
        "The order: its edition's id and at least 96 random bits, generated by the buyer's browser.",
        feed=True,
        tables=InTables.KEYED,
    ),
]
Outcome = Annotated[str, meaning("How it ended, in one stable word.", feed=True)]
NoteId = Annotated[
    str, meaning("The caller's name for the note; a repeat writes nothing more.", tables=InTables.LEFT_OUT)
]
NoteWords = Annotated[str, meaning("The note, encrypted with the buyer's own key.")]
OwnWords = Annotated[
    str, meaning("Why, in the merchant's own words; empty when nothing was said.", feed=True, tables=InTables.LEFT_OUT)
]
Owner = Annotated[str, meaning("The process that decides from here on.", tables=InTables.SHOWN)]
PaidAtMs = Annotated[int, meaning("When the gift was paid.", tables=InTables.SHOWN)]
Partitions = Annotated[int, meaning("How many partitions hosted buyers are spread over.", tables=InTables.SHOWN)]
PasskeyId = Annotated[str, meaning("Names a passkey of the member; it is not the key.")]
PasskeyName = Annotated[str, meaning("The passkey's name, for its member.")]
PasskeyPublicKey = Annotated[str, meaning("The passkey's public key, COSE in Base64 for URLs.")]
PaymentId = Annotated[
    str, meaning("The payment: its order's id and the attempt's number.", feed=True, tables=InTables.KEYED)
]
PaymentMethod = Annotated[str, meaning("The provider's token for the card.")]
Position = Annotated[int, meaning("Of the command that the verdict is about.", tables=InTables.SHOWN)]
PostalAddress = Annotated[str, meaning("Postal address, as shown on receipts.")]
PriceMinor = Annotated[int, meaning("Unit price that the buyer saw.", feed=True)]
Quantity = Annotated[int, meaning("Number of units.", feed=True)]
RaisedMinor = Annotated[int, meaning("Amount given and pledged, less refunds.", feed=True)]
Reason = Annotated[str, meaning("Why, in one stable word.", feed=True)]
Reference = Annotated[str, meaning("The provider's name for the payment.")]
RefundId = Annotated[
    str,
    meaning(
        "The caller's name for the refund, or the provider's; empty for the one whole refund.",
        feed=True,
        tables=InTables.KEYED,
    ),
]
ReportId = Annotated[str, meaning("The gateway's id of this report; a repeat counts nothing.")]
RequestName = Annotated[str, meaning("The name that the gateway derives from the merchant's Idempotency-Key.")]
RespondByMs = Annotated[int, meaning("Deadline for evidence; absent when the provider names none.", feed=True)]
Restock = Annotated[bool, meaning("Whether the units go back on sale; otherwise they are withdrawn.", feed=True)]
ReusableMethod = Annotated[str, meaning("The provider's token for the next time.")]
ReturnId = Annotated[
    str, meaning("The caller's name for the return, and for its refund.", feed=True, tables=InTables.LEFT_OUT)
]
ResendId = Annotated[
    str, meaning("The caller's name for the request; a repeat sends nothing more.", tables=InTables.LEFT_OUT)
]
ReturnRequestId = Annotated[
    str, meaning("The buyer's name for what they ask; a repeat asks nothing more.", feed=True, tables=InTables.LEFT_OUT)
]
RulesVersion = Annotated[int, meaning("The rules that decide from here on.", tables=InTables.SHOWN)]
Save = Annotated[bool, meaning("Whether the buyer chose to save the details.", tables=InTables.SHOWN)]
ShipmentId = Annotated[str, meaning("The caller's name for the parcel.", feed=True, tables=InTables.LEFT_OUT)]
ShopId = Annotated[
    str,
    meaning(
        "The shop, `sh-` and 16 characters: it names the shop in the source of every event.", tables=InTables.SHOWN
    ),
]
ShopName = Annotated[str, meaning("The shop's name.")]
StampedMs = Annotated[int, meaning("The command's time on the log.", tables=InTables.SHOWN)]
Subject = Annotated[
    str, meaning("The person or thing that the command was about; empty when it can't be read.", tables=InTables.KEYED)
]
Statement = Annotated[
    str, meaning("What the buyer's bank statement shows of the merchant, behind the shop's own name; may be empty.")
]
TaxId = Annotated[str, meaning("Tax number; empty when there is none.")]
TermsId = Annotated[str, meaning("The fee terms; empty when the platform keeps nothing.", feed=True)]
TicketNumber = Annotated[
    int, meaning("Which of its order's tickets it is, counted from 1 over all units in their order.", feed=True)
]
TicketNumbers = Annotated[tuple[int, ...], meaning("Which of the order's tickets they are.", feed=True)]
TimeZone = Annotated[str, meaning("IANA name of the merchant's time zone.", tables=InTables.SHOWN)]
Tracking = Annotated[
    str, meaning("The carrier's number of the parcel, encrypted with the buyer's key; empty when there is none.")
]
Url = Annotated[str, meaning("Where the buyer authenticates with the bank.")]
VariantId = Annotated[str, meaning("The variant; empty where its edition has only one.", feed=True)]
Vouched = Annotated[bool, meaning("Whether a host application says who the buyer is.", tables=InTables.SHOWN)]
WindowSeconds = Annotated[int, meaning("Length of the window in which the attempts were counted.", feed=True)]
Year = Annotated[int, meaning("Of the payment (UTC).", tables=InTables.SHOWN)]
YearStartsMs = Annotated[
    tuple[int, ...], meaning("When each year begins in the merchant's time zone.", tables=InTables.SHOWN)
]
