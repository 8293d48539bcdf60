"""Every role a process of its own on a real broker: they sell together, say what they own, and stop when asked."""

import json
import time
from contextlib import closing
from pathlib import Path

import httpx
import psycopg2
import pytest

from buystream.host.broker import Broker
from buystream.log.topics import Topics, merchant_topic, plan
from buystream.settings import read_settings
from buystream.wiring.opening import open_database, open_log
from tests.support.patience import patient
from tests.support.ports import reserved_port
from tests.support.roles import PARTITIONS, SeparateShop
from tests.support.shop_process import buystream


def rush(url: str, edition_id: str, buyers: int) -> dict[str, int]:
    """What became of a crowd."""
    done = buystream(
        "rush", "--url", url, "--edition", edition_id, "--buyers", str(buyers), "--concurrency", "16", "--no-ceiling",
        "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert "unanswered" not in outcome["outcomes"]
    endings: dict[str, int] = outcome["endings"]
    return endings


def test_separate_processes_sell_as_one_shop(shop: SeparateShop, kafka_broker: Broker, on_kafka: str) -> None:
    projector, decider, payments, gateway, feeds, live = shop.run(
        "projector", "decider", "payments", "gateway", "feeds", "live"
    )
    decider.wait_until_it_said("works on partitions [0, 1]")
    merchant = shop.add_merchant()
    edition_id = shop.release(merchant["api_key"], stock=60)
    assert rush(shop.url, edition_id, 20) == {"confirmed": 16, "abandoned": 2, "declined": 2}

    # A second gateway answers for the same orders, a second decider takes its share, and releases it when it ends.
    (second,) = shop.run("gateway")
    (other,) = shop.run("decider")
    other.wait_until_it_said("owns partition")
    heard = len(decider.said)
    assert rush(second.url, edition_id, 20)["confirmed"] == 16
    assert other.stop() == 0
    decider.wait_until_it_said("works on partitions [0, 1]", after=heard)
    board = httpx.get(f"{second.url}/v1/editions/{edition_id}").json()
    assert board["sold"] == 32

    assert decider.metric("buystream_partitions_assigned") == PARTITIONS
    assert decider.metric("buystream_commands_decided_total") > 40
    assert payments.metric("buystream_payments_in_flight") == 0
    assert projector.metric("buystream_events_projected_total") > 40
    payments.wait_until_it_said("payments works on partitions [0, 1]")
    payments.wait_until_it_said("flows works on partitions [0, 1]")
    feeds.wait_until_it_said("feeds works on partitions [0, 1]")
    with closing(Topics(kafka_broker.bootstrap)) as topics:
        assert topics.check([merchant_topic(merchant["merchant_id"], prefix=on_kafka)]) == []
    for role in (live, feeds, second, gateway, payments, decider, projector):
        assert role.stop() == 0, role.said
        assert role.said.rstrip().endswith("stopped"), role.said
    assert shop.processes() == []
    audit = buystream("audit", "--json", "--data-dir", str(shop.data_dir))
    assert json.loads(audit.stdout)["violations"] == []
    history_is_whole(shop)


def history_is_whole(shop: SeparateShop) -> None:
    """The view of the past holds every event."""
    settings = read_settings(data_dir=shop.data_dir)
    with open_database(settings) as database, open_log(database, settings) as log:
        events = sum(len(log.read("buystream.events", partition, 0)) for partition in range(log.partitions))
        with closing(psycopg2.connect(database.dsn)) as conn, conn.cursor() as cur:
            cur.execute("SELECT count(*) FROM views.history")
            assert cur.fetchone() == (events,)


def test_the_editions_of_a_killed_decider_answer_again_within_ten_seconds(shop: SeparateShop) -> None:
    projector, decider, gateway, _payments = shop.run("projector", "decider", "gateway", "payments")
    decider.wait_until_it_said("works on partitions [0, 1]")
    merchant = shop.add_merchant()
    editions = [shop.release(merchant["api_key"], stock=10) for _ in range(PARTITIONS)]
    (other,) = shop.run("decider")
    other.wait_until_it_said("owns partition")
    decider.kill()
    killed_at = time.monotonic()
    for edition_id in editions:
        answered = 0
        while answered != 200:
            answered = httpx.post(
                f"{gateway.url}/v1/merchant/editions/{edition_id}/stock",
                headers={"Authorization": f"Bearer {merchant['api_key']}"},
                json={"add": 1},
            ).status_code
        assert time.monotonic() - killed_at < patient(10)
    other.wait_until_it_said("works on partitions [0, 1]")
    for role in (other, gateway, _payments, projector):
        assert role.stop() == 0


@pytest.mark.parametrize("role", ["decider", "gateway", "projector"])
def test_a_role_refuses_to_start_without_topics(role: str, on_kafka: str, tmp_path: Path) -> None:
    refused_in_one_line(role, tmp_path, "'buystream topics apply' creates them")


def test_a_role_refuses_topics_that_would_forget(kafka_broker: Broker, on_kafka: str, tmp_path: Path) -> None:
    with closing(Topics(kafka_broker.bootstrap)) as topics:
        topics.apply(plan(partitions=PARTITIONS, prefix=on_kafka, settings={"retention.ms": "604800000"}))
    refused_in_one_line("decider", tmp_path, "has retention.ms 604800000, not -1")


@pytest.mark.parametrize("role", ["feeds", "live"])
def test_what_needs_kafka_says_so(role: str, tmp_path: Path) -> None:
    refused_in_one_line(role, tmp_path, "set BUYSTREAM_KAFKA_BOOTSTRAP")


def refused_in_one_line(role: str, folder: Path, said: str) -> None:
    port = "--port" if role == "gateway" else "--metrics-port"
    done = buystream(role, "--data-dir", str(folder / "data"), port, "0", BUYSTREAM_LOG_LEVEL="ERROR")
    assert done.returncode == 1, done.stderr
    assert said in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr


def test_topics_are_planned_applied_and_checked(on_kafka: str) -> None:
    planned = buystream("topics", "plan", "--json")
    names = [f"{on_kafka}buystream.{topic}" for topic in ("commands", "events", "deadletter", "feeds")]
    assert [one["topic"] for one in json.loads(planned.stdout)] == names
    assert buystream("topics", "check").returncode == 1
    applied = buystream("topics", "apply", "--json")
    assert applied.returncode == 0, applied.stderr
    assert applied.stdout == planned.stdout
    checked = buystream("topics", "check")
    assert (checked.returncode, checked.stdout.startswith("The topics are as planned on Kafka at ")) == (0, True)
    fewer = buystream("topics", "apply", BUYSTREAM_PARTITIONS="1")
    assert (fewer.returncode, fewer.stderr.count("\n")) == (1, 1)
    assert "partitions are never taken away" in fewer.stderr


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("feed --merchant me0-nobody0000", "buystream.merchant.me0-nobody0000 at "),
        ("feed --merchant no/id", "'no/id' is no merchant's id"),
        ("topics forget me0-nobody0000 --yes", "there is no feed of me0-nobody0000"),
    ],
)
def test_an_unknown_merchant_is_reported_in_one_line(on_kafka: str, command: str, said: str) -> None:
    done = buystream(*command.split())
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
    assert said in done.stderr


@pytest.mark.parametrize("command", ["topics check", "feed --merchant me0-nobody0000"])
def test_an_unreachable_cluster_is_reported_in_one_line(command: str) -> None:
    done = buystream(*command.split(), BUYSTREAM_KAFKA_BOOTSTRAP=f"127.0.0.1:{reserved_port()}")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
    assert "can't be reached" in done.stderr
