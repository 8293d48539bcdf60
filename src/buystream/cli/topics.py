"""The commands that look after the topics on Kafka. What they work with is imported when one of them runs."""

import sys
from typing import TYPE_CHECKING

import click
import msgspec
from rich.table import Table

from buystream.cli import options
from buystream.errors import BuystreamError
from buystream.settings import Settings

if TYPE_CHECKING:
    from buystream.log.topics import TopicDifference


@click.group()
def topics() -> None:
    """Plan, create and check the Kafka topics and the merchants' access to them.

    Settings: BUYSTREAM_KAFKA_BOOTSTRAP, _PREFIX, _REPLICATION, _OPTIONS, BUYSTREAM_PARTITIONS and
    BUYSTREAM_MERCHANT_BYTES_PER_SECOND.
    """


@topics.command("plan")
@options.as_json_array
def plan_topics(as_json: bool) -> None:
    """Show what `apply` would create or change, without doing it."""
    settings = options.settings_and_logging(level=options.QUIET)
    _print(settings, _differences(settings), as_json=as_json)


@topics.command()
@options.as_json_array
def apply(as_json: bool) -> None:
    """Create or change the topics as planned, and say what was done. Refuses any change that would reorder or lose
    history.

    On a cluster with an authorizer, this also lets each merchant's user read that merchant's topic: run it again
    after new merchants have registered.
    """
    from buystream import cluster  # with Kafka's clients, which take long to import

    settings = options.settings_and_logging(level=options.QUIET)
    with cluster.open_topics(settings) as there, cluster.open_grants(settings) as grants:
        changed = there.apply(cluster.all_topics(settings, partitions=settings.partitions)) + grants.apply()
    if as_json:
        click.echo(msgspec.json.encode(changed).decode())
        return
    for one in changed:
        click.echo(cluster.made(one))
    where = cluster.clients(settings).where
    click.echo(f"Changes on {where}: {len(changed)}." if changed else f"Nothing to do: all is as planned on {where}.")


@topics.command()
@options.as_json_array
def check(as_json: bool) -> None:
    """Compare the topics with the plan. The exit status is 1 when something differs."""
    settings = options.settings_and_logging(level=options.QUIET)
    differences = _differences(settings)
    _print(settings, differences, as_json=as_json)
    sys.exit(1 if differences else 0)


@topics.command()
@click.argument("merchant_id")
@click.confirmation_option(prompt="Readers of this merchant's feed lose any events they have not read. Delete it?")
def forget(merchant_id: str) -> None:
    """Delete the feed topic of MERCHANT_ID and its user's access.

    The merchant's next event creates it again, without its history.
    """
    from buystream import cluster
    from buystream.log.topics import merchant_topic

    settings = options.settings_and_logging(level=options.QUIET)
    with cluster.open_topics(settings) as there, cluster.open_grants(settings) as grants:
        grants.revoke(merchant_id)
        if not there.delete(merchant_topic(merchant_id, prefix=settings.kafka_prefix).name):
            raise BuystreamError(f"there is no feed of {merchant_id}")
    click.echo(f"the feed of {merchant_id} is deleted")


def _differences(settings: Settings) -> "list[TopicDifference]":
    from buystream import cluster

    with cluster.open_topics(settings) as there, cluster.open_grants(settings) as grants:
        return there.check(cluster.all_topics(settings, partitions=settings.partitions)) + grants.check()


def _print(settings: Settings, differences: "list[TopicDifference]", *, as_json: bool) -> None:
    from buystream import cluster

    if as_json:
        click.echo(msgspec.json.encode(differences).decode())
    elif not differences:
        click.echo(f"The topics are as planned on {cluster.clients(settings).where}.")
    else:
        table = Table("topic", "what", "found", "wanted", "refused")
        for one in differences:
            options.add_row(table, one.topic, one.what, one.found, one.wanted, one.refused)
        options.print_table(table)
        click.echo(f"Differences on {cluster.clients(settings).where}: {len(differences)}.")
