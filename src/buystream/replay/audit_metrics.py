"""What the last audit found, as a file for the textfile collector of Prometheus's node exporter
(https://github.com/prometheus/node_exporter#textfile-collector): an audit is a job, which nobody can scrape."""

import time
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, write_to_textfile

from buystream.replay.audit_report import AuditReport

_AUDIT: Final = CollectorRegistry()
FINISHED: Final = Gauge(
    "buystream_audit_finished_timestamp_seconds", "When the last audit of the log ended.", registry=_AUDIT
)
VIOLATIONS: Final = Gauge("buystream_audit_violations", "Violations that the last audit reported.", registry=_AUDIT)
COMMANDS_AUDITED: Final = Gauge("buystream_audit_commands", "Commands that the last audit read.", registry=_AUDIT)


def write_metrics(file: Path, report: AuditReport) -> None:
    """Whole or not at all. Raises OSError."""
    FINISHED.set(time.time())
    VIOLATIONS.set(len(report.violations))
    COMMANDS_AUDITED.set(report.commands)
    write_to_textfile(str(file), _AUDIT)
