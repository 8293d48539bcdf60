"""`buystream up` where there are two processors: the second process is lost, or its program is."""

import os
import re
import signal
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.support.patience import wait_until
from tests.support.shop_process import ShopProcess


@pytest.fixture
def shop() -> Iterator[ShopProcess]:
    with tempfile.TemporaryDirectory(prefix="buystream-test-") as folder:
        made = ShopProcess(Path(folder, "data"), BUYSTREAM_PROCESSES="2", BUYSTREAM_METRICS_PORT="0")
        try:
            made.start()
            yield made
        finally:
            made.close()


def of_a_shop(shop: ShopProcess) -> list[int]:
    """Its processes, PostgreSQL's not counted: the gateway's, its keeper and the second one."""
    ours = [int(line.split()[0]) for line in shop.processes() if " up " in line]
    return sorted(ours, key=lambda pid: len(ancestors(pid)))


def ancestors(pid: int) -> list[int]:
    """Its parent, that one's parent, and so on."""
    found = []
    while pid > 1:
        with suppress(FileNotFoundError):
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
            found.append(pid)
            continue
        break
    return found


def metrics(shop: ShopProcess) -> str:
    (address,) = re.findall(r"health and metrics at (\S+)", shop.log.read_text())[-1:]
    return httpx.get(f"{address}/metrics").text


def shown(shop: ShopProcess) -> float:
    """How many events the views have shown, as its metrics say."""
    return sum(float(count) for count in re.findall(r"^buystream_events_projected_total\S* (\S+)", metrics(shop), re.M))


def test_the_shop_outlives_its_second_process_and_not_the_other_way_round(shop: ShopProcess) -> None:
    gateway, keeper, second = of_a_shop(shop)
    key = shop.add_merchant()["api_key"]
    shop.release(key, stock=5)
    wait_until(lambda: shown(shop) > 0, 60)
    assert "buystream_commands_decided_total" in metrics(shop)  # of the first process, on the same page

    os.kill(second, signal.SIGKILL)
    wait_until(lambda: "the second process died by signal 9; it is started again" in shop.log.read_text(), 60)
    edition_id = shop.release(key, stock=5)  # its page waits for the views
    assert httpx.get(f"{shop.url}/v1/editions/{edition_id}").json()["available"] == 5
    shop.wait_until_ready()
    assert of_a_shop(shop)[:2] == [gateway, keeper]
    assert second not in of_a_shop(shop)

    shop.kill()
    wait_until(lambda: of_a_shop(shop) == [], 60)


def test_all_of_them_end_with_the_shop(shop: ShopProcess) -> None:
    assert len(of_a_shop(shop)) == 3
    for pid in of_a_shop(shop):
        os.kill(pid, signal.SIGINT)  # as a terminal does it
    assert shop.wait() == 0
    assert shop.processes() == []
    assert "died" not in shop.log.read_text()


def test_a_keeper_that_is_killed_ends_the_shop(shop: ShopProcess) -> None:
    _, keeper, _ = of_a_shop(shop)
    os.kill(keeper, signal.SIGKILL)
    assert shop.wait() == 1
    assert "the keeper of the second process died" in shop.last_words()
    wait_until(lambda: shop.processes() == [], 60)
