"""`buystream whatif` as a process, beside a running shop: the same bytes however many processes share the work."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from buystream.vocabulary.ids import new_order_id
from tests.support.shop_process import ShopProcess, buystream

PRICE_MINOR = 3500


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[ShopProcess]:
    made = ShopProcess(tmp_path / "data")
    try:
        yield made
    finally:
        made.close()


def tap(shop: ShopProcess, edition_id: str) -> int:
    """Somebody else asks for one; the status of the answer."""
    with httpx.Client(base_url=shop.url) as buyer:
        buyer.headers["Authorization"] = f"Bearer {buyer.post('/v1/session', json={}).json()['token']}"
        order = {"order_id": new_order_id(edition_id), "edition_id": edition_id}
        return buyer.post("/v1/orders", json={**order, "quantity": 1, "price_minor": PRICE_MINOR}).status_code


def test_the_outcomes_stand_side_by_side(shop: ShopProcess, tmp_path: Path) -> None:
    shop.start()
    merchant = shop.add_merchant()
    edition_id = shop.release(merchant["api_key"], stock=1, hold_seconds=3600)
    other_id = shop.release(merchant["api_key"], stock=5, hold_seconds=3600)
    assert [tap(shop, edition_id), tap(shop, other_id)] == [201, 201]
    (tmp_path / "key").write_text("5e" * 32)

    asked = ("whatif", "--all", "--rule", "limit=1", "--rule", "draw=60", "--rule", "stock=3")
    where = ("--data-dir", str(shop.data_dir))
    alone, shared = (
        buystream(*asked, *where, "--json", "--key-file", str(tmp_path / "key"), "--processes", number)
        for number in ("1", "2")
    )
    assert alone.returncode == 0, alone.stderr
    assert alone.stdout == shared.stdout
    report = json.loads(alone.stdout)
    assert {one["edition_id"] for one in report["editions"]} == {edition_id, other_id}
    for edition in report["editions"]:
        assert edition["real"]["orders_placed"] == 1
        assert [one["hypothesis"] for one in edition["hypotheses"]] == ["limit=1", "draw=60", "stock=3"]
        assert edition["hypotheses"][0]["outcome"] == edition["real"]

    for_people = buystream(*asked, *where)
    assert for_people.returncode == 0, for_people.stderr
    assert all(word in for_people.stdout for word in (edition_id, "as it was", "stock=3"))
    assert shop.stop() == 0

    wrong = {
        ("--all", "--rule", "limit=none"): "'limit=none': a whole number from 1 is needed",
        ("--rule", "limit=1"): "name the editions, or --all of them",
        ("ed0-n0th1ng000", "--rule", "limit=1"): "there is no edition ed0-n0th1ng000",
        ("me0-n1ghtsky00", "--rule", "limit=1"): "there is no edition 'me0-n1ghtsky00'",
        ("--all", "--rule", "limit=1", "--key-file", str(tmp_path / "none")): "there is no key in",
    }
    for words, said in wrong.items():
        refused = buystream("whatif", *words, *where)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert said in refused.stderr
        assert refused.stderr.count("\n") == 1
