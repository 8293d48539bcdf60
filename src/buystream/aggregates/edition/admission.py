"""The one question before anything gives stock or takes money: does the sale allow it now? Three forms of it, each
including the one before: for buyers who hold already, for what the clock places, and for new stock. ARCHITECTURE.md
has the table of who asks which."""

from typing import Final, Literal

from buystream.aggregates.edition import sale
from buystream.aggregates.edition.edition import Edition
from buystream.aggregates.moment import Moment
from buystream.vocabulary.money import why_not_charge
from buystream.vocabulary.values import OrderLine

EDITION_CANCELLED: Final = "edition_cancelled"
CAMPAIGN_MISSED: Final = "campaign_missed"

Over = Literal["", "edition_cancelled", "campaign_missed"]


def why_over(edition: Edition) -> Over:
    """Why nobody pays any more, those who hold stock included; nothing while it takes place."""
    if edition.cancellation is not None:
        return EDITION_CANCELLED
    if edition.campaign is not None and edition.campaign.missed:
        return CAMPAIGN_MISSED
    return ""


def why_not_on_sale(edition: Edition, at_ms: int) -> str:
    """Why the edition takes no orders now, from any buyer. A campaign that missed its target has closed."""
    its_sale = edition.sale
    return sale.why_not_on_sale(
        at_ms,
        cancelled=edition.cancellation is not None,
        window=its_sale.window,
        awaits_terms=its_sale.awaits_terms,
        paused=its_sale.paused,
    )


def why_not(
    edition: Edition,
    moment: Moment,
    *,
    buyer_id: str,
    lines: tuple[OrderLine, ...],
    vouched: bool = True,
    limited: bool = True,
    discount_minor: int = 0,
) -> tuple[str, str]:
    """Why this buyer gets no stock now, and the variant that this is about, if it is one: asked by new orders, and by
    late money whose hold has run out. All lines are served or none. `vouched`: a host application says who the buyer
    is, or did when the order was placed. `limited`: the order counts against the buyer's limits. `discount_minor` is
    taken off what the lines cost."""
    terms, stocks = edition.terms, edition.stocks
    if edition.cancellation is None:
        for line in lines:
            stock = stocks[line.variant_id]
            if stock.tiers:
                if reason := stock.why_not_at(line.price_minor, line.quantity, moment.at_ms):
                    return reason, line.variant_id
            elif not stock.price_min_minor <= line.price_minor <= stock.price_max_minor:
                return "wrong_price", line.variant_id  # whether it is on sale or not, this order never was
        if terms.vouched_only and not vouched:
            return "not_vouched", ""
    if reason := why_not_on_sale(edition, moment.at_ms):
        return reason, ""
    if moment.at_ms < edition.pace.paused_until_ms.get(buyer_id, 0):
        return "too_fast", ""
    total_minor, missing = 0, None
    for line in lines:
        stock, quantity = stocks[line.variant_id], line.quantity
        if limited:
            taken = stock.taken_by_buyer.get(buyer_id, 0)
            if not 0 < quantity <= moment.rules.quantity_max or taken + quantity > stock.limit_per_buyer:
                return "over_limit", line.variant_id
        total_minor += quantity * line.price_minor
        available = stock.available
        if available is not None and quantity > available and missing is None:
            missing = line.variant_id
    if len(lines) > 1 and limited and sum(line.quantity for line in lines) > moment.rules.quantity_max:
        return "over_limit", ""
    if reason := why_not_charge(total_minor - discount_minor, terms.charges_in(moment.rules)):
        return reason, ""
    return ("", "") if missing is None else ("sold_out", missing)
