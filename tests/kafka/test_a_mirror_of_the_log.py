"""Kafka's own MirrorMaker 2 mirrors the log of a shop to another cluster, configured as docs/operations.md says: the
mirror is the whole history and can be audited; a role refuses to sell from it."""

import json
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from buystream.host.broker import Broker, kafka_jars
from buystream.log import COMMANDS, EVENTS, LogError, Record, read_all
from buystream.log.kafka import KafkaLog
from buystream.log.kafka.clients import KafkaClients
from tests.support.kafka import KafkaPlace
from tests.support.patience import patient, wait_until
from tests.support.ports import reserved_port
from tests.support.roles import SeparateShop
from tests.support.server_logs import show_on_failure
from tests.support.shop_process import STOP_SECONDS, buystream

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
PARTITIONS = 2
MIRRORED_SECONDS = 120
MAIN = "org.apache.kafka.connect.mirror.MirrorMaker"
ONE_BROKER = {
    f"{name}.replication.factor": "1"
    for name in ("offset-syncs.topic", "config.storage", "offset.storage", "status.storage")
} | {"replication.factor": "1", "refresh.topics.interval.seconds": "2"}


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="buystream-test-") as folder:
        yield Path(folder)


def documented(source: str, target: str) -> str:
    """The page's mm2.properties, with these clusters."""
    (block,) = re.findall(r"^# mm2\.properties\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    properties = dict(line.partition("=")[::2] for line in block.splitlines() if line and not line.startswith("#"))
    changed = {
        "shop.bootstrap.servers": source,
        "mirror.bootstrap.servers": target,
        "shop->mirror.topics": r".*buystream\..*",
    }
    assert changed.keys() <= properties.keys()
    return "".join(f"{name}={value}\n" for name, value in (properties | changed | ONE_BROKER).items())


@contextmanager
def mirroring(folder: Path, source: str, target: str) -> Iterator[None]:
    properties, log_file = folder / "mm2.properties", folder / "mm2.log"
    properties.write_text(documented(source, target))
    show_on_failure("MirrorMaker", log_file)
    jars = kafka_jars("connect-mirror")
    command = ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", f"{jars}/*", MAIN, str(properties)]
    with log_file.open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        process.wait(patient(STOP_SECONDS))


def records(place: KafkaPlace, topic: str) -> list[Record]:
    with closing(KafkaLog(place.bootstrap, prefix=place.prefix, answer_seconds=patient(10))) as log:
        return [record for partition in range(log.partitions) for record in read_all(log, topic, partition)]


def has_all(place: KafkaPlace, wanted: dict[str, list[Record]]) -> bool:
    try:
        return all(len(records(place, topic)) >= len(expected) for topic, expected in wanted.items())
    except LogError:  # the topics are not all there yet
        return False


def write_what_is_aborted(bootstrap: str, prefix: str) -> None:
    """A transaction among the events that never counts."""
    producer = KafkaClients(bootstrap, prefix, patient(10), {}).producer(transactional_id=f"{prefix}aborted")
    producer.init_transactions(patient(10))
    producer.begin_transaction()
    producer.produce(prefix + EVENTS, b"{}", partition=0)
    producer.flush(patient(10))
    producer.abort_transaction(patient(10))


def test_mirror_maker_mirrors_the_whole_history_and_no_role_sells_from_it(
    kafka_broker: Broker, kafka_prefix: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUYSTREAM_KAFKA_BOOTSTRAP", kafka_broker.bootstrap)
    monkeypatch.setenv("BUYSTREAM_KAFKA_PREFIX", kafka_prefix)
    monkeypatch.setenv("BUYSTREAM_PARTITIONS", str(PARTITIONS))
    assert buystream("topics", "apply").returncode == 0
    shop = SeparateShop(folder / "data")
    ports = {"port": reserved_port(), "controller_port": reserved_port()}
    at = ("--data-dir", str(shop.data_dir))
    try:
        shop.run("projector", "decider", "payments", "gateway")
        shop.sell(shop.release(shop.add_merchant()["api_key"], stock=20))
        for role in shop.roles:
            assert role.stop() == 0
        before = json.loads(buystream("audit", "--json", *at).stdout)
        with Broker(folder / "mirror", start_seconds=patient(120), **ports) as mirror:
            write_what_is_aborted(kafka_broker.bootstrap, kafka_prefix)
            ours, theirs = KafkaPlace(kafka_broker.bootstrap, kafka_prefix), KafkaPlace(mirror.bootstrap, kafka_prefix)
            wanted = {topic: records(ours, topic) for topic in (COMMANDS, EVENTS)}
            with mirroring(folder, kafka_broker.bootstrap, mirror.bootstrap):
                wait_until(lambda: has_all(theirs, wanted), MIRRORED_SECONDS)
            assert records(theirs, COMMANDS) == wanted[COMMANDS], "with their positions and times"
            unplaced = [replace(one, position=0) for one in wanted[EVENTS]]
            assert [replace(one, position=0) for one in records(theirs, EVENTS)] == unplaced
            on_mirror = {"BUYSTREAM_KAFKA_BOOTSTRAP": mirror.bootstrap}
            audited = buystream("audit", "--json", *at, **on_mirror)
            assert audited.returncode == 0, audited.stdout + audited.stderr
            assert json.loads(audited.stdout) == before
            refused = buystream("decider", *at, "--metrics-port", "0", BUYSTREAM_LOG_LEVEL="ERROR", **on_mirror)
            assert (refused.returncode, refused.stderr.count("\n")) == (1, 1), refused.stderr
            assert "has message.timestamp.type CreateTime, not LogAppendTime" in refused.stderr
    finally:
        shop.close()
