"""What a release doesn't say is decided by its kind, in one place."""

from typing import get_args, get_type_hints

import pytest

from buystream.gateway.routes.bodies.editions import NewEdition
from buystream.vocabulary.kinds import KINDS
from tests.integration.test_merchants_money import bought
from tests.support.shop import Shop, lasting_shop

__all__ = ["lasting_shop"]


def test_the_table_has_every_kind_that_can_be_released() -> None:
    assert set(KINDS) == set(get_args(get_type_hints(NewEdition)["kind"]))


@pytest.mark.parametrize(
    ("kind", "needs_address"), [("ticket", False), ("gift", False), ("record", True), ("item", True)]
)
def test_what_ships_needs_an_address_unless_the_release_says_otherwise(
    lasting_shop: Shop, kind: str, needs_address: bool
) -> None:
    for said, expected in ((None, needs_address), (True, True), (False, False)):
        edition = lasting_shop.release(kind=kind, needs_address=said)
        with lasting_shop.buyer() as buyer:
            assert buyer.get(f"/v1/editions/{edition}").json()["needs_address"] is expected


def test_an_event_lasts_six_hours_from_when_the_doors_open_unless_its_release_says_otherwise(
    lasting_shop: Shop,
) -> None:
    starts_at_ms = 1_900_000_000_000
    edition = lasting_shop.release(kind="ticket", event={"starts_at_ms": starts_at_ms, "venue": "The Boathouse"})
    with lasting_shop.buyer() as buyer:
        assert buyer.get(f"/v1/editions/{edition}").json()["event"] == {
            "starts_at_ms": starts_at_ms,
            "doors_at_ms": starts_at_ms,
            "ends_at_ms": starts_at_ms + 6 * 3_600_000,
            "venue": "The Boathouse",
            "address": "",
            "time_zone": "UTC",
            "asks_names": False,
        }


def test_only_what_has_an_address_waits_to_be_shipped(lasting_shop: Shop) -> None:
    with lasting_shop.buyer() as buyer, lasting_shop.merchant() as merchant:
        ticket, record = (
            bought(lasting_shop, buyer, lasting_shop.release(kind=kind, needs_address=None))
            for kind in ("ticket", "record")
        )
        orders = {order["order_id"]: order for order in merchant.get("/v1/merchant/orders").json()["orders"]}
        assert (orders[ticket]["can_ship"], orders[record]["can_ship"]) == (False, True)
        shipped = merchant.post(f"/v1/merchant/orders/{record}/ship", json={"carrier": "Post"}).json()
        assert (shipped["state"], shipped["can_ship"]) == ("shipped", False)
