"""An edition in several variants: each has its own price, stock and limit, and its stock equation holds by itself."""

from typing import Any

import msgspec
import pytest

from buystream.vocabulary import codec, commands, events
from buystream.vocabulary.values import OrderLine, Variant
from tests.support.examples import BEN, T0, example, order_id
from tests.support.scenario import Scenario, expect, given
from tests.support.steps import authorised, captured, pay, place, refund, refunded, release

STALLS = Variant(
    variant_id="stalls", title="Stalls", price_min_minor=4500, price_max_minor=4500, stock=2, limit_per_buyer=2
)
BALCONY = Variant(
    variant_id="balcony", title="Balcony", price_min_minor=3000, price_max_minor=3000, stock=5, limit_per_buyer=3
)
STANDING = Variant(
    variant_id="standing", title="Standing", price_min_minor=1000, price_max_minor=2000, stock=None, limit_per_buyer=9
)


def house(**terms: Any) -> commands.ReleaseEdition:
    """Seats of two categories, and as many standing places as anybody wants."""
    return release(variants=(STALLS, BALCONY, STANDING), suggested_minor=(), **terms)


def seat(number: int, variant_id: str, quantity: int = 1, price_minor: int | None = None, **by: Any) -> Any:
    """A tap on Buy for seats of that category, at its price."""
    usual = {"stalls": 4500, "balcony": 3000, "standing": 1500}
    line = OrderLine(variant_id=variant_id, quantity=quantity, price_minor=price_minor or usual.get(variant_id, 4500))
    return place(number, lines=(line,), **by)


def counts(shop: Scenario, variant_id: str) -> tuple[int | None, int, int, int]:
    """What is available, held, sold and withdrawn of the variant."""
    stock = shop.edition().stocks[variant_id]
    return stock.available, stock.held, stock.sold, stock.withdrawn


def test_an_order_holds_stock_of_its_variant_and_of_no_other() -> None:
    shop = given(house()).when(seat(1, "balcony", 2))
    shop.then(expect(events.OrderPlaced, lines=(OrderLine(variant_id="balcony", quantity=2, price_minor=3000),)))
    assert counts(shop, "balcony") == (3, 2, 0, 0)
    assert counts(shop, "stalls") == (2, 0, 0, 0)
    assert counts(shop, "standing") == (None, 0, 0, 0)


def test_a_variant_sells_out_by_itself_and_says_so() -> None:
    shop = given(house()).when(seat(1, "stalls", 2))
    shop.then(events.OrderPlaced, expect(events.EditionSoldOut, variant_id="stalls"))
    shop.when(seat(2, "stalls", buyer_id=BEN)).then(expect(events.OrderRefused, reason="sold_out", available=0))
    shop.when(seat(3, "balcony", buyer_id=BEN)).then(events.OrderPlaced)
    assert not shop.edition().sold_out


def test_a_cancelled_order_releases_its_own_variant() -> None:
    cancel = example(commands.CancelOrder, order_id=order_id(1))
    shop = given(house(), seat(1, "stalls", 2)).when(cancel)
    shop.then(
        expect(events.OrderCancelled, quantity=2, variant_id="stalls"),
        expect(events.StockReleased, available=2, variant_id="stalls"),
    )
    assert counts(shop, "stalls") == (2, 0, 0, 0)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ({"variant_id": "stalls", "price_minor": 3000}, "wrong_price"),
        ({"variant_id": "standing", "price_minor": 999}, "wrong_price"),
        ({"variant_id": "balcony", "quantity": 4, "price_minor": 3000}, "over_limit"),
        ({"variant_id": "stalls", "quantity": 3}, "over_limit"),
    ],
)
def test_price_and_limit_are_the_variants_own(line: dict[str, Any], reason: str) -> None:
    asked = place(lines=(OrderLine(**{"quantity": 1, "price_minor": 4500} | line),))
    given(house()).when(asked).then(expect(events.OrderRefused, reason=reason))


def test_a_buyers_limit_counts_each_variant_by_itself() -> None:
    shop = given(house(), seat(1, "stalls", 2)).when(seat(2, "balcony", 3))
    shop.then(events.OrderPlaced)
    shop.when(seat(3, "balcony")).then(expect(events.OrderRefused, reason="over_limit"))


@pytest.mark.parametrize("variant_id", ["", "gallery"])
def test_an_unknown_variant_is_refused_and_spends_no_id(variant_id: str) -> None:
    shop = given(house()).when(seat(1, variant_id))
    shop.then(expect(events.CommandRefused, command="PlaceOrder", reason="unknown_variant"))
    shop.when(seat(1, "stalls")).then(events.OrderPlaced)


def test_a_plain_edition_has_no_variant_to_name() -> None:
    given(release()).when(seat(1, "stalls")).then(expect(events.CommandRefused, reason="unknown_variant"))


def test_the_same_order_of_another_variant_is_a_conflict() -> None:
    shop = given(house(), seat(1, "standing", price_minor=2000))
    shop.when(seat(1, "standing", price_minor=2000)).then(events.OrderRepeated)
    shop.when(seat(1, "balcony")).then(expect(events.CommandRefused, reason="order_id_conflict"))


def test_stock_is_added_to_and_withdrawn_from_one_variant() -> None:
    more = example(commands.AddStock, variant_id="stalls", quantity=3)
    less = example(commands.WithdrawStock, variant_id="balcony", quantity=4)
    shop = given(house()).when(more, less)
    shop.then(expect(events.StockAdded, variant_id="stalls"), expect(events.StockWithdrawn, variant_id="balcony"))
    assert counts(shop, "stalls") == (5, 0, 0, 0)
    assert counts(shop, "balcony") == (1, 0, 0, 4)
    unknown = example(commands.AddStock, change_id="another")
    shop.when(unknown).then(expect(events.CommandRefused, reason="unknown_variant"))


def test_returned_units_go_back_to_their_variant() -> None:
    paid = [pay(), authorised(), captured(amount_minor=6000)]
    shop = given(house(), seat(1, "balcony", 2), *paid, refund(restock=True), refunded(amount_minor=6000))
    assert counts(shop, "balcony") == (5, 0, 0, 0)
    assert counts(shop, "stalls") == (2, 0, 0, 0)


def test_late_money_claims_stock_of_its_variant_again() -> None:
    shop = given(house(), seat(1, "stalls", 2), T0 + 10**6, commands.Tick(), seat(2, "balcony", buyer_id=BEN))
    assert counts(shop, "stalls") == (2, 0, 0, 0)
    shop = given(house(), seat(1, "stalls", 2), pay(), T0 + 10**6, commands.Tick()).when(authorised())
    assert counts(shop, "stalls") == (0, 2, 0, 0)


@pytest.mark.parametrize(
    ("variants", "reason"),
    [
        ((STALLS, STALLS), "bad_variants"),
        ((STALLS, msgspec.structs.replace(BALCONY, stock=0)), "bad_stock"),
        ((STALLS, msgspec.structs.replace(BALCONY, limit_per_buyer=0)), "bad_limit"),
        ((STALLS, msgspec.structs.replace(BALCONY, price_min_minor=5000)), "bad_price"),
    ],
)
def test_every_variant_of_a_release_must_be_possible(variants: tuple[Variant, ...], reason: str) -> None:
    asked = release(variants=variants, suggested_minor=())
    given().when(asked).then(expect(events.CommandRefused, command="ReleaseEdition", reason=reason))


def test_a_release_has_a_variant() -> None:
    written = msgspec.json.decode(codec.encode(release()))
    written["offer"]["variants"] = []
    with pytest.raises(codec.Unreadable):
        codec.decode_command(msgspec.json.encode(written))


@pytest.mark.parametrize("lines", [[], [{"quantity": 1, "price_minor": 1}] * 21])
def test_an_order_has_1_to_20_lines(lines: list[dict[str, int]]) -> None:
    written = msgspec.json.decode(codec.encode(place()))
    with pytest.raises(codec.Unreadable):
        codec.decode_command(msgspec.json.encode(written | {"lines": lines}))
