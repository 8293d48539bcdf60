"""How an edition is released: which offers make sense, and what follows from them."""

from collections.abc import Iterable

from buystream.aggregates.moment import Moment
from buystream.aggregates.rules import Rules
from buystream.vocabulary import commands, events
from buystream.vocabulary.money import why_not_charge
from buystream.vocabulary.values import CampaignTerms, DownloadTerms, Offer, SaleWindow, Variant


def released(command: commands.ReleaseEdition, moment: Moment) -> events.EditionReleased:
    """The event of a release by this offer."""
    return events.EditionReleased(
        originator_id=command.edition_id,
        originator_version=1,
        at_ms=moment.at_ms,
        merchant_id=command.merchant_id,
        offer=command.offer,
        awaits_terms=command.awaits_terms,
        saves_methods=_saves_methods(command.offer, moment),
    )


def are_times(times_ms: Iterable[int], rules: Rules) -> bool:
    """Whether all of them can be times in milliseconds."""
    return all(rules.earliest_time_ms <= time_ms <= rules.latest_time_ms for time_ms in times_ms)


def _saves_methods(offer: Offer, moment: Moment) -> bool:
    """Whether the campaign lasts longer than reserved money does: then pledges save the payment method."""
    opens_ms, closes_ms = offer.window.opens_at_ms, offer.window.closes_at_ms
    if offer.campaign is None or not offer.campaign.all_or_nothing or closes_ms is None:
        return False
    begins_ms = moment.at_ms if opens_ms is None else max(moment.at_ms, opens_ms)
    return closes_ms - begins_ms > moment.rules.authorisation_seconds * 1000


def why_not(offer: Offer, moment: Moment) -> str:
    """The reason to refuse this offer, or nothing."""
    if len({variant.variant_id for variant in offer.variants}) != len(offer.variants):
        return "bad_variants"
    for variant in offer.variants:
        if wrong := _wrong_variant(variant, offer, moment.rules):
            return wrong
    if not 1 <= offer.hold_seconds <= moment.rules.hold_seconds_max:
        return "bad_hold"
    if wrong := _wrong_times(offer, moment):
        return wrong
    if not offer.tax.is_possible:
        return "bad_tax"
    if not offer.refund.is_possible:
        return "bad_refund_rule"
    if offer.event is not None and not (offer.event.is_possible and offer.campaign is None):
        return "bad_event"
    if not _are_possible(offer.downloads, moment.rules):
        return "bad_downloads"
    if offer.licences is not None and not 1 <= offer.licences.activations_max <= moment.rules.activations_max:
        return "bad_licences"
    if wrong := _wrong_shipping(offer, moment.rules):
        return wrong
    if not offer.page.is_possible:
        return "bad_page"
    return _wrong_campaign(offer.campaign, offer.window.closes_at_ms, moment.rules) if offer.campaign else ""


def _are_possible(downloads: DownloadTerms, rules: Rules) -> bool:
    return (
        1 <= downloads.downloads_max <= rules.downloads_max
        and rules.link_seconds_min <= downloads.link_seconds <= rules.link_seconds_max
    )


def _wrong_shipping(offer: Offer, rules: Rules) -> str:
    """Gifts are charged again without their buyers, who couldn't agree to a price of delivery."""
    if any(not 0 <= variant.weight_grams <= rules.weight_grams_max for variant in offer.variants):
        return "bad_weight"
    if offer.shipping is None:
        return ""
    is_sold = offer.campaign is None and offer.kind != "gift" and offer.needs_address
    return "" if is_sold and offer.shipping.is_possible(rules.currencies[offer.currency]) else "bad_shipping"


def _wrong_campaign(campaign: CampaignTerms, closes_ms: int | None, rules: Rules) -> str:
    """All or nothing is decided at a date, by a target."""
    possible = 1 <= campaign.target_minor <= rules.amount_minor_max and campaign.if_missed in ("void", "choose")
    return "" if possible and not (campaign.all_or_nothing and closes_ms is None) else "bad_target"


def _wrong_variant(variant: Variant, offer: Offer, rules: Rules) -> str:
    if wrong := _wrong_price(variant, offer, rules):
        return wrong
    if variant.stock is not None and not 1 <= variant.stock <= rules.issued_max:
        return "bad_stock"
    return "" if 1 <= variant.limit_per_buyer <= rules.units_per_buyer_max else "bad_limit"


def _wrong_price(variant: Variant, offer: Offer, rules: Rules) -> str:
    """Whatever can be ordered at this price can be charged; a price that the buyer chooses is checked once more."""
    currency = rules.currencies.get(offer.currency)
    if currency is None:
        return "unknown_currency"
    dearest_minor = variant.price_max_minor * max(1, min(variant.limit_per_buyer, rules.quantity_max))
    if not 0 <= variant.price_min_minor <= variant.price_max_minor or dearest_minor > currency.most_minor:
        return "bad_price"
    amounts = (variant.price_min_minor, variant.price_max_minor, *offer.suggested_minor)
    return next(filter(None, (why_not_charge(amount, currency) for amount in amounts)), "")


def _wrong_times(offer: Offer, moment: Moment) -> str:
    """What has ended already is a mistake, and so is a time in seconds."""
    returns_end_ms = offer.refund.until_ms
    given = [] if returns_end_ms is None else [returns_end_ms]
    if offer.event is not None:
        given += offer.event.times_ms
    if not are_times(given, moment.rules):
        return "not_milliseconds"
    if wrong := wrong_window(offer.window, moment):
        return wrong
    if returns_end_ms is not None and offer.refund.by == "buyer" and returns_end_ms < moment.at_ms:
        return "returns_end_in_the_past"
    return ""


def wrong_window(window: SaleWindow, moment: Moment) -> str:
    """Why a sale can't open and close then, or nothing. It may have opened already."""
    opens_ms, closes_ms = window.opens_at_ms, window.closes_at_ms
    if not are_times((time_ms for time_ms in (opens_ms, closes_ms) if time_ms is not None), moment.rules):
        return "not_milliseconds"
    if opens_ms is not None and closes_ms is not None and closes_ms <= opens_ms:
        return "bad_window"
    return "closes_in_the_past" if closes_ms is not None and closes_ms < moment.at_ms else ""
