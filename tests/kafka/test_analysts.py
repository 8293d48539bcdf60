"""The analysts' page, run as it is written: by a user who may read all events of a shop on a broker with permissions,
and nothing else."""

import json
import re
import secrets
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AclBinding, AclOperation, AclPermissionType, AdminClient, ResourcePatternType
from confluent_kafka.admin import ResourceType as Kind

from buystream import cluster
from buystream.log import COMMANDS, EVENTS, read_all
from buystream.vocabulary.codec import read_event
from buystream.vocabulary.events import OrderConfirmed, OrderPlaced
from tests.support.guarded_kafka import GuardedBroker
from tests.support.patience import patient
from tests.support.roles import PARTITIONS, SeparateShop, separate_shop
from tests.support.shop_process import buystream

PAGE = (Path(__file__).parents[2] / "docs" / "analysts.md").read_text()
WAIT_SECONDS = 30
ANALYST = "ana"
PASSWORDS = {user: secrets.token_hex(16) for user in ("shop", ANALYST)}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedBroker]:
    with GuardedBroker(tmp_path_factory.mktemp("guarded"), PASSWORDS) as broker:
        yield broker


@pytest.fixture
def shop(guarded: GuardedBroker, monkeypatch: pytest.MonkeyPatch) -> Iterator[SeparateShop]:
    """Nothing runs yet, the topics are there, and the analyst may read."""
    monkeypatch.setenv("BUYSTREAM_KAFKA_BOOTSTRAP", guarded.address)
    monkeypatch.setenv("BUYSTREAM_KAFKA_OPTIONS", guarded.options("shop"))
    monkeypatch.setenv("BUYSTREAM_KAFKA_ANALYSTS", ANALYST)
    monkeypatch.setenv("BUYSTREAM_PARTITIONS", str(PARTITIONS))
    applied = buystream("topics", "apply", "--json")
    assert applied.returncode == 0, applied.stderr
    assert "READ TOPIC for ana" in {one["what"] for one in json.loads(applied.stdout)}
    checked = buystream("topics", "check")
    assert checked.returncode == 0, checked.stdout
    with separate_shop() as shop:
        yield shop


def blocks(language: str) -> list[str]:
    """The page's examples."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.M | re.S)


def queries() -> list[str]:
    return [one for block in blocks("sql") for one in re.sub(r"--.*", "", block).split(";") if one.strip()]


def test_an_analyst_counts_the_sales_with_a_user_that_can_only_read(
    guarded: GuardedBroker, shop: SeparateShop, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    shop.run("projector", "decider", "payments", "gateway")
    merchant = shop.add_merchant()
    for _ in range(PARTITIONS):
        shop.sell(shop.release(merchant["api_key"], stock=100))
    for role in reversed(shop.roles):
        assert role.stop() == 0
    with closing(cluster.kafka_log(shop.settings)) as log:
        found = [read_event(one.value) for number in range(PARTITIONS) for one in read_all(log, EVENTS, number)]
    confirmed = [event for event in found if isinstance(event, OrderConfirmed)]
    buyers = {event.buyer_id for event in found if isinstance(event, OrderPlaced)}
    assert len(confirmed) >= 10

    # Her environment names the brokers and herself, neither a secret key nor a database.
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BUYSTREAM_KAFKA_OPTIONS", guarded.options(ANALYST))
    monkeypatch.delenv("BUYSTREAM_KAFKA_ANALYSTS")
    assert blocks("sh")[0] == "buystream events > events.ndjson\n"
    printed = buystream("events")
    assert (printed.returncode, printed.stderr) == (0, ""), printed.stderr
    Path("events.ndjson").write_text(printed.stdout)
    lines = [json.loads(line) for line in printed.stdout.splitlines()]
    assert len(lines) == len(found)
    assert len({line["id"] for line in lines}) == len(lines)

    five_lines = blocks("python")[0]
    assert len(five_lines.replace("\n\n", "\n").splitlines()) == 5
    names: dict[str, object] = {}
    exec(five_lines, names)
    total = sum(event.amount_minor for event in confirmed)
    assert capsys.readouterr().out == f"{[('USD', len(confirmed), total)]}\n"
    answers = [answered(query, names["events"]) for query in queries()]
    (took, refused, came_back, _, not_erased) = answers
    assert {edition for edition, _ in took} == {event.edition_id for event in confirmed}
    assert refused == []
    assert dict(came_back) == Counter(Counter(event.buyer_id for event in confirmed).values())
    assert not_erased == [(len(confirmed),)]

    public = buystream("events", "--public")
    assert public.returncode == 0
    assert len(public.stdout.splitlines()) >= len(confirmed)
    assert not [buyer for buyer in buyers if buyer in public.stdout]
    assert "buyer_id" not in public.stdout

    kcat_reads_as_much(guarded, len(found))
    may_do_nothing_else(guarded)


def answered(query: str, events: object) -> list[tuple[object, ...]]:
    """What the query finds; `events` is the page's."""
    found = duckdb.sql(query)  # which finds `events` among the variables here
    return found.fetchall() if found is not None else []


def kcat_reads_as_much(guarded: GuardedBroker, number: int) -> None:
    """With a program that nobody here wrote."""
    program = shutil.which("kcat")
    assert program, "kcat is missing: run tools/bootstrap.sh clients"
    options = [
        f"-X{name}={value}" for name, value in guarded.librdkafka(ANALYST).items() if name != "bootstrap.servers"
    ]
    (command,) = re.findall(r"`kcat ([^`]+)`", PAGE)
    said = subprocess.run(
        [program, "-b", guarded.address, *options, "-q", *command.split()],
        capture_output=True, text=True, check=False, timeout=patient(60),
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    assert len([json.loads(line) for line in said.stdout.splitlines()]) == number


def may_do_nothing_else(guarded: GuardedBroker) -> None:
    ana = guarded.librdkafka(ANALYST)
    consumer = Consumer(ana | {"group.id": "buystream-analysts.report"})
    consumer.assign([TopicPartition(COMMANDS, 0, 0)])
    message = consumer.poll(patient(WAIT_SECONDS))
    assert message is not None
    assert message.error() is not None
    assert message.error().code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
    consumer.close()

    codes: list[object] = []
    producer = Producer(ana)
    producer.produce(EVENTS, b"mine", partition=0, on_delivery=lambda error, _: codes.append(error and error.code()))
    producer.flush(patient(WAIT_SECONDS))
    assert codes == [KafkaError.TOPIC_AUTHORIZATION_FAILED]

    intruder = Consumer(ana | {"group.id": "buystream-decider"})
    intruder.subscribe([EVENTS])
    message = intruder.poll(patient(WAIT_SECONDS))
    assert message is not None
    assert message.error() is not None
    assert message.error().code() == KafkaError.GROUP_AUTHORIZATION_FAILED
    intruder.close()

    more = AclBinding(
        Kind.TOPIC,
        COMMANDS,
        ResourcePatternType.LITERAL,
        f"User:{ANALYST}",
        "*",
        AclOperation.READ,
        AclPermissionType.ALLOW,
    )
    admin = AdminClient(ana)
    (granted,) = admin.create_acls([more]).values()
    with pytest.raises(KafkaException, match="CLUSTER_AUTHORIZATION_FAILED"):
        granted.result(patient(WAIT_SECONDS))
