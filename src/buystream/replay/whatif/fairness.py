"""How evenly an edition was given out, in three figures over the buyers who asked for it."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

DIGITS = 6
"""Of a figure: enough for any use, and alike on every machine."""


class Fairness(msgspec.Struct, frozen=True, kw_only=True):
    """None where a figure has no meaning: nobody asked, or all got the same."""

    served_share: float | None
    """Of the buyers who asked, how many have at least one unit."""
    earliness_correlation: float | None
    """Spearman's rank correlation of being early and the units that a buyer has: 1 where only arrival counts, near 0 in
    a draw. Buyers who have the same number share their middle rank."""
    gini: float | None
    """Gini coefficient of the units per buyer who asked: 0 where all have as many, towards 1 where few have all."""


def fairness(asked: Iterable[str], units_of: Mapping[str, int]) -> Fairness:
    """`asked`: each buyer once, in the order of their first order; `units_of`: what they have, others may be in it."""
    units = [units_of.get(buyer_id, 0) for buyer_id in asked]
    if not units:
        return Fairness(served_share=None, earliness_correlation=None, gini=None)
    return Fairness(
        served_share=round(sum(map(bool, units)) / len(units), DIGITS),
        earliness_correlation=_earliness(units),
        gini=_gini(units),
    )


def _earliness(units: list[int]) -> float | None:
    """Whole numbers up to the last division, so that the result doesn't depend on the order of the sums."""
    count, counts = len(units), Counter(units)
    if len(counts) < 2:
        return None
    doubled_rank, before = {}, 0
    for value in sorted(counts):
        doubled_rank[value] = 2 * before + counts[value] + 1
        before += counts[value]
    products = sum((count - place) * doubled_rank[value] for place, value in enumerate(units))
    covariance = 2 * products - count * (count + 1) ** 2
    early = count * (count * count - 1)
    many = 3 * (sum(doubled_rank[value] ** 2 * times for value, times in counts.items()) - count * (count + 1) ** 2)
    return round(3 * covariance / math.sqrt(early * many), DIGITS)


def _gini(units: list[int]) -> float | None:
    count, total = len(units), sum(units)
    if not total:
        return None
    weighted, before = 0, 0
    for value, times in sorted(Counter(units).items()):
        weighted += value * (times * before + times * (times + 1) // 2)
        before += times
    return round((2 * weighted - (count + 1) * total) / (count * total), DIGITS)
