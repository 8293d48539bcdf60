"""Editions: the offer, its sale and its stock."""

from typing import Annotated

from buystream.vocabulary.actors import BUYER, MERCHANT, OPERATOR, SYSTEM
from buystream.vocabulary.commands.command import Command, asked
from buystream.vocabulary.edition_pages import Notes, Pictures, Story, Title
from buystream.vocabulary.fields import (
    BY_CLIENT,
    Account,
    AnnouncementHeadline,
    AnnouncementId,
    AnnouncementText,
    Attempts,
    AwaitsTerms,
    BuyerId,
    ChangeId,
    Clicks,
    Delivery,
    DemandId,
    EditionId,
    FlagId,
    Impressions,
    InTables,
    Measure,
    MerchantId,
    OwnWords,
    Quantity,
    ReportId,
    Restock,
    TermsId,
    VariantId,
    WindowSeconds,
    meaning,
)
from buystream.vocabulary.money import AMOUNT_REASONS
from buystream.vocabulary.placements import CountedFrom
from buystream.vocabulary.shipping import SHIPPING, Shipping
from buystream.vocabulary.values import (
    EVENT,
    FEE,
    OFFER,
    TIERS,
    WINDOW,
    Fee,
    Offer,
    PriceTier,
    SaleWindow,
    TicketedEvent,
)


@asked(
    MERCHANT,
    OPERATOR,
    about="edition_id",
    refusals=[
        *AMOUNT_REASONS,
        *(
            "bad_id",
            "edition_id_conflict",
            "unknown_currency",
            "bad_variants",
            "bad_price",
            "bad_stock",
            "bad_limit",
            "bad_hold",
        ),
        *(
            "bad_tax",
            "bad_refund_rule",
            "bad_target",
            "bad_event",
            "bad_downloads",
            "bad_licences",
            "not_milliseconds",
            "bad_window",
        ),
        *("bad_shipping", "bad_weight", "bad_page"),
        *("closes_in_the_past", "returns_end_in_the_past"),
    ],
)
class ReleaseEdition(Command):
    """Puts an edition on sale. With `awaits_terms` it takes no orders before ApplyTerms."""

    edition_id: EditionId
    merchant_id: MerchantId
    offer: Annotated[Offer, OFFER]
    awaits_terms: AwaitsTerms = False


@asked(SYSTEM, about="edition_id", refusals=["unknown_edition", "bad_terms"])
class ApplyTerms(Command):
    """The merchant's terms, for one edition; it keeps the first ones."""

    edition_id: EditionId
    terms_id: TermsId
    account: Account
    fee: Annotated[Fee, FEE]


@asked(MERCHANT, about="edition_id", refusals=["unknown_edition", "cancelled"])
class CancelEdition(Command):
    """Calls the edition off: ends the sale for good and refunds everyone."""

    edition_id: EditionId
    merchant_id: MerchantId
    restock: Restock = False
    reason: OwnWords = ""


@asked(MERCHANT, about="edition_id", refusals=["unknown_edition"])
class PauseSale(Command):
    """Stop taking orders for a while."""

    edition_id: EditionId


@asked(MERCHANT, about="edition_id", refusals=["unknown_edition", "cancelled"])
class ResumeSale(Command):
    """Resume the sale."""

    edition_id: EditionId


@asked(
    MERCHANT,
    about="edition_id",
    refusals=[
        *("unknown_edition", "unknown_variant", "cancelled", "closed", "unlimited", "bad_quantity"),
        "change_id_conflict",
    ],
)
class AddStock(Command):
    """Issues more units. The caller chooses `change_id`, so that a repeat adds nothing."""

    edition_id: EditionId
    change_id: Annotated[ChangeId, BY_CLIENT]
    quantity: Quantity
    variant_id: VariantId = ""


@asked(
    MERCHANT,
    about="edition_id",
    refusals=["unknown_edition", "unknown_variant", "unlimited", "bad_quantity", "change_id_conflict"],
)
class WithdrawStock(Command):
    """Takes unsold stock off sale. The caller chooses `change_id`, so that a repeat withdraws nothing."""

    edition_id: EditionId
    change_id: Annotated[ChangeId, BY_CLIENT]
    quantity: Quantity
    variant_id: VariantId = ""


@asked(SYSTEM, about="edition_id", refusals=["unknown_edition", "bad_quantity"])
class RecordDemand(Command):
    """Clicks that a gateway refused from the sold-out latch; never places an order."""

    edition_id: EditionId
    demand_id: DemandId
    clicks: Clicks
    quantity: Quantity
    placements: CountedFrom = ()


@asked(SYSTEM, about="edition_id", refusals=["unknown_edition", "bad_quantity"])
class RecordImpressions(Command):
    """How often a gateway's visitors saw the edition's button since its last report; `placements` are some of them."""

    edition_id: EditionId
    report_id: ReportId
    impressions: Impressions
    placements: CountedFrom = ()


@asked(SYSTEM, about="edition_id", refusals=["unknown_edition", "bad_pause"])
class FlagVelocity(Command):
    """A buyer taps Buy faster than people can: this edition takes none of their orders for a while. `measure` says
    whose `attempts` within `window_seconds` were counted: buyer, device or network. A repeat changes nothing."""

    edition_id: EditionId
    flag_id: FlagId
    buyer_id: BuyerId
    measure: Measure
    attempts: Attempts
    window_seconds: WindowSeconds
    pause_seconds: Annotated[int, meaning("How long the buyer's orders are refused.", tables=InTables.SHOWN)]


@asked(
    MERCHANT,
    about="edition_id",
    refusals=["unknown_edition", "cancelled", "no_event", "bad_event", "not_milliseconds"],
)
class MoveEvent(Command):
    """The event takes place at another time or place. Its tickets keep their codes, and admit at the new time."""

    edition_id: EditionId
    event: Annotated[TicketedEvent, EVENT]


@asked(
    MERCHANT,
    about="edition_id",
    refusals=["unknown_edition", "cancelled", "no_delivery_price", "bad_shipping", "too_many_changes"],
)
class ChangeShipping(Command):
    """Delivery costs something else from now on. Orders that were placed before keep the prices of then, whether they
    are paid yet or not."""

    edition_id: EditionId
    shipping: Annotated[Shipping, SHIPPING]


@asked(MERCHANT, about="edition_id", refusals=["unknown_edition", "bad_page"])
class DescribeEdition(Command):
    """The edition's page says something else; what is null stays. Orders keep the title that they were placed by."""

    edition_id: EditionId
    title: Title | None = None
    story: Story | None = None
    pictures: Pictures | None = None
    notes: Notes | None = None


@asked(
    MERCHANT,
    about="edition_id",
    refusals=[
        *("unknown_edition", "cancelled", "archived", "campaign_is_dated"),
        *("not_milliseconds", "bad_window", "closes_in_the_past"),
    ],
)
class ScheduleSale(Command):
    """The sale opens and closes at other times. A campaign keeps its dates, because gifts were made towards them."""

    edition_id: EditionId
    window: Annotated[SaleWindow, WINDOW]


@asked(MERCHANT, about="edition_id", refusals=["unknown_edition", "cancelled", "campaign_is_dated"])
class EndSale(Command):
    """The sale closes now. Holds continue, and orders stay as they are."""

    edition_id: EditionId


@asked(MERCHANT, about="edition_id", refusals=["unknown_edition", "still_on_sale"])
class ArchiveEdition(Command):
    """An edition whose sale is over leaves the lists, or returns to them. Its buyers keep its page."""

    edition_id: EditionId
    archived: Annotated[bool, meaning("Whether it leaves the lists; otherwise it returns to them.")] = True


@asked(MERCHANT, about="edition_id", refusals=["unknown_edition", "announcement_id_conflict", "too_many_announcements"])
class AnnounceToBuyers(Command):
    """Writes to all buyers of this edition. The caller chooses `announcement_id`, so that a repeat writes
    to nobody again."""

    edition_id: EditionId
    announcement_id: Annotated[AnnouncementId, BY_CLIENT]
    headline: AnnouncementHeadline
    text: AnnouncementText


@asked(
    BUYER,
    about="edition_id",
    refusals=["unknown_edition", "unknown_variant", "cancelled", "closed", "in_stock", "too_many_alerts"],
)
class RequestStockAlert(Command):
    """The buyer wants a mail when there is stock of this variant again. It reserves nothing."""

    edition_id: EditionId
    buyer_id: BuyerId
    delivery: Delivery
    variant_id: VariantId = ""


@asked(
    MERCHANT,
    about="edition_id",
    refusals=["unknown_edition", "unknown_variant", "cancelled", "bad_tiers", *AMOUNT_REASONS],
)
class SetPriceTiers(Command):
    """Prices of a variant for a while. What is held or paid keeps its price."""

    edition_id: EditionId
    tiers: Annotated[tuple[PriceTier, ...], TIERS]
    variant_id: VariantId = ""
