"""The proof: refold the commands, compare with the events byte by byte, and check every invariant on the way. Reads
only the log; trusts neither the decider's memory nor any view."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from buystream import __version__
from buystream.aggregates.partition import Partition
from buystream.consumers.answering import (
    REJECTED,
    UNDECIDABLE,
    UNREADABLE,
    envelope_fault,
    messages_of,
    set_aside,
)
from buystream.consumers.clock import Verdicts, shown_time
from buystream.consumers.shop_id import find_shop_id
from buystream.delivery.dead_letters import RecordPlace, place_of
from buystream.delivery.policy import dead_letter, read_dead_letter
from buystream.delivery.sequence import Foreign, head_of, is_foreign, refuse_contradiction, sequence_of
from buystream.log import COMMANDS, DEADLETTER, EVENTS, READ_LIMIT, Damaged, Log, Message, Record, read_all
from buystream.replay.answers import Answers, RecordedAnswer, differs, names
from buystream.replay.audit_report import VIOLATIONS_MAX, AuditReport, Note, Violation
from buystream.replay.ledger import Ledger
from buystream.vocabulary import codec
from buystream.vocabulary.events import CommandRefused


def audit(log: Log) -> AuditReport:
    """Audit all partitions; may run beside a running shop."""
    report = AuditReport()
    shop_id = find_shop_id(log)
    source = codec.source_of(shop_id) if shop_id else codec.SOURCE  # nobody has decided anything yet
    audits = [PartitionAudit(log, partition, report, source) for partition in range(log.partitions)]
    for one in audits:
        one.run()
    for one in audits:
        one.compare_with_what_followed([other.followed.get(one.number) for other in audits])
    report.ok = not report.violations
    return report


class FollowUp(NamedTuple):
    """A flow's command came from event `sequence`, and stands at this place."""

    sequence: int
    partition: int
    position: int


class PartitionAudit:
    """Audits one partition: each command in turn against the events that answer it."""

    def __init__(self, log: Log, partition: int, report: AuditReport, source: str) -> None:
        self.number = partition
        self.followed: dict[int, FollowUp] = {}
        """Of each partition, the last event that a flow's command here came from."""
        self._log = log
        self._report = report
        self._found = 0
        self._refold: Partition | None = Partition(partition)
        self._ledger = Ledger()
        self._source = source
        self._sequence = -1
        self._verdicts = Verdicts(log, partition)
        self._verdicts_noted: set[int] = set()
        self._dead: dict[int, int] = {}
        """Where the dead letters of commands stand, by the commands' positions."""
        self._dead_read_up_to = 0
        self._read_dead_letters()
        self._unclaimed = set(self._dead)

    def run(self) -> None:
        """Fill the report."""
        events = Answers(self._events())
        for command in read_all(self._log, COMMANDS, self.number):
            self._note_followed(command)
            answers = list(events.answers_up_to(command.position))
            if not answers and events.peek() is None:
                self._report.pending += 1
                continue
            self._report.commands += 1
            self._report.events += len(answers)
            self._check_answers(command, answers)
        for record, _ in events:
            self._report.events += 1
            self._violate("every event answers a command", {"event": record.position}, "its command isn't on the log")
        for position in sorted(self._unclaimed):
            self._violate(
                _LETTERS, {"command": position}, "it is a dead letter, and no event says that it was set aside"
            )
        for invariant, detail in self._ledger.close():
            self._violate(invariant, {}, detail)

    def compare_with_what_followed(self, followed: list["FollowUp | None"]) -> None:
        """A flow's command is named by its event: an event that was followed is on the log."""
        for one in followed:
            if one is not None and one.sequence > max(self._sequence, self._newest_sequence()):
                detail = f"its last event is {self._sequence}, and the command in partition {one.partition} came from"
                self._violate(
                    "what was followed is on the log", {"command": one.position}, f"{detail} its event {one.sequence}"
                )

    def _newest_sequence(self) -> int:
        """Of the last event there is by now: the shop may be running."""
        start = max(self._log.end(EVENTS, self.number) - READ_LIMIT, 0)
        own = (record for record in read_all(self._log, EVENTS, self.number, start) if not is_foreign(record))
        return max(map(sequence_of, own), default=-1)

    def _note_followed(self, command: Record) -> None:
        named = _FLOWS_COMMAND.fullmatch(codec.answer_to(command.value)[0])
        if named is not None:
            partition, sequence = int(named[1]), int(named[2])
            known = self.followed.get(partition)
            if known is None or known.sequence < sequence:
                self.followed[partition] = FollowUp(sequence, self.number, command.position)

    def _read_dead_letters(self) -> None:
        """Read on: the dead letters of commands, by their positions. What is foreign among the dead letters is damage,
        and so is what was set aside of a topic that isn't read here."""
        for record in read_all(self._log, DEADLETTER, self.number, self._dead_read_up_to):
            self._dead_read_up_to = record.position + 1
            place = place_of(record)
            match place:
                case None:
                    self._violate(
                        "every record is the shop's own", {"dead letter": record.position}, "no reader wrote it"
                    )
                case RecordPlace(topic=topic, position=position) if topic == COMMANDS:
                    self._dead[position] = record.position
                case RecordPlace(topic=topic, position=position) if topic != EVENTS:
                    letter = read_dead_letter(record)
                    reason = letter.reason if letter else ""
                    self._violate("every record is the shop's own", {topic: position}, reason)

    def _letter_of(self, command: Record) -> Record | None:
        """The command's dead letter, if it has one by now: the shop may be running."""
        if command.position not in self._dead:
            self._read_dead_letters()
        position = self._dead.get(command.position)
        return None if position is None else self._log.read(DEADLETTER, self.number, position, 1)[0]

    def _events(self) -> Iterator[RecordedAnswer]:
        """The events of the partition, each once; what else stands among them is reported."""
        last = -1
        for record in read_all(self._log, EVENTS, self.number):
            try:
                head = head_of(record)
                sequence = int(head.sequence)
                if sequence > last or refuse_contradiction(self._log, record, sequence) == record.position:
                    last = sequence
                    yield RecordedAnswer(record, head)
                    continue
                self._note("repeated event", record.position, f"it is event {sequence} again, with the same bytes")
            except Foreign as error:
                self._violate("every record is the shop's own", {"event": record.position}, str(error))
            except Damaged as error:
                self._violate("sequence is dense", {"event": record.position}, str(error))

    def _check_answers(self, command: Record, answers: list[RecordedAnswer]) -> None:
        if not answers:
            self._violate("every command is answered", {"command": command.position}, "no event answers it")
        for record, head in answers:
            if head.commandposition != command.position:
                self._violate(
                    "every event answers a command",
                    {"command": command.position, "event": record.position},
                    "it answers a command that isn't on the log, or a second time",
                )
            self._check_event(record, int(head.sequence))
        self._check_refold(command, answers)

    def _check_event(self, record: Record, sequence: int) -> None:
        if sequence != self._sequence + 1:
            self._violate("sequence is dense", {"event": record.position}, f"{sequence} comes after {self._sequence}")
        self._sequence = sequence
        try:
            event = codec.read_event(record.value)
        except codec.Unreadable as error:
            self._violate("every event can be read", {"event": record.position}, str(error))
            return
        for invariant, detail in self._ledger.post(event):
            self._violate(invariant, {"event": record.position}, detail)

    def _check_refold(self, command: Record, answers: list[RecordedAnswer]) -> None:
        if self._refold is None:
            return
        try:
            expected = self._decide(self._refold, command, answers)
        except MemoryError:
            raise
        except Exception as error:  # whatever it is: the owner would have recorded that it can't be decided
            detail = f"can't decide: {type(error).__name__}: {error}"
            self._violate("refolding gives the same events", {"command": command.position}, detail)
            self._refold = None
            return
        if differs(expected, answers):
            found = [answer.record for answer in answers]
            first = found[0].position if found else -1
            self._violate(
                "refolding gives the same events",
                {"command": command.position, "event": first},
                f"expected {names(expected)}, found {names(found)}; later commands of this partition are not refolded",
            )
            self._refold = None

    def _decide(self, partition: Partition, command: Record, answers: list[RecordedAnswer]) -> list[Message]:
        at_ms = self._time_of(partition, command, answers)
        if _is_undecidable(answers):
            self._check_claim(partition, command, at_ms)
            return self._set_aside(partition, command, UNDECIDABLE, at_ms)
        try:
            asked = codec.read_command(command.value)
            decided = partition.decide(asked.data, command_position=command.position, at_ms=at_ms, actor=asked.actor)
        except codec.Unreadable:
            self._note("unreadable", command.position, "it was set aside; its dead letter says why")
            return self._set_aside(partition, command, UNREADABLE, at_ms)
        return messages_of(
            partition, decided, command, asked.id, asked.replyto, asked.actor, asked.traceparent, self._source
        )

    def _set_aside(self, partition: Partition, command: Record, reason: str, at_ms: int) -> list[Message]:
        letter = self._letter_of(command)
        if letter is None:
            self._violate(f"an {reason} command is a dead letter", {"command": command.position}, "it isn't among them")
        elif not _is_letter_of(command, letter):
            self._violate(
                _LETTERS, {"command": command.position, "dead letter": letter.position}, "it was another record"
            )
        self._unclaimed.discard(command.position)
        return set_aside(partition, command, reason, at_ms, self._source)

    def _check_claim(self, partition: Partition, command: Record, at_ms: int) -> None:
        """The owner recorded that it could not decide this. That may be mended by now, but not in the program that said
        it; and whether the log would have taken the answer is not for the audit to know."""
        found = self._letter_of(command)
        letter = None if found is None else read_dead_letter(found)
        detail = "it was set aside; its dead letter says why"
        is_plain = _has_fault(command) or (letter is not None and letter.reason.startswith(REJECTED))
        if is_plain or not _can_be_decided(partition, command, at_ms):
            self._note("undecidable", command.position, detail)
        elif letter and letter.program != __version__:
            self._note("undecidable", command.position, f"{detail}, and this program can decide it")
        else:
            self._violate("an undecidable command can't be decided", {"command": command.position}, "it can")

    def _time_of(self, partition: Partition, command: Record, answers: list[RecordedAnswer]) -> int:
        """The time that the command was decided at: its own; or the one that the partition had reached, where the
        events say so and an operator's verdict allows it."""
        clock_ms = partition.state.at_ms
        if not answers or command.at_ms <= clock_ms or answers[0].head.time != codec.rfc3339(clock_ms):
            return command.at_ms
        verdict = self._verdicts.covering(command)
        if verdict is None or not verdict.passes_over:
            return command.at_ms
        if verdict.last not in self._verdicts_noted:
            self._verdicts_noted.add(verdict.last)
            self._note(
                "time passed over",
                verdict.first,
                f"stamped {shown_time(verdict.stamped_ms)}; the verdict at {verdict.last} says that it is wrong",
            )
        return clock_ms

    def _note(self, what: str, position: int, detail: str) -> None:
        if len(self._report.notes) < VIOLATIONS_MAX:
            self._report.notes.append(Note(what=what, partition=self.number, position=position, detail=detail))

    def _violate(self, invariant: str, positions: dict[str, int], detail: str) -> None:
        self._found += 1
        if self._found <= VIOLATIONS_MAX:
            self._report.violations.append(
                Violation(invariant=invariant, partition=self.number, positions=positions, detail=detail)
            )


def _has_fault(command: Record) -> bool:
    try:
        return bool(envelope_fault(command.key, codec.read_command(command.value)))
    except codec.Unreadable:
        return False


def _can_be_decided(partition: Partition, command: Record, at_ms: int) -> bool:
    """Tried on a copy."""
    try:
        copy = Partition.restore(partition.snapshot())
        asked = codec.read_command(command.value)
        decided = copy.decide(asked.data, command_position=command.position, at_ms=at_ms, actor=asked.actor)
        messages_of(copy, decided, command, asked.id, asked.replyto, asked.actor, asked.traceparent)
    except MemoryError:
        raise
    except Exception:  # whatever it is
        return False
    return True


def _is_letter_of(command: Record, letter: Record) -> bool:
    """Whether the dead letter is the command as it was, with where it was and why."""
    said = read_dead_letter(letter)
    return said is not None and dead_letter(command, said.reason, said.consumer, said.program).value == letter.value


def _is_undecidable(answers: list[RecordedAnswer]) -> bool:
    """Whether the owner recorded that it could not decide the command."""
    if not answers or answers[0].head.type != _REFUSED:
        return False
    event = codec.read_event(answers[0].record.value)
    return isinstance(event, CommandRefused) and event.reason == UNDECIDABLE


_REFUSED = codec.type_name(CommandRefused)

_LETTERS = "a dead letter is a command that was set aside"

_FLOWS_COMMAND = re.compile(r"([0-9]{1,5})-([0-9]{1,18}):[0-9]+")
"""The id of a command that a flow made from an event: `buystream.consumers.flows`."""
