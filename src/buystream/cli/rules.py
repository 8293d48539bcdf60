"""The command that makes a shop decide by the newest rules."""

from typing import Any

import click

from buystream.aggregates.rules import NEWEST_RULES
from buystream.cli import options
from buystream.errors import BuystreamError
from buystream.vocabulary.commands import AdoptRules
from buystream.vocabulary.events import CommandRefused
from buystream.wiring.deciding import decided_in, deciding
from buystream.wiring.opening import open_database, open_log


@click.command("adopt-rules")
@options.data_dir
def adopt_rules(**chosen: Any) -> None:
    """Switch every partition to this release's newest rules.

    Run it once all deciders run this release: an older one refuses a partition whose rules it doesn't know. Past
    decisions don't change. A new shop starts with the newest rules.
    """
    settings = options.of_a_shop(chosen)
    with (
        open_database(settings) as database,
        open_log(database, settings) as log,
        deciding(log, settings, database.dsn),
    ):
        for partition in range(log.partitions):
            answer = decided_in(log, partition, "", AdoptRules(rules_version=NEWEST_RULES))
            if isinstance(answer, CommandRefused):
                raise BuystreamError(
                    f"partition {partition} uses newer rules than this release knows: run a newer release"
                )
    click.echo(f"all {log.partitions} partitions now use rules version {NEWEST_RULES}")
