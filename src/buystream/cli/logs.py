"""The commands that look after the log: its topics on Kafka, and its move there."""

import sys
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table

from buystream import cluster
from buystream.cli import options
from buystream.cli.upkeep import QUIET, of_a_shop
from buystream.errors import BuystreamError
from buystream.log import TOPICS
from buystream.log.copy import copy_log, mark_as_moved
from buystream.log.postgres import PostgresLog
from buystream.log.topics import Difference, merchant_topic
from buystream.settings import Settings
from buystream.wiring import open_database


@click.group()
def topics() -> None:
    """Plan, make and check the topics on Kafka, and what merchants' users may do there.

    Set by BUYSTREAM_KAFKA_BOOTSTRAP, _PREFIX, _REPLICATION, _OPTIONS, BUYSTREAM_PARTITIONS and
    BUYSTREAM_MERCHANT_BYTES_PER_SECOND.
    """


@topics.command("plan")
@options.as_json
def plan_topics(as_json: bool) -> None:
    """Show what `apply` would make or change. Changes nothing."""
    settings = options.settings_and_logging(level=QUIET)
    _print(_differences(settings), as_json=as_json)


@topics.command()
@options.as_json
def apply(as_json: bool) -> None:
    """Make the topics as they should be. Refuses what would reorder or forget history, and then changes nothing.

    Where the cluster has an authorizer, each merchant's user may read the merchant's own topic afterwards: run it
    again for merchants who have come since.
    """
    settings = options.settings_and_logging(level=QUIET)
    with cluster.open_topics(settings) as there, cluster.open_grants(settings) as grants:
        changed = there.apply(cluster.all_topics(settings, partitions=settings.partitions)) + grants.apply()
    _print(changed, as_json=as_json)


@topics.command()
@options.as_json
def check(as_json: bool) -> None:
    """Compare the topics with the plan. The exit status is 1 when something differs."""
    settings = options.settings_and_logging(level=QUIET)
    differences = _differences(settings)
    _print(differences, as_json=as_json)
    sys.exit(1 if differences else 0)


@topics.command()
@click.argument("merchant_id")
@click.confirmation_option(prompt="Whoever reads this merchant's feed loses what they have not read. Delete it?")
def forget(merchant_id: str) -> None:
    """Delete the topic of the feed of MERCHANT_ID, and what its user may do.

    It comes back, without its past, with the merchant's next event.
    """
    settings = options.settings_and_logging(level=QUIET)
    with cluster.open_topics(settings) as there, cluster.open_grants(settings) as grants:
        grants.revoke(merchant_id)
        if not there.delete(merchant_topic(merchant_id, prefix=settings.kafka_prefix).name):
            raise BuystreamError(f"there is no feed of {merchant_id}")
    click.echo(f"the feed of {merchant_id} is deleted")


def _differences(settings: Settings) -> list[Difference]:
    with cluster.open_topics(settings) as there, cluster.open_grants(settings) as grants:
        return there.check(cluster.all_topics(settings, partitions=settings.partitions)) + grants.check()


def _print(differences: list[Difference], *, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(differences).decode())
    elif not differences:
        click.echo("The topics are as planned.")
    else:
        table = Table("topic", "what", "found", "wanted", "refused")
        for one in differences:
            table.add_row(one.topic, one.what, one.found, one.wanted, one.refused)
        Console().print(table)


@click.group()
def log() -> None:
    """Move the log of a shop."""


@log.command()
@click.option("--to", type=click.Choice(["kafka"]), required=True, help="Where to.")
@options.data_dir
@options.as_json
def copy(to: str, as_json: bool, **chosen: Any) -> None:
    """Copy the log of a stopped shop from PostgreSQL to empty topics on Kafka, and sell from there on.

    Every record keeps its position and its time; both logs are read to the end and compared. What was interrupted
    goes on when it is run again. Afterwards this shop starts only with BUYSTREAM_KAFKA_BOOTSTRAP set.
    """
    settings = of_a_shop(chosen)
    clients = cluster.clients(settings)
    with open_database(settings) as database:
        source = PostgresLog(database.dsn, partitions=1)
        try:
            planned = cluster.log_topics(settings, partitions=source.partitions)
            with cluster.open_topics(settings) as there, options.progress_bar() as bar:
                task = bar.add_task("records", total=_count(source))
                copied = copy_log(source, clients, there, planned, lambda count: bar.advance(task, count))
        finally:
            source.close()
        mark_as_moved(database.dsn, settings.kafka_bootstrap)
    if as_json:
        click.echo(msgspec.json.encode(copied).decode())
        return
    table = Table("topic", "partition", "records", "checksum")
    for one in copied:
        table.add_row(one.topic, str(one.partition), str(one.records), one.checksum)
    Console().print(table)
    click.echo(f"The log is on {to.capitalize()} now: set BUYSTREAM_KAFKA_BOOTSTRAP for good.")


def _count(source: PostgresLog) -> int:
    return sum(source.end(topic, partition) for topic in TOPICS for partition in range(source.partitions))
