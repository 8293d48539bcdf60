"""A hypothesis: which rules of an edition are other ones, as the command line has it (`limit=2,price=3000`), and what
the edition's offer would have been."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

import msgspec

from buystream.errors import BuystreamError
from buystream.vocabulary.money import CURRENCIES, whole_steps
from buystream.vocabulary.values import Offer, Variant

PERCENT: Final = "%"
FLAGGED: Final = "flagged"
DRAW_SECONDS_MAX: Final = 366 * 24 * 3600

OPENS_YEAR_MAX: Final = 2999
"""What follows an order that waits for the opening has a time, too."""


class Unsupported(BuystreamError):
    """The hypothesis says nothing about this edition; the message says why."""


class BadHypothesis(BuystreamError):
    """The text names no rule that can be changed."""


class Figure(msgspec.Struct, frozen=True):
    """A number, or a share of the real one in percent; for one variant or, with an empty id, for each."""

    number: int
    is_percent: bool = False
    variant_id: str = ""

    def of(self, real: int) -> int:
        """In place of the real number; a share is rounded down."""
        return real * self.number // 100 if self.is_percent else self.number


class Hypothesis(msgspec.Struct, frozen=True, kw_only=True):
    """What is changed; everything that is None stays as it was."""

    text: str
    """As it was written: its name in the result."""
    limits: tuple[Figure, ...] = ()
    prices: tuple[Figure, ...] = ()
    stocks: tuple[Figure, ...] = ()
    hold_seconds: int | None = None
    opens_at_ms: int | None = None
    draw_seconds: int | None = None
    """Orders of so many seconds from the opening are drawn, whatever the order of their arrival."""
    blocks_flagged: bool = False
    """Buyers who were ever paused as too fast get nothing."""


def parse_hypothesis(text: str) -> Hypothesis:
    """The rules that the text names, separated by commas. Raises BadHypothesis."""
    changes: dict[str, object] = {}
    figures: dict[str, list[Figure]] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, has_value, value = (word.strip() for word in part.partition("="))
        rule, _, variant_id = name.partition(":")
        if not has_value or (rule not in _FIGURES and (rule not in _PLAIN or variant_id)):
            raise BadHypothesis(f"{part!r} is no rule that can be changed: {KNOWN}")
        if rule in _FIGURES:
            field, least = _FIGURES[rule]
            figures.setdefault(field, []).append(_figure(part, value, variant_id, least))
        else:
            field, read = _PLAIN[rule]
            if field in changes:
                raise BadHypothesis(f"{rule!r} is named more than once in {text!r}")
            changes[field] = read(part, value)
    for field, found in figures.items():
        named = [one.variant_id for one in found]
        if len(set(named)) < len(named) or ("" in named and len(named) > 1):
            raise BadHypothesis(f"one rule is named more than once in {text!r}")
        changes[field] = tuple(found)
    if not changes:
        raise BadHypothesis(f"no rule is changed: {KNOWN}")
    return Hypothesis(text=text, **changes)  # type: ignore[arg-type]


def changed_offer(hypothesis: Hypothesis, offer: Offer) -> Offer:
    """The offer under the hypothesis. Raises Unsupported."""
    known = {variant.variant_id for variant in offer.variants}
    for figure in (*hypothesis.limits, *hypothesis.prices, *hypothesis.stocks):
        if figure.variant_id and figure.variant_id not in known:
            raise Unsupported(f"it has no variant {figure.variant_id!r}")
    if len(offer.variants) > 1 and any(not one.variant_id and not one.is_percent for one in hypothesis.stocks):
        raise Unsupported("it has several variants: give the stock of each (stock:VARIANT=N), or a share (stock=50%)")
    window = offer.window
    if hypothesis.opens_at_ms is not None:
        window = msgspec.structs.replace(window, opens_at_ms=hypothesis.opens_at_ms)
    hold_seconds = offer.hold_seconds if hypothesis.hold_seconds is None else hypothesis.hold_seconds
    variants = tuple(_changed_variant(hypothesis, variant, offer) for variant in offer.variants)
    suggested_minor = () if hypothesis.prices else offer.suggested_minor
    return msgspec.structs.replace(
        offer, variants=variants, window=window, hold_seconds=hold_seconds, suggested_minor=suggested_minor
    )


def _changed_variant(hypothesis: Hypothesis, variant: Variant, offer: Offer) -> Variant:
    changes: dict[str, int] = {}
    if (limit := _figure_for(hypothesis.limits, variant)) is not None:
        changes["limit_per_buyer"] = limit.of(variant.limit_per_buyer)
    if (stock := _figure_for(hypothesis.stocks, variant)) is not None:
        if variant.stock is None and stock.is_percent:
            raise Unsupported("its stock is unlimited, and has no share")
        changes["stock"] = stock.of(variant.stock or 0)
    if (price := _figure_for(hypothesis.prices, variant)) is not None:
        if variant.price_min_minor != variant.price_max_minor:
            raise Unsupported("its buyers choose the price")
        if not variant.price_min_minor:
            raise Unsupported("it is free, so nobody said whether they would pay")
        price_minor = price.of(variant.price_min_minor)
        if price.is_percent and offer.currency in CURRENCIES:
            price_minor = whole_steps(price_minor, CURRENCIES[offer.currency])
        changes |= {"price_min_minor": price_minor, "price_max_minor": price_minor}
    return msgspec.structs.replace(variant, **changes)


def _figure_for(figures: tuple[Figure, ...], variant: Variant) -> Figure | None:
    return next((one for one in figures if one.variant_id in ("", variant.variant_id)), None)


def _figure(part: str, value: str, variant_id: str, least: int) -> Figure:
    is_percent = value.endswith(PERCENT)
    return Figure(_whole(part, value.removesuffix(PERCENT), least), is_percent, variant_id)


def _whole(part: str, value: str, least: int = 1) -> int:
    if not (value.isascii() and value.isdigit()) or len(value) > 15 or int(value) < least:
        raise BadHypothesis(f"{part!r}: a whole number from {least} is needed")
    return int(value)


def _seconds(part: str, value: str) -> int:
    seconds = _whole(part, value)
    if seconds > DRAW_SECONDS_MAX:
        raise BadHypothesis(f"{part!r}: at most {DRAW_SECONDS_MAX:,} seconds")
    return seconds


def _moment(part: str, value: str) -> int:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise BadHypothesis(f"{part!r}: a time with its offset is needed, such as 2026-11-27T20:00:00Z")
    if moment.year > OPENS_YEAR_MAX:
        raise BadHypothesis(f"{part!r}: a time until the year {OPENS_YEAR_MAX}")
    return round(moment.timestamp() * 1000)


def _flagged(part: str, value: str) -> bool:
    if value != FLAGGED:
        raise BadHypothesis(f"{part!r}: only {FLAGGED!r} buyers can be blocked")
    return True


_FIGURES: Final[dict[str, tuple[str, int]]] = {
    "limit": ("limits", 1),
    "price": ("prices", 0),
    "stock": ("stocks", 1),
}
"""Rules of each variant: the field, and the least number."""

_PLAIN: Final[dict[str, tuple[str, Callable[[str, str], object]]]] = {
    "hold": ("hold_seconds", _seconds),
    "opens": ("opens_at_ms", _moment),
    "draw": ("draw_seconds", _seconds),
    "block": ("blocks_flagged", _flagged),
}
"""Rules of the whole edition."""

KNOWN: Final = (
    "limit=UNITS, price=MINOR, stock=UNITS (each also in percent, or for one variant: stock:VARIANT=UNITS),"
    " hold=SECONDS, opens=TIME, draw=SECONDS, block=flagged"
)
