"""Editions: the offer, its sale and its stock."""

from typing import Annotated

from buystream.vocabulary.actors import MERCHANT, OPERATOR, SYSTEM
from buystream.vocabulary.commands.command import Command, asked
from buystream.vocabulary.fields import (
    BY_CLIENT,
    Account,
    AllOrNothing,
    Attempts,
    AwaitsTerms,
    BuyerId,
    ChangeId,
    Clicks,
    ClosesAtMs,
    Currency,
    DemandId,
    Description,
    EditionId,
    FeeFixedMinor,
    FeeShareBps,
    FlagId,
    HoldSeconds,
    IfMissed,
    Image,
    Kind,
    LimitPerBuyer,
    Measure,
    MerchantId,
    NeedsAddress,
    OpensAtMs,
    OwnWords,
    PriceMaxMinor,
    PriceMinMinor,
    Quantity,
    Receipts,
    RefundBy,
    RefundRestock,
    RefundShareBps,
    RefundUntilMs,
    Restock,
    Stock,
    SuggestedMinor,
    TargetMinor,
    TaxBps,
    TaxLabel,
    TermsId,
    Title,
    VouchedOnly,
    WindowSeconds,
    meaning,
)


@asked(MERCHANT, OPERATOR, about="edition_id")
class ReleaseEdition(Command):
    """Puts an edition on sale. `stock` None means unlimited; a fixed price has equal bounds. Prices include tax. With
    `awaits_terms` it takes no orders before ApplyTerms. `refund_by` says who may return an order: the merchant, or the
    buyer too, until `refund_until_ms` (None: any time before it ships), who then gets `refund_share_bps` of the money.
    With `target_minor` it is a campaign; all or nothing means that money moves only if the target is reached before
    `closes_at_ms`, and `if_missed` says whether givers are then offered another project."""

    edition_id: EditionId
    merchant_id: MerchantId
    title: Title
    currency: Currency
    price_min_minor: PriceMinMinor
    price_max_minor: PriceMaxMinor
    stock: Stock | None
    limit_per_buyer: LimitPerBuyer
    hold_seconds: HoldSeconds
    description: Description = ""
    kind: Kind = "item"
    image: Image = ""
    suggested_minor: SuggestedMinor = ()
    opens_at_ms: OpensAtMs | None = None
    closes_at_ms: ClosesAtMs | None = None
    needs_address: NeedsAddress = True
    awaits_terms: AwaitsTerms = False
    tax_bps: TaxBps = 0
    tax_label: TaxLabel = ""
    refund_by: RefundBy = "merchant"
    refund_until_ms: RefundUntilMs | None = None
    refund_share_bps: RefundShareBps = 10_000
    refund_restock: RefundRestock = True
    target_minor: TargetMinor | None = None
    all_or_nothing: AllOrNothing = False
    if_missed: IfMissed = "void"
    receipts: Receipts = False
    vouched_only: VouchedOnly = False


@asked(SYSTEM, about="edition_id")
class ApplyTerms(Command):
    """The merchant's terms, for one edition; it keeps the first ones."""

    edition_id: EditionId
    terms_id: TermsId
    account: Account
    fee_share_bps: FeeShareBps
    fee_fixed_minor: FeeFixedMinor


@asked(MERCHANT, about="edition_id")
class CancelEdition(Command):
    """Calls the edition off: ends the sale for good and refunds everyone."""

    edition_id: EditionId
    merchant_id: MerchantId
    restock: Restock = False
    reason: OwnWords = ""


@asked(MERCHANT, about="edition_id")
class PauseSale(Command):
    """Stop taking orders for a while."""

    edition_id: EditionId


@asked(MERCHANT, about="edition_id")
class ResumeSale(Command):
    """Resume the sale."""

    edition_id: EditionId


@asked(MERCHANT, about="edition_id")
class AddStock(Command):
    """Issues more units. The caller chooses `change_id`, so that a repeat adds nothing."""

    edition_id: EditionId
    change_id: Annotated[ChangeId, BY_CLIENT]
    quantity: Quantity


@asked(MERCHANT, about="edition_id")
class WithdrawStock(Command):
    """Takes unsold stock off sale. The caller chooses `change_id`, so that a repeat withdraws nothing."""

    edition_id: EditionId
    change_id: Annotated[ChangeId, BY_CLIENT]
    quantity: Quantity


@asked(SYSTEM, about="edition_id")
class RecordDemand(Command):
    """Clicks that a gateway refused from the sold-out latch; never places an order."""

    edition_id: EditionId
    demand_id: DemandId
    clicks: Clicks
    quantity: Quantity


@asked(SYSTEM, about="edition_id")
class FlagVelocity(Command):
    """A buyer taps Buy faster than people can: this edition takes none of their orders for a while. `measure` says
    whose `attempts` within `window_seconds` were counted: buyer, device or network. A repeat changes nothing."""

    edition_id: EditionId
    flag_id: FlagId
    buyer_id: BuyerId
    measure: Measure
    attempts: Attempts
    window_seconds: WindowSeconds
    pause_seconds: Annotated[int, meaning("How long the buyer's orders are refused.")]
