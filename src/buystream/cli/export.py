"""The command that writes the log as Parquet."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from buystream.cli import options
from buystream.cli.selecting import processes_here, reading, selecting, selection_of
from buystream.log import Log

if TYPE_CHECKING:
    from buystream.analysis.columns import Layout
    from buystream.replay.selection import Selection


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--key-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The key of the keyed ids, made when missing; keep it apart from the tables [FOLDER.key, beside FOLDER].",
)
@click.option("--processes", type=click.IntRange(1, 64), help="How many processes work at once [one per processor].")
@selecting
@options.data_dir
@options.as_json
def export(folder: Path, key_file: Path | None, processes: int | None, as_json: bool, **chosen: Any) -> None:
    """Write commands and events to FOLDER as Parquet, by day and type; run again, it adds what is new.

    Nothing in it is personal: ids that lead to a person are keyed. Killed at any moment and run again, it has each row
    once. Columns and examples: docs/analysts.md. Safe to run while the shop is running.
    """
    from buystream.analysis.columns import BY_DAY_AND_TYPE

    selection = selection_of(chosen)
    with reading(chosen) as (_, open_log):
        export_to(
            *(open_log, folder, key_file, selection),
            layout=BY_DAY_AND_TYPE,
            processes=processes or processes_here(),
            as_json=as_json,
        )


def export_to(
    open_log: Callable[[], Log],
    folder: Path,
    key_file: Path | None,
    selection: "Selection",
    *,
    layout: "Layout",
    processes: int,
    as_json: bool,
) -> None:
    """Write the selection's tables to the folder, and print what was written."""
    from buystream.replay.exporting import Exporter  # with what reads the tables, which takes long to import
    from buystream.replay.tables_folder import key_of

    key = key_of(folder, key_file)
    exporter = Exporter(open_log, folder, key, selection=selection, layout=layout, processes=processes)
    with options.progress_bar() as bar:
        task = bar.add_task("records", total=None)
        exported = exporter.export(lambda count: bar.advance(task, count), lambda total: bar.update(task, total=total))
    if as_json:
        click.echo(msgspec.json.encode(exported).decode())
        return
    for table, rows in exported.rows.items():
        click.echo(f"{table}: {rows:,} rows, {exported.new_rows[table]:,} of them new")
    if exported.left_out:
        click.echo(f"left out: {exported.left_out:,} records that aren't the shop's, can't be read, or are repeats")
    click.echo(f"{exported.parts:,} files, {exported.bytes / 1e6:,.1f} MB, in {exported.folder}")
