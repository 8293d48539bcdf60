"""How an edition decides about its prices for a while: early birds, and the first so many units."""

from buystream.aggregates.decides import decides
from buystream.aggregates.edition.edition import REPEATED, UNKNOWN_VARIANT, Edition, Outcome
from buystream.aggregates.edition.releasing import are_times
from buystream.aggregates.edition.stock import Stock
from buystream.aggregates.moment import Moment
from buystream.aggregates.rules import Rules
from buystream.vocabulary import commands, events
from buystream.vocabulary.money import why_not_charge
from buystream.vocabulary.values import PriceTier


@decides(commands.SetPriceTiers)
def set_price_tiers(edition: Edition, command: commands.SetPriceTiers, moment: Moment) -> Outcome:
    """At any time: what is held or paid keeps its price, and who saw another one is refused."""
    stock = edition.stocks.get(command.variant_id)
    if stock is None:
        return UNKNOWN_VARIANT
    if command.tiers == stock.tiers:
        return REPEATED
    if edition.cancellation is not None:
        return "cancelled"
    if wrong := _why_not(edition, stock, command.tiers, moment.rules):
        return wrong
    edition.record_own(events.PriceTiersSet, moment, tiers=command.tiers, variant_id=stock.variant_id)
    return None


def _why_not(edition: Edition, stock: Stock, tiers: tuple[PriceTier, ...], rules: Rules) -> str:
    """A buyer who chooses the price, of a gift too, needs none that ends."""
    is_fixed = stock.price_min_minor == stock.price_max_minor
    if not is_fixed or edition.campaign is not None or edition.terms.is_gift or len(tiers) > rules.price_tiers_max:
        return "bad_tiers"
    if not are_times((tier.until_ms for tier in tiers if tier.until_ms is not None), rules):
        return "bad_tiers"
    charges, most = edition.terms.charges_in(rules), min(stock.limit_per_buyer, rules.quantity_max)
    for tier in tiers:
        if tier.units is None and tier.until_ms is None:
            return "bad_tiers"
        if tier.price_minor < 1 or (tier.units is not None and not 1 <= tier.units <= rules.issued_max):
            return "bad_tiers"
        for amount_minor in (tier.price_minor, tier.price_minor * max(most, 1)):
            if wrong := why_not_charge(amount_minor, charges):
                return wrong
    return ""
