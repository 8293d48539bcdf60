"""The command that moves the log of a shop to Kafka."""

from contextlib import closing
from typing import Any

import click
import msgspec
from rich.table import Table

from buystream.cli import options
from buystream.erasures import erase_again, read_erased
from buystream.log import TOPICS
from buystream.log.moved import mark_as_moved
from buystream.log.postgres import PostgresLog
from buystream.wiring.opening import open_database, open_vault


@click.group()
def log() -> None:
    """Move the log of a shop."""


@log.command()
@click.option("--to", type=click.Choice(["kafka"]), required=True, help="Where to move the log.")
@options.data_dir
@options.as_json_array
def copy(to: str, as_json: bool, **chosen: Any) -> None:
    """Copy the log of a stopped shop from PostgreSQL to empty topics on Kafka, and switch the shop over.

    Every record keeps its position and its time; both logs are read to the end and compared. Run it
    again to resume an interrupted copy. Buyers who were erased are erased again. Afterwards this shop starts
    only with BUYSTREAM_KAFKA_BOOTSTRAP set.
    """
    from buystream import cluster  # with Kafka's clients, which take long to import
    from buystream.log.copy import copy_log

    settings = options.of_a_shop(chosen)
    clients = cluster.clients(settings)
    with open_database(settings) as database:
        source = PostgresLog(database.dsn, partitions=1)
        try:
            planned = cluster.log_topics(settings, partitions=source.partitions)
            with closing(open_vault(settings, database.dsn)) as vault:
                file = settings.erased_file
                erase_again(read_erased(file) if file else (), vault, source)
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
        options.add_row(table, one.topic, str(one.partition), str(one.records), one.checksum)
    options.print_table(table)
    click.echo(f"The log is now on {to.capitalize()}: set BUYSTREAM_KAFKA_BOOTSTRAP permanently.")


def _count(source: PostgresLog) -> int:
    return sum(source.end(topic, partition) for topic in TOPICS for partition in range(source.partitions))
