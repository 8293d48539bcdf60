"""The commands that back up a shop and restore it, and that list whom a restored shop must erase again."""

from contextlib import closing
from pathlib import Path
from typing import Any

import click

from buystream import backup as backups
from buystream.cli import options
from buystream.wiring.opening import open_database, open_vault


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@options.data_dir
def backup(file: Path, **chosen: Any) -> None:
    """Back up the shop to FILE: the log, the buyers' keys, and the secret that wraps them.

    Safe to run while the shop is running: the backup is one consistent moment. Views are not saved; they are
    rebuilt. FILE holds the keys to the buyers' names and addresses: BUYSTREAM_BACKUP_RECIPIENTS encrypts it.
    The bytes of files to download are NOT in it (docs/downloads.md).
    A log on Kafka is NOT in it: its replicas keep it, and a mirror does (docs/operations.md, "Mirroring the log").
    """  # fmt: skip
    settings = options.of_a_shop(chosen)
    with open_database(settings) as database:
        manifest = backups.save(settings, database.dsn, file)
    if settings.is_on_kafka:
        from buystream import cluster  # with Kafka's clients, which take long to import

        click.echo(f"saved {manifest.buyer_keys} keys to {file}")
        click.echo(
            f"warning: the log is on {cluster.clients(settings).where} and is NOT in {file}: mirror its topics with"
            ' MirrorMaker 2, see docs/operations.md, "Mirroring the log"',
            err=True,
        )
    else:
        counted = f"{manifest.commands} commands, {manifest.events} events, {manifest.buyer_keys} keys"
        click.echo(f"saved {counted} to {file}")
    if manifest.files:
        click.echo(
            f"warning: the bytes of the shop's {manifest.files} files to download are NOT in {file}: copy"
            f" {settings.media_at} too, see docs/downloads.md",
            err=True,
        )
    if not settings.backup_recipients:
        click.echo(
            f"warning: {file} is NOT ENCRYPTED and opens every buyer's name and address; set"
            " BUYSTREAM_BACKUP_RECIPIENTS to a public key of age",
            err=True,
        )


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--erased",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A list of buyers to erase again, as printed by `buystream erased`.",
)
@click.option(
    "--identity",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The age identity file that opens an encrypted FILE.",
)
@options.data_dir
def restore(file: Path, erased: Path | None, identity: Path | None, **chosen: Any) -> None:
    """Restore the shop from FILE into an empty data folder or database.

    The next `buystream up` rebuilds the views and resumes where the backup was taken. Buyers who were erased since
    are erased again: those in --erased, in the list that the shop keeps (BUYSTREAM_ERASED_LIST), and on a log on
    Kafka.
    """
    settings = options.settings_and_logging(level=options.QUIET, **chosen)
    restored = backups.restore(settings, file, erased=erased, identity=identity)
    manifest, own = restored.manifest, settings.erased_file
    click.echo(f"restored {manifest.commands} commands, {manifest.events} events, {manifest.buyer_keys} keys")
    if manifest.files:
        click.echo(f"bring the bytes of its {manifest.files} files to download back to {settings.media_at}")
    click.echo(f"buyers erased again: {len(restored.erased_again)}, erased after {manifest.made_at}")
    if erased is None and not settings.is_on_kafka and (own is None or not own.exists()):
        click.echo(
            "warning: no list of erased buyers was found, so buyers erased since the backup may have been restored; if"
            " you have such a list, restore again with --erased",
            err=True,
        )


@click.command()
@options.data_dir
def erased(**chosen: Any) -> None:
    """List the ids of all erased buyers, one per line, for `restore --erased`.

    Keep the list apart from the database, and newer than the newest backup.
    """
    settings = options.of_a_shop(chosen)
    with open_database(settings) as database, closing(open_vault(settings, database.dsn)) as vault:
        for buyer_id in vault.erased():
            click.echo(buyer_id)
