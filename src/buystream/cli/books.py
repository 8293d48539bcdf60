"""The command that compares the shop's books with the payment provider's: reconcile."""

import sys
from datetime import UTC, datetime
from typing import Any

import click
import msgspec

from buystream.cli import options
from buystream.cli.upkeep import of_a_shop
from buystream.errors import BuystreamError
from buystream.replay.reconcile import Reconciler, lines_of
from buystream.wiring import deciding, open_database, open_log, refuse_moved, stripe_api


@click.command()
@click.option("--since", type=click.DateTime(), help="Only what was made at Stripe since then (UTC) [everything].")
@options.data_dir
@options.as_json
def reconcile(since: datetime | None, as_json: bool, **chosen: Any) -> None:
    """Compare the log with what Stripe knows, payment by payment, and record what the log lacks.

    May run beside a running shop. The exit status is 0 when both are equal to the cent, and 1 when something still
    differs, with one line for each.
    """
    settings = of_a_shop(chosen)
    if not settings.takes_real_money:
        raise BuystreamError(
            "there is nothing to compare: without BUYSTREAM_STRIPE_SECRET_KEY payments are the sandbox's"
        )
    since_ms = None if since is None else int(since.replace(tzinfo=UTC).timestamp() * 1000)
    with open_database(settings) as database, open_log(database, settings) as log:
        refuse_moved(database, settings)
        with deciding(log, settings, database.dsn):
            report = Reconciler(log, stripe_api(settings)).reconcile(since_ms=since_ms)
    if as_json:
        click.echo(msgspec.json.encode(report).decode())
    else:
        for line in lines_of(report):
            click.echo(line)
    sys.exit(0 if report.equal else 1)
