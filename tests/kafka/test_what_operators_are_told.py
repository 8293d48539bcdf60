"""What the commands and the roles of a shop on Kafka say to those who run them."""

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from buystream.host.broker import Broker
from tests.support.patience import wait_until
from tests.support.roles import RoleProcess, SeparateShop
from tests.support.shop_process import READY_SECONDS, ShopProcess, buystream

PARTITIONS = 2
ROLES = ("projector", "decider", "payments", "gateway", "feeds", "live")


@pytest.fixture
def where(kafka_broker: Broker, kafka_prefix: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """How the cluster and the prefix in the environment are named."""
    monkeypatch.setenv("BUYSTREAM_KAFKA_BOOTSTRAP", kafka_broker.bootstrap)
    monkeypatch.setenv("BUYSTREAM_KAFKA_PREFIX", kafka_prefix)
    monkeypatch.setenv("BUYSTREAM_PARTITIONS", str(PARTITIONS))
    return f"Kafka at {kafka_broker.bootstrap} (prefix {kafka_prefix})"


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="buystream-test-") as folder:
        yield Path(folder)


def test_topics_apply_says_what_it_made_and_then_that_nothing_is_to_do(where: str, kafka_prefix: str) -> None:
    made = buystream("topics", "apply")
    assert made.returncode == 0, made.stderr
    *lines, last = made.stdout.splitlines()
    names = [f"{kafka_prefix}buystream.{name}" for name in ("commands", "events", "deadletter", "feeds")]
    assert lines == [f"created {name} with {PARTITIONS} partitions" for name in names]
    assert last == f"Changes on {where}: 4."
    again = buystream("topics", "apply")
    assert (again.returncode, again.stdout) == (0, f"Nothing to do: all is as planned on {where}.\n")
    more = buystream("topics", "apply", BUYSTREAM_PARTITIONS="3")
    assert f"changed {names[0]}: partitions is 3 now, it was 2" in more.stdout.splitlines()


def test_topics_check_names_the_cluster_and_the_prefix(where: str, kafka_prefix: str) -> None:
    missing = buystream("topics", "check")
    assert missing.returncode == 1
    assert f"Differences on {where}: 4." in missing.stdout
    assert f"{kafka_prefix}buystream.deadletter" in missing.stdout


def test_log_copy_shows_whole_checksums_and_backup_says_where_the_log_is(
    where: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = ShopProcess(folder / "data", BUYSTREAM_KAFKA_BOOTSTRAP="")
    try:
        shop.start()
        shop.add_merchant()
        assert shop.stop() == 0
    finally:
        shop.close()
    at = ("--data-dir", str(shop.data_dir))
    copied = buystream("log", "copy", "--to", "kafka", *at, COLUMNS="40")
    assert copied.returncode == 0, copied.stderr
    assert len(re.findall(r"\b[0-9a-f]{32}\b", copied.stdout)) == 3 * PARTITIONS

    saved = buystream("backup", str(folder / "shop.backup"), *at)
    assert saved.returncode == 0, saved.stderr
    assert "commands" not in saved.stdout
    assert f"the log is on {where} and is NOT in {folder / 'shop.backup'}" in saved.stderr
    assert "MirrorMaker 2" in saved.stderr


def test_every_role_logs_one_json_object_per_line_whatever_happens(
    where: str, folder: Path, kafka_broker: Broker
) -> None:
    assert buystream("topics", "apply").returncode == 0
    shop = SeparateShop(folder / "data", BUYSTREAM_LOG_FORMAT="json")
    try:
        roles = shop.run(*ROLES)
        shop.sell(shop.release(shop.add_merchant()["api_key"], stock=20))
        kafka_broker.stop()
        try:
            for role in roles:
                wait_until(lambda role=role: warned(role), READY_SECONDS, otherwise=role.last_words)
        finally:
            kafka_broker.start()
        for role in roles:
            role.wait_until_ready()
        live, decider = roles[-1], roles[1]
        (owned, *_) = [line for line in lines(decider) if "owns partition" in line["message"]]
        assert {"partition", "position"} <= owned.keys()
        assert any(line["logger"].startswith("aiokafka") for line in lines(live)), "Faust's part of the process"
        for role in roles:
            assert {line["role"] for line in lines(role)} == {role.role}
            assert role.stop() == 0
        assert all(lines(role)[-1]["message"] == "stopped" for role in roles)
    finally:
        shop.close()


def lines(role: RoleProcess) -> list[dict[str, Any]]:
    """All that it said; fails for a line that isn't JSON."""
    return [json.loads(line) for line in role.said.splitlines()]


def warned(role: RoleProcess) -> bool:
    return any(line["level"] != "INFO" for line in lines(role))


def test_a_role_that_cannot_start_says_so_in_json_too(where: str, folder: Path) -> None:
    done = buystream("decider", "--data-dir", str(folder / "data"), BUYSTREAM_LOG_FORMAT="json")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    said = json.loads(line)
    assert (said["role"], said["level"]) == ("decider", "CRITICAL")
    assert "there is no topic" in said["message"]


def test_live_says_which_partitions_it_works_on_and_has_the_metric(where: str, folder: Path) -> None:
    assert buystream("topics", "apply").returncode == 0
    shop = SeparateShop(folder / "data")
    try:
        shop.run("projector")
        (live,) = shop.run("live")
        live.wait_until_it_said("live works on partitions [0, 1]")
        assert live.metric("buystream_partitions_assigned") == PARTITIONS
        (other,) = shop.run("live")
        other.wait_until_it_said("live works on partitions [")
        wait_until(
            lambda: (
                live.metric("buystream_partitions_assigned") + other.metric("buystream_partitions_assigned")
                == PARTITIONS
            ),
            READY_SECONDS,
        )
        assert live.stop() == other.stop() == 0
    finally:
        shop.close()
