"""How a merchant's request becomes the release of an edition: defaults by kind, and mistakes explained."""

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import convert

from buystream.gateway.routes.bodies.edition_pages import NewNote, NewPicture
from buystream.gateway.routes.bodies.editions import NewEdition, NewEvent, NewRefundRule, NewVariant
from buystream.gateway.server.problems import HttpProblem, limits_of
from buystream.projections.people import MerchantView
from buystream.time_zones import UnknownTimeZone, zone
from buystream.vocabulary.commands import ReleaseEdition
from buystream.vocabulary.edition_pages import Page, PageNote, Picture, are_pictures
from buystream.vocabulary.kinds import KINDS
from buystream.vocabulary.money import CURRENCIES, chargeable_words, currency_of, format_money, why_not_charge
from buystream.vocabulary.reasons import REASONS
from buystream.vocabulary.shipping import Shipping
from buystream.vocabulary.values import (
    CampaignTerms,
    DownloadTerms,
    LicenceTerms,
    Offer,
    RefundRule,
    SaleWindow,
    Tax,
    TicketedEvent,
    Variant,
)

EVENT_LASTS_MS: Final = 6 * 3_600_000
"""An event whose end nobody names."""


def release_command(data: NewEdition, merchant: MerchantView, edition_id: str) -> ReleaseEdition:
    """What the merchant asks for; raises HttpProblem (422) with what is wrong with it, in words."""
    offer = offer_of(data, merchant)
    return ReleaseEdition(edition_id=edition_id, merchant_id=merchant.merchant_id, offer=offer, awaits_terms=True)


def offer_of(data: NewEdition, merchant: MerchantView) -> Offer:
    """By the terms in it; raises HttpProblem (422)."""
    variants = tuple(_variants(data))
    low, high = min(one.price_min_minor for one in variants), max(one.price_max_minor for one in variants)
    if any(not low <= amount <= high for amount in data.suggested_minor):
        raise HttpProblem("invalid", "suggested_minor must lie within the price's bounds.")
    if data.opens_at_ms is not None and data.closes_at_ms is not None and data.opens_at_ms >= data.closes_at_ms:
        raise HttpProblem("invalid", "closes_at_ms must be after opens_at_ms.")
    _check_terms(data)
    usual = KINDS[data.kind]
    currency = data.currency or merchant.currency
    if currency not in CURRENCIES:
        raise HttpProblem("invalid", f"currency must be one of {', '.join(sorted(CURRENCIES))}.")
    for amount_minor in data.suggested_minor:
        _check_amount(amount_minor, currency, format_money(amount_minor, currency))
    for variant in variants:
        _check_variant(variant, currency)
    return Offer(
        title=data.title,
        currency=currency,
        variants=variants,
        hold_seconds=data.hold_seconds,
        description=data.description,
        kind=data.kind,
        image=data.image or data.kind,
        suggested_minor=data.suggested_minor,
        window=SaleWindow(opens_at_ms=data.opens_at_ms, closes_at_ms=data.closes_at_ms),
        needs_address=_needs_address(data),
        tax=Tax(bps=data.tax_bps, label=data.tax_label),
        refund=convert(data.refund, RefundRule, from_attributes=True),
        campaign=_campaign(data),
        receipts=usual.receipts if data.receipts is None else data.receipts,
        vouched_only=data.vouched_only,
        event=None if data.event is None else _event(data.event, merchant),
        downloads=convert(data.downloads, DownloadTerms, from_attributes=True),
        licences=convert(data.licences, LicenceTerms | None, from_attributes=True),
        shipping=None if data.shipping is None else _shipping(data, currency),
        page=Page(story=data.story, pictures=pictures_of(data.pictures), notes=notes_of(data.notes)),
    )


def pictures_of(pictures: Iterable[NewPicture]) -> tuple[Picture, ...]:
    """As messages have them; raises HttpProblem (422)."""
    found = convert(tuple(pictures), tuple[Picture, ...], from_attributes=True)
    if not are_pictures(found):
        raise HttpProblem("invalid", "Each picture can be there once. Upload another one.", reason="bad_page")
    return found


def notes_of(notes: Iterable[NewNote]) -> tuple[PageNote, ...]:
    """As messages have them."""
    return convert(tuple(notes), tuple[PageNote, ...], from_attributes=True)


def _campaign(data: NewEdition) -> CampaignTerms | None:
    if data.target_minor is None:
        return None
    return CampaignTerms(target_minor=data.target_minor, all_or_nothing=data.all_or_nothing, if_missed=data.if_missed)


def _event(data: NewEvent, merchant: MerchantView) -> TicketedEvent:
    """Raises HttpProblem (422)."""
    event = TicketedEvent(
        starts_at_ms=data.starts_at_ms,
        doors_at_ms=data.starts_at_ms if data.doors_at_ms is None else data.doors_at_ms,
        ends_at_ms=data.starts_at_ms + EVENT_LASTS_MS if data.ends_at_ms is None else data.ends_at_ms,
        venue=data.venue,
        address=data.address,
        time_zone=known_zone(data.time_zone or merchant.time_zone),
        asks_names=data.asks_names,
    )
    if not event.is_possible:
        raise HttpProblem("invalid", "The doors open before an event starts, and it ends later.", reason="bad_event")
    return event


def known_zone(name: str) -> str:
    """The name of a time zone that there is; raises HttpProblem (422)."""
    try:
        zone(name)
    except UnknownTimeZone as error:
        raise HttpProblem("invalid", str(error), reason="bad_time_zone") from None
    return name


def _needs_address(data: NewEdition) -> bool:
    """What is delivered for a price goes to an address."""
    usual = KINDS[data.kind].needs_address or data.shipping is not None
    return usual if data.needs_address is None else data.needs_address


def _shipping(data: NewEdition, currency: str) -> Shipping:
    """Raises HttpProblem (422)."""
    shipping = convert(data.shipping, Shipping, from_attributes=True)
    if data.kind == "gift" or data.target_minor is not None or not _needs_address(data):
        detail = "Delivery has a price where something is sent: not for a gift, a campaign, or without needs_address."
        raise HttpProblem("invalid", detail, reason="bad_shipping")
    if not shipping.is_possible(currency_of(currency)):
        raise HttpProblem("invalid", REASONS["bad_shipping"].advice, reason="bad_shipping")
    return shipping


def _variants(data: NewEdition) -> Iterator[Variant]:
    """The only one of a plain edition, or those that it is offered in; raises HttpProblem (422)."""
    if not data.variants:
        yield _variant(data, "", "", data.limit_per_buyer)
        return
    if any(one is not None for one in (data.price_minor, data.price_min_minor, data.price_max_minor, data.stock)):
        raise HttpProblem("invalid", "Send prices and stocks with the variants only.", reason="bad_variants")
    if len({one.variant_id for one in data.variants}) != len(data.variants):
        raise HttpProblem("invalid", "Each variant needs a variant_id of its own.", reason="bad_variants")
    for one in data.variants:
        yield _variant(one, one.variant_id, one.title, one.limit_per_buyer or data.limit_per_buyer)


def _variant(data: NewEdition | NewVariant, variant_id: str, title: str, limit_per_buyer: int) -> Variant:
    low = data.price_minor if data.price_minor is not None else data.price_min_minor
    high = data.price_minor if data.price_minor is not None else data.price_max_minor
    if low is None or high is None or low > high:
        raise HttpProblem("invalid", "Send price_minor, or price_min_minor and a price_max_minor not below it.")
    if data.price_minor is not None and (data.price_min_minor, data.price_max_minor) != (None, None):
        raise HttpProblem("invalid", "Send either price_minor or both bounds, not all of them.")
    return Variant(
        variant_id=variant_id,
        title=title,
        price_min_minor=low,
        price_max_minor=high,
        stock=data.stock,
        limit_per_buyer=limit_per_buyer,
        weight_grams=data.weight_grams,
    )


def _check_variant(variant: Variant, currency: str) -> None:
    for amount_minor in (variant.price_min_minor, variant.price_max_minor):
        _check_amount(amount_minor, currency, format_money(amount_minor, currency))
    dearest_minor = variant.price_max_minor * variant.limit_per_buyer
    what = f"{variant.limit_per_buyer} for {format_money(dearest_minor, currency)}, which one buyer could order,"
    _check_amount(dearest_minor, currency, what)


def _check_amount(amount_minor: int, currency: str, what: str) -> None:
    """The owner would refuse a price that can't be charged, and couldn't say what can; raises HttpProblem (422)."""
    if reason := why_not_charge(amount_minor, currency_of(currency)):
        detail = f"{what} can't be charged. {chargeable_words(reason, currency)}"
        raise HttpProblem("invalid", detail, reason=reason, **limits_of(currency))


def _check_terms(data: NewEdition) -> None:
    """What the owner would refuse too, said in words; raises HttpProblem (422)."""
    if data.tax_bps and not data.tax_label.strip():
        raise HttpProblem("invalid", "Name the tax, VAT for example: tax_label goes with tax_bps.", reason="bad_tax")
    if data.refund.by == "merchant" and data.refund != NewRefundRule(restock=data.refund.restock):
        detail = "refund.until_ms and share_bps are about returns by the buyer: send refund.by buyer with them."
        raise HttpProblem("invalid", detail, reason="bad_refund_rule")
    if data.all_or_nothing and (data.target_minor is None or data.closes_at_ms is None):
        detail = "All or nothing is decided at a date, by a target: send target_minor and closes_at_ms."
        raise HttpProblem("invalid", detail, reason="bad_target")
    if data.target_minor is not None and data.target_minor < 1:
        raise HttpProblem("invalid", "target_minor must be at least 1.", reason="bad_target")
    if data.event is not None and data.target_minor is not None:
        raise HttpProblem("invalid", "A campaign sells no tickets: send event or target_minor.", reason="bad_event")
    if data.if_missed == "choose" and not data.all_or_nothing:
        detail = "if_missed is about campaigns that are all or nothing."
        raise HttpProblem("invalid", detail, reason="bad_target")
