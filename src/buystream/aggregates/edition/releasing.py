"""How an edition is released: which terms make sense, and what follows from them."""

from buystream.aggregates.moment import Moment
from buystream.aggregates.rules import Rules
from buystream.vocabulary import commands, events
from buystream.vocabulary.money import why_not_charge


def released(terms: commands.ReleaseEdition, moment: Moment) -> events.EditionReleased:
    """The event of a release by these terms."""
    fields = {field: getattr(terms, field) for field in terms.__struct_fields__ if field != "edition_id"}
    return events.EditionReleased(
        originator_id=terms.edition_id,
        originator_version=1,
        at_ms=moment.at_ms,
        saves_methods=_saves_methods(terms, moment),
        **fields,
    )


def _saves_methods(terms: commands.ReleaseEdition, moment: Moment) -> bool:
    """Whether the campaign lasts longer than reserved money does: then pledges save the payment method."""
    if not terms.all_or_nothing or terms.closes_at_ms is None:
        return False
    begins_ms = moment.at_ms if terms.opens_at_ms is None else max(moment.at_ms, terms.opens_at_ms)
    return terms.closes_at_ms - begins_ms > moment.rules.authorisation_seconds * 1000


def why_not(terms: commands.ReleaseEdition, moment: Moment) -> str:
    """The reason to refuse these terms, or nothing."""
    if wrong := _wrong_price(terms, moment.rules):
        return wrong
    if terms.stock is not None and not 1 <= terms.stock <= moment.rules.issued_max:
        return "bad_stock"
    if not 1 <= terms.limit_per_buyer <= moment.rules.units_per_buyer_max:
        return "bad_limit"
    if not 1 <= terms.hold_seconds <= moment.rules.hold_seconds_max:
        return "bad_hold"
    if wrong := _wrong_times(terms, moment):
        return wrong
    if not 0 <= terms.tax_bps <= 10_000:
        return "bad_tax"
    if terms.refund_by not in ("merchant", "buyer") or not 0 <= terms.refund_share_bps <= 10_000:
        return "bad_refund_rule"
    if terms.target_minor is not None and not 1 <= terms.target_minor <= moment.rules.amount_minor_max:
        return "bad_target"
    if terms.all_or_nothing and (terms.target_minor is None or terms.closes_at_ms is None):
        return "bad_target"  # all or nothing is decided at a date, by a target
    if terms.if_missed not in ("void", "choose"):
        return "bad_target"
    return ""


def _wrong_price(terms: commands.ReleaseEdition, rules: Rules) -> str:
    """Whatever can be ordered at this price can be charged; a price that the buyer chooses is checked once more."""
    currency = rules.currencies.get(terms.currency)
    if currency is None:
        return "unknown_currency"
    dearest_minor = terms.price_max_minor * max(1, min(terms.limit_per_buyer, rules.quantity_max))
    if not 0 <= terms.price_min_minor <= terms.price_max_minor or dearest_minor > currency.most_minor:
        return "bad_price"
    amounts = (terms.price_min_minor, terms.price_max_minor, *terms.suggested_minor)
    return next(filter(None, (why_not_charge(amount, currency) for amount in amounts)), "")


def _wrong_times(terms: commands.ReleaseEdition, moment: Moment) -> str:
    """An edition may have opened already; what has ended already is a mistake, and so is a time in seconds."""
    opens_ms, closes_ms = terms.opens_at_ms, terms.closes_at_ms
    given = [time_ms for time_ms in (opens_ms, closes_ms, terms.refund_until_ms) if time_ms is not None]
    if any(not moment.rules.earliest_time_ms <= time_ms <= moment.rules.latest_time_ms for time_ms in given):
        return "not_milliseconds"
    if opens_ms is not None and closes_ms is not None and closes_ms <= opens_ms:
        return "bad_window"
    if closes_ms is not None and closes_ms < moment.at_ms:
        return "closes_in_the_past"
    if terms.refund_until_ms is not None and terms.refund_by == "buyer" and terms.refund_until_ms < moment.at_ms:
        return "returns_end_in_the_past"
    return ""
