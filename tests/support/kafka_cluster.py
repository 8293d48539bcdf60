"""A Kafka cluster of three nodes on this machine, each a broker and a controller: it keeps everything three times."""

import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from confluent_kafka.admin import AdminClient, TopicMetadata

from buystream.host.broker import Broker, new_cluster_id
from tests.support.patience import patient, wait_until
from tests.support.ports import reserved_port

NODES = 3
HOST = "127.0.0.1"
REPLICATED_SECONDS = 60
BY_RACK = "org.apache.kafka.common.replica.RackAwareReplicaSelector"

SETTINGS = {
    # Kafka's own, which a cluster has unless somebody changes it: how long a broker is silent before it is missed.
    "broker.heartbeat.interval.ms": "2000",
    "broker.session.timeout.ms": "9000",
    "offsets.topic.replication.factor": str(NODES),
    "transaction.state.log.replication.factor": str(NODES),
    "transaction.state.log.min.isr": str(NODES - 1),
}


class Cluster:
    """Its nodes, by the number that Kafka knows them by."""

    def __init__(self, folder: Path, racks: Mapping[int, str]) -> None:
        numbers = range(1, NODES + 1)
        ports = {number: reserved_port() for number in numbers}
        controllers = {number: reserved_port() for number in numbers}
        voters = ",".join(f"{number}@{HOST}:{controllers[number]}" for number in numbers)
        cluster_id = new_cluster_id()
        self.nodes = {
            number: Broker(
                folder / str(number),
                port=ports[number],
                start_seconds=patient(120),
                cluster_id=cluster_id,
                settings=SETTINGS
                | {
                    "node.id": str(number),
                    "listeners": f"PLAINTEXT://{HOST}:{ports[number]},CONTROLLER://{HOST}:{controllers[number]}",
                    "controller.quorum.voters": voters,
                }
                | ({"broker.rack": racks[number], "replica.selector.class": BY_RACK} if racks else {}),
            )
            for number in numbers
        }
        self.bootstrap = ",".join(node.bootstrap for node in self.nodes.values())

    def start(self) -> None:
        """All at once: one alone is no majority, and doesn't answer."""
        with ThreadPoolExecutor(NODES) as threads:
            for started in [threads.submit(node.start) for node in self.nodes.values()]:
                started.result()

    def kill(self) -> None:
        """All that still run."""
        for node in self.nodes.values():
            node.kill()

    def leader(self, topic: str, partition: int) -> Broker:
        """The node that takes this partition's writes."""
        return self.nodes[self._topics()[topic].partitions[partition].leader]

    def coordinator(self, transactional_id: str) -> Broker:
        """The node that decides this writer's transactions: Kafka finds it by Java's hash of the name."""
        hashed = 0
        for character in transactional_id:
            hashed = (31 * hashed + ord(character)) & 0xFFFFFFFF
        partitions = len(self._topics()["__transaction_state"].partitions)
        return self.leader("__transaction_state", (hashed & 0x7FFFFFFF) % partitions)

    def wait_until_replicated(self) -> None:
        """Until every node has every partition of every topic, Kafka's own included."""
        wait_until(
            lambda: not self._missing(),
            REPLICATED_SECONDS,
            otherwise=lambda: f"not on {NODES} nodes: {self._missing()}",
        )

    def _missing(self) -> list[str]:
        return [
            f"{name} {number}"
            for name, topic in self._topics().items()
            for number, partition in topic.partitions.items()
            if len(partition.isrs) < NODES
        ]

    def _topics(self) -> dict[str, TopicMetadata]:
        client = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        topics: dict[str, TopicMetadata] = client.list_topics(timeout=patient(30)).topics
        return topics


@contextmanager
def running_cluster(racks: Mapping[int, str] = MappingProxyType({})) -> Iterator[Cluster]:
    """In a folder of its own, gone afterwards; `racks` says where each node is, and lets clients read there."""
    with tempfile.TemporaryDirectory(prefix="buystream-cluster-") as folder:
        cluster = Cluster(Path(folder), racks)
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.kill()
