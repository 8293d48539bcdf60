"""The proof: every partition refolded and compared with what is recorded, alone or shared by processes, from the start
or from where an earlier audit ended. Reads only the log; trusts neither the decider's memory nor any view."""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

from buystream.consumers.shop_id import find_shop_id
from buystream.delivery.sequence import is_foreign, sequence_of
from buystream.log import EVENTS, READ_LIMIT, Log, read_all
from buystream.replay.audit_mark import AuditMark, PartitionMark, read_mark, write_mark
from buystream.replay.audit_report import VIOLATIONS_MAX, AuditReport, Findings, Violation
from buystream.replay.partition_audit import PartitionAudit
from buystream.replay.sharing import OpenLog, processes_for, shared_by
from buystream.vocabulary import codec


class _Task(NamedTuple):
    open_log: OpenLog
    partition: int
    shop_id: str
    known: PartitionMark | None
    resumes: bool
    marks: bool


def audit(log: Log) -> AuditReport:
    """Audit all partitions; may run beside a running shop."""
    return audit_shared(lambda: nullcontext(log), processes=1)


def audit_shared(
    open_log: OpenLog, *, processes: int | None = None, mark_file: Path | None = None, from_start: bool = False
) -> AuditReport:
    """The same, by so many processes: as many as are worth it, if None. `mark_file` says how far the last audit came
    that found nothing wrong: this one continues there, or compares `from_start` also what was there, and writes how far
    it came if nothing is wrong. Raises BadMark and LogUnavailable."""
    with open_log() as log:
        shop_id, partitions = find_shop_id(log) or "", log.partitions
        processes = processes_for(log, processes)
    known = read_mark(mark_file, shop_id) if mark_file else None
    marks = known.partitions if known is not None else {}
    tasks = [
        _Task(open_log, partition, shop_id, marks.get(partition), not from_start, mark_file is not None)
        for partition in range(partitions)
    ]
    with shared_by(processes) as each:
        findings: list[Findings] = each(_audit_partition, [(task,) for task in tasks])
    with open_log() as log:
        report = _report(findings, [one for found in findings for one in _missing(log, found, findings)])
    if mark_file is not None and report.ok and shop_id:
        reached = {found.partition: found.mark for found in findings if found.mark is not None}
        write_mark(mark_file, AuditMark(shop_id=shop_id, partitions=reached))
    return report


def _audit_partition(task: _Task) -> Findings:
    source = codec.source_of(task.shop_id) if task.shop_id else codec.SOURCE  # nobody has decided anything yet
    with task.open_log() as log:
        return PartitionAudit(
            log, task.partition, source, known=task.known, resumes=task.resumes, marks=task.marks
        ).run()


def _report(findings: Sequence[Findings], missing: Sequence[Violation]) -> AuditReport:
    violations = [*(one for found in findings for one in found.violations), *missing]
    return AuditReport(
        ok=not violations,
        commands=sum(found.commands for found in findings),
        events=sum(found.events for found in findings),
        pending=sum(found.pending for found in findings),
        violations=violations,
        notes=[one for found in findings for one in found.notes][:VIOLATIONS_MAX],
    )


def _missing(log: Log, found: Findings, findings: Sequence[Findings]) -> Iterator[Violation]:
    """A flow's command is named by its event: an event that was followed is on the log."""
    for other in findings:
        followed = other.followed.get(found.partition)
        if followed is not None and followed.sequence > max(found.sequence, _newest_sequence(log, found.partition)):
            detail = f"its last event is {found.sequence}, and the command in partition {followed.partition} came from"
            yield Violation(
                invariant="what was followed is on the log",
                partition=found.partition,
                positions={"command": followed.position},
                detail=f"{detail} its event {followed.sequence}",
            )


def _newest_sequence(log: Log, partition: int) -> int:
    """Of the last event there is by now: the shop may be running."""
    start = max(log.end(EVENTS, partition) - READ_LIMIT, 0)
    own = (record for record in read_all(log, EVENTS, partition, start) if not is_foreign(record))
    return max(map(sequence_of, own), default=-1)
