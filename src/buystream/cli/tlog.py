"""The commands that look after the transparency log."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec
from psycopg2.extensions import cursor

from buystream.cli import options
from buystream.errors import BuystreamError
from buystream.transparency import tables
from buystream.variables import tlog_origin

OVERLAP_LEAVES = 100_000


@click.group()
def tlog() -> None:
    """Look after the transparency log: its keys, its export, a new beginning."""


@tlog.command()
@options.data_dir
@options.as_json
def key(as_json: bool, **chosen: Any) -> None:
    """Print the log's newest verifier key, which is for everyone; with --json all of them."""

    def read(cur: cursor) -> tuple[tables.Tree, list[tables.LogKey]]:
        return (tree := _tree(cur)), tables.keys_of(cur, tree)

    tree, known = _with_database(chosen, read)
    if as_json:
        listed = tables.key_list(tree.origin, known).keys
        click.echo(msgspec.json.encode({"origin": tree.origin, "vkey": tree.vkey, "size": tree.size, "keys": listed}))
    else:
        click.echo(tree.vkey)


@tlog.command("rotate-key")
@click.option(
    "--overlap",
    type=click.IntRange(0, 10**12),
    default=OVERLAP_LEAVES,
    show_default=True,
    help="For how many more leaves the key until now signs, too; 0 where it is no longer safe.",
)
@options.data_dir
@options.as_json
def rotate_key(overlap: int, as_json: bool, **chosen: Any) -> None:
    """Let a new key sign the transparency log, and the one until now beside it for a while.

    Publish the new key while both sign: witnesses and policies need it before the old one ends. Receipts stay valid
    under the key that signed them. Safe to run while the shop is running."""
    from buystream.consumers.notary import notary

    old, new = _with_root(chosen, lambda cur, root: notary.rotate_key(cur, root, overlap=overlap))
    if as_json:
        click.echo(msgspec.json.encode({"old": old, "new": new}))
    else:
        click.echo(f"{new.vkey} signs from {new.from_size} leaves on")
        click.echo(f"{old.vkey} signs until {old.until_size} leaves")


@tlog.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@options.data_dir
@options.as_json
def export(folder: Path, as_json: bool, **chosen: Any) -> None:
    """Write the published log into FOLDER as static files that any web server or CDN serves. Run again, it adds what is
    new."""
    from buystream.consumers.notary.export import export_into

    exported = _with_database(chosen, lambda cur: export_into(cur, folder))
    if as_json:
        click.echo(msgspec.json.encode(exported))
    else:
        click.echo(f"{folder} holds {exported.size} leaves; {exported.files} files are new")


@tlog.command()
@click.argument("origin")
@options.data_dir
@click.confirmation_option(prompt="The log until now is discarded, and every receipt of it. Begin a new one?")
def begin(origin: str, **chosen: Any) -> None:
    """Discard the transparency log and begin a new one, under another name. For a log that was forked by an old backup.

    Export the log until now first: what was published of it stays true."""
    from buystream.consumers.notary.notary import begin_anew

    name = tlog_origin(origin)
    _with_root(chosen, lambda cur, root: begin_anew(cur, root, name))
    click.echo(f"the transparency log {name} begins")


def _tree(cur: cursor) -> tables.Tree:
    cur.execute("SELECT to_regclass('tlog.tree') IS NOT NULL")
    found = tables.tree_of(cur) if cur.fetchone() == (True,) else None
    if found is None:
        raise BuystreamError("the shop has no transparency log yet: start it, or its notary")
    return found


def _with_database(chosen: dict[str, Any], read: Callable[[cursor], Any]) -> Any:
    from buystream.wiring.opening import open_database

    with open_database(options.of_a_shop(chosen)) as database, _transaction(database.dsn) as cur:
        _tree(cur)
        return read(cur)


def _with_root(chosen: dict[str, Any], change: Callable[[cursor, bytes], Any]) -> Any:
    from buystream.host.secret_file import secret_of
    from buystream.secret_versions import open_root
    from buystream.wiring.opening import open_database

    settings = options.of_a_shop(chosen)
    with open_database(settings) as database:
        root = open_root(database.dsn, secret_of(settings))
        with _transaction(database.dsn) as cur:
            return change(cur, root)


def _transaction(dsn: str) -> Any:
    from buystream.database import one_transaction

    return one_transaction(dsn, "tlog")
