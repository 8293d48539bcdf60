"""The commands that publish the schemas. What they work with is imported when one of them runs."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from buystream.cli import options

if TYPE_CHECKING:
    from buystream.schemas.registry import SubjectState

_WORDS = {
    "registered": "is registered",
    "new": "isn't there yet",
    "changed": "will get a new version",
    "refused": "would be refused",
}


@click.group(invoke_without_command=True)
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("schemas"),
    show_default=True,
    help="The folder to write to.",
)
@click.pass_context
def schemas(context: click.Context, folder: Path) -> None:
    """Write the JSON Schemas of all messages, and the AsyncAPI document.

    Refuses a change that would break a published schema. With `register` or `check` it works with a schema registry
    instead: BUYSTREAM_SCHEMA_REGISTRY_URL and _CREDENTIALS.
    """
    if context.invoked_subcommand is not None:
        return
    from buystream import schemas as published  # with the log's clients, which take long to import

    broken = published.write(folder)
    for line in broken:
        click.echo(line, err=True)
    if broken:
        sys.exit(1)
    click.echo(f"wrote {folder}")


@schemas.command()
@options.as_json_array
def register(as_json: bool) -> None:
    """Register every published version of every message that the schema registry doesn't have.

    Repeated, it changes nothing. When the registry would refuse one of them, none is registered, and the exit status
    is 1.
    """
    from buystream.schemas.folder import published, shipped
    from buystream.schemas.registry import open_registry

    settings = options.settings_and_logging(level=options.QUIET)
    with open_registry(settings) as registry:
        missing = registry.register(published(shipped()))
    refused = [one for one in missing if one.state == "refused"]
    if as_json:
        click.echo(msgspec.json.encode(missing).decode())
    elif refused:
        _print(refused)
        click.echo(f"Nothing was registered at {registry.url}.", err=True)
    else:
        for one in missing:
            click.echo(f"registered {one.subject}")
        click.echo(f"Registered at {registry.url}: {len(missing)}." if missing else f"{registry.url} has them all.")
    sys.exit(1 if refused else 0)


@schemas.command()
@options.as_json_array
def check(as_json: bool) -> None:
    """Compare the schema registry with what is published. The exit status is 1 when something differs."""
    from buystream.schemas.folder import published, shipped
    from buystream.schemas.registry import open_registry

    settings = options.settings_and_logging(level=options.QUIET)
    with open_registry(settings) as registry:
        found = registry.compare(published(shipped()))
    differing = [one for one in found if one.state != "registered"]
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
    else:
        _print(differing)
        click.echo(f"{registry.url} has {len(found) - len(differing)} of {len(found)} schemas.")
    sys.exit(1 if differing else 0)


def _print(states: "list[SubjectState]") -> None:
    for one in states:
        click.echo(f"{one.subject} {_WORDS[one.state]}" + (f": {one.reason}" if one.reason else ""))
