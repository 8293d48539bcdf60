"""The command that audits the log."""

import sys
from typing import Any

import click
import msgspec
from rich.table import Table

from buystream.cli import options
from buystream.replay.audit import audit as audit_log
from buystream.replay.audit_report import AuditReport
from buystream.wiring.opening import open_database, open_log


@click.command()
@options.data_dir
@options.as_json
def audit(as_json: bool, **chosen: Any) -> None:
    """Audit the log: decide every command again, compare the events, and check every invariant.

    Safe to run while the shop is running. The exit status is 1 when something is wrong.
    """
    settings = options.of_a_shop(chosen)
    with open_database(settings) as database, open_log(database, settings) as log:
        report = audit_log(log)
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
