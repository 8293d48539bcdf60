"""`buystream simulate` makes a season that the shop's other commands take for a shop that lived through it."""

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import httpx
import psycopg2
import pytest

from buystream.errors import BuystreamError
from buystream.host.embedded import EmbeddedPostgres
from buystream.log import COMMANDS
from buystream.log.postgres import PostgresLog
from buystream.log.postgres.filling import is_unfinished
from tests.support.forked import BUYSTREAM
from tests.support.patience import wait_until
from tests.support.shop_process import ShopProcess, buystream

SEASON = ("--commands", "2000", "--acts", "shop", "--seed", "11")


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="buystream-test-") as made:
        yield Path(made)


def simulated(data_dir: Path) -> dict[str, Any]:
    made = buystream("simulate", "--data-dir", str(data_dir), *SEASON, "--json")
    assert made.returncode == 0, made.stderr
    season: dict[str, Any] = json.loads(made.stdout)
    return season


def test_a_season_is_audited_shown_and_worked_on_like_any_shop(folder: Path) -> None:
    shop = ShopProcess(folder / "data")
    try:
        season = simulated(shop.data_dir)
        assert {one["title"] for one in season["editions"]} == {
            *("Harbour Lights, teal vinyl", "Stoneware mug, tide blue", "Tour shirt")
        }
        again = buystream("simulate", "--data-dir", str(shop.data_dir), *SEASON)
        assert (again.returncode, again.stdout) == (1, "")
        assert "the log isn't empty" in again.stderr
        assert len(again.stderr.splitlines()) == 1

        report = json.loads(buystream("audit", "--data-dir", str(shop.data_dir), "--json").stdout)
        assert report["ok"]
        assert (report["commands"], report["events"]) == (season["commands"], season["events"])

        shop.start()
        (key,) = (one["api_key"] for one in season["merchants"] if one["name"] == "Low Tide Records")
        shop.wait_until_known(key)
        merchant = httpx.Client(base_url=shop.url, headers={"Authorization": f"Bearer {key}"})

        def listed() -> dict[str, Any]:
            return {one["order_id"]: one for one in merchant.get("/v1/merchant/orders").json()["orders"]}

        (order_id, *_) = wait_until(lambda: [name for name, order in listed().items() if order["can_refund"]])
        refund = merchant.post(
            f"/v1/merchant/orders/{order_id}/refund",
            json={"restock": True},
            headers={"Idempotency-Key": "of-the-test"},
        )
        assert refund.status_code == 202, refund.text
        wait_until(lambda: listed()[order_id]["state"] == "refunded")
        shop.stop()

        report = json.loads(buystream("audit", "--data-dir", str(shop.data_dir), "--json").stdout)
        assert report["ok"]
        assert report["commands"] < season["commands"] + 100  # what the provider and the flows answered isn't repeated
    finally:
        shop.close()


def test_a_season_that_was_killed_is_not_taken_for_a_shorter_one(folder: Path) -> None:
    where = ("--data-dir", str(folder / "data"))
    with EmbeddedPostgres(folder / "data") as postgres:
        simulate = [BUYSTREAM, "simulate", *where, "--commands", "200000"]
        process = subprocess.Popen(simulate, stderr=subprocess.DEVNULL, start_new_session=True)
        wait_until(lambda: process.poll() is not None or has_commands(postgres.dsn))
        assert process.poll() is None
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for command in (
            ("audit",),
            ("replay",),
            ("export", str(folder / "tables")),
            ("whatif", "--all", "--rule", "limit=1"),
            ("up",),
        ):
            refused = buystream(*command, *where)
            assert (refused.returncode, refused.stdout) == (1, ""), command
            assert "only a part of what was to be written" in refused.stderr, refused.stderr


def has_commands(dsn: str) -> bool:
    with suppress(BuystreamError, psycopg2.Error), closing(PostgresLog(dsn, partitions=1)) as log:
        return is_unfinished(dsn) and any(log.end(COMMANDS, number) for number in range(log.partitions))
    return False


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (("--starts", "2090-01-01"), {}, "isn't over yet"),
        (
            (),
            {
                "BUYSTREAM_STRIPE_SECRET_KEY": "sk_test_of_the_tests_0001",
                "BUYSTREAM_STRIPE_PUBLISHABLE_KEY": "pk_test_of_the_tests_0001",
            },
            "paid by the sandbox",
        ),
    ],
)
def test_a_season_that_can_not_be_is_refused_before_anything_is_made(
    folder: Path, arguments: tuple[str, ...], environment: dict[str, str], said: str
) -> None:
    refused = buystream("simulate", "--data-dir", str(folder / "data"), *arguments, **environment)
    assert refused.returncode == 1
    assert said in refused.stderr
    assert not (folder / "data").exists()
