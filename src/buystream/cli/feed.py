"""The command that shows a merchant's feed."""

import click

from buystream.cli import options
from buystream.errors import BuystreamError
from buystream.variables import BadSetting


@click.command()
@click.option("--merchant", "merchant_id", required=True, help="The id of the merchant whose feed to print.")
@click.option("--group", "group_id", help="Save the position under this name and resume there next time.")
@click.option(
    "--idle-seconds", type=click.FloatRange(min=0, min_open=True), help="Stop after this many seconds without an event."
)
def feed(merchant_id: str, group_id: str | None, idle_seconds: float | None) -> None:
    """Print a merchant's order events from Kafka, one JSON object per line, until Ctrl-C.

    Format: docs/merchant-feed.md. Settings: BUYSTREAM_KAFKA_BOOTSTRAP, _PREFIX and _OPTIONS.
    """
    settings = options.settings_and_logging(level=options.QUIET)
    if not settings.is_on_kafka:
        raise BadSetting("feeds are on Kafka: set BUYSTREAM_KAFKA_BOOTSTRAP to the brokers' addresses")
    from buystream_merchant import FeedError, print_feed  # with Kafka's clients, which take long to import

    from buystream import cluster
    from buystream.log.kafka.reaching import reach

    reach(cluster.clients(settings))
    try:
        print_feed(
            settings.kafka_bootstrap,
            merchant_id,
            group_id=group_id,
            idle_seconds=idle_seconds,
            prefix=settings.kafka_prefix,
            client_rack=settings.kafka_client_rack,
            **cluster.pure_python(settings.kafka_options),
        )
    except FeedError as error:
        raise BuystreamError(str(error)) from error
