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


@click.group()
def tlog() -> None:
    """Look after the transparency log: its key, its export, a new beginning."""


@tlog.command()
@options.data_dir
@options.as_json
def key(as_json: bool, **chosen: Any) -> None:
    """Print the log's verifier key, which is for everyone."""
    tree = _with_database(chosen, _tree)
    if as_json:
        click.echo(msgspec.json.encode({"origin": tree.origin, "vkey": tree.vkey, "size": tree.size}))
    else:
        click.echo(tree.vkey)


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
    from buystream.host.secret_file import secret_of
    from buystream.secret_versions import open_root
    from buystream.wiring.opening import open_database

    name = tlog_origin(origin)
    settings = options.of_a_shop(chosen)
    with open_database(settings) as database:
        root = open_root(database.dsn, secret_of(settings))
        with _transaction(database.dsn) as cur:
            begin_anew(cur, root, name)
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


def _transaction(dsn: str) -> Any:
    from buystream.database import one_transaction

    return one_transaction(dsn, "tlog")
