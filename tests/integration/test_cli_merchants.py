"""What an operator does about merchants, with or without a running shop."""

import json
import threading
from pathlib import Path
from typing import cast

import httpx
import pytest

from buystream.cli import views
from buystream.host.embedded import EmbeddedPostgres
from buystream.log import Log
from tests.support.patience import wait_until
from tests.support.shop_process import ShopProcess, buystream
from tests.support.worked_on import folder, kept, shop

__all__ = ["folder", "kept", "shop"]


def test_a_merchant_is_added_without_a_running_shop(shop: ShopProcess) -> None:
    merchant = shop.add_merchant()
    assert shop.processes() == []
    shop.start()
    shop.wait_until_known(merchant["api_key"])
    answer = httpx.get(f"{shop.url}/v1/merchant", headers={"Authorization": f"Bearer {merchant['api_key']}"})
    shown = {"merchant_id": merchant["merchant_id"], "name": "The Paper Lanterns", "currency": "USD"}
    assert answer.json() == {**shown, "time_zone": "UTC"}
    assert shop.stop() == 0
    assert shop.processes() == []


def status_of(shop: ShopProcess, api_key: str) -> int:
    return httpx.get(f"{shop.url}/v1/merchant", headers={"Authorization": f"Bearer {api_key}"}).status_code


def test_a_key_works_as_soon_as_the_command_that_made_it_ends(shop: ShopProcess) -> None:
    shop.start()
    for _ in range(5):
        merchant = shop.add_merchant()
        assert status_of(shop, merchant["api_key"]) == 200
        added = buystream(
            "merchant", "keys", "add", merchant["merchant_id"], "--name", "Door", "--json",
            "--data-dir", str(shop.data_dir),
        )  # fmt: skip
        assert status_of(shop, json.loads(added.stdout)["api_key"]) == 200
    assert shop.stop() == 0


def test_a_command_says_so_when_the_views_do_not_follow_in_time(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Behind:
        def prepare(self) -> None: ...

        def run(self, stop: threading.Event) -> None:
            stop.wait()

        def wait_for(self, positions: dict[int, int], timeout_seconds: float) -> bool:
            assert positions == {0: 7, 1: 7}
            assert timeout_seconds == views.SECONDS
            return False

    class OfTwo:
        partitions = 2

        def end(self, topic: str, partition: int) -> int:
            return 7

    monkeypatch.setattr(views, "projector", lambda log, dsn: Behind())
    views.wait_until_shown(cast("Log", OfTwo()), "postgresql://nowhere")
    assert capsys.readouterr() == ("", "warning: it is decided, but the shop doesn't know it after 60 s yet\n")


def test_the_operator_gives_a_merchant_another_key(shop: ShopProcess, kept: EmbeddedPostgres) -> None:
    merchant = shop.add_merchant()
    place = ("--data-dir", str(shop.data_dir))
    done = buystream("merchant", "keys", "add", merchant["merchant_id"], "--name", "New desk", *place)
    assert done.returncode == 0, done.stderr
    key = done.stdout.split()[4]
    assert buystream("merchant", "keys", "revoke", merchant["merchant_id"], "first", *place).returncode == 0

    def status(api_key: str) -> int:
        return httpx.get(f"{shop.url}/v1/merchant", headers={"Authorization": f"Bearer {api_key}"}).status_code

    unknown = buystream("merchant", "keys", "add", "me0-n0b0dy0000", "--name", "Desk", *place)
    assert (unknown.returncode, unknown.stderr) == (1, "buystream: there is no merchant me0-n0b0dy0000\n")
    shop.start()
    wait_until(lambda: (status(key), status(merchant["api_key"])) == (200, 401))
    assert shop.stop() == 0


def test_the_operator_sets_a_merchants_fees_account_and_details(shop: ShopProcess, kept: EmbeddedPostgres) -> None:
    merchant = shop.add_merchant()
    where = ("--data-dir", str(shop.data_dir))
    who = merchant["merchant_id"]
    fees = ("--currency", "usd", "--percent", "2.75", "--fixed", "0.30", "--from", "2026-12-01")
    for arguments in (
        ("fees", who, *fees),
        ("account", who, "acct_1Ab"),
        ("details", who, "--legal-name", "Lanterns e.V.", "--address", "1 Example Street"),
    ):
        done = buystream("merchant", *arguments, *where)
        assert (done.returncode, done.stdout.count("\n")) == (0, 1), done.stderr
    stranger = buystream("merchant", "account", "me0-n0b0dy0000", "acct_1", *where)
    assert (stranger.returncode, stranger.stderr) == (1, "buystream: there is no merchant me0-n0b0dy0000\n")
    shop.start()
    with httpx.Client(base_url=shop.url, headers={"Authorization": f"Bearer {merchant['api_key']}"}) as client:
        terms = client.get("/v1/merchant/terms").json()
        assert client.get("/v1/merchant/details").json()["legal_name"] == "Lanterns e.V."
    [agreed] = terms["terms"]
    assert (terms["account"], agreed["share_bps"], agreed["fixed_minor"]) == ("acct_1Ab", 275, 30)
    assert agreed["from_ms"] == 1_796_083_200_000
    assert shop.stop() == 0


def test_a_merchants_keys_are_created_listed_and_revoked_with_or_without_a_running_shop(tmp_path: Path) -> None:
    place = ("--data-dir", str(tmp_path / "data"))
    made = json.loads(
        buystream("merchant", "add", "--name", "Quiet Club", "--currency", "EUR", "--json", *place).stdout
    )
    merchant_id = made["merchant_id"]
    assert merchant_id in buystream("merchant", "list", *place).stdout

    with EmbeddedPostgres(tmp_path / "data"):  # so that not every command starts it
        added = json.loads(buystream("merchant", "keys", "add", merchant_id, "--name", "Door", "--json", *place).stdout)
        listed = json.loads(buystream("merchant", "keys", "list", merchant_id, "--json", *place).stdout)
        assert [(key["key_id"], key["name"], key["last_used_at_ms"]) for key in listed] == [
            ("first", "First key", None),
            (added["key_id"], "Door", None),
        ]
        for key_id in ("first", added["key_id"]):  # an operator may end the last one too
            assert buystream("merchant", "keys", "revoke", merchant_id, key_id, *place).returncode == 0
        assert json.loads(buystream("merchant", "keys", "list", merchant_id, "--json", *place).stdout) == []
        unknown = buystream("merchant", "keys", "revoke", merchant_id, "nobody", *place)
        assert unknown.returncode == 1
        assert "There is no such API key" in unknown.stderr
