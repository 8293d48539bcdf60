"""KafkaLog: the log at scale, on a Kafka cluster (4.x, KRaft). A partition's owner commits in transactions; everyone
else appends with an idempotent producer and reads what is committed."""

from buystream.log.kafka.log import KafkaLog

__all__ = ["KafkaLog"]
