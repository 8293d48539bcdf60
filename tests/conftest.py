"""Fixtures that every test may ask for by name."""

import pytest

from tests.support.kafka import kafka_broker, kafka_log, kafka_prefix
from tests.support.postgres import database_url, postgres_log, postgres_server
from tests.support.stripe.servers import localstripe_url, stripe_mock_url, wall

__all__ = [
    "database_url",
    "kafka_broker",
    "kafka_log",
    "kafka_prefix",
    "localstripe_url",
    "postgres_log",
    "postgres_server",
    "stripe_mock_url",
    "wall",
]


@pytest.fixture(scope="session")
def shop_environment() -> dict[str, str]:
    """What the shops of these tests are told beyond their defaults."""
    return {}
