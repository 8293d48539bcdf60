"""The command that shows a merchant's feed."""

import click

from buystream import cluster, merchant
from buystream.cli import options
from buystream.cli.upkeep import QUIET
from buystream.settings import BadSetting


@click.command()
@click.option("--merchant", "merchant_id", required=True, help="Whose feed: a merchant's id.")
@click.option("--group", "group_id", help="Remember the place under this name, and go on there next time.")
@click.option("--idle-seconds", type=click.FloatRange(min=0, min_open=True), help="End when so long nothing came.")
def feed(merchant_id: str, group_id: str | None, idle_seconds: float | None) -> None:
    """Print a merchant's order events from Kafka, one JSON object a line, until Ctrl-C.

    docs/merchant-feed.md says what is in it. Set by BUYSTREAM_KAFKA_BOOTSTRAP, _PREFIX and _OPTIONS.
    """
    settings = options.settings_and_logging(level=QUIET)
    if not settings.is_on_kafka:
        raise BadSetting("feeds are on Kafka: set BUYSTREAM_KAFKA_BOOTSTRAP to the brokers' addresses")
    merchant.print_feed(
        settings.kafka_bootstrap,
        merchant_id,
        group_id=group_id,
        idle_seconds=idle_seconds,
        prefix=settings.kafka_prefix,
        **cluster.pure_python(settings.kafka_options),
    )
