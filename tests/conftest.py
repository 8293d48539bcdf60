"""Fixtures that every test may ask for by name."""

from tests.support.kafka import kafka_broker, kafka_log, kafka_prefix
from tests.support.postgres import database_url, postgres_log, postgres_server

__all__ = ["database_url", "kafka_broker", "kafka_log", "kafka_prefix", "postgres_log", "postgres_server"]
