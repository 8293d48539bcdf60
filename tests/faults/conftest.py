"""Every scenario: a shop of separate processes on a real broker and PostgreSQL, a crowd, something that goes wrong at
a moment drawn from a seed (BUYSTREAM_FAULTS_SEED), recovery, one ending (`books.assert_sound`).
`make faults` runs them."""

import os
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from buystream import cluster
from buystream.host.broker import Broker
from tests.faults.alarms import SCENARIOS, promises
from tests.faults.shop import PARTITIONS, FaultyShop
from tests.support.patience import patient
from tests.support.ports import reserved_port
from tests.support.tcp_proxy import TcpProxy

SEED = os.environ.get("BUYSTREAM_FAULTS_SEED", "4")

LAST_LINES = 25

FAILED: set[str] = set()
PASSED: set[str] = set()


class ProxiedBroker(Broker):
    """A broker with a second listener, which sends its clients through a proxy."""

    def __init__(self, data_dir: Path) -> None:
        port, controller_port, self.listener_port, self.proxy_port = (reserved_port() for _ in range(4))
        host = "127.0.0.1"
        super().__init__(
            data_dir,
            port=port,
            controller_port=controller_port,
            start_seconds=patient(120),
            settings={
                "listeners": f"PLAINTEXT://{host}:{port},PROXIED://{host}:{self.listener_port},"
                f"CONTROLLER://{host}:{controller_port}",
                "advertised.listeners": f"PLAINTEXT://{host}:{port},PROXIED://{host}:{self.proxy_port}",
                "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT",
                "controller.quorum.voters": f"1@{host}:{controller_port}",
            },
        )


@pytest.fixture(scope="session")
def kafka_broker() -> Iterator[ProxiedBroker]:
    """One for all scenarios, each of which has names of its own; stopped when the session ends."""
    with tempfile.TemporaryDirectory(prefix="buystream-faults-") as folder, ProxiedBroker(Path(folder)) as broker:
        yield broker


@pytest.fixture
def proxy(kafka_broker: ProxiedBroker) -> Iterator[TcpProxy]:
    """Between the broker and the clients that are sent through it."""
    with TcpProxy(kafka_broker.proxy_port, kafka_broker.listener_port) as proxy:
        yield proxy


@pytest.fixture
def kafka_bootstrap(kafka_broker: ProxiedBroker) -> str:
    """Where the shop's log is; a scenario may have another cluster."""
    return kafka_broker.bootstrap


@pytest.fixture
def shop(
    kafka_bootstrap: str, kafka_prefix: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[FaultyShop]:
    """Its topics are there; nothing runs yet. After a failure it prints the last words of every process."""
    failed_before = request.session.testsfailed
    monkeypatch.setenv("BUYSTREAM_KAFKA_BOOTSTRAP", kafka_bootstrap)
    monkeypatch.setenv("BUYSTREAM_KAFKA_PREFIX", kafka_prefix)
    monkeypatch.setenv("BUYSTREAM_PARTITIONS", str(PARTITIONS))
    monkeypatch.setenv("BUYSTREAM_RESTART_GRACE_SECONDS", "2")
    # The crowd comes from one address, with a declined card in every tenth hand.
    monkeypatch.setenv("BUYSTREAM_NETWORK_DECLINES", "0")
    with tempfile.TemporaryDirectory(prefix="buystream-faults-") as folder:
        lost = SCENARIOS[request.node.name]
        shop = FaultyShop(Path(folder, "data"), promised=promises()[lost] if lost else set())
        with cluster.open_topics(shop.settings) as topics:
            topics.apply(cluster.all_topics(shop.settings, partitions=PARTITIONS))
        try:
            yield shop
        finally:
            if request.session.testsfailed > failed_before:
                for log in Path(folder).glob("*.log"):
                    print(f"--- {log.name}", *log.read_text().splitlines()[-LAST_LINES:], sep="\n")
            shop.close()


@pytest.fixture
def moments(request: pytest.FixtureRequest) -> random.Random:
    """When things go wrong: the same seed and scenario, the same moments."""
    return random.Random(f"{SEED} {request.node.name}")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A scenario has passed if all of it has, its tidying up too."""
    if report.failed:
        FAILED.add(report.nodeid)
    elif report.when == "call" and report.passed:
        PASSED.add(report.nodeid)


def pytest_unconfigure() -> None:
    """The last line of the run."""
    print(f"{len(PASSED - FAILED)} passed, {len(FAILED)} failed")
