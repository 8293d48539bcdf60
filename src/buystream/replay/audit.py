"""The proof: refold the commands, compare with the events byte by byte, and check every invariant on the way. Reads
only the log; trusts neither the decider's memory nor any view."""

from collections.abc import Iterator

import msgspec

from buystream import codec
from buystream.aggregates.partition import Partition
from buystream.aggregates.rules import UnknownRules
from buystream.consumers.decider import messages_of
from buystream.errors import BuystreamError
from buystream.events import Event
from buystream.log import COMMANDS, DEADLETTER, EVENTS, READ_LIMIT, Log, Message, Record
from buystream.replay.ledger import Ledger

VIOLATIONS_MAX = 100
"""Reported per partition; a broken log breaks many rules at once."""


class Violation(msgspec.Struct, frozen=True, kw_only=True):
    """One broken invariant, and the positions concerned."""

    invariant: str
    partition: int
    positions: dict[str, int]
    detail: str


class AuditReport(msgspec.Struct, kw_only=True):
    """`pending` commands stand on the log and wait for an owner: they are no violation."""

    ok: bool = True
    commands: int = 0
    events: int = 0
    pending: int = 0
    violations: list[Violation] = []


def audit(log: Log) -> AuditReport:
    """Audit all partitions; may run beside a running shop."""
    report = AuditReport()
    for partition in range(log.partitions):
        PartitionAudit(log, partition, report).run()
    report.ok = not report.violations
    return report


def read_all(log: Log, topic: str, partition: int) -> Iterator[Record]:
    """Every record of a partition, from the first to what is the end when it gets there."""
    position = 0
    while records := log.read(topic, partition, position, READ_LIMIT):
        yield from records
        position = records[-1].position + 1


class PartitionAudit:
    """Audits one partition: each command in turn against the events that answer it."""

    def __init__(self, log: Log, partition: int, report: AuditReport) -> None:
        self._log = log
        self._number = partition
        self._report = report
        self._found = 0
        self._refold: Partition | None = Partition(partition)
        self._ledger = Ledger()
        self._sequence = -1
        self._dead = {
            int(record.headers["dl_position"])
            for record in read_all(log, DEADLETTER, partition)
            if record.headers.get("dl_topic") == COMMANDS
        }

    def run(self) -> None:
        """Fill the report."""
        events = _Peekable(read_all(self._log, EVENTS, self._number))
        for command in read_all(self._log, COMMANDS, self._number):
            answers = list(events.answers_up_to(command.position))
            if not answers and events.peek() is None:
                self._report.pending += 1
                continue
            self._report.commands += 1
            self._report.events += len(answers)
            self._check_answers(command, answers)
        for event in events:
            self._report.events += 1
            self._violate("every event answers a command", {"event": event.position}, "its command isn't on the log")
        for invariant, detail in self._ledger.close():
            self._violate(invariant, {}, detail)

    def _check_answers(self, command: Record, answers: list[Record]) -> None:
        if not answers:
            self._violate("every command is answered", {"command": command.position}, "no event answers it")
        for record in answers:
            if codec.command_position_of(record.headers) != command.position:
                self._violate(
                    "every event answers a command",
                    {"command": command.position, "event": record.position},
                    "it answers a command that isn't on the log, or a second time",
                )
            self._check_event(record)
        self._check_refold(command, answers)

    def _check_event(self, record: Record) -> None:
        sequence = int(record.headers["ce_sequence"])
        if sequence != self._sequence + 1:
            self._violate("sequence is dense", {"event": record.position}, f"{sequence} comes after {self._sequence}")
        self._sequence = sequence
        try:
            event = codec.decode_event(record.value)
        except codec.Unreadable as error:
            self._violate("every event can be read", {"event": record.position}, str(error))
            return
        for invariant, detail in self._ledger.post(event):
            self._violate(invariant, {"event": record.position}, detail)

    def _check_refold(self, command: Record, answers: list[Record]) -> None:
        if self._refold is None:
            return
        try:
            expected = self._decide(self._refold, command)
        except (UnknownRules, BuystreamError, KeyError) as error:
            self._violate("refolding gives the same events", {"command": command.position}, f"can't decide: {error}")
            self._refold = None
            return
        if _differs(expected, answers):
            first = answers[0].position if answers else -1
            self._violate(
                "refolding gives the same events",
                {"command": command.position, "event": first},
                f"expected {_names(expected)}, found {_names(answers)}; later commands of this partition are not"
                " refolded",
            )
            self._refold = None

    def _decide(self, partition: Partition, command: Record) -> list[Message]:
        decided: list[Event]
        try:
            decided = partition.decide(
                codec.decode_command(command.value), command_position=command.position, at_ms=command.at_ms
            )
        except codec.Unreadable:
            decided = partition.refuse_unreadable("unreadable", command_position=command.position, at_ms=command.at_ms)
            if command.position not in self._dead:
                self._violate(
                    "an unreadable command is a dead letter", {"command": command.position}, "it isn't among them"
                )
        return messages_of(partition, decided, command)

    def _violate(self, invariant: str, positions: dict[str, int], detail: str) -> None:
        self._found += 1
        if self._found <= VIOLATIONS_MAX:
            self._report.violations.append(
                Violation(invariant=invariant, partition=self._number, positions=positions, detail=detail)
            )


class _Peekable:
    """The events of a partition, taken command by command."""

    def __init__(self, records: Iterator[Record]) -> None:
        self._records = records
        self._next = next(records, None)

    def peek(self) -> Record | None:
        return self._next

    def answers_up_to(self, command_position: int) -> Iterator[Record]:
        while self._next is not None and codec.command_position_of(self._next.headers) <= command_position:
            yield self._take()

    def __iter__(self) -> Iterator[Record]:
        while self._next is not None:
            yield self._take()

    def _take(self) -> Record:
        taken = self._next
        if taken is None:
            raise StopIteration
        self._next = next(self._records, None)
        return taken


def _differs(expected: list[Message], found: list[Record]) -> bool:
    return len(expected) != len(found) or any(
        message.value != record.value or message.headers != record.headers or message.key != record.key
        for message, record in zip(expected, found, strict=True)
    )


def _names(messages: list[Message] | list[Record]) -> str:
    return "[" + ", ".join(f"{m.headers.get('ce_type')} {m.headers.get('ce_subject')}" for m in messages) + "]"
