"""What delivery costs, as values: zones of countries with their rates, places where orders are collected, and the price
of one order by them. A price is a function of these terms and of what is sent where; nothing else changes it."""

import re
from collections.abc import Iterator
from typing import Annotated, Final

import msgspec

from buystream.vocabulary.fields import InTables, meaning
from buystream.vocabulary.money import Currency, why_not_charge
from buystream.vocabulary.value import Value

ZONES_MAX: Final = 50
METHODS_MAX: Final = 20
"""Rates of one zone, and places to collect."""

STEPS_MAX: Final = 20
"""Prices by weight of one rate."""

COUNTRIES_MAX: Final = 300
GRAMS_MAX: Final = 1_000_000

MethodId = Annotated[
    str,
    meaning("Names the method; the methods that one country can choose from have different names.", feed=True),
]
MethodTitle = Annotated[str, meaning("What buyers read.", feed=True)]
Country = Annotated[
    str, meaning("Where it is sent, in two letters of ISO 3166-1; empty when it is collected.", feed=True)
]


class WeightPrice(Value, frozen=True, kw_only=True):
    """What parcels up to a weight cost."""

    up_to_grams: Annotated[int | None, meaning("Up to this weight, inclusive; null for any weight.", feed=True)] = None
    price_minor: Annotated[int, meaning("What delivery costs.", feed=True)]


class DeliveryMethod(Value, frozen=True, kw_only=True):
    """One way in which an order gets to its buyer."""

    method_id: MethodId
    title: MethodTitle


class ShippingRate(DeliveryMethod, frozen=True, kw_only=True):
    """One way to send an order to a zone. A flat rate has one price, for any weight."""

    prices: Annotated[
        tuple[WeightPrice, ...],
        meaning("By weight, the lightest first; what is heavier than the last can't be sent so.", feed=True),
        msgspec.Meta(min_length=1, max_length=STEPS_MAX),
    ]
    free_from_minor: Annotated[
        int | None, meaning("Goods of this amount or more are sent free; null: never.", feed=True)
    ] = None

    def price_minor(self, *, grams: int, goods_minor: int) -> int | None:
        """What an order of that weight and amount costs to send; None when it is too heavy."""
        for step in self.prices:
            if step.up_to_grams is None or grams <= step.up_to_grams:
                is_free = self.free_from_minor is not None and goods_minor >= self.free_from_minor
                return 0 if is_free else step.price_minor
        return None


class ShippingZone(Value, frozen=True, kw_only=True):
    """Countries that cost the same. A zone without countries is everywhere that no other zone names."""

    title: Annotated[str, meaning("What the merchant calls the zone.", feed=True)]
    countries: Annotated[
        tuple[str, ...],
        meaning("Two letters of ISO 3166-1 each; none: all countries that no other zone names.", feed=True),
        msgspec.Meta(max_length=COUNTRIES_MAX),
    ] = ()
    rates: Annotated[
        tuple[ShippingRate, ...],
        meaning("Ways to send an order there.", feed=True),
        msgspec.Meta(min_length=1, max_length=METHODS_MAX),
    ]


class PickupPoint(DeliveryMethod, frozen=True, kw_only=True):
    """A place where buyers collect their orders; these have no address."""

    place: Annotated[str, meaning("Where it is.", feed=True, tables=InTables.LEFT_OUT)]
    hours: Annotated[str, meaning("When it is open.", feed=True, tables=InTables.LEFT_OUT)] = ""
    price_minor: Annotated[int, meaning("What collecting costs.", feed=True)] = 0


class DeliveryCharge(Value, frozen=True, kw_only=True):
    """How an order is delivered, and what that costs: it stands beside the order's lines, and its total includes it."""

    method_id: MethodId
    title: MethodTitle
    country: Country
    amount_minor: Annotated[int, meaning("What delivery costs, in minor units.", feed=True)]


class Shipping(Value, frozen=True, kw_only=True):
    """What delivery of an edition's orders costs."""

    ships_from: Annotated[str, meaning("The country that orders are sent from, in two letters.", feed=True)] = ""
    zones: Annotated[
        tuple[ShippingZone, ...], meaning("Where orders are sent.", feed=True), msgspec.Meta(max_length=ZONES_MAX)
    ] = ()
    pickups: Annotated[
        tuple[PickupPoint, ...], meaning("Where orders are collected.", feed=True), msgspec.Meta(max_length=METHODS_MAX)
    ] = ()
    refunds_delivery: Annotated[
        bool, meaning("Whether a refund of the whole order includes what delivery cost.", feed=True)
    ] = True

    def zone_of(self, country: str) -> ShippingZone | None:
        """The zone that serves the country."""
        elsewhere = None
        for zone in self.zones:
            if country in zone.countries:
                return zone
            elsewhere = elsewhere if zone.countries else zone
        return elsewhere if country else None

    def options(self, country: str, *, grams: int, goods_minor: int) -> Iterator[DeliveryCharge]:
        """Every way to deliver such an order there, the places to collect it included."""
        zone = self.zone_of(country)
        for rate in zone.rates if zone is not None else ():
            price_minor = rate.price_minor(grams=grams, goods_minor=goods_minor)
            if price_minor is not None:
                yield DeliveryCharge(
                    method_id=rate.method_id, title=rate.title, country=country, amount_minor=price_minor
                )
        for point in self.pickups:
            yield DeliveryCharge(
                method_id=point.method_id, title=point.title, country="", amount_minor=point.price_minor
            )

    def charge(self, country: str, method_id: str, *, grams: int, goods_minor: int) -> DeliveryCharge | str:
        """What that method costs, or the reason why it can't be chosen."""
        for one in self.options(country, grams=grams, goods_minor=goods_minor):
            if one.method_id == method_id:
                return one
        zone = self.zone_of(country)
        if zone is None:
            return "country_not_served" if country else "unknown_delivery_method"
        too_heavy = any(rate.method_id == method_id for rate in zone.rates)
        return "too_heavy" if too_heavy else "unknown_delivery_method"

    def is_possible(self, currency: Currency) -> bool:
        """Whether every country has its zone, every method its name, and every price can be charged."""
        named = [country for zone in self.zones for country in zone.countries]
        return (
            bool(self.zones or self.pickups)
            and all(
                re.fullmatch("[A-Z]{2}", country) for country in (*named, *([self.ships_from] * bool(self.ships_from)))
            )
            and len(set(named)) == len(named)
            and sum(not zone.countries for zone in self.zones) <= 1
            and all(map(self._has_own_names, self.zones or (None,)))
            and all(_is_possible(rate, currency) for zone in self.zones for rate in zone.rates)
            and all(_may_cost(point.price_minor, currency) for point in self.pickups)
        )

    def _has_own_names(self, zone: ShippingZone | None) -> bool:
        methods = (*(zone.rates if zone is not None else ()), *self.pickups)
        names = [one.method_id for one in methods]
        return (
            bool(names) and len(set(names)) == len(names) and all(names) and all(one.title.strip() for one in methods)
        )


SHIPPING: Final = meaning("Zones, rates and places to collect.", feed=True)


def _is_possible(rate: ShippingRate, currency: Currency) -> bool:
    if not rate.prices or any(step.up_to_grams is None for step in rate.prices[:-1]):
        return False
    weights = [step.up_to_grams for step in rate.prices if step.up_to_grams is not None]
    return (
        weights == sorted(set(weights))
        and all(grams > 0 for grams in weights)
        and all(_may_cost(step.price_minor, currency) for step in rate.prices)
        and (rate.free_from_minor is None or rate.free_from_minor >= 0)
    )


def _may_cost(price_minor: int, currency: Currency) -> bool:
    """A price below what can be charged alone is charged with the goods."""
    return price_minor >= 0 and why_not_charge(price_minor, currency) in ("", "amount_too_small")
