"""The programme of a season: ten months with a cup final, a tour, club nights, a charity day and a shop. Stocks and
crowds grow with the number of commands; dates and prices don't."""

from typing import Final

import msgspec

from buystream.errors import BuystreamError
from buystream.season.acts import DAY_MS, HOUR_MS, Act, Audience, Company, Group, SeasonPlan, Turn
from buystream.season.sketches import COMPANIES, SKETCHES, Sketch
from buystream.vocabulary.kinds import KINDS
from buystream.vocabulary.values import CampaignTerms, Offer, RefundRule, SaleWindow, Variant

GROUPS: Final[tuple[Group, ...]] = ("concerts", "cup-final", "charity-day", "shop")


def programme(plan: SeasonPlan) -> list[Act]:
    """The acts of a season of that size, by the time of their release."""
    chosen = [sketch for sketch in SKETCHES if sketch.group in plan.groups]
    if not chosen:
        raise BuystreamError("a season needs at least one group of acts")
    whole = sum(sketch.share for sketch in chosen)
    acts = [_act(sketch, plan, sketch.share / whole) for sketch in chosen]
    return sorted(acts, key=lambda act: (act.released_at_ms, act.slug))


def companies(acts: list[Act]) -> list[Company]:
    """The merchants of these acts."""
    needed = {act.company for act in acts}
    return [company for company in COMPANIES if company.slug in needed]


def _act(sketch: Sketch, plan: SeasonPlan, share: float) -> Act:
    company = next(company for company in COMPANIES if company.slug == sketch.company)
    visits = max(round(share * plan.commands / sketch.costs), 4)
    units = visits * sum(quantity * weight for quantity, weight in sketch.quantities)
    stock = None if sketch.wanted is None else max(round(units / sketch.wanted), 2 * len(sketch.seats))

    def at_ms(day: float) -> int:
        return plan.starts_ms + round(day * DAY_MS)

    opens_at_ms, closes_at_ms = at_ms(sketch.opens_day), at_ms(sketch.closes_day)
    return Act(
        slug=sketch.slug,
        group=sketch.group,
        company=sketch.company,
        offer=_offer(sketch, company, visits, stock, opens_at_ms=opens_at_ms, closes_at_ms=closes_at_ms),
        released_at_ms=at_ms(sketch.released_day),
        crowd=Audience(
            curve=sketch.curve,
            visits=visits,
            opens_at_ms=opens_at_ms,
            closes_at_ms=closes_at_ms,
            quantities=sketch.quantities,
            variants=tuple((seat.variant_id, seat.of_crowd) for seat in sketch.seats),
            apps=sketch.apps,
            bots=sketch.bots,
            monthly=sketch.monthly,
        ),
        share=share,
        awaits_terms=company.is_charity,
        doors_at_ms=closes_at_ms + HOUR_MS if sketch.doors else None,
        ships=KINDS[sketch.kind].needs_address,
        returns=sketch.returns,
        turns=tuple(_turn(sketch, at_ms(day), what, part, stock) for day, what, part in sketch.turns),
    )


def _turn(sketch: Sketch, at_ms: int, what: str, part: float, stock: int | None) -> Turn:
    """More stock goes to the variant that is listed first."""
    variant_id = sketch.seats[0].variant_id if what == "add stock" else ""
    return msgspec.convert(
        {"at_ms": at_ms, "what": what, "variant_id": variant_id, "quantity": max(round(part * (stock or 0)), 1)}, Turn
    )


def _offer(
    sketch: Sketch, company: Company, visits: int, stock: int | None, *, opens_at_ms: int, closes_at_ms: int
) -> Offer:
    kind = KINDS[sketch.kind]
    is_gift = sketch.kind == "gift"
    variants = tuple(
        Variant(
            variant_id=seat.variant_id,
            title=seat.title,
            price_min_minor=100 if is_gift else seat.price_minor,
            price_max_minor=500_000 if is_gift else seat.price_minor,
            stock=None if stock is None else max(round(stock * seat.of_stock), 1),
            limit_per_buyer=sketch.limit,
        )
        for seat in sketch.seats
    )
    campaign = None
    if sketch.target is not None:
        target_minor = max(round(visits * (1_500 if sketch.target else 6_000)), 100)
        campaign = CampaignTerms(target_minor=target_minor, all_or_nothing=True)
    until_ms = closes_at_ms - 7 * DAY_MS if sketch.doors else None
    return Offer(
        title=sketch.title,
        currency=company.currency,
        variants=variants,
        hold_seconds=sketch.hold_seconds,
        kind=sketch.kind,
        image=sketch.kind,
        suggested_minor=(1000, 2500, 5000) if is_gift else (),
        window=SaleWindow(opens_at_ms=opens_at_ms, closes_at_ms=closes_at_ms),
        needs_address=kind.needs_address,
        tax=sketch.tax,
        refund=RefundRule(by="merchant" if is_gift else "buyer", until_ms=until_ms, share_bps=9_000),
        campaign=campaign,
        receipts=kind.receipts,
    )
