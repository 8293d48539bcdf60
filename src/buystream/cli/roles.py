"""The commands that run one role of a shop as a process of its own."""

from typing import Any

import click

from buystream.cli import options

metrics_port = click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    help="Port of /healthz, /readyz and /metrics; 0 picks a free one [BUYSTREAM_METRICS_PORT, 9464].",
)


@click.command()
@options.serving
@metrics_port
def gateway(**chosen: Any) -> None:
    """Serve the pages and the API. Run as many as you like behind a load balancer."""
    settings = options.settings_and_logging(**chosen)
    from buystream.roles import run_gateway  # takes long to import: settings are checked first

    run_gateway(settings)


def _command(name: str, about: str) -> click.Command:
    @click.command(name, help=about)
    @options.data_dir
    @metrics_port
    def command(**chosen: Any) -> None:
        settings = options.settings_and_logging(**chosen)
        from buystream.roles import run_role

        run_role(name, settings)

    return command


decider = _command(
    "decider", "Own partitions and turn their commands into events. Several deciders share the partitions."
)
payments = _command(
    "payments", "Call the payment provider and pass facts between partitions. Several share the partitions."
)
projector = _command(
    "projector", "Maintain the views and take snapshots. A second one stands by and takes over at once."
)
notary = _command("notary", "Keep the transparency log of all events. A second one stands by and takes over at once.")
notifications = _command(
    "notifications", "Send e-mail to buyers about what happened. Several share the partitions and the mails."
)
webhooks = _command("webhooks", "Send merchants their events by webhook. Several share the partitions.")
search = _command(
    "search", "Keep the index that finds merchants' orders. A second one stands by and takes over at once."
)
feeds = _command("feeds", "Relay each merchant's events to its own topic. Needs Kafka. Several share the partitions.")
live = _command("live", "Measure rates and buyer velocity. Needs Kafka. Several share the partitions.")
