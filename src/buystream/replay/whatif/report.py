"""What a what-if reports: for each edition what happened, and beside it what each hypothesis comes to."""

from collections import Counter
from collections.abc import Iterable

import msgspec

from buystream.replay.whatif.assumption import SAID
from buystream.replay.whatif.fairness import Fairness, fairness
from buystream.replay.whatif.tally import SaleTally


class SaleOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one edition. Times in milliseconds, money in minor units of the edition's currency."""

    buyers_asked: int
    orders_placed: int
    """That held stock, each once."""
    orders_refused: dict[str, int]
    """By reason."""
    orders_expired: int
    orders_confirmed: int
    buyers_served: int
    """Who have at least one unit in the end."""
    units_sold: int
    """And not returned."""
    revenue_minor: int
    """Taken, less what went back."""
    opened_at_ms: int | None
    sold_out_at_ms: int | None
    """When nothing of any variant was left for the first time."""
    sold_out_after_ms: int | None
    """From the opening."""
    more_units_possible: int
    """Units that clicks which name no buyer could have taken of what is left."""
    fairness: Fairness


class WorkedOut(msgspec.Struct, frozen=True, kw_only=True):
    """A hypothesis about one edition: as observed buyers would have paid, and at both ends of what can't be known.
    `refused` says why there is no outcome."""

    hypothesis: str
    refused: str = ""
    outcome: SaleOutcome | None = None
    low: SaleOutcome | None = None
    high: SaleOutcome | None = None
    orders_assumed: int = 0
    """Orders that got stock here and not in reality, whose payment is assumed."""
    break_even_share: float | None = None
    """Where the price is another one: how much of the revenue may be lost before it is less than the real one."""
    served: tuple[str, ...] = ()
    """Keyed ids of the buyers who have at least one unit, if they were requested."""


class EditionReport(msgspec.Struct, frozen=True, kw_only=True):
    """One edition. `pay_rate` is the share of paid orders among those that held stock, `pay_delay_ms` how soon half of
    them were paid."""

    edition_id: str
    currency: str
    pay_rate: float | None
    pay_delay_ms: int | None
    real: SaleOutcome
    served: tuple[str, ...] = ()
    hypotheses: tuple[WorkedOut, ...] = ()


class TotalOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """A hypothesis about all editions that have an outcome of it. A buyer of two editions counts twice; money is by
    currency, in minor units."""

    hypothesis: str
    editions: int
    buyers_asked: int
    buyers_served_real: int
    buyers_served: int
    units_sold_real: int
    units_sold: int
    revenue_real_minor: dict[str, int]
    revenue_minor: dict[str, int]
    revenue_low_minor: dict[str, int]
    revenue_high_minor: dict[str, int]


class WhatIfReport(msgspec.Struct, frozen=True, kw_only=True):
    """All editions. The same log, hypotheses and seed give the same report, byte by byte."""

    seed: str
    editions: tuple[EditionReport, ...]
    totals: tuple[TotalOutcome, ...]
    """By hypothesis."""
    assumptions: tuple[str, ...] = SAID


def outcome_of(tally: SaleTally, asked: Iterable[str]) -> SaleOutcome:
    """From the tally of an edition and everyone who asked, in the order of their first orders."""
    buyers = list(asked)
    opened_ms, sold_out_ms = tally.opened_at_ms, tally.sold_out_at_ms
    left = [units for units in tally.left.values() if units is not None]
    return SaleOutcome(
        buyers_asked=len(buyers),
        orders_placed=tally.placed,
        orders_refused=dict(sorted(tally.refused.items())),
        orders_expired=tally.expired,
        orders_confirmed=tally.confirmed,
        buyers_served=len(tally.units_of),
        units_sold=tally.units,
        revenue_minor=tally.captured_minor - tally.returned_minor,
        opened_at_ms=opened_ms,
        sold_out_at_ms=sold_out_ms,
        sold_out_after_ms=None if sold_out_ms is None or opened_ms is None else sold_out_ms - opened_ms,
        more_units_possible=min(tally.units_behind_latch, sum(left)),
        fairness=fairness(buyers, tally.units_of),
    )


def total_of(hypothesis: str, number: int, editions: Iterable[EditionReport]) -> TotalOutcome:
    """Of the hypothesis with that number, over these editions."""
    revenue: dict[str, Counter[str]] = {end: Counter() for end in ("real", "middle", "low", "high")}
    counts: Counter[str] = Counter()
    for edition in editions:
        one = edition.hypotheses[number]
        if one.outcome is None or one.low is None or one.high is None:
            continue
        ends = {"real": edition.real, "middle": one.outcome, "low": one.low, "high": one.high}
        for end, outcome in ends.items():
            revenue[end][edition.currency] += outcome.revenue_minor
        counts["editions"] += 1
        counts["asked"] += edition.real.buyers_asked
        counts["served_real"] += edition.real.buyers_served
        counts["served"] += one.outcome.buyers_served
        counts["units_real"] += edition.real.units_sold
        counts["units"] += one.outcome.units_sold
    return TotalOutcome(
        hypothesis=hypothesis,
        editions=counts["editions"],
        buyers_asked=counts["asked"],
        buyers_served_real=counts["served_real"],
        buyers_served=counts["served"],
        units_sold_real=counts["units_real"],
        units_sold=counts["units"],
        revenue_real_minor=dict(revenue["real"]),
        revenue_minor=dict(revenue["middle"]),
        revenue_low_minor=dict(revenue["low"]),
        revenue_high_minor=dict(revenue["high"]),
    )
