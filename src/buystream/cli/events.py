"""The command that prints the log's events."""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import click

from buystream.cli import options
from buystream.log import Log
from buystream.wiring.opening import open_database, open_log


@click.command()
@click.option("--public", is_flag=True, help="Only what merchants may read: nothing that leads to a person.")
@options.data_dir
def events(public: bool, **chosen: Any) -> None:
    """Print every event as one CloudEvent per line (JSON), partition after partition, each once.

    What the fields mean, and which of them you may share: docs/analysts.md. Safe to run while the shop is running.
    """
    from buystream.replay.export import exported  # as feeds do, with Kafka's clients, which take long to import

    with _read_only(chosen) as log:
        for line in exported(log, public=public):
            sys.stdout.buffer.write(line + b"\n")
        sys.stdout.buffer.flush()


@contextmanager
def _read_only(chosen: dict[str, Any]) -> Iterator[Log]:
    """On Kafka nothing but the log is needed: an analyst has no secret key, and no database."""
    settings = options.settings_and_logging(level=options.QUIET, **chosen)
    if settings.is_on_kafka:
        from buystream import cluster

        with closing(cluster.kafka_log(settings)) as log:
            yield log
    else:
        with open_database(options.of_a_shop(chosen)) as database, open_log(database, settings) as log_of_shop:
            yield log_of_shop
