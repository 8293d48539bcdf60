"""What an edition is sold by, as values: its offer with the rules in it, and the platform's fee. Commands, events,
aggregates and views pass them on whole. On the wire a value has all of its fields, so no reader needs the defaults."""

from typing import Annotated, Final

import msgspec

from buystream.vocabulary.edition_pages import PAGE, Page
from buystream.vocabulary.fields import Currency, InTables, PriceMinor, Quantity, meaning
from buystream.vocabulary.shipping import Shipping
from buystream.vocabulary.value import Value

BPS_WHOLE: Final = 10_000
"""All of it, in basis points."""


class SaleWindow(Value, frozen=True, kw_only=True):
    """When an edition takes orders; without a bound, from its release or for good."""

    opens_at_ms: Annotated[int | None, meaning("Start of the sale; null when it starts at once.", feed=True)] = None
    closes_at_ms: Annotated[int | None, meaning("End of the sale, exclusive; null when it has none.", feed=True)] = None

    @property
    def is_bounded(self) -> bool:
        """Whether the clock opens or closes the sale."""
        return self.opens_at_ms is not None or self.closes_at_ms is not None


class Tax(Value, frozen=True, kw_only=True):
    """The tax that a price includes; 100 basis points are 1% of the price without it."""

    bps: Annotated[int, meaning("Tax included in the price, in basis points of the price without it.", feed=True)] = 0
    label: Annotated[str, meaning("The name of the tax.", feed=True)] = ""

    @property
    def is_possible(self) -> bool:
        """Whether it is at most as much as the price without it."""
        return 0 <= self.bps <= BPS_WHOLE


class RefundRule(Value, frozen=True, kw_only=True):
    """Who may give an order back: its merchant at any time, and with `by` buyer its buyer too, before `until_ms` (null:
    any time) and before it is shipped, for `share_bps` of the money (10 000: all of it)."""

    by: Annotated[
        str,
        meaning("Who may start a refund: merchant or buyer.", feed=True),
        msgspec.Meta(extra_json_schema={"enum": ["merchant", "buyer"]}),
    ] = "merchant"
    until_ms: Annotated[
        int | None, meaning("Until when buyers may return orders, exclusive; null when there is no end.", feed=True)
    ] = None
    share_bps: Annotated[int, meaning("Share of the price that buyers get back; 10000 is all of it.", feed=True)] = (
        BPS_WHOLE
    )
    restock: Annotated[bool, meaning("Whether units that buyers return go back on sale.", feed=True)] = True

    @property
    def is_possible(self) -> bool:
        """Whether it names somebody, and a share between nothing and everything."""
        return self.by in ("merchant", "buyer") and 0 <= self.share_bps <= BPS_WHOLE

    def why_not(self, at_ms: int) -> str:
        """Why buyers can't return an order at that time, or nothing."""
        if self.by != "buyer":
            return "not_returnable"
        return "too_late" if self.until_ms is not None and at_ms >= self.until_ms else ""

    def share_of(self, amount_minor: int) -> int:
        """What buyers get back of it, before it is rounded to what the currency can pay."""
        return amount_minor * self.share_bps // BPS_WHOLE


class Fee(Value, frozen=True, kw_only=True):
    """What the platform keeps of each order: a share of its amount (100 basis points are 1%) and a fixed amount."""

    share_bps: Annotated[int, meaning("Share of the platform's fee; 100 basis points are 1%.", feed=True)] = 0
    fixed_minor: Annotated[int, meaning("Fixed part of the platform's fee, per order.", feed=True)] = 0

    def of(self, amount_minor: int) -> int:
        """The fee on a payment, before it is rounded to what the currency can pay."""
        return amount_minor * self.share_bps // BPS_WHOLE + self.fixed_minor

    def is_possible(self, most_minor: int) -> bool:
        """Whether it is between nothing and everything; `most_minor` is the most that can be charged."""
        return 0 <= self.share_bps <= BPS_WHOLE and 0 <= self.fixed_minor <= most_minor


class CampaignTerms(Value, frozen=True, kw_only=True):
    """What makes an edition a campaign: a target, and what happens to the money when it is missed."""

    target_minor: Annotated[int, meaning("Amount that the campaign aims to raise.", feed=True)]
    all_or_nothing: Annotated[
        bool, meaning("Whether money moves only if the target is reached before the sale closes.", feed=True)
    ] = False
    if_missed: Annotated[
        str,
        meaning(
            "What givers are offered when the target is missed: void (nothing) or choose (another project).", feed=True
        ),
        msgspec.Meta(extra_json_schema={"enum": ["void", "choose"]}),
    ] = "void"


PLAIN: Final = ""
"""The id of the only variant of a plain edition."""


class PriceTier(Value, frozen=True, kw_only=True):
    """A price for a while: before `until_ms`, and while fewer than `units` of the variant are held or sold."""

    price_minor: Annotated[int, meaning("Unit price.", feed=True)]
    units: Annotated[
        int | None, meaning("How many units are held or sold at most at this price; null: any number.", feed=True)
    ] = None
    until_ms: Annotated[int | None, meaning("Until when, exclusive; null: any time.", feed=True)] = None

    def applies(self, taken: int, at_ms: int) -> bool:
        """Whether it is the price of the next unit, when so many are held or sold."""
        return (self.units is None or taken < self.units) and (self.until_ms is None or at_ms < self.until_ms)

    def left(self, taken: int) -> int | None:
        """How many units may still be had at this price; None: any number."""
        return None if self.units is None else max(self.units - taken, 0)


def tier_at(tiers: tuple[PriceTier, ...], taken: int, at_ms: int) -> PriceTier | None:
    """The tier whose price counts: the first that applies. None: the variant's own price does."""
    return next((tier for tier in tiers if tier.applies(taken, at_ms)), None)


TIERS: Final = meaning("Prices for a while, the first that applies counts; none: the variant's own price.", feed=True)


class Variant(Value, frozen=True, kw_only=True):
    """One of the things that an edition is offered in, a size or a seat category, with a price, a stock and a limit of
    its own. A fixed price has equal bounds; prices include tax. A plain edition has one, without id and title."""

    variant_id: Annotated[str, meaning("Names it within its edition; empty where there is only one.", feed=True)] = ""
    title: Annotated[str, meaning("What distinguishes it from the others.", feed=True)] = ""
    price_min_minor: Annotated[int, meaning("Lowest unit price.", feed=True)]
    price_max_minor: Annotated[
        int, meaning("Highest unit price; equal to the lowest when the price is fixed.", feed=True)
    ]
    stock: Annotated[int | None, meaning("Units issued; null when unlimited.", feed=True)]
    limit_per_buyer: Annotated[int, meaning("Units that one buyer may hold or have bought.", feed=True)]
    weight_grams: Annotated[int, meaning("What a unit weighs, packed; for delivery prices by weight.", feed=True)] = 0


class TicketedEvent(Value, frozen=True, kw_only=True):
    """Where and when the holder of a ticket is let in. Each unit of such an edition is a ticket of its own."""

    starts_at_ms: Annotated[int, meaning("When it starts.", feed=True)]
    doors_at_ms: Annotated[int, meaning("When the doors open; tickets are valid from then on.", feed=True)]
    ends_at_ms: Annotated[int, meaning("When it ends; tickets are valid until then.", feed=True)]
    venue: Annotated[str, meaning("The name of the place.", feed=True)]
    address: Annotated[str, meaning("Its address.", feed=True, tables=InTables.LEFT_OUT)] = ""
    time_zone: Annotated[str, meaning("IANA name of the venue's time zone.", feed=True)] = "UTC"
    asks_names: Annotated[bool, meaning("Whether each ticket asks who will come.", feed=True)] = False

    @property
    def times_ms(self) -> tuple[int, int, int]:
        """When its doors open, when it starts and when it ends."""
        return self.doors_at_ms, self.starts_at_ms, self.ends_at_ms

    @property
    def is_possible(self) -> bool:
        """Whether it has a place, and doors that open before it starts, and an end after that."""
        return bool(self.venue.strip()) and self.doors_at_ms <= self.starts_at_ms < self.ends_at_ms


class DownloadTerms(Value, frozen=True, kw_only=True):
    """How an edition's files are downloaded."""

    downloads_max: Annotated[int, meaning("Downloads of each version of a file, per order.", feed=True)] = 5
    link_seconds: Annotated[
        int, meaning("How long a link works; resuming a download in that time is not counted again.", feed=True)
    ] = 86_400


class LicenceTerms(Value, frozen=True, kw_only=True):
    """Each unit has a licence key, which software checks."""

    activations_max: Annotated[int, meaning("In how many places a licence may be used at a time.", feed=True)] = 3


class OrderLine(Value, frozen=True, kw_only=True):
    """What an order asks of one variant."""

    variant_id: Annotated[str, meaning("The variant; empty where its edition has only one.", feed=True)] = ""
    quantity: Quantity
    price_minor: PriceMinor

    @property
    def total_minor(self) -> int:
        """What it costs."""
        return self.quantity * self.price_minor


class LineUnits(Value, frozen=True, kw_only=True):
    """Some units of one line of an order."""

    variant_id: Annotated[str, meaning("The line's variant.", feed=True)] = ""
    quantity: Quantity


class Offer(Value, frozen=True, kw_only=True):
    """What is on sale, in which variants, and by which terms. With `campaign`, orders are gifts towards its target; the
    sale's end is the campaign's."""

    title: Annotated[str, meaning("What is sold.", feed=True)]
    currency: Currency
    variants: Annotated[
        tuple[Variant, ...], meaning("What can be ordered.", feed=True), msgspec.Meta(min_length=1, max_length=100)
    ]
    hold_seconds: Annotated[int, meaning("How long an order holds its stock.", feed=True)]
    description: Annotated[str, meaning("Text of the offer.", feed=True, tables=InTables.LEFT_OUT)] = ""
    kind: Annotated[str, meaning("ticket, record, gift or item.", feed=True)] = "item"
    image: Annotated[str, meaning("Name of the picture.", feed=True)] = ""
    suggested_minor: Annotated[tuple[int, ...], meaning("Prices offered to choose from.", feed=True)] = ()
    window: Annotated[SaleWindow, meaning("When it takes orders.", feed=True)] = SaleWindow()
    needs_address: Annotated[bool, meaning("Whether buyers give a postal address.", feed=True)] = True
    tax: Annotated[Tax, meaning("Tax included in the prices.", feed=True)] = Tax()
    refund: Annotated[RefundRule, meaning("Who may start a refund.", feed=True)] = RefundRule()
    campaign: Annotated[CampaignTerms | None, meaning("What makes it a campaign; null when it is none.", feed=True)] = (
        None
    )
    receipts: Annotated[bool, meaning("Whether each paid order gets a receipt number of its merchant.", feed=True)] = (
        False
    )
    vouched_only: Annotated[
        bool, meaning("Whether only buyers that a host application vouches for may order.", feed=True)
    ] = False
    event: Annotated[
        TicketedEvent | None, meaning("What its units are tickets for; null when they are none.", feed=True)
    ] = None
    downloads: Annotated[DownloadTerms, meaning("How its files are downloaded, if it has any.", feed=True)] = (
        DownloadTerms()
    )
    licences: Annotated[
        LicenceTerms | None, meaning("The licence that each unit is; null when they are none.", feed=True)
    ] = None
    shipping: Annotated[
        Shipping | None, meaning("What delivery costs, beside the goods; null when it costs nothing.", feed=True)
    ] = None
    page: Annotated[Page, PAGE] = Page()


EVENT: Final = meaning("When and where it takes place.", feed=True)
WINDOW: Final = meaning("When the edition takes orders.", feed=True)
OFFER: Final = meaning("What is on sale, and by which terms.", feed=True)
FEE: Final = meaning("What the platform keeps of each order.", feed=True)
ORDER_LINES_MAX: Final = 20
"""Lines of one order."""

Lines = Annotated[
    tuple[OrderLine, ...],
    meaning("What is ordered of each variant; a variant has one line.", feed=True),
    msgspec.Meta(min_length=1, max_length=ORDER_LINES_MAX),
]
Units = Annotated[
    tuple[LineUnits, ...],
    meaning(
        "How many of the units are of which variant, in the order of the lines; empty for an order with one line.",
        feed=True,
        tables=InTables.SHOWN,
    ),
    msgspec.Meta(max_length=ORDER_LINES_MAX),
]
