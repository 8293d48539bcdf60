"""The commands that look after a shop: audit, backup, restore, rebuild, adopt-rules, schemas."""

import sys
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table

from buystream import backup as backups
from buystream import schemas as published
from buystream.aggregates.rules import NEWEST_RULES
from buystream.cli import options
from buystream.commands import AdoptRules
from buystream.errors import BuystreamError
from buystream.events import CommandRefused
from buystream.projections.history import History
from buystream.replay.audit import AuditReport
from buystream.replay.audit import audit as audit_log
from buystream.settings import Settings
from buystream.wiring import VIEWS, decided_in, deciding, open_database, open_log, projector

QUIET = "WARNING"


def of_a_shop(chosen: dict[str, Any], *, level: str = QUIET) -> Settings:
    """The settings; raises BuystreamError where there is no shop yet, instead of making one in a misspelt folder."""
    settings = options.settings_and_logging(level=level, **chosen)
    if settings.is_embedded and not (settings.data_dir / "postgres").exists():
        raise BuystreamError(f"there is no shop in {settings.data_dir.absolute()}; choose another with --data-dir")
    return settings


@click.command()
@options.data_dir
@options.as_json
def audit(as_json: bool, **chosen: Any) -> None:
    """Prove the log: refold every command and compare with the events, and check every invariant.

    May run beside a running shop. The exit status is 1 when something is wrong.
    """
    settings = of_a_shop(chosen)
    with open_database(settings) as database, open_log(database, settings) as log:
        report = audit_log(log)
    if as_json:
        click.echo(msgspec.json.encode(report).decode())
    else:
        _print_report(report)
    sys.exit(0 if report.ok else 1)


def _print_report(report: AuditReport) -> None:
    verdict = "The log is sound" if report.ok else f"{len(report.violations)} violations"
    pending = f", {report.pending} commands wait for a decision" if report.pending else ""
    click.echo(f"{verdict}: {report.commands} commands, {report.events} events{pending}.")
    if report.ok:
        return
    table = Table("invariant", "partition", "positions", "detail")
    for violation in report.violations:
        positions = ", ".join(f"{topic} {position}" for topic, position in violation.positions.items())
        table.add_row(violation.invariant, str(violation.partition), positions, violation.detail)
    Console().print(table)


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@options.data_dir
def backup(file: Path, **chosen: Any) -> None:
    """Save the shop into FILE: the log, the buyers' keys, and the secret that wraps them.

    May run beside a running shop: what is saved is one moment of it. Views are not saved, they are rebuilt. Keep
    FILE as safe as the shop itself: it holds the keys to the buyers' names and addresses.
    """  # fmt: skip
    settings = of_a_shop(chosen)
    with open_database(settings) as database:
        manifest = backups.save(settings, database.dsn, file)
    click.echo(f"saved {manifest.commands} commands, {manifest.events} events, {manifest.buyer_keys} keys to {file}")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@options.data_dir
def restore(file: Path, **chosen: Any) -> None:
    """Bring the shop in FILE back, into an empty data folder or database.

    The next `buystream up` rebuilds the views and goes on where the backup was taken.
    """
    settings = options.settings_and_logging(level=QUIET, **chosen)
    manifest = backups.restore(settings, file)
    click.echo(f"restored {manifest.commands} commands, {manifest.events} events, {manifest.buyer_keys} keys")


@click.command()
@click.argument("projection", type=click.Choice([view.name for view in (*VIEWS, History)]))
@options.data_dir
def rebuild(projection: str, **chosen: Any) -> None:
    """Build the view PROJECTION anew from the log, beside the live one, and swap it in.

    May run beside a running shop.
    """
    settings = of_a_shop(chosen, level="INFO")
    if projection == History.name and not settings.is_on_kafka:
        raise BuystreamError("a log in PostgreSQL is its own history: there is nothing to rebuild")
    with open_database(settings) as database, open_log(database, settings) as log:
        views = projector(log, database.dsn)
        views.prepare()
        views.rebuild(projection)


@click.command("adopt-rules")
@options.data_dir
def adopt_rules(**chosen: Any) -> None:
    """Let every partition decide by this release's newest rules from now on.

    Do it once all deciders run this release: an older one refuses a partition whose rules it doesn't know. What was
    decided before stays as it is. A new shop has the newest rules from the start.
    """
    settings = of_a_shop(chosen)
    with (
        open_database(settings) as database,
        open_log(database, settings) as log,
        deciding(log, settings, database.dsn),
    ):
        for partition in range(log.partitions):
            answer = decided_in(log, partition, AdoptRules(rules_version=NEWEST_RULES))
            if isinstance(answer, CommandRefused):
                raise BuystreamError(f"partition {partition} has newer rules than this release knows: run a newer one")
    click.echo(f"all {log.partitions} partitions decide by rules version {NEWEST_RULES}")


@click.command()
@click.option(
    "--to", "folder", type=click.Path(file_okay=False, path_type=Path), default=Path("schemas"), show_default=True
)
def schemas(folder: Path) -> None:
    """Write the JSON Schemas of all messages, and the AsyncAPI document.

    A change that would break what was published is refused.
    """
    broken = published.write(folder)
    for line in broken:
        click.echo(line, err=True)
    if broken:
        sys.exit(1)
    click.echo(f"wrote {folder}")
