"""What a gateway knows without asking anyone: which editions exist, which are sold out, which buyers are
erased, which API keys are revoked."""

import msgspec
from psycopg2.extensions import cursor

from buystream.log import Record
from buystream.projections import edition_board, order_views, people
from buystream.projections.engine import runner
from buystream.projections.offer_columns import stock_of
from buystream.vocabulary import events
from buystream.vocabulary.actors import merchant_member
from buystream.vocabulary.codec import read_event
from buystream.vocabulary.ids import partition_of
from buystream.vocabulary.shipping import Shipping
from buystream.vocabulary.values import OrderLine


class ListedVariant(msgspec.Struct, kw_only=True):
    """What one variant is called and costs, and its sold-out latch."""

    title: str = ""
    price_min_minor: int
    price_max_minor: int
    limit_per_buyer: int
    weight_grams: int = 0
    has_tiers: bool = False
    """Its price changes with time and sales, which its owner knows."""
    sold_out: bool = False


class Listing(msgspec.Struct, kw_only=True):
    """An edition's offer, as far as the gateway needs it, and its sold-out latch. While it `awaits_terms` it takes no
    orders."""

    edition_id: str
    merchant_id: str
    title: str
    kind: str
    stock: int | None
    limited: bool
    currency: str
    may_be_free: bool
    needs_address: bool
    partition: int
    variants: dict[str, ListedVariant]
    has_dates: bool
    vouched_only: bool
    shipping: Shipping | None = None
    past_shipping: tuple[tuple[int, Shipping], ...] = ()
    """What delivery cost orders that were placed until then, inclusive; the oldest first."""
    awaits_terms: bool = False
    cancelled: bool = False
    paused: bool = False

    def shipping_at(self, placed_at_ms: int) -> Shipping | None:
        """What delivery of an order costs that was placed then: as `buystream.aggregates.edition.terms` says it."""
        for until_ms, shipping in self.past_shipping:
            if placed_at_ms <= until_ms:
                return shipping
        return self.shipping

    def variant_title(self, variant_id: str) -> str:
        """What distinguishes the variant from the others."""
        variant = self.variants.get(variant_id)
        return variant.title if variant is not None else ""

    def is_sold_out(self, lines: tuple[OrderLine, ...]) -> bool:
        """Whether nothing is left of a variant that the lines ask for."""
        for line in lines:
            variant = self.variants.get(line.variant_id)
            if variant is not None and variant.sold_out:
                return True
        return False

    def why_never(self, lines: tuple[OrderLine, ...], *, vouched: bool) -> str:
        """The reason for which its owner will refuse such an order; empty when that can't be known here. Checked in the
        owner's order (`admission.why_not`), so that the answer is the one the owner would give."""
        if self.cancelled:
            return "cancelled" if self.limited else ""  # whether this is a repeat is known of limited ones only
        variants = self.variants
        for line in lines:
            if line.variant_id not in variants:
                return "unknown_variant"
        if len(lines) > 1 and len({line.variant_id for line in lines}) < len(lines):
            return "variant_twice"
        for line in lines:
            variant = variants[line.variant_id]
            if not variant.has_tiers and not variant.price_min_minor <= line.price_minor <= variant.price_max_minor:
                return "wrong_price"
        if self.vouched_only and not vouched:
            return "not_vouched"
        if self.awaits_terms or self.has_dates or self.paused:
            return ""
        for line in lines:
            if line.quantity > variants[line.variant_id].limit_per_buyer:
                return "over_limit"
        return ""

    def change(self, kind: str, record: Record) -> None:
        """Take in an event of this type, one of CHANGES_OFFER."""
        if kind == TERMS_APPLIED:
            self.awaits_terms = False
        elif kind == CANCELLED:
            self.cancelled = True
        elif kind in (PAUSED, RESUMED):
            self.paused = kind == PAUSED
        else:
            event = read_event(record.value)
            if isinstance(event, events.ShippingChanged):
                self._price_delivery(event)
            elif isinstance(event, events.PriceTiersSet) and event.variant_id in self.variants:
                self.variants[event.variant_id].has_tiers = bool(event.tiers)
            elif isinstance(event, events.SaleScheduled):
                self.has_dates = event.window.is_bounded
            elif isinstance(event, events.EditionDescribed):
                self.title = event.title or self.title
            elif isinstance(event, events.EditionSoldOut | events.StockReleased) and event.variant_id in self.variants:
                self.variants[event.variant_id].sold_out = kind == SOLD_OUT

    def _price_delivery(self, event: events.ShippingChanged) -> None:
        """Also of a change that the views knew already."""
        if all(until_ms < event.at_ms for until_ms, _ in self.past_shipping):
            self.past_shipping = (*self.past_shipping, (event.at_ms, event.old_shipping))
        self.shipping = event.shipping


_TYPES = {
    kind.__name__: f"buystream.{kind.__struct_config__.tag}"
    for kind in (
        events.EditionReleased, events.EditionSoldOut, events.StockReleased, events.TermsApplied,
        events.EditionCancelled, events.SalePaused, events.SaleResumed, events.ShippingChanged,
        events.SaleScheduled, events.EditionDescribed, events.PriceTiersSet,
        events.OrderPlaced, events.OrderRefused, events.BuyerErased, events.ApiKeyRevoked,
        events.MemberRemoved, events.RoleChanged,
    )
}  # fmt: skip
RELEASED = _TYPES["EditionReleased"]
SOLD_OUT = _TYPES["EditionSoldOut"]
STOCK_RELEASED = _TYPES["StockReleased"]
TERMS_APPLIED = _TYPES["TermsApplied"]
BUYER_ERASED = _TYPES["BuyerErased"]
CANCELLED = _TYPES["EditionCancelled"]
PAUSED = _TYPES["SalePaused"]
RESUMED = _TYPES["SaleResumed"]
SHIPPING_CHANGED = _TYPES["ShippingChanged"]
SCHEDULED = _TYPES["SaleScheduled"]
DESCRIBED = _TYPES["EditionDescribed"]
ENDS_ACCESS = frozenset({_TYPES["ApiKeyRevoked"], _TYPES["MemberRemoved"], _TYPES["RoleChanged"]})
TIERS_SET = _TYPES["PriceTiersSet"]
CHANGES_OFFER = frozenset(
    {
        TIERS_SET,
        SOLD_OUT,
        STOCK_RELEASED,
        TERMS_APPLIED,
        CANCELLED,
        PAUSED,
        RESUMED,
        SHIPPING_CHANGED,
        SCHEDULED,
        DESCRIBED,
    }
)
DECIDES_ORDER = frozenset({_TYPES["OrderPlaced"], _TYPES["OrderRefused"]})
CONCERNS = CHANGES_OFFER | DECIDES_ORDER | {RELEASED, BUYER_ERASED} | ENDS_ACCESS
"""The types of all events that the catalogue takes in."""


class Catalogue:
    """Written by the thread that tails the events, read by the event loop; each change is one step of a dict or set."""

    def __init__(self) -> None:
        self._offers: dict[str, Listing] = {}
        self._sent: set[int] = set()
        self._erased: set[int] = set()
        self._revoked_keys: set[str] = set()

    def offer(self, edition_id: str) -> Listing | None:
        """The edition, or None when there is none."""
        return self._offers.get(edition_id)

    def merchant_of(self, edition_id: str) -> str | None:
        """The edition's merchant; None when there is no such edition."""
        offer = self._offers.get(edition_id)
        return None if offer is None else offer.merchant_id

    def editions_of(self, merchant_id: str) -> list[str]:
        """The ids of the merchant's editions."""
        return [one.edition_id for one in list(self._offers.values()) if one.merchant_id == merchant_id]

    def remember_sent(self, order_id: str) -> None:
        """This order id is on its way to a decision, so a repeat of it must go to the log, sold out or not."""
        self._sent.add(hash(order_id))

    def was_sent(self, order_id: str) -> bool:
        """Whether the id may have been decided. Kept as 64-bit hashes: a false yes only costs a look at the log."""
        return hash(order_id) in self._sent

    def is_erased(self, buyer_id: str) -> bool:
        """Whether the buyer is erased. Kept as 64-bit hashes, as the ids above."""
        return hash(buyer_id) in self._erased

    def is_revoked(self, key_hash: str) -> bool:
        """Whether the API key was revoked, or the member of that actor removed or given another role: known here before
        the views show it."""
        return key_hash in self._revoked_keys

    def _end_access(self, event: events.Event) -> None:
        match event:
            case events.ApiKeyRevoked():
                self._revoked_keys.add(event.api_key_hash)
            case events.MemberRemoved():
                self._revoked_keys.add(_member(event, event.role))
            case events.RoleChanged():
                self._revoked_keys.add(_member(event, event.old_role))
                self._revoked_keys.discard(_member(event, event.role))

    def load(self, cur: cursor) -> dict[int, int]:
        """Start from the views; returns the positions of `buystream.events` to continue from, by partition."""
        tables = ("views.editions", "views.orders", "views.erased_buyers")
        cur.execute("SELECT to_regclass(%s), to_regclass(%s), to_regclass(%s)", tables)
        if None in (cur.fetchone() or (None,)):
            return {}  # no views yet: the log has everything
        # Positions first: rows that move on meanwhile are taken in a second time, which is harmless.
        boards = runner.next_positions(cur, edition_board.NAME)
        orders = runner.next_positions(cur, order_views.NAME)
        buyers = runner.next_positions(cur, people.NAME)
        past_shipping = edition_board.past_shipping(cur)
        for board in edition_board.boards(cur, now_ms=0, archived=True):
            self._offers[board.edition_id] = Listing(
                edition_id=board.edition_id,
                merchant_id=board.merchant_id,
                title=board.title,
                kind=board.kind,
                stock=board.stock,
                limited=any(variant.stock is not None for variant in board.variants),
                currency=board.currency,
                may_be_free=not board.price_min_minor,
                needs_address=board.needs_address,
                partition=partition_of(board.edition_id),
                variants={
                    variant.variant_id: ListedVariant(
                        title=variant.title,
                        price_min_minor=variant.price_min_minor,
                        price_max_minor=variant.price_max_minor,
                        limit_per_buyer=variant.limit_per_buyer,
                        weight_grams=variant.weight_grams,
                        has_tiers=bool(variant.tiers),
                        sold_out=variant.available == 0,
                    )
                    for variant in board.variants
                },
                has_dates=(board.opens_at_ms, board.closes_at_ms) != (None, None),
                vouched_only=board.vouched_only,
                shipping=board.shipping,
                past_shipping=past_shipping.get(board.edition_id, ()),
                paused=board.state == "paused",
                awaits_terms=board.awaits_terms,
                cancelled=board.cancellation is not None,
            )
        limited = [offer.edition_id for offer in self._offers.values() if offer.limited]
        cur.execute("SELECT order_id FROM views.orders WHERE edition_id = ANY(%s)", (limited,))
        self._sent.update(hash(order_id) for (order_id,) in cur)
        self._erased.update(hash(buyer_id) for buyer_id in people.erased_buyers(cur))
        self._revoked_keys.update(people.revoked_key_hashes(cur))
        known = (boards, orders, buyers)
        return {p: min(one.get(p, 0) for one in known) for p in boards.keys() | orders.keys() | buyers.keys()}

    def apply(self, kind: str, subject: str, record: Record) -> None:
        """Take in an event of the log, of type `kind`, about `subject`; decodes it only when an edition is new."""
        if kind in DECIDES_ORDER:
            offer = self._offers.get(subject.rpartition("-")[0])  # the order's id begins with it
            if offer is not None and offer.limited:
                self._sent.add(hash(subject))
        elif kind == BUYER_ERASED:
            self._erased.add(hash(subject))
        elif kind in ENDS_ACCESS:
            self._end_access(read_event(record.value))
        elif kind in CHANGES_OFFER:
            offer = self._offers.get(subject)
            if offer is not None:  # its release may be unreadable
                offer.change(kind, record)
        elif kind == RELEASED:
            event = read_event(record.value)
            if isinstance(event, events.EditionReleased):
                offered = event.offer
                self._offers[subject] = Listing(
                    edition_id=subject,
                    merchant_id=event.merchant_id,
                    title=offered.title,
                    kind=offered.kind,
                    stock=stock_of(offered),
                    limited=any(variant.stock is not None for variant in offered.variants),
                    currency=offered.currency,
                    may_be_free=any(not variant.price_min_minor for variant in offered.variants),
                    needs_address=offered.needs_address,
                    partition=record.partition,
                    variants={
                        variant.variant_id: ListedVariant(
                            title=variant.title,
                            price_min_minor=variant.price_min_minor,
                            price_max_minor=variant.price_max_minor,
                            limit_per_buyer=variant.limit_per_buyer,
                            weight_grams=variant.weight_grams,
                        )
                        for variant in offered.variants
                    },
                    vouched_only=offered.vouched_only,
                    shipping=offered.shipping,
                    has_dates=offered.window.is_bounded,
                    awaits_terms=event.awaits_terms,
                )


def _member(event: events.MemberRemoved | events.RoleChanged, role: str) -> str:
    return merchant_member(event.merchant_id, event.member_id, role)
