"""The commands that replace the shop's secret key."""

import secrets
from typing import Any

import click

from buystream.cli import options
from buystream.host.secret_file import keep_secret, secret_of
from buystream.secret_versions import add_version, fingerprint_of, remove_version, versions
from buystream.variables import BadSetting
from buystream.wiring.opening import open_database


@click.group()
def keys() -> None:
    """List and replace the versions of the secret key (BUYSTREAM_SECRET_KEY)."""


@keys.command("list")
@options.data_dir
def list_versions(**chosen: Any) -> None:
    """List the versions that open this shop, one per line."""
    settings = options.of_a_shop(chosen)
    with open_database(settings) as database:
        used = fingerprint_of(secret_of(settings))
        for version in versions(database.dsn):
            ours = "  (the one set here)" if version.fingerprint == used else ""
            click.echo(f"{version.number}  created {version.made_on}  fingerprint {version.fingerprint}{ours}")


@keys.command()
@options.data_dir
def rotate(**chosen: Any) -> None:
    """Let a new secret key open this shop.

    With a database of your own, set BUYSTREAM_NEW_SECRET_KEY beside the present key; then restart every process with
    the new one as its BUYSTREAM_SECRET_KEY, one after another, and run `buystream keys retire` on the old version.
    With the embedded PostgreSQL a key is made and kept in the data folder, and the old one is retired at once. May
    run beside a running shop: nobody is logged out, and no buyer's details change.
    """
    settings = options.of_a_shop(chosen)
    with open_database(settings) as database:
        old = secret_of(settings)
        if settings.secret_key:
            if not settings.new_secret_key:
                raise BadSetting("BUYSTREAM_NEW_SECRET_KEY is not set; 'openssl rand -hex 32' makes a secret key")
            number = add_version(database.dsn, old, settings.new_secret_key.encode())
            click.echo(f"version {number} opens the shop; restart every process with it, then retire the old version")
            return
        new = secrets.token_urlsafe(48).encode()
        number = add_version(database.dsn, old, new)
        keep_secret(settings, new, replace=True)
        for version in versions(database.dsn):
            if version.number != number:
                remove_version(database.dsn, new, version.number)
        click.echo(f"version {number} opens the shop; it is kept in {settings.data_dir}")


@keys.command()
@click.argument("version", type=click.IntRange(min=1))
@options.data_dir
def retire(version: int, **chosen: Any) -> None:
    """Stop VERSION from opening this shop.

    Do it once every process runs with a newer one, and keep the old key for as long as you keep backups that were
    made with it.
    """
    settings = options.of_a_shop(chosen)
    with open_database(settings) as database:
        remove_version(database.dsn, secret_of(settings), version)
    click.echo(f"version {version} no longer opens the shop")
