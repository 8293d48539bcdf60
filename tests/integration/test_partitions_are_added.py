"""A used shop gets more partitions, over HTTP: its hosted users keep their cards, and a release that is sent again
makes no second edition."""

from buystream.log.postgres import PostgresLog
from tests.support.growing import adding_partitions_changes_nothing


def test_adding_partitions_to_a_used_shop_changes_nothing_that_exists(database_url: str) -> None:
    adding_partitions_changes_nothing(database_url, lambda partitions: PostgresLog(database_url, partitions=partitions))
