"""The commands that run one role of a shop as a process of its own."""

from typing import Any

import click

from buystream.cli import options
from buystream.roles import run_gateway, run_role

metrics_port = click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    help="Of /healthz, /readyz and /metrics; 0 takes a free one [BUYSTREAM_METRICS_PORT, 9464].",
)


@click.command()
@options.serving
def gateway(**chosen: Any) -> None:
    """Serve the pages and the API. Run as many as you like behind a load balancer.

    /healthz, /readyz and /metrics are at the same port.
    """
    run_gateway(options.settings_and_logging(**chosen))


def _command(name: str, about: str) -> click.Command:
    @click.command(name, help=about)
    @options.data_dir
    @metrics_port
    def command(**chosen: Any) -> None:
        run_role(name, options.settings_and_logging(**chosen))

    return command


COMMANDS = (
    gateway,
    _command("decider", "Decide: own partitions, turn their commands into events. Several share the partitions."),
    _command("payments", "Call the payment provider, and carry facts from partition to partition. Several share."),
    _command("projector", "Keep the views and take snapshots. A second one stands by, and takes over at once."),
    _command("feeds", "Relay each merchant's events to its own topic. Needs Kafka. Several share the partitions."),
    _command("live", "Measure rates and the velocity of buyers. Needs Kafka. Several share the partitions."),
)
