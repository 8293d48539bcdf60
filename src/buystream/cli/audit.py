"""The command that audits the log."""

import sys
from functools import partial
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.table import Table

from buystream.cli import options
from buystream.errors import BuystreamError
from buystream.replay.audit import audit_shared
from buystream.replay.audit_metrics import write_metrics
from buystream.replay.audit_report import AuditReport
from buystream.wiring.opening import Database, open_database, open_log, refuse_unfinished


@click.command()
@click.option("--processes", type=click.IntRange(1, 256), help=options.PROCESSES)
@click.option(
    "--resume",
    "mark_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Continue where the last audit with this file ended, and keep in it how far this one came.",
)
@click.option(
    "--from-start", is_flag=True, help="With --resume: audit everything, also what the file says was audited."
)
@click.option(
    "--metrics-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the verdict for Prometheus's node exporter, as a .prom file in its textfile folder.",
)
@options.data_dir
@options.as_json
def audit(
    processes: int | None,
    mark_file: Path | None,
    from_start: bool,
    metrics_file: Path | None,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Audit the log: decide every command again, compare the events, and check every invariant.

    Safe to run while the shop is running. The exit status is 1 when something is wrong.
    """
    if from_start and mark_file is None:
        raise BuystreamError("--from-start needs --resume FILE: without it, every audit begins at the start")
    settings = options.of_a_shop(chosen)
    with open_database(settings) as database:
        refuse_unfinished(database, settings)
        report = audit_shared(
            partial(open_log, Database(database.dsn), settings),
            processes=processes,
            mark_file=mark_file,
            from_start=from_start,
        )
    if metrics_file is not None:
        write_metrics(metrics_file, report)
    if as_json:
        click.echo(msgspec.json.encode(report).decode())
    else:
        _print_report(report)
    sys.exit(0 if report.ok else 1)


def _print_report(report: AuditReport) -> None:
    verdict = "audit passed" if report.ok else f"audit failed with {len(report.violations)} violations"
    pending = f", {report.pending} commands awaiting a decision" if report.pending else ""
    click.echo(f"{verdict}: {report.commands} commands, {report.events} events{pending}.")
    for note in report.notes:
        click.echo(f"{note.what}: command {note.position} of partition {note.partition}: {note.detail}")
    if report.ok:
        return
    table = Table("invariant", "partition", "positions", "detail")
    for violation in report.violations:
        positions = ", ".join(f"{topic} {position}" for topic, position in violation.positions.items())
        options.add_row(table, violation.invariant, str(violation.partition), positions, violation.detail)
    options.print_table(table)
