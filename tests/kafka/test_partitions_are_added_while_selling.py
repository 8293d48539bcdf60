"""Partitions are added to a shop that sells, in the order of docs/operations.md: old processes leave the new ones
alone."""

import httpx
import pytest

from buystream.vocabulary.ids import partition_of
from tests.support.patience import wait_until
from tests.support.roles import PARTITIONS, RoleProcess, SeparateShop
from tests.support.shop_process import buystream, is_ready

AFTER = PARTITIONS + 1


def refuses_to_be_ready(role: RoleProcess) -> bool:
    page = httpx.get(f"{role.url}/readyz")
    return page.status_code == 503 and "restart it; see docs/operations.md, 'Adding partitions'" in page.text


def test_partitions_are_added_to_a_selling_shop(shop: SeparateShop, monkeypatch: pytest.MonkeyPatch) -> None:
    # As the page orders their restarts, and one more projector, which stands by.
    roles = shop.run("decider", "payments", "feeds", "projector", "projector", "gateway")
    decider, _, _, *projectors, gateway = roles
    merchant = shop.add_merchant()
    edition_id = shop.release(merchant["api_key"], stock=100)
    monkeypatch.setenv("BUYSTREAM_PARTITIONS", str(AFTER))
    applied = buystream("topics", "apply")
    assert applied.returncode == 0, applied.stderr

    # A new member makes the group see the new partition; when it has gone, the old one is handed everything.
    (new,) = shop.run("decider")
    new.wait_until_it_said(f"owns partition {AFTER - 1}")
    shop.sell(edition_id)
    assert new.stop() == 0
    for role in (decider, *projectors):
        wait_until(lambda role=role: refuses_to_be_ready(role), 60, otherwise=lambda role=role: role.said)
    shop.sell(edition_id)
    assert is_ready(gateway.url)
    for role in (decider, *projectors):
        assert role.said.count("restart it") == 1, role.said

    for role in roles:
        if role is not gateway:
            shop.run(role.role)
        assert role.stop() == 0, role.said
        assert "Traceback" not in role.said, role.said
        shop.roles.remove(role)
    shop.run("gateway")
    shop.sell(released_in(shop, merchant["api_key"], AFTER - 1))


def released_in(shop: SeparateShop, api_key: str, partition: int) -> str:
    """An edition of that partition: the gateway spreads them."""

    def released() -> str:
        edition_id = shop.release(api_key, stock=100)
        return edition_id if partition_of(edition_id) == partition else ""

    return wait_until(released, 60)
