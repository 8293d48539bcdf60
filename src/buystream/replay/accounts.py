"""The auditor's accounts: what it counts for one edition, one order and one receipt, in the plainest way. Changed by
`ledger` from the events alone."""

from collections.abc import Iterator

import msgspec

from buystream.replay.code_books import CodeAccounts
from buystream.replay.doors import DoorAccount
from buystream.vocabulary import events
from buystream.vocabulary.codes import CodeUse
from buystream.vocabulary.shipping import Shipping
from buystream.vocabulary.values import PriceTier, SaleWindow, Units

Finding = tuple[str, str]
"""An invariant's name, and what is wrong with it."""


class VariantAccount(msgspec.Struct):
    """What the auditor counts for one variant of an edition. `available` None means unlimited."""

    issued: int | None
    available: int | None
    limit_per_buyer: int
    price_min_minor: int = 0
    price_max_minor: int = 0
    tiers: tuple[PriceTier, ...] = ()
    held: int = 0
    sold: int = 0
    withdrawn: int = 0
    taken: dict[str, int] = {}
    turned_away: tuple[int, str] | None = None
    """The fewest units for which an order was refused since there was last more to be had, and that order."""

    def prices(self, at_ms: int) -> tuple[int, int, int | None]:
        """The lowest and the highest price of the next unit, and how many units there are at it; None: all."""
        for tier in self.tiers:
            left = None if tier.units is None else tier.units - self.held - self.sold
            if (left is None or left > 0) and (tier.until_ms is None or tier.until_ms > at_ms):
                return tier.price_minor, tier.price_minor, left
        return self.price_min_minor, self.price_max_minor, None

    def take(self, buyer_id: str, quantity: int) -> int:
        """The buyer has so many more; returns how many in all."""
        self.taken[buyer_id] = taken = self.taken.get(buyer_id, 0) + quantity
        if not taken:
            del self.taken[buyer_id]
        return taken

    def move(self, quantity: int) -> None:
        """So many more can be had."""
        if quantity > 0:
            self.turned_away = None
        if self.available is not None:
            self.available += quantity

    def check(self, name: str) -> Iterator[Finding]:
        """Whether the stock adds up."""
        counts = (self.available or 0, self.held, self.sold, self.withdrawn)
        if min(counts) < 0:
            yield "no count is negative", f"{name}: available, held, sold, withdrawn = {counts}"
        if self.issued is not None and sum(counts) != self.issued:
            yield "available + held + sold + withdrawn = issued", f"{name}: {counts} of {self.issued}"


class DownloadAccount(msgspec.Struct):
    """What the auditor counts of an edition's files and licences. `started` and `works_until_ms` are by order, file and
    version; `instances`, the places of each licence, and `disabled` by order and number."""

    downloads_max: int = 0
    activations_max: int = 0
    versions: dict[str, int] = {}
    started: dict[str, int] = {}
    works_until_ms: dict[str, int] = {}
    instances: dict[str, set[str]] = {}
    disabled: set[str] = set()
    allowed: dict[str, int] = {}
    """By order, of those that may download more often, or less."""


class EditionAccount(msgspec.Struct):
    """What the auditor counts for one edition."""

    variants: dict[str, VariantAccount]
    window: SaleWindow = SaleWindow()
    awaits_terms: bool = False
    paused: bool = False
    order_ids: list[str] = []
    waits_for_target: bool = False
    raised_minor: int = 0
    vouched_only: bool = False
    is_cancelled: bool = False
    paused_until_ms: dict[str, int] = {}
    """By buyer id: until then each is too fast."""
    downloads: DownloadAccount = msgspec.field(default_factory=DownloadAccount)
    shipping: Shipping | None = None
    past_shipping: list[tuple[int, Shipping]] = []
    """What delivery cost those who had ordered by that time, the oldest first."""
    grams: dict[str, int] = {}
    """What a unit of each variant weighs."""
    codes: CodeAccounts = msgspec.field(default_factory=CodeAccounts)
    over: str = ""
    """Why nobody may get stock or be charged any more: it was cancelled, or its target was missed."""

    def is_on_sale(self, at_ms: int) -> bool:
        """Whether it may take orders at that time."""
        opens_ms, closes_ms = self.window.opens_at_ms, self.window.closes_at_ms
        begun = opens_ms is None or at_ms >= opens_ms
        closed = closes_ms is not None and at_ms >= closes_ms
        return begun and not (closed or self.paused or self.awaits_terms or self.over)

    def check(self, edition_id: str) -> Iterator[Finding]:
        """Whether the stock of each variant adds up."""
        for variant_id, variant in self.variants.items():
            yield from variant.check(f"{edition_id} {variant_id}".rstrip())


def released(event: events.EditionReleased) -> EditionAccount:
    """The account of a new edition."""
    offer = event.offer
    return EditionAccount(
        variants={
            one.variant_id: VariantAccount(
                issued=one.stock,
                available=one.stock,
                limit_per_buyer=one.limit_per_buyer,
                price_min_minor=one.price_min_minor,
                price_max_minor=one.price_max_minor,
            )
            for one in offer.variants
        },
        vouched_only=offer.vouched_only,
        window=offer.window,
        awaits_terms=event.awaits_terms,
        waits_for_target=offer.campaign is not None and offer.campaign.all_or_nothing,
        downloads=DownloadAccount(
            downloads_max=offer.downloads.downloads_max,
            activations_max=0 if offer.licences is None else offer.licences.activations_max,
        ),
        shipping=offer.shipping,
        grams={one.variant_id: one.weight_grams for one in offer.variants},
    )


class LedgerState(msgspec.Struct):
    """All that a ledger knows of one partition."""

    versions: dict[str, int] = {}
    editions: dict[str, EditionAccount] = {}
    orders: dict[str, "OrderAccount"] = {}
    gifts: set[str] = set()
    numbers: dict[str, int] = {}
    """The last receipt number by merchant and year."""
    receipts: dict[str, "ReceiptAccount"] = {}
    doors: dict[str, DoorAccount] = {}
    at_ms: int = 0
    taken_at_ms: int = 0
    grace_until_ms: int = 0


class DisputeAccount(msgspec.Struct):
    """What a bank says about some of an order's money."""

    amount_minor: int
    state: str = "open"

    @property
    def held_minor(self) -> int:
        """What is with the bank."""
        return self.amount_minor if self.state in ("open", "lost") else 0

    @property
    def lost_minor(self) -> int:
        """What the bank keeps."""
        return self.amount_minor if self.state == "lost" else 0


class TicketAccount(msgspec.Struct):
    """What the auditor knows of one ticket that changed hands."""

    issue: int = 1
    offered: bool = False


class OrderAccount(msgspec.Struct):
    """What the auditor knows of one order. `reserved` are payments whose money is set aside, with the provider's
    reference; `saved` those that only saved a method. `asked` are refunds under way, `done` those that succeeded: minor
    units, and by variant units of what was sold (None: made at the provider, which knows of no units)."""

    edition_id: str
    buyer_id: str
    bought: dict[str, int]
    """Units by variant."""
    total_minor: int
    """Of its lines, less what its code took off."""
    currency: str
    ordered: dict[str, int] = {}
    """Units by variant before any exchange, where delivery has a price."""
    delivery_minor: dict[str, int] = {}
    """What delivery costs, by payment."""
    holds: bool = False
    counts: bool = True
    """Against its buyer's limit: of a recurring gift only the first order does."""
    confirmed: bool = False
    shipped: bool = False
    parcels: dict[str, dict[str, int]] = {}
    """Units by variant in each parcel by its id; none in one that was lost or came back."""
    back: dict[str, int] = {}
    """Units by variant that came back out of parcels."""
    inspecting: dict[str, bool] = {}
    """Whether each return waits for somebody to look at its goods."""
    prices: dict[str, int] = {}
    """The unit price of each variant."""
    refunded: bool = False
    pledged_minor: int | None = None
    claimed_by: str = ""
    reserved: dict[str, str] = {}
    saved: set[str] = set()
    captured_minor: int = 0
    returned_minor: int = 0
    returned: dict[str, int] = {}
    asked: dict[str, tuple[int, dict[str, int]]] = {}
    done: dict[str, tuple[int, dict[str, int] | None]] = {}
    disputes: dict[str, DisputeAccount] = {}
    tickets: dict[int, TicketAccount] = {}
    returned_by_buyer: dict[str, int] = {}
    """Units of tickets, by refund, unless it failed."""
    code: CodeUse | None = None
    placed_at_ms: int = 0
    runs_until_ms: int | None = None
    """When the hold's clock runs out; None while it stands still."""

    @property
    def held_minor(self) -> int:
        """What banks have of it."""
        return sum(dispute.held_minor for dispute in self.disputes.values())

    @property
    def packed(self) -> dict[str, int]:
        """Units in parcels that didn't come back out of them, by variant."""
        found = {variant_id: -quantity for variant_id, quantity in self.back.items()}
        for units in self.parcels.values():
            for variant_id, quantity in units.items():
                found[variant_id] = found.get(variant_id, 0) + quantity
        return found

    @property
    def left(self) -> dict[str, int]:
        """Units by variant that are neither back nor on their way back."""
        left = {variant_id: units - self.returned.get(variant_id, 0) for variant_id, units in self.bought.items()}
        for _, under_way in self.asked.values():
            for variant_id, units in under_way.items():
                left[variant_id] = left.get(variant_id, 0) - units
        return left

    def come_back(self, units: dict[str, int]) -> None:
        """These came out of parcels."""
        for variant_id, quantity in units.items():
            self.back[variant_id] = self.back.get(variant_id, 0) + quantity

    def units_in(self, quantity: int, units: Units) -> dict[str, int]:
        """By variant, the units of this order that an event is about."""
        if not units and len(self.bought) == 1:
            return dict.fromkeys(self.bought, quantity)
        return {one.variant_id: one.quantity for one in units}

    def return_units(self, units: dict[str, int], sign: int = 1) -> None:
        """These came back."""
        for variant_id, quantity in units.items():
            self.returned[variant_id] = self.returned.get(variant_id, 0) + sign * quantity

    @property
    def minor_under_way(self) -> int:
        """Money that refunds under way will take back."""
        return sum(minor for minor, _ in self.asked.values())

    @property
    def is_open(self) -> bool:
        """Whether its buyer has stock, or money of its buyer's is neither back, under way nor a bank's to decide."""
        if self.holds:
            return True
        bank_decides = any(dispute.state == "open" for dispute in self.disputes.values())
        return self.confirmed and not bank_decides and not self.asked


class ReceiptAccount(msgspec.Struct):
    """What a receipt is for, and what went back of it."""

    paid_minor: int
    back_minor: int = 0

    @property
    def amount_minor(self) -> int:
        """Never more than was paid, never less than nothing."""
        return min(max(self.paid_minor - self.back_minor, 0), self.paid_minor)
