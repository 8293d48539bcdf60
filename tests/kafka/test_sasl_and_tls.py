"""On a broker that speaks SASL_SSL only: the shop's three client libraries are configured by the documented variables,
and a client that is refused learns in one line which of the three things is wrong."""

import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from buystream.wiring.opening import open_database
from tests.support.kafka_secured import ADMIN, HOST, SHOP, SecuredBroker
from tests.support.patience import patient, wait_until
from tests.support.ports import reserved_port
from tests.support.roles import SeparateShop
from tests.support.server_logs import show_on_failure
from tests.support.shop_process import buystream

PREFIX = "tls."
FEED = "feed --merchant me0-n1ghtsky00"
SECONDS = 5
"""From a command's start to its one line."""


@pytest.fixture(scope="module")
def secured() -> Iterator[SecuredBroker]:
    with tempfile.TemporaryDirectory(prefix="buystream-test-") as folder:
        show_on_failure("the secured broker", Path(folder, "data", "broker.log"))
        with SecuredBroker(Path(folder)) as broker:
            broker.allow_shop(PREFIX)
            yield broker


def environment(broker: SecuredBroker, options: Path) -> dict[str, str]:
    return {
        "BUYSTREAM_KAFKA_BOOTSTRAP": broker.address,
        "BUYSTREAM_KAFKA_PREFIX": PREFIX,
        "BUYSTREAM_KAFKA_OPTIONS_FILE": str(options),
        "BUYSTREAM_PARTITIONS": "2",
    }


def test_an_order_is_sold_over_sasl_and_tls_by_all_three_client_libraries(
    secured: SecuredBroker, tmp_path: Path
) -> None:
    admins, shops = tmp_path / "admin.options", tmp_path / "shop.options"
    admins.write_text(secured.options(ADMIN))
    shops.write_text(secured.options(SHOP))
    applied = buystream("topics", "apply", **environment(secured, admins))  # kafka-python
    assert applied.returncode == 0, applied.stderr
    with tempfile.TemporaryDirectory(prefix="buystream-test-") as folder:
        shop = SeparateShop(Path(folder, "data"), **environment(secured, shops))
        try:
            *_, live = shop.run("projector", "decider", "payments", "gateway", "feeds", "live")
            live.wait_until_it_said("live works on partitions [0, 1]")  # aiokafka, in Faust
            merchant = shop.add_merchant()
            edition_id = shop.release(merchant["api_key"], stock=20)
            shop.sell(edition_id)  # confluent-kafka: gateway, decider, payments, feeds
            wait_until(lambda: counted(shop, edition_id) > 0, otherwise=live.last_words)
            merchants = ("--merchant", merchant["merchant_id"], "--idle-seconds", str(patient(5)))
            feed = buystream("feed", *merchants, **environment(secured, shops))  # kafka-python, the merchant's library
            assert feed.returncode == 0, feed.stderr
            assert "OrderConfirmed" in feed.stdout
        finally:
            shop.close()


def counted(shop: SeparateShop, edition_id: str) -> int:
    """Orders of the edition in the windows of `live`."""
    with (
        open_database(shop.settings) as database,
        closing(psycopg2.connect(database.dsn)) as conn,
        conn.cursor() as cur,
    ):
        cur.execute("SELECT count(*) FROM live.windows WHERE edition_id = %s AND sales > 0", (edition_id,))
        (found,) = cur.fetchone() or (0,)
        return int(found)


WRONG = {
    "password": ({"sasl_password": "wrong"}, "refuses this client by SASL"),
    "mechanism": ({"sasl_mechanism": "PLAIN"}, "refuses this client by SASL"),
    "no password": ({"security_protocol": "SSL"}, "refuses this client by SASL"),
    "no TLS": ({"security_protocol": "SASL_PLAINTEXT"}, "refuses this client by TLS"),
    "authority": ({"ssl_ca_location": "OTHER"}, "refuses this client by TLS"),
    "file": ({"ssl_ca_location": "/nowhere/ca.pem"}, "BUYSTREAM_KAFKA_OPTIONS can't be used"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_refusal_by_sasl_or_tls_is_reported_as_such_within_five_seconds(
    secured: SecuredBroker, tmp_path: Path, wrong: str
) -> None:
    changed, said = WRONG[wrong]
    changed = {name: str(secured.other_ca_file) if value == "OTHER" else value for name, value in changed.items()}
    options = tmp_path / "options"
    options.write_text(secured.options(SHOP, **changed))
    line = told_in_one_line("decider", tmp_path, **environment(secured, options))
    assert said in line
    if wrong != "file":
        assert f"Kafka at {secured.address} (prefix {PREFIX})" in line


@pytest.mark.parametrize("command", ["topics check", "topics apply", "gateway", "live", FEED])
def test_every_command_says_that_it_is_refused(secured: SecuredBroker, tmp_path: Path, command: str) -> None:
    options = tmp_path / "options"
    options.write_text(secured.options(SHOP, sasl_password="wrong"))
    line = told_in_one_line(command, tmp_path, **environment(secured, options))
    assert f"Kafka at {secured.address} (prefix {PREFIX}) refuses this client by SASL" in line


@pytest.mark.parametrize("command", ["topics check", "decider", "gateway", "live", FEED])
def test_every_command_says_that_no_broker_can_be_reached(tmp_path: Path, command: str) -> None:
    address = f"{HOST}:{reserved_port()}"
    line = told_in_one_line(command, tmp_path, BUYSTREAM_KAFKA_BOOTSTRAP=address, BUYSTREAM_KAFKA_PREFIX=PREFIX)
    assert f"Kafka at {address} (prefix {PREFIX}) can't be reached" in line


def test_an_address_that_never_answers_can_not_be_reached(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as silent:
        address = f"{HOST}:{silent.getsockname()[1]}"
        line = told_in_one_line("decider", tmp_path, BUYSTREAM_KAFKA_BOOTSTRAP=address)
    assert f"Kafka at {address} (no prefix) can't be reached" in line


@pytest.mark.parametrize("command", ["decider", "gateway", "live"])
def test_every_role_says_which_topics_it_misses_and_where(secured: SecuredBroker, tmp_path: Path, command: str) -> None:
    line = told_in_one_line(
        command, tmp_path, BUYSTREAM_KAFKA_BOOTSTRAP=secured.bootstrap, BUYSTREAM_KAFKA_PREFIX="other."
    )
    assert "there is no topic other.buystream.commands" in line
    assert f"Kafka at {secured.bootstrap} (prefix other.)" in line
    assert "'buystream topics apply' creates them" in line


def told_in_one_line(command: str, folder: Path, **environment: str) -> str:
    """What the command says before it ends with status 1, soon."""
    ports = {"BUYSTREAM_PORT": "0", "BUYSTREAM_METRICS_PORT": "0", "BUYSTREAM_DATA_DIR": str(folder / "data")}
    began = time.monotonic()
    buystream(*command.split(), "--help")
    asked = time.monotonic()  # a busy machine starts a program slowly, which is not what this is about
    done = buystream(*command.split(), **ports, BUYSTREAM_LOG_LEVEL="ERROR", **environment)
    assert time.monotonic() - asked < patient(SECONDS) + (asked - began)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stdout + done.stderr
    return done.stderr
