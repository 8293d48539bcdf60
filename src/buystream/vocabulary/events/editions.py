"""The edition's own stream: the offer, its sale and its stock."""

from typing import Annotated

from buystream.vocabulary.edition_pages import Notes, Pictures, Story, Title
from buystream.vocabulary.events.event import Event
from buystream.vocabulary.fields import (
    Account,
    AnnouncementHeadline,
    AnnouncementId,
    AnnouncementText,
    Attempts,
    Available,
    AwaitsTerms,
    BuyerId,
    ChangeId,
    Clicks,
    Delivery,
    DemandId,
    FlagId,
    ForgetBeforeMs,
    Impressions,
    Measure,
    MerchantId,
    OwnWords,
    Quantity,
    Reason,
    ReportId,
    Restock,
    TermsId,
    VariantId,
    WindowSeconds,
    meaning,
)
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


class EditionEvent(Event):
    """Belongs to an edition."""

    @property
    def edition_id(self) -> str:
        """The edition."""
        return self.originator_id

    @property
    def edition_version(self) -> int:
        """The edition's version."""
        return self.originator_version


class EditionReleased(EditionEvent):
    """The edition is on sale, by this offer."""

    merchant_id: MerchantId
    offer: Annotated[Offer, OFFER]
    awaits_terms: AwaitsTerms = False
    saves_methods: Annotated[
        bool, meaning("Whether pledges save the payment method, to be charged at the end.", feed=True)
    ] = False
    """It is a campaign that is too long for reserved money: pledges save the payment method, which is charged at the
    end."""


class TermsApplied(EditionEvent):
    """This edition's account and the platform's fee; it takes orders from here on."""

    terms_id: TermsId
    account: Account
    fee: Annotated[Fee, FEE]


class EditionCancelled(EditionEvent):
    """The edition was called off. The sale has ended for good; Ticks cancel its holds and refund its orders."""

    restock: Restock
    reason: OwnWords = ""


class CancellationContinued(EditionEvent):
    """One bounded step of refunding everyone; also when something is owed again after completion (a dispute was won).
    Of all orders that ever held stock, the first `looked_at` have been examined."""

    looked_at: Annotated[int, meaning("How many of the orders that ever held stock have been examined.", feed=True)]


class CancellationCompleted(EditionEvent):
    """Nothing is left to cancel or refund; `failed` refunds need the merchant. Repeated when their number changes."""

    failed: Annotated[int, meaning("Refunds that the buyers' banks rejected.", feed=True)] = 0


class SalePaused(EditionEvent):
    """The sale was paused."""


class SaleResumed(EditionEvent):
    """The sale was resumed."""


class StockAdded(EditionEvent):
    """Stock was added."""

    change_id: ChangeId
    quantity: Quantity
    variant_id: VariantId = ""


class StockWithdrawn(EditionEvent):
    """Unsold stock was withdrawn."""

    change_id: ChangeId
    quantity: Quantity
    variant_id: VariantId = ""


class EditionSoldOut(EditionEvent):
    """Nothing of the variant is available: gateways may refuse from memory until StockReleased."""

    variant_id: VariantId = ""


class StockReleased(EditionEvent):
    """There is stock of the variant again after a sell-out."""

    available: Available
    variant_id: VariantId = ""


class DemandRecorded(EditionEvent):
    """Clicks that were refused without an order id being spent: from the latch of a gateway, or because the edition
    remembers as many refused orders as it may; then there is no `demand_id`."""

    demand_id: DemandId
    clicks: Clicks
    quantity: Quantity
    reason: Reason = "sold_out"
    forget_before_ms: ForgetBeforeMs | None = None
    placements: CountedFrom = ()


class ImpressionsRecorded(EditionEvent):
    """Visitors saw the edition's button: on its page, or on another site's. Counted by a gateway, some at a time."""

    report_id: ReportId
    impressions: Impressions
    placements: CountedFrom = ()
    forget_before_ms: ForgetBeforeMs | None = None


class BuyerPaused(EditionEvent):
    """Until `until_ms` this buyer's orders are refused as too_fast; the pause ends automatically. `measure` says whose
    `attempts` within `window_seconds` were counted: buyer, device or network."""

    flag_id: FlagId
    buyer_id: BuyerId
    until_ms: Annotated[int, meaning("When the pause ends.", feed=True)]
    measure: Measure
    attempts: Attempts
    window_seconds: WindowSeconds
    forget_before_ms: ForgetBeforeMs | None = None


class AnnouncementMade(EditionEvent):
    """The merchant writes to all buyers of this edition."""

    announcement_id: AnnouncementId
    headline: AnnouncementHeadline
    text: AnnouncementText


class EventMoved(EditionEvent):
    """The event takes place at another time or place. Tickets that were sold keep their codes."""

    event: Annotated[TicketedEvent, EVENT]
    old_event: Annotated[TicketedEvent, meaning("When and where it would have been.", feed=True)]


class ShippingChanged(EditionEvent):
    """Delivery costs something else, for orders that are placed after the millisecond `at_ms`."""

    shipping: Annotated[Shipping, SHIPPING]
    old_shipping: Annotated[Shipping, meaning("What it was before.", feed=True)]


class EditionDescribed(EditionEvent):
    """The edition's page says this from here on; what is null stays. Earlier orders keep the title they have."""

    title: Title | None = None
    story: Story | None = None
    pictures: Pictures | None = None
    notes: Notes | None = None


class SaleScheduled(EditionEvent):
    """The sale opens and closes at these times."""

    window: Annotated[SaleWindow, WINDOW]


class EditionArchived(EditionEvent):
    """The edition left the lists, or returned to them."""

    archived: Annotated[bool, meaning("Whether it left the lists; otherwise it returned to them.", feed=True)]


class StockAlertRequested(EditionEvent):
    """The buyer waits for a mail that says when there is stock again."""

    buyer_id: BuyerId
    delivery: Delivery
    variant_id: VariantId = ""


class StockAlertDue(EditionEvent):
    """There is stock again, and it is this buyer's turn to hear of it: once, in the order of the requests, and no more
    buyers than units came back. Nothing is reserved."""

    buyer_id: BuyerId
    delivery: Delivery
    variant_id: VariantId = ""


class PriceTiersSet(EditionEvent):
    """These are the variant's prices for a while, instead of any others."""

    tiers: Annotated[tuple[PriceTier, ...], TIERS]
    variant_id: VariantId = ""
