"""The command that compares the shop's books with the payment provider's: reconcile."""

import sys
from datetime import UTC, datetime
from typing import Any

import click
import msgspec

from buystream.cli import options
from buystream.errors import BuystreamError
from buystream.wiring.deciding import deciding
from buystream.wiring.opening import open_database, open_log, refuse_moved


@click.command()
@click.option("--since", type=click.DateTime(), help="Only payments created at Stripe since then (UTC) [all].")
@options.data_dir
@options.as_json
def reconcile(since: datetime | None, as_json: bool, **chosen: Any) -> None:
    """Compare the log with what Stripe knows, payment by payment, and record what the log lacks.

    Safe to run while the shop is running. The exit status is 0 when both agree to the cent, and 1 when differences
    remain, one line each.
    """
    from buystream.replay.reconcile import Reconciler, lines_of  # with Stripe's library, which takes long to import
    from buystream.wiring.stripe import stripe_api

    settings = options.of_a_shop(chosen)
    if not settings.takes_real_money:
        raise BuystreamError(
            "there is nothing to compare: without BUYSTREAM_STRIPE_SECRET_KEY, payments go to the sandbox"
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
