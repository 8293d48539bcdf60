"""The command that publishes the schemas."""

import sys
from pathlib import Path

import click


@click.command()
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("schemas"),
    show_default=True,
    help="The folder to write to.",
)
def schemas(folder: Path) -> None:
    """Write the JSON Schemas of all messages, and the AsyncAPI document.

    Refuses a change that would break a published schema.
    """
    from buystream import schemas as published  # with the feeds', hence Kafka's clients, which take long to import

    broken = published.write(folder)
    for line in broken:
        click.echo(line, err=True)
    if broken:
        sys.exit(1)
    click.echo(f"wrote {folder}")
