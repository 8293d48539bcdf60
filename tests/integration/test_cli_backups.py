"""Backups by the command line: what comes back, and what must not."""

import json
from pathlib import Path

import httpx

from buystream.backup import KEPT
from buystream.transparency import tables
from buystream.transparency.checkpoints import Checkpoint, read_checkpoint
from buystream.transparency.merkle import root_of
from buystream.wiring.views import VIEWS
from tests.support.patience import wait_until
from tests.support.shop_process import ShopProcess, buystream
from tests.support.worked_on import buy, folder, shop, sql

__all__ = ["folder", "shop"]

REBUILT = ("views", "snapshots", "passing", "search", "public")


def orders(shop: ShopProcess, api_key: str) -> list[dict[str, object]]:
    """As soon as the views have them: a shop that was restored makes them from its log."""
    shop.wait_until_known(api_key)
    headers = {"Authorization": f"Bearer {api_key}"}
    listed: list[dict[str, object]] = wait_until(
        lambda: httpx.get(f"{shop.url}/v1/merchant/orders", headers=headers).json()["orders"]
    )
    return listed


def test_a_restored_backup_does_not_bring_an_erased_buyer_back(shop: ShopProcess, folder: Path) -> None:
    shop.start()
    merchant = shop.add_merchant()
    edition = shop.release(merchant["api_key"], stock=10, hold_seconds=600)
    with httpx.Client(base_url=shop.url) as buyer:
        token = buyer.post("/v1/session", json={}).json()["token"]
        buyer.headers["Authorization"] = f"Bearer {token}"
        order_id = buy(shop, edition, buyer)
        file = folder / "shop.backup"
        assert buystream("backup", str(file), "--data-dir", str(shop.data_dir)).returncode == 0
        assert buyer.delete("/v1/me").status_code == 204
    assert shop.stop() == 0
    listed = buystream("erased", "--data-dir", str(shop.data_dir)).stdout
    assert (shop.data_dir / "erased-buyers.txt").read_text() == listed != ""

    copy = ShopProcess(folder / "copy")
    restored = buystream(
        "restore", str(file), "--erased", str(shop.data_dir / "erased-buyers.txt"), "--data-dir", str(copy.data_dir)
    )
    assert restored.returncode == 0, restored.stderr
    assert "buyers erased again: 1, erased after " in restored.stdout
    try:
        copy.start()
        with httpx.Client(base_url=copy.url, headers={"Authorization": f"Bearer {token}"}) as device:
            wait_until(lambda: device.get("/v1/me").status_code == 401, 60)
        [order] = orders(copy, merchant["api_key"])
        assert (order["order_id"], order["buyer"]) == (order_id, None)
    finally:
        copy.close()


def test_a_backup_of_a_running_shop_comes_back_whole(shop: ShopProcess, folder: Path) -> None:
    shop.start()
    merchant = shop.add_merchant()
    order_id = buy(shop, shop.release(merchant["api_key"], stock=10, hold_seconds=600))
    published = wait_until(lambda: checkpoint(shop))
    file = folder / "shop.backup"
    saved = buystream("backup", str(file), "--data-dir", str(shop.data_dir))
    assert saved.returncode == 0, saved.stderr
    assert file.stat().st_mode & 0o777 == 0o600

    refused = buystream("restore", str(file), "--data-dir", str(shop.data_dir))
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "there is a shop" in refused.stderr
    assert shop.stop() == 0
    assert shop.processes() == []

    copy = ShopProcess(folder / "copy")
    restored = buystream("restore", str(file), "--data-dir", str(copy.data_dir))
    assert restored.returncode == 0, restored.stderr
    assert (copy.data_dir / "secret.key").read_bytes() == (shop.data_dir / "secret.key").read_bytes()
    try:
        copy.start()
        [order] = orders(copy, merchant["api_key"])
        assert order["order_id"] == order_id
        assert (order["buyer"]["name"], order["buyer"]["email"]) == ("Ada Lindqvist", "ada@example.com")
        audit = buystream("audit", "--json", "--data-dir", str(copy.data_dir))
        assert (audit.returncode, json.loads(audit.stdout)["violations"]) == (0, [])
        wait_until(lambda: (now := checkpoint(copy)) is not None and now.size > published.size)
        with sql(copy) as cur:
            assert root_of(tables.hashes_of(cur), published.size) == published.root
        assert_every_schema_is_kept_or_rebuilt(copy)
        assert copy.stop() == 0
    finally:
        copy.close()


def checkpoint(shop: ShopProcess) -> Checkpoint | None:
    """The published one of the transparency log, if there is one yet."""
    answer = httpx.get(f"{shop.url}/tlog/checkpoint")
    return read_checkpoint(answer.content)[1] if answer.status_code == 200 else None


def assert_every_schema_is_kept_or_rebuilt(shop: ShopProcess) -> None:
    with sql(shop) as cur:
        cur.execute("SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema$)'")
        schemas = {name for (name,) in cur}
    builds = {
        name for name in schemas if name.startswith(tuple(f"{view.name}_" for view in (View() for View in VIEWS)))
    }
    assert schemas - builds - set(REBUILT) == set(KEPT)


def test_a_backup_into_a_folder_that_there_is_not_names_the_folder(shop: ShopProcess, folder: Path) -> None:
    shop.add_merchant()
    done = buystream("backup", str(folder / "no" / "shop.backup"), "--data-dir", str(shop.data_dir))
    assert (done.returncode, done.stderr) == (1, f"buystream: there is no folder {folder / 'no'}\n")
