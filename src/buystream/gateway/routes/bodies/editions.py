"""Editions: what releases one, changes its stock or ends it; and boards together."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from buystream.gateway.routes.bodies.edition_pages import STORY, NewNotes, NewPictures
from buystream.gateway.routes.bodies.fields import (
    Amount,
    AtMs,
    BasisPoints,
    Quantity,
    Reason,
    Request,
    Stock,
    VariantId,
)
from buystream.gateway.routes.bodies.orders import OrderBody
from buystream.projections.boards import Board
from buystream.vocabulary.money import CURRENCIES
from buystream.vocabulary.shipping import COUNTRIES_MAX, GRAMS_MAX, METHODS_MAX, STEPS_MAX, ZONES_MAX
from buystream.vocabulary.texts import LINE, NAME, NOT_BLANK, PLAIN

DATES_MAX = 50
"""Of one draft."""

Grams = Annotated[int, Meta(ge=0, le=GRAMS_MAX)]
Country = Annotated[str, Meta(pattern="^[A-Z]{2}$")]


class NewRefundRule(Request, frozen=True, kw_only=True):
    """Who may start a refund. If `by` is buyer, the buyer may too, before `until_ms` (null: at any time) and before the
    order ships, for `share_bps` of the money (10 000: all of it). `restock` puts returned units back on sale."""

    by: Literal["merchant", "buyer"] = "merchant"
    until_ms: AtMs | None = None
    share_bps: BasisPoints = 10_000
    restock: bool = True


class NewVariant(Request, frozen=True, kw_only=True):
    """One of the things that the edition is offered in, a size or a seat category. Send `price_minor` for a fixed
    price, or both bounds; `stock` null means unlimited. `limit_per_buyer` null means the edition's."""

    variant_id: Annotated[str, Meta(min_length=1, max_length=40, pattern="^[a-z0-9-]*$")]
    title: Annotated[str, Meta(min_length=1, max_length=80, pattern=NAME)]
    price_minor: Amount | None = None
    price_min_minor: Amount | None = None
    price_max_minor: Amount | None = None
    stock: Stock | None = None
    limit_per_buyer: Quantity | None = None
    weight_grams: Grams = 0


class NewEvent(Request, frozen=True, kw_only=True):
    """What tickets are for. Without `doors_at_ms` the doors open when it starts, without `ends_at_ms` it ends six hours
    later; `time_zone` is the venue's, null means the merchant's. `asks_names`: each ticket asks who will come."""

    starts_at_ms: AtMs
    doors_at_ms: AtMs | None = None
    ends_at_ms: AtMs | None = None
    venue: Annotated[str, Meta(min_length=1, max_length=120, pattern=NAME)]
    address: Annotated[str, Meta(max_length=300, pattern=PLAIN)] = ""
    time_zone: Annotated[str, Meta(min_length=1, max_length=80)] | None = None
    asks_names: bool = False


class MovedEvent(Request, frozen=True, kw_only=True):
    """Another time or place of an event. What is null stays; `doors_at_ms` and `ends_at_ms` stay as far from the
    start."""

    starts_at_ms: AtMs
    doors_at_ms: AtMs | None = None
    ends_at_ms: AtMs | None = None
    venue: Annotated[str, Meta(min_length=1, max_length=120, pattern=NAME)] | None = None
    address: Annotated[str, Meta(max_length=300, pattern=PLAIN)] | None = None
    time_zone: Annotated[str, Meta(min_length=1, max_length=80)] | None = None


class ReleasedDates(Request, frozen=True, kw_only=True):
    """When and where a draft's event takes place; none: as the draft says."""

    dates: Annotated[tuple[MovedEvent, ...], Meta(max_length=DATES_MAX)] = ()


class NewDownloadTerms(Request, frozen=True, kw_only=True):
    """How an edition's files are downloaded: how often each order may download each version of a file, and how long a
    link works."""

    downloads_max: Annotated[int, Meta(ge=1, le=1000)] = 5
    link_seconds: Annotated[int, Meta(ge=60, le=30 * 24 * 3600)] = 86_400


class NewLicenceTerms(Request, frozen=True, kw_only=True):
    """Each unit has a licence key, which may be used in so many places at a time."""

    activations_max: Annotated[int, Meta(ge=1, le=1000)] = 3


class NewWeightPrice(Request, frozen=True, kw_only=True):
    """What parcels up to a weight cost; null: any weight."""

    up_to_grams: Annotated[int, Meta(ge=1, le=GRAMS_MAX)] | None = None
    price_minor: Amount


MethodId = Annotated[str, Meta(min_length=1, max_length=40, pattern="^[a-z0-9-]*$")]
MethodTitle = Annotated[str, Meta(min_length=1, max_length=80, pattern=NAME)]


class NewShippingRate(Request, frozen=True, kw_only=True):
    """One way to send an order to a zone: `prices` by weight, the lightest first; a flat rate has one, for any weight.
    Goods of `free_from_minor` or more are sent free."""

    method_id: MethodId
    title: MethodTitle
    prices: Annotated[tuple[NewWeightPrice, ...], Meta(min_length=1, max_length=STEPS_MAX)]
    free_from_minor: Amount | None = None


class NewShippingZone(Request, frozen=True, kw_only=True):
    """Countries that cost the same, in two letters of ISO 3166-1; without any, all that no other zone names."""

    title: MethodTitle
    countries: Annotated[tuple[Country, ...], Meta(max_length=COUNTRIES_MAX)] = ()
    rates: Annotated[tuple[NewShippingRate, ...], Meta(min_length=1, max_length=METHODS_MAX)]


class NewPickupPoint(Request, frozen=True, kw_only=True):
    """A place where buyers collect their orders. These need no address."""

    method_id: MethodId
    title: MethodTitle
    place: Annotated[str, Meta(min_length=1, max_length=300, pattern=NOT_BLANK)]
    hours: Annotated[str, Meta(max_length=300, pattern=PLAIN)] = ""
    price_minor: Amount = 0


class ChangedShipping(Request, frozen=True, kw_only=True):
    """What delivery costs. `ships_from` is the country that orders are sent from."""

    ships_from: Country | Literal[""] = ""
    zones: Annotated[tuple[NewShippingZone, ...], Meta(max_length=ZONES_MAX)] = ()
    pickups: Annotated[tuple[NewPickupPoint, ...], Meta(max_length=METHODS_MAX)] = ()


class NewShipping(ChangedShipping, frozen=True, kw_only=True):
    """What delivery costs. `ships_from` is the country that orders are sent from. `refunds_delivery`: a refund of the
    whole order includes what delivery cost."""

    refunds_delivery: bool = True


class NewEdition(Request, frozen=True, kw_only=True):
    """The terms of a new edition. Send `price_minor` for a fixed price, or both bounds; `stock` null means unlimited.
    An edition that is offered in several `variants` has prices and stocks there instead. Prices include `tax_bps` of
    tax (1900: 19%). `target_minor` makes it a campaign; `all_or_nothing` charges gifts only if the target is reached
    before `closes_at_ms`, and `if_missed` says whether givers may then choose another project. `needs_address` asks
    buyers for a postal address, `receipts` issues a numbered receipt for each payment; null means the default for the
    `kind`. `vouched_only` accepts orders only from buyers whom a host application vouches for. With an
    `event`, each unit is a ticket with a code that is scanned at the door. With `shipping`, delivery has prices of its
    own, by country and `weight_grams` of a unit. `story` is Markdown; `pictures` were uploaded before."""

    title: Annotated[str, Meta(min_length=1, max_length=200, pattern=NAME)]
    currency: Annotated[str, Meta(extra_json_schema={"enum": sorted(CURRENCIES)})] | None = None
    price_minor: Amount | None = None
    price_min_minor: Amount | None = None
    price_max_minor: Amount | None = None
    stock: Stock | None = None
    limit_per_buyer: Quantity = 4
    variants: Annotated[tuple[NewVariant, ...], Meta(max_length=100)] = ()
    hold_seconds: Annotated[int, Meta(ge=1, le=7 * 24 * 3600)] = 600
    description: Annotated[str, Meta(max_length=2000, pattern=PLAIN)] = ""
    kind: Literal["ticket", "record", "gift", "item"] = "item"
    image: Annotated[str, Meta(max_length=40, pattern="^[a-z0-9-]*$")] = ""
    suggested_minor: Annotated[tuple[Amount, ...], Meta(max_length=8)] = ()
    opens_at_ms: AtMs | None = None
    closes_at_ms: AtMs | None = None
    needs_address: bool | None = None
    tax_bps: BasisPoints = 0
    tax_label: Annotated[str, Meta(max_length=40, pattern=LINE)] = ""
    refund: NewRefundRule = NewRefundRule()
    target_minor: Amount | None = None
    all_or_nothing: bool = False
    if_missed: Literal["void", "choose"] = "void"
    receipts: bool | None = None
    vouched_only: bool = False
    event: NewEvent | None = None
    downloads: NewDownloadTerms = NewDownloadTerms()
    licences: NewLicenceTerms | None = None
    weight_grams: Grams = 0
    shipping: NewShipping | None = None
    story: Annotated[str, STORY] = ""
    pictures: NewPictures = ()
    notes: NewNotes = ()


class StockChange(Request, frozen=True, kw_only=True):
    """Send exactly one of `add` and `withdraw`. `variant_id` names the variant of an edition that has several."""

    variant_id: VariantId = ""
    add: Stock | None = None
    withdraw: Stock | None = None


class EditionEnd(Request, frozen=True, kw_only=True):
    """Cancels the edition. `restock` counts returned units as available again, otherwise as withdrawn; in either case
    nobody can buy them any more."""

    restock: bool = False
    reason: Reason = ""


class LiveBody(Struct, frozen=True):
    """The current state of everything that a page watches; `missing` are the ids that don't exist or aren't visible."""

    boards: list[Board]
    orders: list[OrderBody]
    missing: list[str]


class EditionsBody(Struct, frozen=True):
    """Everything on sale."""

    editions: list[Board]


class PastEditionsBody(EditionsBody, frozen=True):
    """Everything that had been released by the end of the millisecond `as_of_ms`, as it was then."""

    as_of_ms: int
