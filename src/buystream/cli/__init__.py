"""The command line: `buystream`."""

import gc
import logging
import signal
import sys
from typing import Any

import click
import psycopg2

from buystream import __version__
from buystream.cli import roles
from buystream.cli.books import reconcile
from buystream.cli.feed import feed
from buystream.cli.logs import log, topics
from buystream.cli.merchants import merchant
from buystream.cli.selling import demo, rush, up
from buystream.cli.upkeep import adopt_rules, audit, backup, rebuild, restore, schemas
from buystream.errors import BuystreamError

COLLECT_AFTER = (50_000, 20, 50)
"""Python's garbage collector by default looks after every 700 new objects; a shop that decides makes thousands a batch,
and hardly any of them in cycles."""

HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


class Commands(click.Group):
    """Every error that we can explain is one line on stderr and exit status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BuystreamError as error:
            reason = str(error)
        except psycopg2.Error as error:
            reason = f"PostgreSQL: {error}"
        except OSError as error:
            reason = f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")
        logging.getLogger(__name__).debug("the whole story", exc_info=True)
        click.echo(f"buystream: {' '.join(reason.split())}", err=True)
        return ctx.exit(1)


@click.group(cls=Commands, context_settings=HELP)
@click.version_option(__version__, prog_name="buystream")
def cli() -> None:
    """A buy button that anyone can embed, the orders behind it, and a live desk for the merchant.

    `buystream demo` shows it all on this machine. What can be set stands in docs/configuration.md.
    """
    signal.signal(signal.SIGTERM, _terminate)
    gc.set_threshold(*COLLECT_AFTER)


def _terminate(_number: int, _frame: object) -> None:
    """Unwind, so that whatever was started is stopped."""
    sys.exit(128 + signal.SIGTERM)


OF_A_SHOP = (audit, reconcile, backup, restore, merchant, rebuild, adopt_rules)

for command in (up, demo, rush, *roles.COMMANDS, *OF_A_SHOP, schemas, topics, log, feed):
    cli.add_command(command)


def main() -> None:
    """The console script."""
    cli(prog_name="buystream")
