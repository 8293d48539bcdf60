"""The proof of one partition: refold the commands, compare with the events byte by byte, and check every invariant on
the way."""

import re
import zlib
from collections.abc import Iterator
from copy import copy

import msgspec

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
from buystream.delivery.dead_letters import RecordPlace, place_of
from buystream.delivery.policy import dead_letter, read_dead_letter
from buystream.delivery.sequence import Foreign, head_of, refuse_contradiction
from buystream.log import COMMANDS, DEADLETTER, EVENTS, Damaged, Log, Message, Record, read_all
from buystream.replay.accounts import LedgerState
from buystream.replay.answers import Answers, RecordedAnswer, first_difference, names
from buystream.replay.audit_mark import PartitionMark, TopicMark, digest_of
from buystream.replay.audit_report import VIOLATIONS_MAX, Findings, FollowUp, Note, Violation
from buystream.replay.ledger import Ledger
from buystream.replay.written import edited
from buystream.vocabulary import codec
from buystream.vocabulary.events import CommandRefused


class PartitionAudit:
    """Audits one partition: each command in turn against the events that answer it."""

    def __init__(
        self,
        log: Log,
        partition: int,
        source: str,
        *,
        known: PartitionMark | None = None,
        resumes: bool = False,
        marks: bool = False,
    ) -> None:
        """`known` is how far an earlier audit came: this one `resumes` there, or compares what was there. `marks`: say
        how far this one came."""
        self.number = partition
        self.findings = Findings(partition=partition)
        self._log = log
        self._known = known
        self._marks = marks
        self._commands, self._events_read = TopicMark(), TopicMark()
        self._refold: Partition | None = Partition(partition)
        self._ledger = Ledger()
        self._source = source
        self._sequence = -1
        self._dead_read_up_to = 0
        if known is not None and resumes:
            self._resume(known)
        self._starts = {
            COMMANDS: self._commands.next_position,
            EVENTS: self._events_read.next_position,
            DEADLETTER: self._dead_read_up_to,
        }
        self._verdicts = Verdicts(log, partition)
        self._verdicts_noted: set[int] = set()
        self._dead: dict[int, int] = {}
        """Where the dead letters of commands stand, by the commands' positions."""
        self._read_dead_letters()
        self._unclaimed = set(self._dead)

    def run(self) -> Findings:
        """Audit it to the end."""
        found = self.findings
        events = Answers(self._events())
        for command in read_all(self._log, COMMANDS, self.number, self._commands.next_position):
            self._note_followed(command)
            answers = list(events.answers_up_to(command.position))
            if not answers and events.peek() is None:
                found.pending += 1
                continue
            found.commands += 1
            found.events += len(answers)
            self._check_answers(command, answers)
            self._note_read(command, answers)
        for record, _ in events:
            found.events += 1
            self._violate("every event answers a command", {"event": record.position}, "its command isn't on the log")
        for position in sorted(self._unclaimed) if self._refold is not None else ():
            self._violate(
                _LETTERS, {"command": position}, "it is a dead letter, and no event says that it was set aside"
            )
        for invariant, detail in self._ledger.close():
            self._violate(invariant, {}, detail)
        self._check_reach()
        self._check_store()
        found.sequence = self._sequence
        if self._marks and not found.found and self._refold is not None:
            found.mark = self._mark(self._refold)
        return found

    # What an earlier audit knew.

    def _resume(self, known: PartitionMark) -> None:
        """Continue there, if the log still ends there as it did and the state has this program's form; otherwise begin
        at the start, which says what changed."""
        for topic, mark in ((COMMANDS, known.commands), (EVENTS, known.events)):
            last = self._log.read(topic, self.number, max(mark.last_position, 0), 1)
            if mark.last_position >= 0 and (not last or digest_of(last[0]) != mark.last_digest):
                return
        try:
            refold = Partition.restore(zlib.decompress(known.state))
            ledger = Ledger(msgspec.msgpack.decode(zlib.decompress(known.ledger), type=LedgerState))
        except (zlib.error, msgspec.DecodeError):
            return
        self._refold, self._ledger = refold, ledger
        self._sequence = known.sequence
        self._commands, self._events_read = copy(known.commands), copy(known.events)
        self._dead_read_up_to = known.dead_letters_read

    def _note_read(self, command: Record, answers: list[RecordedAnswer]) -> None:
        """Remember what was there, and compare it with what an earlier audit remembered."""
        if not self._marks and self._known is None:
            return
        self._commands.note(command)
        for record, _ in answers:
            self._events_read.note(record)
        known = self._known
        if known is None or command.position != known.commands.last_position:
            return
        for topic, here, there in (
            (COMMANDS, self._commands, known.commands),
            (EVENTS, self._events_read, known.events),
        ):
            if here.digest != there.digest:
                detail = f"one of the records up to here is another one than at the last audit ({topic})"
                self._violate(_UNCHANGED, {_NAMES[topic]: there.last_position}, detail)

    def _check_reach(self) -> None:
        """What an earlier audit read is still there."""
        known = self._known
        if known is not None and self._commands.last_position < known.commands.last_position:
            detail = f"the last audit read up to here, and the log ends at {self._commands.last_position}"
            self._violate(_UNCHANGED, {"command": known.commands.last_position}, detail)

    def _check_store(self) -> None:
        """What finds records leads to them: an event that its columns hide is in no order's history."""
        for topic, start in self._starts.items():
            for position, detail in self._log.faults(topic, self.number, start):
                self._violate("the log is kept as it was written", {_NAMES[topic]: position}, detail)

    def _mark(self, refold: Partition) -> PartitionMark:
        return PartitionMark(
            commands=self._commands,
            events=self._events_read,
            dead_letters_read=min(
                (place for position, place in self._dead.items() if position >= self._commands.next_position),
                default=self._dead_read_up_to,
            ),
            sequence=self._sequence,
            state=zlib.compress(refold.snapshot(), 1),
            ledger=zlib.compress(msgspec.msgpack.encode(self._ledger.state), 1),
        )

    def _note_followed(self, command: Record) -> None:
        named = _FLOWS_COMMAND.fullmatch(codec.answer_to(command.value)[0])
        if named is not None:
            partition, sequence = int(named[1]), int(named[2])
            known = self.findings.followed.get(partition)
            if known is None or known.sequence < sequence:
                self.findings.followed[partition] = FollowUp(sequence, self.number, command.position)

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
        last = self._sequence
        for record in read_all(self._log, EVENTS, self.number, self._events_read.next_position):
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
                    {"command": head.commandposition, "event": record.position},
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
        try:
            for invariant, detail in self._ledger.post(event):
                self._violate(invariant, {"event": record.position}, detail)
        except LookupError as error:
            self._violate("what happens is known", {"event": record.position}, f"it is about {error}, which isn't")

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
        if (place := first_difference(expected, answers)) is not None:
            found = [answer.record for answer in answers]
            positions = {"command": command.position}
            if found:
                positions["event"] = found[min(place, len(found) - 1)].position
            self._violate(
                "refolding gives the same events",
                positions,
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
            if fault := edited(command.value, asked):
                self._violate("a command stays as it was written", {"command": command.position}, fault)
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
        if len(self.findings.notes) < VIOLATIONS_MAX:
            self.findings.notes.append(Note(what=what, partition=self.number, position=position, detail=detail))

    def _violate(self, invariant: str, positions: dict[str, int], detail: str) -> None:
        self.findings.found += 1
        if self.findings.found <= VIOLATIONS_MAX:
            self.findings.violations.append(
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


_UNCHANGED = "what was audited stays as it was"

_NAMES = {COMMANDS: "command", EVENTS: "event", DEADLETTER: "dead letter"}

_REFUSED = codec.type_name(CommandRefused)

_LETTERS = "a dead letter is a command that was set aside"

_FLOWS_COMMAND = re.compile(r"([0-9]{1,5})-([0-9]{1,18}):[0-9]+")
"""The id of a command that a flow made from an event: `buystream.consumers.flows`."""
