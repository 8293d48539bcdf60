"""The command that prepares the shop's database for processes that may not create anything there."""

from typing import Any

import click
import msgspec

from buystream.cli import options
from buystream.wiring.opening import open_database


@click.group()
def database() -> None:
    """Prepare the database: its tables, and a PostgreSQL user for each role.

    A shop whose processes all connect as the owner of the database doesn't need this. See docs/operations.md.
    """


@database.command()
@click.option("--roles", is_flag=True, help="Also make a user for each role, and give it exactly the rights it needs.")
@options.data_dir
@options.as_json_array
def apply(roles: bool, as_json: bool, **chosen: Any) -> None:
    """Create the tables that are missing, and print what was created or changed.

    Run it as the owner of the database before the first start and after each update, and on a log in PostgreSQL when
    BUYSTREAM_PARTITIONS is raised; again after a restore. It may run beside a running shop.

    --roles makes the users DATABASE_gateway, DATABASE_decider, ..., which needs CREATEROLE. Those with a password in
    BUYSTREAM_DATABASE_PASSWORDS can log in; grant the others to users of your own.
    """
    from buystream import database_users  # with all that has tables, which takes long to import

    settings = options.of_a_shop(chosen)
    with open_database(settings) as opened:
        made = database_users.apply(settings, opened.dsn, with_users=roles)
    if as_json:
        click.echo(msgspec.json.encode(made).decode())
    elif not made:
        click.echo("The database is as it should be: nothing to do.")
    for thing in () if as_json else made:
        click.echo(thing)
