"""What delivery costs follows from the terms, the country, the weight and the goods, and from nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from buystream.vocabulary.money import CURRENCIES
from buystream.vocabulary.shipping import (
    DeliveryCharge,
    PickupPoint,
    Shipping,
    ShippingRate,
    ShippingZone,
    WeightPrice,
)

USD = CURRENCIES["USD"]
FLAT = ShippingRate(method_id="post", title="Post", prices=(WeightPrice(price_minor=400),))
BY_WEIGHT = ShippingRate(
    method_id="parcel",
    title="Parcel",
    prices=(WeightPrice(up_to_grams=500, price_minor=900), WeightPrice(up_to_grams=2000, price_minor=1500)),
    free_from_minor=10_000,
)
HOME = ShippingZone(title="Home", countries=("GB", "IE"), rates=(FLAT, BY_WEIGHT))
ELSEWHERE = ShippingZone(title="Elsewhere", rates=(BY_WEIGHT,))
SHOP = PickupPoint(method_id="shop", title="Collect", place="2 Quay Street")
TERMS = Shipping(ships_from="GB", zones=(HOME, ELSEWHERE), pickups=(SHOP,))


@pytest.mark.parametrize(
    ("country", "method_id", "grams", "goods_minor", "answer"),
    [
        ("GB", "post", 99_999, 100, 400),
        ("GB", "parcel", 500, 100, 900),
        ("IE", "parcel", 501, 100, 1500),
        ("IE", "parcel", 2001, 100, "too_heavy"),
        ("IE", "parcel", 2000, 10_000, 0),
        ("IE", "parcel", 2001, 10_000, "too_heavy"),
        ("FR", "parcel", 1, 9_999, 900),
        ("FR", "post", 1, 100, "unknown_delivery_method"),
        ("FR", "shop", 1, 100, 0),
        ("", "shop", 1, 100, 0),
        ("", "post", 1, 100, "unknown_delivery_method"),
    ],
)
def test_a_method_costs_what_its_rate_says(
    country: str, method_id: str, grams: int, goods_minor: int, answer: int | str
) -> None:
    charge = TERMS.charge(country, method_id, grams=grams, goods_minor=goods_minor)
    assert (charge if isinstance(charge, str) else charge.amount_minor) == answer


def test_a_country_that_no_zone_names_is_not_served() -> None:
    terms = Shipping(zones=(HOME,))
    assert terms.charge("FR", "post", grams=1, goods_minor=1) == "country_not_served"
    assert list(terms.options("FR", grams=1, goods_minor=1)) == []


def test_what_is_collected_goes_to_no_country() -> None:
    collected = DeliveryCharge(method_id="shop", title="Collect", country="", amount_minor=0)
    assert TERMS.charge("GB", "shop", grams=1, goods_minor=1) == collected


@pytest.mark.parametrize(
    "wrong",
    [
        Shipping(),
        Shipping(zones=(HOME, replace(HOME, title="Again"))),
        Shipping(zones=(ELSEWHERE, replace(ELSEWHERE, title="Again"))),
        Shipping(zones=(replace(HOME, countries=("gb",)),)),
        Shipping(zones=(HOME,), ships_from="Britain"),
        Shipping(zones=(replace(HOME, rates=(FLAT, FLAT)),)),
        Shipping(zones=(HOME,), pickups=(replace(SHOP, method_id="post"),)),
        Shipping(zones=(replace(HOME, rates=(replace(FLAT, title=""),)),)),
        Shipping(zones=(replace(HOME, rates=(replace(FLAT, prices=()),)),)),
        Shipping(zones=(replace(HOME, rates=(replace(FLAT, prices=(WeightPrice(price_minor=-1),)),)),)),
        Shipping(zones=(replace(HOME, rates=(replace(BY_WEIGHT, prices=BY_WEIGHT.prices[::-1]),)),)),
        Shipping(zones=(replace(HOME, rates=(replace(FLAT, prices=FLAT.prices * 2),)),)),
        Shipping(zones=(replace(HOME, rates=(replace(FLAT, free_from_minor=-1),)),)),
        Shipping(pickups=(replace(SHOP, price_minor=-5),)),
    ],
)
def test_terms_that_mean_nothing_are_not_possible(wrong: Shipping) -> None:
    assert TERMS.is_possible(USD)
    assert not wrong.is_possible(USD)


def test_a_price_is_one_that_the_currency_can_charge() -> None:
    rate = replace(FLAT, prices=(WeightPrice(price_minor=105),))
    assert Shipping(zones=(replace(HOME, rates=(rate,)),)).is_possible(USD)
    assert not Shipping(zones=(replace(HOME, rates=(rate,)),)).is_possible(CURRENCIES["TND"])


countries = st.sampled_from(["GB", "IE", "FR", "US", ""])
amounts = st.integers(0, 20_000)
rates = st.builds(
    ShippingRate,
    method_id=st.sampled_from(["a", "b"]),
    title=st.just("Post"),
    prices=st.lists(
        st.builds(WeightPrice, up_to_grams=st.integers(1, 3000) | st.none(), price_minor=amounts),
        min_size=1,
        max_size=4,
    ).map(tuple),
    free_from_minor=st.none() | amounts,
)
terms = st.builds(
    Shipping,
    zones=st.lists(
        st.builds(
            ShippingZone,
            title=st.just("Zone"),
            countries=st.sets(countries.filter(bool), max_size=2).map(tuple),
            rates=st.lists(rates, min_size=1, max_size=2).map(tuple),
        ),
        max_size=3,
    ).map(tuple),
    pickups=st.lists(
        st.builds(
            PickupPoint, method_id=st.sampled_from(["a", "c"]), title=st.just("Here"), place=st.just("Here"),
            price_minor=amounts,
        ),
        max_size=1,
    ).map(tuple),
)  # fmt: skip


@given(terms=terms, country=countries, grams=st.integers(0, 5000), goods_minor=amounts)
def test_every_way_that_is_offered_can_be_chosen_at_its_price(
    terms: Shipping, country: str, grams: int, goods_minor: int
) -> None:
    for offered in terms.options(country, grams=grams, goods_minor=goods_minor):
        assert offered.amount_minor >= 0
        assert offered.country in ("", country)
        if terms.is_possible(USD):
            assert terms.charge(country, offered.method_id, grams=grams, goods_minor=goods_minor) == offered


@given(terms=terms.filter(lambda one: one.is_possible(USD)), country=countries, grams=st.integers(0, 5000))
def test_more_goods_of_one_weight_never_cost_more_to_send(terms: Shipping, country: str, grams: int) -> None:
    few = {one.method_id: one.amount_minor for one in terms.options(country, grams=grams, goods_minor=0)}
    many = {one.method_id: one.amount_minor for one in terms.options(country, grams=grams, goods_minor=10**9)}
    assert few.keys() == many.keys()
    assert all(many[method_id] <= minor for method_id, minor in few.items())
