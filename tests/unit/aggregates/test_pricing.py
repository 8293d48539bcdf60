"""Prices for a while: until a time, or for the first so many units."""

from typing import Any

import msgspec
import pytest

from buystream.vocabulary import commands, events
from buystream.vocabulary.examples.story import BALCONY, CODE_KEY, STALLS
from buystream.vocabulary.values import CampaignTerms, OrderLine, PriceTier
from tests.support.examples import BEN, EDITION, HOLD_SECONDS, PRICE_MINOR, T0, example
from tests.support.scenario import Scenario, expect, given
from tests.support.steps import authorised, cancel, captured, pay, place, refund, refunded, release

FIRST_TWO = PriceTier(price_minor=2000, units=2)
EARLY = PriceTier(price_minor=3000, until_ms=T0 + 10_000)


def set_tiers(*tiers: PriceTier, variant_id: str = "") -> commands.SetPriceTiers:
    return commands.SetPriceTiers(edition_id=EDITION, tiers=tiers, variant_id=variant_id)


def shop(*tiers: PriceTier, **terms: Any) -> Scenario:
    return given(release(**terms), set_tiers(*tiers))


def at(price_minor: int, number: int = 1, quantity: int = 1, **fields: Any) -> commands.PlaceOrder:
    return place(number, lines=(OrderLine(quantity=quantity, price_minor=price_minor),), **fields)


def refused(reason: str, available: int | None = None) -> Any:
    more = {} if available is None else {"available": available}
    return expect(events.OrderRefused, reason=reason, **more)


def test_the_first_so_many_units_have_their_price() -> None:
    sale = shop(FIRST_TWO)
    sale.when(at(PRICE_MINOR)).then(refused("wrong_price"))
    sale.when(at(2000, 2, quantity=3)).then(refused("few_at_this_price", 2))
    sale.when(at(2000, 3)).then(events.OrderPlaced)
    sale.when(at(2000, 4, quantity=2, buyer_id=BEN)).then(refused("few_at_this_price", 1))
    sale.when(at(2000, 5, buyer_id=BEN)).then(events.OrderPlaced)
    sale.when(at(2000, 6)).then(refused("wrong_price"))
    sale.when(at(PRICE_MINOR, 7)).then(events.OrderPlaced)
    sale.given(cancel(3), cancel(7)).when(at(2000, 8, buyer_id=BEN)).then(events.OrderPlaced)


def test_an_early_price_ends_by_the_time_of_the_hold_and_what_is_held_keeps_it() -> None:
    sale = shop(EARLY).given(at(3000))
    sale.when(at(3000, 2), at_ms=T0 + 9_999).then(events.OrderPlaced)
    sale.when(at(3000, 3), at_ms=T0 + 10_000).then(refused("wrong_price"))
    sale.when(at(PRICE_MINOR, 4)).then(events.OrderPlaced)
    sale.when(pay()).then(expect(events.PaymentRequested, amount_minor=3000))


def test_the_first_tier_that_applies_counts() -> None:
    sale = shop(msgspec.structs.replace(FIRST_TWO, until_ms=T0 + 5_000), EARLY)
    sale.when(at(2000)).then(events.OrderPlaced)
    sale.when(at(2000, 2), at_ms=T0 + 5_000).then(refused("wrong_price"))
    sale.when(at(3000, 3)).then(events.OrderPlaced)
    sale.when(at(PRICE_MINOR, 4), at_ms=T0 + 10_000).then(events.OrderPlaced)


def test_tiers_are_set_anew_and_what_is_paid_keeps_its_price() -> None:
    sale = shop(FIRST_TWO).given(at(2000), pay(), authorised(), captured(amount_minor=2000))
    sale.when(set_tiers(FIRST_TWO)).then(events.CommandRepeated)
    sale.when(set_tiers()).then(expect(events.PriceTiersSet, tiers=()))
    sale.when(at(2000, 2)).then(refused("wrong_price"))
    sale.when(at(PRICE_MINOR, 3)).then(events.OrderPlaced)
    sale.when(refund()).then(expect(events.RefundRequested, amount_minor=2000))
    sale.given(refunded(amount_minor=2000))
    assert sale.edition().stocks[""].taken == 1


def test_each_variant_has_its_own_tiers() -> None:
    seats = given(release(variants=(STALLS, BALCONY)), set_tiers(FIRST_TWO, variant_id="stalls"))
    lines = (
        OrderLine(variant_id="stalls", quantity=1, price_minor=2000),
        OrderLine(variant_id="balcony", quantity=1, price_minor=3000),
    )
    seats.when(place(lines=lines)).then(events.OrderPlaced)
    seats.when(place(2, lines=lines, buyer_id=BEN)).then(events.OrderPlaced)
    seats.when(place(3, lines=lines)).then(expect(events.OrderRefused, reason="wrong_price", variant_id="stalls"))
    seats.when(set_tiers(FIRST_TWO, variant_id="none")).then(expect(events.CommandRefused, reason="unknown_variant"))


def test_late_money_gets_the_price_only_while_it_is_offered() -> None:
    late = shop(EARLY).given(at(3000), pay(), example(commands.RecordAuthenticationRequired))
    late.given(T0 + (HOLD_SECONDS + 1_900) * 1000, commands.Tick())
    assert late.order().state == "expired"
    late.when(authorised()).then(events.PaymentAuthorised, events.VoidRequested)


def test_a_code_lowers_the_price_of_now() -> None:
    sale = shop(FIRST_TWO).given(example(commands.CreateCode))
    sale.given(at(2000, code=CODE_KEY))
    assert sale.order().goods_minor == 1600


@pytest.mark.parametrize(
    "tier",
    [
        PriceTier(price_minor=2000),
        PriceTier(price_minor=0, units=2),
        PriceTier(price_minor=2000, units=0),
        PriceTier(price_minor=2000, until_ms=5),
    ],
)
def test_tiers_that_make_no_sense_are_refused(tier: PriceTier) -> None:
    given(release()).when(set_tiers(tier)).then(expect(events.CommandRefused, reason="bad_tiers"))


def test_what_has_no_fixed_price_has_no_tiers() -> None:
    bad = expect(events.CommandRefused, reason="bad_tiers")
    given(release(price_min_minor=100)).when(set_tiers(FIRST_TWO)).then(bad)
    given(release(kind="gift")).when(set_tiers(FIRST_TWO)).then(bad)
    given(release(campaign=CampaignTerms(target_minor=10_000))).when(set_tiers(FIRST_TWO)).then(bad)
    given(release()).when(set_tiers(*[FIRST_TWO] * 11)).then(bad)
    given(release()).when(set_tiers(PriceTier(price_minor=20, units=2))).then(
        expect(events.CommandRefused, reason="amount_too_small")
    )
