"""The transparency log and its receipts, judged by code that isn't ours: Go's golang.org/x/mod/sumdb/note and tlog
check every receipt, Tessera's fsck the whole log, over HTTP and as exported files."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from buystream.consumers.notary.export import export_into
from buystream.consumers.notary.notary import Notary
from buystream.database import one_transaction
from tests.support.notarised import ORIGIN, at_work
from tests.support.patience import patient, wait_until
from tests.support.shop import SECRET, Shop, order_of, register_merchant, shop_at_work

ORDERS = 1_000
ORDERS_PER_BUYER = 2
"""The second one is beyond the limit: it is refused."""


@pytest.fixture(scope="module")
def shop(module_shop_database_url: str) -> Iterator[Shop]:
    with shop_at_work(module_shop_database_url) as running:
        register_merchant(running)
        with at_work(Notary(running.log, dsn=running.dsn, root=SECRET, origin=ORIGIN)):
            yield running


def judged(judge: Path, what: str, key: str, where: str) -> "subprocess.CompletedProcess[str]":
    """What the program says."""
    return subprocess.run(
        [str(judge), what, key, where], capture_output=True, text=True, check=False, timeout=patient(120)
    )


@pytest.fixture(scope="module")
def receipts(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of them: of orders that were taken, and of such that were refused."""
    folder = tmp_path_factory.mktemp("receipts")
    edition_id = shop.release(stock=ORDERS, limit_per_buyer=1)
    outcomes: dict[int, int] = {}
    placed: list[tuple[httpx.Client, str]] = []
    for _ in range(ORDERS // ORDERS_PER_BUYER):
        buyer = shop.buyer()
        for order in [order_of(edition_id) for _ in range(ORDERS_PER_BUYER)]:
            status = buyer.post("/v1/orders", json=order).status_code
            outcomes[status] = outcomes.get(status, 0) + 1
            placed.append((buyer, str(order["order_id"])))
    for buyer, order_id in placed:
        answer = buyer.get(f"/v1/orders/{order_id}/receipt.tlog-proof")
        assert answer.status_code == 200, answer.text
        (folder / f"{order_id}.tlog-proof").write_bytes(answer.content)
    assert outcomes == {201: ORDERS // 2, 409: ORDERS // 2}
    return folder


def test_go_verifies_every_receipt_and_no_forged_one(shop: Shop, receipts: Path, judge: Path, tmp_path: Path) -> None:
    key = httpx.get(f"{shop.url}/tlog/key").text.strip()
    said = judged(judge, "receipts", key, str(receipts))
    assert (said.returncode, said.stdout) == (0, f"{ORDERS} receipts verified\n"), said.stderr
    one = next(receipts.iterdir()).read_text()
    for number, forged in enumerate((one.replace("index ", "index 1", 1), one.replace("extra ", "extra AAAA", 1))):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "forged.tlog-proof").write_text(forged)
        assert judged(judge, "receipts", key, str(folder)).returncode == 1


def test_tessera_finds_the_log_whole_as_it_is_served_and_as_files(
    shop: Shop, receipts: Path, judge: Path, tmp_path: Path
) -> None:
    key = httpx.get(f"{shop.url}/tlog/key").text.strip()
    folder = tmp_path / "tlog"

    def is_whole(where: str) -> bool:
        return judged(judge, "fsck", key, where).returncode == 0

    assert is_whole(f"{shop.url}/tlog/")
    with one_transaction(shop.dsn, "test") as cur:
        assert export_into(cur, folder).size >= ORDERS
    assert is_whole(str(folder))
    tile = folder / "tile" / "entries" / "000"
    content = tile.read_bytes()
    tile.write_bytes(content.replace(b"OrderPlaced", b"OrderPlacee", 1))
    assert not is_whole(str(folder))
    tile.write_bytes(content)
    wait_until(lambda: is_whole(str(folder)))
