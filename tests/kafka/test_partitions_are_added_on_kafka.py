"""The same on a real cluster, whose topics get partitions by `buystream topics apply`'s own code."""

from buystream.host.broker import Broker
from tests.support.growing import adding_partitions_changes_nothing
from tests.support.kafka import KafkaPlace


def test_adding_partitions_to_a_used_cluster_changes_nothing_that_exists(
    kafka_broker: Broker, kafka_prefix: str, database_url: str
) -> None:
    adding_partitions_changes_nothing(database_url, KafkaPlace(kafka_broker.bootstrap, kafka_prefix).open)
